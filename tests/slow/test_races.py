"""Eight replicas start at once, again and again: none dies, and each revision runs once."""

from __future__ import annotations

import contextlib
from functools import partial

import pytest
from databases import rows, tables, version
from processes import UPGRADE, background
from projects import new_project
from revisions import BASE, revision

pytestmark = pytest.mark.slow
CONCURRENTLY = """
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY ix_a_n ON a (n)")
"""


def ten_revisions(project, sixth: str) -> None:
    """Write revisions that fail, or leave other rows, when one of them runs twice."""
    revision(project, 1, BASE)
    for number in range(2, 11):
        table = f'op.create_table("t{number}", sa.Column("id", sa.Integer))'
        revision(project, number, f"{table}\nop.execute('UPDATE a SET n = n + 1')")
    if sixth:
        revision(project, 6, sixth)


@pytest.mark.parametrize("repeat", range(5))
@pytest.mark.parametrize("kill", [False, True], ids=["all live", "one is killed"])
@pytest.mark.parametrize("sixth", ["", CONCURRENTLY], ids=["plain", "concurrently"])
def test_eight_at_once(project, database, monkeypatch, kill, sixth, repeat):
    """All exit with 0, except the one that was killed, and the schema and rows are right."""
    if sixth:
        from alembic.runtime.migration import MigrationContext

        if not database.startswith("postgresql") or not hasattr(
            MigrationContext, "autocommit_block"
        ):
            pytest.skip("only PostgreSQL has it, and Alembic since 1.2")
    monkeypatch.setenv("DATABASE_URL", database)
    new_project(project)
    ten_revisions(project, sixth)
    with contextlib.ExitStack() as stack:
        # those that start an interpreter each come later, and further apart
        start = partial(background, project, *UPGRADE, fresh=repeat == 0 and not kill)
        running = [stack.enter_context(start()) for _ in range(8)]
        if kill:
            running[0].until(lambda: any("Running upgrade" in one.err for one in running))
            victim = next(one for one in running if "Running upgrade" in one.err)
            victim.kill()
            running.remove(victim)
        for one in running:
            assert one.status() == 0, one.err
    assert version(database) == ["r10"]
    count = 8 if sixth else 9
    assert rows(database, "SELECT n FROM a") == [(100 + count,), (100 + count,)]
    expected = {"a", "alembic_version"} | {f"t{n}" for n in range(2, 11) if n != 6 or not sixth}
    assert set(tables(database)) == expected
