"""The shapes that a project has, each from init to downgrade."""

from __future__ import annotations

import pytest
from databases import rows, tables


def run_through(project, script, url, table):
    """Take a project from nothing to its tables and back to nothing."""
    for command in (["init"], ["migrate", "-m", "first"], ["upgrade"]):
        done = project.run(script, "db", *command)
        assert done.status == 0, done.err
    assert table in tables(url)
    nothing = project.run(script, "db", "migrate")
    assert nothing.err.splitlines()[-1].endswith("models and the database agree.")
    assert len(project.versions) == 1
    assert project.run(script, "db", "downgrade").status == 0
    assert table not in tables(url)


def test_a_manage_py_with_its_models_elsewhere(project, database, monkeypatch):
    """Manager, Server, MigrateCommand and @manager.shell, as code bases have them."""
    monkeypatch.setenv("DATABASE_URL", database)
    project.write(
        "models.py",
        """
        from flask_sqlalchemy import SQLAlchemy

        db = SQLAlchemy()


        class User(db.Model):
            id = db.Column(db.Integer, primary_key=True)
            name = db.Column(db.String(64), index=True)
        """,
    )
    project.write(
        "manage.py",
        """
        import os

        from flask import Flask
        from migrate_script import Migrate, MigrateCommand
        from flask_script import Manager, Server
        from models import User, db

        app = Flask(__name__)
        app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
        app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
        db.init_app(app)
        Migrate(app, db)

        manager = Manager(app)
        manager.add_command("server", Server())
        manager.add_command("db", MigrateCommand)


        @manager.shell
        def make_shell_context():
            return {"app": app, "db": db, "User": User}


        @manager.command
        def count():
            "Count the users."
            print(User.query.count())


        if __name__ == "__main__":
            manager.run()
        """,
    )
    run_through(project, "manage.py", database, "user")
    assert project.run("manage.py", "db", "upgrade").status == 0
    assert project.run("manage.py", "count").out == "0\n"
    shell = project.forked("manage.py", "shell", input="print(User.__name__, db.engine.name)\n")
    assert f"User {database.split('+')[0].split(':')[0]}\n" in shell.out
    assert "--host" in project.run("manage.py", "server", "--help").out


def test_a_package_that_makes_everything(project, database, monkeypatch):
    """app, Migrate, Manager and MigrateCommand in __init__, models imported below them."""
    monkeypatch.setenv("DATABASE_URL", database)
    project.write(
        "blog/__init__.py",
        """
        import os

        from flask import Flask
        from flask_sqlalchemy import SQLAlchemy
        from migrate_script import Manager, Migrate, MigrateCommand

        app = Flask(__name__)
        app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
        app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
        db = SQLAlchemy(app)
        migrate = Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)

        from blog import models
        """,
    )
    project.write(
        "blog/models.py",
        """
        from blog import db


        class Post(db.Model):
            id = db.Column(db.Integer, primary_key=True)
            title = db.Column(db.String(80))
        """,
    )
    project.write("manage.py", "from blog import manager\n\nmanager.run()\n")
    run_through(project, "manage.py", database, "post")


TWO_TABLES = """
    import os

    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    from migrate_script import Manager, Migrate, MigrateCommand

    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    db = SQLAlchemy(app)
    Migrate(app, db)
    manager = Manager(app)
    manager.add_command("db", MigrateCommand())


    class User(db.Model):
        __tablename__ = "users"
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(64))
        # more


    class Post(db.Model):
        __tablename__ = "posts"
        id = db.Column(db.Integer, primary_key=True)
        user_id = db.Column(db.Integer, db.ForeignKey("users.id"), nullable=False)


    if __name__ == "__main__":
        manager.run()
"""


def test_there_and_back_with_rows_in_two_tables(project, database, monkeypatch):
    """A column comes and goes on the table that the other one refers to; no row goes with it."""
    monkeypatch.setenv("DATABASE_URL", database)
    project.write("manage.py", TWO_TABLES)
    for command in ("init", "migrate", "upgrade"):
        assert project.run("manage.py", "db", command).status == 0
    rows(database, "INSERT INTO users (id, name) VALUES (1, 'ann'), (2, 'bob')")
    rows(database, "INSERT INTO posts (id, user_id) VALUES (1, 1), (2, 1), (3, 2)")

    project.write("manage.py", TWO_TABLES.replace("# more", "age = db.Column(db.Integer)"))
    for command in ("migrate", "upgrade"):
        assert project.run("manage.py", "db", command).status == 0
    assert rows(database, "SELECT * FROM users") == [(1, "ann", None), (2, "bob", None)]

    assert project.run("manage.py", "db", "downgrade").status == 0
    assert rows(database, "SELECT * FROM users") == [(1, "ann"), (2, "bob")]
    assert rows(database, "SELECT * FROM posts") == [(1, 1), (2, 1), (3, 2)]


