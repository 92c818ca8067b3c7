"""What differs between models and database is said in words."""

from __future__ import annotations

import inspect

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.operations import ops
from databases import execute, rows
from front_ends import FrontEnd, note, one_line, without_alembic
from projects import MANAGE, db, new_project, write_source
from shop_project import write_revision

from migrate_script.inspecting.differences import described

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

    class Toy(db.Model):
        __tablename__ = "toy"
        id = db.Column(db.Integer, primary_key=True)

    manager ="""
OLD = """
    CREATE TABLE person (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(10) DEFAULT 'old',
        age INTEGER)
"""
PET = "CREATE TABLE pet (id INTEGER NOT NULL PRIMARY KEY, owner_id INTEGER, x INTEGER)"
OTHERS = ("CREATE TABLE stray (id INTEGER)", "CREATE UNIQUE INDEX ix_pet_id ON pet (id)")
WORDS = [
    "person.name: NOT NULL in the model, nullable in the database",
    "person.name: VARCHAR(20) in the model, VARCHAR(10) in the database",
    "person.name: default 'new' in the model, default 'old' in the database",
    "person.age: default 1 + 1 in the model, no default in the database",
    "person.place: not in the database",
    "unique constraint of person (name, age): not in the database",
    "pet.born: not in the database",
    "pet.x: not in the models",
    "index ix_pet_owner_id of pet (owner_id): not in the database",
    "foreign key constraint of pet (owner_id) to person (id): not in the database",
    "table toy: not in the database",
    "table stray: not in the models",
    "unique index ix_pet_id of pet (id): not in the models",
]


def skip_without_check(words):
    """Skip where the installed Alembic has no `check`."""
    if words == "check" and not hasattr(command, "check"):
        pytest.skip("Alembic has no check")


def tells_unique():
    """Whether Alembic's difference keeps that an index is unique; from 1.5 to 1.12 it does not."""
    table = sa.Table("t", sa.MetaData(), sa.Column("x", sa.Integer))
    index = sa.Index("i", table.c.x, unique=True)
    return bool(ops.DropIndexOp.from_index(index).to_index().unique)


@pytest.mark.parametrize("words", ["check", "upgrade --verify"])
@pytest.mark.parametrize("name", ["manage.py", "flask"])
def test_differences_are_said_in_words(project, url, monkeypatch, name, words):
    """One line each, above the error; none holds the address of an object."""
    skip_without_check(words)
    monkeypatch.setenv("MIGRATE_OPTIONS", '{"compare_server_default": true}')
    new_project(project)
    db(project, "revision", "--rev-id", "first")
    assert db(project, "upgrade").status == 0
    for statement in (OLD, PET, *OTHERS):
        rows(url, statement)
    project.write("manage.py", MANAGE.replace("    manager =", MODELS, 1))
    done = FrontEnd(name, project, "manage.py")(*words.split())
    assert (done.status, done.out) == (1, "")
    *lines, last = done.error.splitlines()
    expected = [line if tells_unique() else line.replace("unique index", "index") for line in WORDS]
    assert sorted(lines) == sorted(expected)
    assert last == (
        "Error: the models and the database differ (13 differences): "
        "'db migrate' writes them into a revision"
    )


@pytest.mark.parametrize("words", ["check", "upgrade --verify"])
def test_comments_and_schemas(project, new_database, monkeypatch, words):
    """A schema is named, and a comment is shown."""
    if not hasattr(sa.Table("t", sa.MetaData()), "comment"):
        pytest.skip("this SQLAlchemy has no comments")
    if not hasattr(ops, "CreateTableCommentOp"):
        pytest.skip("this Alembic compares no comments")
    skip_without_check(words)
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    env_py = project.folder / "migrations/env.py"
    source = env_py.read_text(encoding="utf-8")
    write_source(env_py, source.replace("settings = {", 'settings = {"include_schemas": True, '))
    assert db(project, "upgrade").status == 0
    execute(
        url,
        "CREATE SCHEMA other",
        "CREATE TABLE other.pet (id INTEGER PRIMARY KEY, x INTEGER)",
        "CREATE TABLE toy (id INTEGER PRIMARY KEY)",
        "COMMENT ON TABLE toy IS 'old'",
        "CREATE TABLE ball (id INTEGER PRIMARY KEY)",
        "COMMENT ON TABLE ball IS 'round'",
    )
    project.write("manage.py", MANAGE.replace("    manager =", COMMENTS, 1))
    done = db(project, *words.split())
    assert sorted(done.error.splitlines()[:-1]) == [
        "other.pet.id: comment 'key' in the model, no comment in the database",
        "other.pet.x: not in the models",
        "table ball: no comment in the model, a comment in the database",
        "table other.pet: comment 'a pet' in the model, no comment in the database",
        "table toy: comment 'new' in the model, comment 'old' in the database",
    ]


