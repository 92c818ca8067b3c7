"""A command that is killed leaves nothing that keeps the next one from working."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from databases import picture, rows, tables, version
from processes import ended, mortal
from projects import db, new_project
from revisions import BASE, revision

pytestmark = pytest.mark.slow

TWELVE = """
    op.create_table(
        "b", sa.Column("id", sa.Integer, primary_key=True), sa.Column("m", sa.Integer)
    )
    op.execute("INSERT INTO b (id, m) VALUES (1, 10)")
    op.execute("INSERT INTO b (id, m) VALUES (2, 20)")
    op.add_column("a", sa.Column("x", sa.Integer))
    op.execute("UPDATE a SET x = n + 1")
    op.execute("UPDATE a SET n = n + x")
    op.create_index("ix_a_x", "a", ["x"])
    op.create_table("c", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("INSERT INTO c (id) SELECT m FROM b")
    op.rename_table("b", "d")
    op.execute("DELETE FROM d WHERE id = 2")
    op.create_index("ix_d_m", "d", ["m"], unique=True)
"""
COPY = """
    op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
    with op.batch_alter_table("a", recreate="always") as batch:
        batch.add_column(sa.Column("x", sa.Integer))
    op.execute("UPDATE a SET n = n + 1")
"""


def indexes(url):
    """Return the indexes of every table."""
    engine = sa.create_engine(url)
    try:
        inspector = sa.inspect(engine)
        return {t: sorted(i["name"] for i in inspector.get_indexes(t)) for t in tables(url)}
    finally:
        engine.dispose()


@pytest.fixture
def mortal_project(project, database, monkeypatch):
    """A project at its only revision, whose commands can be made to end suddenly."""
    monkeypatch.setenv("DATABASE_URL", database)
    new_project(project)
    mortal(project)
    revision(project, 1, BASE)
    assert db(project, "upgrade").status == 0
    return project


def die(project, when):
    """Upgrade in a process that is killed, by itself, at a certain statement."""
    done = ended(project, "manage.py", "db", "upgrade", DIE=when)
    assert done.status() == -9, done.err


AS_UNDISTURBED = {
    "a": (["id", "n", "x"], [(1, 201, 101), (2, 201, 101)]),
    "alembic_version": (["version_num"], [("r2",)]),
    "c": (["id"], [(10,), (20,)]),
    "d": (["id", "m"], [(1, 10)]),
}


def check_kill(project, database, when):
    """Kill the upgrade of twelve statements, run it again, and look at everything."""
    before = picture(database)
    revision(project, 2, TWELVE)
    die(project, when)
    if not database.startswith("mysql"):
        assert picture(database) == before
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert picture(database) == AS_UNDISTURBED
    assert indexes(database)["a"] == ["ix_a_x"]
    assert indexes(database)["d"] == ["ix_d_m"]


@pytest.mark.parametrize("when", ["before 1", "after 5", "before 8", "after 10"])
def test_a_kill_between_statements(mortal_project, database, when):
    """The same schema and rows as of an undisturbed run, after a plain second one."""
    check_kill(mortal_project, database, when)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, 13))
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_kill_at_every_statement(mortal_project, database, side, number):
    """The same schema and rows as of an undisturbed run, wherever it was killed."""
    check_kill(mortal_project, database, f"{side} {number}")


@pytest.mark.parametrize("number", range(2, 6))
def test_a_kill_inside_the_copy_of_a_table(mortal_project, database, number):
    """SQLite and PostgreSQL go on; where MySQL cannot, the line to type repairs it."""
    revision(mortal_project, 2, COPY)
    die(mortal_project, f"after {number}")
    again = db(mortal_project, "upgrade")
    if database.startswith("mysql") and number == 4:
        assert again.status == 1
        copy = next(name for name in tables(database) if name.startswith("_alembic_"))
        assert again.error.startswith(
            f"Error: the table 'a' is missing and its rows are in '{copy}', because a copy of the "
            "table was stopped before its last statement: run the statement "
            f"RENAME TABLE `{copy}` TO `a` on the database, then 'db upgrade'"
        )
        rows(database, f"RENAME TABLE `{copy}` TO `a`")
        again = db(mortal_project, "upgrade")
    assert again.status == 0, again.err
    assert picture(database) == {
        "a": (["id", "n", "x"], [(1, 101, None), (2, 101, None)]),
        "alembic_version": (["version_num"], [("r2",)]),
        "b": (["id"], []),
    }


def test_a_kill_between_two_revisions(mortal_project, database):
    """Either all of both, or the first whole and the second again."""
    revision(mortal_project, 2, 'op.execute("UPDATE a SET n = n + 1")')
    revision(mortal_project, 3, 'op.create_table("b", sa.Column("id", sa.Integer))')
    die(mortal_project, "before 2")
    assert version(database) in (["r1"], ["r2"])
    again = db(mortal_project, "upgrade")
    assert again.status == 0, again.err
    assert rows(database, "SELECT n FROM a") == [(101,), (101,)]
    assert sorted(tables(database)) == ["a", "alembic_version", "b"]
