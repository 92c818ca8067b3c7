"""What a SQLite database contains, read on the driver's connection, and statements that change it.

Reads go to the driver's connection directly. What changes the database goes through SQLAlchemy's
connection with the execution option `migrate_script_own`, so that listeners see it and can tell
it from the statements of a script.
"""

from __future__ import annotations

import copy
import sqlite3
from contextlib import contextmanager
from typing import Any, Iterator, NamedTuple, Tuple

from ..compat.sqlalchemy import execute_text
from ..sql.lexer import folded, literal, placed, quoted

# copies of tables that a batch of Alembic's left when it was stopped, without a transaction: from
# Alembic 0.9 on, and before
PREFIX, _OLD_NAME = "_alembic_tmp_", "_alembic_batch_temp"
_LONGEST = 50  # Alembic cuts the names of its copies
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"

ForeignKey = Tuple[str, Tuple[str, ...], str, Tuple[str, ...]]


class Entry(NamedTuple):
    """A row of `sqlite_master`."""

    type: str  # table, index, trigger or view
    name: str
    table: str  # the table or view that it belongs to
    sql: str | None  # None for the index of a constraint


def run_own(connection: Any, statement: str) -> None:
    """Run a statement of this library, as it is."""
    # SQLAlchemy 1 would commit after a statement outside its own transactions
    execute_text(connection, statement, migrate_script_own=True, autocommit=False).close()


