"""What a downgrade throws away: the tables and columns that its scripts drop, with their rows."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from .scripts import dropped_by
from .sql import Dropped, Name


def _select(what: Any, table: Any) -> Any:
    try:
        return sa.select(what).select_from(table)
    except Exception:  # SQLAlchemy before 1.4 wants a list
        return sa.select([what]).select_from(table)  # type: ignore[call-overload]


class _Counts:
    """Counts what is in a database.

    :param connection: SQLAlchemy's connection
    :raises: nothing
    """

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._tables: dict[str | None, list[str]] = {}

    def _named(self, wanted: str, names: list[str], exact: bool) -> str | None:
        if wanted in names:
            return wanted
        if exact and self.connection.dialect.name == "postgresql":
            return None
        alike = [name for name in names if name.lower() == wanted.lower()]
        return alike[0] if alike else None

    def table(self, name: Name) -> Name | None:
        """Find a table as the database calls it; None where it is not there.

        :param name: as a script calls it
        :raises Exception: the database refuses
        """
        if name.schema not in self._tables:
            self._tables[name.schema] = self._tables_of(name.schema)
        found = self._named(name.table, self._tables[name.schema], name.exact)
        return name._replace(table=found, exact=True) if found else None

    def _tables_of(self, schema: str | None) -> list[str]:
        try:
            return list(sa.inspect(self.connection).get_table_names(schema=schema))
        except exc.DBAPIError:
            if schema is None:
                raise
            return []  # there is no such schema, which is the script's affair

    def column(self, name: Name, column: str) -> str | None:
        """Find a column as the database calls it.

        :param name: its table
        :param column: as a script calls it
        :raises Exception: the database refuses
        """
        # without reflecting a definition that SQLAlchemy cannot read
        table = sa.Table(name.table, sa.MetaData(), schema=name.schema)
        written = self.connection.dialect.identifier_preparer.format_table(table)
        query = sa.text(f"SELECT * FROM {written} WHERE 1 = 0".replace("%%", "%"))
        return self._named(column, list(self.connection.execute(query).keys()), False)

    def rows(self, name: Name, column: str = "") -> int:
        """Count the rows of a table, or those with a value in a column.

        :param name: the table
        :param column: the column
        :raises Exception: the database refuses
        """
        columns: list[Any] = [sa.Column(column)] if column else []
        table = sa.Table(name.table, sa.MetaData(), *columns, schema=name.schema)
        what = sa.func.count(table.c[column]) if column else sa.func.count()
        return int(self.connection.execute(_select(what, table)).scalar() or 0)


def _all_dropped(counts: _Counts, steps: list[Any], only: str | None) -> list[Dropped]:
    """Give what all steps drop, each once, by the names that it has now."""
    found: dict[Dropped, None] = {}
    before: dict[str, str] = {}
    for step in steps:
        for one in dropped_by(step.migration_fn, only) if hasattr(step, "revision") else ():
            if one.kind == "renamed":
                before[one.name.table] = before.get(one.column, one.column)
                continue
            old = before.get(one.name.table, one.name.table)
            name = counts.table(one.name._replace(table=old))
            column = counts.column(name, one.column) if name and one.column else ""
            if name is not None and column is not None:
                found[Dropped(one.kind, name, column)] = None
    return list(found)


def losses(connection: Any, steps: list[Any], only: str | None = None) -> list[str]:
    """Say what goes with the steps of a downgrade; nothing about what is empty.

    :param connection: SQLAlchemy's connection
    :param steps: Alembic's steps
    :param only: which of several databases it is, where that is known
    :raises Exception: the database refuses to be read
    """
    counts = _Counts(connection)
    dropped = _all_dropped(counts, steps, only)
    tables = {one.name for one in dropped if one.kind == "table"}
    emptied = {one.name for one in dropped if one.kind == "rows"} - tables
    found = []
    for one in dropped:
        called = ".".join(part for part in one.name[:2] if part)
        if one.kind == "column" and one.name in tables:
            continue
        if one.kind == "rows" and one.name not in emptied:
            continue
        rows = counts.rows(one.name, one.column)
        if not rows:
            continue
        if one.kind == "column":
            found.append(f"column '{one.column}' of table '{called}' ({rows} value(s))")
        elif one.kind == "rows":
            found.append(f"all {rows} row(s) of table '{called}'")
        else:
            found.append(f"table '{called}' ({rows} row(s))")
    return found
