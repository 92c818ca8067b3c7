"""Reads headers of scripts from their text: the history, and whether a database is at its head.

The identifier, what it follows and the docstring are literals at the top of the file, so that the
history of a folder is known without running code of the user's; a script is loaded when it is due.
A file in which they are not plainly literal is left to Alembic's own loader, with Alembic's errors.
"""

from __future__ import annotations

import ast
import copy
import inspect
import os
import re
import sys
import warnings
from collections import Counter
from contextlib import suppress
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Iterator, NamedTuple, Sequence

from alembic import util
from alembic.script import Script, ScriptDirectory

from .. import errors
from ..compat.alembic import (
    LinearRevisionMap,
    all_scripts,
    load_as_alembic,
    version_locations,
)

NAMES = ("revision", "down_revision", "branch_labels", "depends_on")
_MOST = 1 << 16  # bytes of a script that are read at once
_STAR = re.compile(rb"import\s*\*")
# The top of a file as Alembic's templates write it. A syntax tree costs more than loading compiled
# bytecode would, and this a quarter of that; anything out of the ordinary is left to the tree.
_BETWEEN = (
    rb"(?:(?:#[ -~\x80-\xff]*)?\n|"
    rb"(?:from [\w.]+ )?import (?!.*(?:revision|branch_labels|depends_on))[\w., ]+\n)*"
)
_TEXT = rb"""'[\w.-]*'|"[\w.-]*\""""
_ASSIGNMENT = rb"""%%s(?:: [\w\[\],. |]+)? = (None|%s|\((?:(?:%s),? ?)+\))\n""" % (_TEXT, _TEXT)
_TEMPLATE = re.compile(
    _BETWEEN.join(
        [
            rb'"""([ !#-\[\]-~\n\x80-\xff]*)"""\n',
            *(_ASSIGNMENT % name.encode() for name in NAMES),
            b"",
        ]
    )
)
_PLAIN_NAME = re.compile(r"(?!(?:base|heads?)\Z)[\w.]+")


class Header(NamedTuple):
    """What a script says of itself."""

    revision: Any
    down_revision: Any
    branch_labels: Any
    depends_on: Any
    docstring: Any


def is_right(name: str, value: Any) -> bool:
    """Whether a value is one that Alembic expects: a text, several of them, or None."""
    if name == "revision" or not isinstance(value, (list, tuple, set)):
        return isinstance(value, str) or (value is None and name != "revision")
    return all(isinstance(each, str) for each in value)


def literals(tree: ast.Module) -> Iterator[tuple[ast.stmt, str, Any]]:
    """Yield each statement, with name and value if it assigns a literal to one of the names."""
    for node in tree.body:
        name, value = "", None
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            target = targets[0]
            if len(targets) == 1 and isinstance(target, ast.Name) and target.id in NAMES:
                with suppress(TypeError, ValueError):
                    value = ast.literal_eval(node.value)
                    name = target.id
        yield node, name, value


def _bound(statement: ast.stmt) -> set[str]:
    """Return the names that a statement at module level binds: too many rather than too few."""
    is_scope = isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    names: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Global):
            names.update(node.names)
        elif node is statement or not (is_scope or isinstance(getattr(node, "ctx", 0), ast.Load)):
            # of names, functions, imports, and patterns of `match`
            found = [getattr(node, each, None) for each in ("id", "name", "asname", "rest")]
            names.update(str(name).split(".")[0] for name in found)
    return names


def _of_tree(tree: ast.Module) -> Header:
    """Read a header from statements; ValueError where a name may be bound in another way."""
    found: dict[str, Any] = {}
    needed = {"revision", "down_revision"}
    for statement, name, value in literals(tree):
        if name and name not in found and is_right(name, value):
            found[name] = value
            continue
        bound = _bound(statement)
        if not bound.isdisjoint(NAMES) or ("*" in bound and found):
            raise ValueError("a name is bound in another way")
        if "*" in bound:
            needed = set(NAMES)
    if not needed <= found.keys():
        raise ValueError("a name is not bound")
    return Header._make((*map(found.get, NAMES), ast.get_docstring(tree, clean=False)))


