"""What a line about a table of SQLite advises is done literally, and cures it."""

from __future__ import annotations

import sqlite3
import sys

import pytest
from databases import file_of, foreign_keys, read, script, tables, version
from front_ends import stopped, works
from projects import db, new_project, write_source
from revisions import begin, line_of, revision

BEFORE = "; the database is at no revision, as before"

UNNAMED = "CREATE TABLE t (id INTEGER, a TEXT UNIQUE, b TEXT, UNIQUE (a, b));"
CHECKS = "CREATE TABLE t (a INTEGER, b INTEGER CHECK (b > a), CHECK (a > b OR b > 1));"
KEYS = """
    CREATE TABLE p (id INTEGER PRIMARY KEY);
    CREATE TABLE t (a INTEGER REFERENCES p (id), b INTEGER, FOREIGN KEY (b) REFERENCES p (id));
"""
NAMED = """
    CREATE TABLE t (a TEXT, b TEXT, CONSTRAINT uq_a UNIQUE (a), CONSTRAINT uq_b UNIQUE (b));
"""
SEEN = """
    CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);
    CREATE VIEW v AS SELECT id, a FROM t;
"""
REFERRED = """
    CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT, CONSTRAINT uq_code UNIQUE (code));
    CREATE TABLE child (
        id INTEGER PRIMARY KEY, code TEXT, CONSTRAINT fk FOREIGN KEY (code) REFERENCES parent (code)
    );
    INSERT INTO parent VALUES (1, 'a');
    INSERT INTO child VALUES (1, 'a');
"""
DROP_ONE = 'op.drop_constraint({}, "t", type_="{}")'
DROP_LAST = 'op.drop_column("one", "a")'
DROP_SEEN = 'op.drop_column("t", "a")'
DROP_KEY = 'op.drop_constraint("uq_code", "parent", type_="unique")'
MAKE_KEY = 'op.create_unique_constraint("uq_code", "parent", ["code"])'
DROP_FOREIGN_KEY = 'op.drop_constraint("fk", "child", type_="foreignkey")'
DANGLING = """op.execute("PRAGMA defer_foreign_keys = ON")
op.execute("INSERT INTO child VALUES (2, 'b')")"""
ALLOW_LOSS = "\n\n\nallow_loss = True\n"
OWN_BATCH = """from alembic.operations import Operations
operations = Operations(op.get_context())
with operations.batch_alter_table("t", recreate="always") as batch:
    batch.add_column(sa.Column("c", sa.Integer))"""

