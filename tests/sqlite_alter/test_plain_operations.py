"""Old scripts without a batch run on SQLite, up and down."""

from __future__ import annotations

import inspect
import sqlite3

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.operations.batch import BatchOperationsImpl
from alembic.operations.ops import AddColumnOp
from databases import everything, read, script
from projects import db, new_project
from random_tables import GENERATED_KNOWN
from revisions import line_of, revision, up
from sqlalchemy import event
from sqlalchemy.engine import Engine

TABLES = """
    CREATE TABLE p (id INTEGER PRIMARY KEY, a INTEGER, b TEXT, c TEXT CHECK (c <> ''));
    CREATE TABLE t (
        id INTEGER NOT NULL, a INTEGER, b VARCHAR(20) DEFAULT 'x' NOT NULL, c TEXT, d INTEGER,
        PRIMARY KEY (id), CONSTRAINT uq_c UNIQUE (c), CONSTRAINT ck_d CHECK (d > 0),
        CONSTRAINT fk_d FOREIGN KEY(d) REFERENCES p (id)
    );
    CREATE INDEX ix_b ON t (b);
    CREATE TABLE child (id INTEGER PRIMARY KEY, t_id INTEGER REFERENCES t (id) ON DELETE CASCADE);
    INSERT INTO p VALUES (1, 1, 'p', 'q'), (2, 2, 'r', 's');
    INSERT INTO t VALUES (1, 1, '1', 'u', 1), (2, 2, '2', 'v', 2), (3, NULL, '3', NULL, NULL);
    INSERT INTO child VALUES (1, 1), (2, 2), (3, 3);
"""

