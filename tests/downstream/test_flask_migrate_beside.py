"""An installed Flask-Migrate beside this package: either may have registered with the application.

Since Flask-Migrate 3 it has no `MigrateCommand`: applications use its `Migrate`, and the script
takes the command from here. With Flask-Migrate 2, `flask db` is its own.
"""

from __future__ import annotations

import old_releases
import pytest
from databases import tables
from flask_sqlalchemy import SQLAlchemy

pytestmark = pytest.mark.slow

RELEASE = "4.1.0" if hasattr(SQLAlchemy, "engines") else "2.7.0"
SHOP = """
    import os

    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    import flask_migrate
    import migrate_script

    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    db = SQLAlchemy(app)
    for module in {modules}:
        module.Migrate(app, db, directory="steps")


    class User(db.Model):
        __tablename__ = "users"
        id = db.Column(db.Integer, primary_key=True)
"""
MANAGE = """
    from migrate_script import Manager, MigrateCommand, Shell

    from shop import app

    manager = Manager(app)
    manager.add_command("db", MigrateCommand)
    manager.add_command("shell", Shell)
    manager.run()
"""
# the group that Flask-Migrate 2 has as an entry point, which `flask` prefers to the application's
ENTRY = """
    import os

    os.environ["FLASK_APP"] = "shop.py"
    from flask.cli import cli
    from flask_migrate.cli import db

    cli.add_command(db, "db")
    cli.main()
"""
ORDERS = {
    "theirs alone": "[flask_migrate]",
    "theirs first": "[flask_migrate, migrate_script]",
    "ours first": "[migrate_script, flask_migrate]",
    "ours alone": "[migrate_script]",
}


@pytest.mark.parametrize("front_end", ["manage.py", "flask", "their flask"])
@pytest.mark.parametrize("order", ORDERS)
def test_whoever_registered(project, new_database, fetched, monkeypatch, order, front_end):
    """Every command runs, in whatever order the extensions were made."""
    url = new_database("sqlite")
    project.write("shop.py", SHOP.format(modules=ORDERS[order]))
    project.write("manage.py", MANAGE)
    project.write("theirs.py", ENTRY)
    start = {
        "manage.py": ["manage.py", "db"],
        "flask": ["-m", "flask", "db"],
        "their flask": ["theirs.py", "db"],
    }
    env = {
        "DATABASE_URL": url,
        "FLASK_APP": "shop.py",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(old_releases.installed(RELEASE)),
    }

    def run(*words, start=start[front_end], **options):
        done = project.forked("-W", "ignore", *start, *words, env=env, **options)
        assert done.status == 0, done.err
        assert "Traceback" not in done.err
        return done

    run("init")
    run("migrate", "-m", "first")
    run("upgrade")
    assert sorted(tables(url)) == ["alembic_version", "users"]
    assert run("current").out.endswith(" (head)\n")
    run("migrate")
    assert len(list((project.folder / "steps/versions").glob("*.py"))) == 1
    run("downgrade")
    assert sorted(tables(url)) == ["alembic_version"]
    shell = run("shell", start=["manage.py"], input="print('db', db.engine is not None)\n")
    assert "db True" in shell.out
