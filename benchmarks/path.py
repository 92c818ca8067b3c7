"""How far a reader of one `upgrade +1` has to go: files, functions, moves between files.

``python benchmarks/path.py [url] [--list]``, with the package installed. The revision creates a
table on a database that is at the revision before; ``url`` names an empty database, in place of a
SQLite file. Counted from the call of ``commands.upgrade`` to its return: the files and functions of
the package that are entered, and how often a function is entered in another file than the one
before. ``--list`` prints files and functions in the order in which they are entered first.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

import migrate_script
from migrate_script import commands

PACKAGE = os.path.dirname(migrate_script.__file__) + os.sep
REVISION = """\
\"\"\"path {0}

Revision ID: r{0}
\"\"\"

import sqlalchemy as sa
from alembic import op

revision = "r{0}"
down_revision = {1!r}
branch_labels = None
depends_on = None


def upgrade():
    op.create_table("path_{0}", sa.Column("id", sa.Integer, primary_key=True))


def downgrade():
    op.drop_table("path_{0}")
"""


class Walk:
    """Follows the calls of this thread into the package."""

    def __init__(self) -> None:
        self.files: dict[str, None] = {}
        self.functions: dict[str, None] = {}
        self.moves = -1  # the first file is entered, and not moved to
        self._file = ""

    def __enter__(self) -> Walk:
        sys.setprofile(self._profile)
        return self

    def __exit__(self, *_: Any) -> None:
        sys.setprofile(None)

    def _profile(self, frame: Any, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE):
            file = code.co_filename[len(PACKAGE) :]
            self.moves += file != self._file
            self._file = file
            self.files[file] = None
            self.functions[f"{file}:{code.co_firstlineno} {code.co_name}"] = None


def walk(url: str, folder: Path) -> Walk:
    """Upgrade a database by one revision."""
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    migrations = str(folder / "migrations")
    migrate_script.Migrate(app, SQLAlchemy(app), migrations)
    with app.app_context():
        commands.init()
        for number, parent in [(1, None), (2, "r1")]:
            path = Path(migrations, "versions", f"r{number}.py")
            path.write_text(REVISION.format(number, parent), encoding="utf-8")
        commands.upgrade(revision="+1")  # imports what the next one uses
        with Walk() as found:
            commands.upgrade(revision="+1")
        commands.downgrade(revision="base", yes=True)
    return found


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if argument != "--list"]
    with tempfile.TemporaryDirectory() as name, redirect_stdout(sys.stderr):
        found = walk((arguments or [f"sqlite:///{name}/path.db"])[0], Path(name))
    if "--list" in sys.argv:
        print(*found.files, *found.functions, sep="\n")
    print(f"{len(found.files)} files, {len(found.functions)} functions, {found.moves} moves")


if __name__ == "__main__":
    main()