# what goes up, what comes down, and how `t` is defined between
OPERATIONS = {
    "type": (
        'op.alter_column("t", "a", existing_type=sa.Integer(), type_=sa.BigInteger())',
        'op.alter_column("t", "a", existing_type=sa.BigInteger(), type_=sa.Integer())',
        "a BIGINT,",
    ),
    "not null": (
        'op.execute("UPDATE t SET a = 0 WHERE a IS NULL")\n'
        'op.alter_column("t", "a", existing_type=sa.Integer(), nullable=False)',
        'op.alter_column("t", "a", existing_type=sa.Integer(), nullable=True)\n'
        'op.execute("UPDATE t SET a = NULL WHERE a = 0")',
        "a INTEGER NOT NULL,",
    ),
    "nullable": (
        'op.alter_column("t", "b", existing_type=sa.String(20), nullable=True)',
        'op.alter_column("t", "b", existing_type=sa.String(20), nullable=False)',
        "b VARCHAR(20) DEFAULT 'x',",
    ),
    "default": (
        'op.alter_column("t", "b", server_default="y")',
        'op.alter_column("t", "b", server_default="x")',
        "b VARCHAR(20) DEFAULT 'y' NOT NULL,",
    ),
    "name": (
        'op.alter_column("t", "b", new_column_name="bb")',
        'op.alter_column("t", "bb", new_column_name="b")',
        'bb" VARCHAR(20)',
    ),
    "drop and add a plain column": (
        'op.add_column("t", sa.Column("z", sa.Integer()))',
        'op.drop_column("t", "z")',
        "z INTEGER",
    ),
    "drop an indexed column": (
        'op.add_column("t", sa.Column("z", sa.Integer()))\n'
        'op.create_index("ix_z", "t", ["z", "a"])',
        'op.drop_column("t", "z")',
        "z INTEGER",
    ),
    "drop a column of a key": (
        'op.add_column("t", sa.Column("z", sa.Integer()))\n'
        'op.create_unique_constraint("uq_z", "t", ["z", "a"])\n'
        'op.create_foreign_key("fk_z", "t", "p", ["z"], ["id"])',
        'op.drop_column("t", "z")',
        "CONSTRAINT uq_z UNIQUE (z, a)",
    ),
    "drop a column of a check": (
        'op.add_column("t", sa.Column("z", sa.Integer()))\n'
        'op.create_check_constraint("ck_z", "t", "z > a")',
        'op.drop_column("t", "z")',
        "CONSTRAINT ck_z CHECK (z > a)",
    ),
    "column with a foreign key": (
        'op.add_column("t", sa.Column("z", sa.Integer(), sa.ForeignKey("p.id", name="fk_z")))',
        'op.drop_constraint("fk_z", "t", type_="foreignkey")\nop.drop_column("t", "z")',
        "CONSTRAINT fk_z FOREIGN KEY(z) REFERENCES p (id)",
    ),
    "column with an unnamed foreign key": (
        'op.add_column("t", sa.Column("z", sa.Integer(), nullable=True))\n'
        'op.create_foreign_key(None, "t", "p", ["z"], ["id"], ondelete="CASCADE")',
        'op.drop_constraint(None, "t", type_="foreignkey")\nop.drop_column("t", "z")',
        "FOREIGN KEY(z) REFERENCES p (id) ON DELETE CASCADE",
    ),
    "column that is unique": (
        'op.add_column("t", sa.Column("z", sa.Integer(), unique=True))',
        'op.drop_column("t", "z")',
        "UNIQUE (z)",
    ),
    "column with a default that is computed": (
        'op.add_column("t", sa.Column("z", sa.DateTime(), nullable=False,\n'
        "    server_default=sa.func.now()))",
        'op.drop_column("t", "z")',
        "z DATETIME DEFAULT",
    ),
    "unique": (
        'op.create_unique_constraint("uq_a", "t", ["a", "b"])',
        'op.drop_constraint("uq_a", "t", type_="unique")',
        "CONSTRAINT uq_a UNIQUE (a, b)",
    ),
    "check": (
        'op.create_check_constraint("ck_a", "t", "a < 100")',
        'op.drop_constraint("ck_a", "t", type_="check")',
        "CONSTRAINT ck_a CHECK (a < 100)",
    ),
    "foreign key": (
        'op.create_foreign_key("fk_a", "t", "p", ["a"], ["id"], ondelete="SET NULL")',
        'op.drop_constraint("fk_a", "t", type_="foreignkey")',
        "CONSTRAINT fk_a FOREIGN KEY(a) REFERENCES p (id) ON DELETE SET NULL",
    ),
    "drop a unique constraint": (
        'op.drop_constraint("uq_c", "t", type_="unique")\n'
        'op.drop_constraint("ck_d", "t", type_="check")\n'
        'op.drop_constraint("fk_d", "t", type_="foreignkey")',
        'op.create_unique_constraint("uq_c", "t", ["c"])\n'
        'op.create_check_constraint("ck_d", "t", "d > 0")\n'
        'op.create_foreign_key("fk_d", "t", "p", ["d"], ["id"])',
        "PRIMARY KEY (id)\n    )",
    ),
}
if hasattr(sa, "Computed") and GENERATED_KNOWN:
    OPERATIONS["generated column that is stored"] = (
        'op.add_column("t", sa.Column("z", sa.Integer(), sa.Computed("a + 1", persisted=True)))',
        'op.drop_column("t", "z")',
        "z INTEGER GENERATED ALWAYS AS (a + 1) STORED",
    )
if "inline_references" in inspect.signature(AddColumnOp.__init__).parameters:
    OPERATIONS["column with a default that refers to rows"] = (
        'op.add_column("t", sa.Column("z", sa.Integer(), sa.ForeignKey("p.id", '
        'ondelete="CASCADE"), server_default="1"), inline_references=True)',
        'op.drop_column("t", "z")',
        "z INTEGER DEFAULT '1' REFERENCES p (id) ON DELETE CASCADE",
    )


