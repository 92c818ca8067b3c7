"""Constraints without a name are found by what they are."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from databases import everything, inspected, read, reads_checks, script
from projects import MANAGE, db, new_project
from revisions import line_of, revision, up

TABLES = """
    CREATE TABLE p (id INTEGER PRIMARY KEY);
    CREATE TABLE t (
        id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, c INTEGER CHECK (c > 0),
        UNIQUE (a), FOREIGN KEY(a) REFERENCES p (id)
    );
    INSERT INTO p VALUES (1), (2);
    INSERT INTO t VALUES (1, 1, 2, 3), (2, 2, NULL, 1);
"""
PLAIN = (
    """
    op.create_foreign_key(None, "t", "p", ["b"], ["id"])
    op.create_foreign_key(None, "t", "p", ["c"], ["id"])
    op.create_unique_constraint(None, "t", ["b", "c"])
    op.create_check_constraint(None, "t", "b < 5")
    """,
    """
    op.drop_constraint(None, "t", type_="check")
    op.drop_constraint(None, "t", type_="unique")
    op.drop_constraint(None, "t", type_="foreignkey")
    op.drop_constraint(None, "t", type_="foreignkey")
    """,
)
BATCH = (
    """
    with op.batch_alter_table("t", schema=None) as batch_op:
        batch_op.create_foreign_key(None, "p", ["b"], ["id"])
        batch_op.create_foreign_key(None, "p", ["c"], ["id"])
        batch_op.create_unique_constraint(None, ["b", "c"])
        batch_op.create_check_constraint(None, "b < 5")
    """,
    """
    with op.batch_alter_table("t", schema=None) as batch_op:
        batch_op.drop_constraint(None, type_="check")
        batch_op.drop_constraint(None, type_="unique")
        batch_op.drop_constraint(None, type_="foreignkey")
        batch_op.drop_constraint(None, type_="foreignkey")
    """,
)


# as Alembic wrote it until 0.6
UNTYPED = (PLAIN[0], re.sub(', type_="[a-z]+"', "", PLAIN[1]))
# one constraint of each kind, on a table that has none
ONE_EACH = (
    """
    op.create_foreign_key(None, "t", "p", ["b"], ["id"])
    op.create_unique_constraint(None, "t", ["b", "c"])
    op.create_check_constraint(None, "t", "b < 5")
    """,
    """
    op.drop_constraint(None, "t", type_="check")
    op.drop_constraint(None, "t", type_="foreignkey")
    op.drop_constraint(None, "t", type_="unique")
    """,
)
ONE_EACH_IN_BATCH = (
    """
    with op.batch_alter_table("t") as batch_op:
        batch_op.create_foreign_key(None, "p", ["b"], ["id"])
        batch_op.create_unique_constraint(None, ["b", "c"])
        batch_op.create_check_constraint(None, "b < 5")
    """,
    """
    with op.batch_alter_table("t") as batch_op:
        batch_op.drop_constraint(None, type_="check")
        batch_op.drop_constraint(None, type_="foreignkey")
        batch_op.drop_constraint(None, type_="unique")
    """,
)
BOTH = pytest.mark.parametrize(
    ("going_up", "going_down"), [ONE_EACH, ONE_EACH_IN_BATCH], ids=["plain", "batch"]
)
BARE = TABLES.replace(" CHECK (c > 0)", "").replace(
    ",\n        UNIQUE (a), FOREIGN KEY(a) REFERENCES p (id)", ""
)


@BOTH
def test_the_only_constraint_of_a_kind_is_dropped_without_a_name(
    project, url, going_up, going_down
):
    """What the database has says what is meant."""
    new_project(project)
    script(url, BARE)
    before = everything(url)
    up(project, 1, going_up, going_down)
    assert len(read(url, "PRAGMA foreign_key_list(t)")) == 1
    down = db(project, "downgrade")
    assert down.status == 0, down.err
    assert everything(url) == before


@pytest.mark.parametrize(
    ("going_up", "going_down"), [PLAIN, BATCH, UNTYPED], ids=["plain", "batch", "untyped"]
)
def test_one_of_several_without_names_is_asked_for(project, url, going_up, going_down):
    """One line lists those that the table has, and nothing is changed."""
    new_project(project)
    script(url, TABLES.replace("VALUES (1), (2)", "VALUES (1), (2), (3)"))
    up(project, 1, going_up, going_down)
    before = everything(url)
    failed = db(project, "downgrade")
    assert failed.status == 1
    assert len(failed.error.splitlines()) == 1
    assert (
        "(it has c CHECK (c > 0), as " in failed.error or "(it has UNIQUE (a), as " in failed.error
    )
    assert "CHECK (b < 5)" in failed.error
    assert failed.error.count(": name it in the revision; ") == 1
    assert everything(url) == before


@pytest.mark.parametrize("typed", [True, False], ids=["typed", "untyped"])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("t_a_key", "unique"),
        ("t_a_fkey", "foreignkey"),
        ("t_c_check", "check"),
        ("t_b_check", "check"),
        ("t_check", "check"),
    ],
)
def test_names_that_postgresql_gave_are_understood(project, url, name, kind, typed):
    """A script written against PostgreSQL drops the constraint that has no name here."""
    new_project(project)
    # a condition has the name of its column there, if it speaks of one alone
    checks = {"t_b_check": ", CHECK (b < 9)", "t_check": ", CHECK (a < 9 OR b < 9)"}
    table = TABLES
    if name in checks:
        table = table.replace("c INTEGER CHECK (c > 0)", "c INTEGER")
    script(url, table.replace("REFERENCES p (id)", f"REFERENCES p (id){checks.get(name, '')}"))
    up(project, 1, f'op.drop_constraint("{name}", "t"{f", type_={kind!r}" if typed else ""})')
    (definition,) = read(url, "SELECT sql FROM sqlite_master WHERE name = 't'")[0]
    words = {"unique": "UNIQUE", "foreignkey": "FOREIGN", "check": "CHECK"}
    assert {word for word in words.values() if word not in definition} == {words[kind]}


def test_a_name_without_a_type_is_looked_for_among_all(project, url):
    """One line says which constraint is missing where no kind was given."""
    new_project(project)
    script(url, TABLES)
    revision(project, 1, 'op.drop_constraint("nowhere", "t")')
    failed = db(project, "upgrade")
    assert failed.status == 1
    place = line_of(project, 1, 10)
    assert failed.error.startswith(
        f"Error: {place}: No such constraint: 'nowhere', a constraint of the table"
    )


def test_names_of_a_convention_are_understood(project, url):
    """`naming_convention` of a batch names what has no name."""
    new_project(project)
    script(url, TABLES)
    up(
        project,
        1,
        """
        convention = {"uq": "uq_%(table_name)s_%(column_0_name)s"}
        with op.batch_alter_table("t", naming_convention=convention) as batch:
            batch.drop_constraint("uq_t_a", type_="unique")
        """,
    )
    assert "UNIQUE" not in read(url, "SELECT sql FROM sqlite_master WHERE name = 't'")[0][0]


# models that have got a naming convention
CONVENTION = MANAGE.replace(
    "SQLAlchemy(app)",
    """SQLAlchemy(app, metadata=MetaData(naming_convention={
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }))""",
).replace("from flask import Flask", "from flask import Flask\n    from sqlalchemy import MetaData")

# a constraint that a table has had since before, without a name
OLD = {
    "foreign key": ("fk_t_a_p", "foreignkey", 'create_foreign_key({}, "t", "p", ["a"], ["id"])'),
    "unique": ("uq_t_a", "unique", 'create_unique_constraint({}, "t", ["a"])'),
    "key": ("pk_t", "primary", 'create_primary_key({}, "t", ["id"])'),
}


def in_batch(body):
    """Write plain operations on `t` as a batch does."""
    lines = body.replace("op.f(", "f(").replace("op.", "batch_op.").replace("f(", "op.f(")
    lines = lines.replace(', "t"', "").splitlines()
    return "\n    ".join(['with op.batch_alter_table("t") as batch_op:', *lines])


@pytest.mark.parametrize("batch", [False, True], ids=["plain", "batch"])
@pytest.mark.parametrize("models", [MANAGE, CONVENTION], ids=["no convention", "convention"])
@pytest.mark.parametrize("what", OLD)
def test_what_had_no_name_is_dropped_by_one(project, url, what, models, batch):
    """A name says which constraint it is, by the convention of the models or the usual one."""
    new_project(project)
    project.write("manage.py", models)
    script(url, TABLES)
    name, kind, making = OLD[what]
    name = f"op.f({name!r})"
    bodies = [
        f'op.drop_constraint({name}, "t", type_={kind!r})',
        f"op.{making.format(name)}",
    ]
    revision(project, 1, *map(in_batch, bodies) if batch else bodies)
    before = everything(url)
    for _ in range(2):
        done = db(project, "upgrade")
        assert done.status == 0, done.err
        without = read(url, "SELECT sql FROM sqlite_master WHERE name = 't'")[0][0]
        words = {"foreignkey": "FOREIGN", "primary": "PRIMARY"}
        assert words.get(kind, kind.upper()) not in without
        done = db(project, "downgrade")
        assert done.status == 0, done.err
    after = everything(url)
    assert after["t"] == before["t"]
    assert after["foreign_key_list", "t"] == before["foreign_key_list", "t"]


@pytest.mark.parametrize("batch", [False, True], ids=["plain", "batch"])
def test_a_name_from_before_the_convention_is_understood(project, url, batch):
    """Alembic looks for the name that the convention makes of the one in the script."""
    new_project(project)
    project.write("manage.py", CONVENTION)
    script(url, TABLES.replace("CHECK", "CONSTRAINT positive CHECK"))
    body = 'op.drop_constraint("positive", "t", type_="check")'
    up(project, 1, in_batch(body) if batch else body)
    assert "CHECK" not in read(url, "SELECT sql FROM sqlite_master WHERE name = 't'")[0][0]


def without_checks(*bodies):
    """Leave out the CHECKs, which some conventions cannot name."""
    return ["\n".join(x for x in body.splitlines() if "check" not in x) for body in bodies]


@BOTH
def test_a_convention_names_what_the_script_does_not(project, url, going_up, going_down):
    """What gets its name from the convention is dropped without one."""
    new_project(project)
    project.write("manage.py", CONVENTION)
    script(url, BARE)
    before = everything(url)
    revision(project, 1, *without_checks(going_up, going_down))
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    definition = read(url, "SELECT sql FROM sqlite_master WHERE name = 't'")[0][0]
    assert all(name in definition for name in ("fk_t_b_p", "uq_t_b"))
    done = db(project, "downgrade")
    assert done.status == 0, done.err
    assert everything(url) == before


def test_beside_a_convention_the_one_without_a_name_need_not_be_meant(project, url):
    """What the script made has a name from the convention, and another one has none."""
    new_project(project)
    project.write("manage.py", CONVENTION)
    script(url, TABLES)
    before = everything(url)
    revision(
        project,
        1,
        'op.create_unique_constraint(None, "t", ["b"])\n'
        'op.drop_constraint(None, "t", type_="unique")',
    )
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert (
        "(it has UNIQUE (a), as t_a_key; CONSTRAINT uq_t_b UNIQUE (b)): name it in" in failed.error
    )
    assert everything(url) == before


@pytest.mark.parametrize("batch", [False, True], ids=["plain", "batch"])
def test_a_convention_of_referred_columns_is_understood(project, url, batch):
    """The columns that a foreign key refers to are part of some names."""
    new_project(project)
    models = CONVENTION.replace("referred_table_name", "referred_column_0_name")
    project.write("manage.py", models)
    script(url, TABLES)
    body = 'op.drop_constraint("fk_t_a_id", "t", type_="foreignkey")'
    up(project, 1, in_batch(body) if batch else body)
    assert read(url, "PRAGMA foreign_key_list(t)") == []


def test_a_constraint_that_is_not_clear_is_asked_for(project, url):
    """With several and none of the script's own, one line says so and nothing is changed."""
    new_project(project)
    script(url, TABLES.replace("b INTEGER", "b INTEGER REFERENCES p (id)"))
    before = everything(url)
    revision(project, 1, 'op.drop_constraint(None, "t", type_="foreignkey")')
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "it is not clear which foreign key of the table 't' is meant" in failed.error
    assert everything(url) == before


