"""One migration at a time for each database; the others wait, and then have nothing to do."""

from __future__ import annotations

import re

import pytest
from databases import rows, tables, version
from processes import (
    GATE,
    LOCKS,
    UPGRADE,
    at_gate,
    background,
    eventually,
    open_gate,
    waits_for_another,
)
from projects import db, new_project
from revisions import BASE, revision

pytestmark = [pytest.mark.slow, pytest.mark.every_stack]


@pytest.fixture
def gated(project, database, monkeypatch):
    """A project whose second revision waits for the test, on each kind of database."""
    monkeypatch.setenv("DATABASE_URL", database)
    new_project(project)
    revision(project, 1, BASE)
    revision(project, 2, GATE + '    op.create_table("b", sa.Column("id", sa.Integer))')
    return project


def test_who_comes_second_waits_and_has_nothing_to_do(gated, database):
    """The loser of the race plans again from the winner's result, and exits with 0."""
    with background(gated, *UPGRADE) as first:
        at_gate(gated, first)
        with background(gated, *UPGRADE) as second:
            line = second.until(lambda: re.search(r"waiting for another migration.*", second.err))
            assert str(first.pid) in line.group() or "connection" in line.group()
            open_gate(gated)
            assert first.status() == 0, first.err
            assert second.status() == 0, second.err
            assert "Running upgrade" not in second.err
    assert version(database) == ["r2"]
    assert rows(database, "SELECT count(*) FROM a") == [(2,)]


HOLDER = {
    "sqlite": r"process {pid} of user \S+ on \S+, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d",
    "postgresql": r"server process \d+ of user postgres "
    r"\(migrate_script, process {pid} on \S+\), since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d.*",
    "mysql": r"connection \d+ of user root on \S+, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d",
}


def test_who_waits_too_long_is_told_for_whom(gated, database):
    """One line names the holder, nothing is changed, and looking is never blocked."""
    with background(gated, *UPGRADE) as first:
        at_gate(gated, first)
        for command in (("upgrade",), ("downgrade", "base"), ("stamp", "base")):
            late = db(gated, *command, "--lock-timeout", "0.3")
            assert late.status == 1
            holder = HOLDER[database.split(":")[0].split("+")[0]].format(pid=first.pid)
            assert re.fullmatch(
                r"Error: another migration of this database is still running after 0\.3 s "
                rf"\({holder}\); nothing was changed: wait for it to end, or give "
                r"--lock-timeout more seconds\n",
                late.error,
            )
        assert db(gated, "current").status == 0
        assert db(gated, "history").status == 0
        assert "CREATE TABLE a" in db(gated, "upgrade", "r1", "--sql").out
        open_gate(gated)
        assert first.status() == 0, first.err
    assert version(database) == ["r2"]


def test_the_application_sets_how_long_to_wait(gated, monkeypatch):
    """Migrate(lock_timeout=) counts where the command line says nothing."""
    monkeypatch.setenv("MIGRATE_OPTIONS", '{"lock_timeout": 0.2}')
    with background(gated, *UPGRADE) as first:
        at_gate(gated, first)
        late = db(gated, "upgrade")
        assert late.status == 1
        assert "after 0.2 s" in late.error
        open_gate(gated)
        assert first.status() == 0, first.err


def test_a_killed_holder_frees_the_lock(gated, database):
    """Nothing has to be cleaned up by hand after a kill -9."""
    with background(gated, *UPGRADE) as first:
        at_gate(gated, first)
        with background(gated, *UPGRADE) as second:
            second.until(lambda: "waiting for another migration" in second.err)
            first.kill()
            open_gate(gated)
            assert second.status() == 0, second.err
    assert version(database) == ["r2"]
    assert rows(database, "SELECT count(*) FROM a") == [(2,)]


def test_nothing_is_left_of_the_lock(gated, database):
    """Neither a file beside the database nor a lock on the server outlives the command."""
    open_gate(gated)
    before = {path.name for path in gated.folder.parent.iterdir()}
    assert db(gated, "upgrade").status == 0
    assert not [p for p in gated.folder.parent.iterdir() if "lock" in p.name], before
    if "postgresql" in database:
        eventually(lambda: rows(database, LOCKS) == [(0,)])


@pytest.mark.parametrize("value", ["soon", "-1", "inf", "nan"])
def test_a_time_that_is_none_is_refused(gated, value):
    """--lock-timeout takes a number of seconds."""
    refused = db(gated, "upgrade", f"--lock-timeout={value}")
    assert refused.status == 2
    assert refused.error == f"Error: 'lock_timeout' is '{value}': give a number of seconds\n"


def test_two_binds_of_one_database_do_not_wait_for_each_other(
    project, new_database, monkeypatch, database
):
    """A run that meets its own lock goes on."""
    if database.startswith("sqlite"):
        pytest.skip("SQLite has one writer for each file")
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("SECOND_URL", database)
    new_project(project, "--multidb")
    table = 'op.create_table("t_" + (engine_name or "first"), sa.Column("id", sa.Integer))'
    revision(project, 1, table, arguments="engine_name")
    source = (project.folder / "migrations/env.py").read_text(encoding="utf-8")
    source = source.replace("target_metadata=", 'version_table="v_" + name, target_metadata=')
    (project.folder / "migrations/env.py").write_text(source, encoding="utf-8")
    done = db(project, "upgrade", "--lock-timeout", "5")
    assert done.status == 0, done.err
    assert {"t_first", "t_second"} <= set(tables(database))


CONCURRENTLY = """
    op.execute("SET statement_timeout = '20s'")
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY ix_a_n ON a (n)")
"""


def test_an_index_is_made_concurrently_while_another_waits(project, new_database, monkeypatch):
    """Who waits stops no CREATE INDEX CONCURRENTLY, with env.py of one database or of several."""
    from alembic.runtime.migration import MigrationContext

    if not hasattr(MigrationContext, "autocommit_block"):
        pytest.skip("this Alembic has no autocommit_block")
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, BASE)
    revision(project, 2, GATE)
    revision(project, 3, CONCURRENTLY)
    waits_for_another(project)
    assert version(url) == ["r3"]
    assert rows(url, "SELECT count(*) FROM pg_indexes WHERE indexname = 'ix_a_n'") == [(1,)]