def plain(found):
    """Forget how names are quoted, and white space."""
    schema = {
        key: " ".join((sql or "").replace('"', "").split()) for key, sql in found["schema"].items()
    }
    return {**found, "schema": schema}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_without_a_batch_goes_up_and_down(project, url, enforced, operation):
    """The definition says so in between, and behind it all is as it was."""
    new_project(project)
    script(url, TABLES)
    before = plain(everything(url))
    going_up, going_down, expected = OPERATIONS[operation]
    up(project, 1, going_up, going_down)
    (definition,) = read(url, "SELECT sql FROM sqlite_master WHERE name = 't'")
    assert expected in definition[0]
    assert read(url, "SELECT * FROM child") == [(1, 1), (2, 2), (3, 3)]
    assert [row[0] for row in read(url, "SELECT id FROM t ORDER BY id")] == [1, 2, 3]
    down = db(project, "downgrade")
    assert down.status == 0, down.err
    after = plain(everything(url))
    assert {k: v for k, v in after.items() if k != "schema"} == {
        k: v for k, v in before.items() if k != "schema"
    }
    assert sorted(after["schema"]) == sorted(before["schema"])
    if operation != "nullable":  # whose parts come in another order
        assert after["schema"] == before["schema"]
    assert db(project, "upgrade").status == 0


def test_a_primary_key_is_made_and_dropped(project, url, enforced):
    """`op.create_primary_key` and `op.drop_constraint` work on a table that none refers to."""
    new_project(project)
    script(url, "CREATE TABLE k (a INTEGER, b INTEGER); INSERT INTO k VALUES (1, 2), (1, 3);")
    up(
        project,
        1,
        'op.create_primary_key("pk_k", "k", ["a", "b"])',
        'op.drop_constraint("pk_k", "k", type_="primary")',
    )
    assert [row[5] for row in read(url, "PRAGMA table_info(k)")] == [1, 2]
    assert db(project, "downgrade").status == 0
    assert read(url, "SELECT sql FROM sqlite_master WHERE name = 'k'") == [
        ("CREATE TABLE k (a INTEGER, b INTEGER)",)
    ]
    assert read(url, "SELECT rowid, * FROM k") == [(1, 1, 2), (2, 1, 3)]


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 26), reason="it never follows there")
def test_references_follow_where_sqlite_leaves_them_behind(project, url):
    """Foreign keys off, and SQLite before 3.26, or told to do as that did."""

    def as_before(connection, record):
        connection.execute("PRAGMA legacy_alter_table = ON")

    new_project(project)
    script(url, TABLES + "CREATE TABLE me (id INTEGER PRIMARY KEY, up INTEGER REFERENCES me (id));")
    before = plain(everything(url))
    event.listen(Engine, "connect", as_before)
    try:
        up(
            project,
            1,
            'op.rename_table("t", "tt")\nop.rename_table("me", "us")',
            'op.rename_table("tt", "t")\nop.rename_table("us", "me")',
        )
        assert read(url, "PRAGMA foreign_key_list(child)")[0][2] == "tt"
        assert read(url, "PRAGMA foreign_key_list(us)")[0][2] == "us"
        assert db(project, "downgrade").status == 0
    finally:
        event.remove(Engine, "connect", as_before)
    assert plain(everything(url)) == before


def test_references_follow_a_renamed_table(project, url, enforced):
    """`op.rename_table` leaves no foreign key, index or trigger behind."""
    new_project(project)
    script(url, TABLES)
    before = plain(everything(url))
    up(project, 1, 'op.rename_table("t", "tt")', 'op.rename_table("tt", "t")')
    assert read(url, "PRAGMA foreign_key_list(child)")[0][2] == "tt"
    assert db(project, "downgrade").status == 0
    assert plain(everything(url)) == before


def test_a_table_is_renamed_to_its_name_in_another_case(project, url, enforced):
    """On other databases these are two names; SQLite takes them for the same."""
    new_project(project)
    script(
        url,
        """
        CREATE TABLE Users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, me REFERENCES Users (id));
        CREATE TABLE post (id INTEGER PRIMARY KEY, user REFERENCES Users (id) ON DELETE CASCADE);
        CREATE VIEW v AS SELECT Users.name FROM Users;
        CREATE TRIGGER tr AFTER INSERT ON Users BEGIN UPDATE Users SET me = id; END;
        INSERT INTO Users VALUES (1, 'ann', 1);
        INSERT INTO post VALUES (1, 1);
        """,
    )
    before = plain(everything(url))
    up(project, 1, 'op.rename_table("Users", "users")', 'op.rename_table("users", "Users")')
    names = [name for (name,) in read(url, "SELECT name FROM sqlite_master ORDER BY name")]
    assert {"users", "post", "sqlite_autoindex_users_1"} <= set(names)
    assert not [name for name in names if "_alembic_tmp_" in name or "Users" in name]
    assert [row[2] for row in read(url, "PRAGMA foreign_key_list(post)")] == ["users"]
    assert read(url, "SELECT * FROM v") == [("ann",)]
    assert read(url, "SELECT * FROM post") == [(1, 1)]
    down = db(project, "downgrade")
    assert down.status == 0, down.err
    assert plain(everything(url)) == before


