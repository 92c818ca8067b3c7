"""An application with one database or two, and what becomes of its models."""

from __future__ import annotations

import re

from databases import tables
from flask_sqlalchemy import SQLAlchemy

# `Migrate` is this package's, or that of the release of Flask-Migrate that uses the folder
APPLICATION = """
    import importlib
    import os

    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy

    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    if os.environ["LOG_URL"]:
        app.config["SQLALCHEMY_BINDS"] = {"log": os.environ["LOG_URL"]}
    db = SQLAlchemy(app)
    migrate = importlib.import_module(os.environ["MIGRATE"]).Migrate(app, db)


    class Role(db.Model):
        __tablename__ = "roles"
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(64), unique=True)


    class User(db.Model):
        __tablename__ = "users"
        id = db.Column(db.Integer, primary_key=True)
        username = db.Column(db.String(64), index=True)
        role_id = db.Column(db.Integer, db.ForeignKey("roles.id"))


    if os.environ["LOG_URL"]:

        class Visit(db.Model):
            __tablename__ = "visits"
            __bind_key__ = "log"
            id = db.Column(db.Integer, primary_key=True)
            path = db.Column(db.String(64), index=True)
"""
MANAGE = """
    from migrate_script import Manager, MigrateCommand

    from shop import app

    manager = Manager(app)
    manager.add_command("db", MigrateCommand)
    manager.run()
"""


class Shop:
    """A project with the application, used through this package.

    :param project: the folder
    :param multidb: whether the application has a second database, `log`
    """

    def __init__(self, project, multidb):
        self.project = project
        self.multidb = multidb
        self.said = []
        project.write("shop/__init__.py", APPLICATION)
        project.write("manage.py", MANAGE)

    @property
    def home(self):
        """What a relative path starts from: since Flask-SQLAlchemy 3 the instance folder."""
        return self.project.folder / ("instance" if hasattr(SQLAlchemy, "engines") else "shop")

    @property
    def urls(self):
        """The databases, where they are files of relative URLs."""
        return [f"sqlite:///{self.home}/{name}.db" for name in ["main"] + self.multidb * ["log"]]

    def db(self, *arguments):
        """Run a command that must succeed."""
        result = self.project.run("manage.py", "db", *arguments)
        self.said.append(result.out + result.err)
        assert result.status == 0, result.err
        return result

    def written(self):
        """The newest of the scripts, as text."""
        folder = self.project.folder / "migrations/versions"
        newest = max(folder.glob("*.py"), key=lambda path: path.stat().st_mtime_ns)
        return newest.read_text()

    def assert_script(self):
        """The newest script creates the tables of the models, each in its database."""
        assert created(self.written(), "upgrade_" if self.multidb else "upgrade") == MAIN
        assert not self.multidb or created(self.written(), "upgrade_log") == LOG

    def assert_tables(self, there, urls=None):
        """The databases have the tables of the models, or only that of Alembic."""
        for url, names in zip(urls or self.urls, [MAIN, LOG]):
            assert set(tables(url)) == {"alembic_version", *(names if there else [])}


MAIN, LOG = ["roles", "users"], ["visits"]


def created(script, function):
    """Return the tables that a function of a script creates."""
    body = script.split(f"def {function}():")[1].split("\ndef ")[0]
    return re.findall(r"op\.create_table\(\s*'(\w+)'", body)
