"""Savepoints that a script sets itself, by hand or by SQLAlchemy, do what they say."""

from __future__ import annotations

from textwrap import dedent

import pytest
from databases import picture, rows, tables, version
from projects import db, new_project
from revisions import BASE, begin, revision

# many cases of one kind: on the oldest, a middle and the newest stack
pytestmark = pytest.mark.slow

CAUGHT = """
    op.execute("SAVEPOINT a")
    try:
        op.create_table("a", sa.Column("id", sa.Integer))
    except Exception:
        op.execute("ROLLBACK TO SAVEPOINT a")
    op.execute("RELEASE SAVEPOINT a")
    op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
    op.create_table("b", sa.Column("id", sa.Integer))
"""
CAUGHT_LATER = """
    op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
    op.execute("SAVEPOINT a")
    op.create_table("c", sa.Column("id", sa.Integer))
    try:
        op.execute("ALTER TABLE missing ADD COLUMN x INTEGER")
    except Exception:
        op.execute("ROLLBACK TO SAVEPOINT a")
        op.execute("RELEASE SAVEPOINT a")
    op.create_table("b", sa.Column("id", sa.Integer))
"""
NOT_RELEASED = """
    op.execute("SAVEPOINT a")
    try:
        op.create_table("a", sa.Column("id", sa.Integer))
    except Exception:
        op.execute("ROLLBACK TO SAVEPOINT a")
    op.create_table("b", sa.Column("id", sa.Integer))
    op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
"""
BACK_THEN_A_TABLE = """
    op.execute("SAVEPOINT a")
    op.execute("INSERT INTO a (id, n) VALUES (4, 100)")
    op.execute("ROLLBACK TO a")
    op.create_table("b", sa.Column("id", sa.Integer))
    op.execute("RELEASE a")
    op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
"""
BACK_TWICE = """
    op.execute("SAVEPOINT a")
    for table in ("b", "c"):
        op.execute("INSERT INTO a (id, n) VALUES (4, 100)")
        op.create_table(table, sa.Column("id", sa.Integer))
        op.execute("ROLLBACK TO SAVEPOINT a")
    op.create_table("b", sa.Column("id", sa.Integer))
    op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
    op.execute("RELEASE SAVEPOINT a")
"""
INNER_GOES_BACK = """
    op.execute("SAVEPOINT a")
    op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
    op.execute("SAVEPOINT b")
    op.execute("INSERT INTO a (id, n) VALUES (4, 100)")
    op.create_table("c", sa.Column("id", sa.Integer))
    op.execute("ROLLBACK TO SAVEPOINT b")
    op.create_table("b", sa.Column("id", sa.Integer))
    op.execute("RELEASE SAVEPOINT b")
    op.execute("RELEASE SAVEPOINT a")
"""
OUTER_GOES_BACK = """
    op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
    op.execute("SAVEPOINT a")
    op.create_table("c", sa.Column("id", sa.Integer))
    op.execute("SAVEPOINT b")
    op.execute("INSERT INTO a (id, n) VALUES (4, 100)")
    op.execute("RELEASE SAVEPOINT b")
    op.execute("ROLLBACK TO SAVEPOINT a")
    op.execute("RELEASE SAVEPOINT a")
    op.create_table("b", sa.Column("id", sa.Integer))
"""
OUTER_TAKES_INNER = """
    op.execute("SAVEPOINT a")
    op.execute("SAVEPOINT b")
    op.execute("INSERT INTO a (id, n) VALUES (4, 100)")
    op.execute("ROLLBACK TO SAVEPOINT a")
    op.create_table("b", sa.Column("id", sa.Integer))
    op.execute("RELEASE SAVEPOINT a")
    op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
"""
RELEASE_TAKES_INNER = """
    op.execute("SAVEPOINT a")
    op.execute("SAVEPOINT b")
    op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
    op.execute("RELEASE SAVEPOINT a")
    op.create_table("b", sa.Column("id", sa.Integer))
"""
ONE_NAME_TWICE = """
    op.execute("SAVEPOINT a")
    op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
    op.execute("SAVEPOINT a")
    op.execute("INSERT INTO a (id, n) VALUES (4, 100)")
    op.execute("ROLLBACK TO SAVEPOINT a")
    op.execute("RELEASE SAVEPOINT a")
    op.create_table("b", sa.Column("id", sa.Integer))
    op.execute("RELEASE SAVEPOINT a")
"""
NESTED_INNER_FIRST = """
    connection = op.get_bind()
    outer = connection.begin_nested()
    op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
    inner = connection.begin_nested()
    op.execute("INSERT INTO a (id, n) VALUES (4, 100)")
    op.create_table("c", sa.Column("id", sa.Integer))
    inner.rollback()
    op.create_table("b", sa.Column("id", sa.Integer))
    outer.commit()
"""
NESTED_OUTER_LAST = """
    connection = op.get_bind()
    op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
    outer = connection.begin_nested()
    op.create_table("c", sa.Column("id", sa.Integer))
    inner = connection.begin_nested()
    op.execute("INSERT INTO a (id, n) VALUES (4, 100)")
    inner.commit()
    outer.rollback()
    op.create_table("b", sa.Column("id", sa.Integer))
"""
NESTED_ROLLBACK_THEN_COMMIT = """
    connection = op.get_bind()
    first = connection.begin_nested()
    op.execute("INSERT INTO a (id, n) VALUES (4, 100)")
    first.rollback()
    op.create_table("b", sa.Column("id", sa.Integer))
    second = connection.begin_nested()
    op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
    second.commit()
"""
NESTED_COMMIT_THEN_ROLLBACK = """
    connection = op.get_bind()
    first = connection.begin_nested()
    op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
    first.commit()
    op.create_table("b", sa.Column("id", sa.Integer))
    second = connection.begin_nested()
    op.execute("INSERT INTO a (id, n) VALUES (4, 100)")
    op.create_table("c", sa.Column("id", sa.Integer))
    second.rollback()
"""
NESTED_CAUGHT = """
    connection = op.get_bind()
    try:
        with connection.begin_nested():
            op.create_table("c", sa.Column("id", sa.Integer))
            op.create_table("a", sa.Column("id", sa.Integer))
    except sa.exc.DBAPIError:
        op.create_table("b", sa.Column("id", sa.Integer))
    op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
"""
A_SESSION_NESTS = """
    from sqlalchemy import orm
    session = orm.Session(bind=op.get_bind())
    session.execute(sa.text("INSERT INTO a (id, n) VALUES (3, 100)"))
    nested = session.begin_nested()
    session.execute(sa.text("INSERT INTO a (id, n) VALUES (4, 100)"))
    nested.rollback()
    op.create_table("b", sa.Column("id", sa.Integer))
    session.commit()
"""
A_SESSION_NESTS_TWICE = """
    from sqlalchemy import orm
    session = orm.Session(bind=op.get_bind())
    outer = session.begin_nested()
    session.execute(sa.text("INSERT INTO a (id, n) VALUES (3, 100)"))
    inner = session.begin_nested()
    session.execute(sa.text("INSERT INTO a (id, n) VALUES (4, 100)"))
    op.create_table("c", sa.Column("id", sa.Integer))
    inner.rollback()
    outer.commit()
    session.commit()
    op.create_table("b", sa.Column("id", sa.Integer))
"""
BY_HAND_AND_NESTED = """
    op.execute("SAVEPOINT a")
    inner = op.get_bind().begin_nested()
    op.execute("INSERT INTO a (id, n) VALUES (4, 100)")
    inner.rollback()
    op.execute("INSERT INTO a (id, n) VALUES (5, 100)")
    op.execute("ROLLBACK TO SAVEPOINT a")
    op.execute("RELEASE SAVEPOINT a")
    op.create_table("b", sa.Column("id", sa.Integer))
    op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
"""
SCRIPTS = {
    "a change of the schema fails": CAUGHT,
    "the second of two fails": CAUGHT_LATER,
    "not released": NOT_RELEASED,
    "back, then a table": BACK_THEN_A_TABLE,
    "back twice": BACK_TWICE,
    "the inner one goes back": INNER_GOES_BACK,
    "the outer one goes back": OUTER_GOES_BACK,
    "the outer one goes back with the inner one": OUTER_TAKES_INNER,
    "the outer one is released with the inner one": RELEASE_TAKES_INNER,
    "one name twice": ONE_NAME_TWICE,
    "begin_nested, the inner one rolls back": NESTED_INNER_FIRST,
    "begin_nested, the outer one rolls back": NESTED_OUTER_LAST,
    "begin_nested, rollback and commit": NESTED_ROLLBACK_THEN_COMMIT,
    "begin_nested, commit and rollback": NESTED_COMMIT_THEN_ROLLBACK,
    "begin_nested, a failure": NESTED_CAUGHT,
    "begin_nested of a session": A_SESSION_NESTS,
    "begin_nested of a session, twice": A_SESSION_NESTS_TWICE,
    "both": BY_HAND_AND_NESTED,
}
TABLE = (["id"], [])