RENAMED = """
    CREATE TABLE t (
        id INTEGER PRIMARY KEY, a INTEGER UNIQUE CHECK (a > 0 AND abs(a) < 99), b TEXT DEFAULT 'a',
        me INTEGER REFERENCES t (a) ON DELETE CASCADE, p INTEGER CONSTRAINT a REFERENCES p (a),
        UNIQUE (a, b COLLATE NOCASE), CHECK (b <> 'a' OR "a" IS NULL), FOREIGN KEY (a) REFERENCES p
    );
    CREATE TABLE p (id INTEGER PRIMARY KEY, a INTEGER UNIQUE);
    CREATE TABLE child (a INTEGER REFERENCES t (a), b INTEGER, FOREIGN KEY (b) REFERENCES t (a));
    CREATE INDEX a ON t (b, a DESC) WHERE "a" <> 7;
    CREATE TRIGGER tr AFTER UPDATE OF b, a ON t WHEN new.a > old.a BEGIN
        UPDATE child SET a = new.a, b = new.b WHERE a = old.a;
    END;
    INSERT INTO p VALUES (1, 1), (2, 2);
    INSERT INTO t VALUES (1, 1, 'x', NULL, 1), (2, 2, 'y', 1, 2);
    INSERT INTO child VALUES (1, 2), (2, 1);
"""


@pytest.mark.usefixtures("folder")
def test_a_column_is_renamed_by_hand_as_sqlite_does_it(
    project, new_database, monkeypatch, enforced
):
    """SQLite before 3.25 cannot; the table, what belongs to it and what refers to it follow."""
    from migrate_script.sqlite_alter import table_rebuild

    revision(
        project,
        1,
        'op.alter_column("t", "a", new_column_name="z", nullable=False)\n'
        'op.create_check_constraint("k", "t", "z < 100")',
        'op.drop_constraint("k", "t", type_="check")\n'
        'op.alter_column("t", "z", new_column_name="a", nullable=True)',
    )
    by_sqlite = [True] * (sqlite3.sqlite_version_info >= (3, 25))
    seen = []
    for way in [False, *by_sqlite]:
        monkeypatch.setattr(table_rebuild, "_renames_columns", lambda _, way=way: way)
        url = new_database("sqlite")
        monkeypatch.setenv("DATABASE_URL", url)
        script(url, RENAMED)
        first = plain(everything(url))
        for command in ("upgrade", "downgrade"):
            done = db(project, command)
            assert done.status == 0, done.err
            seen.append(plain(everything(url)))
        assert seen[-1] == first
        assert [row[:2] for row in seen[-2]["t"]] == [(1, 1), (2, 2)]
    assert seen[:2] == seen[-2:]


CLASSIC_UP = """
    op.add_column("user", sa.Column("role_id", sa.Integer(), nullable=True))
    op.create_foreign_key(None, "user", "role", ["role_id"], ["id"])
    """
CLASSIC_DOWN = """
    op.drop_constraint(None, "user", type_="foreignkey")
    op.drop_column("user", "role_id")
    """
CLASSIC_BATCH_UP = """
    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.add_column(sa.Column("role_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(None, "role", ["role_id"], ["id"])
    """
CLASSIC_BATCH_DOWN = """
    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.drop_constraint(None, type_="foreignkey")
        batch_op.drop_column("role_id")
    """


# as Alembic 0.5 and 0.6 wrote it, which Flask-Migrate 1.0 came with
CLASSIC_OLDEST_UP = """
    ### commands auto generated by Alembic - please adjust! ###
    op.add_column('user', sa.Column('role_id', sa.Integer(), nullable=True))
    op.create_index('ix_user_role_id', 'user', ['role_id'], unique=False)
    op.create_foreign_key(None, 'user', 'role', ['role_id'], ['id'])
    op.create_unique_constraint(None, 'user', ['role_id', 'id'])
    ### end Alembic commands ###
    """
