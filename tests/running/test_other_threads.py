"""An upgrade in one thread of a program, and what its other threads can do meanwhile."""

from __future__ import annotations

import re

import pytest
from databases import version
from processes import GATE
from projects import new_project
from revisions import BASE, revision

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
    from migrate_script import MigrateError, branches, current, heads, history, show, upgrade

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
    while not os.path.exists("at_the_gate"):
        assert thread.is_alive()
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
SCRIPTS = """
            assert heads() == ["r2"]
            assert [script.revision for script in history()] == ["r2", "r1"]
            assert branches() == []
            show(revision="r1")
"""
LOOKING = """
            def look_offline():
                with contextlib.redirect_stdout(io.StringIO()):
                    upgrade(revision="r1", sql=True)

            for look in (current, lambda: history(rev_range="base:current"), look_offline):
                try:
                    look()
                except MigrateError as error:
                    print(error)
"""
RUNNING = (
    r"another migration is still running in this process after 0\.3 s \('db upgrade' in thread "
    r"'worker', since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\); nothing was changed: wait for it to "
    r"end, or give lock_timeout more seconds"
)


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
    done = gated.forked("story.py")
    assert done.status == 0, done.err
    assert re.fullmatch(RUNNING, done.out.splitlines()[0])
    assert version(database) == ["r2"]


def test_reading_the_scripts_does_not_wait(gated, database):
    """heads, history, branches and show need no env.py, and so no lock."""
    gated.write("story.py", STORY.replace("{body}", SCRIPTS.strip()))
    done = gated.forked("story.py")
    assert done.status == 0, done.err
    assert version(database) == ["r2"]


def test_what_needs_env_py_waits_no_longer_than_the_application_says(gated, database, monkeypatch):
    """current, history with the database's revision and --sql run env.py."""
    monkeypatch.setenv("MIGRATE_OPTIONS", '{"lock_timeout": 0.3}')
    gated.write("story.py", STORY.replace("{body}", LOOKING.strip()))
    done = gated.forked("story.py")
    assert done.status == 0, done.err
    *lines, _ = done.out.splitlines()
    assert len(lines) == 3
    assert all(re.fullmatch(RUNNING, line) for line in lines), lines
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
    """env.py may run the migrations in another thread, with the same protection."""
    gated.write("migrations/env.py", THREADS)
    gated.write("story.py", STORY.replace("{body}", SCRIPTS.strip()))
    done = gated.forked("story.py")
    assert done.status == 0, done.err
    assert version(database) == ["r2"]
    printed = gated.forked("manage.py", "db", "upgrade", "r1", "--sql")
    assert "CREATE TABLE a" in printed.out, printed.err
