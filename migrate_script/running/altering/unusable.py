"""Views and triggers that refer to what is not there, or count on other columns."""

from __future__ import annotations

import itertools
import re
import sqlite3
from typing import Iterable

from .schema import Database, Entry
from .tokens import folded, literal, quoted, tokens

_numbers = itertools.count()

# what SQLite says of names that are missing or mean two things, and of columns that are too many
# or too few; anything else is a matter of what may be written
_REASONS = re.compile(
    "no such|has no column|ambiguous|cannot join|values were supplied|number of terms|"
    r"number of result columns|sub-select returns|expected \d+ columns|values for \d+ columns|"
    r"columns assigned|row value misused"
)


def unusable(database: Database) -> set[tuple[str, str]]:
    """Name the views and triggers that cannot be used with the tables as they are.

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
        if entry.type == "trigger" and not _is_usable(database, entry):
            broken.add(("trigger", entry.name))
    return broken


def _is_usable(database: Database, trigger: Entry) -> bool:
    try:
        # with the columns that are generated, from SQLite 3.26 on
        rows = database.rows(f"PRAGMA table_xinfo({literal(trigger.table)})")
        rows = rows or database.rows(f"PRAGMA table_info({literal(trigger.table)})")
    except sqlite3.Error:
        return False  # of a view that is unusable itself
    settable = [row[1] for row in rows if not any(row[6:])]
    may_fire = _may_fire(trigger.sql or "", [row[1] for row in rows])
    return may_fire and _compiles(database, _firing(trigger, settable))


def _may_fire(sql: str, columns: list[str]) -> bool:
    """Tell a trigger that waits for columns of which none is there, which SQLite allows."""
    words = tokens(sql)
    keywords = [word.keyword for word in words]
    head = keywords[: keywords.index("BEGIN")] if "BEGIN" in keywords else []
    place = next(
        (p for p, pair in enumerate(zip(head, head[1:])) if pair == ("UPDATE", "OF")), None
    )
    if place is None:
        return True
    names = {folded(w.name) for w in words[place + 2 : keywords.index("ON", place)]}
    return not names.isdisjoint(map(folded, columns))


def _compiles(database: Database, statement: str) -> bool:
    try:
        # never the same text twice: the sqlite3 module keeps what it has prepared, and EXPLAIN does
        # not look whether the schema is still that one, but reads memory that SQLite has freed
        database.rows(f"EXPLAIN {statement} -- {next(_numbers)}")
    except sqlite3.Error as error:
        return _REASONS.search(str(error)) is None
    return True


def _firing(trigger: Entry, columns: list[str]) -> str:
    """Write the statement that a trigger waits for: others of the table are none of its matter."""
    name, words = quoted(trigger.table), [word.keyword for word in tokens(trigger.sql or "")]
    event = next(word for word in words if word in ("DELETE", "INSERT", "UPDATE"))
    if event == "DELETE":
        return f"DELETE FROM {name}"
    if event == "INSERT":
        return f"INSERT INTO {name} DEFAULT VALUES"
    return f"UPDATE {name} SET " + ", ".join(f"{quoted(column)} = NULL" for column in columns)


def named_by(database: Database, tables: Iterable[str]) -> set[tuple[str, str]]:
    """Name the views and triggers that speak of a table, or of a view that does.

    :param database: where they are
    :param tables: the names of the tables
    :raises sqlite3.Error: the database cannot be read
    """
    entries = [entry for entry in database.entries() if entry.type in ("view", "trigger")]
    words = {
        entry: {folded(word.name) for word in tokens(entry.sql or "") if word.name}
        for entry in entries
    }
    known = set(map(folded, tables))
    found: set[Entry] = set()
    while True:
        more = {entry for entry in entries if words[entry] & known} - found
        if not more:
            return {(entry.type, entry.name) for entry in found}
        found |= more
        known |= {folded(entry.name) for entry in more}
