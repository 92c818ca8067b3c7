"""Whatever fails while a table is rebuilt, the database is as before."""

from __future__ import annotations

import signal
import sqlite3

import pytest
from databases import everything, read, script, version
from processes import ended
from projects import Project, db, new_project
from revisions import revision
from sqlalchemy import event
from sqlalchemy.engine import Engine

SCHEMA = """
    CREATE TABLE t (
        id INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER CHECK (n > 0), me INTEGER REFERENCES t (id)
    );
    CREATE INDEX ix ON t (n DESC) WHERE n > 1;
    CREATE TABLE log (n INTEGER);
    CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.n); END;
    CREATE VIEW v AS SELECT n FROM t;
    CREATE TABLE child (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t (id) ON DELETE CASCADE);
    INSERT INTO t (n, me) VALUES (1, 1), (2, 1), (3, 2);
    INSERT INTO child VALUES (1, 1), (2, 2), (3, 3);
"""
STEP = """
    op.execute("UPDATE child SET id = id + 10")
    op.alter_column("t", "n", existing_type=sa.Integer(), type_=sa.BigInteger())
    op.add_column("t", sa.Column("x", sa.Integer(), unique=True))
    """


class Fault:
    """Counts the statements that change a database, and fails at one of them."""

    def __init__(self, at: int) -> None:
        self.at, self.count = at, 0

    def __call__(self, connection, cursor, statement, *_):
        if statement.split()[0].upper() in ("SELECT", "PRAGMA"):
            return
        self.count += 1
        if self.count == self.at:
            raise sqlite3.OperationalError("disk I/O error")


def upgrade_with(project: Project, fault: Fault):
    """Upgrade while a fault listens."""
    event.listen(Engine, "before_cursor_execute", fault)
    try:
        return db(project, "upgrade")
    finally:
        event.remove(Engine, "before_cursor_execute", fault)


def fails_at_each(project, url):
    """Let each statement fail once, which leaves all as before; give the number that none has."""
    before = everything(url)
    at = 1
    while True:
        fault = Fault(at)
        done = upgrade_with(project, fault)
        if fault.count < at:
            break
        assert done.status == 1, at
        assert everything(url) == before, at
        at += 1
    assert done.status == 0, done.err
    return at


def test_a_statement_that_fails_leaves_all_as_before(project, url, enforced):
    """Each statement of the step fails once, and then the step works."""
    new_project(project)
    script(url, SCHEMA)
    revision(project, 1, STEP)
    before = everything(url)
    assert fails_at_each(project, url) > 10
    assert version(url) == ["r1"]
    assert read(url, "SELECT id, n, x FROM t") == [(1, 1, None), (2, 2, None), (3, 3, None)]
    assert read(url, "SELECT id FROM child") == [(11,), (12,), (13,)]
    assert set(everything(url)["schema"]) >= set(before["schema"])


KILLER = """

    import os
    import signal

    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    count = 0

    @event.listens_for(Engine, "after_cursor_execute")
    def kill(connection, cursor, statement, *_):
        global count
        if statement.split()[0].upper() not in ("SELECT", "PRAGMA"):
            count += 1
            if count == int(os.environ["KILL_AT"]):
                os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal here")
def test_a_kill_leaves_all_as_before(project, url):
    """The process dies behind each statement of the step; the next upgrade works."""
    import textwrap

    new_project(project)
    path = project.folder / "manage.py"
    path.write_text(textwrap.dedent(KILLER) + path.read_text())
    script(url, SCHEMA)
    revision(project, 1, STEP)
    before = everything(url)
    for at in range(1, 40):
        done = ended(project, "manage.py", "db", "upgrade", KILL_AT=str(at))
        if done.status() == 0:
            break
        assert done.status() == -signal.SIGKILL, done.err
        assert everything(url) == before, at
    assert at > 10
    assert version(url) == ["r1"]


ENFORCING = """

    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "connect")
    def enforce(connection, record):
        connection.execute("PRAGMA foreign_keys = ON")
