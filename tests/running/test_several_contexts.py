"""An env.py with several version tables, connections or databases protects each of them."""

from __future__ import annotations

import inspect
import os
import re

import pytest
from alembic import command
from databases import picture, rows, tables, version
from projects import db, new_project, write_source
from revisions import BASE, begin, revision

# many cases of one kind: on the oldest, a middle and the newest stack
pytestmark = pytest.mark.slow

ONE_CONNECTION = """
    from alembic import context
    from flask import current_app

    engine = current_app.extensions["migrate"].db.get_engine(current_app)
    with engine.{how}() as connection:
        for name in ("va", "vb"):
            context.configure(connection=connection, version_table=name)
            with context.begin_transaction():
                context.run_migrations()
"""
ONE_AFTER_THE_OTHER = """
    import os
    import sqlalchemy as sa
    from alembic import context
    from flask import current_app
    from sqlalchemy.pool import NullPool

    engine = {engine}
    for name in ("va", "vb"):
        with engine.connect() as connection:
            context.configure(connection=connection, version_table=name)
            with context.begin_transaction():
                context.run_migrations()
"""
ENGINES = {
    "of the application": 'current_app.extensions["migrate"].db.get_engine(current_app)',
    "without a pool": 'sa.create_engine(os.environ["DATABASE_URL"], poolclass=NullPool)',
    "with a pool": 'sa.create_engine(os.environ["DATABASE_URL"], poolclass=sa.pool.QueuePool)',
}
# what each version table is for has a table of its own
NAME = 'name = op.get_context().version_table + "_{}"\n'
CREATE = 'op.create_table(name, sa.Column("id", sa.Integer))\n'
DROP = "op.drop_table(name)\n"
BOTH = {
    "va": (["version_num"], [("r2",)]),
    "va_1": (["id"], [(1,)]),
    "va_2": (["id"], [(1,)]),
    "vb": (["version_num"], [("r2",)]),
    "vb_1": (["id"], [(1,)]),
    "vb_2": (["id"], [(1,)]),
}


def steps(project, *numbers):
    """Write revisions that make a table for each version table, and drop it."""
    for number in numbers:
        name = NAME.format(number)
        insert = 'op.execute("INSERT INTO %s VALUES (1)" % name)'
        revision(project, number, name + CREATE + insert, name + DROP)


def two_tables(project, database, monkeypatch, env_py):
    """Write a project with two version tables and an empty database."""
    monkeypatch.setenv("DATABASE_URL", database)
    new_project(project)
    project.write("migrations/env.py", env_py)
    steps(project, 1)


def goes_up_and_down(project, database):
    """Run all steps, in two commands, and undo them again."""
    assert db(project, "upgrade").status == 0
    steps(project, 2)
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert picture(database) == BOTH
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert picture(database) == BOTH
    down = db(project, "downgrade", "r1")
    assert down.status == 0, down.err
    assert rows(database, "SELECT * FROM va") == rows(database, "SELECT * FROM vb") == [("r1",)]
    assert sorted(tables(database)) == ["va", "va_1", "vb", "vb_1"]
    down = db(project, "downgrade", "base")
    assert down.status == 0, down.err
    assert picture(database) == {"va": (["version_num"], []), "vb": (["version_num"], [])}


# -- two version tables -----------------------------------------------------------------------


@pytest.mark.parametrize("how", ["connect", "begin"])
def test_one_connection_with_two_version_tables(project, database, monkeypatch, how):
    """Both are at the head after an upgrade, and where a downgrade goes after that."""
    two_tables(project, database, monkeypatch, ONE_CONNECTION.format(how=how))
    goes_up_and_down(project, database)


@pytest.mark.parametrize("engine", list(ENGINES))
def test_one_connection_after_the_other(project, url, monkeypatch, engine):
    """SQLite: the second of a file is protected after the first has been closed."""
    two_tables(project, url, monkeypatch, ONE_AFTER_THE_OTHER.format(engine=ENGINES[engine]))
    goes_up_and_down(project, url)


