"""URLs that name no driver, with the driver that SQLAlchemy takes then."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from databases import rows, tables, version
from projects import db, new_project
from revisions import BASE, revision


@pytest.fixture
def url(project, new_database, monkeypatch):
    """A database of PostgreSQL's as most people write it, at the first revision of a project."""
    url = new_database("postgresql").replace("+psycopg2", "")
    driver = sa.create_engine(url).dialect.driver
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, BASE)
    done = db(project, "upgrade")
    assert done.status == 0, (driver, done.err)
    return url


def test_a_run_fails_and_is_undone(project, url):
    """All of it, and the line names the statement."""
    revision(project, 2, 'op.add_column("a", sa.Column("x", sa.Integer))\nop.execute("SELECT 1/0")')
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "division by zero" in failed.error
    assert "the database is at r1, as before" in failed.error
    assert "x" not in tables(url)["a"]


def test_a_dry_run_changes_nothing(project, url):
    """And the real one does."""
    revision(project, 2, 'op.add_column("a", sa.Column("x", sa.Integer))')
    assert db(project, "upgrade", "--dry-run").status == 0
    assert "x" not in tables(url)["a"]
    assert db(project, "upgrade").status == 0
    assert "x" in tables(url)["a"]
    assert db(project, "downgrade", "--yes").status == 0
    assert version(url) == ["r1"]


def test_a_script_rolls_back(project, url):
    """Its own rows, and not the run."""
    text = """
        from sqlalchemy.orm import Session
        op.add_column("a", sa.Column("x", sa.Integer))
        session = Session(bind=op.get_bind())
        session.execute(sa.text("UPDATE a SET n = 7"))
        session.rollback()
    """
    revision(project, 2, text)
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert "x" in tables(url)["a"]
    assert (7,) not in rows(url, "SELECT n FROM a")


def test_a_script_rolls_back_by_the_driver_itself(project, url):
    """That undoes the run, which stops and says so."""
    text = """
        op.add_column("a", sa.Column("x", sa.Integer))
        op.get_bind().execute(sa.text("UPDATE a SET n = 7"))
        op.get_bind().connection.rollback()
    """
    revision(project, 2, text)
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "revision r2 rolls back the transaction of the whole run" in failed.error
    assert "x" not in tables(url)["a"]
    assert version(url) == ["r1"]


def test_an_index_is_made_concurrently(project, url):
    """In an autocommit block, beside the lock of the run."""
    if not hasattr(MigrationContext, "autocommit_block"):
        pytest.skip("this Alembic has no autocommit_block()")
    revision(
        project,
        2,
        """
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY i ON a (n)")
        """,
    )
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert version(url) == ["r2"]


def test_the_session_of_the_script_is_ended(project, url):
    """What it has read does not hold the table."""
    revision(
        project,
        2,
        """
        from flask import current_app
        session = current_app.extensions["migrate"].db.session
        session.execute(sa.text("SELECT n FROM a")).fetchall()
        op.add_column("a", sa.Column("x", sa.Integer))
        """,
    )
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert "x" in tables(url)["a"]
