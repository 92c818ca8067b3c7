"""The highest numbers that AUTOINCREMENT gave, through a re-creation."""

from __future__ import annotations

from typing import Any

from .schema import Database
from .tabletext import TableText
from .tokens import group_end, literal, quoted, text_of


def counts(text: TableText) -> bool:
    """Tell a table with AUTOINCREMENT.

    :param text: its definition
    :raises: nothing
    """
    keys = [c for column in text.columns for c in column.clauses if c.kind == "PRIMARY"]
    return any(word.keyword == "AUTOINCREMENT" for key in keys for word in key.body)


def let_count(text: TableText, wanted: bool) -> None:
    """Give AUTOINCREMENT to the table, where its key is the number of the row, or take it away.

    :param text: its definition
    :param wanted: whether it is to have it
    :raises: nothing
    """
    column = text.column(text.rowid_column or "")
    if column is None or counts(text) == wanted:
        return
    for constraint in [c for c in text.constraints if c.clause.kind == "PRIMARY"]:
        words = constraint.clause.words  # a key of the table cannot have it, one of the column can
        start = next(place for place, word in enumerate(words) if word.text == "(")
        column.put(text_of([*words[:start], *words[group_end(words, start) :]]))
        text.remove(constraint)
    (key,) = [clause for clause in column.clauses if clause.kind == "PRIMARY"]
    bare = text_of([word for word in key.words if word.keyword != "AUTOINCREMENT"])
    column.put(f"{bare.rstrip()} AUTOINCREMENT" if wanted else bare)


def _numbers(database: Database) -> str:
    return f"{quoted(database.schema)}.sqlite_sequence"


def hand_over(database: Database, before: TableText, after: TableText, old: str, new: str) -> None:
    """Keep the number that was renamed with the old table; the copy has noted another.

    :param database: where the tables are
    :param before: the definition of the old table
    :param after: that of the new one
    :param old: the name that the old table has now
    :param new: the name of the new table
    :raises Exception: the database refuses
    """
    if not counts(before):
        return
    forget(database, before, new)
    if counts(after):
        database.run(
            f"UPDATE {_numbers(database)} SET name = {literal(new)} WHERE name = {literal(old)}"
        )


def forget(database: Database, text: TableText, name: str) -> None:
    """Forget the number of a table.

    :param database: where the numbers are
    :param text: the definition of the table
    :param name: its name
    :raises Exception: the database refuses
    """
    if counts(text):
        database.run(f"DELETE FROM {_numbers(database)} WHERE name = {literal(name)}")


def read(database: Database, name: str) -> Any:
    """Read the number of a table.

    :param database: where it is
    :param name: the table
    :returns: None where it has given none
    :raises sqlite3.Error: the database cannot be read
    """
    if database.table("sqlite_sequence") is None:
        return None
    rows = database.rows(f"SELECT seq FROM {_numbers(database)} WHERE name = {literal(name)}")
    return rows[0][0] if rows else None


def put(database: Database, text: TableText, name: str, number: int | None) -> None:
    """Set the number of a table; a copy of no rows has noted a 0.

    :param database: where it is
    :param text: its definition
    :param name: the table
    :param number: the number; None where none was given so far
    :raises Exception: the database refuses
    """
    if number is not None or counts(text):
        database.run(f"DELETE FROM {_numbers(database)} WHERE name = {literal(name)}")
    if number is not None and counts(text):
        database.run(
            f"INSERT INTO {_numbers(database)} (name, seq) VALUES ({literal(name)}, {number})"
        )