def test_flask_db_with_a_config_class(project, database, monkeypatch):
    """No manage.py at all; the group may have another name."""
    monkeypatch.setenv("DATABASE_URL", database)
    project.write(
        "config.py",
        """
        import os


        class Config:
            SQLALCHEMY_DATABASE_URI = os.environ["DATABASE_URL"]
            SQLALCHEMY_TRACK_MODIFICATIONS = False
        """,
    )
    project.write(
        "wsgi.py",
        """
        from config import Config
        from flask import Flask
        from flask_sqlalchemy import SQLAlchemy
        from migrate_script import Migrate

        db = SQLAlchemy()
        migrate = Migrate(db=db, command="schema")


        class Item(db.Model):
            id = db.Column(db.Integer, primary_key=True)


        def create_app():
            app = Flask(__name__)
            app.config.from_object(Config)
            db.init_app(app)
            migrate.init_app(app)
            return app


        app = create_app()
        """,
    )

    def flask(*arguments):
        done = project.flask("wsgi.py", "schema", *arguments)
        assert done.status == 0, done.err
        return done

    flask("init")
    flask("migrate", "-m", "items")
    flask("upgrade")
    assert "item" in tables(database)
    revision = project.versions[0].split("_")[0]
    flask("revision", "-m", "second")
    flask("upgrade")
    flask("downgrade", "--revision", revision)
    assert rows(database, "SELECT version_num FROM alembic_version") == [(revision,)]
    flask("downgrade")
    assert "item" not in tables(database)


TWO_DATABASES = """
    import os

    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    from migrate_script import Manager, Migrate, MigrateCommand

    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    app.config["SQLALCHEMY_BINDS"] = {"user-log": os.environ["LOG_URL"]}
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    db = SQLAlchemy(app)
    Migrate(app, db)
    manager = Manager(app)
    manager.add_command("db", MigrateCommand)


    class User(db.Model):
        id = db.Column(db.Integer, primary_key=True)


    class Entry(db.Model):
        __bind_key__ = "user-log"
        id = db.Column(db.Integer, primary_key=True)
        text = db.Column(db.String(64))


    if __name__ == "__main__":
        manager.run()
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mysql"])
def test_two_databases(project, new_database, monkeypatch, kind):
    """Each table is made in, and taken from, the database that its model names."""
    main, log = new_database(kind), new_database("sqlite")
    monkeypatch.setenv("DATABASE_URL", main)
    monkeypatch.setenv("LOG_URL", log)
    project.write("manage.py", TWO_DATABASES)

    def run(*arguments):
        done = project.run("manage.py", "db", *arguments)
        assert done.status == 0, done.err
        return done

    run("init", "--multidb")
    run("migrate", "-m", "both")
    script = (project.folder / "migrations/versions" / project.versions[0]).read_text()
    assert "def upgrade_():" in script
    assert "def downgrade_user_log():" in script
    run("upgrade")
    assert sorted(tables(main)) == ["alembic_version", "user"]
    assert sorted(tables(log)) == ["alembic_version", "entry"]
    assert run("migrate").err.splitlines()[-1].endswith("models and the databases agree.")
    assert len(project.versions) == 1
    run("downgrade")
    assert sorted(tables(main)) == sorted(tables(log)) == ["alembic_version"]
    sql = run("upgrade", "--sql").out
    heading = sql.index("-- database: user-log")
    assert sql.index("CREATE TABLE") < heading < sql.index("CREATE TABLE entry")


def test_a_model_of_each_database_changes(project, new_database, monkeypatch):
    """A later revision holds the changes of both, and undoes both."""
    main, log = new_database("sqlite"), new_database("sqlite")
    monkeypatch.setenv("DATABASE_URL", main)
    monkeypatch.setenv("LOG_URL", log)
    project.write("manage.py", TWO_DATABASES)
    for command in (["init", "--multidb"], ["migrate"], ["upgrade"]):
        assert project.run("manage.py", "db", *command).status == 0
    more = TWO_DATABASES.replace("String(64))", "String(64))\n        at = db.Column(db.Integer)")
    project.write("manage.py", more)
    for command in ("migrate", "upgrade"):
        assert project.run("manage.py", "db", command).status == 0
    assert tables(log)["entry"] == ["id", "text", "at"]
    assert tables(main)["user"] == ["id"]
    assert project.run("manage.py", "db", "downgrade").status == 0
    assert tables(log)["entry"] == ["id", "text"]