@pytest.mark.parametrize(
    "env_py",
    [
        ONE_CONNECTION.format(how="connect"),
        ONE_AFTER_THE_OTHER.format(engine=ENGINES["of the application"]),
        ONE_AFTER_THE_OTHER.format(engine=ENGINES["without a pool"]),
    ],
    ids=["one connection", "one after the other", "without a pool"],
)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_second_version_table_fails(project, new_database, monkeypatch, kind, env_py):
    """What env.py has committed for the first stays, and of the second nothing remains."""
    url = new_database(kind)
    two_tables(project, url, monkeypatch, env_py)
    assert db(project, "upgrade").status == 0
    name = NAME.format(2)
    insert = 'op.execute("INSERT INTO %s VALUES (1)" % name)\n'
    fault = 'if name == "vb_2":\n    op.execute("INSERT INTO missing VALUES (1)")\n'
    revision(project, 2, name + CREATE + insert + fault)
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert len(failed.error.splitlines()) == 1
    assert "missing" in failed.error
    assert rows(url, "SELECT * FROM va") == [("r2",)]
    assert rows(url, "SELECT * FROM vb") == [("r1",)]
    assert sorted(tables(url)) == ["va", "va_1", "va_2", "vb", "vb_1"]
    steps(project, 2)
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert picture(url) == BOTH


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_script_that_rolls_back_in_both(project, new_database, monkeypatch, kind):
    """It undoes its own rows, for the second version table as for the first."""
    url = new_database(kind)
    two_tables(project, url, monkeypatch, ONE_CONNECTION.format(how="connect"))
    more = """
from sqlalchemy import orm
session = orm.Session(bind=op.get_bind())
session.execute(sa.text("INSERT INTO %s VALUES (1)" % name))
session.commit()
session.execute(sa.text("INSERT INTO %s VALUES (2)" % name))
session.rollback()
"""
    for number in (1, 2):
        revision(project, number, NAME.format(number) + CREATE + more)
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert picture(url) == BOTH


# -- what is said of each ---------------------------------------------------------------------

SCHEMAS = """
    import sqlalchemy as sa
    from alembic import context
    from flask import current_app

    engine = current_app.extensions["migrate"].db.get_engine(current_app)
    with engine.connect() as connection:
        for name in ("tenant_a", "tenant_b"):
            connection.execute(sa.text("SET search_path TO %s" % name))
            if hasattr(connection, "commit"):
                connection.commit()
            context.configure(connection=connection{})
            with context.begin_transaction():
                context.run_migrations()
"""


@pytest.fixture(params=["", ", version_table_schema=name"], ids=["search_path", "by name"])
def tenants(request, project, new_database, monkeypatch):
    """A project with two schemas at r1, each with a table of one row: project and URL."""
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    rows(url, "CREATE SCHEMA tenant_a")
    rows(url, "CREATE SCHEMA tenant_b")
    project.write("migrations/env.py", SCHEMAS.format(request.param))
    table = 'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True))\n'
    insert = 'op.execute("INSERT INTO t VALUES (1)")'
    revision(project, 1, table + insert, 'op.drop_table("t")')
    assert db(project, "upgrade").status == 0
    return project, url


def test_the_place_of_each_schema_is_told(tenants):
    """The first is at the new revision, the second where it was."""
    project, url = tenants
    rows(url, "INSERT INTO tenant_b.t VALUES (2)")
    revision(project, 2, 'op.execute("INSERT INTO t VALUES (2)")')
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert (
        "; the schema 'tenant_a' is at r2, after 1 of 1 revisions; "
        "the schema 'tenant_b' is at r1, as before: remove the cause"
    ) in failed.error
    assert rows(url, "SELECT * FROM tenant_a.alembic_version") == [("r2",)]
    assert rows(url, "SELECT * FROM tenant_b.alembic_version") == [("r1",)]


def test_the_losses_of_each_schema_are_told(tenants):
    """Before its part of the downgrade begins."""
    project, url = tenants
    rows(url, "INSERT INTO tenant_b.t VALUES (2)")
    done = db(project, "downgrade", "base")
    assert done.status == 0, done.err
    warnings = [line for line in done.err.splitlines() if line.startswith("WARN")]
    assert warnings == [
        "WARNING [migrate_script] this downgrade drops table t (1 row) of the schema 'tenant_a'",
        "WARNING [migrate_script] this downgrade drops table t (2 rows) of the schema 'tenant_b'",
    ]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("how", ["connect", "begin"])
def test_the_place_of_each_version_table_is_told(project, new_database, monkeypatch, kind, how):
    """Whether env.py keeps what the first has done, or nothing."""
    url = new_database(kind)
    two_tables(project, url, monkeypatch, ONE_CONNECTION.format(how=how))
    assert db(project, "upgrade").status == 0
    fault = 'if name == "vb_2":\n    op.execute("INSERT INTO missing VALUES (1)")\n'
    revision(project, 2, NAME.format(2) + CREATE + fault)
    failed = db(project, "upgrade")
    first = "r2, after 1 of 1 revisions" if how == "connect" else "r1, as before"
    assert (
        f"; the version table 'va' is at {first}; the version table 'vb' is at r1, as before: "
    ) in failed.error
    kept = "r2" if how == "connect" else "r1"
    assert rows(url, "SELECT * FROM va") == [(kept,)]
    steps(project, 2)
    assert db(project, "upgrade").status == 0
    rows(url, "INSERT INTO vb_2 VALUES (1)")
    literal = 'op.execute("DROP TABLE va_2" if name == "va_2" else "DROP TABLE vb_2")'
    revision(project, 2, "pass", NAME.format(2) + literal)
    down = db(project, "downgrade", "r1")
    assert down.status == 0, down.err
    assert picture(url)["vb"] == (["version_num"], [("r1",)])


