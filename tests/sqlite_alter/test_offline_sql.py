"""`--sql` on SQLite writes what would run, where a table has to be rebuilt too."""

from __future__ import annotations

import json
import shutil
import sqlite3

import pytest
from databases import everything, file_of, read, script
from projects import db, new_project
from revisions import revision
from test_plain_operations import CLASSIC_BATCH_DOWN, CLASSIC_BATCH_UP, OPERATIONS, TABLES
from test_rebuild_keeps import OBJECTS, table_of

CLASSIC = """
    CREATE TABLE role (id INTEGER NOT NULL, PRIMARY KEY (id));
    CREATE TABLE user (id INTEGER NOT NULL, name VARCHAR(80), PRIMARY KEY (id));
    CREATE TABLE post (
        id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES user (id) ON DELETE CASCADE
    );
    INSERT INTO user VALUES (1, 'ann'), (2, 'bob');
    INSERT INTO post VALUES (1, 1), (2, 2), (3, 1);
"""


@pytest.fixture
def url(new_database, project, monkeypatch):
    """A SQLite database at the revision `r1`, which has no tables yet."""
    url = new_database("sqlite")
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, "pass")
    assert db(project, "upgrade").status == 0
    return url


def written(project, command, steps):
    """Return the SQL that a command writes."""
    done = db(project, command, steps, "--sql")
    assert done.status == 0, done.err
    return done.out


def run_sql(url, sql, enforced):
    """Run SQL as a person would, in a connection of its own."""
    connection = sqlite3.connect(file_of(url))
    connection.execute(f"PRAGMA foreign_keys = {int(enforced)}")
    connection.executescript(sql)
    connection.commit()
    connection.close()


def copy_of(url):
    """Copy the database to another file."""
    shutil.copyfile(file_of(url), file_of(url) + "2")
    return url + "2"


def same_both_ways(project, url, enforced, settle="SELECT 1"):
    """What is written does to a copy what the command does, up and down."""
    for command, steps in (("upgrade", "r1:r2"), ("downgrade", "r2:r1")):
        copy = copy_of(url)
        run_sql(copy, written(project, command, steps), enforced)
        done = db(project, command)
        assert done.status == 0, done.err
        for each in (copy, url) if command == "upgrade" else ():
            script(each, settle)
        assert everything(copy) == everything(url)
        assert read(copy, "SELECT * FROM alembic_version") == read(
            url, "SELECT * FROM alembic_version"
        )


