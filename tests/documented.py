"""The blocks of README.rst and docs/, run in the order of their page.

What a block is, is said by its language, and by a comment of reStructuredText above it:

``.. code-block:: console``
    Commands after `$ `, run by a shell in the folder of the page, each with its output below.
``.. code-block:: python`` and others, with ``:caption: NAME`` or below ``.. file: NAME``
    A file, written into that folder.
``.. code-block:: python`` with neither
    Run after `from manage import *`.
``.. code-block:: diff`` with a name
    A change of a file that is there.
``.. hidden: console`` or ``.. hidden: NAME``, with an indented text
    The same, for what a reader does not need to see; the output is not compared.
``.. not run: REASON``
    The next block is parsed only.
``.. short logs``
    In this page, `...` is what Alembic's log begins with.
``.. new project`` and ``.. new project: postgresql, own environment``
    From here on in another, empty folder; with a server's database in `DATABASE_URL`, or with an
    interpreter that `enable` may change.

Identifiers and times differ each time, so that they are compared by their order, and the shown ones
are replaced by the real ones in a later command.
"""

from __future__ import annotations

import ast
import configparser
import difflib
import os
import re
import shlex
import subprocess
import sys
import textwrap
import venv
from pathlib import Path
from typing import Any, Callable, NamedTuple

import pytest
from environments import link_stack
from forked_processes import Forked
from projects import write_source

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.rst", *sorted((ROOT / "docs").glob("*.rst"))]
# set to write what is printed into the pages, instead of comparing it
RECORD = "MIGRATE_SCRIPT_RECORD"

_BLOCK = re.compile(r"^( *)\.\. (code-block::|hidden:|new project|not run:|file:) *(.*)$")
# an identifier of a revision, the time in the name of a backup
_VARIES = re.compile(r"(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])|(?<=\.)\d{8}-\d{6}(?=\.)")
_BEGINNING = re.compile(r"^INFO .*Context impl .*\nINFO .*Will assume .*$", re.M)
_SECONDS = re.compile(r"\(\d+\.\d\d s\)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+")


class Block(NamedTuple):
    """A block of a page: its lines are those of the page from `first` up to `end`."""

    language: str
    name: str
    hidden: bool
    not_run: bool
    project: str | None  # where a new one begins, what it is to have
    first: int
    end: int
    lines: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def blocks(page: Path) -> list[Block]:
    """Read the blocks of a page."""
    lines = page.read_text(encoding="utf-8").splitlines()
    found: list[Block] = []
    file, not_run, project, number = "", False, None, 0
    while number < len(lines):
        match = _BLOCK.match(lines[number])
        number += 1
        if match is None:
            continue
        indent, kind, words = match.groups()
        if kind == "not run:":
            not_run = True
        elif kind == "file:":
            file = words
        elif kind == "new project":
            project = words.lstrip(": ")
        else:
            inner = f"{indent}   "
            while number < len(lines) and lines[number].startswith(f"{inner}:"):
                option, _, value = lines[number].strip()[1:].partition(": ")
                file = value if option == "caption" else file
                number += 1
            first = end = number + 1
            while number < len(lines) and (not lines[number] or lines[number].startswith(inner)):
                number += 1
                end = number if lines[number - 1] else end
            hidden = kind == "hidden:"
            language = words
            if hidden and words != "console":
                language, file = Path(words).suffix[1:].replace("py", "python"), words
            text = [line[len(inner) :] for line in lines[first:end]]
            found.append(Block(language, file, hidden, not_run, project, first, end, text))
            file, not_run, project = "", False, None
    return found