# -- a dry run --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    "end",
    ['op.execute("COMMIT")', "raw.commit()", 'raw.cursor().execute("COMMIT")'],
    ids=["a statement", "the driver's", "the driver's cursor"],
)
def test_a_dry_run_refuses_a_commit_for_the_second(project, new_database, monkeypatch, kind, end):
    """The first has been undone by then, and nothing reaches the database."""
    url = new_database(kind)
    two_tables(project, url, monkeypatch, ONE_CONNECTION.format(how="connect"))
    assert db(project, "upgrade").status == 0
    before = picture(url)
    raw = (
        "raw = op.get_bind().connection\n"
        'raw = getattr(raw, "dbapi_connection", None) or raw.connection\n'
    )
    commit = f'if name == "vb_2":\n    {end}\n'
    other = CREATE.replace("name", 'name + "x"')
    revision(project, 2, NAME.format(2) + raw + CREATE + commit + other)
    stopped = db(project, "upgrade", "--dry-run")
    assert picture(url) == before
    assert stopped.status == 1
    # the second is not always named: what its driver does may be found out after its turn
    assert re.match(
        r"Error: (the version table 'vb': )?--dry-run stopped revision r2 before \[COMMIT\], which "
        "could not be undone: ",
        stopped.error,
    )
    assert len(stopped.error.splitlines()) == 1


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("how", ["connect", "begin"])
@pytest.mark.parametrize("is_new", [True, False], ids=["from nothing", "from r1"])
def test_a_dry_run_of_two_version_tables(project, new_database, monkeypatch, kind, how, is_new):
    """It runs the steps of both and leaves nothing of either."""
    url = new_database(kind)
    two_tables(project, url, monkeypatch, ONE_CONNECTION.format(how=how))
    if not is_new:
        assert db(project, "upgrade").status == 0
    before = picture(url)
    steps(project, 1, 2)
    done = db(project, "upgrade", "--dry-run")
    assert done.status == 0, done.err
    assert picture(url) == before
    assert done.err.count(": r2, step 2") == 2
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert picture(url) == BOTH


@pytest.mark.parametrize("engine", list(ENGINES))
def test_a_dry_run_of_one_connection_after_the_other(project, url, monkeypatch, engine):
    """SQLite: of two connections to one file, neither leaves anything."""
    env_py = ONE_AFTER_THE_OTHER.format(engine=ENGINES[engine])
    two_tables(project, url, monkeypatch, env_py)
    assert db(project, "upgrade").status == 0
    before = picture(url)
    steps(project, 2)
    done = db(project, "upgrade", "--dry-run")
    assert done.status == 0, done.err
    assert picture(url) == before
    commit = 'if name == "vb_2":\n    op.execute("COMMIT")\n'
    revision(project, 2, NAME.format(2) + CREATE + commit)
    stopped = db(project, "upgrade", "--dry-run")
    assert stopped.status == 1
    assert "--dry-run stopped revision r2 before [COMMIT]" in stopped.error
    assert picture(url) == before


# -- a purged version table -------------------------------------------------------------------


