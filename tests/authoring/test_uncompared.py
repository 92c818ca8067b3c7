"""What the models say and autogenerate passes over is named, until the database has it."""

from __future__ import annotations

import re

import pytest
from databases import reads_checks
from projects import MANAGE, db, new_project
from revisions import revision

from migrate_script.compat.sqlalchemy import BEFORE_1_4

OLD = """
    class Person(db.Model):
        __tablename__ = "person"
        id = db.Column(db.Integer, primary_key=True)
        age = db.Column(db.Integer, nullable=False, server_default="5")
        name = db.Column(db.String(9))
        note = db.Column(db.String(9), server_default="it's")
        mood = db.Column(db.Enum("good", "bad", name="mood"))
"""
NEW = """
    class Person(db.Model):
        __tablename__ = "person"
        __table_args__ = (db.CheckConstraint("age > 4"), db.CheckConstraint("age < 99", name="old"))
        id = db.Column(db.Integer, primary_key=True)
        age = db.Column(db.Integer, nullable=False, server_default="6")
        name = db.Column(db.String(9), server_default="new")
        note = db.Column(db.String(9), server_default="it's")
        mood = db.Column(db.Enum("good", "bad", name="mood"))
        size = db.Column(db.Integer, db.CheckConstraint("size > 0", name="positive"))

    class Pet(db.Model):
        __tablename__ = "pet"
        id = db.Column(db.Integer, primary_key=True)
        legs = db.Column(db.Integer, db.CheckConstraint("legs > 1"))
"""
BY_HAND = """
    with op.batch_alter_table("person") as batch:
        batch.create_check_constraint("young", "age > 4")
        batch.create_check_constraint("old", "age < 99")
        batch.create_check_constraint("positive", "size > 0")
        batch.alter_column("age", existing_type=sa.Integer, server_default="6",
                           existing_nullable=False)
        batch.alter_column("name", existing_type=sa.String(9), server_default="new")
    with op.batch_alter_table("pet") as batch:
        batch.create_check_constraint("legs", "legs > 1")
"""
NEW_CHECKS = {"CHECK positive of 'person'", "CHECK (legs > 1) of 'pet'"}
OLD_CHECKS = {"CHECK (age > 4) of 'person'", "CHECK old of 'person'"}
DEFAULTS = {"the server default of 'person.age'", "the server default of 'person.name'"}


def write(project, models):
    """Let the application have these models."""
    project.write("manage.py", MANAGE.replace("    manager =", f"{models}\n    manager =", 1))


def said(project, *arguments):
    """What a command says that the database lacks."""
    done = db(project, *arguments)
    assert done.status == 0, done.err
    found = re.findall(
        r"^INFO  \[migrate_script\] the database also lacks (.*), which autogenerate does not "
        r"compare: write it into a revision by hand$",
        done.err,
        re.M,
    )
    assert len(found) <= 1
    return set(found[0].split(", ")) if found else set()


@pytest.fixture
def person(project, database, monkeypatch):
    """A project with the old models in its database."""
    monkeypatch.setenv("DATABASE_URL", database)
    new_project(project)
    write(project, OLD)
    assert said(project, "migrate", "--rev-id", "r1") == set()
    assert said(project, "upgrade") == set()
    return project


def test_it_is_said_until_the_database_has_it(person, database):
    """CHECKs and defaults, in new columns and in old ones; a name by hand may be any."""
    write(person, NEW)
    lacking = set(NEW_CHECKS)
    if reads_checks(database):
        lacking |= OLD_CHECKS
    if not (BEFORE_1_4 and database.startswith("mysql")):
        lacking |= DEFAULTS
    assert said(person, "migrate", "--rev-id", "r2") == lacking
    assert said(person, "upgrade") == set()
    revision(person, 3, BY_HAND)
    assert said(person, "upgrade") == set()
    assert said(person, "migrate") == set()
    assert not [name for name in person.versions if name[:2] not in ("r1", "r2", "r3")]


OTHER_KEY = OLD.replace('server_default="5"', 'server_default="5", primary_key=True')


def test_keys_and_values(person, database):
    """A primary key of other columns, and on PostgreSQL a value that an ENUM lacks."""
    write(person, OTHER_KEY.replace('"bad"', '"bad", "ugly"'))
    lacking = {"the primary key of 'person'"}
    if database.startswith("postgresql"):
        lacking.add("the value 'ugly' of 'person.mood'")
    assert said(person, "migrate") == lacking


def test_what_env_py_hides_is_not_spoken_of(person, project, monkeypatch):
    """A table that `include_object` leaves out is none of autogenerate's."""
    write(person, NEW)
    env = project.folder / "migrations/env.py"
    hidden = "include_object=lambda item, name, *rest: name != 'person', "
    text = env.read_text(encoding="utf-8")
    project.write("migrations/env.py", text.replace("options, target", f"options, {hidden}target"))
    assert said(person, "migrate") == {"CHECK (legs > 1) of 'pet'"}