@pytest.fixture(params=["postgresql", "mysql"])
def server(request, new_database, monkeypatch):
    """An empty database of a server, which manage.py uses."""
    url = new_database(request.param)
    monkeypatch.setenv("DATABASE_URL", url)
    return url


TWO_TABLES = """
    op.create_table("p", sa.Column("id", sa.Integer, primary_key=True))
    op.create_table(
        "t", sa.Column("id", sa.Integer, primary_key=True), sa.Column("a", sa.Integer),
        sa.Column("b", sa.Integer), sa.Column("c", sa.Integer)
    )
    """


@pytest.mark.parametrize("models", [MANAGE, CONVENTION], ids=["no convention", "convention"])
@BOTH
def test_names_that_the_database_gave_are_found(project, server, models, going_up, going_down):
    """On PostgreSQL and MySQL a downgrade drops what its upgrade made without a name."""
    new_project(project)
    project.write("manage.py", models)
    revision(project, 1, TWO_TABLES)
    revision(project, 2, *without_checks(going_up, going_down))
    assert db(project, "upgrade").status == 0
    assert keys(server) == [("b",), ("b", "c")]
    down = db(project, "downgrade")
    assert down.status == 0, down.err
    assert keys(server) == []


def test_one_of_several_names_of_the_database_is_asked_for(project, server):
    """One line lists them, and nothing is changed."""
    new_project(project)
    revision(project, 1, TWO_TABLES)
    revision(
        project,
        2,
        'op.create_foreign_key(None, "t", "p", ["a"], ["id"])\n'
        'op.create_foreign_key(None, "t", "p", ["b"], ["id"])',
        'op.drop_constraint(None, "t", type_="foreignkey")',
    )
    assert db(project, "upgrade").status == 0
    before = keys(server)
    failed = db(project, "downgrade")
    assert failed.status == 1
    assert "it is not clear which foreign key of the table 't' is meant (it has t_" in failed.error
    assert " (a); t_" in failed.error
    assert len(failed.error.splitlines()) == 1
    assert keys(server) == before


