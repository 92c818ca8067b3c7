"""What a batch says beside its operations is done, and nothing else is lost by it."""

from __future__ import annotations

import inspect
import re

import pytest
from alembic.operations import Operations, ops
from databases import everything, read, script
from projects import db, new_project
from revisions import revision, up

TABLES = """
    CREATE TABLE p (id INTEGER PRIMARY KEY);
    CREATE TABLE t (
        id INTEGER PRIMARY KEY, a INTEGER, b TEXT, CONSTRAINT uq_a UNIQUE (a),
        FOREIGN KEY(a) REFERENCES p (id) ON DELETE SET NULL
    );
    CREATE INDEX ix ON t (a);
    INSERT INTO p VALUES (1), (2);
    INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y');
"""
BATCH = 'with op.batch_alter_table("t", recreate="always") as batch:\n    '


def definition(url, name="t"):
    """Return the text of a table or an index."""
    return read(url, f"SELECT sql FROM sqlite_master WHERE name = '{name}'")[0][0]


def test_an_index_is_not_replaced_by_another_of_its_name(project, url):
    """SQLite says that there is one already, and nothing is changed."""
    new_project(project)
    script(url, TABLES)
    before = everything(url)
    revision(project, 1, BATCH + 'batch.create_index("ix", ["b"])')
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert failed.error.startswith("Error: revision r1 failed: index ix already exists ")
    assert everything(url) == before


# the operation as it stands in a batch, what names the table elsewhere, and the class of Alembic's
CONDITIONAL = {
    'add_column({}sa.Column("a", sa.Text()), if_not_exists=True)': ('"t", ', ops.AddColumnOp),
    'drop_column({}"nowhere", if_exists=True)': ('"t", ', None),
    'drop_constraint("nowhere", {}if_exists=True)': ('"t", ', ops.DropConstraintOp),
    'drop_index("nowhere", {}if_exists=True)': ('table_name="t", ', ops.DropIndexOp),
    'create_index("ix", {}["b"], if_not_exists=True)': ('"t", ', ops.CreateIndexOp),
}


@pytest.mark.parametrize("in_batch", [False, True], ids=["plain", "batch"])
@pytest.mark.parametrize("operation", CONDITIONAL)
def test_what_is_there_already_or_not_at_all_is_left(project, url, in_batch, operation):
    """`if_exists` and `if_not_exists` are heeded where SQLite or Alembic knows no such thing."""
    table, kind = CONDITIONAL[operation]
    keyword = re.findall(r"if_\w+", operation)[0]
    if kind is not None and keyword not in inspect.signature(kind.__init__).parameters:
        pytest.skip("this Alembic does not take it")
    method = getattr(kind or ops.DropColumnOp, f"batch_{operation.split('(')[0]}")
    if in_batch and not {keyword, "kw"} & set(inspect.signature(method).parameters):
        pytest.skip("a batch of this Alembic's does not take it")
    new_project(project)
    script(url, TABLES)
    before = everything(url)
    call = f"{BATCH}batch.{operation.format('')}" if in_batch else f"op.{operation.format(table)}"
    up(project, 1, call)
    assert everything(url) == before


def test_a_column_that_is_not_there_yet_is_added(project, url):
    """`if_not_exists` adds what is missing, by SQLite itself."""
    if "if_not_exists" not in inspect.signature(ops.AddColumnOp.__init__).parameters:
        pytest.skip("this Alembic does not take it")
    new_project(project)
    script(url, TABLES)
    up(
        project,
        1,
        'op.alter_column("t", "b", server_default="z")\n'
        'op.add_column("t", sa.Column("z", sa.Integer()), if_not_exists=True)',
    )
    assert [row[1] for row in read(url, "PRAGMA table_info(t)")] == ["id", "a", "b", "z"]