# what the database has, a revision, its line, and the revision after each way out of the line
CASES = {
    "ConstraintUnclear of names": (
        NAMED,
        DROP_ONE.format(None, "unique"),
        "it is not clear which unique constraint of the table 't' is meant (it has CONSTRAINT uq_a "
        "UNIQUE (a); CONSTRAINT uq_b UNIQUE (b)): name it in the revision",
        [DROP_ONE.format('"uq_a"', "unique"), DROP_ONE.format('"uq_b"', "unique")],
    ),
    "ConstraintUnclear without names": (
        UNNAMED,
        DROP_ONE.format(None, "unique"),
        "it is not clear which unique constraint of the table 't' is meant (it has a UNIQUE, as "
        "t_a_key; UNIQUE (a, b), as t_a_b_key): name it in the revision",
        [DROP_ONE.format('"t_a_key"', "unique"), DROP_ONE.format('"t_a_b_key"', "unique")],
    ),
    "ConstraintUnclear of CHECKs": (
        CHECKS,
        DROP_ONE.format(None, "check"),
        "it is not clear which check constraint of the table 't' is meant (it has b CHECK (b > a), "
        "as t_chk_1; CHECK (a > b OR b > 1), as t_chk_2): name it in the revision",
        [DROP_ONE.format('"t_chk_1"', "check"), DROP_ONE.format('"t_chk_2"', "check")],
    ),
    "ConstraintUnclear of foreign keys": (
        KEYS,
        DROP_ONE.format(None, "foreignkey"),
        "it is not clear which foreign key of the table 't' is meant (it has a REFERENCES p (id), "
        "as t_ibfk_1; FOREIGN KEY (b) REFERENCES p (id), as t_ibfk_2): name it in the revision",
        [DROP_ONE.format('"t_ibfk_1"', "foreignkey"), DROP_ONE.format('"t_ibfk_2"', "foreignkey")],
    ),
    "ConstraintUnclear of none": (
        "CREATE TABLE t (a TEXT);",
        DROP_ONE.format(None, "unique"),
        "it is not clear which unique constraint of the table 't' is meant (it has none): leave "
        "that out of the revision",
        ["pass"],
    ),
    "CannotAlter.unreadable": (
        "CREATE VIRTUAL TABLE t USING fts4 (a);",
        'op.alter_column("t", "a", new_column_name="b")',
        "the table 't' cannot be altered, since its definition cannot be parsed (not a plain "
        "CREATE TABLE): alter it by SQL, with op.execute()",
        ['op.execute("DROP TABLE t")\nop.execute("CREATE VIRTUAL TABLE t USING fts4 (b)")'],
    ),
    "CannotAlter.no_column_left": (
        "CREATE TABLE one (a INTEGER); INSERT INTO one VALUES (1);",
        DROP_LAST,
        "the table 'one' would be left without a column, which SQLite does not allow: add the new "
        "column before the old one is dropped, or drop the table, with op.drop_table('one')",
        [f'op.add_column("one", sa.Column("b", sa.Text))\n{DROP_LAST}', "op.drop_table('one')"],
    ),
    "Refused": (
        "CREATE TABLE t (a INTEGER); CREATE TABLE b (a INTEGER);",
        'op.rename_table("t", "b")',
        None,
        ['op.drop_table("b")\nop.rename_table("t", "b")'],
    ),
    "DependentsBroken": (
        SEEN,
        DROP_SEEN,
        "altering 't' would break or lose the view 'v': drop that first in the revision, and "
        "create it again last; or allow it by 'allow_loss = True' in the revision",
        [
            f'op.execute("DROP VIEW v")\n{DROP_SEEN}\n'
            'op.execute("CREATE VIEW v AS SELECT id FROM t")',
            DROP_SEEN + ALLOW_LOSS,
        ],
    ),
    "BrokenReferences of rows": (
        REFERRED,
        DANGLING,
        "since revision r1, 1 row of 'child' refers to missing rows of 'parent': correct those "
        "rows in the revision (PRAGMA foreign_key_check lists them there), or add what they refer "
        "to before it",
        [
            f"{DANGLING}\nop.execute(\"UPDATE child SET code = 'a' WHERE rowid = 2\")",
            f"op.execute(\"INSERT INTO parent VALUES (2, 'b')\")\n{DANGLING}",
        ],
    ),
    "BrokenReferences of keys": (
        REFERRED,
        DROP_KEY,
        "since revision r1, 'child' refers to columns of 'parent' that are no longer a key: "
        "drop the foreign key first, make the key again, or set 'allow_loss = True' in the "
        "revision",
        [
            f"{DROP_FOREIGN_KEY}\n{DROP_KEY}",
            f"{DROP_KEY}\n{MAKE_KEY}",
            DROP_KEY + ALLOW_LOSS,
        ],
    ),
    "NotTakenOver": (
        NAMED,
        OWN_BATCH,
        "a batch of an Operations object of the script's own would lose what Alembic does not "
        "reflect: use op.batch_alter_table(), or pass the object to "
        "migrate_script.sqlite_alter.take_over() first",
        [
            OWN_BATCH.replace("operations.batch", "op.batch"),
            OWN_BATCH.replace(
                "\nwith",
                "\nimport migrate_script.sqlite_alter\n"
                "migrate_script.sqlite_alter.take_over(operations)\nwith",
            ),
        ],
    ),
}
# a `with` statement ends at its first line since Python 3.10, and at its last one before
END_OF_BATCH = 12 if sys.version_info >= (3, 10) else 13
REFUSED = (
    "revision r1 failed: there is already another table or index with this name: b [statement: "
    f"ALTER TABLE t RENAME TO b] ({{line}}){BEFORE}: remove the cause and run 'db upgrade' again"
)