"""
# each table refers to the one before, with an action of its own
CHAIN = """
    CREATE TABLE a (id INTEGER PRIMARY KEY, code TEXT UNIQUE, n INTEGER);
    CREATE TABLE b (
        id INTEGER PRIMARY KEY, n INTEGER, a_id INTEGER REFERENCES a (id) ON DELETE CASCADE,
        code TEXT REFERENCES a (code) ON DELETE SET NULL ON UPDATE CASCADE
    );
    CREATE TABLE c (
        id INTEGER PRIMARY KEY, n INTEGER, b_id INTEGER REFERENCES b (id) ON DELETE RESTRICT,
        a_id INTEGER DEFAULT 1 REFERENCES a (id) ON DELETE SET DEFAULT DEFERRABLE INITIALLY DEFERRED
    );
    INSERT INTO a VALUES (1, 'x', 1), (2, 'y', 2);
    INSERT INTO b VALUES (10, 1, 1, 'x'), (11, 2, 2, NULL), (12, 3, NULL, 'y');
    INSERT INTO c VALUES (20, 1, 10, 1), (21, 2, 12, 2), (22, 3, NULL, NULL);
"""
ALL_THREE = "\n".join(
    f'op.alter_column("{table}", "n", existing_type=sa.Integer(), nullable=False)'
    for table in ("a", "b", "c", "a")
)
AND_BACK = ALL_THREE.replace("False", "True")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal here")
def test_a_kill_leaves_children_and_grandchildren_as_before(project, url):
    """With foreign keys enforced, no action of any of them takes place, up and down."""
    import textwrap

    new_project(project)
    path = project.folder / "manage.py"
    path.write_text(textwrap.dedent(ENFORCING + KILLER) + path.read_text())
    script(url, CHAIN)
    revision(project, 1, ALL_THREE, AND_BACK)
    first = everything(url)
    for command in ("upgrade", "downgrade"):
        before = everything(url)
        for at in range(1, 100, 5):
            done = ended(project, "manage.py", "db", command, KILL_AT=str(at))
            if done.status() == 0:
                break
            assert done.status() == -signal.SIGKILL, done.err
            assert everything(url) == before, at
        assert at > 10
        after = everything(url)
        assert {name: after[name] for name in "abc"} == {name: first[name] for name in "abc"}
    assert after == first


def test_a_failure_leaves_children_and_grandchildren_as_before(project, url, enforced):
    """Each statement fails once; enforcement is what it was, as a last statement shows."""
    new_project(project)
    script(url, CHAIN)
    revision(project, 1, ALL_THREE + '\nop.execute("DELETE FROM a WHERE id = 2")')
    assert fails_at_each(project, url) > 15
    rows = {name: read(url, f"SELECT * FROM {name}") for name in "abc"}
    assert rows["a"] == [(1, "x", 1)]
    assert ((11, 2, 2, None) in rows["b"]) is not enforced
    assert rows["c"][0] == (20, 1, 10, 1)


def test_a_script_that_goes_on_behind_a_failed_copy_finds_the_table_whole(project, url, enforced):
    """The copy is undone alone when the script catches the error."""
    new_project(project)
    script(url, SCHEMA)
    revision(
        project,
        1,
        """
        try:
            with op.batch_alter_table("t") as batch:
                batch.create_check_constraint("ck", "n > 1")
        except Exception:
            op.execute("UPDATE t SET n = n + 1")
            with op.batch_alter_table("t") as batch:
                batch.create_check_constraint("ck", "n > 1")
        """,
    )
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert read(url, "SELECT n FROM t") == [(2,), (3,), (4,)]
    assert read(url, "SELECT count(*) FROM child") == [(3,)]
    assert sorted(read(url, "SELECT name FROM sqlite_master WHERE tbl_name = 't'")) == [
        ("ix",),
        ("t",),
        ("tr",),
    ]
