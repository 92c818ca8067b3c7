"""A dry run leaves nothing, whichever way a script commits."""

from __future__ import annotations

import gc

import pytest
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from databases import picture
from projects import db
from revisions import begin, revision

RAW = """
raw = op.get_bind().connection
raw = getattr(raw, "dbapi_connection", None) or raw.connection
"""
ELSEWHERE = """
import os
engine = sa.create_engine(os.environ["DATABASE_URL"])
with engine.begin() as connection:
    connection.execute(sa.text("INSERT INTO a VALUES (77, 77)"))
"""
COMMITS = {
    "behind a comment": ('op.execute("-- done\\n/* so far */ COMMIT")', "COMMIT"),
    "caught": ('try:\n    op.execute("COMMIT")\nexcept Exception:\n    pass', "COMMIT"),
    "the driver's": (RAW + "raw.commit()", "COMMIT"),
    "the driver's cursor": (RAW + 'raw.cursor().execute("COMMIT")', "COMMIT"),
    "the driver's, caught": (RAW + "try:\n    raw.commit()\nexcept Exception:\n    pass", "COMMIT"),
    "VACUUM": ('op.execute("VACUUM")', "VACUUM"),
}
BLOCK = 'with op.get_context().autocommit_block():\n    op.execute("UPDATE a SET n = 7")'
if hasattr(MigrationContext, "autocommit_block"):
    COMMITS["a block"] = (BLOCK, "COMMIT")
if hasattr(sa.engine.Connection, "commit"):
    COMMITS["the connection's"] = ("op.get_bind().commit()", "COMMIT")
SQLITE = {
    "a script of the driver": (RAW + 'raw.executescript("UPDATE a SET n = 7")', "COMMIT"),
    "a setting": ('op.execute("PRAGMA foreign_keys = ON")', "PRAGMA foreign_keys = ON"),
}
POSTGRESQL = {
    "among others": ('op.execute("UPDATE a SET n = 7; COMMIT; SELECT 1")', "COMMIT"),
    "each statement": (
        RAW + 'raw.set_isolation_level(0)\nop.execute("UPDATE a SET n = 7")',
        "UPDATE a SET n = 7",
    ),
    "behind its constraints": (
        'op.execute("SET CONSTRAINTS ALL IMMEDIATE")\nop.execute("SELECT 1")\n'
        + RAW
        + "raw.commit()",
        "COMMIT",
    ),
    "elsewhere": (ELSEWHERE, "INSERT INTO a VALUES (77, 77)] on another connection"),
    "elsewhere, each statement": (
        ELSEWHERE.replace('"])', '"], isolation_level="AUTOCOMMIT")').replace("begin", "connect"),
        "INSERT INTO a VALUES (77, 77)] on another connection",
    ),
}
TABLE = 'op.create_table("{}", sa.Column("id", sa.Integer))'


@pytest.fixture
def at_r1(project, new_database, monkeypatch):
    """Make a project whose database of a kind is at its first revision; gives the URL."""

    def make(kind):
        url = new_database(kind)
        monkeypatch.setenv("DATABASE_URL", url)
        begin(project)
        return url

    return make


@pytest.mark.parametrize(
    ("kind", "case"),
    [("sqlite", case) for case in [*COMMITS, *SQLITE]]
    + [("postgresql", case) for case in [*COMMITS, *POSTGRESQL]],
)
def test_no_commit_of_a_script_reaches_the_database(project, at_r1, kind, case):
    """One line says which revision, and what it would have kept."""
    url = at_r1(kind)
    before = picture(url)
    body, what = {**COMMITS, **(SQLITE if kind == "sqlite" else POSTGRESQL)}[case]
    revision(project, 2, "\n".join([TABLE.format("b"), body, TABLE.format("c")]))
    stopped = db(project, "upgrade", "--dry-run")
    if "elsewhere" in case:
        # old SQLAlchemys say so when the script's own connection is ended from outside
        gc.collect()
    assert picture(url) == before
    assert stopped.status == 1
    closing = "" if "]" in what else "]"
    sql = "" if "another connection" in what else "use --sql to read the statements, or "
    assert stopped.error == (
        f"Error: --dry-run stopped revision r2 before [{what}{closing}, which could not be undone: "
        f"{sql}run it on a copy of the database; the database is at r1, as before\n"
    )


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_savepoints_and_looking_elsewhere_leave_nothing(project, at_r1, kind):
    """So does what SQLite joins to the run."""
    url = at_r1(kind)
    before = picture(url)
    look = ELSEWHERE.replace("INSERT INTO a VALUES (77, 77)", "SELECT n FROM a")
    savepoint = 'with op.get_bind().begin_nested():\n    op.execute("UPDATE a SET n = 7")'
    join = ELSEWHERE if kind == "sqlite" else ""
    revision(project, 2, "\n".join([look, savepoint, join]))
    done = db(project, "upgrade", "--dry-run")
    assert done.status == 0, done.err
    assert picture(url) == before
    assert db(project, "upgrade").status == 0


def test_a_script_may_have_its_constraints_looked_at(project, at_r1):
    """What stops a commit on PostgreSQL is not in the way."""
    url = at_r1("postgresql")
    before = picture(url)
    revision(project, 2, 'op.execute("SET CONSTRAINTS ALL IMMEDIATE")\n' + TABLE.format("b"))
    done = db(project, "upgrade", "--dry-run")
    assert done.status == 0, done.err
    assert picture(url) == before


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    "back",
    ["ROLLBACK TO s", "ROLLBACK TRANSACTION TO SAVEPOINT s", "/* a */ rollback to SAVEPOINT s"],
)
def test_a_script_may_go_back_to_its_savepoint(project, at_r1, kind, back):
    """However it is written: a real upgrade runs it, too."""
    url = at_r1(kind)
    before = picture(url)
    body = f"""
op.execute("SAVEPOINT s")
op.execute("UPDATE a SET n = 7")
op.execute({back!r})
op.execute("RELEASE SAVEPOINT s")
"""
    revision(project, 2, body)
    done = db(project, "upgrade", "--dry-run")
    assert done.status == 0, done.err
    assert picture(url) == before
    assert db(project, "upgrade").status == 0


@pytest.mark.parametrize("statement", ["ABORT", "ROLLBACK WORK", "START TRANSACTION"])
def test_other_words_for_the_same_are_refused(project, at_r1, statement):
    """PostgreSQL has several for the end and the beginning of a transaction."""
    url = at_r1("postgresql")
    before = picture(url)
    revision(project, 2, f"op.execute({statement!r})")
    stopped = db(project, "upgrade", "--dry-run")
    assert stopped.status == 1
    assert f"--dry-run stopped revision r2 before [{statement}]" in stopped.error
    assert picture(url) == before
