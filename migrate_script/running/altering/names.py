"""Constraints without a name, on databases that gave them one."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Callable, Iterator

import sqlalchemy as sa
from alembic.operations.schemaobj import SchemaObjects

from ... import errors
from ..connections import driver_connection
from .finding import UNTYPED
from .reverse import Made, made_without_name, names_in
from .tokens import normal
from .wording import KIND_WORDS, is_of_type, kind_of


def _constraints(connection: Any, constraint: Any, kind: str) -> list[tuple[str, tuple[str, ...]]]:
    """Read the constraints of a kind: the name, and the columns or the condition."""
    inspector: Any = sa.inspect(connection)
    table, schema = str(constraint.table.name), constraint.table.schema
    if kind == "FOREIGN":
        keys = inspector.get_foreign_keys(table, schema=schema)
        return [(key["name"], tuple(key["constrained_columns"])) for key in keys]
    if kind == "UNIQUE":
        keys = inspector.get_unique_constraints(table, schema=schema)
        return [(key["name"], tuple(key["column_names"])) for key in keys]
    if kind == "PRIMARY":
        key = inspector.get_pk_constraint(table, schema=schema)
        return [(key["name"], tuple(key["constrained_columns"]))]
    try:
        checks = inspector.get_check_constraints(table, schema=schema)
    except NotImplementedError:
        return []  # an old SQLAlchemy that does not read the CHECKs of this database
    return [(check["name"], (check["sqltext"],)) for check in checks]


def _plain(parts: tuple[str, ...]) -> str:
    """Write columns or a condition without the brackets that databases add."""
    return " ".join(normal(",".join(parts)).replace("(", " ").replace(")", " ").split())


def _as_stored(connection: Any, table: Any, condition: str) -> str:
    """Ask the database how it writes a condition, on a table without rows that goes again.

    What cannot be asked is given as it is: brackets, casts and the like may differ then.
    """
    name = connection.dialect.identifier_preparer.format_table(table)
    server = connection.dialect.name
    cursor = driver_connection(connection).cursor()
    try:
        cursor.execute(_BEFORE.get(server, "SELECT 1"))
        cursor.execute(_PROBE[server].format(condition=condition, table=name))
        (check,) = sa.inspect(connection).get_check_constraints("migrate_script_check")
        return str(check["sqltext"])
    except Exception:
        return condition
    finally:
        with suppress(Exception):
            cursor.execute(_BEHIND.get(server, "DROP TEMPORARY TABLE migrate_script_check"))
        cursor.close()


_BEFORE = {"postgresql": "SAVEPOINT migrate_script_check"}
_BEHIND = {"postgresql": "ROLLBACK TO SAVEPOINT migrate_script_check"}
_PROBE = {
    "postgresql": (
        "CREATE TEMPORARY TABLE migrate_script_check (LIKE {table}, CHECK ({condition}))"
    ),
    "mysql": (
        "CREATE TEMPORARY TABLE migrate_script_check (CHECK ({condition})) "
        "SELECT * FROM {table} LIMIT 0"
    ),
}
_PROBE["mariadb"] = _PROBE["mysql"]


def find_name(
    connection: Any, constraint: Any, made: list[Made], known: set[str]
) -> tuple[str, str]:
    """Find the name that the database gave to a constraint, and its kind.

    :param connection: SQLAlchemy's connection
    :param constraint: SQLAlchemy's constraint, of which the table is known, and perhaps the kind
    :param made: what the script makes without names, the last first; what is found is taken out
    :param known: the names that the script gives itself
    :raises AlterError: several may be meant, or there is none
    """
    kind, table = kind_of(constraint), str(constraint.table.name)
    for one in [one for one in made if one.table == table and kind in ("", one.kind)]:
        parts = one.columns
        if one.kind == "CHECK":
            parts = (_as_stored(connection, constraint.table, parts[0]),)
        found = _constraints(connection, constraint, one.kind)
        for name, its_parts in sorted(found, key=lambda each: each[0] in known):
            if _plain(its_parts) == _plain(parts):
                made.remove(one)
                return name, one.kind
    found = _constraints(connection, constraint, kind or UNTYPED)
    if len(found) != 1:
        raise errors.AlterError.nothing_there(KIND_WORDS[kind], None, table)
    return found[0][0], kind or UNTYPED


@contextmanager
def found_names(context: Any, path: str) -> Iterator[None]:
    """While a script runs, give what it drops without a name the name it has.

    :param context: Alembic's MigrationContext
    :param path: the script
    :raises AlterError: it is not clear which constraint is meant
    """
    impl = context.impl
    original = impl.drop_constraint
    impl.drop_constraint = partial(
        _drop_constraint, context, original, made_without_name(path), names_in(path)
    )
    try:
        yield
    finally:
        del impl.drop_constraint


def _drop_constraint(
    context: Any,
    original: Callable[..., Any],
    made: list[Made],
    known: set[str],
    constraint: Any,
    *args: Any,
    **kwargs: Any,
) -> Any:
    of_a_kind = kind_of(constraint) or type(constraint) is sa.Constraint
    if not isinstance(constraint.name, str) and of_a_kind and not is_of_type(constraint):
        constraint.name, kind = find_name(context.connection, constraint, made, known)
        if not kind_of(constraint):
            constraint = _typed(context, constraint, kind)
    return original(constraint, *args, **kwargs)


def _typed(context: Any, constraint: Any, kind: str) -> Any:
    """Say the kind of a constraint, which MySQL wants to know."""
    type_, table = {"FOREIGN": "foreignkey"}.get(kind, kind.lower()), constraint.table
    made: Any = SchemaObjects(context)
    return made.generic_constraint(constraint.name, table.name, type_, schema=table.schema)