def after(number, n):
    """Return the picture of the database after a script."""
    a = (["id", "n"], [(1, n), (2, n), (3, n)])
    return {"a": a, "alembic_version": (["version_num"], [(f"r{number}",)]), "b": TABLE}


@pytest.fixture(params=["sqlite", "postgresql"])
def at_r1(project, new_database, monkeypatch, request):
    """A project whose database is at its only revision: project and URL."""
    url = new_database(request.param)
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    return project, url


@pytest.mark.parametrize("script", list(SCRIPTS))
def test_savepoints_of_a_script(at_r1, script):
    """What it goes back over is undone, everything else is kept; a dry run keeps nothing."""
    project, url = at_r1
    before = picture(url)
    revision(project, 2, SCRIPTS[script])
    revision(project, 3, 'op.execute("UPDATE a SET n = n + 1")')
    tried = db(project, "upgrade", "--dry-run")
    assert tried.status == 0, tried.err
    assert picture(url) == before
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert picture(url) == after(3, 101)


@pytest.mark.parametrize("script", list(SCRIPTS))
def test_a_failure_behind_savepoints(at_r1, script):
    """A later revision that fails undoes them, too; once it is cured, all of it runs."""
    project, url = at_r1
    before = picture(url)
    revision(project, 2, SCRIPTS[script])
    revision(project, 3, 'op.drop_table("missing")')
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "; the database is at r1, as before" in failed.error
    assert len(failed.error.splitlines()) == 1
    assert picture(url) == before
    revision(project, 3, "pass")
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert picture(url) == after(3, 100)


