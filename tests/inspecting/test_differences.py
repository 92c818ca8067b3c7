"""What differs between models and database is said in words."""

from __future__ import annotations

import pytest
from alembic import command
from databases import rows
from projects import MANAGE, db, new_project

MODELS = """
    import sqlalchemy as sa
    from sqlalchemy.types import UserDefinedType

    class Point(UserDefinedType):
        cache_ok = True

        def get_col_spec(self, **kw):
            return "TEXT"

    class Person(db.Model):
        __tablename__ = "person"
        __table_args__ = (db.UniqueConstraint("name", "age"),)
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(20), server_default="new", nullable=False)
        age = db.Column(db.Integer, server_default=sa.text("1 + 1"))
        place = db.Column(Point())

    class Pet(db.Model):
        __tablename__ = "pet"
        id = db.Column(db.Integer, primary_key=True)
        owner_id = db.Column(db.Integer, db.ForeignKey("person.id"), index=True)
        born = db.Column(db.DateTime, server_default=sa.func.now())

    manager ="""
OLD = """
    CREATE TABLE person (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(10) DEFAULT 'old',
        age INTEGER)
"""
PET = "CREATE TABLE pet (id INTEGER NOT NULL PRIMARY KEY, owner_id INTEGER, x INTEGER)"
WORDS = [
    "modify_nullable person.name from True to False",
    "modify_type person.name from VARCHAR(10) to VARCHAR(20)",
    "modify_default person.name from 'old' to new",
    "modify_default person.age from none to 1 + 1",
    "add_column person.place",
    "add_constraint person (name, age)",
    "add_column pet.born",
    "remove_column pet.x",
    "add_index pet.ix_pet_owner_id",
    "add_fk pet (owner_id)",
]


@pytest.mark.parametrize("words", ["check", "upgrade --verify"])
def test_differences_are_said_in_words(project, url, monkeypatch, words):
    """No line holds the address of an object: defaults, types and constraints have texts."""
    if words == "check" and not hasattr(command, "check"):
        pytest.skip("Alembic has no check")
    monkeypatch.setenv("MIGRATE_OPTIONS", '{"compare_server_default": true}')
    new_project(project)
    db(project, "revision", "--rev-id", "first")
    if words == "check":
        assert db(project, "upgrade").status == 0
    for statement in (OLD, PET):
        rows(url, statement)
    project.write("manage.py", MANAGE.replace("    manager =", MODELS, 1))
    done = db(project, *words.split())
    assert done.status == 1
    said = done.error.partition("differ after the last step: ")[2] or done.error
    said = said.partition("operations detected: ")[2] or said
    assert sorted(said.partition(": 'db migrate'")[0].split(", ")) == sorted(
        part for word in WORDS for part in word.split(", ")
    )
    assert "0x" not in done.err
