"""A script that rolls back, as it did yesterday, undoes its own changes and nothing else."""

from __future__ import annotations

from textwrap import dedent

import pytest
import sqlalchemy as sa
from databases import picture, rows, tables, version
from projects import db, new_project
from revisions import BASE, revision

START = """
    from sqlalchemy import orm
    session = orm.Session(bind=op.get_bind())
"""
A_SELECT_FAILS = """
    op.add_column("a", sa.Column("x", sa.Integer))
    try:
        session.execute(sa.text("SELECT nothing FROM a"))
    except Exception:
        session.rollback()
    session.execute(sa.text("UPDATE a SET x = 1"))
    session.commit()
    op.create_table("b", sa.Column("id", sa.Integer))
"""
AN_OPERATION_FAILS = """
    op.add_column("a", sa.Column("x", sa.Integer))
    try:
        op.create_table("a", sa.Column("id", sa.Integer))
    except Exception:
        session.connection()
        session.rollback()
    op.create_table("b", sa.Column("id", sa.Integer))
    op.execute("UPDATE a SET x = 1")
"""
COMMITTED_BEFORE = """
    op.add_column("a", sa.Column("x", sa.Integer))
    session.execute(sa.text("UPDATE a SET x = 1"))
    session.commit()
    session.execute(sa.text("UPDATE a SET x = 2, n = 0"))
    session.rollback()
    op.create_table("b", sa.Column("id", sa.Integer))
"""
AT_THE_END = """
    op.add_column("a", sa.Column("x", sa.Integer))
    op.create_table("b", sa.Column("id", sa.Integer))
    session.execute(sa.text("UPDATE a SET x = 1"))
    session.commit()
    session.execute(sa.text("DELETE FROM a"))
    session.rollback()
"""
TWICE = """
    op.add_column("a", sa.Column("x", sa.Integer))
    for table in ("nothing", "b", "neither"):
        try:
            session.execute(sa.text("DELETE FROM a"))
            session.execute(sa.text("SELECT * FROM " + table))
            session.commit()
        except Exception:
            session.rollback()
            op.execute("CREATE TABLE IF NOT EXISTS b (id INTEGER)")
            op.execute("INSERT INTO a (id, n) SELECT id + 10, n FROM a WHERE id < 3")
            session.execute(sa.text("DELETE FROM a WHERE id > 2"))
            session.commit()
            session.execute(sa.text("UPDATE a SET x = 1"))
            session.commit()
            break
"""
THE_CONNECTION = """
    op.add_column("a", sa.Column("x", sa.Integer))
    op.execute("UPDATE a SET x = 1")
    transaction = op.get_bind().begin_nested()
    op.execute("UPDATE a SET x = 2")
    transaction.rollback()
    op.create_table("b", sa.Column("id", sa.Integer))
"""
UNCOMMITTED = """
    op.add_column("a", sa.Column("x", sa.Integer))
    op.create_table("b", sa.Column("id", sa.Integer))
    session.connection()
    session.rollback()
    session.execute(sa.text("UPDATE a SET x = 1"))
    session.flush()
"""
A_TABLE_IS_MADE_ANEW = """
    with op.batch_alter_table("a", recreate="always") as batch:
        batch.add_column(sa.Column("x", sa.Integer))
    session.connection()
    session.rollback()
    op.execute("UPDATE a SET x = 1")
    op.create_table("b", sa.Column("id", sa.Integer))
"""
SCRIPTS = {
    "a SELECT fails": A_SELECT_FAILS,
    "an operation fails": AN_OPERATION_FAILS,
    "committed before": COMMITTED_BEFORE,
    "at the end": AT_THE_END,
    "in a loop": TWICE,
    "to a savepoint": THE_CONNECTION,
    "uncommitted at the end": UNCOMMITTED,
    "behind a batch": A_TABLE_IS_MADE_ANEW,
}


@pytest.fixture(params=["sqlite", "postgresql"])
def two(project, new_database, monkeypatch, request):
    """A project with an empty database and one revision: project and URL."""
    url = new_database(request.param)
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, BASE)
    return project, url


def change_env_py(project, old, new):
    """Let env.py begin its transactions in another way."""
    path = project.folder / "migrations/env.py"
    source = path.read_text(encoding="utf-8")
    assert old in source
    path.write_text(source.replace(old, new), encoding="utf-8")


def goes_on(two, script):
    """Write and run a revision that rolls back, and one behind it."""
    project, url = two
    revision(project, 2, START + SCRIPTS[script])
    revision(project, 3, 'op.execute("UPDATE a SET n = n + 1")')
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert picture(url) == {
        "a": (["id", "n", "x"], [(1, 101, 1), (2, 101, 1)]),
        "alembic_version": (["version_num"], [("r3",)]),
        "b": (["id"], []),
    }


@pytest.mark.parametrize("script", list(SCRIPTS))
def test_a_rollback_is_of_its_own_changes(two, script):
    """The run goes on, and keeps what was done before the rollback and after it."""
    if script == "an operation fails" and two[1].startswith("postgresql"):
        pytest.skip("there it aborts the transaction")
    goes_on(two, script)


