"""What the due steps lose, as far as their scripts say it literally."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from databases import execute, picture, rows, tables, version
from processes import on_terminal
from projects import db, new_project
from revisions import revision

from migrate_script.inspecting.drops import drops_of
from migrate_script.running import data_loss
from migrate_script.running.data_loss import Loss, losses

UP = """
op.execute('CREATE TABLE t (id INTEGER, x INTEGER, "odd name" INTEGER)')
op.execute('CREATE TABLE "Odd Table" (id INTEGER)')
op.execute('CREATE TABLE "per%cent" (id INTEGER)')
op.execute("INSERT INTO t VALUES (1, 1, 1)")
op.execute("INSERT INTO t VALUES (2, NULL, 2)")
op.execute('INSERT INTO "Odd Table" VALUES (1)')
op.execute('INSERT INTO "per%cent" VALUES (1)')
"""
T = "table t (2 rows)"
X = "column t.x (1 value)"
ODD = "table 'Odd Table' (1 row)"
WAYS = {
    "by name": ('op.drop_table(table_name="t")', f"drops {T}"),
    "an odd name": ('op.drop_table("Odd Table")', f"drops {ODD}"),
    "a percent sign": ('op.drop_table("per%cent")', "drops table 'per%cent' (1 row)"),
    "two tables": ('op.drop_table("t")\nop.drop_table("Odd Table")', f"drops {T} and {ODD}"),
    "what is computed": ('name = "t"\nop.drop_table(name)', ""),
    "what is only defined": ('def later():\n    op.drop_table("t")', ""),
    "a condition": ('if op.get_bind():\n    op.drop_table("t")', f"drops {T}"),
    "a column by name": ('op.drop_column(table_name="t", column_name="x")', f"drops {X}"),
    "an odd column": ('op.drop_column("t", "odd name")', "drops column 't.odd name' (2 values)"),
    "a batch": (
        'with op.batch_alter_table(table_name="t") as b:\n    b.drop_column("x")',
        f"drops {X}",
    ),
    "two batches": (
        'op.execute("ALTER TABLE \\"Odd Table\\" ADD COLUMN y INTEGER")\n'
        'with op.batch_alter_table("t") as b:\n    b.drop_column("x")\n'
        'with op.batch_alter_table("Odd Table") as b:\n    b.drop_column("id")',
        f"drops {X} and column 'Odd Table.id' (1 value)",
    ),
    "a renamed table": ('op.rename_table("t", "u")\nop.drop_table("u")', f"drops {T}"),
    "a renamed column": (
        'op.alter_column("t", "x", new_column_name="y")\nop.drop_column("t", "y")',
        f"drops {X}",
    ),
    "SQL that renames a column": (
        'op.execute("ALTER TABLE t RENAME COLUMN x TO y")\nop.drop_column("t", "y")',
        f"drops {X}",
    ),
    "SQL": ('op.execute("drop table if exists T")', f"drops {T}"),
    "SQL on a connection": (
        "op.get_bind().execute(sa.text('DROP TABLE \"Odd Table\"'))",
        f"drops {ODD}",
    ),
    "SQL with a column": ("op.execute('ALTER TABLE \"t\" ADD COLUMN z INTEGER')", ""),
    "SQL that renames": (
        'op.execute("ALTER TABLE t RENAME TO u")\nop.drop_table("u")',
        f"drops {T}",
    ),
    "SQL after a comment": ('op.execute("""\n-- all\nDELETE FROM t;\n""")', f"empties {T}"),
    "SQL with a condition": ('op.execute("DELETE FROM t WHERE id = 9")', ""),
    "rows, then the table": ('op.execute("DELETE FROM t")\nop.drop_table("t")', f"drops {T}"),
    "a column, then the table": (
        'op.drop_column("t", "x")\nop.drop_table("t")',
        f"drops {T}",
    ),
    "of each kind": (
        'op.execute("DELETE FROM \\"per%cent\\"")\n'
        'op.drop_column("t", "x")\nop.drop_table("Odd Table")',
        f"empties table 'per%cent' (1 row) and drops {X} and {ODD}",
    ),
}
SERVER = {
    "TRUNCATE": (
        'op.execute("TRUNCATE t, \\"Odd Table\\"")',
        f"empties {T} and {ODD}",
    ),
    "several statements": (
        "op.execute('DROP TABLE t; DROP TABLE \"Odd Table\"')",
        f"drops {T} and {ODD}",
    ),
    "ALTER": (
        'op.execute("ALTER TABLE ONLY t DROP COLUMN x, ADD y integer")',
        f"drops {X}",
    ),
    "a schema": ('op.drop_table("s", schema="other")', "drops table other.s (1 row)"),
    "a schema in SQL": ('op.execute("DROP TABLE other.s")', "drops table other.s (1 row)"),
    "a whole schema": (
        'op.execute("DROP SCHEMA IF EXISTS other CASCADE")',
        "drops table other.s (1 row)",
    ),
}


@pytest.mark.parametrize(
    ("kind", "way"),
    [("sqlite", way) for way in WAYS]
    + [("postgresql", way) for way in ["two tables", "SQL", "an odd column", *SERVER]],
)
def test_what_goes_is_told_before(project, new_database, monkeypatch, kind, way):
    """Each table, column or emptied table once, with how much is in it, in both directions."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    body, expected = {**WAYS, **SERVER}[way]
    revision(project, 1, UP, body)
    revision(project, 2, body)
    for direction, target in (("upgrade", "r2"), ("downgrade", "base")):
        fill(url, kind)
        assert db(project, "upgrade", "r1").status == 0
        done = db(project, direction, target)
        assert done.status == 0, done.err
        warning = f"WARNING [migrate_script] this {direction} {expected}"
        assert warnings(done) == ([warning] if expected else [])
        clear(url)


