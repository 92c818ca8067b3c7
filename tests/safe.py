"""Projects whose revisions are written by hand, for the tests about upgrades that go wrong."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
import uuid
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from forking import Forked
from helpers import Project, rows, tables, write_source

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

REVISION = '''
"""step {number}"""
import sqlalchemy as sa
from alembic import op

revision = "r{number}"
down_revision = {parent!r}


def upgrade({arguments}):
{up}


def downgrade({arguments}):
{down}
'''


def new_project(project: Project, *options: str) -> Project:
    """Write manage.py and an empty migrations folder."""
    project.write("manage.py", MANAGE)
    done = project.run("manage.py", "db", "init", *options)
    assert done.status == 0, done.err
    return project


def revision(
    project: Project, number: int, up: str, down: str = "pass", arguments: str = ""
) -> None:
    """Write the revision of a number, which follows the one before."""
    text = REVISION.format(
        number=number,
        parent=f"r{number - 1}" if number > 1 else None,
        arguments=arguments,
        up=textwrap.indent(textwrap.dedent(up).strip(), "    "),
        down=textwrap.indent(textwrap.dedent(down).strip(), "    "),
    )
    path = project.folder / f"migrations/versions/r{number}_.py"
    write_source(path, text.lstrip())


def db(project: Project, *arguments: str) -> Any:
    """Run one of the commands in this process."""
    return project.run("manage.py", "db", *arguments)


def version(url: str) -> list[str]:
    """Give the revision that a database is at."""
    if "alembic_version" not in tables(url):
        return []
    return [row[0] for row in rows(url, "SELECT version_num FROM alembic_version")]


def picture(url: str) -> dict[str, Any]:
    """Give the columns and the rows of every table."""
    return {
        name: (columns, sorted(rows(url, f"SELECT * FROM {name}")))
        for name, columns in tables(url).items()
    }


BASE = """
    op.create_table(
        "a", sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer)
    )
    op.execute("INSERT INTO a (id, n) VALUES (1, 100)")
    op.execute("INSERT INTO a (id, n) VALUES (2, 100)")
"""

# what breaks a revision half-way, and what is put in its place to cure it
HALF_WAY = {
    "a statement fails": (
        """
        op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
        op.add_column("a", sa.Column("x", sa.Integer))
        {}
        op.create_table("c", sa.Column("id", sa.Integer, primary_key=True))
        op.execute("UPDATE a SET x = 1")
        """,
        'op.execute("INSERT INTO missing (id) VALUES (1)")',
    ),
    "Python fails between statements": (
        """
        op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
        {}
        op.add_column("a", sa.Column("x", sa.Integer))
        """,
        '{}["missing"]',
    ),
    "a data migration fails behind a change": (
        """
        op.add_column("a", sa.Column("x", sa.Integer))
        op.execute("UPDATE a SET x = n + 1")
        {}
        op.execute("UPDATE a SET n = x + 1")
        """,
        'raise ValueError("bad row")',
    ),
    "a data migration fails": (
        """
        op.execute("UPDATE a SET n = n + 1")
        {}
        op.execute("UPDATE a SET n = n + 1")
        """,
        'raise ValueError("bad row")',
    ),
    "a unique index meets a double": (
        """
        op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
        {}
        op.create_index("ix_a_n", "a", ["n"], unique=True)
        """,
        'op.execute("SELECT 1")',
    ),
    "a copy of a table meets a double": (
        """
        op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
        {}
        with op.batch_alter_table("a", recreate="always") as batch:
            batch.create_unique_constraint("uq_a_n", ["n"])
        """,
        'op.execute("SELECT 1")',
    ),
    "a change of rows, then one of the schema that fails": (
        """
        op.execute("UPDATE a SET n = n + 1")
        {}
        op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
        """,
        'op.create_table("a", sa.Column("id", sa.Integer, primary_key=True))',
    ),
}

# the last row of two equal ones is in the way of the unique index
CURE_ROWS = {"a unique index meets a double", "a copy of a table meets a double"}


def broken(case: str) -> str:
    """Give the revision that fails."""
    body, fault = HALF_WAY[case]
    return body.replace("{}", fault, 1)


def cured(case: str) -> str:
    """Give the revision once its cause is removed."""
    body, fault = HALF_WAY[case]
    return body.replace("{}", fault if case in CURE_ROWS else "pass", 1)


def remove_cause(case: str, project: Project, url: str) -> None:
    """Do what a person does when the message has told what is wrong."""
    if case in CURE_ROWS:
        rows(url, "UPDATE a SET n = 200 WHERE id = 2")
    revision(project, 2, cured(case))


def fail_then_cure(case: str, project: Project, url: str) -> None:
    """Upgrade to r2, which fails half-way, remove the cause, and upgrade again."""
    before = picture(url)
    revision(project, 2, broken(case))
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert len(failed.error.splitlines()) == 1
    assert version(url) == ["r1"]
    if not url.startswith("mysql"):
        assert picture(url) == before
    remove_cause(case, project, url)
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert version(url) == ["r2"]


UPGRADE = ("manage.py", "db", "upgrade")
# another run of the tests may have some in other databases of the server
LOCKS = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE locktype = 'advisory' AND datname = current_database()
"""

