"""Revisions that commit before their end, on PostgreSQL, and an upgrade that is killed in one."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import Project, rows
from safe import db, ended, mortal, picture, revision

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
AS_UNDISTURBED = {
    "a": (["id", "n", "x"], [(1, 111, None), (2, 111, None)]),
    "alembic_version": (["version_num"], [("r2",)]),
    "b": (["id"], [(7,)]),
}


def has_autocommit_block() -> bool:
    """Tell whether the installed Alembic has it."""
    from alembic.runtime.migration import MigrationContext

    return hasattr(MigrationContext, "autocommit_block")


needs_block = pytest.mark.skipif(
    not has_autocommit_block(), reason="this Alembic has no autocommit_block"
)
BLOCKS = [
    pytest.param(BLOCK, marks=needs_block, id="autocommit_block"),
    pytest.param(COMMIT, id="COMMIT"),
]


def built(url: str) -> list[Any]:
    """Name the indexes of our tables that can be used."""
    found = rows(
        url,
        "SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid "
        "WHERE indisvalid AND relname LIKE 'ix%' ORDER BY 1",
    )
    return [name for (name,) in found]


def check_kill(project: Project, url: str, script: str, when: str) -> None:
    """Kill an upgrade, run it again, and look at everything."""
    mortal(project)
    revision(project, 2, script)
    done = ended(project, "manage.py", "db", "upgrade", DIE=when)
    assert done.status() == -9, done.err
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert picture(url) == AS_UNDISTURBED
    assert built(url) == ["ix_a_n", "ix_b"]
