"""New names for tables and columns, wherever their old ones are used."""

from __future__ import annotations

from .clauses import Clause
from .recreation import Recreation
from .schema import Database
from .tokens import folded, quoted, renamed, text_of, tokens


def rename_column(database: Database, table: Recreation, old: str, new: str) -> None:
    """Give a column another name.

    :param database: where the table is
    :param table: the table, of which nothing else is changed
    :param old: the name of the column
    :param new: its new name
    :raises Exception: the database refuses
    """
    if _renames_columns(database):
        database.run(
            f"ALTER TABLE {database.name(table.name)} RENAME COLUMN {quoted(old)} TO {quoted(new)}"
        )
        return
    _rename_by_hand(table, old, new)
    table.write()
    for child in _referring(database, table.name):
        for clause in _keys_to(child, table.name):
            clause.rename_column(old, new, False, True)
        child.write()


def _renames_columns(database: Database) -> bool:
    version = database.rows("SELECT sqlite_version()")[0][0]
    return tuple(map(int, version.split("."))) >= (3, 25)


def _rename_by_hand(table: Recreation, old: str, new: str) -> None:
    """Do what SQLite does from 3.25 on, in the table, its indexes and its triggers."""
    column = table.text.column(old)
    if column is not None:
        column.name_text = quoted(new)
    table.sources[folded(new)] = old
    own_keys = _keys_to(table, table.name)
    for clause in table.text.clauses:
        if clause.kind not in ("DEFAULT", "COLLATE"):
            clause.rename_column(old, new, True, clause in own_keys)
    for name, sql in table.indexes.items():
        words = tokens(sql)
        start = next(place for place, word in enumerate(words) if word.text == "(")
        behind = [renamed(word, old, new) for word in words[start:]]
        table.indexes[name] = text_of([*words[:start], *behind])
    table.triggers = [
        each._replace(sql=_renamed_in_trigger(each.sql or "", old, new)) for each in table.triggers
    ]


def _renamed_in_trigger(sql: str, old: str, new: str) -> str:
    """Write another name for a column of the table of a trigger: in what it waits for, and in the
    rows that it speaks of as NEW and OLD."""
    words = tokens(sql)
    begin = next((p for p, word in enumerate(words) if word.keyword == "BEGIN"), 0)
    for place, word in enumerate(words):
        row = words[place - 1].text == "." and words[place - 2].keyword in ("NEW", "OLD")
        if row or place < begin and words[place - 1].keyword in ("OF", ","):
            words[place] = renamed(word, old, new)
    return text_of(words)


def follow_rename(database: Database, old: str, new: str) -> None:
    """Turn the foreign keys that still refer to a table by its old name to the new one.

    SQLite before 3.26 leaves them behind where foreign keys are not enforced.

    :param database: where the table is
    :param old: the name that it had
    :param new: the name that it has
    :raises Exception: the database refuses
    """
    for child in _referring(database, old):
        for clause in _keys_to(child, old):
            clause.retarget(new)
        child.write()


def _keys_to(table: Recreation, target: str) -> list[Clause]:
    keys = [clause for clause in table.text.clauses if clause.kind == "FOREIGN"]
    return [clause for clause in keys if folded(clause.target) == folded(target)]


def _referring(database: Database, table: str) -> list[Recreation]:
    """Give the tables that refer to a table, itself included."""
    return [
        Recreation(database, entry.name)
        for entry in database.entries()
        if entry.type == "table" and "references" in (entry.sql or "").lower()
        for targets in [{key[0] for key in database.foreign_keys(entry.name).values()}]
        if folded(table) in targets
    ]
