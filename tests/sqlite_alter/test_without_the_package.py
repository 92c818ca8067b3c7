"""`sqlite_alter` serves plain Alembic: no Flask, and nothing of the package but its own leaves."""

from __future__ import annotations

import json
import re
import sqlite3
import textwrap

import migrate_script
from migrate_script import sqlite_alter

# the package without its __init__, which imports Flask-Script and Flask
RUNNER = """
    import json
    import sys
    import types

    package = types.ModuleType("migrate_script")
    package.__path__ = [{package!r}]
    sys.modules["migrate_script"] = package

    from alembic import command
    from alembic.config import Config
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    event.listen(Engine, "connect", lambda raw, _: raw.execute("PRAGMA foreign_keys = ON"))
    config = Config()
    config.set_main_option("script_location", "plain")
    config.set_main_option("sqlalchemy.url", "sqlite:///plain.db")
    getattr(command, sys.argv[1])(config, sys.argv[2], sql="--sql" in sys.argv)
    print("modules", json.dumps(sorted(sys.modules)))
"""
SCRIPT = '''
    """one"""
    import sqlalchemy as sa
    from alembic import op

    revision, down_revision = "r1", None


    def upgrade():
        op.add_column("t", sa.Column("p", sa.Integer(), sa.ForeignKey("t.id", name="fk_p")))
        op.alter_column("t", "n", nullable=False)
        with op.batch_alter_table("t") as batch:
            batch.create_unique_constraint("uq_n", ["n"])
            batch.alter_column("x", new_column_name="y")


    def downgrade():
        with op.batch_alter_table("t") as batch:
            batch.alter_column("y", new_column_name="x")
            batch.drop_constraint("uq_n", type_="unique")
        op.alter_column("t", "n", nullable=True)
        op.drop_constraint("fk_p", "t", type_="foreignkey")
        op.drop_column("t", "p")
'''
SCHEMA = """
    CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER CHECK (n > 0), x TEXT COLLATE NOCASE);
    CREATE TABLE child (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t (id) ON DELETE CASCADE);
    CREATE TABLE log (n INTEGER);
    CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.n); END;
    CREATE INDEX ix ON t (n) WHERE n > 1;
    INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b');
    INSERT INTO child VALUES (1, 1), (2, 2);
"""


def plain_project(project, script=SCRIPT):
    """Write the env.py of the documentation, one script, and a database."""
    example = re.search(r"::\n\n(.*?)\n\nAn operation", sqlite_alter.__doc__, re.S)
    project.write("plain/env.py", textwrap.dedent(example.group(1)))
    project.write("plain/versions/r1.py", script)
    package = migrate_script.__path__[0]
    project.write("plain_alembic.py", textwrap.dedent(RUNNER).format(package=package))
    connection = sqlite3.connect(str(project.folder / "plain.db"))
    connection.executescript(SCHEMA)
    connection.close()


def picture(project):
    """The schema and the rows."""
    connection = sqlite3.connect(str(project.folder / "plain.db"))
    schema = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic_version%'"
    ).fetchall()
    rows = [connection.execute(f"SELECT * FROM {name}").fetchall() for name in ("t", "child")]
    connection.close()
    return {name: (sql or "").replace('"', "") for name, sql in schema}, rows


def test_plain_alembic_alters_tables(project):
    """The env.py of the documentation goes up and down, and loads nothing else of the package."""
    plain_project(project)
    before = picture(project)
    done = project.process("plain_alembic.py", "upgrade", "head")
    assert done.status == 0, done.err
    schema, (rows, children) = picture(project)
    assert "n INTEGER CHECK (n > 0) NOT NULL" in schema["t"]
    assert "y TEXT COLLATE NOCASE" in schema["t"]
    assert "CONSTRAINT uq_n UNIQUE (n)" in schema["t"]
    assert {"tr", "ix"} <= set(schema)
    assert rows == [(1, 1, "a", None), (2, 2, "b", None)]
    assert children == [(1, 1), (2, 2)]
    modules = json.loads(done.out.split("modules ")[1])
    ours = {name for name in modules if name.startswith("migrate_script.")}
    others = {
        name
        for name in ours
        if not name.startswith(("migrate_script.sqlite_alter", "migrate_script.sql"))
    }
    assert others <= {
        "migrate_script.compat",
        "migrate_script.compat.alembic",
        "migrate_script.compat.sqlalchemy",
    }
    assert not {"flask", "flask_script", "click"} & set(modules)
    done = project.process("plain_alembic.py", "downgrade", "base")
    assert done.status == 0, done.err
    assert picture(project) == before


def test_plain_alembic_writes_sql(project):
    """With `--sql` the rebuilds are written."""
    plain_project(project)
    done = project.process("plain_alembic.py", "upgrade", "head", "--sql")
    assert done.status == 1
    assert "no such table: 't'" in done.err
    project.write(
        "plain/versions/r1.py",
        SCRIPT.replace("def upgrade():\n", f"def upgrade():\n        op.execute({TABLE!r})\n"),
    )
    done = project.process("plain_alembic.py", "upgrade", "head", "--sql")
    assert done.status == 0, done.err
    assert "PRAGMA foreign_keys = OFF;" in done.out
    assert "CONSTRAINT uq_n UNIQUE (n)" in done.out


TABLE = "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, x TEXT)"


def test_a_failed_operation_is_undone_and_caught(project):
    """A script's own `except` catches what plain Alembic or SQLite would raise."""
    body = """
    def upgrade():
        try:
            op.alter_column("t", "zzz", nullable=False)
        except sa.exc.OperationalError as error:
            print("caught", error)
        try:
            op.create_check_constraint("ck", "t", "n > 1")
        except NotImplementedError as error:
            print("caught", error)
    """
    begin, rest = SCRIPT.split("    def upgrade():")
    plain_project(project, begin + body.lstrip("\n") + "\n\n    def downgrade():\n        pass\n")
    before = picture(project)
    done = project.process("plain_alembic.py", "upgrade", "head")
    assert done.status == 0, done.err
    assert "caught no such column: 'zzz' of the table 't'" in done.out
    assert "CHECK constraint failed" in done.out
    assert picture(project) == before


def test_a_step_that_breaks_foreign_keys_is_stopped(project):
    """`checked` raises, and the line names the rows."""
    body = """
    def upgrade():
        op.execute("PRAGMA foreign_keys = OFF")
        op.execute("DELETE FROM t WHERE id = 1")
        op.execute("PRAGMA foreign_keys = ON")
    """
    begin, rest = SCRIPT.split("    def upgrade():")
    plain_project(project, begin + body.lstrip("\n") + "\n\n    def downgrade():\n        pass\n")
    done = project.process("plain_alembic.py", "upgrade", "head")
    told = "1 row of 'child' refers to missing rows of 't'"
    assert told in done.err
