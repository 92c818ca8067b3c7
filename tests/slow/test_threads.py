"""Upgrades from inside the application, in threads."""

from __future__ import annotations

import pytest
from databases import rows
from processes import eventually
from projects import new_project
from revisions import BASE, revision

STORY = """
    import threading
    from manage import app, db
    from migrate_script import current, downgrade, upgrade

    failures = []

    def work(number):
        try:
            with app.app_context():
                upgrade(revision="r2", lock_timeout=120)
                if number % 10 == 0:
                    downgrade(revision="r1")
                current()
        except BaseException as error:
            failures.append(error)

    with app.app_context():
        upgrade(revision="r1")
        engine = db.engine
        before = {k: v for k, v in vars(engine.pool).items() if isinstance(v, (int, str))}
        before.pop("_overflow", None)
        options = dict(engine._execution_options)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(COUNT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(500)
        assert not thread.is_alive(), "deadlock"
    assert not failures, failures[:3]
    with app.app_context():
        upgrade()
        assert db.engine is engine
        after = {k: v for k, v in vars(engine.pool).items() if isinstance(v, (int, str))}
        after.pop("_overflow", None)
        assert after == before, (before, after)
        assert dict(engine._execution_options) == options
        assert getattr(engine.pool, "checkedout", int)() == 0
    print("as it was")
"""


@pytest.mark.parametrize(
    "count", [8, pytest.param(200, marks=pytest.mark.slow)], ids=["eight", "two hundred"]
)
def test_upgrades_in_threads(project, database, monkeypatch, count):
    """Threads queue: no deadlock, no leaked connection, no changed engine."""
    monkeypatch.setenv("DATABASE_URL", database)
    new_project(project)
    revision(project, 1, BASE)
    revision(
        project,
        2,
        'op.create_table("b", sa.Column("id", sa.Integer))',
        'op.drop_table("b")',
    )
    project.write("story.py", STORY.replace("COUNT", str(count)))
    done = project.forked("story.py")
    assert done.out.endswith("as it was\n"), done.err[-3000:]
    if database.startswith("postgresql"):
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        eventually(lambda: rows(database, others) == [(1,)])
