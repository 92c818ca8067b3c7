"""What the due steps lose, as far as their scripts say it literally."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from databases import execute, picture, rows, tables, version
from processes import on_terminal
from projects import db, new_project
from revisions import revision

from migrate_script.running.data_loss import Loss, losses

UP = """
op.execute('CREATE TABLE t (id INTEGER, x INTEGER, "odd name" INTEGER)')
op.execute('CREATE TABLE "Odd Table" (id INTEGER)')
op.execute('CREATE TABLE "per%cent" (id INTEGER)')
op.execute("INSERT INTO t VALUES (1, 1, 1)")
op.execute("INSERT INTO t VALUES (2, NULL, 2)")
op.execute('INSERT INTO "Odd Table" VALUES (1)')
op.execute('INSERT INTO "per%cent" VALUES (1)')
"""
T, X, ALL = (
    "table 't' (2 rows)",
    "column 'x' of table 't' (1 value)",
    "all rows of table 't' (2)",
)
ODD = "table 'Odd Table' (1 row)"
WAYS = {
    "by name": ('op.drop_table(table_name="t")', T),
    "an odd name": ('op.drop_table("Odd Table")', ODD),
    "a percent sign": ('op.drop_table("per%cent")', "table 'per%cent' (1 row)"),
    "two tables": ('op.drop_table("t")\nop.drop_table("Odd Table")', f"{T}, {ODD}"),
    "what is computed": ('name = "t"\nop.drop_table(name)', ""),
    "what is only defined": ('def later():\n    op.drop_table("t")', ""),
    "a condition": ('if op.get_bind():\n    op.drop_table("t")', T),
    "a column by name": ('op.drop_column(table_name="t", column_name="x")', X),
    "an odd column": (
        'op.drop_column("t", "odd name")',
        "column 'odd name' of table 't' (2 values)",
    ),
    "a batch": ('with op.batch_alter_table(table_name="t") as b:\n    b.drop_column("x")', X),
    "two batches": (
        'op.execute("ALTER TABLE \\"Odd Table\\" ADD COLUMN y INTEGER")\n'
        'with op.batch_alter_table("t") as b:\n    b.drop_column("x")\n'
        'with op.batch_alter_table("Odd Table") as b:\n    b.drop_column("id")',
        f"{X}, column 'id' of table 'Odd Table' (1 value)",
    ),
    "a renamed table": ('op.rename_table("t", "u")\nop.drop_table("u")', T),
    "SQL": ('op.execute("drop table if exists T")', T),
    "SQL on a connection": ("op.get_bind().execute(sa.text('DROP TABLE \"Odd Table\"'))", ODD),
    "SQL with a column": ("op.execute('ALTER TABLE \"t\" ADD COLUMN z INTEGER')", ""),
    "SQL that renames": ('op.execute("ALTER TABLE t RENAME TO u")\nop.drop_table("u")', T),
    "SQL behind a comment": ('op.execute("""\n-- all\nDELETE FROM t;\n""")', ALL),
    "SQL with a condition": ('op.execute("DELETE FROM t WHERE id = 9")', ""),
    "rows, then the table": ('op.execute("DELETE FROM t")\nop.drop_table("t")', T),
    "a column, then the table": ('op.drop_column("t", "x")\nop.drop_table("t")', T),
}
SERVER = {
    "TRUNCATE": (
        'op.execute("TRUNCATE t, \\"Odd Table\\"")',
        f"{ALL}, all rows of table 'Odd Table' (1)",
    ),
    "several statements": ("op.execute('DROP TABLE t; DROP TABLE \"Odd Table\"')", f"{T}, {ODD}"),
    "ALTER": ('op.execute("ALTER TABLE ONLY t DROP COLUMN x, ADD y integer, DROP y")', X),
    "a schema": ('op.drop_table("s", schema="other")', "table 'other.s' (1 row)"),
    "a schema in SQL": ('op.execute("DROP TABLE other.s")', "table 'other.s' (1 row)"),
}


@pytest.mark.parametrize(
    ("kind", "way"),
    [("sqlite", way) for way in WAYS]
    + [("postgresql", way) for way in ["two tables", "SQL", "an odd column", *SERVER]],
)
def test_what_goes_is_told_before(project, new_database, monkeypatch, kind, way):
    """Each table, column or emptied table once, with how much is in it."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    if kind == "postgresql":
        execute(url, "CREATE SCHEMA other", "CREATE TABLE other.s AS SELECT 1 AS id")
    new_project(project)
    body, expected = {**WAYS, **SERVER}[way]
    revision(project, 1, UP, body)
    assert db(project, "upgrade").status == 0
    done = db(project, "downgrade")
    told = [line for line in done.err.splitlines() if "this downgrade loses" in line]
    assert bool(told) == bool(expected)
    assert not told or told[0].startswith(
        f"WARNING [migrate_script] this downgrade loses {expected}"
    )
    assert "'," not in expected or told[0].endswith(expected)