def keys(url):
    """Return the columns of each foreign key and unique constraint of `t`."""
    engine = sa.create_engine(url)
    inspector = sa.inspect(engine)
    found = {tuple(key["constrained_columns"]) for key in inspector.get_foreign_keys("t")}
    found |= {tuple(key["column_names"]) for key in inspector.get_unique_constraints("t")}
    engine.dispose()
    return sorted(found)


def test_a_check_that_the_database_named_is_found(project, server):
    """A CHECK without a name in the script is told from one with a name."""
    new_project(project)
    revision(
        project,
        1,
        """
        op.create_table(
            "t", sa.Column("id", sa.Integer, primary_key=True), sa.Column("a", sa.Integer),
            sa.Column("b", sa.String(20)), sa.CheckConstraint("a > 0", name="ck_a")
        )
        """,
    )
    revision(
        project,
        2,
        """op.create_check_constraint(None, "t", "Length(b) <> 5 AND (a < 9 OR b = 'x')")""",
        'op.drop_constraint(None, "t", type_="check")',
    )
    up = db(project, "upgrade")
    assert up.status == 0, up.err
    if not reads_checks(server):
        pytest.skip("this SQLAlchemy reads no CHECKs of this database")
    before = checks(server)
    assert len(before) == 2
    down = db(project, "downgrade")
    if "MySQL does not support CHECK constraints" in down.error:
        pytest.skip("this Alembic drops no CHECK there")
    assert down.status == 0, down.err
    assert [name for name, _ in checks(server)] == ["ck_a"]


