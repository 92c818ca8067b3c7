"""What the line of a failed run says to do next, done literally, cures it."""

from __future__ import annotations

import re
import sqlite3

import pytest
import sqlalchemy as sa
from databases import execute, file_of, tables, version
from projects import db, write_source
from revisions import begin, line_of, revision

AT_R1 = "; the database is at r1, as before"
AGAIN = "remove the cause and run 'db upgrade' again"
NAME = "correct the name in the revision, or leave out what this database never had" + AT_R1

# a revision, the line that refuses it, and the revision after what the line says was done
ON_SQLITE = {
    "AlterError of a missing column": (
        'op.alter_column("a", "x", new_column_name="y")',
        f"{{line}}: no such column: 'x' of the table 'a': {NAME}",
        'op.alter_column("a", "n", new_column_name="y")',
    ),
    "AlterError of a missing table": (
        'op.alter_column("b", "n", nullable=False)',
        f"{{line}}: no such table: 'b': {NAME}",
        'op.alter_column("a", "n", nullable=False)',
    ),
    "AlterError of a missing constraint": (
        'op.drop_constraint("uq", "a", type_="unique")',
        f"{{line}}: No such constraint: 'uq', a unique constraint of the table 'a': {NAME}",
        "pass",
    ),
    "DatabaseError of a statement": (
        'op.execute("INSERT INTO missing VALUES (1)")',
        "revision r2 failed: no such table: missing [statement: INSERT INTO missing VALUES (1)] "
        f"({{line}}){AT_R1}: {AGAIN}",
        'op.execute("CREATE TABLE missing (n INTEGER)")\n'
        'op.execute("INSERT INTO missing VALUES (1)")',
    ),
}


@pytest.mark.parametrize("case", ON_SQLITE)
def test_a_revision_is_corrected_as_the_line_says(project, url, case, front_end):
    """The line is the whole of standard error, with both front ends."""
    body, line, cure = ON_SQLITE[case]
    begin(project)
    revision(project, 2, body)
    failed = project.forked(*front_end, "upgrade")
    said = line.format(line=line_of(project, 2, 10))
    assert (failed.status, failed.error) == (1, f"Error: {said}\n")
    assert version(url) == ["r1"]
    revision(project, 2, cure)
    done = project.forked(*front_end, "upgrade")
    assert (done.status, version(url)) == (0, ["r2"]), done.err


# -- LockTimeout ------------------------------------------------------------------------------


def test_a_busy_file_is_free_when_that_program_stops(project, url, front_end):
    """The line says how long it has waited, and for what."""
    begin(project)
    revision(project, 2, 'op.execute("UPDATE a SET n = 1")')
    writer = sqlite3.connect(file_of(url))
    writer.execute("BEGIN IMMEDIATE")
    late = project.forked(*front_end, "upgrade", "--lock-timeout", "0.2")
    assert (late.status, late.error) == (
        1,
        f"Error: another program has been writing to '{file_of(url)}' for 0.2 s; nothing was "
        "changed since: stop that program, or give --lock-timeout more seconds; the database is "
        "at r1\n",
    )
    writer.rollback()
    writer.close()
    assert project.forked(*front_end, "upgrade", "--lock-timeout", "0.2").status == 0


# -- NotReady ---------------------------------------------------------------------------------


def _role(url, request):
    """A user of PostgreSQL's who may connect, and the URL of this user."""
    name = url.rsplit("/", 1)[1] + "_u"
    execute(url, f"CREATE USER {name}")
    request.addfinalizer(lambda: execute(url, f"DROP OWNED BY {name}", f"DROP USER {name}"))
    return name, re.sub(r"//[^@]*@", f"//{name}@", url)


def test_a_right_is_granted_by_the_statement_of_the_line(
    project, new_database, monkeypatch, request, front_end
):
    """It stands in the line as it is to be run."""
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    revision(project, 2, "pass")
    name, theirs = _role(url, request)
    execute(url, f"GRANT SELECT ON alembic_version TO {name}")
    monkeypatch.setenv("DATABASE_URL", theirs)
    refused = project.forked(*front_end, "upgrade")
    assert refused.status == 1
    statement = f"GRANT INSERT, UPDATE, DELETE ON alembic_version TO {name}"
    assert refused.error == (
        f"Error: the user '{name}' has no right to write to 'alembic_version': run the statement "
        f"{statement} on the database as its owner{AT_R1}\n"
    )
    execute(url, statement)
    assert project.forked(*front_end, "upgrade").status == 0


