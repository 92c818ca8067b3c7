"""All or nothing on SQLite, whatever env.py, SQLAlchemy and sqlite3 module."""

from __future__ import annotations

import sqlite3
import sys
import textwrap

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from databases import picture, rows, tables, version
from processes import ended
from projects import db, new_project
from revisions import BASE, begin, revision

WITHOUT_TRANSACTION = """
    from alembic import context
    from flask import current_app

    migrate = current_app.extensions["migrate"]
    connection = migrate.db.get_engine(current_app).connect()
    context.configure(connection=connection, target_metadata=migrate.db.metadata)
    context.run_migrations()
    connection.close()
"""

OWN_TRANSACTION = """
    from alembic import context
    from flask import current_app

    migrate = current_app.extensions["migrate"]
    with migrate.db.get_engine(current_app).begin() as connection:
        context.configure(connection=connection, target_metadata=migrate.db.metadata)
        context.run_migrations()
"""

NO_TRANSACTIONAL_DDL = """
    from alembic import context
    from flask import current_app

    migrate = current_app.extensions["migrate"]
    connection = migrate.db.get_engine(current_app).connect()
    context.configure(connection, transactional_ddl=False)
    with context.begin_transaction():
        context.run_migrations()
    connection.close()
"""


@pytest.fixture
def at_r1(project, url):
    """A project whose database is at its only revision."""
    begin(project)
    return project


@pytest.mark.parametrize("env", [WITHOUT_TRANSACTION, OWN_TRANSACTION], ids=["none", "own"])
def test_all_steps_of_an_upgrade_count_as_one(project, url, env):
    """When the third step fails, the first two are undone, whoever begins the transaction."""
    new_project(project)
    project.write("migrations/env.py", env)
    revision(project, 1, BASE)
    revision(project, 2, 'op.create_table("b", sa.Column("id", sa.Integer))')
    revision(project, 3, 'op.create_table("a", sa.Column("id", sa.Integer))')
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "table a already exists" in failed.error
    # SQLAlchemy 1 without a transaction commits the empty version table by itself
    assert set(tables(url)) <= {"alembic_version"}
    assert version(url) == []

    revision(project, 3, 'op.create_table("c", sa.Column("id", sa.Integer))')
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert version(url) == ["r3"]
    assert sorted(tables(url)) == ["a", "alembic_version", "b", "c"]


def test_an_env_py_without_transactional_ddl_keeps_whole_steps(project, url):
    """Who turned the transaction around all off gets one around each step."""
    new_project(project)
    project.write("migrations/env.py", NO_TRANSACTIONAL_DDL)
    revision(project, 1, BASE)
    revision(
        project,
        2,
        """
        op.create_table("b", sa.Column("id", sa.Integer))
        op.create_table("a", sa.Column("id", sa.Integer))
        """,
    )
    assert db(project, "upgrade").status == 1
    assert version(url) == ["r1"]
    assert sorted(tables(url)) == ["a", "alembic_version"]


def test_a_failed_downgrade_leaves_nothing(at_r1, url):
    """The way down is one transaction as well."""
    revision(
        at_r1,
        2,
        'op.create_table("b", sa.Column("id", sa.Integer))',
        'op.drop_table("b")\nop.drop_table("missing")',
    )
    assert db(at_r1, "upgrade").status == 0
    before = picture(url)
    assert db(at_r1, "downgrade", "base").status == 1
    assert picture(url) == before


def test_the_second_of_two_databases_fails(project, url, new_database, monkeypatch):
    """With several databases, all of them stay as they were."""
    second = new_database("sqlite")
    monkeypatch.setenv("SECOND_URL", second)
    new_project(project, "--multidb")
    up = """
        if engine_name == "second":
            op.create_table("b", sa.Column("id", sa.Integer))
            op.execute("INSERT INTO {} (id) VALUES (1)")
        else:
            op.create_table("a", sa.Column("id", sa.Integer))
    """
    revision(project, 1, up.replace("{}", "missing"), arguments="engine_name")
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "no such table: missing" in failed.error
    assert (
        "; the database 'default' is at no revision, as before; "
        "the database 'second' is at no revision, as before: remove the cause"
    ) in failed.error
    assert tables(url) == tables(second) == {}

    revision(project, 1, up.replace("{}", "b"), arguments="engine_name")
    assert db(project, "upgrade").status == 0
    assert version(url) == version(second) == ["r1"]


