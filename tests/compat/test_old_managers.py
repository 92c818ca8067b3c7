"""A manage.py of old, whose application, extension and manager are made in any place and order.

Like every project of `old_projects.py`, each runs as it is under the launcher's names, and once
more with `migrate_script` in the place of `flask_migrate`: the one line that a project may have to
change (and, where it is the first to import Flask-Script, to move up).
"""

from __future__ import annotations

import pytest
from databases import tables
from old_projects import SHOP


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
