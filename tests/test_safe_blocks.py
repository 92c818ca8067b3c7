"""PostgreSQL: a revision that commits before its end goes on where it stopped."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from committing import AS_UNDISTURBED, BLOCK, BLOCKS, COMMIT, built, check_kill, needs_block
from helpers import execute, rows, tables
from safe import begin, db, ended, mortal, picture, revision, version


@pytest.fixture
def postgres(project, new_database, monkeypatch):
    """A project whose PostgreSQL database is at its only revision: project and URL."""
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    return project, url


@pytest.mark.parametrize("script", BLOCKS)
@pytest.mark.parametrize("when", ["after 2", "before 3", "after 3", "after 4", "after 7"])
def test_a_kill_around_a_block(postgres, script, when):
    """The same schema and rows as of an undisturbed run, after a plain second one."""
    check_kill(*postgres, script, when)


@pytest.mark.parametrize("script", BLOCKS)
def test_a_failure_behind_a_block_is_made_good(postgres, script):
    """The line tells what stands, and the next upgrade does the rest."""
    project, url = postgres
    revision(project, 2, script + '\n    op.drop_table("missing")')
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "; the database is at r1, as before; " in failed.error
    assert " before it stand and will not be repeated: [CREATE TABLE b ( id" in failed.error
    assert "[UPDATE a SET n = n + 1], [CREATE INDEX CONCURRENTLY ix_a_n" in failed.error
    assert failed.error.endswith(": remove the cause and run 'db upgrade' again\n")
    assert "migrate_script_journal" in tables(url)
    revision(project, 2, script)
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert picture(url) == AS_UNDISTURBED
    assert built(url) == ["ix_a_n", "ix_b"]


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
    assert "stand" not in failed.error
    assert rows(url, "SELECT relname FROM pg_class WHERE relname = 'ix_a_n'") == []
    assert set(tables(url)) == {"a", "alembic_version"}
    execute(url, "UPDATE a SET n = id")
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert built(url) == ["ix_a_n"]


@needs_block
@pytest.mark.parametrize("exists", ["", "IF NOT EXISTS "])
def test_an_index_half_built_by_a_killed_server_process_is_built_anew(postgres, exists):
    """What was under way when all ended is looked at before it is taken for done."""
    project, url = postgres
    mortal(project)
    script = f"""
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY {exists}ix_a_n ON a (n)")
    """
    revision(project, 2, script)
    ended(project, "manage.py", "db", "upgrade", DIE="before 1")
    # as it is left there when the build does not come to its end
    execute(
        url,
        "CREATE INDEX ix_a_n ON a (n)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_a_n'::regclass",
    )
    assert built(url) == []
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert built(url) == ["ix_a_n"]


@needs_block
def test_a_loop_in_a_block_goes_on_where_it_stopped(postgres):
    """A script that counts the rows it has changed counts the same ones again."""
    project, url = postgres
    mortal(project)
    script = """
        op.execute("INSERT INTO a (id, n) SELECT g, 0 FROM generate_series(11, 20) g")
        with op.get_context().autocommit_block():
            part = "(SELECT id FROM a WHERE n = 0 LIMIT 3)"
            while op.get_bind().execute(sa.text(
                "UPDATE a SET n = 5 WHERE id IN " + part
            )).rowcount:
                pass
    """
    revision(project, 2, script)
    done = ended(project, "manage.py", "db", "upgrade", DIE="after 3")
    assert done.status() == -9
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert rows(url, "SELECT n, count(*) FROM a GROUP BY n ORDER BY n") == [(5, 10), (100, 2)]


@needs_block
def test_temporary_tables_are_filled_again(postgres):
    """They are gone with the process that made them."""
    project, url = postgres
    mortal(project)
    script = """
        op.execute("CREATE TEMP TABLE t AS SELECT 1 AS one")
        op.execute("INSERT INTO t VALUES (2)")
        with op.get_context().autocommit_block():
            op.execute("UPDATE a SET n = n + (SELECT sum(one) FROM t)")
            op.execute("DELETE FROM t WHERE one = 1")
        op.execute("UPDATE a SET n = n + (SELECT sum(one) FROM t)")
    """
    revision(project, 2, script)
    done = ended(project, "manage.py", "db", "upgrade", DIE="after 3")
    assert done.status() == -9
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert rows(url, "SELECT n FROM a") == [(105,), (105,)]


@needs_block
def test_what_a_savepoint_took_back_is_done_again(postgres):
    """Only what was committed is noted."""
    project, url = postgres
    mortal(project)
    script = """
        nested = op.get_bind().begin_nested()
        op.execute("UPDATE a SET n = n + 1")
        nested.rollback()
        op.execute("UPDATE a SET n = n + 2")
        with op.get_context().autocommit_block():
            op.execute("UPDATE a SET n = n + 10")
    """
    revision(project, 2, script)
    done = ended(project, "manage.py", "db", "upgrade", DIE="after 3")
    assert done.status() == -9
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert rows(url, "SELECT n FROM a") == [(112,), (112,)]


@needs_block
def test_a_statement_whose_answer_is_lost_is_not_skipped(postgres):
    """What it returned would be needed; a stamp is a person's word, and ends it."""
    project, url = postgres
    script = """
        op.get_bind().execute(sa.text("UPDATE a SET n = 1 RETURNING id")).fetchall()
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY ix_a_n ON a (n)")
        {}
    """
    revision(project, 2, script.replace("{}", 'op.drop_table("missing")'))
    assert db(project, "upgrade").status == 1
    revision(project, 2, script.replace("{}", ""))
    refused = db(project, "upgrade")
    assert refused.status == 1
    assert refused.error.startswith(
        "Error: the upgrade to revision r2 was stopped half-way and cannot go on: its statement 1, "
        "[UPDATE a SET n = 1 RETURNING id], has run, and what it returned is not known any more: "
        "put the schema in order by hand and 'db stamp REVISION'"
    )
    assert db(project, "stamp", "r2").status == 0
    assert set(tables(url)) == {"a", "alembic_version"}
    assert version(url) == ["r2"]