OUTSIDE = {
    "VACUUM": ("op.execute('VACUUM')", "SELECT 1", 1),
    "a comment and vacuum": ("op.execute('-- tidy up\\n  vacuum;')", "SELECT 1", 1),
    "journal mode": ("op.execute('PRAGMA journal_mode=WAL')", "PRAGMA journal_mode", "wal"),
    "ATTACH": (
        """
        op.execute("ATTACH DATABASE ':memory:' AS other")
        op.execute("CREATE TABLE other.t (id INTEGER)")
        op.execute("DETACH DATABASE other")
        """,
        "SELECT 1",
        1,
    ),
    "BEGIN and COMMIT": (
        """
        op.execute("BEGIN")
        op.execute("UPDATE a SET n = 7")
        op.execute("COMMIT")
        """,
        "SELECT max(n) FROM a",
        7,
    ),
    "BEGIN and ROLLBACK": (
        """
        op.execute("BEGIN IMMEDIATE")
        op.execute("UPDATE a SET n = 7")
        op.execute("ROLLBACK")
        """,
        "SELECT max(n) FROM a",
        100,
    ),
    "a savepoint": (
        """
        op.execute("SAVEPOINT s")
        op.execute("UPDATE a SET n = 7")
        op.execute("ROLLBACK TO SAVEPOINT s")
        op.execute("RELEASE s")
        """,
        "SELECT max(n) FROM a",
        100,
    ),
    "a script of the driver": (
        """
        raw = op.get_bind().connection
        raw = getattr(raw, "dbapi_connection", None) or raw.connection
        raw.executescript("CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (5);")
        """,
        "SELECT id FROM t",
        5,
    ),
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_a_script_that_manages_transactions_itself_runs(at_r1, url, case):
    """What SQLite refuses inside a transaction runs outside of it, as it always did."""
    body, query, expected = OUTSIDE[case]
    after = 'op.create_table("z", sa.Column("id", sa.Integer))'
    revision(
        at_r1,
        2,
        f'op.create_table("b", sa.Column("id", sa.Integer))\n{textwrap.dedent(body)}\n{after}',
    )
    done = db(at_r1, "upgrade")
    assert done.status == 0, done.err
    assert version(url) == ["r2"]
    assert {"b", "z"} <= set(tables(url))
    assert rows(url, query) == [(expected,)]


@pytest.mark.parametrize("case", OUTSIDE)
def test_what_follows_such_a_statement_is_undone_together(at_r1, url, case):
    """Behind a statement that stands outside, a new transaction begins."""
    fault = 'op.create_table("z", sa.Column("id", sa.Integer))\nop.drop_table("missing")'
    revision(at_r1, 2, f"{textwrap.dedent(OUTSIDE[case][0])}\n{fault}")
    assert db(at_r1, "upgrade").status == 1
    assert "z" not in tables(url)
    assert version(url) == ["r1"]


COMMITS = {
    "COMMIT": 'op.execute("COMMIT")',
    "VACUUM": 'op.execute("VACUUM")',
    "a block": 'with op.get_context().autocommit_block():\n    op.execute("SELECT 1")',
    "commit()": "op.get_bind().commit()",
}


@pytest.mark.parametrize("case", COMMITS)
def test_what_a_revision_commits_itself_does_not_stand_without_its_version(at_r1, url, case):
    """A later revision that fails leaves the whole of it, so that it is not run twice."""
    if case == "a block" and not has_autocommit_block():
        pytest.skip("this Alembic has no autocommit_block")
    if case == "commit()" and not hasattr(sa.engine.Connection, "commit"):
        pytest.skip("this SQLAlchemy has no commit()")
    table = 'op.create_table("{}", sa.Column("id", sa.Integer))'
    revision(at_r1, 2, "\n".join([table.format("b"), COMMITS[case], table.format("c")]))
    revision(at_r1, 3, table.format("d"))
    revision(at_r1, 4, 'op.drop_table("missing")')
    failed = db(at_r1, "upgrade")
    assert failed.status == 1
    assert "; the database is at r2, after 1 of 3 revisions: remove" in failed.error
    assert sorted(tables(url)) == ["a", "alembic_version", "b", "c"]
    revision(at_r1, 4, "pass")
    done = db(at_r1, "upgrade")
    assert done.status == 0, done.err
    assert version(url) == ["r4"]


def has_autocommit_block() -> bool:
    """Alembic has it since 1.2."""
    from alembic.runtime.migration import MigrationContext

    return hasattr(MigrationContext, "autocommit_block")


@pytest.mark.skipif(not has_autocommit_block(), reason="this Alembic has no autocommit_block")
def test_an_autocommit_block_runs_outside_and_the_rest_inside(at_r1, url):
    """What stands before the block is kept, what stands behind it is undone together."""
    body = """
        op.create_table("b", sa.Column("id", sa.Integer))
        with op.get_context().autocommit_block():
            op.execute("VACUUM")
            op.execute("UPDATE a SET n = 7")
        op.create_table("c", sa.Column("id", sa.Integer))
        {}
    """
    revision(at_r1, 2, body.replace("{}", 'op.drop_table("missing")'))
    assert db(at_r1, "upgrade").status == 1
    assert sorted(tables(url)) == ["a", "alembic_version", "b"]
    assert rows(url, "SELECT max(n) FROM a") == [(7,)]
    assert version(url) == ["r1"]

    rows(url, "DROP TABLE b")
    revision(at_r1, 2, body.replace("{}", ""))
    assert db(at_r1, "upgrade").status == 0
    assert sorted(tables(url)) == ["a", "alembic_version", "b", "c"]


def test_a_script_may_switch_foreign_keys_off_and_on(at_r1, url):
    """The pragma, which SQLite ignores inside a transaction, has the effect it was written for."""
    revision(
        at_r1,
        2,
        """
        op.execute("PRAGMA foreign_keys=ON")
        op.execute("CREATE TABLE child (id INTEGER, a_id INTEGER REFERENCES a (id))")
        op.execute("PRAGMA foreign_keys=OFF")
        op.execute("INSERT INTO child VALUES (1, 99)")
        """,
    )
    done = db(at_r1, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, "SELECT * FROM child") == [(1, 99)]


def test_an_upgrade_with_nothing_to_do_asks_for_no_lock(at_r1, url):
    """While another program writes, a database at its head is only read."""
    writer = sqlite3.connect(url[len("sqlite:///") :], isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert db(at_r1, "upgrade", "--lock-timeout", "0").status == 0
    assert db(at_r1, "current").status == 0
    writer.execute("ROLLBACK")
    writer.close()


def test_an_upgrade_with_nothing_to_do_walks_through_no_history(at_r1, monkeypatch):
    """Where the database is at the heads of the scripts, Alembic is not asked for steps."""
    asked = []
    plan = ScriptDirectory._upgrade_revs
    monkeypatch.setattr(
        ScriptDirectory,
        "_upgrade_revs",
        lambda self, *args: asked.append(args[0]) or plan(self, *args),
    )
    for target in ("head", "heads", "r1"):
        assert db(at_r1, "upgrade", target).status == 0
    assert asked == ["r1"]
    # a second head, at which the database is not
    (at_r1.folder / "migrations/versions/x_.py").write_text(
        'revision, down_revision = "x", None\n\n\ndef upgrade():\n    pass\n'
    )
    failed = db(at_r1, "upgrade", "head")
    assert failed.status == 1
    assert "head" in failed.error
    assert db(at_r1, "upgrade", "heads").status == 0
    assert asked[1:] == ["head", "heads"]  # and not again, as nobody has changed the heads since


def test_an_upgrade_with_nothing_to_do_imports_little(at_r1):
    """What alters tables, and what makes backups, is imported where there is something to do."""
    at_r1.write(
        "imported.py",
        """
        import runpy, sys

        sys.argv = ["manage.py", "db", "upgrade"]
        try:
            runpy.run_path("manage.py", run_name="__main__")
        except SystemExit as exit:
            assert not exit.code
        print(*sorted(name for name in sys.modules if name.startswith("migrate_script.")))
        """,
    )
    imported = at_r1.process("imported.py")
    assert imported.status == 0, imported.err
    names = set(imported.out.split())
    assert "migrate_script.running.database" in names
    assert not {name for name in names if ".sqlite_alter" in name or "journal" in name}
    assert "migrate_script.running.backup" not in names


IN_PROCESS = """
    import sqlite3, sys
    from manage import app, db
    from migrate_script import upgrade, downgrade

    def settings(raw):
        return raw.isolation_level, getattr(raw, "autocommit", None)

    def raw_of(connection):
        pooled = connection.connection
        return getattr(pooled, "dbapi_connection", None) or pooled.connection

    def look():
        with db.engine.connect() as connection:
            return settings(raw_of(connection))
"""


def engine_options_known() -> bool:
    """Flask-SQLAlchemy takes engine options since 2.4."""
    import inspect

    from flask_sqlalchemy import SQLAlchemy

    return "engine_options" in inspect.signature(SQLAlchemy.__init__).parameters


DRIVERS = {
    "default": {},
    "isolation_level None": {"connect_args": {"isolation_level": None}},
    "NullPool": {"poolclass": "NullPool"},
    "StaticPool": {"poolclass": "StaticPool"},
    "QueuePool of one": {"poolclass": "QueuePool", "pool_size": 1, "max_overflow": 0},
    "AUTOCOMMIT": {"isolation_level": "AUTOCOMMIT"},
}
if sys.version_info >= (3, 12):
    DRIVERS["autocommit True"] = {"connect_args": {"autocommit": True}}
    DRIVERS["autocommit False"] = {"connect_args": {"autocommit": False}}


@pytest.mark.skipif(not engine_options_known(), reason="this Flask-SQLAlchemy has no options")
@pytest.mark.parametrize("memory", [False, True], ids=["file", "memory"])
@pytest.mark.parametrize("kind", DRIVERS)
def test_the_engine_is_as_it_was(project, url, kind, memory, monkeypatch):
    """However the driver is set up, a failure is undone and the next connection is set up so too.

    A database in memory lives in one connection, which must survive.
    """
    if memory:
        if kind in ("NullPool", "QueuePool of one"):
            pytest.skip("such a pool forgets a database in memory")
        monkeypatch.setenv("DATABASE_URL", "sqlite://")
    new_project(project)
    options = {**DRIVERS[kind]}
    if "poolclass" in options:
        options["poolclass"] = f"@@sqlalchemy.pool.{options['poolclass']}@@"
    text = repr(options).replace("'@@", "").replace("@@'", "")
    source = (project.folder / "manage.py").read_text(encoding="utf-8")
    source = source.replace(
        "db = SQLAlchemy(app)",
        f'import sqlalchemy.pool\napp.config["SQLALCHEMY_ENGINE_OPTIONS"] = {text}\n'
        "db = SQLAlchemy(app)",
    )
    (project.folder / "manage.py").write_text(source, encoding="utf-8")
    revision(project, 1, BASE, 'op.drop_table("a")')
    revision(project, 2, 'op.create_table("b", sa.Column("id", sa.Integer))\n1 / 0')
    project.write(
        "story.py",
        IN_PROCESS
        + """
    import sqlalchemy
    with app.app_context():
        before = look()
        for target, expected in (("r1", {"a"}), ("r2", {"a"}), ("r1", {"a"})):
            try:
                upgrade(revision=target)
            except Exception as error:
                assert target == "r2" and "ZeroDivisionError" in str(error), error
            names = set(sqlalchemy.inspect(db.engine).get_table_names())
            assert names == expected | {"alembic_version"}, names
        downgrade(revision="base")
        assert look() == before, (look(), before)
        pool = db.engine.pool
        assert getattr(pool, "checkedout", int)() == 0
        print("as it was", file=sys.stderr)
    """,
    )
    done = ended(project, "story.py")
    assert done.status() == 0, done.err
    assert done.err.endswith("as it was\n")
