"""A run that would go past what protects it stops before its first statement."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.runtime.environment import EnvironmentContext
from databases import picture, rows
from projects import db, new_project
from revisions import BASE, revision

BY_THE_CLASS = """
    from alembic import context
    from alembic.runtime.environment import EnvironmentContext
    from flask import current_app

    env = context.get_context.__globals__["_proxy"]
    engine = current_app.extensions["migrate"].db.get_engine(current_app)
    with engine.connect() as connection:
        EnvironmentContext.configure(env, connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""
OWN_CONTEXT = """
    from alembic import context
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from flask import current_app

    env = context.get_context.__globals__["_proxy"]
    engine = current_app.extensions["migrate"].db.get_engine(current_app)
    with engine.connect() as connection:
        made = MigrationContext.configure(connection, opts={"fn": env.context_opts["fn"]})
        with Operations.context(made), made.begin_transaction():
            made.run_migrations()
"""
OWN_CONTEXT_AFTER_CONFIGURE = """
    from alembic import context
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from flask import current_app

    env = context.get_context.__globals__["_proxy"]
    engine = current_app.extensions["migrate"].db.get_engine(current_app)
    with engine.connect() as connection:
        context.configure(connection=connection)
        made = MigrationContext.configure(connection, opts={"fn": env.context_opts["fn"]})
        with Operations.context(made), made.begin_transaction():
            made.run_migrations()
"""
OWN_PLAN = """
    from alembic import context
    from flask import current_app

    def none(heads, the_context):
        return []

    engine = current_app.extensions["migrate"].db.get_engine(current_app)
    with engine.connect() as connection:
        context.configure(connection=connection, fn=none)
        with context.begin_transaction():
            context.run_migrations()
"""
A_THREAD_OF_ITS_OWN = """
    import threading
    from alembic import context
    from flask import current_app

    engine = current_app.extensions["migrate"].db.get_engine(current_app)

    def run():
        with engine.connect() as connection:
            context.configure(connection=connection)
            with context.begin_transaction():
                context.run_migrations()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
"""
OWN_CONTEXT_IN_A_THREAD = """
    import threading
    from alembic import context
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from flask import current_app

    env = context.get_context.__globals__["_proxy"]
    engine = current_app.extensions["migrate"].db.get_engine(current_app)
    errors = []

    def run():
        try:
            with engine.connect() as connection:
                opts = {"fn": env.context_opts["fn"], "script": env.script}
                made = MigrationContext.configure(connection, opts=opts)
                with Operations.context(made), made.begin_transaction():
                    made.run_migrations()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
"""
OWN_PLAN_IN_A_THREAD = """
    import threading
    from alembic import context
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from flask import current_app

    env = context.get_context.__globals__["_proxy"]
    engine = current_app.extensions["migrate"].db.get_engine(current_app)
    errors = []

    def plan(heads, made):
        return env.script._upgrade_revs("head", heads)

    def run():
        try:
            with engine.connect() as connection:
                opts = {"fn": plan, "script": env.script}
                made = MigrationContext.configure(connection, opts=opts)
                with Operations.context(made), made.begin_transaction():
                    made.run_migrations()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
"""
USUAL = """
    from alembic import context
    from flask import current_app

    engine = current_app.extensions["migrate"].db.get_engine(current_app)
    with engine.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""
UNPROTECTED = "so the upgrade would run without a lock and could not be rolled back"


def upgraded(project, database, monkeypatch, env_py):
    """Upgrade an empty database to two revisions by an env.py."""
    monkeypatch.setenv("DATABASE_URL", database)
    new_project(project)
    project.write("migrations/env.py", env_py)
    revision(project, 1, BASE)
    revision(project, 2, 'op.add_column("a", sa.Column("x", sa.Integer))')
    return db(project, "upgrade")


@pytest.mark.parametrize(
    "env_py",
    [
        BY_THE_CLASS,
        OWN_CONTEXT,
        OWN_CONTEXT_AFTER_CONFIGURE,
        OWN_CONTEXT_IN_A_THREAD,
        OWN_PLAN_IN_A_THREAD,
    ],
)
def test_a_context_that_was_not_configured_here_is_refused(project, database, monkeypatch, env_py):
    """One line, and an untouched database."""
    done = upgraded(project, database, monkeypatch, env_py)
    assert done.status == 1
    assert done.error.startswith(
        "Error: env.py runs the migrations of a MigrationContext that did not come from "
        f"context.configure(), {UNPROTECTED}; nothing was run: "
    )
    assert len(done.error.splitlines()) == 1
    assert picture(database) == {}


def test_another_plan_is_refused(project, database, monkeypatch):
    """It would run nothing, or what nobody has looked at."""
    done = upgraded(project, database, monkeypatch, OWN_PLAN)
    assert done.status == 1
    assert done.error.startswith(f"Error: env.py passes a plan of its own (fn=...), {UNPROTECTED}")
    assert picture(database) == {}


def test_alembic_finds_its_environment_elsewhere(project, database, monkeypatch):
    """As a later release of it might."""
    function = command.upgrade

    def upgrade(config, revision, sql=False, tag=None):
        names = function.__globals__
        ours, names["EnvironmentContext"] = names["EnvironmentContext"], EnvironmentContext
        try:
            return function(config, revision, sql=sql, tag=tag)
        finally:
            names["EnvironmentContext"] = ours

    monkeypatch.setattr(command, "upgrade", upgrade)
    done = upgraded(project, database, monkeypatch, USUAL)
    assert done.status == 1
    assert picture(database) == {}


def test_a_thread_of_env_py_is_protected(project, database, monkeypatch):
    """What counts is the context, not the thread that runs it."""
    done = upgraded(project, database, monkeypatch, A_THREAD_OF_ITS_OWN)
    assert done.status == 0, done.err
    assert rows(database, "SELECT version_num FROM alembic_version") == [("r2",)]
