"""Finds the name that a server gave to a constraint which a script drops without a name.

SQLite is served by `sqlite_alter`.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from functools import partial
from typing import Any, Callable, Iterator

import sqlalchemy as sa
from sqlalchemy import schema

from .. import errors
from ..compat.alembic import UnnamedSchemaObjects, current_operations, schema_objects
from ..compat.sqlalchemy import belongs_to_type

# the class, the Inspector's method, and what it says of a constraint beside its name
_KINDS = {
    "foreign key": (schema.ForeignKeyConstraint, "get_foreign_keys", "constrained_columns"),
    "unique constraint": (schema.UniqueConstraint, "get_unique_constraints", "column_names"),
    "primary key": (schema.PrimaryKeyConstraint, "get_pk_constraint", "constrained_columns"),
    "check constraint": (schema.CheckConstraint, "get_check_constraints", "sqltext"),
}


def _kind_of(constraint: Any) -> str:
    return next((kind for kind, known in _KINDS.items() if isinstance(constraint, known[0])), "")


def _constraints(connection: Any, table: Any, kind: str) -> dict[str, str]:
    """Return the constraints of a kind by their names, with their columns or their condition."""
    _, method, key = _KINDS[kind]
    try:
        read = getattr(sa.inspect(connection), method)(str(table.name), schema=table.schema)
    except NotImplementedError:
        return {}  # an old SQLAlchemy that does not read the CHECKs of this database
    found = [read] if isinstance(read, dict) else read
    return {
        each["name"]: each[key] if key == "sqltext" else ", ".join(each[key])
        for each in found
        if each["name"]
    }


def _is_generated(name: str, table: str, kind: str, columns: str, dialect: str) -> bool:
    """Whether a server gives such a name to a constraint that has none."""
    column, table = re.escape(columns.split(", ")[0]), re.escape(table)
    on_postgresql, on_mysql = {
        "foreign key": (rf"{table}_.*fkey\d*", rf"{table}_ibfk_\d+|\d+"),
        "unique constraint": (rf"{table}_.*key\d*", rf"{column}(_\d+)?"),
        "primary key": (rf"{table}_pkey", "PRIMARY"),
        "check constraint": (
            rf"{table}_(.*_)?check\d*",
            rf"{table}_chk_\d+|CONSTRAINT_\d+|{column}",
        ),
    }[kind]
    pattern = on_postgresql if dialect == "postgresql" else on_mysql
    return re.fullmatch(pattern, name, re.I) is not None


def find_name(connection: Any, constraint: Any) -> str:
    """Return the name of the only constraint that may be meant.

    Of several, it is the only one whose name the server has chosen. Where no kind is given, it is
    a unique constraint, the kind that Alembic until 0.6 dropped without saying so.
    """
    table, kind = constraint.table, _kind_of(constraint) or "unique constraint"
    found = _constraints(connection, table, kind)
    dialect, name = connection.dialect.name, str(table.name)
    generated = [
        each for each, columns in found.items() if _is_generated(each, name, kind, columns, dialect)
    ]
    for names in (generated, list(found)):
        if len(names) == 1:
            return names[0]
    candidates = [f"{each} ({columns})" for each, columns in sorted(found.items())]
    raise errors.AlterError.unclear(_kind_of(constraint) or "constraint", name, candidates)


@contextmanager
def constraints_found(context: Any) -> Iterator[None]:
    """While a script runs, find the names of constraints that it drops without one."""
    impl, operations = context.impl, current_operations(context)
    original = impl.drop_constraint
    impl.drop_constraint = partial(_drop_constraint, context, original)
    if operations is not None:
        objects, batch = operations.schema_obj, operations.batch_alter_table
        operations.schema_obj = UnnamedSchemaObjects(context)
        operations.batch_alter_table = partial(_batch_alter_table, context, batch)
    try:
        yield
    finally:
        del impl.drop_constraint
        if operations is not None:
            operations.schema_obj, operations.batch_alter_table = objects, batch


@contextmanager
def _batch_alter_table(context: Any, original: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
    with original(*args, **kwargs) as operations:
        operations.schema_obj = UnnamedSchemaObjects(context)
        yield operations


def _drop_constraint(
    context: Any, original: Callable[..., Any], constraint: Any, *args: Any, **kwargs: Any
) -> Any:
    is_of_a_kind = _kind_of(constraint) or type(constraint) is sa.Constraint
    if not isinstance(constraint.name, str) and is_of_a_kind and not belongs_to_type(constraint):
        constraint.name = find_name(context.connection, constraint)
        if not _kind_of(constraint):
            table = constraint.table
            constraint = schema_objects(context).generic_constraint(
                constraint.name, table.name, "unique", schema=table.schema
            )
    return original(constraint, *args, **kwargs)
