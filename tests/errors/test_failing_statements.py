"""A statement that fails: the line names the script's file and line, as for what Python raises."""

from __future__ import annotations

import pytest
from projects import new_project
from revisions import begin, line_of, revision

# an operation that fails, and the lines of the script that may be named: those of a `with` block
# are its first in later Pythons, and its last in earlier ones
FAILS = {
    "op.execute": ('op.execute("INSERT INTO missing VALUES (1)")', {10}),
    "op.create_index": ('pass\nop.create_index("ix", "a", ["missing"])', {11}),
    "op.bulk_insert": (
        'rows = [{"id": 1}]\nop.bulk_insert(sa.table("a", sa.column("id")), rows)',
        {11},
    ),
    "a connection": (
        'bind = op.get_bind()\npass\nbind.execute(sa.text("SELECT 1 FROM missing"))',
        {12},
    ),
    "a function of the script": (
        'def change():\n    op.execute("DROP TABLE missing")\n\nchange()',
        {11},
    ),
    "a batch": (
        'with op.batch_alter_table("a") as batch:\n'
        '    batch.add_column(sa.Column("x", sa.Integer))\n'
        '    batch.create_unique_constraint("uq", ["n"])',
        {10, 12},
    ),
}


@pytest.mark.parametrize("case", FAILS)
def test_the_line_names_the_file_and_the_line(project, database, monkeypatch, front_end, case):
    """Behind the statement, on each kind of database."""
    monkeypatch.setenv("DATABASE_URL", database)
    begin(project)
    body, numbers = FAILS[case]
    revision(project, 2, body)
    failed = project.forked(*front_end, "upgrade")
    assert failed.status == 1
    (line,) = failed.error.splitlines()
    assert line.startswith("Error: revision r2 failed: ")
    assert any(
        f"] ({line_of(project, 2, number)}); the database is at r1, as before" in line
        for number in numbers
    ), line


def test_a_downgrade_names_them_too(project, url, front_end):
    """It is the line in downgrade()."""
    begin(project, 'pass\nop.drop_table("missing")')
    failed = project.forked(*front_end, "downgrade", "base")
    assert (failed.status, failed.error) == (
        1,
        "Error: revision r1 failed: no such table: missing [statement: DROP TABLE missing] "
        f"({line_of(project, 1, 19)}); the database is at r1, as before: remove the cause and run "
        "'db downgrade' again\n",
    )


def test_a_commit_that_fails_has_no_line(project, new_database, monkeypatch, front_end):
    """Nor is env.py named, which only asks for it."""
    monkeypatch.setenv("DATABASE_URL", new_database("postgresql"))
    new_project(project)
    revision(
        project,
        1,
        """
        op.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
        op.execute("CREATE TABLE b (a_id INTEGER REFERENCES a DEFERRABLE INITIALLY DEFERRED)")
        op.execute("INSERT INTO b VALUES (7)")
        """,
    )
    failed = project.forked(*front_end, "upgrade")
    assert failed.status == 1
    (line,) = failed.error.splitlines()
    assert " [statement: COMMIT]; the database is at no revision, as before: " in line


# what the package itself refuses, on SQLite and where a name is looked for
ALTERS = {
    "an operation": (
        'op.alter_column("a", "x", new_column_name="y")\nop.execute("SELECT 1")',
        {10},
        "no such column: 'x' of the table 'a'",
    ),
    "a batch": (
        'with op.batch_alter_table("a") as batch:\n'
        "    pass\n"
        '    batch.drop_constraint("uq", type_="unique")',
        {10, 12},
        "No such constraint: 'uq', a unique constraint of the table 'a'",
    ),
    "the end of a revision": (
        'op.execute("CREATE VIEW v AS SELECT n FROM a")\nop.drop_column("a", "n")\nx = 0',
        {11, None},
        "altering 'a' would break or lose the view 'v'",
    ),
}


@pytest.mark.parametrize("case", ALTERS)
def test_a_table_that_cannot_be_altered(project, url, front_end, case):
    """The file and the line come first, as before what Python raises."""
    begin(project)
    body, numbers, said = ALTERS[case]
    revision(project, 2, body)
    failed = project.forked(*front_end, "upgrade")
    assert failed.status == 1
    assert any(
        failed.error.startswith(f"Error: {line_of(project, 2, number)}: {said}")
        for number in numbers
    ), failed.error


def test_a_full_disk(project, tmp_path, monkeypatch, front_end):
    """The line names the folder to make room in; SQLite calls a full file the same."""
    folder = tmp_path / "{data}"
    folder.mkdir()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{folder}/app.db")
    begin(project)
    fill = 'op.execute("INSERT INTO a (n) VALUES (zeroblob(100000))")'
    revision(project, 2, f'op.execute("PRAGMA max_page_count = 4")\n{fill}')
    failed = project.forked(*front_end, "upgrade")
    assert (failed.status, failed.error) == (
        1,
        "Error: revision r2 failed: database or disk is full [statement: INSERT INTO a (n) VALUES "
        f"(zeroblob(100000))] ({line_of(project, 2, 11)}); the database is at r1, as before: make "
        f"room on the disk of '{folder}' and run 'db upgrade' again\n",
    )
    revision(project, 2, fill)
    assert project.forked(*front_end, "upgrade").status == 0