def test_a_change_of_the_schema_that_fails_aborts_the_transaction(
    project, new_database, monkeypatch
):
    """On PostgreSQL, where no savepoint is kept before it: the run stops and is undone."""
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, BASE)
    revision(project, 2, START + AN_OPERATION_FAILS)
    done = db(project, "upgrade")
    assert done.status == 1
    assert done.error == (
        "Error: revision r2 rolls back the transaction of the whole run, by rollback() of a "
        "session or of its connection: let it roll back to a savepoint, by begin_nested(); the "
        "database is at no revision, as before\n"
    )
    assert {name for name in tables(url) if name != "alembic_version"} == set()


@pytest.mark.parametrize("comment", ["# no rollback here", ""])
def test_a_word_in_a_comment_decides_nothing(two, comment):
    """What the script does is undone in the same way with and without it."""
    project, url = two
    body = """
        op.execute("/* note */ UPDATE a SET n = 1")
        session.connection()
        getattr(session, "roll" + "back")()
        op.execute("/* rollback */ UPDATE a SET n = n + 1 WHERE id = 1")
    """
    revision(project, 2, "\n".join([comment, dedent(START), dedent(body)]))
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, "SELECT id, n FROM a ORDER BY id") == [(1, 101), (2, 100)]


@pytest.mark.parametrize("script", ["committed before", "a SELECT fails", "behind a batch"])
def test_a_rollback_where_each_revision_has_a_transaction(two, script):
    """That of one revision is over when its script is."""
    change_env_py(two[0], "target_metadata=", "transaction_per_migration=True, target_metadata=")
    goes_on(two, script)


def test_a_rollback_of_what_env_py_has_begun_is_refused(two):
    """It would fail where env.py commits it, and what was done stood all the same."""
    project, url = two
    call = "        configure(connection"
    change_env_py(project, call, "        connection.begin()\n" + call)
    revision(project, 2, START + COMMITTED_BEFORE)
    done = db(project, "upgrade")
    assert done.status == 1
    assert done.error.startswith("Error: revision r2 rolls back the transaction of the whole run")
    assert {name for name in tables(url) if name != "alembic_version"} == set()


@pytest.mark.parametrize("script", ["committed before", "a SELECT fails", "in a loop"])
def test_a_failure_behind_a_rollback_undoes_the_run(two, script):
    """SQLAlchemy takes the transaction for over by then; it is not."""
    project, url = two
    revision(project, 2, START + SCRIPTS[script])
    revision(project, 3, 'op.drop_table("missing")')
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert failed.error.endswith(
        "; the database is at no revision, as before: remove the cause and run 'db upgrade' again\n"
    )
    assert {name for name in tables(url) if name != "alembic_version"} == set()


def test_the_methods_of_the_dialect_are_as_they_were(two):
    """Of an engine that a program goes on with, nothing is changed."""
    project, url = two
    revision(project, 2, START + AT_THE_END)
    project.write(
        "program.py",
        """
        from manage import app
        from helpers_of_program import engine_of
        from migrate_script import upgrade

        with app.app_context():
            dialect = engine_of(app).dialect
            before = dict(vars(dialect))
            upgrade()
            after = vars(engine_of(app).dialect)
            assert "do_rollback" not in after, after["do_rollback"]
            assert "do_commit" not in after, after["do_commit"]
        """,
    )
    project.write(
        "helpers_of_program.py",
        """
        def engine_of(app):
            db = app.extensions["migrate"].db
            return db.engine
        """,
    )
    done = project.forked("program.py")
    assert done.status == 0, done.err
    assert version(url) == ["r2"]
    assert rows(url, "SELECT count(*) FROM a") == [(2,)]


@pytest.mark.skipif(not hasattr(sa.engine.Connection, "commit"), reason="this SQLAlchemy has none")
def test_the_connection_itself_is_rolled_back(two):
    """As a script for SQLAlchemy 2 may do it."""
    project, url = two
    revision(
        project,
        2,
        """
        op.add_column("a", sa.Column("x", sa.Integer))
        op.execute("DELETE FROM a")
        op.get_bind().rollback()
        op.execute("UPDATE a SET x = 1")
        """,
    )
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, "SELECT id, x FROM a") == [(1, 1), (2, 1)]
    assert version(url) == ["r2"]


@pytest.mark.parametrize(
    "script",
    [
        """
        # no rollback of these
        op.execute("COMMIT")
        op.execute("CREATE INDEX CONCURRENTLY ix ON a (n)")
        op.execute("UPDATE a SET n = 1")
        """,
        """
        # no rollback of these
        op.execute("COMMIT")
        op.execute("BEGIN")
        op.execute("UPDATE a SET n = 1")
        op.execute("COMMIT")
        op.execute("VACUUM a")
        """,
        """
        # no rollback of these
        op.execute("UPDATE a SET n = 1; COMMIT")
        op.execute("VACUUM a")
        """,
    ],
)
def test_the_word_alone_changes_nothing(project, new_database, monkeypatch, script):
    """PostgreSQL: behind a COMMIT there is no transaction to keep a savepoint in."""
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, BASE)
    revision(project, 2, script)
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert version(url) == ["r2"]
    assert rows(url, "SELECT n FROM a") == [(1,), (1,)]
