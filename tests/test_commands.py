"""The commands as functions: from a program that only imports the package."""

from __future__ import annotations

import inspect
import logging
import threading

import pytest
import sqlalchemy as sa
from databases import rows, tables
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

import migrate_script
from migrate_script import MigrateError, errors


@pytest.fixture
def url(database):
    """The URL of an empty database, of each kind."""
    return database


def make_app(url, **options):
    """An application with one model, and its database object."""
    app = Flask("shop")
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    db = SQLAlchemy(app)
    migrate_script.Migrate(app, db, **options)
    sa.Table(
        "users",
        db.metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(64), index=True),
    )
    return app, db


@pytest.fixture
def app(project, url):
    """An application context with a migrations folder, without a revision yet."""
    app, _ = make_app(url)
    with app.app_context():
        migrate_script.init()
        yield app


def test_the_whole_way_and_what_each_step_returns(app, url):
    """The functions say what they did."""
    (first,) = migrate_script.migrate(message="users")
    assert first.doc == "users"
    assert migrate_script.heads() == [first.revision]
    assert migrate_script.current() == []
    assert migrate_script.upgrade() == [first.revision]
    assert migrate_script.upgrade() == []
    assert migrate_script.current() == migrate_script.heads() == [first.revision]
    assert "users" in tables(url)
    assert migrate_script.migrate() == []

    (second,) = migrate_script.revision(message="empty", rev_id="second")
    assert second.path.endswith("second_empty.py")
    assert [script.revision for script in migrate_script.history()] == ["second", first.revision]
    assert [script.revision for script in migrate_script.show(revision="second")] == ["second"]
    with pytest.raises(errors.NotAtHead) as behind:
        migrate_script.current(check_heads=True)
    assert behind.value.status == 1
    assert migrate_script.upgrade() == ["second"]
    assert migrate_script.current(check_heads=True) == ["second"]

    migrate_script.revision(message="left", rev_id="left", head=first.revision, splice=True)
    assert sorted(migrate_script.heads()) == ["left", "second"]
    assert [script.revision for script in migrate_script.branches()] == [first.revision]
    migrate_script.merge(message="join", rev_id="joined")
    assert migrate_script.heads() == ["joined"]
    assert migrate_script.upgrade() == ["left", "joined"]
    assert migrate_script.downgrade(revision=first.revision) in (
        ["joined", "left", "second"],
        ["joined", "second", "left"],
    )
    assert migrate_script.downgrade() == [first.revision]
    assert "users" not in tables(url)

    assert migrate_script.stamp(revision="joined") == ["joined"]
    assert migrate_script.current() == ["joined"]
    assert migrate_script.stamp(revision="base") == []
    assert migrate_script.current() == []
    assert migrate_script.list_templates() == ["flask", "flask-multidb"]


def test_init_returns_the_folder(project, new_database):
    """The folder is made where it was asked for."""
    app, _ = make_app(new_database("sqlite"))
    with app.app_context():
        assert migrate_script.init("deep/below", package=False) == "deep/below"
        assert (project.folder / "deep/below/env.py").exists()


def test_check_tells_the_differences(app):
    """They are in the error, as Alembic gives them."""
    from alembic import command

    if not hasattr(command, "check"):
        with pytest.raises(errors.NeedsNewerAlembic, match="has no 'db check': install a newer"):
            migrate_script.check()
        return
    with pytest.raises(errors.DifferencesFound) as found:
        migrate_script.check()
    assert found.value.differences[0][0] == "add_table"
    migrate_script.migrate()
    migrate_script.upgrade()
    assert migrate_script.check() is None


def test_a_bad_revision_raises_our_error(app):
    """Not SystemExit, which would end the caller's process."""
    migrate_script.revision(rev_id="first")
    with pytest.raises(MigrateError) as error:
        migrate_script.upgrade(revision="nope")
    assert isinstance(error.value, errors.RevisionError)
    assert error.value.__cause__ is not None


def test_without_an_application_context():
    """The way out is in the sentence."""
    with pytest.raises(errors.NotConfigured, match=r"inside 'with app.app_context\(\):'"):
        migrate_script.upgrade()


