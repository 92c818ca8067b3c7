"""What a downgrade throws away: the tables and columns that its scripts drop, with their rows."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any, Iterator

import sqlalchemy as sa


def _text(call: ast.Call, position: int) -> str | None:
    """Give an argument of a call that is written as a plain string."""
    if len(call.args) <= position:
        return None
    try:
        value = ast.literal_eval(call.args[position])
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def _method(node: ast.AST) -> str | None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr
    return None


def _batches(tree: ast.AST) -> dict[str, str]:
    """Name the table behind each `with op.batch_alter_table("table") as batch_op`."""
    items = (item for node in ast.walk(tree) if isinstance(node, ast.With) for item in node.items)
    return {
        id_: str(table)
        for item in items
        if isinstance(item.context_expr, ast.Call)
        and _method(item.context_expr) == "batch_alter_table"
        and isinstance(item.optional_vars, ast.Name)
        for id_, table in [(item.optional_vars.id, _text(item.context_expr, 0))]
        if table
    }


def _dropped(function: Any) -> Iterator[tuple[str, str | None]]:
    """Give the tables, and the tables with a column, that a function drops by name."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return
    # in order, for a name that several batches use: the last one wins, which is near enough
    batches = _batches(tree)
    for node in ast.walk(tree):
        name = _method(node)
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if name == "drop_table" and _text(node, 0):
            yield str(_text(node, 0)), None
        elif name == "drop_column":
            owner = node.func.value
            table = batches.get(owner.id) if isinstance(owner, ast.Name) else None
            column = _text(node, 0) if table else _text(node, 1)
            table = table or _text(node, 0)
            if table and column:
                yield table, column


def _select(what: Any, table: Any) -> Any:
    try:
        return sa.select(what).select_from(table)
    except Exception:  # SQLAlchemy before 1.4 wants a list
        return sa.select([what]).select_from(table)  # type: ignore[call-overload]


def _columns(connection: Any, table: str) -> list[str]:
    """Name the columns of a table, without reflecting a definition that SQLAlchemy cannot read."""
    query = _select(sa.literal_column("*"), sa.table(table)).limit(0)
    return list(connection.execute(query).keys())


def _count(connection: Any, table: str, column: str | None) -> int:
    """Count the rows of a table, or those with a value in a column."""
    name = sa.table(table, *([sa.column(column)] if column else []))
    what = sa.func.count(name.c[column]) if column else sa.func.count()
    return int(connection.execute(_select(what, name)).scalar() or 0)


def losses(connection: Any, steps: list[Any]) -> list[str]:
    """Say what goes with the steps of a downgrade; nothing about what is empty.

    :param connection: SQLAlchemy's connection
    :param steps: Alembic's steps
    :raises Exception: the database refuses to be read
    """
    tables = set(sa.inspect(connection).get_table_names())
    functions = [step.migration_fn for step in steps if hasattr(step, "revision")]
    dropped = dict.fromkeys(pair for function in functions for pair in _dropped(function))
    gone = {table for table, column in dropped if column is None}
    found = []
    for table, column in dropped:
        if table not in tables or (column and table in gone):
            continue
        if column and column not in _columns(connection, table):
            continue
        rows = _count(connection, table, column)
        if rows and column:
            found.append(f"column '{column}' of table '{table}' ({rows} value(s))")
        elif rows:
            found.append(f"table '{table}' ({rows} row(s))")
    return found
