"""A revision that fails half-way, on each kind of database, and the next upgrade."""

from __future__ import annotations

import pytest
from helpers import rows, tables
from safe import BASE, HALF_WAY, broken, cured, db, new_project, picture, remove_cause

from safe import revision, version  # isort: skip

N, X, ID = ["id", "n"], ["id", "n", "x"], (["id"], [])
EXPECTED = {
    "a statement fails": {"a": (X, [(1, 100, 1), (2, 100, 1)]), "b": ID, "c": ID},
    "Python fails between statements": {"a": (X, [(1, 100, None), (2, 100, None)]), "b": ID},
    "a data migration fails behind a change": {"a": (X, [(1, 102, 101), (2, 102, 101)])},
    "a data migration fails": {"a": (N, [(1, 102), (2, 102)])},
    "a unique index meets a double": {"a": (N, [(1, 100), (2, 200)]), "b": ID},
    "a copy of a table meets a double": {"a": (N, [(1, 100), (2, 200)]), "b": ID},
    "a change of rows, then one of the schema that fails": {
        "a": (N, [(1, 101), (2, 101)]),
        "b": ID,
    },
}


@pytest.fixture
def at_r1(project, database, monkeypatch):
    """A project whose database, of each kind, is at its only revision."""
    monkeypatch.setenv("DATABASE_URL", database)
    new_project(project)
    revision(project, 1, BASE)
    assert db(project, "upgrade").status == 0
    return project


@pytest.mark.parametrize("case", HALF_WAY)
def test_the_next_upgrade_works_without_repair(at_r1, database, case):
    """Once its cause is removed, a failed revision ends as if it had never failed."""
    before = picture(database)
    revision(at_r1, 2, broken(case))
    failed = db(at_r1, "upgrade")
    assert failed.status == 1
    assert len(failed.error.splitlines()) == 1
    assert version(database) == ["r1"]
    if not database.startswith("mysql"):
        assert picture(database) == before

    remove_cause(case, at_r1, database)
    again = db(at_r1, "upgrade")
    assert again.status == 0, again.err
    assert picture(database) == {**EXPECTED[case], "alembic_version": (["version_num"], [("r2",)])}


def test_an_undisturbed_run_ends_the_same(at_r1, database):
    """The journal changes nothing in a revision that does not fail."""
    case = "a statement fails"
    revision(at_r1, 2, cured(case))
    assert db(at_r1, "upgrade").status == 0
    assert picture(database) == {**EXPECTED[case], "alembic_version": (["version_num"], [("r2",)])}


# -- the journal of MySQL and MariaDB ---------------------------------------------------------


@pytest.fixture
def maria(project, new_database, monkeypatch):
    """A project whose MySQL or MariaDB database is at its only revision: project and URL."""
    url = new_database("mysql")
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, BASE)
    assert db(project, "upgrade").status == 0
    assert "migrate_script_journal" not in tables(url)
    return project, url


FAILS = """
    op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("UPDATE a SET n = n + 1")
    op.add_column("a", sa.Column("x", sa.Integer))
    op.drop_table("missing")
"""
WORKS = FAILS.replace('op.drop_table("missing")', "")


def test_what_stands_is_told(maria):
    """The line of the failure lists the statements that no rollback can undo."""
    project, url = maria
    revision(project, 2, FAILS)
    failed = db(project, "upgrade")
    assert "revision r2 failed: Unknown table" in failed.error
    assert "[statement: DROP TABLE missing]" in failed.error
    assert "3 statement(s) before it stand and will not be repeated" in failed.error
    assert "[UPDATE a SET n = n + 1]" in failed.error
    assert failed.error.endswith(
        "; the database is at r1, as before; 3 statement(s) before it stand and will not be "
        "repeated: [CREATE TABLE b ( id INTEGER NOT NULL AUTO_INCREMENT, PRIMARY KEY (id) )], "
        "[UPDATE a SET n = n + 1], [ALTER TABLE a ADD COLUMN x INTEGER]: remove the cause and run "
        "'db upgrade' again\n"
    )
    assert "migrate_script_journal" in tables(url)


def test_a_revision_that_was_edited_meanwhile_is_refused(maria):
    """What ran before is named where the script says something else now."""
    project, url = maria
    revision(project, 2, FAILS)
    assert db(project, "upgrade").status == 1
    revision(project, 2, WORKS.replace("n + 1", "n + 2"))
    refused = db(project, "upgrade")
    assert refused.status == 1
    assert refused.error.startswith(
        "Error: the upgrade to revision r2 was stopped half-way and cannot go on: its statement 2 "
        "was [UPDATE a SET n = n + 1] when it ran and is [UPDATE a SET n = n + 2] now: make the "
        "script as it was, or put the schema in order by hand and 'db stamp REVISION'"
    )
    revision(project, 2, WORKS)
    assert db(project, "upgrade").status == 0
    assert rows(url, "SELECT n FROM a") == [(101,), (101,)]
    assert "migrate_script_journal" not in tables(url)


def test_an_unfinished_revision_comes_first(maria):
    """A downgrade past a half-applied revision is refused; a stamp is a person's word."""
    project, url = maria
    revision(project, 2, FAILS)
    assert db(project, "upgrade").status == 1
    refused = db(project, "downgrade", "base")
    assert refused.status == 1
    assert refused.error.startswith(
        "Error: the upgrade to revision r2 was stopped half-way and must be finished before the "
        "downgrade from revision r1: run the upgrade again, or, once the schema is in order by "
        "hand, 'db stamp REVISION'"
    )
    assert db(project, "stamp", "r2").status == 0
    assert "migrate_script_journal" not in tables(url)


def test_a_script_that_looks_first_goes_on_as_ever(maria):
    """Who asks whether a table is there, and leaves it out then, is not refused for it."""
    project, url = maria
    body = """
        if "b" not in sa.inspect(op.get_bind()).get_table_names():
            op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
        {}
    """
    revision(project, 2, body.replace("{}", 'op.drop_table("missing")'))
    assert db(project, "upgrade").status == 1
    revision(project, 2, body.replace("{}", ""))
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert version(url) == ["r2"]


def test_a_failure_that_a_script_expects_is_its_own_affair(maria):
    """A statement that fails inside try and except does not stop the revision, nor its resuming."""
    project, url = maria
    body = """
        try:
            op.drop_table("missing")
        except sa.exc.DBAPIError:
            pass
        op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
        {}
        op.create_table("c", sa.Column("id", sa.Integer, primary_key=True))
    """
    revision(project, 2, body.replace("{}", "1 / 0"))
    assert db(project, "upgrade").status == 1
    revision(project, 2, body.replace("{}", ""))
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert {"b", "c"} <= set(tables(url))


def test_a_failed_downgrade_goes_on_too(maria):
    """The way down is noted as the way up is."""
    project, url = maria
    up = 'op.create_table("b", sa.Column("id", sa.Integer))'
    down = 'op.drop_table("b")\nop.execute("UPDATE a SET n = n + 1")\n'
    revision(project, 2, up, down + 'op.drop_table("missing")')
    assert db(project, "upgrade").status == 0
    assert db(project, "downgrade", "r1").status == 1
    revision(project, 2, up, down)
    assert db(project, "downgrade", "r1").status == 0
    assert rows(url, "SELECT n FROM a") == [(101,), (101,)]
    assert version(url) == ["r1"]
