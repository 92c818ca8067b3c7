"""The two ways to type a command: `manage.py db` and `flask db`."""

from __future__ import annotations

import re
from typing import Iterable

from projects import Project, Result

HEAD = "Error: "


class FrontEnd:
    """One of the two ways to type a command."""

    def __init__(self, name: str, project: Project, app: str = "shop.py") -> None:
        self.name = name
        self.project = project
        self.app = app

    def __call__(self, *arguments: str) -> Result:
        if self.name == "manage.py":
            return self.project.run("manage.py", "db", *arguments)
        return self.project.flask(self.app, "db", *arguments)


def files_of(project: Project) -> dict[str, bytes]:
    """Every file of the project with its content, but what Python caches."""
    return {
        str(path.relative_to(project.folder)): path.read_bytes()
        for path in project.folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def note(sentence: str) -> str:
    """A sentence for the user, as it is printed."""
    return f"INFO  [migrate_script] {sentence}\n"


def without_alembic(result: Result) -> str:
    """The standard error without Alembic's log, and without what a slow machine adds to it."""
    lines = result.err.splitlines(True)
    return "".join(line for line in lines if not re.search(r"  \[alembic\.| took [\d.]+ s$", line))


def one_line(sentence: str) -> str:
    """The standard error of a command that fails with this sentence."""
    return HEAD + sentence + "\n"


def stopped(project: Project, front_end: tuple[str, ...], *words: str) -> str:
    """Run a command that fails, and return the sentence of its only line."""
    done = project.forked(*front_end, *words)
    (line,) = done.error.splitlines()
    assert (done.status, done.out, line[: len(HEAD)]) == (1, "", HEAD)
    return line[len(HEAD) :]


def works(project: Project, front_end: tuple[str, ...], *words: str) -> str:
    """Run a command that succeeds, and return its output."""
    done = project.forked(*front_end, *words)
    assert (done.status, done.error) == (0, ""), done.err
    return done.out


def follow(db: FrontEnd, steps: Iterable[str | tuple[str, ...]], status: int = 1) -> None:
    """Run commands: those with a line, or one of several by the release of Alembic, fail."""
    for step in steps:
        words, *lines = [step] if isinstance(step, str) else step
        done = db(*words.split())
        assert done.status == (status if lines else 0), (words, done.err)
        assert done.error in (list(map(one_line, lines)) or [""])
