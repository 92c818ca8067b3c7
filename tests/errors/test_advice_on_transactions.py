"""What a line about the transaction of a run advises is done to env.py or the script, and cures."""

from __future__ import annotations

import re

import pytest
from alembic.runtime.migration import MigrationContext
from databases import execute, rows, tables, version
from front_ends import stopped, works
from projects import db, new_project
from revisions import BASE, begin, revision

AT_R1 = "; the database is at r1, as before"
AT_NONE = "; the database is at no revision, as before"
ADD_X = 'op.add_column("a", sa.Column("x", sa.Integer))'


# -- NotProtected -----------------------------------------------------------------------------

PROTECTED = (
    "so the upgrade would run without a lock and could not be rolled back; nothing was run: let "
    "env.py call context.configure(connection=...) and context.run_migrations() of 'from alembic "
    "import context'"
)
ENV = """
    from alembic import context
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from flask import current_app

    engine = current_app.extensions["migrate"].db.get_engine(current_app)
    with engine.connect() as connection:
"""
OWN_CONTEXT = """
        env = context.get_context.__globals__["_proxy"]
        made = MigrationContext.configure(connection, opts={"fn": env.context_opts["fn"]})
        with Operations.context(made), made.begin_transaction():
            made.run_migrations()
"""
USUAL = """
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""
OWN_PLAN = USUAL.replace("connection=connection", "connection=connection, fn=lambda heads, _: []")


@pytest.mark.parametrize(
    ("env_py", "line"),
    [
        (
            OWN_CONTEXT,
            "env.py runs the migrations of a MigrationContext that did not come from "
            f"context.configure(), {PROTECTED}",
        ),
        (OWN_PLAN, f"env.py passes a plan of its own (fn=...), {PROTECTED}, without 'fn'"),
    ],
    ids=["own context", "own plan"],
)
def test_env_py_calls_what_the_line_names(project, url, front_end, env_py, line):
    """With the import of the line."""
    new_project(project)
    revision(project, 1, BASE)
    project.write("migrations/env.py", ENV + env_py)
    assert stopped(project, front_end, "upgrade") == line
    assert tables(url) == {}
    project.write("migrations/env.py", ENV + USUAL)
    works(project, front_end, "upgrade")
    assert version(url) == ["r1"]


# -- NothingKept ------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["commit()", "engine.begin()"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_env_py_began_it_commits(project, new_database, monkeypatch, kind, way, front_end):
    """By a call, or by the engine that does."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, BASE)
    begins = ENV + "        transaction = connection.begin()\n" + USUAL.lstrip("\n")
    project.write("migrations/env.py", begins)
    line = stopped(project, front_end, "upgrade")
    assert line == (
        "env.py begins a transaction before it calls context.configure(), and does not commit it, "
        f"so that nothing was kept: let it call commit(), or connect by engine.begin(){AT_NONE}"
    )
    assert "a" not in tables(url)
    assert way in re.findall(r"[\w.]+\(\)", line)
    if way == "commit()":
        project.write("migrations/env.py", f"{begins}        transaction.{way}\n")
    else:
        project.write("migrations/env.py", ENV.replace("engine.connect()", way) + USUAL)
    works(project, front_end, "upgrade")
    assert (version(url), len(rows(url, "SELECT * FROM a"))) == (["r1"], 2)


def test_env_py_closes_the_connection_later(project, url, front_end):
    """After the block that commits."""
    new_project(project)
    revision(project, 1, BASE)
    closes = "connection.close()\n"
    project.write("migrations/env.py", f"{ENV}{USUAL}            {closes}")
    assert stopped(project, front_end, "upgrade") == (
        "env.py closes the connection before the transaction is committed, so that nothing was "
        "kept: let it close the connection after 'with context.begin_transaction():'" + AT_NONE
    )
    assert "a" not in tables(url)
    project.write("migrations/env.py", f"{ENV}{USUAL}        {closes}")
    works(project, front_end, "upgrade")
    assert (version(url), len(rows(url, "SELECT * FROM a"))) == (["r1"], 2)


ROLLS_BACK = """
    from sqlalchemy import orm
    session = orm.Session(bind=op.get_bind())
    session.execute(sa.text("UPDATE a SET n = 1"))
    session.rollback()
    op.add_column("a", sa.Column("x", sa.Integer))
"""
TO_A_SAVEPOINT = """
    from sqlalchemy import orm
    session = orm.Session(bind=op.get_bind())
    savepoint = session.begin_nested()
    session.execute(sa.text("UPDATE a SET n = 1"))
    savepoint.rollback()
    op.add_column("a", sa.Column("x", sa.Integer))
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_script_rolls_back_to_a_savepoint(project, new_database, monkeypatch, kind, front_end):
    """Where env.py has begun the transaction, which a session of the script would end."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    project.write("migrations/env.py", ENV.replace("connect()", "begin()") + USUAL)
    revision(project, 2, ROLLS_BACK)
    line = stopped(project, front_end, "upgrade")
    assert line == (
        "revision r2 rolls back the transaction of the whole run, by rollback() of a session or "
        f"of its connection: let it roll back to a savepoint, by begin_nested(){AT_R1}"
    )
    revision(project, 2, TO_A_SAVEPOINT)
    works(project, front_end, "upgrade")
    assert version(url) == ["r2"]
    assert rows(url, "SELECT n, x FROM a") == [(100, None), (100, None)]


LEVEL = """
raw = op.get_bind().connection
raw = getattr(raw, "dbapi_connection", None) or raw.connection
raw.set_isolation_level({})
"""
GLAD = "op.execute(\"ALTER TYPE mood ADD VALUE 'glad'\")\n"
BY_DRIVER = LEVEL.format(0) + GLAD + LEVEL.format(1)


