"""What a batch says beside its operations is done, and nothing else is lost by it."""

from __future__ import annotations

import inspect

import pytest
from alembic.operations import ops
from altering import everything, read, script, up
from safe import db, new_project, revision

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
    """Give the text of a table or an index."""
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
    keyword = operation.rsplit(" ", 1)[1].split("=")[0]
    if kind is not None and keyword not in inspect.signature(kind.__init__).parameters:
        pytest.skip("this Alembic does not take it")
    if in_batch and kind is ops.DropConstraintOp:
        pytest.skip("a batch of Alembic's does not take it")
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
