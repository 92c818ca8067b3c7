"""Commands inside a command: those of Alembic with its own Config, and those of this package."""

from __future__ import annotations

import pytest
from databases import picture, tables, version
from projects import db, new_project
from revisions import BASE, begin, revision

# a Config of Alembic's for the same folder, with what it prints kept
ALEMBIC = """
import io
from alembic import command
from alembic.config import Config
out = io.StringIO()
config = Config("migrations/alembic.ini", stdout=out)
config.set_main_option("script_location", "migrations")
command.{name}(config)
assert {expected!r} in out.getvalue(), out.getvalue()
"""
NAMES = {"heads": "(head)", "history": "(head)", "branches": ""}  # and what they print
ENV = """
from alembic import context
from flask import current_app

{before}
engine = current_app.extensions["migrate"].db.get_engine(current_app)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=None)
{between}
    assert context.get_context().connection is connection
    with context.begin_transaction():
        context.run_migrations()
{after}
assert context.get_context() is not None
assert not context.is_offline_mode()
"""
PLACES = ["before", "between", "after"]
CURRENT = """
import migrate_script
at = migrate_script.current()
assert list(at) == {at}, at
"""
COLUMN = 'op.add_column("a", sa.Column("{}", sa.Integer))\n'
USED = """
from alembic import context
assert context.get_context() is op.get_context()
assert context.get_bind() is op.get_bind()
"""


def call(name):
    """Return the call of a command of Alembic's."""
    return ALEMBIC.format(name=name, expected=NAMES[name])


def indented(source):
    """Return a text for inside a `with`."""
    return source.replace("\n", "\n    ")


def write_env(project, place, source):
    """Write an env.py that does something at one of its places."""
    texts = {each: source if each == place else "" for each in PLACES}
    texts["between"] = indented(texts["between"])
    (project.folder / "migrations/env.py").write_text(ENV.format(**texts), encoding="utf-8")


@pytest.fixture
def at_r1(project, database, monkeypatch):
    """A project whose database is at its first revision, of two: project and URL."""
    monkeypatch.setenv("DATABASE_URL", database)
    begin(project)
    revision(project, 2, COLUMN.format("x"), 'op.drop_column("a", "x")')
    return project, database


@pytest.mark.parametrize("name", list(NAMES))
@pytest.mark.parametrize("place", PLACES)
def test_env_py_asks_alembic(project, url, place, name):
    """Before and after `context.configure`, and the context is the one of env.py ever after."""
    begin(project)
    revision(project, 2, COLUMN.format("x"), 'op.drop_column("a", "x")')
    write_env(project, place, call(name))
    for arguments in (["current"], ["upgrade"], ["downgrade", "r1"], ["stamp", "r2"]):
        done = db(project, *arguments)
        assert done.status == 0, done.err
        assert done.error == ""
        assert version(url) == ["r2" if arguments[0] in ("upgrade", "stamp") else "r1"]


@pytest.mark.parametrize("name", list(NAMES))
def test_a_script_asks_alembic(at_r1, name):
    """The upgrade goes on with its own operations."""
    project, url = at_r1
    revision(project, 2, COLUMN.format("x") + call(name) + COLUMN.format("y") + USED)
    revision(project, 3, COLUMN.format("z"))
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert tables(url)["a"] == ["id", "n", "x", "y", "z"]
    assert version(url) == ["r3"]


def test_a_script_asks_alembic_and_fails(at_r1):
    """What it did is undone as in any other script, and one line says what happened."""
    project, url = at_r1
    before = picture(url)
    revision(project, 2, COLUMN.format("x") + call("heads") + 'op.drop_table("missing")')
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert len(failed.error.splitlines()) == 1
    assert "missing" in failed.error
    assert version(url) == ["r1"]
    if not url.startswith("mysql"):
        assert picture(url) == before


def test_a_script_asks_for_the_current_revision(at_r1):
    """The answer is that of the database, and `op` and `context` are those of the upgrade."""
    project, url = at_r1
    current = CURRENT.format(at=["r1"])
    revision(project, 2, current + COLUMN.format("x") + current + COLUMN.format("y") + USED)
    revision(project, 3, COLUMN.format("z") + USED)
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert tables(url)["a"] == ["id", "n", "x", "y", "z"]
    assert version(url) == ["r3"]


def test_a_script_asks_for_the_current_revision_of_an_empty_database(
    project, database, monkeypatch
):
    """There is none before the end of the first, and the upgrade goes on."""
    monkeypatch.setenv("DATABASE_URL", database)
    new_project(project)
    revision(project, 1, CURRENT.format(at=[]) + BASE.replace("\n    ", "\n") + USED)
    revision(project, 2, COLUMN.format("x") + USED)
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert tables(database)["a"] == ["id", "n", "x"]
    assert version(database) == ["r2"]


def test_a_script_asks_for_the_current_revision_and_fails(at_r1):
    """The run is as protected after the question as before it."""
    project, url = at_r1
    before = picture(url)
    current = CURRENT.format(at=["r1"])
    revision(project, 2, COLUMN.format("x") + current + 'op.drop_table("missing")')
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert len(failed.error.splitlines()) == 1
    assert "missing" in failed.error
    assert "; the database is at r1, as before" in failed.error
    if not url.startswith("mysql"):
        assert picture(url) == before
    revision(project, 2, COLUMN.format("x") + current + COLUMN.format("y"))
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert tables(url)["a"] == ["id", "n", "x", "y"]
    assert version(url) == ["r2"]


def test_a_downgrade_asks_for_the_current_revision(at_r1):
    """In downgrade() it works as in upgrade()."""
    project, url = at_r1
    assert db(project, "upgrade").status == 0
    down = CURRENT.format(at=["r2"]) + USED + 'op.drop_column("a", "x")'
    revision(project, 2, COLUMN.format("x"), down)
    done = db(project, "downgrade", "r1")
    assert done.status == 0, done.err
    assert tables(url)["a"] == ["id", "n"]
    assert version(url) == ["r1"]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_dry_run_asks_for_the_current_revision(project, new_database, monkeypatch, kind):
    """It still leaves nothing."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    before = picture(url)
    body = CURRENT.format(at=["r1"]) + COLUMN.format("x") + call("heads") + USED
    revision(project, 2, body)
    done = db(project, "upgrade", "--dry-run")
    assert done.status == 0, done.err
    assert picture(url) == before
    revision(project, 2, body + 'op.execute("COMMIT")')
    stopped = db(project, "upgrade", "--dry-run")
    assert stopped.status == 1
    assert "--dry-run stopped revision r2 before [COMMIT]" in stopped.error
    assert picture(url) == before
