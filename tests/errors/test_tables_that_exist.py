"""A table that is there already, made by create_all(): the line says how to go on."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from databases import rows, tables, version
from front_ends import FrontEnd
from projects import new_project
from revisions import line_of, revision

REVISION = """
    op.create_table("one", sa.Column("id", sa.Integer))
    op.create_table("two", sa.Column("id", sa.Integer))
"""
SAYS = {
    "sqlite": "table two already exists",
    "postgresql": 'relation "two" already exists',
    "mysql": "Table 'two' already exists (1050)",
}


def failed(project, database, name):
    """Upgrade a database in which the second table of the first revision is there."""
    new_project(project)
    revision(project, 1, REVISION, 'op.drop_table("two")')
    rows(database, "CREATE TABLE two (id INTEGER)")
    db = FrontEnd(name, project, "manage.py")
    done = db("upgrade")
    kind = sa.engine.url.make_url(database).get_backend_name()
    statement = "[statement: CREATE TABLE two ( id INTEGER )]"
    outcome = "the database is at no revision, as before"
    if kind == "mysql":
        outcome += (
            "; 1 statement was applied and will not be repeated: [CREATE TABLE one ( id INTEGER )]"
        )
    assert (done.status, done.out, done.error) == (
        1,
        "",
        f"Error: revision r1 failed: {SAYS[kind]} {statement} ({line_of(project, 1, 11)}); "
        f"{outcome}: if db.create_all() made the tables of the models, run 'db stamp head'; if "
        "not, rename or drop the table and run 'db upgrade' again\n",
    )
    return db


@pytest.mark.parametrize("name", ["manage.py", "flask"])
def test_a_table_that_create_all_made(project, database, monkeypatch, name):
    """The first advice cures it: later revisions run."""
    monkeypatch.setenv("DATABASE_URL", database)
    db = failed(project, database, name)
    assert db("stamp", "head").status == 0
    revision(project, 2, 'op.create_table("three", sa.Column("id", sa.Integer))')
    done = db("upgrade")
    assert done.status == 0, done.err
    assert version(database) == ["r2"]
    assert "three" in tables(database)


@pytest.mark.parametrize("cure", ["DROP TABLE two", "ALTER TABLE two RENAME TO old_two"])
@pytest.mark.parametrize("name", ["manage.py", "flask"])
def test_a_table_that_is_left_over(project, database, monkeypatch, name, cure):
    """The second advice cures it: the revision runs."""
    monkeypatch.setenv("DATABASE_URL", database)
    db = failed(project, database, name)
    rows(database, cure)
    done = db("upgrade")
    assert done.status == 0, done.err
    assert version(database) == ["r1"]
    assert {"one", "two"} <= set(tables(database))
