"""What a downgrade loses, in whichever way its script says so."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

import pytest
from helpers import execute, tables
from safe import db, new_project, on_terminal, picture, revision, version

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
    "table 't' (2 row(s))",
    "column 'x' of table 't' (1 value(s))",
    "all 2 row(s) of table 't'",
)
ODD = "table 'Odd Table' (1 row(s))"
WAYS = {
    "by name": ('op.drop_table(table_name="t")', T),
    "an odd name": ('op.drop_table("Odd Table")', ODD),
    "a percent sign": ('op.drop_table("per%cent")', "table 'per%cent' (1 row(s))"),
    "a variable": ('name = "t"\nop.drop_table(name)', T),
    "a loop": ('for name in ["t", "Odd Table"]:\n    op.drop_table(name)', f"{T}, {ODD}"),
    "a column by name": ('op.drop_column(table_name="t", column_name="x")', X),
    "an odd column": (
        'op.drop_column("t", "odd name")',
        "column 'odd name' of table 't' (2 value(s))",
    ),
    "a batch": ('with op.batch_alter_table(table_name="t") as b:\n    b.drop_column("x")', X),
    "two batches": (
        'op.execute("ALTER TABLE \\"Odd Table\\" ADD COLUMN y INTEGER")\n'
        'with op.batch_alter_table("t") as b:\n    b.drop_column("x")\n'
        'with op.batch_alter_table("Odd Table") as b:\n    b.drop_column("id")',
        f"{X}, column 'id' of table 'Odd Table' (1 value(s))",
    ),
    "a renamed table": ('op.rename_table("t", "u")\nop.drop_table("u")', T),
    "SQL": ('op.execute("drop table if exists T")', T),
    "SQL on a connection": ("op.get_bind().execute(sa.text('DROP TABLE \"Odd Table\"'))", ODD),
    "SQL with a column": ("op.execute('ALTER TABLE \"t\" ADD COLUMN z INTEGER')", ""),
    "SQL that is put together": ('t = "t"\nop.execute(f"DROP TABLE {t}")', T),
    "SQL behind a comment": ('op.execute("""\n-- all\nDELETE FROM t;\n""")', ALL),
    "SQL with a condition": ('op.execute("DELETE FROM t WHERE id = 9")', ""),
    "an expression": ('t = sa.table("t", sa.column("id"))\nop.execute(t.delete())', ALL),
    "a function": ("clean()\n\n\ndef clean():\n    op.drop_table('t')", T),
    "rows, then the table": ('op.execute("DELETE FROM t")\nop.drop_table("t")', T),
    "a column, then the table": ('op.drop_column("t", "x")\nop.drop_table("t")', T),
}
SERVER = {
    "TRUNCATE": (
        'op.execute("TRUNCATE t, \\"Odd Table\\"")',
        f"{ALL}, all 1 row(s) of table 'Odd Table'",
    ),
    "several statements": ("op.execute('DROP TABLE t; DROP TABLE \"Odd Table\"')", f"{T}, {ODD}"),
    "ALTER": ('op.execute("ALTER TABLE ONLY t DROP COLUMN x, ADD y integer, DROP y")', X),
    "a schema": ('op.drop_table("s", schema="other")', "table 'other.s' (1 row(s))"),
    "a schema in SQL": ('op.execute("DROP TABLE other.s")', "table 'other.s' (1 row(s))"),
}


@pytest.mark.parametrize(
    ("kind", "way"),
    [("sqlite", way) for way in WAYS]
    + [("postgresql", way) for way in ["a loop", "SQL", "an odd column", *SERVER]],
)
def test_what_goes_is_told_before(project, new_database, monkeypatch, kind, way):
    """Each table, column or emptied table once, with how much is in it."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    if kind == "postgresql":
        execute(url, "CREATE SCHEMA other", "CREATE TABLE other.s AS SELECT 1 AS id")
    new_project(project)
    body, expected = {**WAYS, **SERVER}[way]
    body, _, more = body.partition("\n\n\n")
    revision(project, 1, UP, body)
    path = project.folder / "migrations/versions/r1_.py"
    path.write_text(f"{path.read_text(encoding='utf-8')}\n\n{more}\n", encoding="utf-8")
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
    assert done.err.count("this downgrade loses table 't' (1 row(s))") == 1
    assert "t" in tables(url)


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
    while b"go on?" not in said:
        said += os.read(ours, 1000)
    status = None
    while status is None:
        child.send_signal(number)
        # one that comes between the question and the reading is seen with the next
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = child.wait(2)
    assert status == 1
    said += os.read(ours, 1000)
    os.close(ours)
    assert b"Error: 'db downgrade' was not wanted: nothing was changed" in said
    assert version(url) == ["r1"]
