"""What is said while a run waits for somebody else, and when it has waited too long."""

from __future__ import annotations

import re
import socket
import sqlite3

import sqlalchemy as sa
from databases import execute, file_of, version
from processes import GATE, Terminal, at_gate, background, open_gate
from projects import db
from revisions import begin, line_of, revision

SINCE = r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S*"
HOLDER = {
    "sqlite": rf"process PID of user \S+ on {re.escape(socket.gethostname())}, {SINCE}",
    "postgresql": r"server process \d+ of user postgres \(migrate_script, process PID on \S+\), "
    + SINCE,
    "mysql": rf"connection \d+ of user root on \S+, {SINCE}",
}
WAITING = (
    r"INFO  \[migrate_script\] waiting for another migration, \d+ s so far \(HOLDER\): this one "
    r"goes on when that has ended, Control-C stops waiting"
)


def test_a_wait_names_whom_it_waits_for(project, database, monkeypatch, front_end):
    """With a terminal and without: who, since when, and what one can do."""
    monkeypatch.setenv("DATABASE_URL", database)
    begin(project)
    revision(project, 2, GATE)
    with background(project, *front_end, "upgrade") as first:
        at_gate(project, first)
        kind = database.split(":")[0].split("+")[0]
        line = WAITING.replace("HOLDER", HOLDER[kind].replace("PID", str(first.pid)))
        terminal = Terminal(project, *front_end, "upgrade")
        with background(project, *front_end, "upgrade") as second:
            second.until(lambda: re.search(f"(?m)^{line}$", second.err))
            terminal.until(lambda said: re.search(f"{line}\r\n", said))
            open_gate(project)
            assert first.status() == 0, first.err
            assert second.status() == 0, second.err
    assert terminal.end()[0] == 0


def test_a_program_that_writes_is_waited_for_in_one_line(project, url, front_end):
    """SQLite does not tell who it is."""
    begin(project)
    revision(project, 2, 'op.execute("UPDATE a SET n = 1")')
    writer = sqlite3.connect(file_of(url))
    writer.execute("BEGIN IMMEDIATE")
    with background(project, *front_end, "upgrade") as running:
        running.until(lambda: "waiting for another program" in running.err)
        writer.rollback()
        assert running.status() == 0, running.err
    writer.close()
    waits = [line for line in running.err.splitlines() if "waiting" in line]
    assert waits == [
        f"INFO  [migrate_script] waiting for another program that writes to '{file_of(url)}': this "
        "one goes on when that has ended, Control-C stops waiting"
    ]


def test_a_table_in_use_on_mariadb_names_the_transaction(project, new_database, monkeypatch):
    """And the statement that ends it, which does."""
    url = new_database("mysql")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    revision(
        project,
        2,
        """
        op.execute("SET lock_wait_timeout = 1")
        op.add_column("a", sa.Column("x", sa.Integer))
        """,
    )
    engine = sa.create_engine(url)
    connection = engine.connect()
    connection.begin()
    connection.execute(sa.text("UPDATE a SET n = 1"))
    number = connection.execute(sa.text("SELECT CONNECTION_ID()")).scalar()
    failed = project.forked("manage.py", "db", "upgrade")
    assert failed.status == 1
    assert re.fullmatch(
        r"Error: revision r2 failed: Lock wait timeout exceeded; try restarting transaction "
        r"\(1205\) \[statement: ALTER TABLE a ADD COLUMN x INTEGER\] "
        rf"\({re.escape(line_of(project, 2, 11))}\); the database is at r1, as before; "
        rf"connection {number} of user root on \S+ has had a transaction open {SINCE} "
        rf"\(KILL {number} ends it\): remove the cause and run 'db upgrade' again\n",
        failed.error,
    ), failed.error
    execute(url, f"KILL {number}")
    connection.invalidate()
    connection.close()
    engine.dispose()
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert version(url) == ["r2"]