@pytest.mark.parametrize("script", [name for name in SCRIPTS if name != "not released"])
def test_a_session_rolls_back_behind_savepoints(at_r1, script):
    """It undoes its own row, and nothing that precedes the last change of the schema."""
    project, url = at_r1
    more = """
    from sqlalchemy import orm
    op.create_table("d", sa.Column("id", sa.Integer))
    last = orm.Session(bind=op.get_bind())
    last.execute(sa.text("INSERT INTO a (id, n) VALUES (9, 100)"))
    last.rollback()
    """
    revision(project, 2, dedent(SCRIPTS[script]) + dedent(more))
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert picture(url) == {**after(2, 100), "d": TABLE}


# -- SQLite: the session of the application ---------------------------------------------------

SESSION = """
from flask import current_app
session = current_app.extensions["migrate"].db.session
"""


def sessions_script(body):
    """Return a script that uses the session of the application."""
    return SESSION + dedent(body)


def test_the_session_commits_behind_a_change_of_the_schema(project, url):
    """Rows of the run, rows of the session and the table that came between are all there."""
    begin(project)
    revision(
        project,
        2,
        sessions_script(
            """
            op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
            session.execute(sa.text("INSERT INTO a (id, n) VALUES (4, 100)"))
            op.create_table("b", sa.Column("id", sa.Integer))
            session.commit()
            """
        ),
    )
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, "SELECT id FROM a ORDER BY id") == [(1,), (2,), (3,), (4,)]
    assert "b" in tables(url)
    assert version(url) == ["r2"]


def test_the_session_commits_twice_behind_changes_of_the_schema(project, url):
    """Each commit is of its own rows, and a later rollback of the session takes none of them."""
    begin(project)
    revision(
        project,
        2,
        sessions_script(
            """
            for number in (3, 4):
                session.execute(sa.text("INSERT INTO a (id, n) VALUES (%d, 100)" % number))
                op.add_column("a", sa.Column("x%d" % number, sa.Integer))
                op.execute("INSERT INTO a (id, n) VALUES (%d, 100)" % (number + 10))
                session.commit()
            session.execute(sa.text("INSERT INTO a (id, n) VALUES (5, 100)"))
            session.rollback()
            op.create_table("b", sa.Column("id", sa.Integer))
            """
        ),
    )
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, "SELECT id FROM a ORDER BY id") == [(1,), (2,), (3,), (4,), (13,), (14,)]
    assert tables(url)["a"] == ["id", "n", "x3", "x4"]
    assert "b" in tables(url)
    assert version(url) == ["r2"]


@pytest.mark.parametrize(
    "schema",
    ['op.create_table("b", sa.Column("id", sa.Integer))', "pass"],
    ids=["a table", "nothing"],
)
@pytest.mark.parametrize("is_new", [True, False], ids=["from nothing", "from r1"])
def test_a_session_is_committed_in_the_next_revision(project, url, schema, is_new):
    """What it has left open at the end of one is there after the other."""
    if is_new:
        new_project(project)
        revision(project, 1, BASE)
    else:
        begin(project)
    revision(
        project,
        2,
        sessions_script('session.execute(sa.text("INSERT INTO a (id, n) VALUES (3, 100)"))')
        + "\n"
        + schema,
    )
    revision(
        project,
        3,
        sessions_script(
            """
            op.create_table("c", sa.Column("id", sa.Integer))
            session.execute(sa.text("INSERT INTO c (id) VALUES (1)"))
            session.commit()
            """
        ),
    )
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, "SELECT id FROM a ORDER BY id") == [(1,), (2,), (3,)]
    assert rows(url, "SELECT id FROM c") == [(1,)]
    assert version(url) == ["r3"]