RENAMED = BATCH + 'batch.alter_column("a", new_column_name="c")\n    '
# what follows in the batch, which speaks of the column as it was called or as it is called now
FOLLOWS = {
    'batch.create_unique_constraint("uq", ["a", "b"])': ('CONSTRAINT uq UNIQUE ("c", b)', "t"),
    'batch.create_unique_constraint("uq", ["c", "b"])': ("CONSTRAINT uq UNIQUE (c, b)", "t"),
    'batch.create_primary_key("pk", ["id", "a"])': ('CONSTRAINT pk PRIMARY KEY (id, "c")', "t"),
    'batch.create_foreign_key("fk", "p", ["a"], ["id"])': ('fk FOREIGN KEY("c") REFERENCES p', "t"),
    'batch.create_check_constraint("ck", "c > 0")': ("CONSTRAINT ck CHECK (c > 0)", "t"),
    'batch.create_index("new", ["b", "a"])': ('ON t (b, "c")', "new"),
    'batch.create_index("new", ["c"])': ("ON t (c)", "new"),
    'batch.alter_column("a", nullable=False)': ('"c" INTEGER NOT NULL', "t"),
    'batch.alter_column("c", nullable=False)': ('"c" INTEGER NOT NULL', "t"),
}


@pytest.mark.parametrize("follows", FOLLOWS)
def test_a_batch_knows_a_renamed_column_by_its_first_name(project, url, enforced, follows):
    """Alembic's batch speaks of columns as they were; the new name is understood as well."""
    new_project(project)
    script(url, TABLES)
    up(project, 1, RENAMED + follows)
    expected, name = FOLLOWS[follows]
    assert expected in definition(url, name)
    assert [row[1] for row in read(url, "PRAGMA table_info(t)")] == ["id", "c", "b"]
    assert read(url, "SELECT * FROM t") == [(1, 1, "x"), (2, 2, "y")]


def test_columns_of_a_batch_change_names_in_a_circle(project, url, enforced):
    """Two columns get each other's name, and what follows means each by its first one."""
    new_project(project)
    script(url, TABLES)
    before = everything(url)
    circle = BATCH + (
        'batch.alter_column("a", new_column_name="b")\n'
        '    batch.alter_column("b", new_column_name="a")\n'
        '    batch.alter_column("{}", type_=sa.{}())\n'
    )
    up(project, 1, circle.format("a", "BigInteger"), circle.format("b", "Integer"))
    assert [row[1:3] for row in read(url, "PRAGMA table_info(t)")] == [
        ("id", "INTEGER"),
        ("b", "BIGINT"),
        ("a", "TEXT"),
    ]
    assert read(url, "SELECT id, a, b FROM t") == [(1, "x", 1), (2, "y", 2)]
    assert db(project, "downgrade").status == 0
    after = everything(url)
    assert after["t"] == before["t"]
    assert after["foreign_key_list", "t"] == before["foreign_key_list", "t"]


@pytest.mark.parametrize("in_batch", [False, True], ids=["plain", "batch"])
def test_a_column_does_not_take_the_name_of_another(project, url, in_batch):
    """SQLite says that there are two of the name, and nothing is changed."""
    new_project(project)
    script(url, TABLES)
    before = everything(url)
    rename = 'alter_column({}"a", new_column_name="b")'
    revision(
        project,
        1,
        f"{BATCH}batch.{rename.format('')}"
        if in_batch
        else f"op.{rename.format(repr('t') + ', ')}",
    )
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "duplicate column name: b" in failed.error
    assert everything(url) == before


@pytest.mark.parametrize("in_batch", [False, True], ids=["plain", "batch"])
def test_the_check_of_a_type_speaks_of_a_renamed_column(project, url, in_batch):
    """A column gets another name and a type that brings a CHECK, at once, and its own back."""
    new_project(project)
    script(url, "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER); INSERT INTO t VALUES (1, 0);")
    flag = 'sa.Boolean(create_constraint=True, name="flag")'
    call = '"{}", new_column_name="{}", existing_type={}, type_={})'
    here = BATCH + "batch.alter_column(" if in_batch else 'op.alter_column("t", '
    up(
        project,
        1,
        here + call.format("a", "b", "sa.Integer()", flag),
        here + call.format("b", "a", flag, "sa.Integer()"),
    )
    assert 'CONSTRAINT flag CHECK ("b" IN (0, 1))' in definition(url)
    assert db(project, "downgrade").status == 0
    assert definition(url) == 'CREATE TABLE t (id INTEGER PRIMARY KEY, "a" INTEGER)'
    assert read(url, "SELECT * FROM t") == [(1, 0)]


