"""PostgreSQL: a revision that commits before its end, and then fails."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from databases import execute, picture, rows, tables, version
from processes import ended, mortal
from projects import db
from revisions import begin, line_of, revision

BLOCK = """
    op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("UPDATE a SET n = n + 1")
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY ix_a_n ON a (n)")
        op.execute("UPDATE a SET n = n + 10")
        op.execute("CREATE UNIQUE INDEX CONCURRENTLY ix_b ON b (id)")
    op.add_column("a", sa.Column("x", sa.Integer))
    op.execute("INSERT INTO b (id) VALUES (7)")
"""
# what scripts did before Alembic had autocommit_block
COMMIT = """
    op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("UPDATE a SET n = n + 1")
    op.execute("COMMIT")
    op.execute("CREATE INDEX CONCURRENTLY ix_a_n ON a (n)")
    op.execute("UPDATE a SET n = n + 10")
    op.execute("CREATE UNIQUE INDEX CONCURRENTLY ix_b ON b (id)")
    op.add_column("a", sa.Column("x", sa.Integer))
    op.execute("INSERT INTO b (id) VALUES (7)")
"""
FAILS = '\n    op.drop_table("missing")'
AS_UNDISTURBED = {
    "a": (["id", "n", "x"], [(1, 111, None), (2, 111, None)]),
    "alembic_version": (["version_num"], [("r2",)]),
    "b": (["id"], [(7,)]),
}
COMMITTED = (
    "[CREATE TABLE b ( id SERIAL NOT NULL, PRIMARY KEY (id) )], [UPDATE a SET n = n + 1], "
    "[CREATE INDEX CONCURRENTLY ix_a_n ON a (n)], [UPDATE a SET n = n + 10], "
    "[CREATE UNIQUE INDEX CONCURRENTLY ix_b ON b (id)]"
)
WITHOUT_TRANSACTION = "[ALTER TABLE a ADD COLUMN x INTEGER], [INSERT INTO b (id) VALUES (7)]"

needs_block = pytest.mark.skipif(
    not hasattr(MigrationContext, "autocommit_block"),
    reason="this Alembic has no autocommit_block",
)
BLOCKS = [
    pytest.param(BLOCK, marks=needs_block, id="autocommit_block"),
    pytest.param(COMMIT, id="COMMIT"),
]


@pytest.fixture
def postgres(project, new_database, monkeypatch):
    """A project whose PostgreSQL database is at its only revision: project and URL."""
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    return project, url


def built(url):
    """Name the indexes of our tables that can be used."""
    found = rows(
        url,
        "SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid "
        "WHERE indisvalid AND relname LIKE 'ix%' ORDER BY 1",
    )
    return [name for (name,) in found]


def fails(project, number, line, count, listed):
    """What the command says when one of the revisions fails at its last statement."""
    were = "statement was" if count == 1 else "statements were"
    return (
        f'Error: revision r{number} failed: table "missing" does not exist '
        f"[statement: DROP TABLE missing] ({line_of(project, number, line)}); the database is at "
        f"r1, as before; {count} {were} committed and will run again unless undone or taken out "
        f"of the script: {listed}: remove the cause and run 'db upgrade' again\n"
    )


def before_configure(project, keyword):
    """Add a keyword to the `context.configure` of env.py."""
    env = project.folder / "migrations/env.py"
    source = env.read_text(encoding="utf-8")
    assert "target_metadata=" in source
    env.write_text(
        source.replace("target_metadata=", f"{keyword}, target_metadata="), encoding="utf-8"
    )


@needs_block
def test_what_was_committed_is_listed_and_the_advice_cures(postgres):
    """Undone by hand, the next upgrade ends like an undisturbed one."""
    project, url = postgres
    revision(project, 2, BLOCK + FAILS)
    failed = db(project, "upgrade")
    assert failed.error == fails(project, 2, 19, 5, COMMITTED)
    assert picture(url) == {
        "a": (["id", "n"], [(1, 111), (2, 111)]),
        "alembic_version": (["version_num"], [("r1",)]),
        "b": (["id"], []),
    }
    execute(url, "DROP TABLE b", "DROP INDEX ix_a_n", "UPDATE a SET n = 100")
    revision(project, 2, BLOCK)
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert picture(url) == AS_UNDISTURBED
    assert built(url) == ["ix_a_n", "ix_b"]


def test_nothing_runs_in_a_transaction_after_commit_as_a_statement(postgres):
    """The driver does not know of it, and begins no other transaction: all is committed."""
    project, url = postgres
    revision(project, 2, COMMIT + FAILS)
    failed = db(project, "upgrade")
    assert failed.error == fails(project, 2, 19, 7, f"{COMMITTED}, {WITHOUT_TRANSACTION}")
    assert picture(url) == {**AS_UNDISTURBED, "alembic_version": (["version_num"], [("r1",)])}


@needs_block
def test_a_statement_may_be_taken_out_of_the_script(postgres):
    """The other half of the advice; one statement is not several."""
    project, url = postgres
    script = """
        with op.get_context().autocommit_block():
            op.execute("UPDATE a SET n = n + 1")
        {}
    """
    revision(project, 2, script.replace("{}", FAILS.strip()))
    assert db(project, "upgrade").error == fails(project, 2, 12, 1, "[UPDATE a SET n = n + 1]")
    revision(project, 2, "pass")
    assert db(project, "upgrade").status == 0
    assert rows(url, "SELECT n FROM a") == [(101,), (101,)]


@pytest.mark.parametrize("script", BLOCKS)
@pytest.mark.parametrize("when", ["before 1", "after 2"])
def test_a_kill_before_the_first_commit_leaves_nothing(postgres, script, when):
    """The same schema and rows as of an undisturbed run, after a plain second one."""
    project, url = postgres
    mortal(project)
    revision(project, 2, script)
    done = ended(project, "manage.py", "db", "upgrade", DIE=when)
    assert done.status() == -9, done.err
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert picture(url) == AS_UNDISTURBED
    assert built(url) == ["ix_a_n", "ix_b"]


@pytest.mark.parametrize("script", BLOCKS)
@pytest.mark.parametrize("when", ["before 3", "after 4"])
def test_nothing_is_skipped_after_a_kill(postgres, script, when):
    """What was committed is in the way of the next run, which changes nothing more."""
    project, url = postgres
    mortal(project)
    revision(project, 2, script)
    ended(project, "manage.py", "db", "upgrade", DIE=when)
    left = picture(url)
    assert "b" in left
    again = db(project, "upgrade")
    assert again.status == 1
    assert again.error.startswith('Error: revision r2 failed: relation "b" already exists ')
    assert picture(url) == left


@needs_block
def test_an_index_that_could_not_be_built_is_taken_away(postgres):
    """The server leaves an index that nobody can use, and whose name is taken."""
    project, url = postgres
    script = """
        with op.get_context().autocommit_block():
            op.execute("CREATE UNIQUE INDEX CONCURRENTLY ix_a_n ON a (n)")
    """
    revision(project, 2, script)
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "could not create unique index" in failed.error
    assert "committed" not in failed.error
    assert rows(url, "SELECT relname FROM pg_class WHERE relname = 'ix_a_n'") == []
    assert set(tables(url)) == {"a", "alembic_version"}
    execute(url, "UPDATE a SET n = id")
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert built(url) == ["ix_a_n"]


@needs_block
@pytest.mark.parametrize("exists", ["", "IF NOT EXISTS "])
@pytest.mark.parametrize("schema", ["", '"my schema".'])
def test_an_index_half_built_by_a_killed_server_process_is_built_anew(postgres, exists, schema):
    """An invalid index of the same name is dropped just before the statement runs."""
    project, url = postgres
    if schema:
        execute(url, 'CREATE SCHEMA "my schema"', 'ALTER TABLE a SET SCHEMA "my schema"')
    index = f"{schema}ix_a_n"
    # as it is left there when the build does not come to its end
    execute(
        url,
        f"CREATE INDEX ix_a_n ON {schema}a (n)",
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{index}'::regclass",
    )
    assert built(url) == []
    script = f"""
        with op.get_context().autocommit_block():
            op.execute('/* again */ create index concurrently {exists}ix_a_n ON {schema}a (n)')
    """
    revision(project, 2, script)
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert built(url) == ["ix_a_n"]


@needs_block
def test_a_valid_index_stays(postgres):
    """It is not ours to drop; the statement says what it always said."""
    project, url = postgres
    execute(url, "CREATE INDEX ix_a_n ON a (id)")
    script = """
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY ix_a_n ON a (n)")
    """
    revision(project, 2, script)
    failed = db(project, "upgrade")
    assert 'relation "ix_a_n" already exists' in failed.error
    defined = rows(url, "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_a_n'")
    assert defined == [("CREATE INDEX ix_a_n ON public.a USING btree (id)",)]


@needs_block
def test_what_was_rolled_back_to_a_savepoint_is_not_listed(postgres):
    """Only what was committed is."""
    project, url = postgres
    script = """
        nested = op.get_bind().begin_nested()
        op.execute("UPDATE a SET n = n + 1")
        nested.rollback()
        op.execute("UPDATE a SET n = n + 2")
        with op.get_context().autocommit_block():
            op.execute("UPDATE a SET n = n + 10")
    """
    revision(project, 2, script.rstrip() + FAILS.replace("    ", "        "))
    failed = db(project, "upgrade")
    listed = "[UPDATE a SET n = n + 2], [UPDATE a SET n = n + 10]"
    assert failed.error == fails(project, 2, 16, 2, listed)
    assert rows(url, "SELECT n FROM a") == [(112,), (112,)]


@pytest.mark.skipif(not hasattr(sa.engine.Connection, "commit"), reason="this SQLAlchemy has none")
def test_a_commit_of_the_script_is_a_commit(postgres):
    """What follows it is rolled back, and not listed."""
    project, url = postgres
    script = """
        op.execute("UPDATE a SET n = n + 1")
        op.get_bind().commit()
        op.execute("UPDATE a SET n = n + 10")
    """
    revision(project, 2, script.rstrip() + FAILS.replace("    ", "        "))
    failed = db(project, "upgrade")
    assert failed.error == fails(project, 2, 13, 1, "[UPDATE a SET n = n + 1]")
    assert rows(url, "SELECT n FROM a") == [(101,), (101,)]


@pytest.mark.skipif(not hasattr(sa.engine.Connection, "commit"), reason="this SQLAlchemy has none")
def test_a_commit_that_fails_is_no_commit(postgres):
    """A deferred constraint is looked at no earlier."""
    project, url = postgres
    script = """
        op.execute("CREATE TABLE b (a_id INTEGER REFERENCES a DEFERRABLE INITIALLY DEFERRED)")
        op.execute("INSERT INTO b (a_id) VALUES (7)")
        op.get_bind().commit()
    """
    revision(project, 2, script)
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "violates foreign key constraint" in failed.error
    assert "committed" not in failed.error
    assert set(tables(url)) == {"a", "alembic_version"}


@needs_block
def test_a_failure_in_a_later_revision(postgres):
    """All steps share one transaction, so that the version is rolled back with the rest."""
    project, url = postgres
    revision(project, 2, BLOCK)
    revision(project, 3, 'op.drop_table("missing")')
    failed = db(project, "upgrade")
    assert failed.error == fails(project, 3, 10, 5, COMMITTED)
    assert version(url) == ["r1"]


OTHER = """
    op.execute("UPDATE a SET n = 1")
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY ix_other ON a (n)")
"""


@needs_block
@pytest.mark.parametrize("separate", [False, True])
def test_a_revision_that_was_recorded_is_not_listed(postgres, separate):
    """The block of the later one commits the version of the one before, too."""
    project, url = postgres
    if separate:
        before_configure(project, "transaction_per_migration=True")
    revision(project, 2, BLOCK)
    revision(project, 3, OTHER + FAILS)
    failed = db(project, "upgrade")
    listed = "[UPDATE a SET n = 1], [CREATE INDEX CONCURRENTLY ix_other ON a (n)]"
    assert "; the database is at r2, after 1 of 2 revisions; 2 statements were " in failed.error
    assert f" of the script: {listed}: remove the cause and " in failed.error
    assert picture(url)["b"] == (["id"], [(7,)])
    execute(url, "DROP INDEX ix_other")
    revision(project, 3, OTHER)
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert version(url) == ["r3"]
    assert built(url) == ["ix_a_n", "ix_b", "ix_other"]


def test_an_engine_that_commits_each_statement(postgres):
    """AUTOCOMMIT for the whole engine: nothing is rolled back."""
    project, url = postgres
    env = project.folder / "migrations/env.py"
    source = env.read_text(encoding="utf-8")
    connect = "get_engine().connect()"
    assert connect in source
    options = '.execution_options(isolation_level="AUTOCOMMIT")'
    env.write_text(source.replace(connect, connect + options), encoding="utf-8")
    script = COMMIT.replace('    op.execute("COMMIT")\n', "")
    revision(project, 2, "pass")
    revision(project, 3, script + FAILS)
    failed = db(project, "upgrade")
    assert "; the database is at r2, after 1 of 2 revisions; 7 statements were " in failed.error
    assert f"{COMMITTED}, {WITHOUT_TRANSACTION}: " in failed.error
    assert picture(url) == {**AS_UNDISTURBED, "alembic_version": (["version_num"], [("r2",)])}


ISOLATION = """
    op.add_column("a", sa.Column("before", sa.Integer))
    op.execute("UPDATE a SET n = n + 1")
    op.get_bind().execution_options(isolation_level="AUTOCOMMIT")
    op.execute("ALTER TYPE mood ADD VALUE 'glad'")
    op.get_bind().execution_options(isolation_level="READ COMMITTED")
    op.add_column("a", sa.Column("after", sa.Integer))