def fill(url, kind):
    """Add a schema with a table of one row, on PostgreSQL."""
    if kind == "postgresql":
        execute(url, "CREATE SCHEMA other", "CREATE TABLE other.s AS SELECT 1 AS id")


def clear(url):
    """Drop what the scripts have left, and the version."""
    for table in tables(url):
        rows(url, f'DROP TABLE "{table}"')
    if url.startswith("postgresql"):
        execute(url, "DROP SCHEMA IF EXISTS other CASCADE")


def warnings(done):
    """Return the warnings of a command."""
    return [line for line in done.err.splitlines() if line.startswith("WARNING")]


MYSQL = {
    "a table": ('op.drop_table("t")', "drops table t (2 rows)"),
    "an empty table": ('op.drop_table("empty")', ""),
    "a column": ('op.drop_column("t", "x")', "drops column t.x (1 value)"),
    "a batch": (
        'with op.batch_alter_table("t") as b:\n    b.drop_column("x")',
        "drops column t.x (1 value)",
    ),
    "SQL": ('op.execute("DROP TABLE `t`")', "drops table t (2 rows)"),
    "SQL with a column": ('op.execute("ALTER TABLE t DROP x")', "drops column t.x (1 value)"),
    "TRUNCATE": ('op.execute("TRUNCATE TABLE t")', "empties table t (2 rows)"),
}


@pytest.mark.parametrize("way", MYSQL)
def test_what_goes_is_told_on_mariadb(project, new_database, monkeypatch, way):
    """The same as elsewhere, and --no-loss leaves all as it is."""
    url = new_database("mysql")
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    body, expected = MYSQL[way]
    columns = 'sa.Column("id", sa.Integer), sa.Column("x", sa.Integer)'
    revision(
        project,
        1,
        f'op.create_table("t", {columns})\nop.create_table("empty", {columns})\n'
        'op.execute("INSERT INTO t VALUES (1, 1), (2, NULL)")',
    )
    revision(project, 2, body)
    assert db(project, "upgrade", "r1").status == 0
    before = picture(url)
    if expected:
        refused = db(project, "upgrade", "--no-loss")
        assert refused.status == 1
        assert refused.error == refusal("upgrade", expected)
        assert picture(url) == before
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert warnings(done) == (
        [f"WARNING [migrate_script] this upgrade {expected}"] if expected else []
    )


def refusal(direction, loss):
    """Return the line with which --no-loss refuses."""
    return (
        f"Error: this {direction} {loss}, which --no-loss forbids: nothing was changed; back up "
        "what you need, then run the command again without --no-loss\n"
    )