def _parsed(block: Block) -> None:
    """Parse what cannot be run, as far as its language is known."""
    if block.language == "python":
        ast.parse(block.text)
    elif block.language == "ini":
        configparser.ConfigParser().read_string(block.text)
    elif block.language == "yaml":
        yaml = pytest.importorskip("yaml")
        assert all(yaml.safe_load_all(block.text))
    elif block.language == "dockerfile":
        instructions = re.sub(r"\\\n", "", block.text).splitlines()
        known = "FROM RUN COPY WORKDIR ENV ENTRYPOINT CMD USER"
        for line in filter(None, instructions):
            assert line.split()[0] in known.split() or line.startswith("#"), line
            if line.startswith(("ENTRYPOINT", "CMD")):
                assert isinstance(ast.literal_eval(line.partition(" ")[2]), list), line
    elif block.language in ("console", "sh"):
        commands = "\n".join(re.sub(r"^[$>] ", "", line) for line in block.lines)
        done = subprocess.run(["bash", "-n"], input=commands, text=True, stderr=subprocess.PIPE)
        assert done.returncode == 0, done.stderr
    else:
        assert block.language in ("text", "diff", "sql", "toml"), block.language


def _commands(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Split a block of the console into commands, each with the lines of its output."""
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        if line.startswith("$ "):
            found.append((line, []))
        elif line.startswith("> ") and found and found[-1][0].endswith("\\"):
            found[-1] = (f"{found[-1][0]}\n{line}", [])
        else:
            found[-1][1].append(line)
    return found


class Page:
    """One page, with the folder in which its blocks are run.

    :param path: the page
    :param tmp_path: where folders are made
    :param new_database: the fixture
    """

    def __init__(self, path: Path, tmp_path: Path, new_database: Callable[[str], str]) -> None:
        self.path = path
        self._tmp_path = tmp_path
        self._new_database = new_database
        self._real: dict[str, str] = {}  # by what the page shows
        self._projects = 0
        self._status = 0
        self._lines = path.read_text(encoding="utf-8").splitlines()
        self._shift = 0  # by how many lines the page has grown
        self._start("")

    def run(self) -> None:
        """Run all blocks; with `MIGRATE_SCRIPT_RECORD` in the environment, write their output."""
        for block in blocks(self.path):
            if block.project is not None:
                self._start(block.project)
            try:
                self._run(block)
            except AssertionError as error:
                place = f"{self.path.relative_to(ROOT)}, line {block.first + 1}"
                raise AssertionError(f"{place}: {error}") from error
        if RECORD in os.environ:
            self.path.write_text("\n".join(self._lines) + "\n", encoding="utf-8")

    def _start(self, words: str) -> None:
        self._projects += 1
        self.folder = self._tmp_path / str(self._projects) / "project"
        self.folder.mkdir(parents=True)
        self._env = {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "COLUMNS": "80",
            "LC_ALL": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore",
        }
        self._own = False
        for word in filter(None, words.split(", ")):
            if word == "own environment":
                self._own = True
                self._make_environment()
            else:
                self._env["DATABASE_URL"] = self._new_database(word)

    def _make_environment(self) -> None:
        """Make an interpreter with the libraries of this one and with the package."""
        folder = self.folder.parent / "venv"
        venv.create(str(folder))
        python = folder / "bin/python"
        packages = next(folder.glob("lib/python*/site-packages"))
        link_stack(packages)
        (packages / "migrate_script").symlink_to(ROOT / "migrate_script")
        (folder / "bin/flask").write_text(
            f"#!{python}\nfrom flask.cli import main\nmain()\n", encoding="utf-8"
        )
        (folder / "bin/flask").chmod(0o755)
        self._env["PATH"] = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
        self._env["VIRTUAL_ENV"] = str(folder)

    def _run(self, block: Block) -> None:
        if block.not_run or block.language in ("rst", "none"):
            _parsed(block)
        elif block.language == "console":
            self._run_console(block)
        elif block.language == "diff" and block.name:
            self._change(block)
        elif block.name:
            name = self._made_real(block.name)
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_source(path, self._made_real(block.text))
        elif block.language == "python":
            write_source(self.folder / "_block.py", f"from manage import *\n{block.text}")
            said, status = self._answer("python _block.py")
            assert status == 0, said
        else:
            _parsed(block)

    def _change(self, block: Block) -> None:
        """Do what a diff shows, each part of which is one place in the file."""
        path = self.folder / self._made_real(block.name)
        text = path.read_text(encoding="utf-8")
        for part in re.split(r"^(?:@@.*|\s*\.\.\.)\n", self._made_real(block.text), flags=re.M):
            lines = part.splitlines()
            old, new = (
                "".join(f"{line[1:]}\n" for line in lines if line[:1] != sign) for sign in "+-"
            )
            assert text.count(old) == 1, f"{block.name} has not once: {old}"
            text = text.replace(old, new)
        write_source(path, text)

    def _run_console(self, block: Block) -> None:
        recorded: list[str] = []
        for typed, shown in _commands(block.lines):
            command = self._made_real(re.sub(r"^[$>] ", "", typed, flags=re.M))
            said, status = self._answer(command)
            if block.hidden:
                assert status == 0, f"{command}: {said}"
                continue
            printed = self._as_shown(said, "\n".join(shown))
            fails = bool(re.search(r"^(Error|Usage|Traceback|\w*Error|ImportError)\b", said, re.M))
            assert "echo $?" in block.text or bool(status) == fails, f"{command}: {status}: {said}"
            recorded += [*typed.splitlines(), *printed]
            if RECORD not in os.environ:
                shown = "\n".join(shown).rstrip().splitlines()
                changes = difflib.unified_diff(shown, printed, "shown", "printed", lineterm="")
                assert printed == shown, "\n".join([command, *changes])
        if not block.hidden:
            self._write(block, recorded)

    def _answer(self, command: str) -> tuple[str, int]:
        """Return what a terminal would show, and the exit status."""
        words = shlex.split(command)
        simple = not re.search(r"[|<>&;$`*=]", command) and words[0] == "python"
        if simple and words[1].endswith(".py") and not self._own:
            output = self.folder.parent / "output"
            output.write_bytes(b"")
            files = (os.devnull, str(output), str(output))
            self._status = Forked(words[1:], str(self.folder), self._env, files).wait(600)
            return output.read_text(encoding="utf-8"), self._status
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", f"(exit {self._status}); {command}"],
            cwd=str(self.folder),
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,  # it hangs
        )
        self._status = done.returncode
        return done.stdout, self._status

    def _made_real(self, text: str) -> str:
        return _VARIES.sub(lambda match: self._real.get(match.group(), match.group()), text)

    def _as_shown(self, said: str, shown: str) -> list[str]:
        """Return output as the page shows it, where it is the same."""
        said = said.replace(str(self.folder), "/project")
        said = said.replace(str(self.folder.parent / "venv"), "/venv")
        said = re.sub(r"ms_[0-9a-f]{12}", "shop", said.expandtabs(4))
        said = re.sub(r"/python3\.\d+/", "/python3.11/", said)
        if ".. short logs" in self._lines:
            said = _BEGINNING.sub("...", said)
        said = re.sub(r"(?<=passed in )[\d.]+s", "0.10s", said)
        said = re.sub(r"^INFO  \[migrate_script\] \S+ took [\d.]+ s\n", "", said, flags=re.M)
        said = _DATE.sub("2026-03-02 10:00:00.000000", _SECONDS.sub("(0.01 s)", said))
        by_real = {real: name for name, real in self._real.items()}
        new = [name for name in _VARIES.findall(shown) if name not in self._real]
        names = iter(dict.fromkeys(new))
        for real in dict.fromkeys(_VARIES.findall(said)):
            if real not in by_real:
                # one that the page does not show yet is written as it is
                by_real[real] = next((n for n in names if len(n) == len(real)), real)
                self._real[by_real[real]] = real
        said = _VARIES.sub(lambda match: by_real[match.group()], said)
        return [line.rstrip() for line in said.rstrip().splitlines()]

    def _write(self, block: Block, lines: list[str]) -> None:
        """Put other lines into the place of a block."""
        first, end = block.first + self._shift, block.end + self._shift
        line = self._lines[first]
        indent = " " * (len(line) - len(line.lstrip()))
        new = textwrap.indent("\n".join(lines), indent).splitlines()
        self._shift += len(new) - (end - first)
        self._lines[first:end] = new


def page_id(path: Any) -> str:
    """Name a page in the name of its test."""
    return str(Path(path).relative_to(ROOT))
