"""What env.py has set for its transaction is still set when the scripts run."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from databases import execute, rows, tables
from processes import GATE, waits_for_another
from projects import db, new_project
from revisions import BASE, revision

ENV = """
    import sqlalchemy as sa
    from alembic import context
    from flask import current_app

    engine = current_app.extensions["migrate"].db.get_engine(current_app)
    with engine.{how}() as connection:
        connection.execute(sa.text({statement!r}))
        context.configure(connection=connection, target_metadata=None{also})
        with context.begin_transaction():
            context.run_migrations()
"""
HAS_COMMIT = hasattr(sa.engine.Connection, "commit")


@pytest.fixture
def postgres(project, new_database, monkeypatch):
    """A project on an empty PostgreSQL database with a second schema: project and URL."""
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    execute(url, "CREATE SCHEMA tenant")
    new_project(project)
    revision(project, 1, BASE, 'op.drop_table("a")')
    return project, url


def schemas(url):
    """Return the schemas that have the tables."""
    query = "SELECT DISTINCT table_schema FROM information_schema.tables WHERE table_name IN {}"
    return rows(url, query.format("('a', 'alembic_version', 'b')"))


@pytest.mark.parametrize("local", ["LOCAL ", ""])
def test_the_schema_of_a_tenant(postgres, local):
    """Upgrade and downgrade look where the transaction of env.py looks."""
    project, url = postgres
    statement = f"SET {local}search_path TO tenant"
    project.write("migrations/env.py", ENV.format(how="begin", statement=statement, also=""))
    for command in ("upgrade", "downgrade", "upgrade"):
        done = db(project, command)
        assert done.status == 0, done.err
        assert schemas(url) == [("tenant",)]
    assert rows(url, "SELECT version_num FROM tenant.alembic_version") == [("r1",)]
    execute(url, "CREATE TABLE alembic_version (version_num text)")
    revision(project, 2, 'op.drop_table("missing")')
    assert "; the database is at r1, as before: " in db(project, "upgrade").error


@pytest.mark.skipif(HAS_COMMIT, reason="this SQLAlchemy begins a transaction by itself")
@pytest.mark.parametrize("local", ["LOCAL ", ""])
def test_the_schema_of_a_tenant_without_a_transaction(postgres, local):
    """The driver has begun one, of which SQLAlchemy does not know."""
    project, url = postgres
    statement = f"SET {local}search_path TO tenant"
    project.write("migrations/env.py", ENV.format(how="connect", statement=statement, also=""))
    assert db(project, "upgrade").status == 0
    assert schemas(url) == [("tenant",)]


@pytest.mark.parametrize("level", ["READ COMMITTED", "SERIALIZABLE"])
def test_a_lock_of_its_own_is_held_while_scripts_run(postgres, level):
    """Recipes take one at the beginning, for the time of the transaction."""
    project, url = postgres
    execute(
        url, f"ALTER DATABASE {url.rsplit('/', 1)[1]} SET default_transaction_isolation = '{level}'"
    )
    statement = "SELECT pg_advisory_xact_lock(42)"
    project.write("migrations/env.py", ENV.format(how="begin", statement=statement, also=""))
    query = (
        "CREATE TABLE b AS SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' "
        "AND objid = 42 AND pid = pg_backend_pid()"
    )
    revision(project, 2, f'op.execute("{query}")')
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    if level == "READ COMMITTED":
        assert rows(url, "SELECT count FROM b") == [(1,)]


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ"])
def test_who_has_waited_sees_what_was_done_meanwhile(postgres, level):
    """In a transaction that env.py has begun, too."""
    project, url = postgres
    execute(
        url, f"ALTER DATABASE {url.rsplit('/', 1)[1]} SET default_transaction_isolation = '{level}'"
    )
    project.write("migrations/env.py", ENV.format(how="begin", statement="SELECT 1", also=""))
    assert db(project, "upgrade").status == 0
    revision(project, 2, GATE + '    op.create_table("b", sa.Column("id", sa.Integer))')
    second = waits_for_another(project)
    assert "Running upgrade" not in second.err
    assert rows(url, "SELECT version_num FROM alembic_version") == [("r2",)]


NEVER_COMMITS = """
    import sqlalchemy as sa
    from alembic import context
    from flask import current_app

    engine = current_app.extensions["migrate"].db.get_engine(current_app)
    with engine.connect() as connection:
        connection.begin()
        connection.execute(sa.text("SELECT 1"))
        context.configure(connection=connection, target_metadata=None)
        with context.begin_transaction():
            context.run_migrations()
