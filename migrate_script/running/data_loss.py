"""Data that the due steps lose, read from the syntax trees of their functions before they run.

Literal arguments only: drop_table, drop_column (of a batch, too), and SQL that is executed as a
string. What a script computes is not known before it runs.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import sqlalchemy as sa
from sqlalchemy import exc

from .. import errors
from ..sql import classify, split

TABLE, COLUMN, ROWS, RENAME = "table", "column", "rows", "rename"


class Loss(NamedTuple):
    """A table that is dropped or emptied, or a column that is dropped, and how much is in it."""

    table: str
    column: str | None
    number: int  # of rows, or of values other than NULL
    emptied: bool = False

    def __str__(self) -> str:
        if self.column is not None:
            values = errors.counted(self.number, "value")
            return f"column '{self.column}' of table '{self.table}' ({values})"
        if self.emptied:
            return f"all rows of table '{self.table}' ({self.number:,})"
        return f"table '{self.table}' ({errors.counted(self.number, 'row')})"


class _Drop(NamedTuple):
    kind: str
    path: tuple[str, ...]  # of the table: its name, after that of its schema where that is given
    name: str = ""  # of the column; of the table once it is renamed


class _Drops(ast.NodeVisitor):
    """Collects what a function drops, in the order of its source."""

    def __init__(self, dialect: str) -> None:
        self.found: list[_Drop] = []
        self._dialect = dialect
        self._batches: dict[str, tuple[str, ...]] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Skip what is only defined here."""

    def visit_withitem(self, node: ast.withitem) -> None:
        call, name = node.context_expr, node.optional_vars
        if isinstance(call, ast.Call) and isinstance(name, ast.Name):
            if _called(call) == "batch_alter_table":
                self._batches[name.id] = _table(call, "table_name")

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        called = _called(node)
        batch = self._batches.get(getattr(getattr(node.func, "value", None), "id", ""))
        if called == "drop_table":
            self._add(TABLE, _table(node, "table_name"))
        elif called == "rename_table":
            new = _literal(node, 1, "new_table_name")
            self._add(RENAME, _table(node, "old_table_name"), new)
        elif called == "drop_column" and batch is not None:
            self._add(COLUMN, batch, _literal(node, 0, "column_name"))
        elif called == "drop_column":
            self._add(COLUMN, _table(node, "table_name"), _literal(node, 1, "column_name"))
        elif called == "execute" and node.args:
            inner = node.args[0]
            is_text = isinstance(inner, ast.Call) and _called(inner) == "text"
            self._add_sql(_literal(inner if is_text else node, 0, "text"))

    def _add(self, kind: str, path: tuple[str, ...], name: str = "") -> None:
        if path and (name or kind in (TABLE, ROWS)):
            self.found.append(_Drop(kind, path, name))

    def _add_sql(self, sql: str) -> None:
        for statement in (classify(part, self._dialect) for part in split(sql, self._dialect)):
            for path in statement.paths:
                if statement.verb == "DROP TABLE" and not statement.temporary:
                    self._add(TABLE, path)
                elif statement.every_row:
                    self._add(ROWS, path)
                for column in statement.dropped_columns:
                    self._add(COLUMN, path, column)
            for old, new in statement.renames:
                self._add(RENAME, old, new[-1])


def _called(node: ast.Call) -> str:
    """Return the name of the function or method that is called."""
    return str(getattr(node.func, "attr", "") or getattr(node.func, "id", ""))


def _literal(node: Any, place: int, keyword: str) -> str:
    """Return an argument that is a literal string; an empty string for any other."""
    given = [each.value for each in node.keywords if each.arg == keyword]
    given += node.args[place : place + 1] if place >= 0 else []
    try:
        value = ast.literal_eval(given[0]) if given else ""
    except ValueError:
        return ""
    return value if isinstance(value, str) else ""


def _table(node: ast.Call, keyword: str) -> tuple[str, ...]:
    schema, table = _literal(node, -1, "schema"), _literal(node, 0, keyword)
    return (*filter(None, [schema]), table) if table else ()


