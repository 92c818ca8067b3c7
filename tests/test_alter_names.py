"""Constraints without a name are found by what they are."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from altering import everything, inspected, read, reads_checks, script, up
from safe import MANAGE, db, new_project, revision

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


@pytest.mark.parametrize(
    ("going_up", "going_down"), [PLAIN, BATCH, UNTYPED], ids=["plain", "batch", "untyped"]
)
def test_a_script_drops_the_constraints_that_it_made(project, url, going_up, going_down):
    """Where a table has several, those of the script's own columns and conditions go."""
    new_project(project)
    script(url, TABLES.replace("VALUES (1), (2)", "VALUES (1), (2), (3)"))
    before = everything(url)
    up(project, 1, going_up, going_down)
    assert len(read(url, "PRAGMA foreign_key_list(t)")) == 3
    down = db(project, "downgrade")
    assert down.status == 0, down.err
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
    assert failed.error.startswith(
        "Error: No such constraint: 'nowhere', a constraint of the table"
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

# a constraint that a table has had since before, without a name or with a shorter one
OLD = {
    "foreign key": ("fk_t_a_p", "foreignkey", 'create_foreign_key({}, "t", "p", ["a"], ["id"])'),
    "unique": ("uq_t_a", "unique", 'create_unique_constraint({}, "t", ["a"])'),
    "check": ("ck_t_positive", "check", 'create_check_constraint({}, "t", "c > 0")'),
    "short check": ("positive", "check", 'create_check_constraint({}, "t", "c > 0")'),
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
    """A name says which constraint it is, by the convention or by the other function."""
    new_project(project)
    project.write("manage.py", models)
    script(url, TABLES)
    name, kind, making = OLD[what]
    name = repr(name) if "short" in what else f"op.f({name!r})"
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


@pytest.mark.parametrize("batch", [False, True], ids=["plain", "batch"])
def test_a_convention_names_what_the_script_does_not(project, url, batch):
    """What gets its name from the convention is dropped without one."""
    new_project(project)
    project.write("manage.py", CONVENTION)
    script(url, TABLES)
    before = everything(url)
    bodies = [
        "\n".join(line.strip() for line in body.splitlines() if "check" not in line)
        for body in PLAIN
    ]
    revision(project, 1, *map(in_batch, bodies) if batch else bodies)
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    definition = read(url, "SELECT sql FROM sqlite_master WHERE name = 't'")[0][0]
    assert all(name in definition for name in ("fk_t_b_p", "fk_t_c_p", "uq_t_b"))
    done = db(project, "downgrade")
    assert done.status == 0, done.err
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


@pytest.mark.parametrize(("going_up", "going_down"), [PLAIN, BATCH], ids=["plain", "batch"])
def test_names_that_the_database_gave_are_found(project, server, going_up, going_down):
    """On PostgreSQL and MySQL a downgrade drops what its upgrade made without a name."""
    new_project(project)
    revision(
        project,
        1,
        """
        op.create_table("p", sa.Column("id", sa.Integer, primary_key=True))
        op.create_table(
            "t", sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("a", sa.Integer, sa.ForeignKey("p.id"), unique=True),
            sa.Column("b", sa.Integer), sa.Column("c", sa.Integer)
        )
        """,
    )
    going_up = "\n".join(line for line in going_up.splitlines() if "check" not in line)
    lines = [line for line in going_down.splitlines() if "check" not in line]
    # MySQL keeps an index as long as a foreign key needs it
    lines.sort(key=lambda line: 'type_="unique"' in line)
    going_down = "\n".join(line for line in lines if line.strip())
    revision(project, 2, going_up, going_down)
    assert db(project, "upgrade").status == 0
    assert keys(server) == [("a",), ("b",), ("b", "c"), ("c",)]
    down = db(project, "downgrade")
    assert down.status == 0, down.err
    assert keys(server) == [("a",)]


def test_a_convention_asks_for_no_columns_on_servers(project, server):
    """What has no name in the script is found by what the script made, on servers too."""
    new_project(project)
    project.write("manage.py", CONVENTION)
    revision(
        project,
        1,
        """
        op.create_table(
            "t", sa.Column("id", sa.Integer, primary_key=True), sa.Column("a", sa.Integer),
            sa.Column("b", sa.Integer)
        )
        """,
    )
    revision(
        project,
        2,
        """
        op.create_unique_constraint(None, "t", ["a"])
        with op.batch_alter_table("t") as batch_op:
            batch_op.create_unique_constraint(None, ["b"])
        """,
        """
        with op.batch_alter_table("t") as batch_op:
            batch_op.drop_constraint(None, type_="unique")
        op.drop_constraint(None, "t", type_="unique")
        """,
    )
    assert db(project, "upgrade").status == 0
    assert keys(server) == [("a",), ("b",)]
    done = db(project, "downgrade")
    assert done.status == 0, done.err
    assert keys(server) == []


def keys(url):
    """Give the columns of each foreign key and unique constraint of `t`."""
    engine = sa.create_engine(url)
    inspector = sa.inspect(engine)
    found = {tuple(key["constrained_columns"]) for key in inspector.get_foreign_keys("t")}
    found |= {tuple(key["column_names"]) for key in inspector.get_unique_constraints("t")}
    engine.dispose()
    return sorted(found)


def test_conditions_are_found_as_the_database_writes_them(project, server):
    """A CHECK without a name is told from another by its text, whatever became of that text."""
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
        """
        op.create_check_constraint(None, "t", "a<100")
        op.create_check_constraint(None, "t", "Length(b) <> 5 AND (a IN (1, 2) OR b LIKE 'x%')")
        op.create_check_constraint(None, "t", "a BETWEEN 1 AND 4")
        """,
        'op.drop_constraint(None, "t", type_="check")\n' * 3,
    )
    up = db(project, "upgrade")
    assert up.status == 0, up.err
    if not reads_checks(server):
        pytest.skip("this SQLAlchemy reads no CHECKs of this database")
    before = checks(server)
    assert len(before) == 4
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


@pytest.mark.parametrize("at_once", [True, False], ids=["both", "unique alone"])
def test_a_drop_without_a_type_finds_what_the_script_made(project, server, at_once):
    """Scripts of the oldest Alembics drop a unique constraint without name or type."""
    new_project(project)
    table = 'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True),'
    revision(project, 1, f'{table} sa.Column("a", sa.Integer, unique={at_once}))')
    revision(
        project,
        2,
        'op.add_column("t", sa.Column("e", sa.String(20), nullable=True))\n'
        'op.create_unique_constraint(None, "t", ["e"])',
        'op.drop_constraint(None, "t")\nop.drop_column("t", "e")',
    )
    up = db(project, "upgrade")
    assert up.status == 0, up.err
    before = keys(server)
    down = db(project, "downgrade")
    assert down.status == 0, down.err
    assert before == sorted([*keys(server), ("e",)])


def checks(url):
    """Give the CHECKs of `t`."""
    with inspected(url) as inspector:
        found = inspector.get_check_constraints("t")
    return sorted((check["name"], check["sqltext"]) for check in found)