def test_a_name_that_the_script_gives_is_not_the_one_without(project, server):
    """Of two constraints on the same columns, the one that the database named is dropped."""
    new_project(project)
    table = 'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True))'
    revision(project, 1, table)
    revision(
        project,
        2,
        'op.create_unique_constraint("a_first", "t", ["id"])\n'
        'op.create_unique_constraint(None, "t", ["id"])',
        'op.drop_constraint(None, "t", type_="unique")\n'
        'op.drop_constraint("a_first", "t", type_="unique")',
    )
    assert db(project, "upgrade").status == 0
    down = db(project, "downgrade")
    assert down.status == 0, down.err
    assert keys(server) == []


def test_a_drop_without_a_type_finds_a_unique_constraint(project, server):
    """Scripts of the oldest Alembics drop a unique constraint without name or type."""
    new_project(project)
    revision(project, 1, TWO_TABLES)
    revision(
        project,
        2,
        'op.add_column("t", sa.Column("e", sa.String(20), nullable=True))\n'
        'op.create_unique_constraint(None, "t", ["e"])',
        'op.drop_constraint(None, "t")\nop.drop_column("t", "e")',
    )
    up = db(project, "upgrade")
    assert up.status == 0, up.err
    assert keys(server) == [("e",)]
    down = db(project, "downgrade")
    assert down.status == 0, down.err
    assert keys(server) == []


def checks(url):
    """Return the CHECKs of `t`."""
    with inspected(url) as inspector:
        found = inspector.get_check_constraints("t")
    return sorted((check["name"], check["sqltext"]) for check in found)
