"""Views and triggers that refer to what is not there."""

from __future__ import annotations

import itertools
import sqlite3

from .schema import Database
from .tokens import literal, quoted

_numbers = itertools.count()


def unusable(database: Database) -> set[tuple[str, str]]:
    """Name the views and triggers that refer to what is not there.

    :param database: where to look
    :raises sqlite3.Error: the database cannot be read
    """
    entries = database.entries()
    broken = {
        ("view", entry.name)
        for entry in entries
        if entry.type == "view" and not _compiles(database, f"SELECT * FROM {quoted(entry.name)}")
    }
    for entry in entries:
        if entry.type == "trigger" and not _trigger_compiles(database, entry.table):
            broken.add(("trigger", entry.name))
    return broken


def _compiles(database: Database, statement: str) -> bool:
    try:
        # never the same text twice: the sqlite3 module keeps what it has prepared, and EXPLAIN does
        # not look whether the schema is still that one, but reads memory that SQLite has freed
        database.rows(f"EXPLAIN {statement} -- {next(_numbers)}")
    except sqlite3.Error as error:
        # anything else is a matter of what may be written, not of what is missing
        return "no such" not in str(error) and "has no column" not in str(error)
    return True


def _trigger_compiles(database: Database, table: str) -> bool:
    try:
        columns = [row[1] for row in database.rows(f"PRAGMA table_info({literal(table)})")]
    except sqlite3.Error:
        return False  # of a view that is unusable itself
    name = quoted(table)
    settings = ", ".join(f"{quoted(column)} = NULL" for column in columns)
    return all(
        _compiles(database, statement)
        for statement in (
            f"DELETE FROM {name}",
            f"INSERT INTO {name} DEFAULT VALUES",
            f"UPDATE {name} SET {settings}",
        )
    )
