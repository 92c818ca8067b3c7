"""Projects that change the group `db`: commands added, wrapped, removed, copied."""

from __future__ import annotations

import pytest
from databases import rows


def test_commands_added_to_the_group(shape):
    """@MigrateCommand.command, .option and .add_command beside those of the package."""
    shape.write(
        "manage.py",
        """
        from flask_script import Command, Manager
        from flask_migrate import Migrate, MigrateCommand, stamp
        from shop import User, create_app, db

        app = create_app()
        manager = Manager(app)


        @MigrateCommand.command
        def create():
            "Make the tables, and note the newest revision."
            db.create_all()
            stamp(revision="head")


        @MigrateCommand.option("-n", "--number", dest="number", type=int, default=1)
        @MigrateCommand.option("name", help="the name to repeat")
        def seed(name, number):
            "Fill the tables."
            db.session.add_all([User(name=name) for _ in range(number)])
            db.session.commit()


        class Empty(Command):
            "Empty the tables."

            def run(self):
                User.query.delete()
                db.session.commit()


        MigrateCommand.add_command("empty", Empty)
        migrate = Migrate(app, db)
        manager.add_command("db", MigrateCommand)

        if __name__ == "__main__":
            manager.run()
        """,
    )
    shape.run_through()
    shape.run("downgrade")
    shape.run("create")
    assert len(rows(shape.url, "SELECT * FROM alembic_version")) == 1
    shape.run("seed", "-n", "2", "ann")
    assert rows(shape.url, "SELECT name FROM users") == [("ann",), ("ann",)]
    shape.run("empty")
    assert rows(shape.url, "SELECT name FROM users") == []


def test_a_command_taken_away(shape):
    """What is deleted from the commands is not there, and the others are."""
    shape.write(
        "manage.py",
        """
        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand
        from shop import create_app, db

        del MigrateCommand._commands["edit"]
        MigrateCommand._commands.pop("merge")
        app = create_app()
        migrate = Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        manager.run()
        """,
    )
    shape.run_through()
    assert shape.attempt("edit").status == 2
    shown = shape.run("--help").out
    assert "upgrade" in shown
    assert "merge" not in shown


def test_a_command_wrapped(shape, monkeypatch):
    """A function with the parameters of Flask-Migrate stands before the one of the package."""
    shape.write(
        "manage.py",
        """
        import os
        import sys

        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand
        from shop import create_app, db

        original = MigrateCommand._commands["downgrade"].run
        original_init = MigrateCommand._commands["init"].run


        def init(directory=None, multidb=False):
            original_init(directory=directory, multidb=multidb)
            print("made")


        def downgrade(directory=None, revision="-1", sql=False, tag=None, x_arg=None):
            if "PRODUCTION" in os.environ:
                sys.exit("not here")
            print("down to", revision)
            return original(directory, revision, sql=sql, tag=tag, x_arg=x_arg)


        MigrateCommand._commands["downgrade"].run = downgrade
        MigrateCommand._commands["init"].run = init
        app = create_app()
        migrate = Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        manager.run()
        """,
    )
    shape.run_through()
    assert shape.run("downgrade", "base").out == "down to base\n"
    shape.run("upgrade")
    monkeypatch.setenv("PRODUCTION", "1")
    assert shape.attempt("downgrade").status == 1
    assert shape.tables() == ["users"]


def test_a_command_called(shape):
    """_commands['upgrade'].run() is the function, with and without arguments."""
    shape.write(
        "manage.py",
        """
        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand
        from shop import create_app, db

        app = create_app()
        migrate = Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)


        @manager.command
        def reset():
            "Go down and up again."
            MigrateCommand._commands["downgrade"].run(None, "base")
            MigrateCommand._commands["upgrade"].run(revision="head")
            MigrateCommand._commands["upgrade"].run()
            print("reset")


        manager.run()
        """,
    )
    shape.run_through()
    assert shape.run("reset", start=["manage.py"]).out == "reset\n"
    assert shape.tables() == ["users"]


def test_a_folder_for_each_module(shape):
    """`db upgrade blog`: an argument added to every command, and its run replaced."""
    shape.write(
        "manage.py",
        """
        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand
        from flask_migrate import downgrade as real_downgrade, init as real_init
        from flask_migrate import migrate as real_migrate, upgrade as real_upgrade
        from shop import create_app, db


        @MigrateCommand.option("module", help="the module")
        def init(directory, module, **kwargs):
            real_init(directory=module + "/steps")


        @MigrateCommand.option("module", help="the module")
        def migrate(module, *args, **kwargs):
            kwargs["directory"] = module + "/steps"
            real_migrate(**kwargs)


        @MigrateCommand.option("module", help="the module")
        def upgrade(module, *args, **kwargs):
            kwargs["directory"] = module + "/steps"
            real_upgrade(**kwargs)


        @MigrateCommand.option("module", help="the module")
        def downgrade(module, *args, **kwargs):
            kwargs["directory"] = module + "/steps"
            real_downgrade(**kwargs)


        for function in (init, migrate, upgrade, downgrade):
            MigrateCommand._commands[function.__name__].run = function

        app = create_app()
        Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        manager.run()
        """,
    )
    shape.run("init", "blog")
    shape.run("migrate", "blog", "-m", "first")
    assert "create_table" in shape.script("blog/steps")
    shape.run("upgrade", "blog")
    assert shape.tables() == ["users"]
    shape.run("downgrade", "-x", "a=b", "blog")
    assert shape.tables() == []
    shape.run("upgrade", "-d", "ignored", "head", "blog")
    assert shape.tables() == ["users"]
    assert "--multidb" in shape.run("init", "--help").out
    assert "MODULE" in shape.run("init", "--help").out.upper()


