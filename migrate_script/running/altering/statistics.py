"""What ANALYZE has found about a table, through a re-creation.

SQLite drops it with the table and its indexes; the next ANALYZE may be far, and every query is
planned without it until then.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .schema import Database
from .tokens import literal, quoted, text_of, tokens

_TABLES = ("sqlite_stat1", "sqlite_stat3", "sqlite_stat4")


class Statistics(NamedTuple):
    """The statistics of one table.

    :param rows: by the table that keeps them: rows of values, as they are written in SQL
    :param indexes: what the indexes of the table are, by their names
    """

    rows: dict[str, list[tuple[str, ...]]]
    indexes: dict[str, Any]


def read(database: Database, table: str) -> Statistics:
    """Read the statistics of a table.

    :param database: where it is
    :param table: its name
    :raises sqlite3.Error: the database cannot be read
    """
    rows = {}
    for keeper in _TABLES:
        if database.table(keeper) is not None:
            values = ", ".join(f"quote({column})" for column in _columns(database, keeper))
            rows[keeper] = database.rows(
                f"SELECT {values} FROM {database.name(keeper)} "
                f"WHERE tbl = {literal(table)} ORDER BY rowid"
            )
    return Statistics(rows, _indexes(database, table) if any(rows.values()) else {})


def put(database: Database, before: Statistics, table: str) -> None:
    """Note again what is known about a table: its rows, and those indexes that are what they were.

    :param database: where it is
    :param before: what was known
    :param table: the name that it has
    :raises Exception: the database refuses
    """
    if not any(before.rows.values()):
        return
    names = {what: name for name, what in _indexes(database, table).items()}
    now = read(database, table)
    for keeper, rows in before.rows.items():
        kept = [
            (rowid, literal(table), index, *values)
            for rowid, _, old, *values in rows
            for index in [_index(old, before.indexes, names)]
            if index is not None
        ]
        if kept != now.rows.get(keeper):
            _write(database, keeper, table, kept)


def forget(database: Database, table: str) -> None:
    """Drop what is known about a table.

    :param database: where it is
    :param table: its name
    :raises Exception: the database refuses
    """
    for keeper, rows in read(database, table).rows.items():
        if rows:
            _write(database, keeper, table, [])


def _columns(database: Database, keeper: str) -> list[str]:
    found = database.pragma(f"table_info({keeper})")
    return ["rowid", *[quoted(row[1]) for row in found]]


def _write(database: Database, keeper: str, table: str, rows: list[tuple[str, ...]]) -> None:
    database.run(f"DELETE FROM {database.name(keeper)} WHERE tbl = {literal(table)}")
    columns = ", ".join(_columns(database, keeper))
    for row in rows:
        database.run(f"INSERT INTO {database.name(keeper)} ({columns}) VALUES ({', '.join(row)})")


def _index(old: str, before: dict[str, Any], names: dict[Any, str]) -> str | None:
    """Name an index anew, as a value is written; there is none for the rows of the table alone."""
    return old if old == "NULL" else names.get(before.get(old))


def _indexes(database: Database, table: str) -> dict[str, Any]:
    """Tell what each index of a table is: an own one by its SQL, that of a key by its columns."""
    sql = {entry.name: entry.sql for entry in database.entries() if entry.type == "index"}
    found: dict[str, Any] = {}
    for _, name, unique, origin, *_ in database.pragma(f"index_list({quoted(table)})"):
        own = sql.get(name)
        if own is not None:
            words = tokens(own)
            start = next(place for place, word in enumerate(words) if word.text == "(")
            found[literal(name)] = name, unique, text_of(words[start:])
            continue
        columns = database.pragma(f"index_xinfo({quoted(name)})")
        # the key of a table without rowids goes by the name of the table
        known_as = name if name in sql else table
        found[literal(known_as)] = origin, tuple(tuple(part[2:5]) for part in columns if part[5])
    return found
