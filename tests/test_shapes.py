"""Projects as they were written for Flask-Script and Flask-Migrate 2, each in a few lines.

Every one runs as it is under the launcher's names, and once more with `migrate_script` in the
place of `flask_migrate`: the one line that a project may have to change (and, where it is the
first to import Flask-Script, to move up).
"""

from __future__ import annotations

import copy
import os
from contextlib import contextmanager

import pytest
from helpers import rows, tables
from test_aliases import old_names

import migrate_script

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


class Shape:
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
        done = self.project.process(*launcher, *(start or self.start), *arguments)
        assert done.status == 0, done.err
        return done

    def tables(self):
        """Name the tables of the database, without Alembic's own."""
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


@pytest.fixture(params=["launched", "imported"])
def shape(request, project, new_database, monkeypatch):
    """A project in each of the two dialects."""
    url = new_database("sqlite")
    monkeypatch.setenv("DATABASE_URL", url)
    return Shape(project, url, request.param == "launched")


def test_every_name_of_old(shape):
    """Everything by way of flask.ext, as before Flask 1.0."""
    if not shape.launched:
        pytest.skip("these names are the launcher's")
    shape.write("shop.py", SHOP.replace("flask_sqlalchemy", "flask.ext.sqlalchemy"))
    shape.write(
        "manage.py",
        """
        from flask.ext.script import Manager, Shell
        from flask.ext.script.commands import ShowUrls
        from flask.ext.migrate import Migrate, MigrateCommand
        from shop import create_app, db

        app = create_app()
        migrate = Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        manager.add_command("urls", ShowUrls)
        manager.add_command("shell", Shell(make_context=lambda: {"app": app, "db": db}))

        if __name__ == "__main__":
            manager.run()
        """,
    )
    shape.run_through()
    assert "/static/" in shape.run("urls", start=["manage.py"]).out


def test_a_factory_with_an_option(shape):
    """`manage.py -c other.cfg db upgrade`: the application is made of the option."""
    other = shape.url.replace(".db", "_other.db")
    shape.write("other.cfg", f"SQLALCHEMY_DATABASE_URI = {other!r}")
    shape.write(
        "manage.py",
        """
        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand
        from shop import create_app, db


        def make(config=None):
            app = create_app(config)
            Migrate(app, db)
            return app


        manager = Manager(make)
        manager.add_option("-c", "--config", dest="config", required=False)
        manager.add_command("db", MigrateCommand)

        if __name__ == "__main__":
            manager.run()
        """,
    )
    shape.run_through()
    shape.run("upgrade", start=["manage.py", "-c", "other.cfg", "db"])
    assert "users" in tables(other)


def test_a_manager_made_in_the_package(shape):
    """manage.py does nothing but run the manager of the application."""
    shape.write(
        "site_of_mine/__init__.py",
        """
        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand
        from shop import create_app, db

        app = create_app()
        migrate = Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)

        from site_of_mine import tasks
        """,
    )
    shape.write(
        "site_of_mine/tasks.py",
        """
        from site_of_mine import manager


        @manager.command
        def hello():
            "Say hello."
            print("hello")
        """,
    )
    shape.write("manage.py", "from site_of_mine import manager\n\nmanager.run()\n")
    shape.run_through()
    assert shape.run("hello", start=["manage.py"]).out == "hello\n"


def test_a_context_pushed_at_import(shape):
    """The application context is there before the manager makes another."""
    shape.write(
        "manage.py",
        """
        from flask_migrate import Migrate, MigrateCommand
        from flask_script import Manager
        from shop import create_app, db

        app = create_app()
        app.app_context().push()
        migrate = Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)

        if __name__ == "__main__":
            manager.run()
        """,
    )
    shape.process("init")
    shape.process("migrate")
    shape.process("upgrade")
    assert shape.tables() == ["users"]