COMMENTS = """
    class Pet(db.Model):
        __tablename__ = "pet"
        __table_args__ = {"schema": "other", "comment": "a pet"}
        id = db.Column(db.Integer, primary_key=True, comment="key")

    class Toy(db.Model):
        __tablename__ = "toy"
        __table_args__ = {"comment": "new"}
        id = db.Column(db.Integer, primary_key=True)

    class Ball(db.Model):
        __tablename__ = "ball"
        id = db.Column(db.Integer, primary_key=True)

    manager ="""


def test_several_databases(project, url, new_database, monkeypatch):
    """Each line says which."""
    monkeypatch.setenv("SECOND_URL", new_database("sqlite"))
    new_project(project, "--multidb")
    assert db(project, "upgrade").status == 0
    project.write("manage.py", MANAGE.replace("    manager =", TWO, 1))
    done = db(project, "upgrade", "--verify")
    assert done.error.splitlines()[0] == "database 'default': table toy: not in the database"
    if "upgrade_ops_list" in inspect.getsource(getattr(command, "check", command)):
        done = db(project, "check")
        assert done.error.splitlines()[:-1] == [
            "database 'default': table toy: not in the database",
            "database 'second': table ball: not in the database",
        ]


TWO = """
    class Toy(db.Model):
        __tablename__ = "toy"
        id = db.Column(db.Integer, primary_key=True)

    class Ball(db.Model):
        __tablename__ = "ball"
        __bind_key__ = "second"
        id = db.Column(db.Integer, primary_key=True)

    manager ="""


def test_what_a_library_adds_to_alembic():
    """A kind of object that is not Alembic's is named, and so is a statement."""
    sequence = sa.Sequence("numbers")
    found = [("add_sequence", sequence), ("remove_sequence", sequence), ("execute", "SELECT 1")]
    assert described(found, None) == [
        "sequence numbers: not in the database",
        "sequence numbers: not in the models",
        "execute SELECT 1",
    ]


# -- what is said before the comparison --------------------------------------------------------


@pytest.fixture
def check(db):
    """The command, where Alembic has it, on the database of the three revisions."""
    skip_without_check("check")
    return lambda: db("check")


def test_a_database_that_is_behind(db, check):
    """What to type, and that cures it."""
    assert db("upgrade", "aaaa").status == 0
    assert check()[::2] == (
        1,
        check().err.rpartition("Error")[0]
        + one_line(
            "the database is at aaaa and the scripts are at cccc, so it cannot be compared with "
            "the models: run 'db upgrade' first"
        ),
    )
    assert db("upgrade").status == 0
    assert check().status == 0


def test_several_heads_of_a_database_that_is_behind(db, check):
    """Both are named, and what is advised cures it."""
    write_revision(db.project, "dddd", "bbbb", "other")
    assert check().error == one_line(
        "there are several heads (cccc, dddd), and the database is at no revision, so it cannot be "
        "compared with the models: run 'db merge' and 'db upgrade' first"
    )
    for words in ("merge", "upgrade", "check"):
        assert db(words).status == 0, words


def test_several_heads_of_a_database_that_has_both(db, check):
    """They are named first, and the comparison goes on."""
    write_revision(db.project, "dddd", "bbbb", "other")
    assert db("upgrade", "heads").status == 0
    assert (check().status, without_alembic(check())) == (
        0,
        note("there are several heads (cccc, dddd): join them with 'db merge'"),
    )
    for words in ("merge", "upgrade"):
        assert db(words).status == 0, words
    assert (check().status, "heads" in without_alembic(check())) == (0, False)


def test_no_revision_yet(db, check):
    """The folder is named, and what writes one; that cures it."""
    for path in (db.project.folder / "migrations/versions").glob("*.py"):
        path.unlink()
    assert (check().status, without_alembic(check())) == (
        1,
        note(
            "the folder 'migrations' has no revision yet: 'db migrate -m \"...\"' writes the first"
        )
        + "table product: not in the database\n"
        + one_line(
            "the models and the database differ (1 difference): "
            "'db migrate' writes them into a revision"
        ),
    )
    for words in (["migrate", "-m", "..."], ["upgrade"], ["check"]):
        assert db(*words).status == 0, words
