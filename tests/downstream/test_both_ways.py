"""A folder of migrations goes from this package to Flask-Migrate, and the other way.

The release is the last one for the Flask-SQLAlchemy that is installed, used without this package,
in processes of its own.
"""

from __future__ import annotations

import re

import old_releases
import pytest
from alembic import command
from flask_sqlalchemy import SQLAlchemy
from forked_processes import LIBRARIES
from shops import Shop

pytestmark = pytest.mark.slow

RELEASE = "4.1.0" if hasattr(SQLAlchemy, "engines") else "2.7.0"
CAN_CHECK = hasattr(command, "check")

# Flask-Migrate's functions, each in an application context; arguments as in Python
PEER = """
    import sys

    import flask_migrate
    from shop import app

    with app.app_context():
        for call in sys.argv[1:]:
            eval("flask_migrate." + call)
    assert "migrate_script" not in sys.modules
"""


@pytest.fixture(params=[False, True], ids=["flask", "flask-multidb"])
def shop(request, project, monkeypatch):
    """The application, with one database and with two."""
    monkeypatch.setenv("MIGRATE", "migrate_script")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///main.db")
    monkeypatch.setenv("LOG_URL", "sqlite:///log.db" if request.param else "")
    project.write("peer.py", PEER)
    return Shop(project, request.param)


@pytest.fixture
def peer(shop, fetched):
    """Call functions of Flask-Migrate, which must succeed."""
    env = {"MIGRATE": "flask_migrate", "PYTHONPATH": str(old_releases.installed(RELEASE))}

    def call(*calls):
        result = shop.project.forked("-W", "ignore", "peer.py", *calls, env=env, modules=LIBRARIES)
        assert result.status == 0, result.err
        return result

    return call


def test_a_folder_made_here_runs_under_flask_migrate(shop, peer):
    """It needs nothing but Alembic, Flask and the extension's record."""
    shop.db("init", *shop.multidb * ["--multidb"])
    peer("migrate(message='first')")
    shop.assert_script()
    peer("upgrade()")
    shop.assert_tables(True)

    again = peer("migrate()")
    assert len(shop.project.versions) == 1
    assert "No changes in schema detected" in again.err
    (revision,) = (name.split("_")[0] for name in shop.project.versions)
    assert peer("current()").out.count(f"{revision} (head)") == 1 + shop.multidb
    if CAN_CHECK:
        peer("check()")
    sql = peer("upgrade(revision='base:head', sql=True)").out
    assert_sql(sql, shop.multidb)

    peer("downgrade(revision='base')")
    shop.assert_tables(False)


def test_a_folder_of_flask_migrate_runs_here(shop, peer):
    """What it wrote and ran can be undone and run again, and what is added here runs there."""
    peer(f"init(multidb={shop.multidb})", "migrate(message='first')", "upgrade()")
    shop.assert_tables(True)
    shop.db("migrate")
    assert len(shop.project.versions) == 1
    if CAN_CHECK:
        shop.db("check")
    (revision,) = (name.split("_")[0] for name in shop.project.versions)
    assert shop.db("current").out.count(f"{revision} (head)") == 1 + shop.multidb
    shop.db("downgrade")
    shop.assert_tables(False)
    shop.db("upgrade")
    shop.assert_tables(True)

    models = (shop.project.folder / "shop/__init__.py").read_text()
    column = "username = db.Column(db.String(64), index=True)"
    shop.project.write("shop/__init__.py", models.replace(column, column.replace("64", "99")))
    shop.db("migrate", "-m", "longer")
    assert re.search(r"alter_column\(\s*'username'", shop.written())
    peer("upgrade()")
    peer("migrate()")
    assert len(shop.project.versions) == 2
    peer("downgrade(revision='base')")
    shop.assert_tables(False)


def assert_sql(sql, multidb):
    """One text has the statements for all databases, each under its name."""
    if not multidb:
        assert "CREATE TABLE users" in sql
        return
    main, log = sql.split("-- database: log\n")
    assert main.startswith("-- database: default\n")
    assert "CREATE TABLE users" in main
    assert "CREATE TABLE visits" not in main
    assert "CREATE TABLE visits" in log
    assert "CREATE TABLE users" not in log