def picture():
    """Every logger, with what can be set on it."""
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    return {
        logger.name: (logger.level, logger.disabled, logger.propagate, list(logger.handlers))
        for logger in loggers
        if isinstance(logger, logging.Logger)
    }


OLD_INI = """
[alembic]

[loggers]
keys = root

[handlers]
keys = console

[formatters]
keys = generic

[logger_root]
level = DEBUG
handlers = console

[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = generic

[formatter_generic]
format = %(message)s
"""


@pytest.mark.parametrize("configured", [True, False], ids=["logging configured", "not configured"])
@pytest.mark.parametrize("env", ["ours", "closing"])
def test_loggers_are_left_alone(app, project, tmp_path, configured, env):
    """Handlers, levels and switches are what they were, and a file handler still writes."""
    if env == "closing":  # as every Flask-Migrate wrote it
        path = project.folder / "migrations/env.py"
        path.write_text(path.read_text().replace(", disable_existing_loggers=False", ""))
        (project.folder / "migrations/alembic.ini").write_text(OLD_INI)
    migrate_script.migrate()
    orders, root = logging.getLogger("shop.orders"), logging.getLogger()
    handler = logging.FileHandler(str(tmp_path / "orders.log"), mode="w")
    orders.addHandler(handler)
    orders.setLevel(logging.INFO)
    if configured:
        root.addHandler(handler)
    before = picture()
    try:
        migrate_script.upgrade()
        migrate_script.current()
        after = picture()
        orders.info("still here")
        assert {name: after[name] for name in before} == before
        assert "still here" in (tmp_path / "orders.log").read_text()
        new = set(after) - set(before)
        assert all(after[name] == (0, False, True, []) for name in new)
    finally:
        orders.removeHandler(handler)
        root.removeHandler(handler)
        handler.close()


def test_the_applications_own_handlers_get_the_report(app, tmp_path):
    """Where logging is configured, what Alembic reports goes there."""
    migrate_script.migrate()
    handler = logging.FileHandler(str(tmp_path / "all.log"))
    logging.getLogger().addHandler(handler)
    try:
        (revision,) = migrate_script.upgrade()
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
    assert f"Running upgrade  -> {revision}" in (tmp_path / "all.log").read_text()


def test_configure_arguments_stay_those_of_the_application(app):
    """What env.py adds for one command is gone before the next."""
    state = app.extensions["migrate"]
    before = dict(state.configure_args)
    state.configure_args["version_table"] = "my_versions"
    migrate_script.migrate()
    assert state.configure_args == dict(before, version_table="my_versions")


def test_settings_reach_alembic(project, new_database):
    """Unknown keywords of Migrate go on to context.configure."""
    url = new_database("sqlite")
    app, _ = make_app(url, version_table="my_versions", include_schemas=False)
    with app.app_context():
        migrate_script.init()
        migrate_script.migrate()
        migrate_script.upgrade()
    assert "my_versions" in tables(url)


@pytest.mark.parametrize(("compare_type", "found"), [(True, True), (False, False), (None, True)])
def test_types_are_compared_unless_the_application_says_otherwise(
    project, new_database, compare_type, found
):
    """String(64) to String(128) is a change, on old Alembics as well."""
    url = new_database("sqlite")
    options = {} if compare_type is None else {"compare_type": compare_type}
    app, db = make_app(url, **options)
    with app.app_context():
        migrate_script.init()
        migrate_script.migrate()
        migrate_script.upgrade()
        db.metadata.tables["users"].c.name.type = sa.String(128)
        assert bool(migrate_script.migrate()) is found


@pytest.mark.parametrize("batch", [True, False])
def test_scripts_are_in_batch_mode_unless_the_application_says_otherwise(
    project, new_database, batch
):
    """Batch mode is what lets SQLite alter a table."""
    url = new_database("sqlite")
    app, db = make_app(url, **({} if batch else {"render_as_batch": False}))
    with app.app_context():
        migrate_script.init()
        migrate_script.migrate()
        migrate_script.upgrade()
        db.metadata.tables["users"].append_column(sa.Column("age", sa.Integer))
        (script,) = migrate_script.migrate()
    with open(script.path) as source:
        assert ("batch_alter_table" in source.read()) is batch