TYPES = {
    "a shorter text": ("sa.String(3)", "sa.String(20)", "column t.v (2 values that would change)"),
    "a longer text": ("sa.String(40)", "sa.String(20)", ""),
    "a text of any length": ("sa.Text()", "sa.String(20)", ""),
    "whole numbers": ("sa.Integer", "sa.Numeric(8, 2)", "column t.v (1 value that would change)"),
    "fewer decimals": (
        "sa.Numeric(precision=8, scale=1)",
        "sa.Numeric(8, 2)",
        "column t.v (1 value that would change)",
    ),
    "more decimals": ("sa.Numeric(9, 3)", "sa.Numeric(8, 2)", ""),
    "whole numbers of a float": ("sa.Integer()", "sa.Float", ""),
    "dates": ("sa.Date()", "sa.DateTime", "column t.v (1 value that would change)"),
}
VALUES = {"String": "'abcdef'), ('abcdefg'", "Numeric": "1.25), (2.50", "Float": "1), (2"}


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
@pytest.mark.parametrize("way", TYPES)
def test_values_that_a_new_type_changes_are_counted(project, new_database, monkeypatch, kind, way):
    """Of a type that keeps less; nothing is said of one that keeps every value there is."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    new, old, expected = TYPES[way]
    values = VALUES.get(old[3:].split("(")[0], "'2020-01-01 00:00:00'), ('2020-01-01 10:00:00'")
    if way == "whole numbers":
        values = "1.25), (2.00"
    elif way == "fewer decimals":
        values = "1.25), (2.50"
    revision(
        project,
        1,
        f'op.create_table("t", sa.Column("v", {old}))\n'
        f'op.execute("INSERT INTO t VALUES ({values})")',
    )
    revision(project, 2, f'op.alter_column("t", "v", existing_type={old}, type_={new})')
    assert db(project, "upgrade", "r1").status == 0
    done = db(project, "upgrade", "--dry-run") if kind == "postgresql" else db(project, "upgrade")
    assert warnings(done) == (
        [f"WARNING [migrate_script] this upgrade narrows {expected}"] if expected else []
    )


def test_a_narrower_type_changes_nothing_on_sqlite(project, url):
    """SQLite keeps every value as it is, whatever the type of its column."""
    new_project(project)
    revision(
        project,
        1,
        'op.create_table("t", sa.Column("v", sa.String(20)))\n'
        """op.execute("INSERT INTO t VALUES ('abcdef')")""",
    )
    batch = 'with op.batch_alter_table("t") as b:\n    b.alter_column("v", type_=sa.String(3))'
    revision(project, 2, batch)
    assert db(project, "upgrade", "r1").status == 0
    done = db(project, "upgrade", "--no-loss")
    assert done.status == 0, done.err
    assert warnings(done) == []
    assert rows(url, "SELECT v FROM t") == [("abcdef",)]


def test_a_large_table_is_not_counted_to_its_end(project, url, monkeypatch):
    """A count stops after a number of rows, and says that there are more."""
    monkeypatch.setattr(data_loss, "COUNTED", 2)
    new_project(project)
    insert = 'op.execute("INSERT INTO t VALUES (1, NULL), (2, NULL), (3, NULL)")'
    columns = 'sa.Column("id", sa.Integer), sa.Column("x", sa.Integer)'
    revision(project, 1, f'op.create_table("t", {columns})\n{insert}')
    revision(project, 2, 'op.drop_column("t", "x")')
    revision(project, 3, 'op.drop_table("t")')
    assert db(project, "upgrade", "r1").status == 0
    said = []
    for target in ("r2", "r3"):
        done = db(project, "upgrade", target)
        assert done.status == 0, done.err
        said += warnings(done)
    assert said == [
        "WARNING [migrate_script] this upgrade drops column t.x (more than 2 rows)",
        "WARNING [migrate_script] this upgrade drops table t (more than 2 rows)",
    ]


TABLE = """
op.create_table("t", sa.Column("id", sa.Integer))
op.execute("INSERT INTO t VALUES (1)")
"""
CALLS = [
    'globals()["downgrade_" + engine_name]()',
    'eval("downgrade_%s" % engine_name)()',
    'run("downgrade", engine_name)\n\n\n'
    "def run(direction, name):\n    globals().get(direction + '_' + name)()",
]


@pytest.mark.parametrize("call", CALLS)
def test_each_of_several_databases_tells_its_own(project, url, new_database, monkeypatch, call):
    """One file has a function for each of them, and a table of one name in both."""
    monkeypatch.setenv("SECOND_URL", new_database("sqlite"))
    new_project(project, "--multidb")
    call, _, more = call.partition("\n\n\n")
    revision(project, 1, TABLE, call, "engine_name")
    path = project.folder / "migrations/versions/r1_.py"
    text = path.read_text(encoding="utf-8")
    text += f"\n\n{more}\n\ndef downgrade_():\n    pass\n"
    text += '\n\ndef downgrade_second():\n    op.drop_table("t")\n'
    path.write_text(text, encoding="utf-8")
    assert db(project, "upgrade").status == 0
    done = db(project, "downgrade")
    assert done.status == 0, done.err
    assert done.err.count("this downgrade drops table t (1 row)") == 1
    assert "t" in tables(url)


DUE = """
op.execute("DELETE FROM t")
op.execute(sa.text("ALTER TABLE other DROP COLUMN x"))
op.create_table("new", sa.Column("id", sa.Integer))
op.drop_table("empty")
"""


def lost(connection, steps):
    """Return what steps lose."""
    return losses(connection, drops_of(steps, None, connection.dialect.name))


def test_what_an_upgrade_loses(project, url):
    """Over all due steps: each table once, nothing of what is empty or made in the same run."""
    for statement in (
        "CREATE TABLE t (id INTEGER)",
        "CREATE TABLE other (id INTEGER, x INTEGER)",
        "CREATE TABLE empty (id INTEGER)",
        "INSERT INTO t VALUES (1), (2)",
        "INSERT INTO other VALUES (1, NULL), (2, 5), (3, 6)",
    ):
        rows(url, statement)
    new_project(project)
    revision(project, 1, 'op.drop_table("other")')
    revision(project, 2, DUE)
    revision(project, 3, 'op.drop_table("new")\nop.drop_table("t")')
    scripts = ScriptDirectory("migrations")
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        assert lost(connection, scripts._upgrade_revs("r2", "r1")) == [
            Loss("rows", "t", "", 2),
            Loss("column", "other", "x", 2),
        ]
        assert lost(connection, scripts._upgrade_revs("r3", "r1")) == [
            Loss("column", "other", "x", 2),
            Loss("table", "t", "", 2),
        ]
        assert lost(connection, scripts._downgrade_revs("base", "r3")) == []
    engine.dispose()


def test_no_answer_is_a_no(project, url):
    """At the end of what is typed nothing is done, and one line says so."""
    new_project(project)
    revision(project, 1, TABLE, 'op.drop_table("t")')
    assert db(project, "upgrade").status == 0
    before = picture(url)
    status, said = on_terminal(project, "downgrade", typed=b"\x04")
    assert status == 1, said
    assert said.splitlines()[-1] == (
        "Error: 'db downgrade' was not confirmed: nothing was changed; answer 'y' to go on, or add "
        "--yes"
    )
    assert picture(url) == before
    status, said = on_terminal(project, "downgrade", "--yes", typed=b"")
    assert status == 0, said
    assert version(url) == []


def test_a_no_to_the_second_of_two_databases(project, new_database, monkeypatch):
    """What MySQL has done to the first one by then stays, and the line says where that is."""
    first, second = new_database("mysql"), new_database("mysql")
    monkeypatch.setenv("DATABASE_URL", first)
    monkeypatch.setenv("SECOND_URL", second)
    new_project(project, "--multidb")
    revision(project, 1, TABLE, 'op.drop_table("t")', "engine_name")
    assert db(project, "upgrade").status == 0
    status, said = on_terminal(project, "downgrade", typed=b"y\nn\n")
    assert status == 1, said
    assert said.splitlines()[-1].endswith(
        "[y/N] Error: 'db downgrade' was not confirmed; answer 'y' to go on, or add --yes; "
        "the database 'default' is at no revision, after 1 of 1 revisions"
    )
    assert (version(first), version(second)) == ([], ["r1"])