SETTINGS = {
    "after add_command": """
        app = create_app()
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        migrate = Migrate(app, db)
        """,
    "twice": """
        app = create_app()
        migrate = Migrate(app=app, db=db)
        migrate.init_app(app, db)
        Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        """,
    "not kept": """
        app = create_app()
        Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        """,
    "of a factory": """
        migrate = Migrate(create_app)


        def make():
            app = create_app()
            migrate.init_app(app, db)
            return app


        manager = Manager(make)
        manager.add_command("db", MigrateCommand)
        """,
    "of a factory, and nothing else": """
        Migrate(create_app)
        manager = Manager(create_app)
        manager.add_command("db", MigrateCommand)
        """,
    "after a request": """
        app = create_app()
        app.test_client().get("/")
        migrate = Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        """,
    "without a db first": """
        migrate = Migrate()
        app = create_app()
        migrate.init_app(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        """,
    "with its db first": """
        migrate = Migrate(db=db)
        app = create_app()
        migrate.init_app(app)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        """,
    "before its db": """
        migrate = Migrate(db=db)
        app = Flask(__name__)
        migrate.init_app(app)
        app.config.update(create_app().config)
        db.init_app(app)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        """,
    "an application assigned later": """
        manager = Manager()
        manager.add_command("db", MigrateCommand)
        manager.app = create_app()
        Migrate(manager.app, db)
        """,
    "an instance of the class": """
        app = create_app()
        Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", copy(MigrateCommand))
        """,
    "run by itself": """
        app = create_app()
        Migrate(app, db)
        manager = Manager(app)
        manager.add_command(MigrateCommand)
        manager.add_command("db", MigrateCommand)
        """,
    "manager of Flask-Migrate": """
        from flask_migrate import Manager

        app = create_app()
        Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        """,
    "in a namespace of commands": """
        app = create_app()
        Migrate(app, db)
        manager = Manager(app)
        commands = {"db": MigrateCommand() if isinstance(MigrateCommand, type) else MigrateCommand}
        manager.run(commands)
        """,
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_where_the_extension_is_made(shape, setting):
    """Any order of the calls, and any of them more than once."""
    shape.write(
        "manage.py",
        """
        from copy import copy

        from flask import Flask
        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand
        from shop import create_app, db
        """
        + SETTINGS[setting]
        + """
        if __name__ == "__main__":
            manager.run()
        """,
    )
    shape.run_through()


@pytest.mark.parametrize(
    ("arguments", "folder", "batch"),
    [
        ("app, db, 'schema/steps'", "schema/steps", None),
        ("app, db, directory=os.path.join(here, 'steps')", "steps", None),
        ("app, db, render_as_batch=False", "migrations", False),
        ("app, db, render_as_batch=True, compare_type=True", "migrations", True),
        ("app, db, compare_type=False, compare_server_default=False", "migrations", None),
    ],
)
def test_settings_of_the_extension(shape, arguments, folder, batch):
    """The folder by position or name, and what goes on to Alembic."""
    shape.write(
        "manage.py",
        f"""
        import os

        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand
        from shop import create_app, db

        here = os.path.dirname(os.path.abspath(__file__))
        app = create_app()
        migrate = Migrate({arguments})
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        manager.run()
        """,
    )
    shape.run_through()
    assert "create_table" in shape.script(folder)
    if batch is not None:
        shape.write(
            "shop.py", SHOP.replace('"users"\n', '"users"\n        age = db.Column(db.Integer)\n')
        )
        shape.run("migrate", "-m", "age")
        paths = (shape.project.folder / folder / "versions").glob("*age.py")
        assert ("batch_alter_table" in next(paths).read_text(encoding="utf-8")) is batch


def test_a_folder_assigned_to_the_extension(shape):
    """`migrate.directory = ...`, after the application has been set up."""
    shape.write(
        "manage.py",
        """
        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand
        from shop import create_app, db

        app = create_app()
        migrate = Migrate(app, db)
        migrate.directory = "elsewhere"
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        manager.run()
        """,
    )
    shape.run_through()
    assert "create_table" in shape.script("elsewhere")


def test_an_extension_with_a_config_of_its_own(shape):
    """A subclass that overrides `get_config`, or what comes after it."""
    shape.write(
        "manage.py",
        """
        from flask_script import Manager
        from flask_migrate import Migrate as BaseMigrate, MigrateCommand
        from shop import create_app, db


        class Migrate(BaseMigrate):
            def get_config(self, directory, x_arg=None, opts=None):
                return super(Migrate, self).get_config("own", x_arg, opts)

            def call_configure_callbacks(self, config):
                print("called")
                return super(Migrate, self).call_configure_callbacks(config)


        app = create_app()
        migrate = Migrate(app, db, directory="own")
        migrate.directory = "not/used"
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        manager.run()
        """,
    )
    assert "called\n" in shape.run("init", "-d", "own").out
    shape.run_through(own_env=True)
    assert shape.run("heads").out.count("called\n") == 1


@pytest.mark.parametrize("how", ["plain", "callback"])
def test_a_config_of_alembic_itself(shape, how):
    """What a callback returns, or an own `get_config`, need not be one of ours."""
    shape.write(
        "manage.py",
        f"""
        from alembic.config import Config
        from flask_script import Manager
        from flask_migrate import Migrate as BaseMigrate, MigrateCommand
        from shop import create_app, db


        def made(config):
            config = Config("migrations/alembic.ini")
            config.set_main_option("script_location", "migrations")
            return config


        class Migrate(BaseMigrate):
            if {how == "plain"}:
                def get_config(self, directory=None, **asked):
                    return made(None)


        app = create_app()
        migrate = Migrate(app, db)
        if {how == "callback"}:
            migrate.configure(made)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        manager.run()
        """,
    )
    shape.run("init")
    shape.run_through(own_env=True)


def test_a_template_folder_of_ones_own(shape):
    """A callback that says where templates are, by the method that Alembic asks."""
    shape.write("own/mine/env.py", "mine = True\n")
    shape.write("own/mine/script.py.mako", "")
    shape.write("own/mine/alembic.ini.mako", "[alembic]\n")
    shape.write(
        "manage.py",
        """
        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand
        from shop import create_app, db

        app = create_app()
        migrate = Migrate(app, db)


        @migrate.configure
        def own_templates(config):
            config.get_template_directory = lambda: "own"
            return config


        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        manager.run()
        """,
    )
    shape.run("init", "-t", "mine")
    path = shape.project.folder / "migrations/env.py"
    assert path.read_text(encoding="utf-8") == "mine = True\n"


def test_another_name_beside_another_db(shape):
    """`manage.py migrate upgrade`, and `manage.py db` is something else."""
    shape.start = ["manage.py", "migrate"]
    shape.write(
        "manage.py",
        """
        from flask_script import Manager, prompt_bool
        from flask_migrate import Migrate, MigrateCommand
        from shop import User, create_app, db

        app = create_app()
        migrate = Migrate(app, db)
        manager = Manager(app)
        database = Manager(usage="Perform database operations")


        @database.command
        def fill(name="ann"):
            "Add a user."
            db.session.add(User(name=name))
            db.session.commit()


        manager.add_command("migrate", MigrateCommand)
        manager.add_command("db", database)

        if __name__ == "__main__":
            manager.run()
        """,
    )
    shape.run_through()
    shape.run("fill", "--name", "bob", start=["manage.py", "db"])
    assert rows(shape.url, "SELECT name FROM users") == [("bob",)]


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


def test_a_deploy_command(shape):
    """The functions, under their own names or others, in a command of the project."""
    shape.write(
        "manage.py",
        """
        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand, upgrade
        from shop import User, create_app, db

        app = create_app()
        migrate = Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)


        @manager.command
        def deploy():
            "Run the deployment tasks."
            from flask_migrate import stamp as s, downgrade as go_back

            upgrade()
            s("migrations", "head")
            s(revision="head")
            db.session.add(User(name="ann"))
            db.session.commit()
            go_back(revision="-1")
            upgrade("migrations", "head")
            print("deployed")


        if __name__ == "__main__":
            manager.run()
        """,
    )
    shape.run_through()
    shape.run("downgrade")
    assert shape.run("deploy", start=["manage.py"]).out == "deployed\n"
    assert shape.tables() == ["users"]


def test_a_deploy_command_that_fails(shape):
    """What a function raises and nobody catches is one line, as Flask-Migrate showed it."""
    shape.write(
        "manage.py",
        """
        import migrate_script
        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand, upgrade
        from shop import create_app, db

        app = create_app()
        migrate = Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        tasks = Manager()
        manager.add_command("tasks", tasks)


        @manager.command
        def deploy(revision="head"):
            "Run the deployment tasks."
            upgrade(revision=revision)


        @tasks.command
        def deploy(revision="head"):
            "Run the deployment tasks."
            upgrade(revision=revision)


        @manager.command
        def attempt():
            "Go on where an upgrade fails."
            try:
                upgrade(revision="nosuch")
            except migrate_script.MigrateError as error:
                print("caught", type(error).__name__)


        @manager.command
        def own():
            "Fail by itself."
            raise KeyError("mine")


        manager.run()
        """,
    )
    shape.run("init")
    for words in (["deploy"], ["tasks", "deploy"]):
        failed = shape.attempt("-r", "nosuch", start=["manage.py", *words])
        assert failed.status == 1
        assert failed.out == ""
        assert failed.error.startswith("Error: Can't locate revision identified by 'nosuch': ")
        assert failed.error.count("\n") == 1
    assert shape.run("attempt", start=["manage.py"]).out == "caught RevisionError\n"
    assert "KeyError: 'mine'" in shape.attempt("own", start=["manage.py"]).err


def test_a_deploy_command_that_fails_for_an_unknown_reason(shape):
    """The traceback says where, since the command has no --traceback."""
    shape.write(
        "manage.py",
        MANAGE.replace(
            "manager.run()",
            """
    @migrate.configure
    def fail(config):
        return 1 / 0


    @manager.command
    def deploy():
        from flask_migrate import upgrade

        upgrade()


    manager.run()
    """,
        ),
    )
    failed = shape.attempt(start=["manage.py", "deploy"])
    assert failed.status == 1
    assert "in fail" in failed.err
    assert "ZeroDivisionError" in failed.err


def test_a_command_that_returns_what_a_function_returned(shape):
    """Flask-Script takes the result of a command for its exit status."""
    shape.write(
        "manage.py",
        """
        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand, downgrade, upgrade
        from shop import create_app, db

        app = create_app()
        migrate = Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)


        @manager.command
        def up():
            "Make the tables."
            return upgrade()


        @MigrateCommand.command
        def down():
            "Drop the tables."
            return downgrade(revision="base")


        manager.run()
        """,
    )
    shape.run_through()
    shape.run("down")
    assert shape.tables() == []
    shape.run("up", start=["manage.py"])
    assert shape.tables() == ["users"]


def test_functions_that_are_commands_themselves(shape):
    """Flask-Script makes an option of each parameter, with its first letter for a short one."""
    shape.write(
        "manage.py",
        """
        from flask_script import Command, Manager
        from flask_migrate import Migrate, MigrateCommand, current, downgrade, init, upgrade
        from flask_migrate import history, migrate as write, stamp
        from shop import create_app, db

        app = create_app()
        migrate = Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        for function in (history, stamp, upgrade, write):
            manager.command(function)
        manager.add_command("down", Command(downgrade))
        MigrateCommand.command(current)


        @manager.command
        def begin():
            "Make the folder."
            return init()


        manager.run()
        """,
    )
    start = ["manage.py"]
    shape.run("begin", start=start)
    shape.run("migrate", "-m", "first", start=start)
    assert "first" in shape.run("history", start=start).out
    shape.run("upgrade", "-r", "head", "-d", "migrations", start=start)
    assert shape.tables() == ["users"]
    assert "(head)" in shape.run("current").out
    shape.run("down", "--revision", "base", start=start)
    assert shape.tables() == []
    shape.run("stamp", "-r", "head", start=start)
    listing = shape.run("--help", start=start).out
    assert "Upgrade the database to a later revision." in " ".join(listing.split())
    assert ":param" not in listing


def test_alembic_called_with_the_config(shape):
    """get_config() is good for Alembic's own commands, by any form of its argument."""
    shape.write(
        "manage.py",
        """
        from alembic import command
        from flask_migrate import Migrate, MigrateCommand
        from flask_script import Manager
        from shop import create_app, db

        app = create_app()
        migrate = Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)


        @manager.command
        def reset():
            "Go down and up again."
            command.downgrade(migrate.get_config(None), "base")
            command.upgrade(migrate.get_config(directory="migrations"), "head")
            command.stamp(migrate.get_config("migrations", x_arg="tenant=1"), "head")
            command.current(app.extensions["migrate"].migrate.get_config())


        if __name__ == "__main__":
            manager.run()
        """,
    )
    shape.run_through()
    # nobody keeps Alembic's hands off the loggers of this process then
    assert "(head)" in shape.process("reset", start=["manage.py"]).out
    assert shape.tables() == ["users"]


def test_version_locations_set_in_python(shape):
    """@migrate.configure names two folders of revisions, which alembic.ini does not."""
    shape.write(
        "manage.py",
        """
        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand
        from shop import create_app, db

        app = create_app()
        migrate = Migrate(app, db)


        @migrate.configure
        def two_folders(config):
            config.set_main_option("version_locations", "migrations/versions plugins/versions")
            return config


        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        manager.run()
        """,
    )
    os.makedirs("plugins/versions")
    shape.run("init")
    # the alembic.ini of that time does not say what separates paths: it was a space
    ini = shape.project.folder / "migrations/alembic.ini"
    ini.write_text(ini.read_text().replace("path_separator", "# path_separator"))
    shape.run("migrate", "-m", "first", "--version-path", "migrations/versions")
    shape.run("revision", "-m", "second", "--version-path", "plugins/versions")
    assert len(list((shape.project.folder / "plugins/versions").glob("*.py"))) == 1
    shape.run("upgrade")
    assert shape.tables() == ["users"]
    shape.run("downgrade", "base")
    assert shape.tables() == []


def test_a_directory_assigned_to_the_record(shape):
    """app.extensions['migrate'].directory is looked at when a command runs."""
    shape.write(
        "manage.py",
        """
        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand
        from shop import create_app, db

        app = create_app()
        migrate = Migrate(app, db)
        app.extensions["migrate"].directory = "elsewhere"
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        manager.run()
        """,
    )
    shape.run("init")
    assert (shape.project.folder / "elsewhere/env.py").is_file()
    shape.run("migrate", "-d", "elsewhere", "-m", "first")
    shape.run("upgrade", "-d", "elsewhere")
    assert shape.tables() == ["users"]
    shape.run("downgrade", "-d", "elsewhere")
    assert shape.tables() == []


def test_a_database_object_of_nothing_but_metadata(shape):
    """SQLAlchemy without Flask-SQLAlchemy: env.py makes the engine by itself."""
    shape.write(
        "manage.py",
        """
        from collections import namedtuple

        import sqlalchemy as sa
        from flask import Flask
        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand

        metadata = sa.MetaData()
        sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))

        app = Flask(__name__)
        migrate = Migrate(app, namedtuple("Db", "metadata")(metadata))
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        manager.run()
        """,
    )
    shape.run("init")
    shape.write(
        "migrations/env.py",
        """
        import os

        from alembic import context
        from flask import current_app
        from sqlalchemy import create_engine

        engine = create_engine(os.environ["DATABASE_URL"])
        with engine.connect() as connection:
            context.configure(
                connection=connection,
                target_metadata=current_app.extensions["migrate"].db.metadata,
            )
            with context.begin_transaction():
                context.run_migrations()
        """,
    )
    shape.run_through(own_env=True)


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

# the middle of an env.py of that time, with what its owner added
ENV = """
    from logging.config import fileConfig

    from alembic import context
    from flask import current_app
    from sqlalchemy import create_engine

    config = context.config
    fileConfig(config.config_file_name)
    url = current_app.config.get("SQLALCHEMY_DATABASE_URI")
    config.set_main_option("sqlalchemy.url", url)
    target_metadata = current_app.extensions["migrate"].db.metadata
    # added

    connection = create_engine(config.get_main_option("sqlalchemy.url")).connect()
    context.configure(
        connection=connection,
        target_metadata=target_metadata,
        OPTIONS,
        **current_app.extensions["migrate"].configure_args
    )
    try:
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.close()
"""


def own_env(shape, options, added="pass"):
    """Make a folder, and an env.py of the project's own in it."""
    shape.write("manage.py", MANAGE)
    shape.run("init")
    added = added.replace("\n", "\n    ")
    shape.write("migrations/env.py", ENV.replace("# added", added).replace("OPTIONS", options))


def test_env_py_leaves_tables_out(shape):
    """include_object with the names of an `exclude` section of alembic.ini."""
    rows(shape.url, "CREATE TABLE spatial_ref_sys (id INTEGER)")
    rows(shape.url, "CREATE TABLE kept (id INTEGER)")
    own_env(
        shape,
        "include_object=include_object",
        """
excluded = config.get_section("alembic:exclude").get("tables").split(",")


def include_object(object, name, type_, reflected, compare_to):
    return not (type_ == "table" and name in excluded)
""",
    )
    ini = shape.project.folder / "migrations/alembic.ini"
    ini.write_text(ini.read_text() + "\n[alembic:exclude]\ntables = spatial_ref_sys,kept\n")
    shape.run("migrate", "-m", "first")
    assert "drop_table('kept')" not in shape.script().split("def downgrade")[0]
    shape.run("upgrade")
    shape.run("downgrade")
    assert shape.tables() == ["kept", "spatial_ref_sys"]


def test_env_py_with_include_symbol(shape):
    """What Alembic took before 1.5 still leaves a table alone."""
    own_env(shape, "include_symbol=lambda name, schema: name != 'kept'")
    rows(shape.url, "CREATE TABLE kept (id INTEGER)")
    shape.run("migrate", "-m", "first")
    assert "'kept'" not in shape.script()
    shape.run("upgrade")
    shape.run("downgrade")
    assert shape.tables() == ["kept"]


def test_env_py_renders_its_own_types(shape):
    """render_item writes the name of a type, and what the script has to import for it."""
    shape.write(
        "types_of_mine.py",
        """
        from sqlalchemy import types


        class Money(types.TypeDecorator):
            impl = types.Integer
            cache_ok = True
        """,
    )
    shape.write(
        "shop.py",
        SHOP.replace("db.String(64)", "Money()").replace(
            "import os\n", "import os\n\n    from types_of_mine import Money\n"
        ),
    )
    own_env(
        shape,
        "render_item=render_item",
        """
def render_item(type_, obj, autogen_context):
    if type_ == "type" and type(obj).__name__ == "Money":
        autogen_context.imports.add("from types_of_mine import Money")
        return "Money()"
    return False
""",
    )
    shape.run_through(own_env=True)
    assert "Column('name', Money()" in shape.script()
    assert "from types_of_mine import Money\n" in shape.script()


def test_env_py_with_another_version_table(shape):
    """version_table names where the revision is noted."""
    own_env(shape, "version_table='schema_version'")
    shape.run("migrate", "-m", "first")
    shape.run("upgrade")
    assert sorted(tables(shape.url)) == ["schema_version", "users"]
    assert "(head)" in shape.run("current").out
    shape.run("downgrade")
    assert rows(shape.url, "SELECT * FROM schema_version") == []


def test_env_py_with_a_transaction_for_each_revision(shape):
    """transaction_per_migration, and a second revision on top of the first."""
    own_env(shape, "transaction_per_migration=True, compare_type=True")
    shape.run_through(own_env=True)
    shape.run("revision", "-m", "second")
    shape.run("upgrade")
    shape.run("downgrade", "base")
    assert shape.tables() == []