class Schema:
    """One schema (`main`, `temp`, an attached file) of one connection."""

    def __init__(self, connection: Any, schema: str | None = None) -> None:
        self.connection = connection
        self.raw: Any = connection.connection  # the pool's, which passes all on to the driver's
        self.alias: str = schema or "main"

    def run(self, statement: str) -> None:
        """Run a statement that changes the database."""
        run_own(self.connection, statement)

    def set(self, pragma: str, value: str) -> None:
        """Set a pragma of the connection."""
        self.raw.execute(f"PRAGMA {pragma} = {value}")

    def rows(self, query: str) -> list[Any]:
        """Return the rows of a query."""
        cursor = self.raw.cursor()
        cursor.row_factory = None  # an application may want its rows as dictionaries
        return list(cursor.execute(query))

    def name(self, name: str) -> str:
        """Return a name, quoted and qualified with the schema."""
        return f"{quoted(self.alias)}.{quoted(name)}"

    @property
    def master(self) -> str:
        """The table of all entries."""
        temporary = "temp_" if self.alias == "temp" else ""
        return f"{quoted(self.alias)}.sqlite_{temporary}master"

    def that_has(self, table: str) -> Schema:
        """Return the schema in which SQLite finds an unqualified table; this one if in none."""
        names = [row[1] for row in self.rows("PRAGMA database_list")]
        for name in sorted(names, key=lambda name: name != "temp"):
            found = copy.copy(self)
            found.alias = name
            if found.table(table) is not None:
                return found
        return self

    def placed(self, sql: str) -> str:
        """Return a CREATE statement of `sqlite_master`, qualified where it has to be."""
        return sql if self.alias == "main" else placed(sql, self.alias)

    def pragma(self, call: str) -> list[Any]:
        """Return the rows of a pragma of the schema."""
        return self.rows(f"PRAGMA {quoted(self.alias)}.{call}")

    def entries(self) -> list[Entry]:
        """Return all entries in the order in which they were created."""
        found = self.rows(f"SELECT type, name, tbl_name, sql FROM {self.master} ORDER BY rowid")
        return [Entry(*row) for row in found]

    def table(self, name: str) -> Entry | None:
        """Return the entry of a table, whatever the case of its name."""
        found = self.rows(
            f"SELECT type, name, tbl_name, sql FROM {self.master} "
            f"WHERE type = 'table' AND lower(name) = lower({literal(name)})"
        )
        return Entry(*found[0]) if found else None

    @property
    def enforces_foreign_keys(self) -> bool:
        """Whether foreign keys are enforced on this connection."""
        found = self.rows("PRAGMA foreign_keys")
        return bool(found and found[0][0])

    def foreign_keys(self, table: str) -> dict[int, ForeignKey]:
        """Return the foreign keys of a table: target, columns, actions, target columns."""
        return _foreign_keys(self.pragma(f"foreign_key_list({quoted(table)})"))

    def foreign_keys_of(self, tables: list[str]) -> dict[str, dict[int, ForeignKey]]:
        """Return the foreign keys of several tables, by one query."""
        listed = f"pragma_foreign_key_list(m.name, {literal(self.alias)})"
        which = f"m.type = 'table' AND m.name IN ({', '.join(map(literal, tables))})"
        try:
            found = self.rows(f"SELECT m.name, f.* FROM {self.master} m, {listed} f WHERE {which}")
        except sqlite3.OperationalError:  # SQLite before 3.16 has a PRAGMA only
            return {name: self.foreign_keys(name) for name in tables}
        rows: dict[str, list[Any]] = {}
        for name, *row in found:
            rows.setdefault(name, []).append(row)
        return {name: _foreign_keys(of_table) for name, of_table in rows.items()}

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Do everything inside, or nothing."""
        self.run("SAVEPOINT migrate_script")
        try:
            yield
        except BaseException:
            # a statement that failed may have rolled back the whole transaction
            if self.raw.in_transaction:
                self.run("ROLLBACK TO migrate_script")
                self.run("RELEASE migrate_script")
            raise
        self.run("RELEASE migrate_script")


def _foreign_keys(found: list[Any]) -> dict[int, ForeignKey]:
    """Put the rows of a `foreign_key_list` together, of which there is one for each column."""
    parts: dict[int, list[Any]] = {}
    for row in found:
        parts.setdefault(row[0], []).append(row)
    keys = {}
    for number, rows in parts.items():
        rows.sort(key=lambda row: row[1])
        columns = tuple(folded(row[3]) for row in rows)
        targets = tuple(folded(row[4] or "") for row in rows)
        first = rows[0]
        keys[number] = (folded(first[2]), columns, f"{first[5]} {first[6]} {first[7]}", targets)
    return keys


def leftovers(connection: Any) -> list[str]:
    """Return the names of the copies that a stopped batch left.

    :param connection: SQLAlchemy's connection
    :raises sqlite3.Error: the database cannot be read
    """
    found = []
    for (name,) in Schema(connection).rows(_TABLES):
        if name.startswith(PREFIX) or name == _OLD_NAME:
            found.append(name)
    return found


def clean_leftovers(connection: Any) -> list[str]:
    """Drop the copies whose rows are all in their table.

    :param connection: SQLAlchemy's connection
    :returns: a sentence about each copy: that it was dropped, or what to do with it
    :raises sqlite3.Error: the database cannot be read
    :raises sqlalchemy.exc.DBAPIError: the database refuses
    """
    said = []
    for name in leftovers(connection):
        said.append(_clean_up(connection, name))
    return said


def _clean_up(connection: Any, left: str) -> str:
    schema, quote = Schema(connection), connection.dialect.identifier_preparer.quote
    table, origin = None, "a batch of Alembic's (before 0.9) that was stopped"
    if left != _OLD_NAME:
        table, origin = left[len(PREFIX) :], "a batch of Alembic's that was stopped"
        names = [entry.name for entry in schema.entries() if entry.type == "table"]
        known = [name for name in names if folded(f"{PREFIX}{name}"[:_LONGEST]) == folded(left)]
        if not known:
            is_cut = " (with the whole name of the table, which may be cut here)"
            return (
                f"the table '{table}' is missing and its rows are in '{left}', left by {origin} "
                f"before its last statement: run the statement ALTER TABLE {quote(left)} RENAME TO "
                f"{quote(table)} on the database{is_cut if len(left) == _LONGEST else ''}"
            )
        table = known[0]
    with schema.savepoint():  # nobody writes between the two
        count = _rows_only_in(schema, left, table)
        if not count:
            schema.run(f"DROP TABLE {schema.name(left)}")
    if not count:
        whole = f"'{table}' is whole, and the copy" if table else "it"
        return f"dropped '{left}', left by {origin}: {whole} holds nothing of its own"
    return (
        f"'{left}' was left by {origin}, with {count} row(s) that are nowhere else: look at them, "
        f"then run the statement DROP TABLE {quote(left)} on the database"
    )


def _rows_only_in(schema: Schema, left: str, table: str | None) -> int:
    """Count the rows of a copy that its table has not, by the columns that both have."""
    rows = schema.name(left)
    if table is not None:
        columns = [
            [row[1] for row in schema.pragma(f"table_info({quoted(name)})")]
            for name in (left, table)
        ]
        others = set(map(folded, columns[1]))
        common = ", ".join(quoted(name) for name in columns[0] if folded(name) in others)
        if common:
            rows = f"(SELECT {common} FROM {rows} EXCEPT SELECT {common} FROM {schema.name(table)})"
    return int(schema.rows(f"SELECT count(*) FROM {rows}")[0][0])