@pytest.mark.parametrize("case", CASES)
def test_a_table_is_altered_as_the_line_says(project, url, case):
    """Each way out of the line is taken from where the line left the database."""
    schema, body, line, cures = CASES[case]
    new_project(project)
    try:
        script(url, schema)
    except sqlite3.OperationalError as error:
        pytest.skip(str(error))  # this SQLite has no such module
    unchanged = read(url, "SELECT sql FROM sqlite_master")
    with open(file_of(url), "rb") as file:
        content = file.read()
    number = None if "Broken" in case else 10
    if case == "NotTakenOver":
        number = END_OF_BATCH
    place = line_of(project, 1, number)
    expected = f"{place}: {line}{BEFORE}" if line else REFUSED.format(line=place)
    results = set()
    with foreign_keys(True):
        for cure in cures:
            revision(project, 1, body)
            failed = db(project, "upgrade")
            assert (failed.status, failed.error) == (1, f"Error: {expected}\n")
            assert read(url, "SELECT sql FROM sqlite_master") == unchanged
            write_revision(project, cure)
            done = db(project, "upgrade")
            assert (done.status, done.error, version(url)) == (0, "", ["r1"]), cure
            results.add(str(read(url, "SELECT sql FROM sqlite_master WHERE name <> 'p'")))
            with open(file_of(url), "wb") as file:
                file.write(content)
    if "ConstraintUnclear" in case:
        assert len(results) == len(cures)  # each name is that of another one


def write_revision(project, body):
    """Write the first revision; what follows a line of three is outside of its function."""
    inside, _, outside = body.partition("\n\n\n")
    revision(project, 1, inside)
    path = project.folder / "migrations/versions/r1_.py"
    write_source(path, f"{path.read_text(encoding='utf-8')}\n\n{outside}")


def test_the_rows_are_listed_where_the_line_says(project, url):
    """At the end of the revision, and, where they are kept, in the database."""
    new_project(project)
    script(url, REFERRED)
    show = 'print(list(op.get_bind().execute(sa.text("PRAGMA foreign_key_check"))))'
    with foreign_keys(True):
        revision(project, 1, f"{DANGLING}\n{show}")
        failed = db(project, "upgrade")
    listed = [("child", 2, "parent", 0)]
    assert (failed.status, failed.out) == (1, f"{listed}\n")
    assert read(url, "PRAGMA foreign_key_check") == []
    revision(project, 1, DANGLING)
    kept = db(project, "upgrade")
    assert kept.status == 0
    assert kept.err.splitlines()[-1] == (
        "INFO  [migrate_script] since revision r1, 1 row of 'child' refers to missing rows of "
        "'parent': foreign keys are not enforced here, so nothing was undone; correct those rows "
        "(PRAGMA foreign_key_check lists them)"
    )
    assert read(url, "PRAGMA foreign_key_check") == listed
    script(url, "UPDATE child SET code = 'a' WHERE rowid = 2")
    assert read(url, "PRAGMA foreign_key_check") == []


@pytest.mark.parametrize("cure", [DROP_FOREIGN_KEY, MAKE_KEY], ids=["dropped", "made"])
def test_a_key_that_was_lost_is_made_up_for(project, url, cure):
    """Where foreign keys are not enforced, the revision after it does what the line says."""
    new_project(project)
    script(url, REFERRED)
    revision(project, 1, DROP_KEY)
    kept = db(project, "upgrade")
    assert kept.status == 0
    assert kept.err.splitlines()[-1] == (
        "INFO  [migrate_script] since revision r1, 'child' refers to columns of 'parent' that are "
        "no longer a key: foreign keys are not enforced here, so nothing was undone; drop "
        "the foreign key, or make the key again"
    )
    add = "UPDATE child SET code = 'a'"
    with foreign_keys(True), pytest.raises(Exception, match="foreign key mismatch"):
        enforced(url, add)
    revision(project, 2, cure)
    assert db(project, "upgrade").status == 0
    enforced(url, add)