# a step that says it is there and goes on when the test lets it
GATE = """
    import os, time
    open("at_the_gate", "w").close()
    while not os.path.exists("open_gate"):
        time.sleep(0.02)
"""


class Background:
    """A command that runs in a process of its own while the test goes on.

    :param project: its folder
    :param arguments: those of Python
    :param fresh: whether the interpreter is started for it alone
    :param env: what is added to the environment
    """

    def __init__(self, project: Project, *arguments: str, fresh: bool = False, **env: str) -> None:
        self.err_path = project.folder / f"stderr_{uuid.uuid4().hex[:6]}"
        self.process: Any
        environ = {**os.environ, **env}
        if hasattr(os, "fork") and not fresh:
            err = str(self.err_path)
            self.process = Forked(list(arguments), str(project.folder), environ, err)
            return
        with open(self.err_path, "wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=str(project.folder),
                env=environ,
                stdout=subprocess.DEVNULL,
                stderr=file,
            )

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    @property
    def err(self) -> str:
        """What it has written to stderr so far."""
        return self.err_path.read_text(encoding="utf-8") if self.err_path.exists() else ""

    def until(self, condition: Callable[[], Any]) -> Any:
        """Wait for something that this command is to bring about."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = condition()
            if found:
                return found
            assert self.process.poll() is None, self.err
            time.sleep(0.02)
        raise AssertionError(f"it never came: {self.err}")

    def status(self) -> int:
        """Wait for its end."""
        return self.process.wait(60)

    def kill(self) -> None:
        """End it with no chance to clean up."""
        self.process.kill()
        self.process.wait(60)


@contextlib.contextmanager
def background(
    project: Project, *arguments: str, fresh: bool = False, **env: str
) -> Iterator[Background]:
    """Run `python arguments` beside the test, and see that it ends with it."""
    running = Background(project, *arguments, fresh=fresh, **env)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.kill()


def ended(project: Project, *arguments: str, **env: str) -> Background:
    """Run `python arguments` in a process of its own, to its end."""
    with background(project, *arguments, **env) as running:
        running.status()
    return running


def at_gate(project: Project, running: Background) -> None:
    """Wait until a command is inside the gated step."""
    running.until((project.folder / "at_the_gate").exists)


def open_gate(project: Project) -> None:
    """Let the gated step go on."""
    (project.folder / "open_gate").touch()


def waits_for_another(project: Project) -> Background:
    """Upgrade twice, the second while the first is inside the gated step; both have to succeed.

    :returns: the second
    """
    with background(project, *UPGRADE) as first:
        at_gate(project, first)
        with background(project, *UPGRADE) as second:
            second.until(lambda: "waiting for another migration" in second.err)
            open_gate(project)
            assert first.status() == 0, first.err
            assert second.status() == 0, second.err
    return second


# ends the process with no chance to clean up, before or after its n-th statement that writes
SUDDEN_DEATH = """
import os
import re
import signal

from sqlalchemy import event
from sqlalchemy.engine import Engine

WHEN, AT = os.environ.get("DIE", "never 0").split()
seen = 0


def listener(conn, cursor, statement, parameters, context, executemany):
    global seen
    if re.match(r"\\s*(CREATE|DROP|ALTER|INSERT|UPDATE|DELETE|RENAME)", statement):
        if "alembic_version" not in statement:
            seen += 1
            if seen == int(AT):
                os.kill(os.getpid(), signal.SIGKILL)


# the process of the tests runs manage.py too, and is to stay as it is
if WHEN != "never":
    event.listen(Engine, WHEN + "_cursor_execute", listener)
"""


def mortal(project: Project) -> None:
    """Let the environment variable DIE say where `manage.py` is to end suddenly."""
    project.write("sudden_death.py", SUDDEN_DEATH)
    path = project.folder / "manage.py"
    write_source(path, "import sudden_death\n" + path.read_text(encoding="utf-8"))


def begin(project: Project, down: str = "pass") -> None:
    """Write a project whose database is at its only revision."""
    new_project(project)
    revision(project, 1, BASE, down)
    assert db(project, "upgrade").status == 0


def on_terminal(project: Project, *arguments: str, typed: bytes | None = None) -> tuple[int, str]:
    """Run a command whose stderr is a terminal, on which all else is where something is typed.

    :returns: its exit status, and what the terminal shows
    """
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    command = [sys.executable, "manage.py", "db", *arguments]
    also = {} if typed is None else {"stdin": theirs, "stdout": theirs}
    child = subprocess.Popen(command, cwd=str(project.folder), stderr=theirs, **also)
    os.close(theirs)
    if typed is not None:
        os.write(ours, typed)
    said = b""
    with contextlib.suppress(OSError):  # Linux says so when the other side is closed
        while True:
            part = os.read(ours, 1000)
            if not part:
                break
            said += part
    os.close(ours)
    return child.wait(60), said.decode()


@contextlib.contextmanager
def reachable_folder() -> Iterator[Path]:
    """Make a folder that other users reach; pytest closes its own when another run of it starts."""
    folder = Path(tempfile.mkdtemp(prefix="ms_"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(str(folder), ignore_errors=True)
