"""What the application, or the script, has open beside the run and on the same tables."""

from __future__ import annotations

import pytest
from databases import file_of, rows, tables, version
from projects import MANAGE, db, new_project
from revisions import BASE, revision

SESSION = """
    app.app_context().push()
    db.session.execute(db.text("SELECT n FROM a")).fetchall()
"""
CONNECTION = """
    app.app_context().push()
    open_one = db.engine.connect()
    open_one.begin()
    open_one.execute(db.text("SELECT n FROM a")).fetchall()
"""
# an engine that Flask-SQLAlchemy does not know, and no object of SQLAlchemy's session
ENGINE = """
    import sqlalchemy as sa
    kept = sa.create_engine(os.environ["DATABASE_URL"], poolclass=sa.pool.StaticPool)
    kept.raw_connection().cursor().execute("SELECT n FROM a")
"""
CHANGES = """
    app.app_context().push()
    db.session.execute(db.text("UPDATE a SET n = n + 1"))
"""
ADD = 'op.add_column("a", sa.Column("x", sa.Integer))'


@pytest.fixture(params=["postgresql", "mysql"])
def url(request, project, new_database, monkeypatch):
    """The database of a project at its only revision; it has a second one that adds a column."""
    url = new_database(request.param)
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, BASE)
    assert db(project, "upgrade").status == 0
    revision(project, 2, ADD)
    return url


def imported(project, text):
    """Let the application do something when it is imported, once its models are there."""
    before, main = MANAGE.split("    if __name__")
    project.write("manage.py", before + text + "\n    if __name__" + main)
    project.write("shop.py", "from manage import app\n")


@pytest.mark.parametrize(
    ("text", "front"),
    [
        pytest.param(SESSION, "manage.py", id="session"),
        pytest.param(SESSION, "flask", id="session, flask db"),
        pytest.param(CONNECTION, "manage.py", id="connection"),
        pytest.param(ENGINE, "manage.py", id="driver"),
    ],
)
def test_what_the_application_has_only_read_is_ended(project, url, text, front):
    """The run does not wait for it."""
    imported(project, text)
    if front == "flask":
        done = project.process("-m", "flask", "db", "upgrade", env={"FLASK_APP": "shop.py"})
    else:
        done = project.forked("manage.py", "db", "upgrade")
    assert done.status == 0, done.err
    assert "x" in tables(url)["a"]
    assert version(url) == ["r2"]


def test_what_a_script_has_only_read_is_ended(project, url):
    """By the session of the application, on a connection beside the one of the run."""
    revision(
        project,
        2,
        f"""
        from flask import current_app
        session = current_app.extensions["migrate"].db.session
        found = session.execute(sa.text("SELECT n FROM a ORDER BY id")).fetchall()
        {ADD}
        op.get_bind().execute(sa.text("UPDATE a SET x = %d" % sum(n for n, in found)))
        """,
    )
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, "SELECT x FROM a") == [(200,), (200,)]


def test_a_script_that_reads_what_the_run_has_locked(project, url):
    """On PostgreSQL the other connection would wait for ever; MySQL has no lock any more."""
    reads = """
        from flask import current_app
        session = current_app.extensions["migrate"].db.session
        op.add_column("a", sa.Column("x", sa.Integer))
        found = session.execute(sa.text("SELECT n FROM a ORDER BY id")).fetchall()
        op.execute("UPDATE a SET x = 7")
    """
    revision(project, 2, reads)
    done = db(project, "upgrade")
    if url.startswith("mysql"):
        assert done.status == 0, done.err
        return
    assert done.status == 1
    assert "; the database is at r1, as before; that statement waits for this run" in done.error
    assert len(done.error.splitlines()) == 1
    assert "x" not in tables(url)["a"]
    revision(project, 2, reads.replace("session.execute(", "op.get_bind().execute("))
    assert db(project, "upgrade").status == 0


def test_changes_of_the_application_are_not_ended(project, url):
    """Within seconds the command says whose transaction is in the way; nothing is lost."""
    imported(project, CHANGES)
    failed = project.forked("manage.py", "db", "upgrade")
    assert failed.status == 1
    kind = "server process" if url.startswith("postgresql") else "connection"
    assert f"; {kind} " in failed.error
    assert (
        " belongs to this process, and has made changes without a commit: commit them, or call "
        "db.session.remove(), before the migration"
    ) in failed.error
    assert len(failed.error.splitlines()) == 1
    assert "x" not in tables(url)["a"]
    assert version(url) == ["r1"]
    imported(project, CHANGES.rstrip() + "\n    db.session.commit()\n")
    done = project.forked("manage.py", "db", "upgrade")
    assert done.status == 0, done.err
    assert version(url) == ["r2"]


def test_changes_of_another_table_are_left_alone(project, url):
    """They are not in the way."""
    revision(project, 2, 'op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))')
    assert db(project, "upgrade").status == 0
    revision(project, 3, ADD)
    imported(project, CHANGES.replace("UPDATE a SET n = n + 1", "INSERT INTO b VALUES (1)"))
    done = project.forked("manage.py", "db", "upgrade")
    assert done.status == 0, done.err
    assert version(url) == ["r3"]


def test_changes_of_the_application_on_sqlite(project, new_database, monkeypatch):
    """SQLite has one writer: the run says at once that it would wait for its own process."""
    url = new_database("sqlite")
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, BASE)
    assert db(project, "upgrade").status == 0
    revision(project, 2, ADD)
    imported(project, CHANGES)
    failed = project.forked("manage.py", "db", "upgrade")
    assert failed.status == 1
    assert failed.error == (
        f"Error: another connection of this process has changes of '{file_of(url)}' that are not "
        "committed, so that the migration would wait for ever: commit them, or call "
        "db.session.remove(), before the migration; the database is at r1\n"
    )
    assert "x" not in tables(url)["a"]


def test_reading_of_the_application_on_sqlite(project, new_database, monkeypatch):
    """What is read to its end is in nobody's way."""
    url = new_database("sqlite")
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, BASE)
    assert db(project, "upgrade").status == 0
    revision(project, 2, ADD)
    imported(project, SESSION)
    done = project.forked("manage.py", "db", "upgrade")
    assert done.status == 0, done.err
    assert "x" in tables(url)["a"]
