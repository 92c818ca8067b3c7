"""A small project in a folder, and its commands run in the process of the tests."""

from __future__ import annotations

import contextlib
import io
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
import textwrap
import traceback
from pathlib import Path
from typing import Any, NamedTuple

from forked_processes import MODULES, Forked

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
    """The folder of a project, which is the working directory while a test runs."""

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

    def forked(
        self,
        *arguments: str,
        input: str = "",
        env: dict[str, str] | None = None,
        modules: tuple[str, ...] = MODULES,
    ) -> Result:
        """Run a script in a process that finds Flask, SQLAlchemy and Alembic imported."""
        if not hasattr(os, "fork"):
            return self.process(*arguments, input=input, env=env or {})
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in ("stdin", "stdout", "stderr")]
            for file in files:
                file.write_text(input if file.name == "stdin" else "", encoding="utf-8")
            paths = tuple(str(file) for file in files)
            environ = {**os.environ, **(env or {})}
            process = Forked(list(arguments), str(self.folder), environ, paths, modules)
            status = process.wait(600)
            return Result(status, *(file.read_text(encoding="utf-8") for file in files[1:]))

    def process(self, *arguments: str, **options: Any) -> Result:
        """Run `python arguments` in a process of its own."""
        env = {**os.environ, **options.pop("env", {})}
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=str(self.folder),
            env=env,
            capture_output=True,
            text=True,
            timeout=600,  # it hangs
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


MANAGE = """
    import json
    import os

    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    from migrate_script import Manager, Migrate, MigrateCommand

    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    if "SECOND_URL" in os.environ:
        app.config["SQLALCHEMY_BINDS"] = {"second": os.environ["SECOND_URL"]}
    db = SQLAlchemy(app)
    migrate = Migrate(app, db, **json.loads(os.environ.get("MIGRATE_OPTIONS", "{}")))
    manager = Manager(app)
    manager.add_command("db", MigrateCommand)

    if __name__ == "__main__":
        manager.run()
"""


def new_project(project: Project, *options: str) -> Project:
    """Write manage.py and an empty migrations folder."""
    project.write("manage.py", MANAGE)
    return initialised(project, *options)


_kept = tempfile.TemporaryDirectory(prefix="ms_")
_made: dict[tuple[str, ...], Path] = {}


def initialised(project: Project, *options: str) -> Project:
    """Run `db init`, once for each set of options; a copy of what it made serves from then on."""
    key = (*options, os.environ.get("MIGRATE_OPTIONS", ""))
    folder = project.folder / "migrations"
    if key in _made:
        shutil.copytree(str(_made[key]), str(folder))
        return project
    done = project.run("manage.py", "db", "init", *options)
    assert done.status == 0, done.err
    if folder.exists():
        _made[key] = Path(_kept.name) / str(len(_made))
        shutil.copytree(str(folder), str(_made[key]), ignore=shutil.ignore_patterns("*.pyc"))
    return project


def db(project: Project, *arguments: str) -> Any:
    """Run one of the commands in this process."""
    return project.run("manage.py", "db", *arguments)