"""
ADD_AFTER = 'op.add_column("a", sa.Column("after", sa.Integer))'
REFUSED = hasattr(sa.engine.Connection, "rollback")
VALUES = "SELECT enumlabel FROM pg_enum ORDER BY enumsortorder"


@pytest.fixture
def moods(postgres):
    """The same, with a type."""
    project, url = postgres
    execute(url, "CREATE TYPE mood AS ENUM ('sad')")
    return project, url


@pytest.mark.skipif(REFUSED, reason="SQLAlchemy 2 refuses it while a transaction is open")
@pytest.mark.parametrize("earlier", [0, 1])
def test_a_change_of_the_isolation_level_is_a_commit(moods, earlier):
    """What the revision, and those before it, have done until then is kept."""
    project, url = moods
    if earlier:
        revision(project, 2, 'op.create_table("c", sa.Column("id", sa.Integer))')
    revision(project, 2 + earlier, ISOLATION)
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert [name for name in tables(url)["a"]] == ["id", "n", "before", "after"]
    assert rows(url, "SELECT n FROM a ORDER BY id") == [(101,), (101,)]
    assert rows(url, VALUES) == [("sad",), ("glad",)]
    assert version(url) == [f"r{2 + earlier}"]
    assert ("c" in tables(url)) == bool(earlier)


@pytest.mark.skipif(REFUSED, reason="SQLAlchemy 2 refuses it while a transaction is open")
def test_what_was_committed_by_a_change_of_the_isolation_level_is_told(moods):
    """Where the revision fails afterwards; a dry run refuses it before anything is lost."""
    project, url = moods
    before = picture(url)
    revision(project, 2, ISOLATION)
    refused = db(project, "upgrade", "--dry-run")
    assert refused.status == 1
    assert picture(url) == before
    assert rows(url, VALUES) == [("sad",)]
    revision(project, 2, ISOLATION + FAILS)
    failed = db(project, "upgrade")
    assert failed.status == 1
    committed = (
        "[ALTER TABLE a ADD COLUMN before INTEGER], [UPDATE a SET n = n + 1], "
        "[ALTER TYPE mood ADD VALUE 'glad']"
    )
    assert committed in failed.error
    assert "the database is at r1, as before" in failed.error


RAW_LEVEL = """
    raw = op.get_bind().connection
    raw = getattr(raw, "dbapi_connection", None) or raw.connection
    raw.set_isolation_level({level})
