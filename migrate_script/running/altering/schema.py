"""What a database of SQLite holds, from its own tables; and statements for it, run as they are."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple, Tuple

from ..connections import driver_connection
from .tokens import folded, literal, quoted

_Key = Tuple[str, Tuple[str, ...], str, Tuple[str, ...]]


class Entry(NamedTuple):
    """A row of `sqlite_master`.

    :param type: `table`, `index`, `trigger` or `view`
    :param name: its name
    :param table: the table or view that it belongs to
    :param sql: how it was created; None for the index of a constraint
    :raises: nothing
    """

    type: str
    name: str
    table: str
    sql: str | None


class Database:
    """One schema of one connection.

    :param connection: SQLAlchemy's connection
    :param schema: the name under which the file is attached
    :raises: nothing
    """

    def __init__(self, connection: Any, schema: str | None = None) -> None:
        self.connection = connection
        self.raw: Any = driver_connection(connection)
        self.schema = schema or "main"

    def run(self, statement: str) -> None:
        """Run a statement as it is, where SQLAlchemy and its listeners see it.

        :param statement: the SQL
        :raises Exception: the database refuses
        """
        if self.raw.isolation_level is None and not self.connection.in_transaction():
            # SQLAlchemy 1 would commit behind each statement
            self.raw.execute(statement)
        else:
            execute = getattr(self.connection, "exec_driver_sql", self.connection.execute)
            execute(statement)

    def set(self, pragma: str, value: str) -> None:
        """Set a pragma of the connection, unseen by SQLAlchemy.

        :param pragma: its name
        :param value: what it is set to
        :raises sqlite3.Error: the database refuses
        """
        self.raw.execute(f"PRAGMA {pragma} = {value}")

    def rows(self, query: str) -> list[Any]:
        """Read, unseen by SQLAlchemy.

        :param query: the SQL
        :raises sqlite3.Error: the database refuses
        """
        cursor = self.raw.cursor()
        cursor.row_factory = None  # an application may want its rows as dictionaries
        return list(cursor.execute(query))

    def name(self, name: str) -> str:
        """Write a name with its schema.

        :param name: of a table, an index, ...
        :raises: nothing
        """
        return f"{quoted(self.schema)}.{quoted(name)}"

    @property
    def master(self) -> str:
        """The table of all there is."""
        temporary = "temp_" if self.schema == "temp" else ""
        return f"{quoted(self.schema)}.sqlite_{temporary}master"

    def that_has(self, table: str) -> Database:
        """Give the schema in which SQLite finds a table whose name stands alone.

        :param table: its name
        :returns: this one where there is none of that name
        :raises sqlite3.Error: the database cannot be read
        """
        names = [row[1] for row in self.rows("PRAGMA database_list")]
        for name in sorted(names, key=lambda name: name != "temp"):
            found = copy.copy(self)
            found.schema = name
            if found.table(table) is not None:
                return found
        return self

    def pragma(self, call: str) -> list[Any]:
        """Read a pragma of the schema.

        :param call: its name, with its argument in brackets where it has one
        :raises sqlite3.Error: the database refuses
        """
        return self.rows(f"PRAGMA {quoted(self.schema)}.{call}")

    def entries(self) -> list[Entry]:
        """Give everything in the order in which it was created.

        :raises sqlite3.Error: the database refuses
        """
        found = self.rows(f"SELECT type, name, tbl_name, sql FROM {self.master} ORDER BY rowid")
        return [Entry(*row) for row in found]

    def table(self, name: str) -> Entry | None:
        """Find a table.

        :param name: its name, in any case
        :raises sqlite3.Error: the database refuses
        """
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

    def foreign_keys(self, table: str) -> dict[int, _Key]:
        """Give the foreign keys of a table by their number: columns, target and actions.

        :param table: its name
        :raises sqlite3.Error: the database refuses
        """
        parts: dict[int, list[Any]] = {}
        for row in self.pragma(f"foreign_key_list({quoted(table)})"):
            parts.setdefault(row[0], []).append(row)
        keys = {}
        for number, rows in parts.items():
            rows.sort(key=lambda row: row[1])
            columns = tuple(folded(row[3]) for row in rows)
            targets = tuple(folded(row[4] or "") for row in rows)
            first = rows[0]
            keys[number] = (folded(first[2]), columns, f"{first[5]} {first[6]} {first[7]}", targets)
        return keys
