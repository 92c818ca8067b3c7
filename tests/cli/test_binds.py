"""An application with several databases, and a folder for one."""

from __future__ import annotations

import re
import shutil

import flask_sqlalchemy
import pytest
from databases import tables, version
from front_ends import FrontEnd, note
from projects import MANAGE, new_project, write_source

MODELS = """
    class Toy(db.Model):
        __tablename__ = "toy"
        id = db.Column(db.Integer, primary_key=True)

    class Ball(db.Model):
        __tablename__ = "ball"
        __bind_key__ = "second"
        id = db.Column(db.Integer, primary_key=True)

    manager ="""
LEFT_OUT = note(
    "this folder does not migrate the databases of SQLALCHEMY_BINDS ('second'): "
    "'db init --multidb -d FOLDER' makes one that does; copy the revisions into it"
)


@pytest.fixture(params=["manage.py", "flask"])
def db(request, project, url, new_database, monkeypatch):
    """A project with two databases and a folder for one."""
    monkeypatch.setenv("SECOND_URL", new_database("sqlite"))
    new_project(project)
    project.write("manage.py", MANAGE.replace("    manager =", MODELS, 1))
    return FrontEnd(request.param, project, "manage.py")


@pytest.mark.parametrize("words", ["migrate", "upgrade", "upgrade --sql"])
def test_a_folder_for_one_of_several_databases(db, words):
    """It is said once, and which are left out."""
    done = db(*words.split())
    assert done.status == 0, done.err
    assert done.err.count("SQLALCHEMY_BINDS") == 1
    assert LEFT_OUT in done.err


def test_a_command_that_would_do_no_more(db):
    """Nothing is said."""
    for words in ("current", "history", "heads", "stamp head", "revision -m x"):
        assert "SQLALCHEMY_BINDS" not in db(*words.split()).err


def test_the_way_to_a_folder_for_all(db, url, monkeypatch):
    """What the lines say, one after the other, ends in both databases at the head."""
    assert db("migrate", "-m", "toys", "--rev-id", "r1").status == 0
    assert db("upgrade").status == 0
    assert db("init", "--multidb", "-d", "all").status == 0
    folder = db.project.folder
    (path,) = (folder / "migrations/versions").glob("r1_*.py")
    text = path.read_text(encoding="utf-8")
    copy = folder / "all/versions" / path.name
    shutil.copy(str(path), str(copy))
    refused = db("upgrade", "-d", "all")
    assert "write 'def upgrade(engine_name):' with 'if engine_name: return'" in refused.error
    for name in ("upgrade", "downgrade"):
        advised = f"def {name}(engine_name):\n    if engine_name: return\n"
        text = text.replace(f"def {name}():\n", advised)
    write_source(copy, text)
    for words in ("upgrade -d all", "migrate -d all -m balls --rev-id r2", "upgrade -d all"):
        done = db(*words.split())
        assert done.status == 0, done.err
        assert "SQLALCHEMY_BINDS" not in done.err
    import os

    second = os.environ["SECOND_URL"]
    assert version(url) == version(second)
    assert "toy" in tables(url)
    assert "ball" in {**tables(url), **tables(second)}


@pytest.mark.parametrize("cure", ["its URL", "taken out"])
def test_a_bind_without_a_url(db, cure):
    """The configuration is named, and what to write there, or to take out."""
    path = db.project.folder / "manage.py"
    source = path.read_text(encoding="utf-8")
    write_source(path, source.replace('os.environ["SECOND_URL"]', "None"))
    if hasattr(flask_sqlalchemy.SQLAlchemy, "engines"):  # refuses it itself, in many words
        done = db.project.forked("manage.py", "db", "upgrade")
        said = "a value of SQLALCHEMY_BINDS is None: write the URL of a database there"
    else:
        assert db("init", "--multidb", "-d", "all").status == 0
        done = db("upgrade", "-d", "all")
        said = "SQLALCHEMY_BINDS has None for 'second': write the URL of its database there"
    assert done.status == 1
    assert re.search(f"Error: {re.escape(said)}, or take it out\n$", done.err)
    if cure == "taken out":
        source = source.replace('"second": os.environ["SECOND_URL"]', "")
    write_source(path, source)
    assert db("upgrade", *["-d", "all"] * (db.project.folder / "all").exists()).status == 0
