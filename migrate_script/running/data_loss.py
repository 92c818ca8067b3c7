"""How much the due steps lose of what is in the database now: what their scripts drop, counted."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Iterable, NamedTuple

import sqlalchemy as sa
from sqlalchemy import exc

from .. import errors
from ..inspecting.drops import (
    COLUMN,
    RENAMED_COLUMN,
    RENAMED_TABLE,
    ROWS,
    SCHEMA,
    TABLE,
    TYPE,
    Drop,
)
from .dbapi import fetch_all

#: a count of rows ends here, so that a large table does not keep the run waiting
COUNTED = 1_000_000

_VERBS = {TABLE: "drops", COLUMN: "drops", ROWS: "empties", TYPE: "narrows"}
# the values that change, by what a new type keeps, and the types that could be counted so
_NARROWED = {
    "length": ("char_length({0}) > {1}", sa.String),
    "integer": ("{0} <> round({0})", sa.Numeric),
    "scale": ("{0} <> round({0}, {1})", sa.Numeric),
    "date": ("{0} <> CAST({0} AS date)", sa.DateTime),
}


class Loss(NamedTuple):
    """A table that is dropped or emptied, or a column that is dropped or narrowed."""

    kind: str
    table: str
    column: str
    # of rows, or of values other than NULL; more than COUNTED where there are more; None if the
    # table may not be read
    number: int | None

    def __str__(self) -> str:
        name = f"{self.table}.{self.column}" if self.column else self.table
        name = name if re.fullmatch(r"[\w.]+", name) else f"'{name}'"
        noun = "value" if self.column else "row"
        if self.number is None:
            return f"{'column' if self.column else 'table'} {name}"
        number = errors.counted(self.number, noun)
        if self.number > COUNTED:
            number = f"more than {COUNTED:,} rows"
        if self.kind == TYPE:
            number += " that would change"
        return f"{'column' if self.column else 'table'} {name} ({number})"


def described(losses: list[Loss]) -> str:
    """Return "drops column a.x (1 value) and table junk (2 rows)"; nothing without a loss."""
    clauses: dict[str, list[str]] = {}
    for loss in losses:
        clauses.setdefault(_VERBS[loss.kind], []).append(str(loss))
    return _listed([f"{verb} {_listed(texts)}" for verb, texts in clauses.items()])


def _listed(texts: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(texts[:-1]), *texts[-1:]]))


class _Content:
    """Names and counts of what is in the database now."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.schema: str | None = None
        if connection.dialect.name == "postgresql":  # which a search path may have set
            self.schema = fetch_all(connection, "SELECT current_schema()")[0][0]
        self._preparer = connection.dialect.identifier_preparer
        self._names: dict[str | None, list[str]] = {}

    def _select(self, what: str, path: tuple[str, ...], rest: str = "") -> str:
        table = sa.Table(path[-1], sa.MetaData(), schema=".".join(path[:-1]) or None)
        return f"SELECT {what} FROM {self._preparer.format_table(table)}{rest}"

    def _read(self, sql: str) -> Any:
        # text() doubles % for the driver, as the preparer has done, and reads :name as a parameter
        text = sa.text(sql.replace("%%", "%").replace(":", "\\:"))
        return self._connection.execute(text.execution_options(migrate_script_own=True))

    def tables(self, schema: str | None) -> list[str]:
        if schema not in self._names:
            try:
                self._names[schema] = sa.inspect(self._connection).get_table_names(schema=schema)
            except exc.DBAPIError:
                if schema is None:
                    raise
                self._names[schema] = []  # there is no such schema
        return self._names[schema]

    def table(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """Return a table under the name that it has in the database; nothing if it is not there."""
        found = _match(path[-1], self.tables(".".join(path[:-1]) or self.schema))
        return (*path[:-1], found) if found else ()

    def column(self, path: tuple[str, ...], name: str) -> str:
        # without reflecting a definition that SQLAlchemy cannot read
        return _match(name, list(self._read(self._select("*", path, " WHERE 1 = 0")).keys()))

    def count(self, path: tuple[str, ...], column: str) -> int:
        """Count rows, or values of a column other than NULL."""
        what = self._preparer.quote(column) if column else "1 AS one"
        first = self._select(what, path, f" LIMIT {COUNTED + 1}")
        counted = self._preparer.quote(column) if column else "*"
        sql = f"SELECT count(*), count({counted}) FROM ({first}) AS t"
        rows, values = self._read(sql).fetchone()
        # of a column, those that were not looked at may have values
        return int(rows if rows > COUNTED else values)

    def count_changed(self, path: tuple[str, ...], drop: Drop, column: str) -> int:
        """Count the values that a server changes, or refuses, for the new type of a column."""
        if self._connection.dialect.name == "sqlite":  # which keeps any value under any type
            return 0
        condition, old_type = _NARROWED[drop.new]
        inspector = sa.inspect(self._connection)
        schema = ".".join(path[:-1]) or self.schema
        types = {each["name"]: each["type"] for each in inspector.get_columns(path[-1], schema)}
        if not isinstance(types[column], old_type) or isinstance(types[column], sa.Enum):
            return 0
        value = self._preparer.quote(column)
        if drop.new == "scale":  # a float cannot be rounded to it
            value = f"CAST({value} AS {'numeric' if self.schema else 'decimal(65, 30)'})"
        condition = condition.format(value, drop.limit)
        return int(self._read(self._select("count(*)", path, f" WHERE {condition}")).scalar())


def _match(wanted: str, names: list[str]) -> str:
    alike = (name for name in names if name.lower() == wanted.lower())
    return wanted if wanted in names else next(alike, "")


def has_tables(connection: Any) -> bool:
    """Whether a database, or its current schema, has any table."""
    content = _Content(connection)
    return bool(content.tables(content.schema))


def losses(connection: Any, drops: list[Drop]) -> list[Loss]:
    """Return what is lost by the drops of due steps; nothing for what is empty."""
    content = _Content(connection)
    tables: dict[tuple[str, ...], tuple[str, ...]] = {}  # what renamed tables are called now
    columns: dict[tuple[str, ...], str] = {}  # and renamed columns
    found: dict[tuple[str, tuple[str, ...], str], int] = {}
    for drop in drops:
        path = tables.get(drop.path, drop.path)
        name = columns.get((*path, drop.column), drop.column)
        if drop.kind == RENAMED_TABLE:
            renamed = (*drop.path[:-1], drop.new)
            tables[renamed] = path
        elif drop.kind == RENAMED_COLUMN:
            renamed = (*path, drop.new)
            columns[renamed] = name
        elif drop.kind == SCHEMA:
            for each in content.tables(drop.path[0]):
                key = (TABLE, (drop.path[0], each), "")
                found[key] = content.count(key[1], "")
        else:
            table = content.table(path)
            column = content.column(table, name) if table and name else ""
            if table and bool(column) == bool(name):
                found[(drop.kind, table, column)] = (
                    content.count_changed(table, drop, column)
                    if drop.kind == TYPE
                    else content.count(table, column)
                )
    dropped = {table for kind, table, _ in found if kind == TABLE}
    return [
        Loss(kind, ".".join(table), column, number)
        for (kind, table, column), number in found.items()
        if number and (kind == TABLE or table not in dropped)
    ]


def listed_drops(connection: Any, items: Iterable[tuple[tuple[str, ...], str]]) -> str:
    """Describe tables and columns that a new script drops, with what is in them, if anything."""
    content, found = _Content(connection), []
    for path, column in items:
        number = None
        # a savepoint, as a refusal would end the transaction on PostgreSQL
        with suppress(exc.DBAPIError), connection.begin_nested():
            number = content.count(path, column)
        found.append(Loss(COLUMN if column else TABLE, ".".join(path), column, number))
    return described(found)