@pytest.mark.parametrize("way", ["autocommit_block", "first and alone"])
def test_a_script_leaves_the_level_to_a_block(project, new_database, monkeypatch, way, front_end):
    """Or sets it before all else, and runs alone."""
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    execute(url, "CREATE TYPE mood AS ENUM ('sad')")
    revision(project, 2, 'op.create_table("b", sa.Column("id", sa.Integer))')
    revision(project, 3, ADD_X + "\n" + BY_DRIVER)
    block = "write 'with op.get_context().autocommit_block():' instead, or "
    has_block = hasattr(MigrationContext, "autocommit_block")
    line = (
        "revision r3 sets the isolation level by the driver, which rolls back the transaction of "
        f"the whole run: {block if has_block else ''}do that first in the revision, and run the "
        f"revision alone, by 'db upgrade +1'{AT_R1}"
    )
    assert stopped(project, front_end, "upgrade") == line
    if way == "autocommit_block":
        if not has_block:
            pytest.skip("this Alembic has no such block")
        block = re.search("'(with .*?:)'", line).group(1)
        revision(project, 3, "\n".join([ADD_X, block, f"    {GLAD}"]))
        works(project, front_end, "upgrade")
    else:
        revision(project, 3, BY_DRIVER + ADD_X)
        assert stopped(project, front_end, "upgrade") == line
        for _ in ("r2", "r3"):
            works(project, front_end, *re.search("'db (.*?)'", line).group(1).split())
    assert version(url) == ["r3"]
    assert rows(url, "SELECT unnest(enum_range(NULL::mood))::text") == [("sad",), ("glad",)]
    assert tables(url)["a"] == ["id", "n", "x"]


# -- JournalError -----------------------------------------------------------------------------

BY_HAND = (
    "change the schema by hand to what the unfinished revision or the one before it leaves, and "
    "run 'db stamp REVISION' with that one"
)
HALF = """
    op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
    {}
    op.add_column("a", sa.Column("x", sa.Integer))
    op.drop_table("{}")
"""
# the revision that was stopped, the edited one, its line, and what its statements have changed
HALF_DONE = {
    "other_step": (
        HALF.format('op.execute("UPDATE a SET n = 1")', "missing"),
        None,
        "the upgrade to revision r2 was stopped half-way and must be finished before the downgrade "
        f"from revision r1: run 'db upgrade' first, or {BY_HAND}",
    ),
    "mismatch": (
        HALF.format('op.execute("UPDATE a SET n = 1")', "missing"),
        HALF.format('op.execute("UPDATE a SET n = 2")', "b"),
        "the upgrade to revision r2 was stopped half-way and cannot go on: its statement 2 was "
        "[UPDATE a SET n = 1] when it ran and is [UPDATE a SET n = 2] now: undo that change of the "
        f"script, or {BY_HAND}",
    ),
    "returned": (
        HALF.format('op.execute("INSERT INTO a (n) VALUES (1) RETURNING id")', "missing"),
        HALF.format('op.execute("INSERT INTO a (n) VALUES (1) RETURNING id")', "b"),
        "the upgrade to revision r2 was stopped half-way and cannot go on: its statement 2, "
        "[INSERT INTO a (n) VALUES (1) RETURNING id], has run, and what it returned is no longer "
        f"known: {BY_HAND}",
    ),
}
FORWARD, BACK = ["DROP TABLE b"], ["DROP TABLE b", "ALTER TABLE a DROP COLUMN x"]


@pytest.mark.parametrize(("by_hand", "at"), [(FORWARD, "r2"), (BACK, "r1")], ids=["r2", "r1"])
@pytest.mark.parametrize("case", HALF_DONE)
def test_what_is_half_done_is_finished_by_hand(
    project, new_database, monkeypatch, case, by_hand, at, front_end
):
    """In either direction; after the stamp, the revision is as any other."""
    url = new_database("mysql")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project, 'op.drop_table("a")')
    broken, edited, line = HALF_DONE[case]
    revision(project, 2, broken)
    assert db(project, "upgrade").status == 1
    revision(project, 2, edited or broken.replace("missing", "b"), 'op.drop_column("a", "x")')
    words = ["upgrade"] if edited else ["downgrade", "base"]
    assert stopped(project, front_end, *words).startswith(line)
    execute(url, *by_hand)
    stamp = re.findall(r"'db (stamp .*?)'", line)[-1]
    works(project, front_end, *stamp.replace("REVISION", at).split())
    assert "migrate_script_journal" not in tables(url)
    works(project, front_end, *words)
    assert version(url) == (["r2"] if edited else [])
    assert tables(url).get("a") == (["id", "n", "x"] if edited else None)
    assert "b" not in tables(url)


def test_the_change_of_a_half_done_script_is_undone(project, new_database, monkeypatch, front_end):
    """What failed may be corrected; what ran before it stays."""
    url = new_database("mysql")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    broken, edited, line = HALF_DONE["mismatch"]
    revision(project, 2, broken)
    assert db(project, "upgrade").status == 1
    revision(project, 2, edited)
    assert stopped(project, front_end, "upgrade").startswith(line)
    then, now = re.findall(r"\[(.*?)\]", line)
    revision(project, 2, edited.replace(now, then))
    works(project, front_end, "upgrade")
    assert rows(url, "SELECT n FROM a") == [(1,), (1,)]
    assert (version(url), "b" in tables(url)) == (["r2"], False)
