"""Where a database is before a run and after one that failed."""

from __future__ import annotations

from typing import Any

from .connections import driver_connection
from .sqlite import database_file


class Position:
    """The revisions that a version table names.

    :param connection: SQLAlchemy's connection to the database
    :raises: nothing
    """

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.before: tuple[str, ...] | None = None
        self._query = ""
        self._own = connection.dialect.name != "sqlite" or bool(
            database_file(driver_connection(connection))
        )
        self._pool = connection.engine.pool

    def note(self, context: Any, heads: tuple[str, ...]) -> None:
        """Remember where the database is before the run.

        :param context: Alembic's MigrationContext
        :param heads: what it read
        :raises: nothing
        """
        if self.before is None:
            table = self.connection.dialect.identifier_preparer.format_table(context._version)
            self._query = f"SELECT version_num FROM {table}"
            self.before = heads

    def now(self) -> tuple[str, ...] | None:
        """Read where the database is, whatever became of the connection; None if that fails.

        :raises: nothing
        """
        if not (self._own and self._query):
            return None
        pool = self._pool.recreate()
        try:
            own = pool.connect()
            cursor = own.cursor()
            try:
                cursor.execute(self._query)
                return tuple(sorted(row[0] for row in cursor.fetchall()))
            finally:
                cursor.close()
                own.invalidate()
        except Exception:  # each driver has its own for a table that is not there
            return () if not self.before else None
        finally:
            pool.dispose()

    def outcome(self) -> str:
        """Say where a run that failed has left the database.

        :raises: nothing
        """
        now = self.now()
        if now is None or self.before is None:
            return ""
        name = " and ".join(now) or "no revision"
        same = sorted(now) == sorted(self.before)
        return f"the database is at {name}" + (", as before" if same else "")