# everything that SQLAlchemy's reflection or a description in Python leaves out
RICH = """
    CREATE TABLE p (id INTEGER PRIMARY KEY, code TEXT UNIQUE);
    CREATE TABLE t (
        id INTEGER PRIMARY KEY AUTOINCREMENT, a INTEGER UNIQUE ON CONFLICT IGNORE
            REFERENCES p (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
        b VARCHAR(20) COLLATE NOCASE NOT NULL ON CONFLICT FAIL DEFAULT (lower('Q')), -- the text
        c INTEGER CONSTRAINT ck_c CHECK (c > 0), CHECK (a < 100), UNIQUE (a, b),
        CONSTRAINT fk_c FOREIGN KEY (c) REFERENCES p ON UPDATE CASCADE MATCH FULL
    );
    CREATE INDEX ix ON t (lower(b) DESC) WHERE a > 1;
    CREATE TABLE log (n);
    CREATE TRIGGER tr AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (new.id); END;
    CREATE VIEW v AS SELECT a, b FROM t;
    CREATE TABLE child (t INTEGER REFERENCES t (id) ON DELETE CASCADE);
    INSERT INTO p VALUES (1, 'x'), (2, 'y');
    INSERT INTO t (a, b, c) VALUES (1, 'x', 1), (2, 'y', NULL);
    INSERT INTO child VALUES (1), (2);
    INSERT INTO t (a, b) VALUES (NULL, 'gone');
    DELETE FROM t WHERE b = 'gone';
"""
DESCRIBED = """
table = sa.Table(
    "t", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("a", sa.Integer, sa.ForeignKey("p.id")), sa.Column("b", sa.String(20)),
    sa.Index("ix", "b")
)
def listener(inspector, table, column): pass
"""
PARAMETERS = {
    "reflect_args": 'reflect_args=[sa.Column("b", sa.String(20)), sa.Column("c", sa.Integer)]',
    "reflect_kwargs": 'reflect_kwargs={"listeners": [("column_reflect", listener)]}',
    "partial_reordering": 'partial_reordering=[("id", "a", "b", "c")]',
    "table_kwargs": 'table_kwargs={"sqlite_with_rowid": True, "mysql_engine": "x"}',
    "table_args": 'table_args=[sa.CheckConstraint("a<100"), sa.UniqueConstraint("a", "b")]',
    "copy_from": "copy_from=table",
    "naming_convention": 'naming_convention={"ck": "ck_%(table_name)s_%(constraint_name)s"}',
}


def batch_takes(parameter):
    """Return whether Alembic's batch takes a parameter."""
    return parameter in inspect.signature(Operations.batch_alter_table).parameters


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_what_a_batch_says_about_its_table_loses_nothing(project, url, enforced, parameter):
    """Whatever a parameter leaves out is still there, and rows keep their numbers."""
    if not batch_takes(parameter):
        pytest.skip("this Alembic does not take it")
    new_project(project)
    script(url, RICH)
    before = everything(url)
    batch = f'with op.batch_alter_table("t", recreate="always", {PARAMETERS[parameter]}) as batch:'
    up(
        project,
        1,
        f'{DESCRIBED}\n{batch}\n    batch.add_column(sa.Column("z", sa.Text))',
        f'{DESCRIBED}\n{batch}\n    batch.drop_column("z")',
    )
    assert "z TEXT" in definition(url)
    down = db(project, "downgrade")
    assert down.status == 0, down.err
    assert everything(url) == before


