"""Copies of tables that an upgrade without transactions has left on SQLite."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

PREFIX, OLD_NAME = "_alembic_tmp_", "_alembic_batch_temp"


def _rows(connection: Any, query: str) -> list[Any]:
    return list(connection.execute(sa.text(query)))


def clean_up(connection: Any) -> list[str]:
    """Drop the copies that hold nothing of their own.

    :param connection: SQLAlchemy's connection
    :returns: a sentence about each, dropped or not
    :raises Exception: the database refuses
    """
    names = [
        row[0] for row in _rows(connection, "SELECT name FROM sqlite_master WHERE type='table'")
    ]
    copies = [name for name in names if name.startswith(PREFIX) or name == OLD_NAME]
    return [_clean_up_one(connection, copy, names) for copy in copies]


def _clean_up_one(connection: Any, copy: str, names: list[str]) -> str:
    quote = connection.dialect.identifier_preparer.quote
    table = copy[len(PREFIX) :] if copy.startswith(PREFIX) else None
    count = int(_rows(connection, f"SELECT count(*) FROM {quote(copy)}")[0][0])
    if count and table is not None and table in names:
        count = _only_in(connection, copy, table)
    if not count:
        connection.execute(sa.text(f"DROP TABLE {quote(copy)}"))
        return f"dropped '{copy}', left by an upgrade that was stopped: it holds nothing of its own"
    if table is not None and table not in names:
        return (
            f"the table '{table}' is missing and its rows are in '{copy}', because a copy of the "
            f"table was stopped before its last statement: run the statement ALTER TABLE "
            f"{quote(copy)} RENAME TO {quote(table)} on the database"
        )
    return (
        f"'{copy}' was left by an upgrade that was stopped, with {count} row(s) that are nowhere "
        f"else: look at them, then run the statement DROP TABLE {quote(copy)} on the database"
    )


def _only_in(connection: Any, copy: str, table: str) -> int:
    """Count the rows of a copy that its table has not, by the columns that both have."""
    quote = connection.dialect.identifier_preparer.quote
    columns = [
        [row[1] for row in _rows(connection, f"PRAGMA table_info({quote(name)})")]
        for name in (copy, table)
    ]
    common = ", ".join(quote(name) for name in columns[0] if name in columns[1])
    if not common:
        return int(_rows(connection, f"SELECT count(*) FROM {quote(copy)}")[0][0])
    query = (
        f"SELECT count(*) FROM (SELECT {common} FROM {quote(copy)} "
        f"EXCEPT SELECT {common} FROM {quote(table)})"
    )
    return int(_rows(connection, query)[0][0])
