"""Comparing the models with a database takes as many statements for a hundred tables as for ten."""

from __future__ import annotations

import collections
import contextlib
import gc
import inspect
import json
import re
import sqlite3

import pytest
import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.ddl.postgresql import PostgresqlImpl
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from databases import SERVERS, execute, rows, script
from projects import MANAGE, db, new_project
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.pool import NullPool

from migrate_script.compat.reflection import comparing
from migrate_script.compat.sqlalchemy import let_reflect

READS_SEVERAL = hasattr(Inspector, "get_multi_columns")
KNOWS_NAMES = "include_name" in inspect.signature(EnvironmentContext.configure).parameters
MODEL = """
    class M{0}(db.Model):
        __tablename__ = "m{0}"
        __table_args__ = (
            db.UniqueConstraint("code", "amount", name="uq_m{0}"), {{"schema": {schema}}}
        )
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(50), nullable=False, index=True)
        code = db.Column(db.String(20), nullable=False)
        amount = db.Column(db.Integer)
        parent_id = db.Column(db.Integer, db.ForeignKey("{1}.id", name="fk_m{0}"))
"""


@contextlib.contextmanager
def statements():
    """The statements that all engines run, without names and numbers of parameters."""
    seen = []

    def note(connection, cursor, statement, *_):
        statement = re.sub(r"\b\w*m\d+(_\w+)?\b|\bms_\w+", "m", statement)
        seen.append(re.sub(r"(%\(\w+\)s)(, %\(\w+\)s)+", r"\1", statement))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def models(project, number, schemas, extra=""):
    """Let the application have a number of tables, and perhaps a column more in the last one."""
    texts = []
    for n in range(1, number + 1):
        schema, other = (schemas[each % len(schemas)] for each in (n, n // 2 or 1))
        target = f"{other}.m{n // 2 or 1}" if other else f"m{n // 2 or 1}"
        texts.append(MODEL.format(n, target, schema=repr(schema)))
    text = "".join(texts) + extra
    project.write("manage.py", MANAGE.replace("    manager =", f"{text}\n    manager =", 1))


def statements_of_migrate(project, url, monkeypatch, schemas, number):
    """What `db migrate` runs where one of so many tables has a new column."""
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("MIGRATE_OPTIONS", json.dumps({"include_schemas": len(schemas) > 1}))
    for schema in filter(None, schemas):
        execute(url, f"CREATE SCHEMA {schema}")
    folder = project.folder / str(number)
    folder.mkdir()
    monkeypatch.chdir(folder)
    inner = type(project)(folder)
    new_project(inner)
    models(inner, number, schemas)
    assert db(inner, "migrate", "--rev-id", "r1").status == 0
    assert db(inner, "upgrade").status == 0
    models(inner, number, schemas, "        more = db.Column(db.Integer)\n")
    with statements() as seen:
        done = db(inner, "migrate", "--rev-id", "r2")
    assert done.status == 0, done.err
    text = (folder / "migrations/versions/r2_.py").read_text(encoding="utf-8")
    assert text.count("'more'") == 2  # added, and dropped
    assert "create_table" not in text
    return collections.Counter(seen)


@pytest.mark.parametrize(
    ("kind", "schemas"),
    [
        ("sqlite", [None]),
        ("postgresql", [None]),
        ("postgresql", [None, "other"]),
        ("mysql", [None]),
    ],
)
def test_a_hundred_tables_take_the_statements_of_ten(
    project, new_database, monkeypatch, kind, schemas
):
    """Each table is read with all others; MySQL, and not MariaDB, shows one after another."""
    if kind == "postgresql" and not READS_SEVERAL:
        pytest.skip("this SQLAlchemy cannot ask PostgreSQL about several tables")
    of_ten, of_hundred = (
        statements_of_migrate(project, new_database(kind), monkeypatch, schemas, number)
        for number in (10, 100)
    )
    is_mysql = kind == "mysql" and "MariaDB" not in rows(SERVERS[kind], "SELECT VERSION()")[0][0]
    assert of_hundred - of_ten == ({"SHOW CREATE TABLE `m`": 90} if is_mysql else {})


# -- what is found is what Alembic finds ---------------------------------------------------------


SCHEMA = {
    "sqlite": """
        CREATE TABLE "Quoted Name" ("Id" INTEGER PRIMARY KEY, "a b" TEXT DEFAULT 'x''y');
        CREATE TABLE parent (id INTEGER PRIMARY KEY, code VARCHAR(9) NOT NULL UNIQUE);
        CREATE TABLE child (
            id INTEGER PRIMARY KEY, n INTEGER CHECK (n > 0),
            p INTEGER CONSTRAINT fk_p REFERENCES parent (id) ON DELETE CASCADE,
            twice INTEGER GENERATED ALWAYS AS (n * 2) VIRTUAL,
            CONSTRAINT uq UNIQUE (p, n)
        );
        CREATE INDEX ix_child_n ON child (n);
        CREATE INDEX ix_part ON child (p) WHERE n > 3;
        CREATE TABLE gone (a INTEGER, b INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID;
        CREATE VIEW seen AS SELECT id FROM parent
    """,
    "postgresql": """
        CREATE SCHEMA other;
        CREATE SCHEMA "Odd Name";
        CREATE TABLE parent (id SERIAL PRIMARY KEY, code VARCHAR(9) NOT NULL UNIQUE);
        CREATE TABLE other.parent (id SERIAL PRIMARY KEY, n BIGSERIAL, code VARCHAR(9));
        CREATE TABLE "Odd Name"."Quoted Name" ("Id" SERIAL PRIMARY KEY, "a b" TEXT DEFAULT 'x');
        CREATE TABLE "Quoted Name" ("Id" SERIAL PRIMARY KEY, "a b" TEXT DEFAULT 'x''y');
        CREATE TABLE child (
            id INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
            p INTEGER CONSTRAINT fk_p REFERENCES other.parent (id) ON DELETE CASCADE,
            n INTEGER CHECK (n > 0), CONSTRAINT uq UNIQUE (p, n)
        );
        COMMENT ON TABLE child IS 'small';
        CREATE INDEX ix_child_n ON child (n) WHERE p > 3;
        CREATE SEQUENCE numbers;
        CREATE SEQUENCE other.numbers;
        CREATE TABLE numbered (
            id INTEGER PRIMARY KEY DEFAULT nextval('numbers'),
            other INTEGER DEFAULT nextval('other.numbers'),
            from_parent INTEGER DEFAULT nextval('parent_id_seq')
        );
        CREATE TABLE gone (a INTEGER, b INTEGER, PRIMARY KEY (a, b));
        CREATE TABLE other.gone (id SERIAL PRIMARY KEY);
        CREATE VIEW seen AS SELECT id FROM parent
    """,
    "mysql": """
        CREATE TABLE `Quoted Name` (`Id` INTEGER PRIMARY KEY AUTO_INCREMENT, `a b` VARCHAR(9));
        CREATE TABLE parent (id INTEGER PRIMARY KEY, code VARCHAR(9) NOT NULL UNIQUE);
        CREATE TABLE child (
            id INTEGER PRIMARY KEY, p INTEGER, n INTEGER, CONSTRAINT uq UNIQUE (p, n),
            CONSTRAINT fk_p FOREIGN KEY (p) REFERENCES parent (id)
        );
        CREATE INDEX ix_child_n ON child (n);
        CREATE TABLE gone (a INTEGER, b INTEGER, PRIMARY KEY (a, b));
        CREATE VIEW seen AS SELECT id FROM parent
    """,
}


def metadata(kind):
    """Models that differ from these tables in a type, a column, an index and more."""
    made = sa.MetaData()

    def table(name, *columns, **options):
        sa.Table(name, made, *columns, **options)

    table("Quoted Name", sa.Column("Id", sa.Integer, primary_key=True), sa.Column("c d", sa.Text))
    table(
        "parent",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("code", sa.Integer),
        sa.Column("new", sa.Integer, index=True),
    )
    table(
        "child",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("p", sa.Integer, sa.ForeignKey("parent.id", name="fk_p")),
        sa.Column("n", sa.Integer, nullable=False),
    )
    table("made", sa.Column("id", sa.Integer, primary_key=True))
    if kind == "postgresql":
        key = sa.Column("id", sa.Integer, primary_key=True)
        table("parent", key, sa.Column("n", sa.BigInteger), schema="other")
        table("Quoted Name", sa.Column("Id", sa.Integer, primary_key=True), schema="Odd Name")
        key = sa.Column("id", sa.Integer, primary_key=True)
        table("numbered", key, sa.Column("from_parent", sa.Integer, server_default="4"))
    return made


def differences(url, bulk, *statements, **options):
    """What Alembic finds between the models and the database, written out."""
    engine = sa.create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
        let_reflect(connection)
        names = {"compare_type": True, "include_schemas": connection.dialect.name == "postgresql"}
        context = MigrationContext.configure(connection, opts={**names, **options})
        models = metadata(connection.dialect.name)
        context.opts["target_metadata"] = models
        with comparing(context) if bulk else contextlib.nullcontext():
            found = produce_migrations(context, models)
    written = map(render_python_code, (found.upgrade_ops, found.downgrade_ops))
    # the order of what is in a set differs from run to run
    return [sorted(text.splitlines()) for text in written]


def has_no_parent(name, kind, parents):
    """An `include_name` that hides some tables."""
    return kind != "table" or name not in ("gone", "numbered")


@pytest.mark.parametrize("options", [{}, {"compare_server_default": True}], ids=["", "defaults"])
@pytest.mark.parametrize("names", [None, has_no_parent], ids=["all", "some"])
def test_the_differences_are_those_of_alembic(database, options, names):
    """SERIAL, IDENTITY, quoted names, two schemas with sequences of one name, and the rest."""
    kind = database.partition(":")[0].partition("+")[0]
    if kind != "sqlite":
        execute(database, *SCHEMA[kind].split(";"))
    elif sqlite3.sqlite_version_info < (3, 31):
        script(database, re.sub(r"\n +twice .*VIRTUAL,", "", SCHEMA[kind]))
    else:
        script(database, SCHEMA[kind])
    if names is not None:
        options = {**options, "include_name": names}
    plain = differences(database, False, **options)
    assert differences(database, True, **options) == plain
    assert len(plain[0]) > 10


def test_a_temporary_table_is_read_as_alembic_reads_it(new_database):
    """A table of `temp` hides one of the same name: every table is asked about alone."""
    url = new_database("sqlite")
    script(url, "CREATE TABLE parent (id INTEGER PRIMARY KEY, code INTEGER)")
    hidden = "CREATE TEMP TABLE parent (id INTEGER PRIMARY KEY, code TEXT, note TEXT UNIQUE)"
    found = [differences(url, bulk, hidden) for bulk in (False, True)]
    assert found[0] == found[1]


@pytest.mark.skipif(not KNOWS_NAMES, reason="needs Alembic 1.5")
def test_a_virtual_table_without_its_module_hinders_nothing(new_database):
    """SQLite cannot list the columns of all tables then: each is asked about alone."""
    url = new_database("sqlite")
    script(
        url,
        """
        CREATE TABLE parent (id INTEGER PRIMARY KEY, code INTEGER, new INTEGER);
        PRAGMA writable_schema = ON;
        INSERT INTO sqlite_master
        VALUES ('table', 'lost', 'lost', 0, 'CREATE VIRTUAL TABLE lost USING nowhere(a)');
        """,
    )

    def is_not_lost(name, kind, parents):
        return name != "lost"

    found = [differences(url, bulk, include_name=is_not_lost) for bulk in (False, True)]
    assert found[0] == found[1]


@pytest.mark.skipif(not READS_SEVERAL, reason="needs SQLAlchemy 2")
def test_another_question_of_alembic_reaches_the_database(new_database, monkeypatch):
    """A release that looks for the owner of a sequence in another way is not in the way."""
    url = new_database("postgresql")
    execute(url, "CREATE TABLE parent (id SERIAL PRIMARY KEY, code SERIAL)")
    asked = []

    def autogen_column_reflect(self, inspector, table, column_info):
        statement = sa.text(
            "select c.relname, a.attname from pg_class c, pg_attribute a "
            "where c.relname = :seqname and a.attname = 'code'"
        )
        with inspector._operation_context() as connection:
            asked.append(connection.execute(statement, {"seqname": "parent_code_seq"}).first())

    monkeypatch.setattr(PostgresqlImpl, "autogen_column_reflect", autogen_column_reflect)
    differences(url, True)
    assert asked == [("parent_code_seq", "code")] * 2


def test_the_garbage_collector_runs_again_afterwards(new_database):
    """It is paused while tables are compared, also where that fails; a paused one stays so."""
    seen = []

    def include_object(*_):
        seen.append(gc.isenabled())
        raise ZeroDivisionError

    url = new_database("sqlite")
    for is_enabled in (True, False):
        (gc.enable if is_enabled else gc.disable)()
        try:
            with pytest.raises(ZeroDivisionError):
                differences(url, True, include_object=include_object)
            assert gc.isenabled() is is_enabled
        finally:
            gc.enable()
    assert seen == [False, False]