def _functions(step: Any, bind: str | None) -> Iterator[ast.FunctionDef]:
    """Yield the function of a step, and those of one database of several (upgrade_NAME)."""
    try:
        # the file and not the module, which is loaded when it is due
        tree = ast.parse(Path(step.revision.path).read_bytes())
    except (AttributeError, OSError, SyntaxError, ValueError):  # a stamp; no source
        return
    name = "upgrade" if step.is_upgrade else "downgrade"
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if name in found:
        yield found[name]
        several = {key: node for key, node in found.items() if key.startswith(f"{name}_")}
        only = f"{name}_" + re.sub(r"\W", "_", bind or "")
        if found[name].args.args:
            yield from [several[only]] if bind is not None and only in several else several.values()


def _drops(step: Any, bind: str | None, dialect: str) -> list[_Drop]:
    visitor = _Drops(dialect)
    for function in _functions(step, bind):
        for node in function.body:
            visitor.visit(node)
    return visitor.found


class _Content:
    """Names and counts of what is in the database now."""

    def __init__(self, connection: Any, schema: str | None) -> None:
        self._connection = connection
        self._schema = schema
        self._preparer = connection.dialect.identifier_preparer
        self._names: dict[str | None, list[str]] = {}

    def _select(self, what: str, path: tuple[str, ...], where: str = "") -> Any:
        table = sa.Table(path[-1], sa.MetaData(), schema=".".join(path[:-1]) or None)
        sql = f"SELECT {what} FROM {self._preparer.format_table(table)}{where}"
        # text() doubles % for the driver, as the preparer has done, and reads :name as a parameter
        text = sa.text(sql.replace("%%", "%").replace(":", "\\:"))
        return self._connection.execute(text.execution_options(migrate_script_own=True))

    def table(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """Return a table under the name that it has in the database; nothing if it is not there."""
        schema = ".".join(path[:-1]) or self._schema
        if schema not in self._names:
            try:
                self._names[schema] = sa.inspect(self._connection).get_table_names(schema=schema)
            except exc.DBAPIError:
                if schema is None:
                    raise
                self._names[schema] = []  # there is no such schema
        found = _match(path[-1], self._names[schema])
        return (*path[:-1], found) if found else ()

    def column(self, path: tuple[str, ...], name: str) -> str:
        # without reflecting a definition that SQLAlchemy cannot read
        return _match(name, list(self._select("*", path, " WHERE 1 = 0").keys()))

    def count(self, path: tuple[str, ...], column: str) -> int:
        what = self._preparer.quote(column) if column else "*"
        return int(self._select(f"count({what})", path).scalar() or 0)


def _match(wanted: str, names: list[str]) -> str:
    alike = (name for name in names if name.lower() == wanted.lower())
    return wanted if wanted in names else next(alike, "")


def losses(
    connection: Any, steps: list[Any], bind: str | None = None, schema: str | None = None
) -> list[Loss]:
    """Return what is lost by steps of an upgrade or downgrade; nothing for what is empty.

    A `schema` is the one of names without one, where a search path was set.
    """
    content = _Content(connection, schema)
    renamed: dict[tuple[str, ...], tuple[str, ...]] = {}
    found: dict[_Drop, int] = {}
    for step in steps:
        for kind, path, name in _drops(step, bind, connection.dialect.name):
            old = renamed.get(path, path)
            if kind == RENAME:
                new = (*path[:-1], name)
                renamed[new] = old
                continue
            table = content.table(old)
            column = content.column(table, name) if table and name else ""
            if table and bool(column) == bool(name):
                found[_Drop(kind, table, column)] = content.count(table, column)
    dropped = {drop.path for drop in found if drop.kind == TABLE}
    return [
        Loss(".".join(drop.path), drop.name or None, number, drop.kind == ROWS)
        for drop, number in found.items()
        if number and (drop.kind == TABLE or drop.path not in dropped)
    ]