@pytest.mark.parametrize("enforced", [True, False], ids=["on", "off"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_sql_does_what_the_command_does(project, url, operation, enforced):
    """Each operation, written and run by hand, or run by the command: the outcome is one."""
    script(url, TABLES)
    going_up, going_down, _ = OPERATIONS[operation]
    revision(project, 2, going_up, going_down)
    # the time of the copy is in the rows
    settle = "UPDATE t SET z = 0" if "computed" in operation else "SELECT 1"
    same_both_ways(project, url, enforced, settle)


@pytest.mark.parametrize("name", OBJECTS)
def test_the_sql_keeps_what_it_does_not_name(project, url, name):
    """Triggers, sequences, options and all the rest are in the SQL."""
    script(url, table_of(name, "alone"))
    revision(
        project,
        2,
        """
        with op.batch_alter_table("t", recreate="always") as batch:
            batch.add_column(sa.Column("extra", sa.Text(), server_default="e"))
        """,
        """
        with op.batch_alter_table("t") as batch:
            batch.drop_column("extra")
        """,
    )
    before = everything(url)
    same_both_ways(project, url, False)
    assert everything(url) == before


def test_the_sql_of_the_classic_question(project, url):
    """The column of `user` goes again, and no post with it."""
    script(url, CLASSIC)
    revision(project, 2, CLASSIC_BATCH_UP, CLASSIC_BATCH_DOWN)
    before = everything(url)
    same_both_ways(project, url, True)
    assert everything(url) == before


def test_sql_from_nothing_needs_no_database(project, monkeypatch, tmp_path):
    """What the scripts themselves have made is known."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/nowhere/app.db")
    new_project(project)
    table = 'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True), '
    revision(project, 1, f'{table}sa.Column("a", sa.Integer))')
    revision(project, 2, 'op.alter_column("t", "a", nullable=False, server_default="1")')
    sql = written(project, "upgrade", "head")
    url = f"sqlite:///{tmp_path}/by_hand.db"
    run_sql(url, sql, False)
    assert read(url, "PRAGMA table_info(t)")[1] == (1, "a", "INTEGER", 1, "'1'", 0)
    assert read(url, "SELECT version_num FROM alembic_version") == [("r2",)]


@pytest.mark.parametrize(
    "operation",
    [
        'op.alter_column("t", "a", nullable=False)',
        'op.drop_constraint("uq_c", "t", type_="unique")',
        'with op.batch_alter_table("t") as batch:\n    batch.drop_column("a")',
    ],
    ids=["column", "constraint", "batch"],
)
def test_what_cannot_be_known_is_said(project, url, operation):
    """Where the database is elsewhere, one line says so, and no impossible SQL is written."""
    script(url, TABLES)
    revision(project, 2, operation)
    revision(project, 3, operation)
    failed = db(project, "upgrade", "r2:r3", "--sql")
    assert failed.status == 1
    assert len(failed.error.splitlines()) == 1
    assert "is not known here (it is at r1): give --sql where" in failed.error
    assert "ALTER" not in failed.out


@pytest.mark.parametrize("each", [False, True], ids=["one for all", "one for each"])
def test_the_sql_of_a_transaction_keeps_the_children(project, url, monkeypatch, each):
    """Foreign keys can only be switched before the BEGIN, so the switch stands there."""
    options = {"transactional_ddl": True, "transaction_per_migration": each}
    monkeypatch.setenv("MIGRATE_OPTIONS", json.dumps(options))
    script(url, CLASSIC)
    revision(project, 2, CLASSIC_BATCH_UP, CLASSIC_BATCH_DOWN)
    before = everything(url)
    assert "BEGIN" in written(project, "upgrade", "r1:r2")
    same_both_ways(project, url, True)
    assert everything(url) == before


def test_the_sql_says_that_nothing_cascades(project, url):
    """What switches foreign keys off says so to who reads it."""
    script(url, CLASSIC)
    revision(project, 2, CLASSIC_BATCH_UP, CLASSIC_BATCH_DOWN)
    revision(project, 3, 'op.execute("DELETE FROM user")')
    assert written(project, "upgrade", "r1:r3").count("-- Foreign keys are not enforced below") == 1
    assert "Foreign keys" not in written(project, "upgrade", "r2:r3")


VIRTUAL = """
    CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT);
    CREATE VIRTUAL TABLE f USING fts4(body);
    CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO f (body) VALUES (new.body); END;
    INSERT INTO t VALUES (1, 'x');
"""


@pytest.mark.parametrize("more", ["", "VACUUM;"], ids=["as made", "vacuumed"])
def test_virtual_tables_are_no_obstacle(project, url, more):
    """The tables that a virtual one makes for itself are not made twice."""
    script(url, VIRTUAL + more)
    revision(
        project,
        2,
        'op.alter_column("t", "body", nullable=False)',
        'op.alter_column("t", "body", nullable=True)',
    )
    same_both_ways(project, url, True)


def test_a_virtual_table_of_an_unknown_module_is_no_obstacle(project, url):
    """What cannot be made here is not needed to know the others."""
    script(
        url,
        VIRTUAL
        + "PRAGMA writable_schema = ON;"
        + "UPDATE sqlite_master SET sql = replace(sql, 'fts4', 'nowhere') WHERE name = 'f';",
    )
    revision(project, 2, 'op.alter_column("t", "body", nullable=False)')
    assert "body TEXT NOT NULL" in written(project, "upgrade", "r1:r2")


def test_the_main_schema_may_be_named(project, url):
    """`schema="main"` is the file of the URL."""
    script(url, TABLES)
    revision(
        project,
        2,
        'op.alter_column("t", "a", type_=sa.Text(), schema="main")',
        'op.alter_column("t", "a", type_=sa.Integer(), schema="main")',
    )
    same_both_ways(project, url, False)


def test_what_sqlite_refuses_is_told_as_it_says_it(project, url):
    """The SQL of a re-creation that cannot be is not written as if it could."""
    script(url, "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT) WITHOUT ROWID;")
    revision(project, 2, 'op.drop_column("t", "a")')
    failed = db(project, "upgrade", "r1:r2", "--sql")
    assert failed.status == 1
    assert len(failed.error.splitlines()) == 1
    assert failed.error.startswith(
        "Error: revision r2 failed: PRIMARY KEY missing on table t "
        "[statement: CREATE TABLE t (b TEXT) WITHOUT ROWID]"
    )


def test_the_sql_knows_that_a_script_switches_foreign_keys_on(project, url):
    """Behind that, the next copy needs them off again."""
    script(url, CLASSIC)
    alter = 'op.alter_column("user", "name", existing_type=sa.String(80), nullable={})\n'
    revision(
        project,
        2,
        alter.format(False)
        + 'op.execute("PRAGMA foreign_keys = ON")\n'
        + 'op.alter_column("user", "name", type_=sa.Text())',
        alter.format(True) + 'op.alter_column("user", "name", type_=sa.String(80))',
    )
    same_both_ways(project, url, True)


TABLE = 'op.create_table("t", sa.Column("id", sa.Integer(), primary_key=True))'
COLUMN = 'op.add_column("t", sa.Column("a", sa.Text(), server_default="x", nullable=False))'


@pytest.fixture
def unbuilt(project, monkeypatch, tmp_path):
    """A project whose database does not exist."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/unbuilt.db")
    return new_project(project)


