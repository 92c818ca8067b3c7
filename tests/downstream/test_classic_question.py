"""The oldest question about migrations on SQLite: a column of `user` goes again.

Folders as Flask-Migrate 1.0, 2.7 and 4.1 made them, and scripts as `migrate` wrote them there:
without a batch until 4.0, in a batch since, and the foreign key without a name.
"""

from __future__ import annotations

import old_releases
import pytest
from databases import everything, foreign_keys, read, script
from projects import db

pytestmark = pytest.mark.slow

MANAGE = """
    import os

    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    from migrate_script import Manager, Migrate, MigrateCommand

    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    db = SQLAlchemy(app)
    Migrate(app, db, render_as_batch={batch})
    manager = Manager(app)
    manager.add_command("db", MigrateCommand)


    class Role(db.Model):
        __tablename__ = "role"
        id = db.Column(db.Integer, primary_key=True)


    class User(db.Model):
        __tablename__ = "user"
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(80), unique=True)
        {more}


    class Post(db.Model):
        __tablename__ = "post"
        id = db.Column(db.Integer, primary_key=True)
        user_id = db.Column(db.Integer, db.ForeignKey("user.id", ondelete="CASCADE"))


    manager.run()
"""
MORE = 'role_id = db.Column(db.Integer, db.ForeignKey("role.id"), index=True)'
ROWS = """
    INSERT INTO role VALUES (1), (2);
    INSERT INTO user VALUES (1, 'ann'), (2, 'bob'), (7, 'eve');
    INSERT INTO post VALUES (1, 1), (2, 2), (3, 7), (4, 1);
"""


def run(project, *arguments):
    """Run a command that must succeed."""
    done = db(project, *arguments)
    assert done.status == 0, done.err


@pytest.mark.parametrize("enforced", [True, False], ids=["on", "off"])
@pytest.mark.parametrize("release", ["1.0.0", "2.7.0", "4.1.0"])
def test_the_classic_question(project, new_database, monkeypatch, release, enforced):
    """Up, down and up: the downgrade runs, and every row is there each time."""
    url = new_database("sqlite")
    monkeypatch.setenv("DATABASE_URL", url)
    batch = release.startswith("4")
    project.write("manage.py", MANAGE.format(batch=batch, more=""))
    run(project, "init", "-t", str(old_releases.templates_of(release) / "flask"))
    run(project, "migrate", "--rev-id", "r1")
    with foreign_keys(enforced):
        run(project, "upgrade")
        script(url, ROWS)
        before = everything(url)
        project.write("manage.py", MANAGE.format(batch=batch, more=MORE))
        run(project, "migrate", "--rev-id", "r2")
        assert_style(project, batch)
        run(project, "upgrade")
        script(url, "UPDATE user SET role_id = 2 WHERE id > 1")
        between = everything(url)
        assert between["post"] == before["post"]
        assert read(url, "SELECT id, name FROM user") == [(1, "ann"), (2, "bob"), (7, "eve")]
        assert read(url, "PRAGMA foreign_key_list(user)")[0][2:5] == ("role", "role_id", "id")

        run(project, "downgrade", *["--yes"] * enforced)
        assert everything(url) == before
        run(project, "upgrade")
        script(url, "UPDATE user SET role_id = 2 WHERE id > 1")
        assert everything(url) == between


def assert_style(project, batch):
    """The script is one of the kind in question."""
    (name,) = (name for name in project.versions if name.startswith("r2"))
    text = (project.folder / "migrations/versions" / name).read_text()
    down = text.split("def downgrade")[1]
    assert "drop_constraint(None, " in down
    assert ("batch_alter_table" in down) == batch