@needs_block
def test_who_may_not_make_tables_has_no_journal(postgres, monkeypatch):
    """The block runs as it did, and the line says that something stands."""
    project, url = postgres
    role = "ms_" + url.rsplit("_", 1)[1]
    execute(
        url, f"CREATE ROLE {role} LOGIN PASSWORD 'x'", "REVOKE CREATE ON SCHEMA public FROM public"
    )
    try:
        execute(url, f"GRANT ALL ON a, alembic_version TO {role}")
        own = sa.engine.url.make_url(url)
        host = f"{own.host or '127.0.0.1'}:{own.port or 5432}"
        monkeypatch.setenv("DATABASE_URL", f"postgresql+psycopg2://{role}:x@{host}/{own.database}")
        script = """
            op.execute("UPDATE a SET n = n + 1")
            with op.get_context().autocommit_block():
                op.execute("UPDATE a SET n = n + 10")
            {}
        """
        revision(project, 2, script.replace("{}", 'op.drop_table("missing")'))
        failed = db(project, "upgrade")
        assert failed.status == 1
        assert "; what this revision committed itself stands: " in failed.error
        assert set(tables(url)) == {"a", "alembic_version"}
    finally:
        execute(url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_revision_that_commits_nothing_is_not_noted(postgres):
    """No statement is added to a plain step but one look for the table, once in a run."""
    project, url = postgres
    project.write(
        "watch.py",
        """
        import sys
        from migrate_script.running.resuming.notes import Notes

        query = Notes.query

        def watched(self, statement, *values):
            sys.stderr.write("ASKED " + statement + "\\n")
            return query(self, statement, *values)

        Notes.query = watched
        """,
    )
    manage = project.folder / "manage.py"
    manage.write_text("import watch\n" + manage.read_text(encoding="utf-8"), encoding="utf-8")
    for number in (2, 3, 4):
        revision(project, number, 'op.execute("UPDATE a SET n = n + 1")')
    done = project.process("manage.py", "db", "upgrade")
    assert done.status == 0, done.err
    asked = [line for line in done.err.splitlines() if line.startswith("ASKED")]
    assert asked == ["ASKED SELECT current_schema()", "ASKED SELECT to_regclass(%s)"]


@needs_block
def test_a_failure_in_a_later_revision_leaves_the_way_open(postgres):
    """All steps share one transaction, so that what came behind the block is undone with it."""
    project, url = postgres
    revision(project, 2, BLOCK)
    revision(project, 3, 'op.drop_table("missing")')
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert (
        "; the database is at r1, as before; 5 statement(s) before it stand and will not be re"
        in (failed.error)
    )
    assert version(url) == ["r1"]
    revision(project, 3, "pass")
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert picture(url) == {**AS_UNDISTURBED, "alembic_version": (["version_num"], [("r3",)])}


@needs_block
@pytest.mark.parametrize("script", [BLOCK, BLOCK + '\n    op.drop_table("missing")'])
def test_a_transaction_for_each_revision(postgres, script):
    """Nothing of the journal is left, nor is a block in a later revision mistaken for it."""
    project, url = postgres
    env = project.folder / "migrations/env.py"
    source = env.read_text(encoding="utf-8")
    env.write_text(
        source.replace("target_metadata=", "transaction_per_migration=True, target_metadata="),
        encoding="utf-8",
    )
    revision(project, 2, script)
    first = db(project, "upgrade")
    assert first.status == ("missing" in script), first.err
    revision(project, 2, BLOCK)
    other = """
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY ix_other ON a (n)")
    """
    revision(project, 3, other)
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert picture(url) == {**AS_UNDISTURBED, "alembic_version": (["version_num"], [("r3",)])}
    assert built(url) == ["ix_a_n", "ix_b", "ix_other"]


def test_a_stamp_ends_an_unfinished_revision(postgres):
    """It says what the database is at, whatever was under way."""
    project, url = postgres
    revision(project, 2, COMMIT + '\n    op.drop_table("missing")')
    assert db(project, "upgrade").status == 1
    assert "migrate_script_journal" in tables(url)
    refused = db(project, "downgrade", "base")
    assert refused.status == 1
    assert "must be finished before the downgrade from revision r1" in refused.error
    stamped = db(project, "stamp", "r2")
    assert stamped.status == 0, stamped.err
    assert "migrate_script_journal" not in tables(url)
    assert version(url) == ["r2"]


def test_an_engine_that_commits_each_statement(postgres, monkeypatch):
    """AUTOCOMMIT for the whole engine: every statement is noted."""
    project, url = postgres
    env = project.folder / "migrations/env.py"
    source = env.read_text(encoding="utf-8")
    connect = "get_engine().connect()"
    assert connect in source
    options = '.execution_options(isolation_level="AUTOCOMMIT")'
    env.write_text(source.replace(connect, connect + options), encoding="utf-8")
    script = COMMIT.replace('    op.execute("COMMIT")\n', "")
    revision(project, 2, script + '\n    op.drop_table("missing")')
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "7 statement(s) before it stand" in failed.error
    revision(project, 2, script)
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert picture(url) == AS_UNDISTURBED