CLASSIC_OLDEST_DOWN = """
    ### commands auto generated by Alembic - please adjust! ###
    op.drop_constraint(None, 'user')
    op.drop_constraint(None, 'user')
    op.drop_index('ix_user_role_id', 'user')
    op.drop_column('user', 'role_id')
    ### end Alembic commands ###
    """


@pytest.mark.parametrize(
    ("going_up", "going_down", "unique"),
    [
        (CLASSIC_UP, CLASSIC_DOWN, "UNIQUE (name),"),
        (CLASSIC_BATCH_UP, CLASSIC_BATCH_DOWN, "UNIQUE (name),"),
        (CLASSIC_OLDEST_UP, CLASSIC_OLDEST_DOWN, ""),
    ],
    ids=["plain", "batch", "oldest"],
)
def test_the_classic_downgrade(project, url, enforced, going_up, going_down, unique):
    """A column that came to `user`, which `post` refers to, goes again; every row is there."""
    new_project(project)
    script(
        url,
        f"""
        CREATE TABLE role (id INTEGER NOT NULL, PRIMARY KEY (id));
        CREATE TABLE user (
            id INTEGER NOT NULL, name VARCHAR(80), {unique} PRIMARY KEY (id)
        );
        CREATE TABLE post (
            id INTEGER NOT NULL, user_id INTEGER, PRIMARY KEY (id),
            FOREIGN KEY(user_id) REFERENCES user (id) ON DELETE CASCADE
        );
        INSERT INTO role VALUES (1);
        INSERT INTO user VALUES (1, 'ann'), (2, 'bob');
        INSERT INTO post VALUES (1, 1), (2, 2), (3, 1);
        """,
    )
    before = everything(url)
    up(
        project,
        1,
        going_up.rstrip() + '\n    op.execute("UPDATE user SET role_id = 1")',
        going_down,
    )
    assert read(url, "SELECT role_id FROM user") == [(1,), (1,)]
    down = db(project, "downgrade")
    assert down.status == 0, down.err
    assert everything(url) == before


@pytest.mark.parametrize(
    ("before", "execute"),
    [
        ("", "op.get_bind().connection.cursor().execute"),
        ("bind = op.get_bind()", "bind.connection.cursor().execute"),
        ("cursor = op.get_bind().connection.cursor()", "cursor.execute"),
        ("", "op.get_context().connection.connection.execute"),
    ],
)
def test_the_driver_finds_what_came_before(project, url, enforced, before, execute):
    """A script's own cursor, whose statements SQLAlchemy does not see, is not ahead of it."""
    new_project(project)
    script(url, TABLES)
    up(
        project,
        1,
        f"""
        {before or "pass"}
        op.alter_column("t", "b", nullable=True, existing_type=sa.String(20))
        {execute}("UPDATE t SET b = NULL WHERE id = 2")
        op.drop_column("t", "a")
        assert "a" not in [row[1] for row in {execute}("PRAGMA table_info(t)")]
        """,
    )
    assert read(url, "SELECT b FROM t ORDER BY id") == [("1",), (None,), ("3",)]


DROP, ADD = 'drop_column({}"a")', 'add_column({}sa.Column("b", sa.Integer()))'