TABLE = """
op.create_table("t", sa.Column("id", sa.Integer))
op.execute("INSERT INTO t VALUES (1)")
"""
CALLS = [
    'globals()["downgrade_" + engine_name]()',
    'eval("downgrade_%s" % engine_name)()',
    'run("downgrade", engine_name)\n\n\n'
    "def run(direction, name):\n    globals().get(direction + '_' + name)()",
]


@pytest.mark.parametrize("call", CALLS)
def test_each_of_several_databases_tells_its_own(project, url, new_database, monkeypatch, call):
    """One file has a function for each of them, and a table of one name in both."""
    monkeypatch.setenv("SECOND_URL", new_database("sqlite"))
    new_project(project, "--multidb")
    call, _, more = call.partition("\n\n\n")
    revision(project, 1, TABLE, call, "engine_name")
    path = project.folder / "migrations/versions/r1_.py"
    text = path.read_text(encoding="utf-8")
    text += f"\n\n{more}\n\ndef downgrade_():\n    pass\n"
    text += '\n\ndef downgrade_second():\n    op.drop_table("t")\n'
    path.write_text(text, encoding="utf-8")
    assert db(project, "upgrade").status == 0
    done = db(project, "downgrade")
    assert done.status == 0, done.err
    assert done.err.count("this downgrade loses table 't' (1 row)") == 1
    assert "t" in tables(url)


DUE = """
op.execute("DELETE FROM t")
op.execute(sa.text("ALTER TABLE other DROP COLUMN x"))
op.create_table("new", sa.Column("id", sa.Integer))
op.drop_table("empty")
"""


def test_what_an_upgrade_loses(project, url):
    """Over all due steps: each table once, nothing of what is empty or made in the same run."""
    for statement in (
        "CREATE TABLE t (id INTEGER)",
        "CREATE TABLE other (id INTEGER, x INTEGER)",
        "CREATE TABLE empty (id INTEGER)",
        "INSERT INTO t VALUES (1), (2)",
        "INSERT INTO other VALUES (1, NULL), (2, 5), (3, 6)",
    ):
        rows(url, statement)
    new_project(project)
    revision(project, 1, 'op.drop_table("other")')
    revision(project, 2, DUE)
    revision(project, 3, 'op.drop_table("new")\nop.drop_table("t")')
    scripts = ScriptDirectory("migrations")
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        assert losses(connection, scripts._upgrade_revs("r2", "r1")) == [
            Loss("t", None, 2, emptied=True),
            Loss("other", "x", 2),
        ]
        assert losses(connection, scripts._upgrade_revs("r3", "r1")) == [
            Loss("other", "x", 2),
            Loss("t", None, 2),
        ]
        assert losses(connection, scripts._downgrade_revs("base", "r3")) == []
    engine.dispose()


def test_no_answer_is_a_no(project, url):
    """At the end of what is typed nothing is done, and one line says so."""
    new_project(project)
    revision(project, 1, TABLE, 'op.drop_table("t")')
    assert db(project, "upgrade").status == 0
    before = picture(url)
    status, said = on_terminal(project, "downgrade", typed=b"\x04")
    assert status == 1, said
    assert said.splitlines()[-1] == "Error: 'db downgrade' was not wanted: nothing was changed"
    assert picture(url) == before
    status, said = on_terminal(project, "downgrade", "--yes", typed=b"")
    assert status == 0, said
    assert version(url) == []


def test_a_no_to_the_second_of_two_databases(project, new_database, monkeypatch):
    """What MySQL has done to the first one by then stays, and the line says where that is."""
    first, second = new_database("mysql"), new_database("mysql")
    monkeypatch.setenv("DATABASE_URL", first)
    monkeypatch.setenv("SECOND_URL", second)
    new_project(project, "--multidb")
    revision(project, 1, TABLE, 'op.drop_table("t")', "engine_name")
    assert db(project, "upgrade").status == 0
    status, said = on_terminal(project, "downgrade", typed=b"y\nn\n")
    assert status == 1, said
    assert said.splitlines()[-1].endswith(
        "[y/N]: Error: 'db downgrade' was not wanted; "
        "the database is at no revision, after 1 of 1 revisions"
    )
    assert (version(first), version(second)) == ([], ["r1"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_at_the_question_is_a_no(project, url, number):
    """It ends the command at once, and nothing is done."""
    pty = pytest.importorskip("pty")
    new_project(project)
    revision(project, 1, TABLE, 'op.drop_table("t")')
    assert db(project, "upgrade").status == 0
    ours, theirs = pty.openpty()
    command = [sys.executable, "manage.py", "db", "downgrade"]
    child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    while b"[y/N]: " not in said:  # it comes in two pieces, and a second signal is another story
        said += os.read(ours, 1000)
    # a signal between the question and the reading is seen with the next; after the first part of
    # the answer, one more would interrupt the end of the command
    while not said.partition(b"[y/N]: ")[2]:
        child.send_signal(number)
        if select.select([ours], [], [], 10)[0]:
            said += os.read(ours, 1000)
    while b"changed" not in said:
        said += os.read(ours, 1000)
    status = child.wait()
    os.close(ours)
    assert status == 1
    assert b"Error: 'db downgrade' was not wanted: nothing was changed" in said
    assert version(url) == ["r1"]