"""


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_transaction_that_env_py_never_commits_is_told(
    project, new_database, monkeypatch, kind, options
):
    """Alembic reports each step then, and nothing is kept; a dry run says so, too."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    project.write("migrations/env.py", NEVER_COMMITS)
    revision(project, 1, BASE)
    failed = db(project, "upgrade", *options)
    assert failed.status == 1
    assert failed.error == (
        "Error: env.py begins a transaction before it calls context.configure(), and does not "
        "commit it, so that nothing was kept: let it call commit(), or connect by engine.begin(); "
        "the database is at no revision, as before\n"
    )
    project.write(
        "migrations/env.py",
        NEVER_COMMITS.replace("connect()", "begin()").replace("        connection.begin()\n", ""),
    )
    assert db(project, "upgrade", "--dry-run").status == 0
    assert db(project, "upgrade").status == 0
    assert rows(url, "SELECT version_num FROM alembic_version") == [("r1",)]


SHARED = """
    from alembic import context
    from flask import current_app

    context.configure(connection=current_app.connection)
    with context.begin_transaction():
        context.run_migrations()
"""


def test_who_shares_a_connection_commits_later(project, database, monkeypatch):
    """A program that has begun a transaction itself ends it when it wants to."""
    monkeypatch.setenv("DATABASE_URL", database)
    new_project(project)
    project.write("migrations/env.py", SHARED)
    revision(project, 1, BASE)
    project.write(
        "story.py",
        """
        from manage import app, db
        from migrate_script import upgrade

        with app.app_context():
            with db.engine.connect() as app.connection:
                transaction = app.connection.begin()
                assert upgrade() == ["r1"]
                transaction.commit()
        """,
    )
    done = project.forked("story.py")
    assert done.status == 0, done.err
    assert rows(database, "SELECT version_num FROM alembic_version") == [("r1",)]


def plain_env_py():
    """An env.py that executes nothing itself."""
    lines = ENV.format(how="connect", statement="", also="").splitlines(True)
    return "".join(line for line in lines if "sa.text" not in line)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mysql"])
def test_a_connection_of_an_engine_with_options(project, new_database, monkeypatch, kind):
    """Most releases take no listeners for it; a second one of the engine is not ours."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    source = plain_env_py()
    assert ".connect()" in source
    source = source.replace(".connect()", ".execution_options(stream_results=False).connect()")
    project.write("migrations/env.py", source)
    revision(project, 1, BASE)
    fault = (
        'with op.get_bind().engine.connect() as other:\n    other.execute(sa.text("SELECT 1"))\n'
    )
    revision(project, 2, fault + 'op.execute("UPDATE a SET n = 7")\nop.drop_table("missing")')
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "missing" in failed.error
    assert "InvalidRequestError" not in failed.error
    if kind != "mysql":
        assert "; the database is at no revision, as before: " in failed.error
        assert "a" not in tables(url)
    revision(project, 2, fault + 'op.execute("UPDATE a SET n = 7")')
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, "SELECT n FROM a") == [(7,), (7,)]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_connection_that_is_closed_before_its_commit(project, new_database, monkeypatch, kind):
    """Nothing is kept, and the command says so."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    source = plain_env_py()
    end = "            context.run_migrations()\n"
    assert end in source
    project.write(
        "migrations/env.py", source.replace(end, end + "            connection.close()\n")
    )
    revision(project, 1, BASE)
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert failed.error.startswith("Error: env.py closes the connection before the transaction is ")
    assert "a" not in tables(url)
    project.write("migrations/env.py", source)
    assert db(project, "upgrade").status == 0


def test_an_env_py_that_runs_nothing(project, new_database, monkeypatch):
    """It may have its reasons; the command says so."""
    monkeypatch.setenv("DATABASE_URL", new_database("sqlite"))
    new_project(project)
    project.write("migrations/env.py", "from alembic import context\n")
    revision(project, 1, BASE)
    done = db(project, "upgrade")
    assert done.status == 0
    assert "env.py has not called context.run_migrations(), so that nothing was run" in done.err