def test_a_schema_is_created_by_the_statement_of_the_line(
    project, new_database, monkeypatch, front_end
):
    """That of the version table, which env.py names."""
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    env = project.folder / "migrations/env.py"
    text = env.read_text(encoding="utf-8")
    named = "configure(connection=connection, version_table_schema='here')"
    write_source(env, text.replace("configure(connection=connection)", named))
    refused = project.forked(*front_end, "upgrade")
    assert (refused.status, refused.error.split("; ")[0].rstrip()) == (
        1,
        "Error: there is no schema 'here', in which env.py keeps the version table "
        "(version_table_schema): run the statement CREATE SCHEMA here on the database",
    )
    execute(url, "CREATE SCHEMA here", "DROP TABLE a, alembic_version")
    assert project.forked(*front_end, "upgrade").status == 0


def test_a_connection_that_only_reads_is_switched(project, new_database, monkeypatch, front_end):
    """On PostgreSQL, the setting is named."""
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    revision(project, 2, "pass")
    name = url.rsplit("/", 1)[1]
    execute(url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    refused = project.forked(*front_end, "upgrade")
    assert (refused.status, refused.error) == (
        1,
        "Error: this connection to the database only reads (default_transaction_read_only): "
        f"switch that off, or connect with a user who may write{AT_R1}\n",
    )
    with sa.create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(sa.text("SET default_transaction_read_only = off"))
        connection.execute(sa.text(f"ALTER DATABASE {name} RESET default_transaction_read_only"))
    assert project.forked(*front_end, "upgrade").status == 0


# -- JournalError -----------------------------------------------------------------------------


def test_what_is_half_done_is_finished_first(project, new_database, monkeypatch, front_end):
    """On MariaDB, another direction waits; the command of the line does it."""
    url = new_database("mysql")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    up = 'op.add_column("a", sa.Column("x", sa.Integer))\n'
    revision(project, 2, up + 'op.drop_table("missing")')
    assert db(project, "upgrade").status == 1
    refused = project.forked(*front_end, "downgrade", "base")
    assert (refused.status, refused.error) == (
        1,
        "Error: the upgrade to revision r2 was stopped half-way and must be finished before the "
        "downgrade from revision r1: run 'db upgrade' first, or change the schema by hand to what "
        "the unfinished revision or the one before it leaves, and run 'db stamp REVISION' with "
        f"that one{AT_R1}\n",
    )
    revision(project, 2, up)
    assert project.forked(*front_end, "upgrade").status == 0
    assert project.forked(*front_end, "downgrade", "base").status == 0
    assert "migrate_script_journal" not in tables(url)


# -- DifferencesFound, NotAtHead, CannotDryRun ------------------------------------------------


def test_a_database_behind_its_scripts_is_upgraded(project, url, front_end):
    """`current --check-heads` names the command."""
    begin(project)
    revision(project, 2, "pass")
    behind = project.forked(*front_end, "current", "--check-heads")
    assert (behind.status, behind.error) == (
        1,
        "Error: the database is at r1 and the scripts are at r2: run 'db upgrade'\n",
    )
    assert project.forked(*front_end, "upgrade").status == 0
    assert project.forked(*front_end, "current", "--check-heads").status == 0


def test_what_cannot_be_tried_is_read(project, new_database, monkeypatch, front_end):
    """On MariaDB, --sql shows what --dry-run cannot undo."""
    url = new_database("mysql")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    revision(project, 2, 'op.add_column("a", sa.Column("x", sa.Integer))')
    refused = project.forked(*front_end, "upgrade", "--dry-run")
    assert (refused.status, refused.error) == (
        1,
        "Error: --dry-run cannot undo what it does on mysql, which commits every change of the "
        "schema at once: use --sql to read the statements, or run it on a copy of the database\n",
    )
    shown = project.forked(*front_end, "upgrade", "r1:r2", "--sql")
    assert shown.status == 0
    assert "ALTER TABLE a ADD COLUMN x INTEGER;" in shown.out
