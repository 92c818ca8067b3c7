"""Settings of the old extension: its folder, its Config, its templates, its databases."""

from __future__ import annotations

import os

import pytest
from databases import rows
from old_projects import SHOP


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
