"""An upgrade in one thread of a program, and what its other threads can do meanwhile."""

from __future__ import annotations

import re

import pytest
from safe import BASE, GATE, new_project, revision, version

STORY = """
    import contextlib
    import io
    import logging.config
    import os
    import threading
    import time

    import alembic.context
    import alembic.op
    from manage import app, db
    from migrate_script import MigrateError, current, heads, history, upgrade

    def names():
        return sorted(vars(alembic.context)), sorted(vars(alembic.op))

    def work():
        with app.app_context():
            upgrade()

    with app.app_context():
        upgrade(revision="r1")
        before = names(), logging.config.fileConfig, dict(app.extensions["migrate"].configure_args)
    thread = threading.Thread(target=work, name="worker", daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not os.path.exists("at_the_gate"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with app.app_context():
        try:
            {body}
            assert thread.is_alive()
        finally:
            open("open_gate", "w").close()
        thread.join()
        assert current() == ["r2"], current()
        after = names(), logging.config.fileConfig, dict(app.extensions["migrate"].configure_args)
        assert before == after, (before, after)
"""
LATE = """
            try:
                upgrade(lock_timeout=0.3)
            except MigrateError as error:
                print(error)
"""
LOOKING = """
            assert current() == ["r1"], current()
            assert heads() == ["r2"]
            assert [script.revision for script in history(rev_range="base:current")] == ["r1"]

            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                upgrade(revision="r1", sql=True)
            assert "CREATE TABLE a" in out.getvalue()
"""


def loads_alone() -> bool:
    """Tell whether this Alembic keeps the files that it loads out of sys.modules."""
    from migrate_script.running.locking.turns import LOADS_ALONE

    return LOADS_ALONE


@pytest.fixture
def gated(project, database, monkeypatch):
    """A project whose second revision waits for the test, in the middle of its work."""
    monkeypatch.setenv("DATABASE_URL", database)
    new_project(project)
    revision(project, 1, BASE)
    gate = GATE.replace("open(", 'op.execute("UPDATE a SET n = 1")\n    open(', 1)
    revision(project, 2, gate + '    op.create_table("b", sa.Column("id", sa.Integer))')
    return project


def test_a_second_upgrade_waits_no_longer_than_asked(gated, database):
    """The line names the thread and the command that go on."""
    gated.write("story.py", STORY.replace("{body}", LATE.strip()))
    done = gated.process("story.py")
    assert done.status == 0, done.err
    assert re.fullmatch(
        r"another migration is still running in this process after 0\.3 s \('db upgrade' in thread "
        r"'worker', since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\); nothing was changed: wait for it to "
        r"end, or give --lock-timeout more seconds",
        done.out.splitlines()[0],
    )
    assert version(database) == ["r2"]


def test_looking_does_not_wait(gated, database):
    """current, heads, history and --sql answer while the upgrade stands in the middle."""
    if not loads_alone():
        pytest.skip("this Alembic loads every env.py under one name")
    gated.write("story.py", STORY.replace("{body}", LOOKING.strip()))
    done = gated.process("story.py")
    assert done.status == 0, done.err
    assert version(database) == ["r2"]


THREADS = """
    from concurrent.futures import ThreadPoolExecutor
    from alembic import context
    from flask import current_app

    migrate = current_app.extensions["migrate"]
    engine = migrate.db.get_engine(current_app)

    def run():
        with engine.connect() as connection:
            context.configure(connection=connection, target_metadata=None)
            with context.begin_transaction():
                context.run_migrations()

    def run_offline():
        context.configure(url=str(engine.url), literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()

    with ThreadPoolExecutor() as executor:
        executor.submit(run_offline if context.is_offline_mode() else run).result()
"""


def test_an_env_py_with_threads_of_its_own(gated, database):
    """Whichever thread env.py goes on in, it is its own command that it is about."""
    if not loads_alone():
        pytest.skip("this Alembic loads every env.py under one name")
    gated.write("migrations/env.py", THREADS)
    gated.write("story.py", STORY.replace("{body}", LOOKING.strip()))
    done = gated.process("story.py")
    assert done.status == 0, done.err
    assert version(database) == ["r2"]
