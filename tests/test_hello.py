"""hello.py: an application in one file, from its first revision to a changed model."""

from __future__ import annotations

import pytest
from databases import rows, tables

HELLO = """
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


    class Role(db.Model):
        __tablename__ = "roles"
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(64), unique=True)


    class User(db.Model):
        __tablename__ = "users"
        id = db.Column(db.Integer, primary_key=True)
        username = db.Column(db.String(64), unique=True, index=True)
        role_id = db.Column(db.Integer, db.ForeignKey("roles.id"))
        # more


    if __name__ == "__main__":
        manager.run()
"""


@pytest.fixture
def hello(project, database, monkeypatch):
    """The project of hello.py, on each kind of database."""
    monkeypatch.setenv("DATABASE_URL", database)
    project.write("hello.py", HELLO)
    return project


def test_from_nothing_to_a_changed_model_and_back(hello, database):
    """Every step reports what it found, and no step loses a row."""
    assert hello.run("hello.py", "db", "init").status == 0

    first = hello.run("hello.py", "db", "migrate", "-m", "initial migration")
    assert first.status == 0
    assert "Detected added table 'roles'" in first.err
    assert "Detected added table 'users'" in first.err
    assert "Detected added index 'ix_users_username'" in first.err
    assert len(hello.versions) == 1
    assert hello.versions[0].endswith("_initial_migration.py")
    first_id = hello.versions[0].split("_")[0]

    assert hello.run("hello.py", "db", "upgrade").status == 0
    assert tables(database)["users"] == ["id", "username", "role_id"]
    rows(database, "INSERT INTO roles (id, name) VALUES (1, 'author')")
    rows(database, "INSERT INTO users (id, username, role_id) VALUES (1, 'ann', 1)")

    hello.write("hello.py", HELLO.replace("# more", "email = db.Column(db.String(64))"))
    second = hello.run("hello.py", "db", "migrate", "-m", "email")
    assert "Detected added column 'users.email'" in second.err
    assert hello.run("hello.py", "db", "upgrade").status == 0
    assert tables(database)["users"] == ["id", "username", "role_id", "email"]
    assert rows(database, "SELECT * FROM users") == [(1, "ann", 1, None)]

    history = hello.run("hello.py", "db", "history").out
    assert [line.split(", ")[-1] for line in history.splitlines()] == [
        "email",
        "initial migration",
    ]
    assert hello.run("hello.py", "db", "downgrade", first_id).status == 0
    assert tables(database)["users"] == ["id", "username", "role_id"]
    assert rows(database, "SELECT * FROM users") == [(1, "ann", 1)]
    assert rows(database, "SELECT * FROM roles") == [(1, "author")]


def test_a_second_migrate_writes_nothing(hello):
    """Right after an upgrade, models and database agree."""
    for command in (["init"], ["migrate"], ["upgrade"]):
        assert hello.run("hello.py", "db", *command).status == 0
    again = hello.run("hello.py", "db", "migrate")
    assert again.status == 0
    assert again.err.splitlines()[-1].endswith(
        "No changes in schema detected: the models and the database agree."
    )
    assert len(hello.versions) == 1