@pytest.fixture
def no_rights(new_database):
    """A database of PostgreSQL, and a user who may connect to it: its URL, a name, their URL."""
    url = new_database("postgresql")
    name = f"u_{os.getpid()}_purge"
    rows(url, f"DROP ROLE IF EXISTS {name}")
    rows(url, f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
    yield url, name, url.replace("//postgres@", f"//{name}:x@")
    rows(url, f"DROP OWNED BY {name}")
    rows(url, f"DROP ROLE {name}")


@pytest.mark.skipif(
    "purge" not in inspect.signature(command.stamp).parameters, reason="this Alembic has no --purge"
)
def test_purging_asks_for_the_right_to_write_first(project, no_rights, monkeypatch):
    """`stamp --purge` names the missing right before its DELETE fails."""
    url, name, theirs = no_rights
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    revision(project, 2, "pass")
    rows(url, f"GRANT SELECT ON alembic_version TO {name}")
    monkeypatch.setenv("DATABASE_URL", theirs)
    refused = db(project, "stamp", "--purge", "r2")
    assert refused.status == 1
    assert refused.error.startswith(
        f"Error: the user '{name}' has no right to write to 'alembic_version': run the statement "
        f"GRANT INSERT, UPDATE, DELETE ON alembic_version TO {name} on the database as its owner; "
        "the database is at r1"
    )
    assert len(refused.error.splitlines()) == 1
    rows(url, f"GRANT INSERT, UPDATE, DELETE ON alembic_version TO {name}")
    done = db(project, "stamp", "--purge", "r2")
    assert done.status == 0, done.err
    assert version(url) == ["r2"]


# -- two databases ----------------------------------------------------------------------------

COMMITS_A_PART = """
    if engine_name == "second":
        op.execute("CREATE TABLE v (id INTEGER)")
        op.execute("INSERT INTO missing VALUES (1)")
    else:
        op.execute("CREATE TABLE t (id INTEGER)")
        op.execute("PRAGMA foreign_keys = ON")
        op.execute("CREATE TABLE u (id INTEGER)")
"""


@pytest.mark.parametrize("is_new", [True, False], ids=["from nothing", "from r1"])
def test_the_first_of_two_databases_commits_a_part_of_itself(
    project, url, new_database, monkeypatch, is_new
):
    """Its last step is kept as a whole, with its version, although the second database fails."""
    second = new_database("sqlite")
    monkeypatch.setenv("SECOND_URL", second)
    new_project(project, "--multidb")
    number = 1
    if not is_new:
        revision(project, number, BASE, arguments="engine_name")
        assert db(project, "upgrade").status == 0
        number = 2
    before = picture(second)
    revision(project, number, COMMITS_A_PART, arguments="engine_name")
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "no such table: missing" in failed.error
    assert version(url) == [f"r{number}"]
    assert {"t", "u"} <= set(tables(url))
    assert picture(second) == before
    assert f"; the database 'default' is at r{number}" in failed.error
    revision(project, number, COMMITS_A_PART.replace("missing", "v"), arguments="engine_name")
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert version(url) == version(second) == [f"r{number}"]
    assert rows(second, "SELECT * FROM v") == [(1,)]


@pytest.mark.parametrize("direction", ["upgrade", "downgrade"])
def test_scripts_of_one_database_in_a_folder_of_several(
    project, new_database, monkeypatch, direction
):
    """The line says what to write, and that works: they belong to the first database."""
    first, second = new_database("sqlite"), new_database("sqlite")
    monkeypatch.setenv("DATABASE_URL", first)
    monkeypatch.setenv("SECOND_URL", second)
    new_project(project, "--multidb")
    table = 'op.create_table("t", sa.Column("id", sa.Integer))'
    revision(project, 1, table, 'op.drop_table("t")')
    path = project.folder / "migrations" / "versions" / "r1_.py"
    said = (
        f"Error: the database 'default': {path}: its {direction}() is of a folder for one "
        "database, and this env.py passes the name of each: write "
        f"'def {direction}(engine_name):' with 'if engine_name: return' as its first line, which "
        "leaves it to the application's own database"
    )
    for name in ("upgrade", "downgrade"):
        text = path.read_text(encoding="utf-8")
        refused = db(project, name)
        if name == direction:
            assert refused.status == 1
            assert refused.error.startswith(said)
        advised = f"def {name}(engine_name):\n    if engine_name: return\n"
        write_source(path, text.replace(f"def {name}():\n", advised))
        assert db(project, name).status == 0
        assert tables(second) in ({}, {"alembic_version": ["version_num"]})
        assert ("t" in tables(first)) == (name == "upgrade")


def test_scripts_of_several_databases_in_a_folder_of_one(project, url):
    """The line says what to write, and that works."""
    new_project(project)
    table = 'op.create_table("t" + engine_name, sa.Column("id", sa.Integer))'
    revision(project, 1, table, arguments="engine_name")
    path = project.folder / "migrations" / "versions" / "r1_.py"
    refused = db(project, "upgrade")
    assert refused.status == 1
    assert (
        f"{path}: its upgrade() is of a folder for several databases, and this env.py passes no "
        "name: write 'def upgrade(engine_name=\"\"):', or take the env.py of a folder that "
        "'db init --multidb' makes"
    ) in refused.error
    text = path.read_text(encoding="utf-8")
    write_source(path, text.replace("(engine_name)", '(engine_name="")'))
    assert db(project, "upgrade").status == 0
    assert "t" in tables(url)