def test_what_a_batch_describes_is_done(project, url, enforced):
    """Types, defaults, NOT NULL, constraints and indexes that are described are there then."""
    new_project(project)
    script(url, RICH)
    up(
        project,
        1,
        """
        table = sa.Table(
            "t", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("a", sa.BigInteger, nullable=False),
            sa.Column("b", sa.Text, server_default="q"), sa.Column("c", sa.Integer),
            sa.CheckConstraint("a<100", name="ck_a"), sa.UniqueConstraint("c", name="uq_c"),
            sa.Index("ix_b", "b")
        )
        with op.batch_alter_table("t", copy_from=table, recreate="always") as batch:
            batch.drop_constraint("uq_c", type_="unique")
            batch.alter_column("c", server_default="1")
        """,
    )
    text = definition(url)
    assert "a BIGINT UNIQUE ON CONFLICT IGNORE" in text
    assert "DEFERRABLE INITIALLY DEFERRED NOT NULL" in text
    assert "b TEXT COLLATE NOCASE NOT NULL ON CONFLICT FAIL DEFAULT 'q', -- the text" in text
    assert (
        "c INTEGER CONSTRAINT ck_c CHECK (c > 0) DEFAULT '1', CONSTRAINT ck_a CHECK (a < 100)"
        in text
    )
    assert "uq_c" not in text
    assert definition(url, "ix_b") == "CREATE INDEX ix_b ON t (b)"
    assert read(url, "SELECT count(*) FROM child") == [(2,)]


def test_a_listener_of_a_batch_corrects_types(project, url):
    """`reflect_kwargs` may change what a column is, as it is copied."""
    new_project(project)
    script(url, RICH)
    up(
        project,
        1,
        """
        def listener(inspector, table, column):
            if column["name"] == "c":
                column["type"] = sa.Numeric(10, 2)
        listeners = {"listeners": [("column_reflect", listener)]}
        with op.batch_alter_table("t", recreate="always", reflect_kwargs=listeners) as batch:
            batch.alter_column("a", server_default="1")
        """,
    )
    assert "c NUMERIC(10, 2) CONSTRAINT ck_c CHECK (c > 0)" in definition(url)


def test_a_batch_orders_columns(project, url):
    """`partial_reordering` moves the columns it names, with their values."""
    if not batch_takes("partial_reordering"):
        pytest.skip("this Alembic does not take it")
    new_project(project)
    table = "CREATE TABLE t (\n  a INT, -- one\n  b INT,\n  c INT\n)"
    script(url, f"{table}; INSERT INTO t VALUES (1, 2, 3);")
    batch = 'with op.batch_alter_table("t", partial_reordering=[{}], recreate="always"): pass'
    up(project, 1, batch.format('("c", "a")'), batch.format('("a", "b", "c")'))
    assert [row[1] for row in read(url, "PRAGMA table_info(t)")] == ["b", "c", "a"]
    assert read(url, "SELECT a, b, c FROM t") == [(1, 2, 3)]
    assert "a INT -- one" in definition(url)
    assert db(project, "downgrade").status == 0
    assert read(url, "SELECT * FROM t") == [(1, 2, 3)]


def test_a_batch_takes_the_rowid_away(project, url):
    """`sqlite_with_rowid` is what the script wants."""
    new_project(project)
    script(
        url, "CREATE TABLE t (a TEXT PRIMARY KEY, b INT) -- end\n; INSERT INTO t VALUES ('x', 1);"
    )
    batch = 'with op.batch_alter_table("t", recreate="always", table_kwargs={{{}}}): pass'
    before = everything(url)
    up(
        project,
        1,
        batch.format('"sqlite_with_rowid": False'),
        batch.format('"sqlite_with_rowid": True'),
    )
    assert definition(url).endswith(") WITHOUT ROWID")
    assert db(project, "downgrade").status == 0
    assert everything(url) == before


def test_a_key_keeps_the_columns_that_a_batch_leaves(project, url, enforced):
    """Of a primary key, only the column that is dropped goes, as with Alembic's copy."""
    new_project(project)
    table = (
        "CREATE TABLE t (a INTEGER NOT NULL, b TEXT, c TEXT, PRIMARY KEY (a, {}c), UNIQUE (b, c))"
    )
    script(url, table.format("b COLLATE NOCASE, ") + "; INSERT INTO t VALUES (7, 'x', 'y');")
    up(project, 1, 'with op.batch_alter_table("t") as batch:\n    batch.drop_column("b")')
    assert definition(url) == "CREATE TABLE t (a INTEGER NOT NULL, c TEXT, PRIMARY KEY (a, c))"
    assert read(url, "SELECT * FROM t") == [(7, "y")]