"""


@pytest.mark.parametrize("earlier", [0, 1])
def test_a_change_of_the_level_by_the_driver_itself(moods, earlier):
    """It rolls back what was done, of earlier revisions too: the run stops before it goes on."""
    project, url = moods
    before = picture(url)
    text = RAW_LEVEL.format(level=0) + "    op.execute(\"ALTER TYPE mood ADD VALUE 'glad'\")\n"
    if earlier:
        revision(project, 2, 'op.create_table("c", sa.Column("id", sa.Integer))')
    else:
        text = '\n    op.add_column("a", sa.Column("before", sa.Integer))' + text
    revision(project, 2 + earlier, text)
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert f"revision r{2 + earlier} sets the isolation level by the driver" in failed.error
    assert failed.error.endswith("; the database is at r1, as before\n")
    assert picture(url) == before
    assert rows(url, VALUES) == [("sad",)]


def test_a_change_of_the_level_before_anything_else(moods):
    """Nothing is lost, and the value is there."""
    project, url = moods
    level = RAW_LEVEL.format(level=0) + "    op.execute(\"ALTER TYPE mood ADD VALUE 'glad'\")"
    revision(project, 2, level + RAW_LEVEL.format(level=1) + f"    {ADD_AFTER}")
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, VALUES) == [("sad",), ("glad",)]
    assert "after" in tables(url)["a"]
    assert version(url) == ["r2"]


@pytest.mark.skipif(not REFUSED, reason="SQLAlchemy 1 changes it within a transaction")
@pytest.mark.parametrize("earlier", [0, 1])
def test_a_refused_change_of_the_isolation_level_keeps_nothing(moods, earlier):
    """SQLAlchemy refuses it after it has called its listeners, which must not have committed."""
    project, url = moods
    before = picture(url)
    if earlier:
        revision(project, 2, 'op.create_table("c", sa.Column("id", sa.Integer))')
    revision(project, 2 + earlier, ISOLATION)
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "isolation_level may not be altered" in failed.error
    assert "the database is at r1, as before" in failed.error
    assert picture(url) == before
    assert rows(url, VALUES) == [("sad",)]
