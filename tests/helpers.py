"""A small project in a folder, run as a person would run it."""

from __future__ import annotations

import contextlib
import io
import os
import runpy
import subprocess
import sys
import textwrap
import traceback
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

# the environment before the tests have changed it
OUTSIDE = dict(os.environ)


def write_source(path: Path, text: str) -> Path:
    """Write a file of Python, which may have been written and imported a moment ago."""
    path.write_text(text, encoding="utf-8")
    # Python takes a file of the same second and size for the one that it compiled
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
        compiled.unlink()
    return path


class Result(NamedTuple):
    """What a command left: its exit status, its standard output, its standard error."""

    status: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The standard error without the lines that report progress."""
        lines = self.err.splitlines(True)
        return "".join(line for line in lines if not line.startswith(("INFO ", "WARN")))


class Project:
    """The folder of a project; the working directory is the same while a test runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, text: str) -> Path:
        """Write a file, its indentation taken off."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_source(path, textwrap.dedent(text).lstrip("\n"))

    def run(self, script: str, *arguments: str) -> Result:
        """Do what `python script arguments` does, in this process."""

        def main() -> None:
            runpy.run_path(str(self.folder / script), run_name="__main__")

        return self._captured(main, [script, *arguments])

    def flask(self, app: str, *arguments: str) -> Result:
        """Do what `FLASK_APP=app flask arguments` does, in this process."""

        def main() -> None:
            from flask import cli

            cli.main()

        before = dict(os.environ)
        os.environ["FLASK_APP"] = app
        try:
            return self._captured(main, ["flask", *arguments])
        finally:
            # Flask leaves a note there that makes app.run() do nothing ever after
            os.environ.clear()
            os.environ.update(before)

    def process(self, *arguments: str, **options: Any) -> Result:
        """Run `python arguments` in a process of its own."""
        env = {**os.environ, **options.pop("env", {})}
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=str(self.folder),
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            **options,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def _captured(self, main: Any, argv: list[str]) -> Result:
        """Call a main function with arguments, and forget the project's modules afterwards."""
        modules, path, old_argv = set(sys.modules), list(sys.path), sys.argv
        out, err, status = io.StringIO(), io.StringIO(), 0
        sys.argv = argv
        sys.path.insert(0, str(self.folder))
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                main()
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else int(bool(leaving.code))
        except Exception:
            traceback.print_exc(file=err)
            status = 1
        finally:
            sys.argv, sys.path[:] = old_argv, path
            for name in set(sys.modules) - modules:
                source = getattr(sys.modules[name], "__file__", None) or ""
                if source.startswith(str(self.folder)):
                    del sys.modules[name]
        return Result(status, out.getvalue(), err.getvalue())

    @property
    def versions(self) -> list[str]:
        """The names of the revision files, sorted."""
        return sorted(path.name for path in (self.folder / "migrations/versions").glob("*.py"))


def execute(url: str, *statements: str) -> None:
    """Run statements outside a transaction, on any SQLAlchemy."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    engine.dispose()


def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement on a database, and give its rows where it has any."""
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            result = connection.execute(sa.text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        engine.dispose()


def tables(url: str) -> dict[str, list[str]]:
    """Name the tables of a database, each with its columns."""
    engine = sa.create_engine(url)
    try:
        inspector = sa.inspect(engine)
        return {
            table: [column["name"] for column in inspector.get_columns(table)]
            for table in sorted(inspector.get_table_names())
        }
    finally:
        engine.dispose()