@pytest.mark.parametrize(
    ("last", "followed"),
    [
        ('op.create_index("ix", "t", ["a"])', []),
        (
            'op.alter_column("t", "a", nullable=True)',
            ["CREATE TABLE", "CREATE TABLE", "ALTER TABLE", "CREATE INDEX"],
        ),
    ],
    ids=["an index", "a rebuild"],
)
def test_tables_are_followed_once_something_needs_them(unbuilt, monkeypatch, last, followed):
    """What SQLite is certain to take is not run in memory, unless a later step asks for it."""
    from migrate_script.sqlite_alter import offline

    class Connection(sqlite3.Connection):
        """Notes what is run."""

        ran = []

        def execute(self, statement, *args):
            self.ran.append(statement)
            return super().execute(statement, *args)

    connect = sqlite3.connect
    monkeypatch.setattr(
        offline.sqlite3, "connect", lambda *args, **kw: connect(*args, factory=Connection, **kw)
    )
    revision(unbuilt, 1, TABLE)
    revision(unbuilt, 2, COLUMN)
    revision(unbuilt, 3, 'op.create_index("ix_a", "t", ["a"], unique=True)')
    revision(unbuilt, 4, last)
    Connection.ran.clear()
    done = db(unbuilt, "upgrade", "--sql")
    assert done.status == 0, done.err
    ran = [" ".join(statement.split()[:2]).upper() for statement in Connection.ran]
    made = [each for each in ran if each.startswith(("CREATE", "ALTER"))]
    assert [each.replace("UNIQUE", "INDEX") for each in made[: len(followed)]] == followed
    assert bool(made) == bool(followed)


def test_what_an_added_column_breaks_is_told_where_sql_is_written(unbuilt):
    """A view of a table that nobody has asked for yet is not overlooked."""
    revision(unbuilt, 1, TABLE)
    revision(unbuilt, 2, 'op.execute("CREATE VIEW v AS SELECT * FROM t UNION VALUES (1)")')
    revision(unbuilt, 3, COLUMN)
    done = db(unbuilt, "upgrade", "--sql")
    assert done.status == 0, done.err
    assert "the column that was added to 't' leaves the view 'v' unusable: " in done.err


def test_a_column_that_sqlite_refuses_is_not_written(unbuilt):
    """SQL of a script's own that SQLite refuses is refused when it is written."""
    revision(unbuilt, 1, TABLE)
    revision(unbuilt, 2, 'op.execute("ALTER TABLE t ADD COLUMN b TEXT UNIQUE")')
    failed = db(unbuilt, "upgrade", "--sql")
    assert failed.status == 1
    assert "Error: revision r2 failed: Cannot add a UNIQUE column " in failed.error
    assert "ADD COLUMN" not in failed.out