def enforced(url, statement):
    """Run a statement while foreign keys are enforced."""
    connection = sqlite3.connect(file_of(url))
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(statement)
    finally:
        connection.close()


# -- CannotAlter.defended ----------------------------------------------------------------------

# `sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL)`, which Python before 3.12 lacks
DEFENSIVE = """
    import _sqlite3
    import ctypes

    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    library = ctypes.CDLL(_sqlite3.__file__)


    @event.listens_for(Engine, "connect")
    def protect(connection, record):
        handle = ctypes.c_void_p.from_address(id(connection) + object.__basicsize__)
        assert library.sqlite3_db_config(handle, 1010, 1, None) == 0
        connection.execute("PRAGMA foreign_keys = ON")
"""


@pytest.mark.skipif(
    sys.platform != "linux" or hasattr(sqlite3.Connection, "setconfig"),
    reason="this Python switches the protection off",
)
def test_a_schema_that_is_protected(project, url, front_end):
    """Where foreign keys are off, no schema needs to be written."""
    new_project(project)
    script(url, REFERRED)
    write_manage(project, "defensive", DEFENSIVE)
    revision(project, 1, 'op.alter_column("parent", "code", nullable=False)')
    failed = project.forked(*front_end, "upgrade")
    if "has no attribute '__file__'" in failed.err or "undefined symbol" in failed.err:
        pytest.skip("this SQLite cannot be reached from here")
    assert (failed.status, failed.error) == (
        1,
        f"Error: {line_of(project, 1, 10)}: 'parent' cannot be altered without touching the rows "
        "that refer to it, since this SQLite protects its schema (table sqlite_master may not be "
        "modified): use Python 3.12 or later, or switch 'PRAGMA foreign_keys' off for the "
        f"connection of the migration{BEFORE}\n",
    )
    project.write("defensive.py", DEFENSIVE.replace("foreign_keys = ON", "foreign_keys = OFF"))
    done = project.forked(*front_end, "upgrade")
    assert (done.status, done.error, version(url)) == (0, "", ["r1"])
    assert read(url, "SELECT * FROM child") == [(1, "a")]


def write_manage(project, module, source):
    """Let manage.py import a module first."""
    project.write(f"{module}.py", source)
    manage = project.folder / "manage.py"
    write_source(manage, f"import {module}\n" + manage.read_text(encoding="utf-8"))


# -- CannotAlter.unknown_offline ---------------------------------------------------------------

NOT_KNOWN = (
    "Error: {}: the SQL to alter a table of SQLite depends on what the table is like, and that is "
    "not known here ({}): give --sql where the database is at the revision that the SQL starts "
    "from, write the SQL from 'base', or alter the table by SQL in the revision, with "
    "op.execute()\n"
)


def test_sql_is_written_where_the_table_is_known(project, url):
    """At the revision that it starts from; from `base`; or without looking at the table."""
    begin(project)
    revision(project, 2, 'op.add_column("a", sa.Column("x", sa.Integer))')
    revision(project, 3, 'op.alter_column("a", "n", nullable=False)')
    unknown = db(project, "upgrade", "r2:r3", "--sql")
    place = line_of(project, 3, 10)
    assert (unknown.status, unknown.error) == (1, NOT_KNOWN.format(place, "it is at r1"))
    from_base = db(project, "upgrade", "base:r3", "--sql")
    assert (from_base.status, from_base.error) == (0, "")
    assert db(project, "upgrade", "r2").status == 0
    at_r2 = db(project, "upgrade", "r2:r3", "--sql")
    assert (at_r2.status, at_r2.error) == (0, "")
    script(url, at_r2.out)
    assert (version(url), nullable(url)) == (["r3"], False)
    revision(project, 3, 'op.execute("ALTER TABLE a RENAME COLUMN n TO m")')
    script(url, "DELETE FROM alembic_version")
    assert db(project, "upgrade", "r2:r3", "--sql").status == 0