@pytest.mark.parametrize("batch", [False, True], ids=["plain", "batch"])
def test_another_column_takes_the_place_of_the_only_one(project, url, enforced, batch):
    """The rows stay; and a table that is to have no column at all is named in one line."""
    new_project(project)
    script(url, "CREATE TABLE one (a INTEGER -- the only one\n); INSERT INTO one VALUES (1), (2);")
    if batch:
        begin = 'with op.batch_alter_table("one") as batch:\n    batch.'
        bodies = [begin + DROP.format(""), f"{begin}{DROP.format('')}\n    batch.{ADD.format('')}"]
    else:
        bodies = ["op." + DROP.format('"one", ')]
        bodies.append("op." + ADD.format('"one", ') + "\n" + bodies[0])
    revision(project, 1, bodies[0])
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert ": the table 'one' would be left without a column, " in failed.error
    up(project, 1, bodies[1])
    assert read(url, "SELECT rowid, b FROM one") == [(1, None), (2, None)]
    assert [row[1] for row in read(url, "PRAGMA table_info(one)")] == ["b"]


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        (
            'op.alter_column("t", "a", existing_type=sa.Integer(), nullable=False)',
            "NOT NULL constraint failed: t.a",
        ),
        (
            'op.execute("UPDATE t SET a = 1, b = 1")\n'
            'op.create_unique_constraint("uq", "t", ["a", "b"])',
            "UNIQUE constraint failed: t.a, t.b",
        ),
    ],
    ids=["not null", "unique"],
)
def test_rows_that_do_not_fit_are_those_of_the_table(project, url, enforced, operation, reason):
    """The line names the table and the column, and no copy of it."""
    new_project(project)
    script(url, TABLES)
    before = everything(url)
    revision(project, 1, operation)
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert f"revision r1 failed: {reason} [" in failed.error
    assert everything(url) == before


def test_the_operations_of_a_batch_share_a_copy(project, url, monkeypatch):
    """A batch costs one copy of the rows, and each operation outside of one costs its own."""
    new_project(project)
    script(url, TABLES)
    from migrate_script.sqlite_alter.table_rebuild import TableRebuild

    copies = []
    copy = TableRebuild._copy
    monkeypatch.setattr(
        TableRebuild, "_copy", lambda self, *args: copies.append(args) or copy(self, *args)
    )
    up(
        project,
        1,
        """
        with op.batch_alter_table("t") as batch:
            batch.alter_column("a", existing_type=sa.Integer(), type_=sa.BigInteger())
            batch.drop_column("c")
            batch.create_check_constraint("ck_a", "a < 100")
        op.alter_column("p", "b", existing_type=sa.Text(), nullable=False)
        op.alter_column("p", "b", existing_type=sa.Text(), nullable=True)
        """,
    )
    assert len(copies) == 3


def test_a_constraint_that_is_not_there_is_named(project, url):
    """One line says which one is missing, and nothing is changed."""
    new_project(project)
    script(url, TABLES)
    before = everything(url)
    revision(project, 1, 'op.drop_constraint("uq_nowhere", "t", type_="unique")')
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert failed.error.startswith(
        f"Error: {line_of(project, 1, 10)}: No such constraint: 'uq_nowhere', a "
        "unique constraint of the table 't': "
    )
    assert len(failed.error.splitlines()) == 1
    assert everything(url) == before


def test_a_batch_sees_what_waits_to_be_written(project, url):
    """Operations without a batch and with one follow each other on a table, up and down."""
    new_project(project)
    script(url, TABLES)
    before = plain(everything(url))
    going_up = """
        op.alter_column("t", "b", server_default="y")
        op.add_column("t", sa.Column("z", sa.Integer()))
        with op.batch_alter_table("t", recreate="always") as batch:
            batch.add_column(sa.Column("zz", sa.Integer()))
        """
    going_down = """
        op.drop_column("t", "z")
        with op.batch_alter_table("t", recreate="always") as batch:
            batch.drop_column("zz")
        op.alter_column("t", "b", server_default="x")
        """
    up(project, 1, going_up, going_down)
    assert [row[1] for row in read(url, "PRAGMA table_info(t)")][-2:] == ["z", "zz"]
    down = db(project, "downgrade")
    assert down.status == 0, down.err
    assert plain(everything(url)) == before


def test_a_copy_is_one_statement_and_indexes_follow_it(project, url, enforced):
    """Whatever is asked of a table, its rows are copied once, and indexes are built behind that."""
    new_project(project)
    script(url, TABLES)
    seen = []

    def listener(connection, cursor, statement, *_):
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", listener)
    try:
        up(
            project,
            1,
            """
            with op.batch_alter_table("t") as batch:
                batch.alter_column("a", existing_type=sa.Integer(), type_=sa.BigInteger())
                batch.create_unique_constraint("uq_a", ["a"])
                batch.drop_constraint("ck_d", type_="check")
            """,
        )
    finally:
        event.remove(Engine, "before_cursor_execute", listener)
    copies = [n for n, sql in enumerate(seen) if sql.startswith("INSERT") and "SELECT" in sql]
    indexes = [n for n, sql in enumerate(seen) if sql.startswith("CREATE INDEX")]
    assert len(copies) == len(indexes) == 1
    assert copies < indexes


