"""PostgreSQL: what is asked of its catalog, and the table of the journal there."""

from __future__ import annotations

import re
from typing import Any

from .resuming.notes import COLUMNS, TABLE, Notes

_BUILT = re.compile(
    r"\W*CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    r'("[^"]+"|\w+)\s+ON\s+(?:ONLY\s+)?(?:("[^"]+"|\w+)\.)?',
    re.I,
)


def sqlstate(error: Any) -> str:
    """Give the server's code of an error; nothing where there is none.

    :param error: the driver's exception
    :raises: nothing
    """
    facts = error.args[0] if error.args and isinstance(error.args[0], dict) else {}  # pg8000
    found = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or facts.get("C")
    return str(found or "")


class PostgreSQLNotes(Notes):
    """The table on PostgreSQL, beside the version table.

    :param raw: the driver's connection
    :param dialect: SQLAlchemy's dialect of it
    :param version_table: the table of Alembic's, as it is written in a statement
    :param schema: the schema of that table; None for the first of the search path
    :raises: nothing
    """

    def __init__(self, raw: Any, dialect: Any, version_table: str, schema: str | None) -> None:
        super().__init__(raw, dialect, version_table)
        self.schema = schema

    def on(self, raw: Any) -> PostgreSQLNotes:
        """Give the same table, seen from another connection.

        :param raw: the driver's connection
        :raises: nothing
        """
        return PostgreSQLNotes(raw, self.dialect, self.version_table, self.schema)

    def exists(self, table: str = TABLE) -> bool:
        if self.schema is None:
            self.schema = self.query("SELECT current_schema()")[0][0]
        quoted = (self.schema or "").replace('"', '""')
        self.table = f'"{quoted}".{table}'
        found = self.query("SELECT to_regclass(%s)", self.table) if self.schema else []
        return bool(found) and found[0][0] is not None

    def create(self) -> bool:
        if not self.exists():
            # asked, since a statement that is refused ends the transaction
            asked = "SELECT has_schema_privilege(%s, 'CREATE')"
            if not self.schema or not self.query(asked, self.schema)[0][0]:
                return False
            self.query(f"CREATE TABLE {self.table} ({COLUMNS})")
        return True

    def drop_invalid_index(self, statement: str) -> bool:
        """Drop the index that a CREATE INDEX CONCURRENTLY has left unfinished.

        :param statement: the statement
        :returns: whether there was one
        :raises Exception: the database refuses
        """
        built = _BUILT.match(statement)
        if built is None:
            return False
        name = f"{built.group(2)}.{built.group(1)}" if built.group(2) else built.group(1)
        asked = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid"
        if not self.query(asked, name):
            return False
        self.query(f"DROP INDEX CONCURRENTLY {name}")
        return True