def test_options_added_to_a_command(shape):
    """Both kinds are told apart, in any order and by their whole names."""
    shape.write(
        "manage.py",
        """
        from flask_script import Manager, Option
        from flask_migrate import Migrate, MigrateCommand
        from shop import create_app, db

        command = MigrateCommand._commands["upgrade"]
        command.option_list += (Option("name"), Option("--tag-file", dest="tag_file"))
        command.run = lambda **given: print(sorted(g for g in given.items() if g[1]))
        MigrateCommand.add_option("-d", "--database", dest="database")
        app = create_app()
        Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        manager.run()
        """,
    )
    told = shape.run("upgrade", "--tag", "v1", "--sql", "me", "aaaa", "--tag-file=f").out
    assert told == "[('name', 'aaaa'), ('revision', 'me'), ('sql', True), ('tag', 'v1'), " + (
        "('tag_file', 'f')]\n"
    )
    assert "('name', 'me')" in shape.run("upgrade", "-x", "a", "-x", "b", "me").out
    assert "--tag-file" in shape.run("upgrade", "--help").out


COPIES = {
    "a subclass": """
        class Database(Manager):
            def __init__(self):
                super(Database, self).__init__(
                    usage=MigrateCommand.usage, help=MigrateCommand.help
                )
                self._commands = MigrateCommand._commands
                self._options = MigrateCommand._options


        group = Database()
        """,
    "a subclass that takes everything": """
        class Database(Manager):
            def __init__(self):
                super(Database, self).__init__()
                self.__dict__.update(MigrateCommand.__dict__)


        group = Database()
        """,
    "a deep copy": """
        group = copy.deepcopy(MigrateCommand)
        del group._commands["edit"]
        assert "edit" in MigrateCommand._commands
        """,
    "the commands in another group": """
        group = Manager(usage="Everything about the database")
        for name, command in MigrateCommand._commands.items():
            group.add_command(name, command)
        """,
    "the commands updated": """
        group = Manager(usage="Everything about the database")
        group._commands.update(MigrateCommand._commands)
        """,
}


@pytest.mark.parametrize("name", COPIES)
def test_the_group_copied(shape, name):
    """Another manager has the commands of the package among its own."""
    if not shape.launched and name in ("a subclass that takes everything", "a deep copy"):
        pytest.skip("the class is not what Flask-Migrate had there")
    shape.write(
        "manage.py",
        """
        import copy

        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand
        from shop import create_app, db
        """
        + COPIES[name]
        + """

        @group.command
        def tables():
            "Name the tables of the models."
            print(sorted(db.metadata.tables))


        app = create_app()
        migrate = Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", group)
        manager.run()
        """,
    )
    shape.run_through()
    assert shape.run("tables").out == "['users']\n"


def test_the_group_alone(shape):
    """MigrateCommand gets an application and handles a command line, as in a tasks.py."""
    if not shape.launched:
        pytest.skip("the class is not what Flask-Migrate had there")
    shape.start = ["tasks.py"]
    shape.write(
        "tasks.py",
        """
        import sys

        from flask_migrate import Migrate, MigrateCommand
        from shop import create_app, db

        MigrateCommand.app = create_app()
        Migrate(MigrateCommand.app, db)
        MigrateCommand.handle("", sys.argv[1:])
        """,
    )
    shape.run_through()


def test_commands_of_a_third_party(shape):
    """A package that knows flask_script by name gives commands to the manager."""
    shape.write(
        "flask_tools/__init__.py",
        """
        from flask import current_app
        from flask_script import Command, Option
        from flask_script.commands import InvalidCommand


        class Config(Command):
            "Show a setting."

            option_list = (Option("--name", "-n", dest="name", required=True),)

            def run(self, name):
                if name not in current_app.config:
                    raise InvalidCommand("no such setting")
                print(current_app.config[name])
        """,
    )
    shape.write(
        "manage.py",
        """
        from flask_tools import Config
        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand
        from shop import create_app, db

        app = create_app()
        migrate = Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        manager.add_command("setting", Config)
        MigrateCommand.add_command("setting", Config())
        manager.run()
        """,
    )
    shape.run_through()
    assert shape.run("setting", "-n", "DEBUG", start=["manage.py"]).out == "False\n"
    assert shape.run("setting", "--name", "DEBUG").out == "False\n"