def test_a_table_of_an_attached_file_is_altered(project, url, enforced, tmp_path):
    """`schema=` names the file: its rows and children stay, and the main one is not touched."""
    other = f"sqlite:///{tmp_path}/other.db"
    new_project(project)
    script(url, TABLES)
    script(
        other,
        TABLES + "CREATE TABLE log (n); CREATE TRIGGER tr INSERT ON t BEGIN "
        "INSERT INTO log VALUES (1); END; CREATE VIEW v AS SELECT a FROM t;",
    )
    main, before = plain(everything(url)), plain(everything(other))
    attach = f"op.execute(\"ATTACH '{tmp_path}/other.db' AS aux\")\n"
    up(
        project,
        1,
        attach
        + 'op.alter_column("t", "a", type_=sa.BigInteger(), schema="aux")\n'
        + 'op.create_unique_constraint("uq_b", "t", ["b"], schema="aux")\n'
        + 'with op.batch_alter_table("t", schema="aux", recreate="always") as batch:\n'
        + '    batch.add_column(sa.Column("z", sa.Integer()))\n',
        attach
        + 'with op.batch_alter_table("t", schema="aux") as batch:\n'
        + '    batch.drop_column("z")\n'
        + 'op.drop_constraint("uq_b", "t", type_="unique", schema="aux")\n'
        + 'op.alter_column("t", "a", type_=sa.Integer(), schema="aux")\n',
    )
    assert plain(everything(url)) == main
    assert "a BIGINT" in read(other, "SELECT sql FROM sqlite_master WHERE name = 't'")[0][0]
    down = db(project, "downgrade")
    assert down.status == 0, down.err
    assert plain(everything(other)) == before
    assert plain(everything(url)) == main


@pytest.mark.parametrize("where", ["temporary", "attached"])
def test_a_table_is_altered_where_sqlite_finds_it(project, url, enforced, tmp_path, where):
    """A temporary table comes before one of the file, and one of an attached file after it."""
    new_project(project)
    script(url, TABLES)
    script(f"sqlite:///{tmp_path}/other.db", "CREATE TABLE far (a INTEGER, b TEXT);")
    before = plain(everything(url))
    table = {"temporary": "t", "attached": "far"}[where]
    first = {
        "temporary": "CREATE TEMP TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT, b TEXT)",
        "attached": f"ATTACH '{tmp_path}/other.db' AS aux",
    }[where]
    done = up(
        project,
        1,
        f"""
        op.execute("{first}")
        op.execute("INSERT INTO {table} (b) VALUES ('x')")
        op.drop_column("{table}", "a")
        op.create_unique_constraint("u", "{table}", ["b"])
        with op.batch_alter_table("{table}") as batch:
            batch.alter_column("b", nullable=False, new_column_name="c")
        rows = op.get_bind().execute(sa.text("PRAGMA table_info({table})"))
        print([tuple(row)[1:4] for row in rows])
        print([tuple(row) for row in op.get_bind().execute(sa.text("SELECT * FROM {table}"))])
        """,
    )
    assert done.out == "[('c', 'TEXT', 1)]\n[('x',)]\n"
    assert plain(everything(url)) == before


def test_comments_are_left_out(project, url):
    """SQLite keeps none: what other databases get does nothing, in a batch and outside."""
    if not hasattr(Operations, "create_table_comment"):
        pytest.skip("this Alembic has no comments")
    of_table = ""
    if hasattr(BatchOperationsImpl, "create_table_comment"):  # Alembic had the name long before
        of_table = """
            batch.create_table_comment("some rows")
            batch.drop_table_comment()"""
    new_project(project)
    script(url, TABLES)
    before = everything(url)
    up(
        project,
        1,
        f"""
        op.create_table_comment("t", "some rows", existing_comment=None)
        op.alter_column("t", "a", comment="a number", existing_comment=None)
        op.drop_table_comment("t", existing_comment="some rows")
        with op.batch_alter_table("t", recreate="always") as batch:
            batch.alter_column("a", comment="a number"){of_table}
        """,
    )
    assert everything(url) == before


