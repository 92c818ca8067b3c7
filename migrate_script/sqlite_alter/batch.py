"""`batch_alter_table`: one table rebuild for all operations and parameters of a batch.

Alembic's batch copies what it reflects, or a description in Python; both leave out most of what a
table of SQLite can have. Here the table stays as it is, and what they say is added.
"""

from __future__ import annotations

from typing import Any, Iterable

import sqlalchemy as sa
from sqlalchemy import types as sqltypes
from sqlalchemy.util import topological

from ..compat.alembic import schema_objects
from ..compat.sqlalchemy import comes_with_column
from ..sql.lexer import folded, normal
from .changes import TableChanges
from .ddl import default_of, type_of
from .table_rebuild import set_autoincrement


def run_batch(batch: Any, changes: TableChanges) -> None:
    """Do a batch (Alembic's BatchOperationsImpl) by one rebuild of its table."""
    changes.names.first_ones_count = True
    with changes.schema.savepoint():
        _describe_before(batch, changes)
        for name, args, kwargs in batch.batch:
            changes.apply(name, *args, **kwargs)
        _describe_after(batch, changes)
        changes.finish()


def _describe_before(batch: Any, changes: TableChanges) -> None:
    """Apply what a batch says about the table before its operations."""
    if batch.copy_from is not None:
        _describe(changes, batch.copy_from)
        for option, wanted in batch.copy_from.kwargs.items():
            if wanted:
                _set_option(changes, option, True)
    if batch.reflect_args:
        _describe(changes, _table_of(changes, batch.reflect_args))
    _ask_listeners(batch, changes)


def _describe_after(batch: Any, changes: TableChanges) -> None:
    """Apply what a batch says about the table after its operations."""
    if batch.table_args:
        table = _table_of(changes, batch.table_args)
        for column in [column for column in table.columns if not changes.has(column.name)]:
            changes.add_column(column)
        _describe(changes, table)
    for option, wanted in batch.table_kwargs.items():
        _set_option(changes, option, bool(wanted))
    _order(changes, getattr(batch, "partial_reordering", None) or ())


def _table_of(changes: TableChanges, items: Iterable[Any]) -> Any:
    """Make a table of columns and constraints, with the other columns that they mention."""
    items = list(items)
    named = {folded(item.name) for item in items if isinstance(item, sa.Column)}
    others = [c.name for c in changes.table.text.columns if folded(c.name) not in named]
    columns: list[Any] = [sa.Column(name) for name in others]
    return sa.Table(changes.name, sa.MetaData(), *columns, *items)


def _describe(changes: TableChanges, table: Any) -> None:
    for column in table.columns:
        _describe_column(changes, column)
    constraints = [_with_target(changes.name, each) for each in table.constraints]
    for constraint in sorted(constraints, key=lambda each: str(each.name)):
        changes.ensure_constraint(constraint)
    for index in sorted(table.indexes, key=lambda each: str(each.name)):
        if not comes_with_column(index):  # Alembic leaves out what a column brings
            changes.create_index(index, if_not_exists=True)


def _describe_column(changes: TableChanges, column: Any) -> None:
    """Apply what the description of a column says, and drop nothing for what it leaves out."""
    there, wanted = changes.column(column.name), {}
    if not isinstance(column.type, sqltypes.NullType):
        if normal(type_of(changes.dialect, column.type)) != normal(there.type_text):
            wanted["type_"] = column.type
    if not column.nullable and not column.primary_key:
        wanted["nullable"] = False
    default = default_of(changes.dialect, column.server_default)
    if default is not None:
        if normal(default.text) not in [normal(clause.body_text) for clause in there.clauses]:
            wanted["server_default"] = column.server_default
    changes.alter_column(column.name, **wanted)


def _with_target(table: str, constraint: Any) -> Any:
    """Return a constraint that SQLAlchemy can compile, with the table that it refers to."""
    if not isinstance(constraint, sa.ForeignKeyConstraint):
        return constraint
    targets = [element.target_fullname.rpartition(".") for element in constraint.elements]
    return schema_objects().foreign_key_constraint(
        constraint.name,
        table,
        targets[0][0],
        list(constraint.column_keys),
        [column for _, _, column in targets],
        onupdate=constraint.onupdate,
        ondelete=constraint.ondelete,
        deferrable=constraint.deferrable,
        initially=constraint.initially,
        match=constraint.match,
    )


def _ask_listeners(batch: Any, changes: TableChanges) -> None:
    """Let the `column_reflect` listeners of a batch correct types."""
    by_alembic = getattr(batch.impl, "autogen_column_reflect", None)
    pairs = batch.reflect_kwargs.get("listeners", ())
    listeners = [each for event, each in pairs if event == "column_reflect" and each != by_alembic]
    connection = changes.schema.connection
    if not listeners or connection is None:
        return
    inspector: Any = sa.inspect(connection)
    table = sa.Table(changes.name, sa.MetaData())
    for column in inspector.get_columns(changes.name, schema=batch.schema):
        before = column["type"]
        for listener in listeners:
            listener(inspector, table, column)
        if column["type"] is not before:
            _describe_column(changes, sa.Column(column["name"], column["type"]))


def _set_option(changes: TableChanges, option: str, wanted: bool) -> None:
    """Apply a keyword of SQLAlchemy's Table."""
    if option == "sqlite_autoincrement":
        set_autoincrement(changes.table.text, wanted)
    elif option == "sqlite_with_rowid":
        changes.table.text.set_option("WITHOUT ROWID", not wanted)
    elif option == "sqlite_strict":
        changes.table.text.set_option("STRICT", wanted)


def _order(changes: TableChanges, orders: Iterable[Iterable[str]]) -> None:
    """Order the columns as Alembic would."""
    pairs = []
    for order in orders:
        names = [changes.column(name).name for name in order]
        pairs += list(zip(names, names[1:]))
    if pairs:
        names = [column.name for column in changes.table.text.columns]
        changes.table.text.order(list(topological.sort(pairs, names, deterministic_order=True)))
