"""Copies of tables that an upgrade without transactions has left on SQLite."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Sequence

import sqlalchemy as sa

from .tokens import folded

PREFIX, OLD_NAME = "_alembic_tmp_", "_alembic_batch_temp"
_LONGEST = 50  # Alembic cuts the names of its copies
_BATCH = r"batch_alter_table\(\s*[urb]*(['\"])(.+?)\1"


def _rows(connection: Any, query: str) -> list[Any]:
    return list(connection.execute(sa.text(query)))


def copies(connection: Any) -> tuple[list[str], list[str]]:
    """Name the tables, and those among them that are copies of a stopped batch.

    :param connection: SQLAlchemy's connection
    :raises Exception: the database refuses
    """
    names = [
        row[0] for row in _rows(connection, "SELECT name FROM sqlite_master WHERE type='table'")
    ]
    return names, [name for name in names if name.startswith(PREFIX) or name == OLD_NAME]


def clean_up(connection: Any, scripts: Sequence[Any]) -> list[str]:
    """Drop the copies that hold nothing of their own.

    :param connection: SQLAlchemy's connection
    :param scripts: those that are due, among which is the one that was stopped
    :returns: a sentence about each, dropped or not
    :raises Exception: the database refuses
    """
    names, left = copies(connection)
    return [_clean_up_one(connection, copy, names, scripts) for copy in left]


def _copied(script: Any) -> list[str]:
    """Name the tables that a script alters in batches."""
    with suppress(OSError), open(script.path, "rb") as file:
        return [found[1] for found in re.findall(_BATCH, file.read().decode("utf-8", "replace"))]
    return []


def _is_copy(copy: str, table: str) -> bool:
    return folded(f"{PREFIX}{table}"[:_LONGEST]) == folded(copy)


def _table_of(copy: str, names: list[str], scripts: Sequence[Any]) -> str | None:
    """Name the table of a copy, also where it is missing; None for a copy of an old Alembic."""
    if not copy.startswith(PREFIX):
        return None
    told = [name for script in scripts for name in _copied(script)]
    known = [name for name in [*names, *told] if _is_copy(copy, name)]
    return known[0] if known else copy[len(PREFIX) :]


def _origin(table: str | None, scripts: Sequence[Any]) -> str:
    """Say what has left a copy, and in which revision, where one of those that are due tells."""
    if table is None:
        return "a batch of Alembic's (before 0.9) that was stopped"
    for script in scripts:
        if folded(table) in map(folded, _copied(script)):
            return f"a batch of Alembic's that was stopped in revision {script.revision}"
    return "a batch of Alembic's that was stopped"


def _clean_up_one(connection: Any, copy: str, names: list[str], scripts: Sequence[Any]) -> str:
    quote = connection.dialect.identifier_preparer.quote
    table = _table_of(copy, names, scripts)
    origin = _origin(table, scripts)
    count = int(_rows(connection, f"SELECT count(*) FROM {quote(copy)}")[0][0])
    if count and table is not None and table in names:
        count = _only_in(connection, copy, table)
    if table is not None and table not in names:
        return (
            f"the table '{table}' is missing and its rows are in '{copy}', left by {origin} before "
            f"its last statement: run the statement ALTER TABLE {quote(copy)} RENAME TO "
            f"{quote(table)} on the database"
        )
    if not count:
        connection.execute(sa.text(f"DROP TABLE {quote(copy)}"))
        whole = f"'{table}' is whole, and the copy" if table else "it"
        return f"dropped '{copy}', left by {origin}: {whole} holds nothing of its own"
    return (
        f"'{copy}' was left by {origin}, with {count} row(s) that are nowhere else: look at them, "
        f"then run the statement DROP TABLE {quote(copy)} on the database"
    )


def _only_in(connection: Any, copy: str, table: str) -> int:
    """Count the rows of a copy that its table has not, by the columns that both have."""
    quote = connection.dialect.identifier_preparer.quote
    columns = [
        [row[1] for row in _rows(connection, f"PRAGMA table_info({quote(name)})")]
        for name in (copy, table)
    ]
    others = set(map(folded, columns[1]))
    common = ", ".join(quote(name) for name in columns[0] if folded(name) in others)
    if not common:
        return int(_rows(connection, f"SELECT count(*) FROM {quote(copy)}")[0][0])
    query = (
        f"SELECT count(*) FROM (SELECT {common} FROM {quote(copy)} "
        f"EXCEPT SELECT {common} FROM {quote(table)})"
    )
    return int(_rows(connection, query)[0][0])