# a type, the same for a column made by SQLAlchemy before 1.4, its CHECK, and the type that follows
TYPES = {
    "boolean": ("sa.Boolean()", "BOOLEAN", "a IN (0, 1)", "sa.Integer()", "INTEGER", 7),
    "enum": (
        'sa.Enum("x", "it\'s", name="kinds")',
        "VARCHAR(4)",
        "a IN ('x', 'it''s')",
        'sa.Enum("x", "it\'s", "new", name="kinds", create_constraint=False)',
        "VARCHAR(4)",
        "'new'",
    ),
}


@pytest.mark.parametrize("name", ["", "CONSTRAINT kinds "], ids=["unnamed", "named"])
@pytest.mark.parametrize("in_batch", [False, True], ids=["plain", "batch"])
@pytest.mark.parametrize("kind", TYPES)
def test_a_type_takes_its_check_along(project, url, enforced, kind, in_batch, name):
    """The CHECK of a Boolean or Enum goes with it, whichever SQLAlchemy has made the column."""
    old, written, check, new, newly, value = TYPES[kind]
    new_project(project)
    other = "CHECK (a IN (0, 1, 7, 'x', 'it''s', 'new'))"
    script(
        url,
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, a {written}, {name}CHECK ({check}), {other});",
    )
    call = f"existing_type={old}, type_={new})"
    here = BATCH + 'batch.alter_column("a", ' if in_batch else 'op.alter_column("t", "a", '
    up(project, 1, f'{here}{call}\nop.execute("INSERT INTO t (a) VALUES ({value})")')
    assert definition(url) == f"CREATE TABLE t (id INTEGER PRIMARY KEY, a {newly}, {other})"


def test_a_type_that_stays_keeps_its_check(project, url):
    """Where the new type means the same, or none is given, nothing goes."""
    new_project(project)
    table = "CREATE TABLE t (id INTEGER PRIMARY KEY, a BOOLEAN CHECK (a IN (0, 1)))"
    script(url, table)
    up(
        project,
        1,
        'op.alter_column("t", "a", existing_type=sa.Boolean(), nullable=False)\n'
        'op.alter_column("t", "a", existing_type=sa.Boolean(create_constraint=False), '
        "type_=sa.Boolean(create_constraint=False), nullable=True)",
    )
    assert definition(url) == table


SAME_NAME = {
    "unique": (
        'create_unique_constraint("same", {}["a", "b"])',
        "CONSTRAINT same UNIQUE (a)",
        "CONSTRAINT same UNIQUE (a, b)",
    ),
    "check": (
        'create_check_constraint("same", {}"a > 5")',
        "CONSTRAINT same CHECK (a > 0)",
        "CONSTRAINT same CHECK (a > 5)",
    ),
    "foreign key": (
        'create_foreign_key("same", {}"t", ["a"], ["id"], ondelete="CASCADE")',
        "CONSTRAINT same FOREIGN KEY (a) REFERENCES t (id)",
        "CONSTRAINT same FOREIGN KEY(a) REFERENCES t (id) ON DELETE CASCADE",
    ),
}


@pytest.mark.parametrize("in_batch", [False, True], ids=["plain", "batch"])
@pytest.mark.parametrize("kind", SAME_NAME)
def test_a_constraint_takes_the_place_of_one_of_its_name(project, url, kind, in_batch):
    """A batch replaces it, so that a name has one; an operation without a batch does the same."""
    call, before, after = SAME_NAME[kind]
    table = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT, {})"
    new_project(project)
    script(url, table.format(before))
    call = BATCH + "batch." + call.format("") if in_batch else "op." + call.format('"t", ')
    up(project, 1, call)
    assert definition(url) == table.format(after)
