"""SQLite: what a script does on a connection of its own joins the run."""

from __future__ import annotations

import pytest
from databases import rows, tables, version
from projects import db, new_project
from revisions import BASE, begin, revision


@pytest.fixture
def at_r1(project, url):
    """A project whose database is at its only revision."""
    begin(project)
    return project


NUMBERS = "SELECT id, n FROM a ORDER BY id"


def test_the_session_of_the_application_sees_and_commits(project, url):
    """In one run from nothing: it sees the tables of the run, and its rows are there after it."""
    new_project(project)
    revision(project, 1, BASE)
    revision(
        project,
        2,
        """
        from flask import current_app
        session = current_app.extensions["migrate"].db.session
        op.add_column("a", sa.Column("m", sa.Integer))
        assert session.execute(sa.text("SELECT count(m) FROM a")).fetchall() == [(0,)]
        session.execute(sa.text("INSERT INTO a (id, n, m) VALUES (3, 100, 1)"))
        session.commit()
        op.execute("UPDATE a SET n = n + 1")
        """,
    )
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, NUMBERS) == [(1, 101), (2, 101), (3, 101)]
    assert version(url) == ["r2"]


def test_what_the_session_rolls_back_is_its_own(at_r1, url):
    """The changes before it, and those of the run, stay."""
    revision(
        at_r1,
        2,
        """
        from flask import current_app
        session = current_app.extensions["migrate"].db.session
        op.create_table("b", sa.Column("id", sa.Integer))
        session.execute(sa.text("UPDATE a SET n = 1"))
        session.commit()
        session.execute(sa.text("UPDATE a SET n = 2"))
        session.rollback()
        op.execute("INSERT INTO b VALUES (7)")
        """,
    )
    done = db(at_r1, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, NUMBERS) == [(1, 1), (2, 1)]
    assert rows(url, "SELECT id FROM b") == [(7,)]


def test_what_the_session_committed_goes_with_the_run(at_r1, url):
    """A run that fails later leaves nothing of it."""
    revision(
        at_r1,
        2,
        """
        from flask import current_app
        session = current_app.extensions["migrate"].db.session
        session.execute(sa.text("UPDATE a SET n = 1"))
        session.commit()
        op.execute("INSERT INTO missing VALUES (1)")
        """,
    )
    assert db(at_r1, "upgrade").status == 1
    assert rows(url, NUMBERS) == [(1, 100), (2, 100)]
    assert version(url) == ["r1"]


@pytest.mark.parametrize("engine", ["op.get_bind().engine", "sa.create_engine(str(url))"])
def test_an_engine_sees_the_tables_of_the_run(project, url, engine):
    """`has_table` on the engine says what is so, and a table is not made twice or a copy missed."""
    new_project(project)
    revision(project, 1, BASE)
    revision(
        project,
        2,
        f"""
        url = op.get_bind().engine.url
        op.create_table("copied", sa.Column("n", sa.Integer))
        if "a" in sa.inspect({engine}).get_table_names():
            op.execute("INSERT INTO copied SELECT n FROM a")
            op.drop_table("a")
        """,
    )
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, "SELECT n FROM copied") == [(100,), (100,)]
    assert "a" not in tables(url)


def test_an_engine_that_says_begin_and_commit_itself(at_r1, url):
    """The recipe for the transactions of the sqlite3 module works on such a connection too."""
    revision(
        at_r1,
        2,
        """
        engine = sa.create_engine(op.get_bind().engine.url)
        sa.event.listen(engine, "begin", lambda c: c.connection.cursor().execute("BEGIN"))
        for value, end in ((1, "commit"), (2, "rollback")):
            with engine.connect() as connection:
                transaction = connection.begin()
                connection.execute(sa.text("UPDATE a SET n = %d" % value))
                getattr(transaction, end)()
        raw = engine.raw_connection()
        raw.cursor().execute("BEGIN")
        raw.cursor().execute("UPDATE a SET n = 3")
        raw.cursor().execute("ROLLBACK")
        raw.close()
        """,
    )
    done = db(at_r1, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, NUMBERS) == [(1, 1), (2, 1)]


def test_other_threads_and_what_comes_after_have_their_own(at_r1, url):
    """A thread sees what is committed; after the run every connection is one of SQLite again."""
    revision(
        at_r1,
        2,
        """
        import threading
        from manage import app, db
        op.execute("UPDATE a SET n = 5")
        query = sa.text("SELECT n FROM a")
        seen = []

        def look():
            with app.app_context():
                seen.extend(db.session.execute(query).fetchall())
                db.session.remove()

        assert db.session.execute(query).fetchall() == [(5,), (5,)]
        db.session.remove()
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        assert seen == [(100,), (100,)], seen
        db.session.execute(query)
        """,
    )
    at_r1.write(
        "story.py",
        """
        import sqlalchemy as sa
        from manage import app, db
        from migrate_script import upgrade

        with app.app_context():
            db.session.execute(sa.text("SELECT 1"))
            db.session.remove()
            upgrade()
            db.session.execute(sa.text("UPDATE a SET n = 6 WHERE id = 1"))
            db.session.commit()
            db.session.execute(sa.text("UPDATE a SET n = 7"))
            db.session.remove()
            print(type(db.session.connection().connection.cursor()).__name__)
        """,
    )
    done = at_r1.forked("-W", "ignore", "story.py")
    assert (done.status, done.out) == (0, "Cursor\n"), done.err
    assert rows(url, NUMBERS) == [(1, 6), (2, 5)]


@pytest.mark.parametrize("commit", ["/* done */ COMMIT", "-- done\ncommit work", "END"])
def test_a_commit_behind_a_comment_joins_the_run(at_r1, url, commit):
    """A script that fails after it leaves nothing."""
    revision(
        at_r1,
        2,
        f"""
        engine = sa.create_engine(op.get_bind().engine.url)
        with engine.connect() as connection:
            raw = connection.connection
            raw.cursor().execute("BEGIN")
            raw.cursor().execute("UPDATE a SET n = 1")
            raw.cursor().execute({commit!r})
        raise ValueError("stop")
        """,
    )
    failed = db(at_r1, "upgrade")
    assert failed.status == 1
    assert "; the database is at r1, as before" in failed.error
    assert rows(url, NUMBERS) == [(1, 100), (2, 100)]


def test_what_a_comment_precedes_is_rolled_back_too(at_r1, url):
    """An UPDATE after a comment is a change of rows like any other."""
    revision(
        at_r1,
        2,
        """
        engine = sa.create_engine(op.get_bind().engine.url)
        raw = engine.raw_connection()
        raw.cursor().execute("/* note */ UPDATE a SET n = 1")
        raw.rollback()
        raw.close()
        """,
    )
    done = db(at_r1, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, NUMBERS) == [(1, 100), (2, 100)]