def _header(source: bytes, path: str) -> Header:
    """Read the names and the docstring of a script, up to its first function if that is all."""
    top, _, rest = source.partition(b"\ndef ")
    # to look for each is many times faster than a pattern of all
    is_bound = b"revision" in rest or b"branch_labels" in rest or b"depends_on" in rest
    top = source if is_bound or (b"*" in rest and _STAR.search(rest)) else top + b"\n"
    match = _TEMPLATE.fullmatch(top)
    if match is not None and match.group(2)[:1] not in b"N(":
        docstring, *texts = match.groups()
        values: list[Any] = []
        for text in texts:
            if text[:1] == b"(":
                values.append(ast.literal_eval(text.decode()))
            else:
                values.append(None if text == b"None" else text[1:-1].decode())
        return Header._make((*values, docstring.decode()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns when it compiles the file to run it
        try:
            return _of_tree(ast.parse(top, path))
        except SyntaxError:  # it ends in the docstring
            return _of_tree(ast.parse(source, path))


# the dictionary of a module whose class hides it
_namespace: Callable[[Any], dict[str, Any]] = vars(ModuleType)["__dict__"].__get__


class ScriptModule(ModuleType):
    """A script of which the header is known; whatever else is asked of it loads the file."""

    def __init__(self, path: str, header: Header) -> None:
        super().__init__(os.path.basename(path))
        _namespace(self).update(zip(NAMES, header), __file__=path, _header=header, _module=None)

    def loaded(self) -> Any:
        """Return the module of the file, which is executed once."""
        if self._module is None:
            folder, name = os.path.split(str(self.__file__))
            super().__setattr__("_module", util.load_python_file(folder, name))
        return self._module

    def __getattr__(self, name: str) -> Any:
        if name == "_alembic_source_encoding":  # Alembic looks for it; it is there on Python 2
            raise AttributeError(name)
        if name in ("upgrade", "downgrade") and self._module is None:
            # a step may be planned and never run
            return lambda *args, **keywords: getattr(self.loaded(), name)(*args, **keywords)
        return getattr(self.loaded(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.loaded(), name, value)
        if name in NAMES:
            super().__setattr__(name, value)

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        names: dict[str, Any] = vars(self.loaded())
        return names

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        """The docstring, from which Python 3.13 and later take the indentation."""
        text: str | None = self._header.docstring
        return inspect.cleandoc(text) if text and sys.version_info >= (3, 13) else text


def load_script(step: Any) -> None:
    """Load the script of a step that is to run; its module takes the place of the header."""
    script = step.revision
    if isinstance(script.module, ScriptModule):
        script.module = script.module.loaded()
        step.migration_fn = getattr(script.module, "upgrade" if step.is_upgrade else "downgrade")


def _listed_files(directory: Any, locations: list[str]) -> list[str] | None:
    """List the paths of the scripts of a directory as Alembic does; None for its own loader only.

    Files are sorted, and their paths without links, from Alembic 1.10 on, which can look into the
    folders of a folder as well.
    """
    deep = getattr(directory, "recursive_version_locations", None)
    if directory.sourceless or deep:
        return None
    folders = {}
    for folder in locations:
        real = os.path.realpath(folder)
        if real in folders:
            return None
        if os.path.isdir(folder):
            folders[real] = folder if deep is None else real
    found: list[str] = []
    for folder in folders.values():
        names = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_symlink():
                    return None  # it may lead to a script that is there already
                if entry.name.endswith((".py", ".py\n")) and entry.name[:8] != "__init__":
                    if deep is None or not entry.is_dir():
                        names.append(entry.path)
        found += names if deep is None else sorted(names)
    return found if folders else None


def _content(path: str) -> bytes:
    """Read a file, without the objects that Python makes for an open one."""
    number = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        content = os.read(number, _MOST)
    finally:
        os.close(number)
    return content if len(content) < _MOST else Path(path).read_bytes()


class Headers:
    """The headers of all scripts of a folder, which are read once."""

    def __init__(self, directory: ScriptDirectory, locations: list[str]) -> None:
        self.directory = directory
        self._locations = locations
        self._read: list[tuple[str, Header | None]] | None = None
        self._heads: list[str] | None = None

    def all(self) -> list[tuple[str, Header | None]] | None:
        """Return path and header of each script; None for a header that its text does not give.

        None for all where Alembic's own loader has to look for the files.
        """
        is_new = self._read is None
        paths = _listed_files(self.directory, self._locations) if is_new else None
        if paths is not None:
            self._read = []
            for path in paths:
                header = None
                try:
                    header = _header(_content(path), path)
                except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
                    pass  # Alembic's loader knows better, or says what is wrong
                self._read.append((path, header))
        return self._read

    def scripts(self) -> Iterator[Any]:
        """Yield the scripts in Alembic's order; one whose header is known is not run."""
        read = self.all()
        if read is None:
            yield from all_scripts(self.directory)
            return
        for path, header in read:
            if header is None:
                script = load_as_alembic(self.directory, path)
            else:
                script = Script(ScriptModule(path, header), header.revision, path)
            if script is not None:
                yield script

    def _parents(self) -> dict[str, Any] | None:
        """Return what each revision follows; None unless that is all that there is to know."""
        found: dict[str, Any] = {}
        for _, header in self.all() or ():
            if header is None or header.branch_labels or header.depends_on:
                return None
            name, parents, *_ = header
            if name in found or not _PLAIN_NAME.fullmatch(name):
                return None
            found[name] = (parents,) if isinstance(parents, str) else set(parents or ())
        return found

    def heads(self) -> list[str]:
        """Return the heads, in order, if headers alone show them; otherwise nothing.

        Alembic would come to the same by way of its map of revisions, and refuse a history that
        is broken: that is left to it.
        """
        if self._heads is None:
            self._heads = _heads(self._parents() or {})
        return self._heads

    def are_at(self, target: Any, revisions: Sequence[str]) -> bool:
        """Whether a database with these revisions is at a target, as far as headers alone show."""
        if target not in ("head", "heads") or not revisions:
            return False
        heads = self.heads()
        return heads == sorted(revisions) and (target == "heads" or len(heads) == 1)


def _heads(parents: dict[str, Any]) -> list[str]:
    """Return the heads of a history that is whole."""
    children = Counter(chain.from_iterable(parents.values()))
    heads = sorted(name for name in parents if name not in children)
    # in a circle, or after a parent that is missing, not every revision is reached
    reached = list(heads)
    for name in reached:
        for parent in parents[name]:
            children[parent] -= 1
            if not children[parent]:
                if parent not in parents:
                    return []
                reached.append(parent)
    return heads if len(reached) == len(parents) else []


def same_path(one: str, other: str) -> bool:
    """Whether two paths lead to the same place, also by `..` or a link."""
    return os.path.realpath(one) == os.path.realpath(other)


def scripts_of(config: Any, to_create: str | None = None) -> ScriptDirectory:
    """Return the scripts of a folder, each of which is loaded when it is to run.

    They are opened once in a command, as a script may define a model. A location that is not there
    is refused, but for the one in which a new script is about to be the first.
    """
    opened: ScriptDirectory | None = getattr(config, "opened_scripts", None)
    if opened is None:
        with warnings.catch_warnings():
            # the advice of Alembic 1.16 to set `path_separator`
            warnings.simplefilter("ignore", DeprecationWarning)
            directory = ScriptDirectory.from_config(config)
        locations = version_locations(directory)
        if config.get_main_option("version_locations"):
            for folder in locations:
                if not (os.path.isdir(folder) or (to_create and same_path(folder, to_create))):
                    raise errors.FolderError.no_location(os.path.normpath(folder))
        headers = vars(directory)["headers"] = Headers(directory, locations)
        directory.revision_map = LinearRevisionMap(headers.scripts)
        opened = config.opened_scripts = directory
    return copy.copy(opened)


def headers_of(config: Any) -> Headers:
    """Return the headers of the scripts of a folder."""
    headers: Headers = vars(scripts_of(config))["headers"]
    return headers