def test_the_record_of_an_application(project, new_database):
    """app.extensions['migrate'] holds what every env.py asks for."""
    app, db = make_app(new_database("sqlite"), compare_type=False, version_table="v")
    with app.app_context():
        state = app.extensions["migrate"]
        assert isinstance(state.migrate, migrate_script.Migrate)
        assert isinstance(state.db, SQLAlchemy)
        assert state.metadata is db.metadata
        assert state.directory == "migrations"
        assert state.configure_args == {"version_table": "v"}
        assert state.db.session is db.session
        asked = [
            state.db.engine,
            state.db.get_engine(),
            state.db.get_engine(app),
            state.db.get_engine(app, None),
            state.db.get_engine(bind=None),
            state.db.get_engine(bind_key=None),
            state.db.get_engine(app=app, bind=None),
        ]
        assert all(engine is asked[0] for engine in asked)
        assert state.db.get_app() is app


def test_two_applications_with_one_migrate(project, new_database):
    """Each keeps its own folder and settings."""
    migrate = migrate_script.Migrate()
    one, two = Flask("one"), Flask("two")
    for app in (one, two):
        app.config["SQLALCHEMY_DATABASE_URI"] = new_database("sqlite")
        app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
        migrate.init_app(app, SQLAlchemy(app), directory=app.name + "_migrations")
    for app in (one, two):
        with app.app_context():
            assert migrate_script.init() == app.name + "_migrations"


def test_threads_wait_for_each_other(project, new_database):
    """Two upgrades in one process do not share Alembic's global context."""
    url = new_database("sqlite")
    app, _ = make_app(url)
    with app.app_context():
        migrate_script.init()
        (script,) = migrate_script.migrate()
    results = []

    def upgrade():
        with app.app_context():
            try:
                results.append(migrate_script.upgrade())
            except BaseException as error:
                results.append(error)

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [[], [], [], [script.revision]]


SIGNATURES = {
    "list_templates": "",
    "init": "directory=None, multidb=False, template=None, package=False",
    "revision": "directory=None, message=None, autogenerate=False, sql=False, head='head', "
    "splice=False, branch_label=None, version_path=None, rev_id=None",
    "migrate": "directory=None, message=None, sql=False, head='head', splice=False, "
    "branch_label=None, version_path=None, rev_id=None, x_arg=None",
    "merge": "directory=None, revisions=(), message=None, branch_label=None, rev_id=None",
    "upgrade": "directory=None, revision='head', sql=False, tag=None, x_arg=None",
    "downgrade": "directory=None, revision='-1', sql=False, tag=None, x_arg=None",
    "show": "directory=None, revision='head'",
    "history": "directory=None, rev_range=None, verbose=False, indicate_current=False",
    "heads": "directory=None, verbose=False, resolve_dependencies=False",
    "branches": "directory=None, verbose=False",
    "current": "directory=None, verbose=False",
    "stamp": "directory=None, revision='head', sql=False, tag=None, purge=False",
    "check": "directory=None",
}


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_a_function_begins_with_the_parameters_of_flask_migrate(name):
    """Positional calls written for Flask-Migrate mean the same here."""
    parameters = inspect.signature(getattr(migrate_script, name)).parameters.values()
    text = ", ".join(f"{p.name}={p.default!r}" for p in parameters)
    assert text.startswith(SIGNATURES[name])


def test_a_postponed_failure_leaves_the_table(app, url):
    """A statement that the database refuses is shown with its revision."""
    migrate_script.revision(rev_id="bad")
    with open(migrate_script.heads() and "migrations/versions/bad_.py") as source:
        text = source.read()
    with open("migrations/versions/bad_.py", "w") as target:
        target.write(text.replace("pass", "op.execute('DROP TABLE nowhere')", 1))
    with pytest.raises(errors.DatabaseError, match="revision bad failed: .*nowhere.*") as error:
        migrate_script.upgrade()
    assert "[statement: DROP TABLE nowhere]" in str(error.value)
    assert rows(url, "SELECT 1") == [(1,)]
