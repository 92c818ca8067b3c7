"""Projects written for Flask-Script and Flask-Migrate 2, and the old names of both packages."""

from __future__ import annotations

import copy
import sys
from contextlib import contextmanager

import flask
from databases import tables

import migrate_script
from migrate_script import old_names as names


def is_old(name):
    """Return whether a module is one that the launcher adds or replaces."""
    return name.split(".")[0] in ("flask_migrate", "flaskext") or name.startswith("flask.ext")


@contextmanager
def old_names():
    """Put the old names in place for a while, as in a process of the launcher."""
    finders, before = list(sys.meta_path), dict(sys.modules)
    for name in filter(is_old, before):
        del sys.modules[name]
    names.put()
    try:
        yield
    finally:
        sys.meta_path[:] = finders
        for name in filter(is_old, list(sys.modules)):
            del sys.modules[name]
        sys.modules.update({name: before[name] for name in filter(is_old, before)})
        vars(flask).pop("ext", None)


SHOP = """
    import os

    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy

    db = SQLAlchemy()


    class User(db.Model):
        __tablename__ = "users"
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(64))


    def create_app(config=None):
        app = Flask(__name__)
        app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
        app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
        if config:
            app.config.from_pyfile(os.path.abspath(config))
        db.init_app(app)
        return app
"""


MANAGE = """
    from flask_script import Manager
    from flask_migrate import Migrate, MigrateCommand
    from shop import create_app, db

    app = create_app()
    migrate = Migrate(app, db)
    manager = Manager(app)
    manager.add_command("db", MigrateCommand)
    manager.run()
"""


@contextmanager
def class_as_it_was():
    """Undo what a project does to the class MigrateCommand, which each process has afresh."""
    cls = migrate_script.MigrateCommand
    commands = {name: copy.copy(command) for name, command in cls._commands.items()}
    for command in commands.values():
        command.option_list = list(command.option_list)
    options = list(cls._options)
    try:
        yield
    finally:
        cls._commands.clear()
        cls._commands.update(commands)
        cls._options[:] = options


class OldProject:
    """A project, and how its migration commands are typed."""

    def __init__(self, project, url, launched):
        self.project = project
        self.url = url
        self.launched = launched
        self.start = ["manage.py", "db"]
        project.write("shop.py", SHOP)

    def write(self, name, text):
        """Write a file, with the old name or the new one."""
        if not self.launched:
            text = text.replace("flask_migrate", "migrate_script")
        return self.project.write(name, text)

    def attempt(self, *arguments, start=None):
        """Run a command as if in a process of its own."""
        script, *group = start or self.start
        with old_names() if self.launched else class_as_it_was():
            return self.project.run(script, *group, *arguments)

    def run(self, *arguments, start=None):
        """Run a command, which has to succeed."""
        done = self.attempt(*arguments, start=start)
        assert done.status == 0, done.err
        return done

    def process(self, *arguments, start=None):
        """Run a command in a process of its own; it has to succeed."""
        launcher = ["-m", "migrate_script"] if self.launched else []
        done = self.project.forked(*launcher, *(start or self.start), *arguments)
        assert done.status == 0, done.err
        return done

    def tables(self):
        """Return the tables of the database but alembic_version."""
        return [name for name in tables(self.url) if name != "alembic_version"]

    def run_through(self, run=None, own_env=False):
        """Go from nothing to the tables of the models, and back to nothing."""
        run = run or self.run
        if not own_env:
            run("init")
        run("migrate", "-m", "first")
        assert self.tables() == []
        run("upgrade")
        assert self.tables() == ["users"]
        if not own_env:
            assert "agree" in run("migrate").err
        run("downgrade")
        assert self.tables() == []
        run("upgrade")
        assert self.tables() == ["users"]

    def script(self, folder="migrations"):
        """Read the only revision of a folder."""
        (path,) = (self.project.folder / folder / "versions").glob("*.py")
        return path.read_text(encoding="utf-8")