TYPES = """
    op.add_column("t", sa.Column("kind", sa.Enum("x", "y", name="kinds")))
    op.add_column("t", sa.Column("ok", sa.Boolean()))
    """


def test_a_type_brings_no_check_outside_a_batch(project, url):
    """SQLAlchemy before 1.4 would add one for Boolean and Enum; Alembic leaves it out."""
    new_project(project)
    script(url, TABLES)
    up(project, 1, TYPES)
    definition = read(url, "SELECT sql FROM sqlite_master WHERE name = 't'")[0][0]
    assert "kind VARCHAR(1)" in definition
    assert "ok BOOLEAN" in definition
    assert definition.count("CHECK") == TABLES.split("CREATE TABLE t")[1].count("CHECK")


def test_a_batch_takes_autoincrement_away_where_it_says_so(project, url, enforced):
    """`sqlite_autoincrement` is what the script wants, and everything else stays."""
    new_project(project)
    script(
        url,
        """
        CREATE TABLE a (
            id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, n VARCHAR COLLATE NOCASE,
            CHECK (n <> 'x')
        );
        INSERT INTO a (n) VALUES ('p'), ('q');
        CREATE INDEX ix_n ON a (n DESC);
        CREATE TABLE child (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a (id) ON DELETE CASCADE);
        INSERT INTO child VALUES (1, 1), (2, 2);
        """,
    )
    before = everything(url)
    body = 'with op.batch_alter_table("a", recreate="always",\n    {}): pass'
    up(
        project,
        1,
        body.format('table_kwargs={"sqlite_autoincrement": False}'),
        body.format('table_kwargs={"sqlite_autoincrement": True}'),
    )
    definition = read(url, "SELECT sql FROM sqlite_master WHERE name = 'a'")[0][0]
    assert "AUTOINCREMENT" not in definition
    assert "COLLATE NOCASE" in definition
    assert "CHECK (n <> 'x')" in definition
    assert read(url, "SELECT * FROM a") == [(1, "p"), (2, "q")]
    assert read(url, "SELECT count(*) FROM child") == [(2,)]
    assert read(url, "SELECT * FROM sqlite_sequence") == []
    down = db(project, "downgrade")
    assert down.status == 0, down.err
    assert "AUTOINCREMENT" in read(url, "SELECT sql FROM sqlite_master WHERE name = 'a'")[0][0]
    assert {k: sorted(v) for k, v in everything(url).items() if k in ("a", "child")} == {
        k: v for k, v in before.items() if k in ("a", "child")
    }


@pytest.mark.parametrize("waiting", ["", 'op.alter_column("p", "b", server_default="z")\n'])
def test_a_column_that_needs_a_value_is_refused_by_sqlite_itself(
    project, url, monkeypatch, waiting
):
    """Where there are rows the message is SQLite's and nothing is copied; where not, it works."""
    from migrate_script.sqlite_alter.table_rebuild import TableRebuild

    new_project(project)
    script(url, TABLES)
    before = everything(url)
    copies = []
    copy = TableRebuild._copy
    monkeypatch.setattr(
        TableRebuild, "_copy", lambda self, *args: copies.append(args) or copy(self, *args)
    )
    revision(project, 1, waiting + 'op.add_column("p", sa.Column("z", sa.Integer, nullable=False))')
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert failed.error.startswith(
        "Error: revision r1 failed: Cannot add a NOT NULL column with default value NULL "
    )
    assert "_alembic_tmp" not in failed.error
    assert len(copies) == len(waiting.splitlines())
    assert everything(url) == before
    script(url, "DELETE FROM p")
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert [row[3] for row in read(url, "PRAGMA table_info(p)") if row[1] == "z"] == [1]