def test_sql_of_an_attached_database_is_written_by_hand(project, url):
    """Its tables are never known, but to the statements of the revision."""
    begin(project)
    revision(project, 2, 'op.drop_column("b", "n", schema="other")')
    unknown = db(project, "upgrade", "r1:r2", "--sql")
    assert (unknown.status, unknown.error) == (
        1,
        NOT_KNOWN.format(line_of(project, 2, 10), "'other' is attached when it runs"),
    )
    revision(project, 2, 'op.execute("ALTER TABLE other.b RENAME TO c")')
    written = db(project, "upgrade", "r1:r2", "--sql")
    assert (written.status, written.error) == (0, "")
    file = f"{file_of(url)}2"
    script(f"sqlite:///{file}", "CREATE TABLE b (n INTEGER)")
    script(url, f"ATTACH '{file}' AS other; {written.out}")
    assert (version(url), tables(f"sqlite:///{file}")) == (["r2"], {"c": ["n"]})


def nullable(url):
    """Whether the column `n` of the table `a` may be NULL."""
    return not {row[1]: row[3] for row in read(url, "PRAGMA table_info(a)")}["n"]


# -- ForeignImplementation ---------------------------------------------------------------------

OWN = """
    from {module} import {base}


    class MyImpl({base}):
        __dialect__ = "sqlite"
"""


def test_an_own_implementation_is_derived_as_the_line_says(project, url, front_end):
    """It goes on with Alembic's, and with ours once it is derived from that."""
    begin(project)
    revision(project, 2, 'op.alter_column("a", "n", nullable=False)')
    write_manage(project, "own_impl", OWN.format(module="alembic.ddl.sqlite", base="SQLiteImpl"))
    failed = project.forked(*front_end, "upgrade")
    assert failed.status == 1
    notes = [line for line in failed.err.splitlines() if line.startswith("INFO  [migrate_script]")]
    assert notes == [
        "INFO  [migrate_script] the application's own own_impl.MyImpl alters the tables, so "
        "migrate_script does not: derive it from migrate_script.sqlite_alter.impl.SQLiteAlterImpl"
    ]
    module = "migrate_script.sqlite_alter.impl"
    project.write("own_impl.py", OWN.format(module=module, base="SQLiteAlterImpl"))
    done = project.forked(*front_end, "upgrade")
    assert (done.status, done.error) == (0, "")
    assert "own_impl" not in done.err
    assert (version(url), nullable(url)) == (["r2"], False)


# -- AlterError of a server -------------------------------------------------------------------

UNNAMED_KEYS = """
    op.create_table("p", sa.Column("id", sa.Integer, primary_key=True))
    op.create_table(
        "t",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.Integer, sa.ForeignKey("p.id")),
        sa.Column("b", sa.Integer, sa.ForeignKey("p.id")),
    )
"""


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_constraint_of_a_server_is_named(project, new_database, monkeypatch, kind, front_end):
    """By one of the names in the line; where there is none, the revision drops none."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, UNNAMED_KEYS, 'op.drop_table("t")\nop.drop_table("p")')
    assert db(project, "upgrade").status == 0
    first, second = ("t_a_fkey", "t_b_fkey") if kind == "postgresql" else ("t_ibfk_1", "t_ibfk_2")
    at_r1 = "; the database is at r1, as before"
    revision(project, 2, DROP_ONE.format(None, "foreignkey"))
    line = stopped(project, front_end, "upgrade")
    assert line == (
        f"{line_of(project, 2, 10)}: it is not clear which foreign key of the table 't' "
        f"is meant (it has {first} (a); {second} (b)): name it in the revision{at_r1}"
    )
    revision(project, 2, DROP_ONE.format(f'"{second}"', "foreignkey"))
    works(project, front_end, "upgrade")
    revision(project, 3, DROP_ONE.format(None, "unique"))
    line = stopped(project, front_end, "upgrade")
    assert line.endswith(
        "it is not clear which unique constraint of the table 't' is meant (it has none): leave "
        "that out of the revision; the database is at r2, as before"
    )
    revision(project, 3, "pass")
    works(project, front_end, "upgrade")
    assert version(url) == ["r3"]
