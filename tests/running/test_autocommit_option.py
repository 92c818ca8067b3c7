"""SQLite: a run is one transaction although env.py asks that each statement be committed."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from databases import picture, rows, version
from projects import db, new_project
from revisions import BASE, HALF_WAY, begin, broken, remove_cause, revision

ENV = """
    import os
    import sqlalchemy as sa
    from alembic import context

    engine = sa.create_engine(os.environ["DATABASE_URL"], {options})
    with engine.connect() as connection:
        {connection}
        context.configure(connection=connection, target_metadata=None)
        with context.begin_transaction():
            context.run_migrations()
"""
WAYS = {
    "the connection": ("", 'connection.execution_options(isolation_level="AUTOCOMMIT")'),
    "the engine": ('execution_options={"isolation_level": "AUTOCOMMIT"}', "pass"),
    "the engine's level": ('isolation_level="AUTOCOMMIT"', "pass"),
}
TABLE = 'op.create_table("{}", sa.Column("id", sa.Integer))\n'


def _knows_the_level():
    """Whether this SQLAlchemy has the level for SQLite (1.3.16 and later)."""
    try:
        sa.create_engine("sqlite://", isolation_level="AUTOCOMMIT").connect().close()
    except sa.exc.ArgumentError:
        return False
    return True


pytestmark = pytest.mark.skipif(
    not _knows_the_level(), reason="this SQLAlchemy has no AUTOCOMMIT for SQLite"
)


def write_env(project, way):
    """Write an env.py that asks for AUTOCOMMIT."""
    options, connection = WAYS[way]
    if way == "the connection":
        connection = f"connection = {connection}"
    project.write("migrations/env.py", ENV.format(options=options, connection=connection))


@pytest.fixture(params=list(WAYS))
def at_r1(project, url, request):
    """A project whose database is at its only revision, and whose env.py asks for AUTOCOMMIT."""
    begin(project)
    write_env(project, request.param)
    return project


@pytest.mark.parametrize("case", list(HALF_WAY))
def test_a_revision_that_fails_leaves_nothing(at_r1, url, case):
    """No table, no row; once its cause is removed, all of it runs."""
    before = picture(url)
    revision(at_r1, 2, broken(case))
    failed = db(at_r1, "upgrade")
    assert failed.status == 1
    assert len(failed.error.splitlines()) == 1
    assert "; the database is at r1, as before" in failed.error
    assert picture(url) == before
    remove_cause(case, at_r1, url)
    again = db(at_r1, "upgrade")
    assert again.status == 0, again.err
    assert version(url) == ["r2"]


def test_a_later_revision_that_fails_undoes_the_run(at_r1, url):
    """Every revision of the run is in the one transaction."""
    before = picture(url)
    revision(at_r1, 2, TABLE.format("b") + 'op.execute("UPDATE a SET n = 7")')
    revision(at_r1, 3, TABLE.format("c") + 'op.execute("INSERT INTO missing VALUES (1)")')
    assert db(at_r1, "upgrade").status == 1
    assert picture(url) == before


@pytest.mark.parametrize("way", list(WAYS))
def test_the_first_revision_of_an_empty_database_fails(project, url, way):
    """Its tables are gone with it."""
    new_project(project)
    write_env(project, way)
    revision(project, 1, BASE + '\n    op.execute("INSERT INTO missing VALUES (1)")')
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "; the database is at no revision, as before" in failed.error
    assert {name for name in picture(url) if name != "alembic_version"} == set()
    assert version(url) == []


def test_a_downgrade_that_fails_leaves_everything(at_r1, url):
    """In the other direction, too."""
    assert db(at_r1, "upgrade").status == 0
    revision(at_r1, 2, TABLE.format("b"), 'op.drop_table("b")\nop.drop_table("missing")')
    assert db(at_r1, "upgrade").status == 0
    before = picture(url)
    assert db(at_r1, "downgrade", "r1").status == 1
    assert picture(url) == before


def test_a_dry_run_leaves_nothing(at_r1, url):
    """It succeeds for a revision that would, and the revision runs afterwards."""
    before = picture(url)
    revision(at_r1, 2, TABLE.format("b") + 'op.execute("UPDATE a SET n = 7")')
    tried = db(at_r1, "upgrade", "--dry-run")
    assert tried.status == 0, tried.err
    assert picture(url) == before
    done = db(at_r1, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, "SELECT n FROM a") == [(7,), (7,)]
    assert version(url) == ["r2"]


def test_a_dry_run_refuses_a_commit(at_r1, url):
    """What would be kept is named, and not kept."""
    before = picture(url)
    revision(at_r1, 2, TABLE.format("b") + 'op.execute("COMMIT")\n' + TABLE.format("c"))
    stopped = db(at_r1, "upgrade", "--dry-run")
    assert stopped.status == 1
    assert "--dry-run stopped revision r2 before [COMMIT]" in stopped.error
    assert picture(url) == before


def test_a_session_and_a_savepoint(at_r1, url):
    """Their commits are part of the run."""
    revision(
        at_r1,
        2,
        """
        from sqlalchemy import orm
        session = orm.Session(bind=op.get_bind())
        op.create_table("b", sa.Column("id", sa.Integer))
        session.execute(sa.text("UPDATE a SET n = 7"))
        session.commit()
        op.create_table("c", sa.Column("id", sa.Integer))
        with op.get_bind().begin_nested():
            op.execute("UPDATE a SET n = n + 1")
        """,
    )
    done = db(at_r1, "upgrade")
    assert done.status == 0, done.err
    assert sorted(picture(url)) == ["a", "alembic_version", "b", "c"]
    assert rows(url, "SELECT n FROM a") == [(8,), (8,)]