def test_a_session_left_open_goes_with_a_run_that_fails(project, url):
    """Committed in the next revision, its row is undone when that one fails."""
    begin(project)
    before = picture(url)
    row = 'session.execute(sa.text("INSERT INTO a (id, n) VALUES (3, 100)"))'
    revision(project, 2, sessions_script(row))
    revision(project, 3, sessions_script('session.commit()\nop.drop_table("missing")'))
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "; the database is at r1, as before" in failed.error
    assert picture(url) == before


# -- SQLite: a setting in the middle ----------------------------------------------------------


def test_a_setting_between_the_rows_of_a_script(project, url):
    """It ends the transaction: the session that comes after it rolls back its own row only."""
    begin(project)
    revision(
        project,
        2,
        """
        from sqlalchemy import orm
        op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
        op.execute("PRAGMA foreign_keys = ON")
        session = orm.Session(bind=op.get_bind())
        session.execute(sa.text("INSERT INTO a (id, n) VALUES (4, 100)"))
        session.rollback()
        op.execute("INSERT INTO a (id, n) VALUES (5, 100)")
        """,
    )
    done = db(project, "upgrade")
    assert "no such savepoint" not in done.err
    assert done.status == 0, done.err
    assert rows(url, "SELECT id FROM a ORDER BY id") == [(1,), (2,), (3,), (5,)]
    assert version(url) == ["r2"]


# -- PostgreSQL: an error that a script has caught ---------------------------------------------


@pytest.mark.parametrize(
    "schema",
    ['op.create_table("b", sa.Column("id", sa.Integer))\n', ""],
    ids=["a table", "nothing"],
)
def test_an_error_that_was_caught_without_a_savepoint(project, new_database, monkeypatch, schema):
    """The transaction is aborted: the line names the statement that failed first, and where."""
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    before = picture(url)
    script = """
    op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
    try:
        op.execute("INSERT INTO a (id, n) VALUES (1, 100)")
    except Exception:
        pass
    """
    revision(project, 2, schema + dedent(script))
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert len(failed.error.splitlines()) == 1
    path = project.folder / "migrations/versions/r2_.py"
    lines = path.read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "(1, 100)" in text)
    assert failed.error.startswith(
        f'Error: {path}, line {line}: duplicate key value violates unique constraint "a_pkey"'
    )
    assert "[statement: INSERT INTO a (id, n) VALUES (1, 100)] was caught, and" in failed.error
    assert "aborted" not in failed.error
    assert "inside 'with op.get_bind().begin_nested():'; the database is at r1, as" in failed.error
    assert picture(url) == before
    cured = """
    op.execute("INSERT INTO a (id, n) VALUES (3, 100)")
    try:
        with op.get_bind().begin_nested():
            op.execute("INSERT INTO a (id, n) VALUES (1, 100)")
    except Exception:
        pass
    """
    revision(project, 2, schema + dedent(cured))
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, "SELECT id FROM a ORDER BY id") == [(1,), (2,), (3,)]
    assert version(url) == ["r2"]


@pytest.mark.parametrize(
    "goes_on",
    [
        'op.create_table("b", sa.Column("id", sa.Integer))',
        'op.execute("INSERT INTO a (id, n) VALUES (3, 100)")',
        'op.get_bind().execute(sa.text("SELECT 1"))',
        'for _ in "ab":\n    try:\n        op.execute("SELECT 1")\n    except Exception: pass',
        'with op.get_bind().begin_nested():\n    op.execute("SELECT 1")',
    ],
    ids=["a table", "a row", "a query", "caught again", "a savepoint"],
)
def test_the_first_failure_is_named(project, new_database, monkeypatch, goes_on):
    """Whatever the script goes on with, and by whomever the statement was executed."""
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    before = picture(url)
    script = """
    def make(name):
        op.create_table(name, sa.Column("id", sa.Integer))

    try:
        make("a")
    except Exception:
        pass
    """
    revision(project, 2, dedent(script) + goes_on)
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert len(failed.error.splitlines()) == 1
    assert (
        'r2_.py, line 14: relation "a" already exists [statement: CREATE TABLE a ' in failed.error
    )
    assert "aborted" not in failed.error
    assert picture(url) == before
