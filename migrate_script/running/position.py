"""Where a database is before a run and after one that failed."""

from __future__ import annotations

import re
from typing import Any

from .connections import beside, driver_connection
from .pragmas import database_file


def database_of(context: Any) -> str | None:
    """Name the one of several databases that a context is for; the first one has no name.

    :param context: Alembic's MigrationContext
    :returns: None where there is one database only
    :raises: nothing
    """
    # an env.py for several databases names each in the words that it marks its part with
    token = re.fullmatch("(.*)_upgrades", str(context.opts.get("upgrade_token")))
    return token.group(1) if token else None


class Position:
    """The revisions that a version table names.

    :param connection: SQLAlchemy's connection to the database
    :raises: nothing
    """

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.before: tuple[str, ...] | None = None
        self._called = "the database"
        self._query = ""
        self._after_each: list[set[str]] = []
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
            name = database_of(context)
            self._called += f" '{name}'" if name else ""
            self._query = f"SELECT version_num FROM {self._version_table(context)}"
            self.before = heads

    def _version_table(self, context: Any) -> str:
        """Name the table as another connection finds it, which may look into other schemas."""
        prepare = self.connection.dialect.identifier_preparer
        table = str(prepare.format_table(context._version))
        if self.connection.dialect.name != "postgresql" or context.version_table_schema:
            return table
        cursor = driver_connection(self.connection).cursor()
        text = table.replace("'", "''")
        cursor.execute(
            "SELECT coalesce((SELECT relnamespace::regnamespace::text FROM pg_class "
            f"WHERE oid = to_regclass('{text}')), quote_ident(current_schema()))"
        )
        schema = cursor.fetchone()[0]
        cursor.close()
        return f"{schema}.{table}" if schema else table

    def plan(self, steps: list[Any]) -> None:
        """Remember where each step leads.

        :param steps: Alembic's steps
        :raises: nothing
        """
        for step in [] if self._after_each else steps:
            if hasattr(step, "revision"):
                script, parents = step.revision, step.revision.down_revision or ()
                parents = {parents} if isinstance(parents, str) else set(parents)
                self._after_each.append({script.revision} if step.is_upgrade else parents)

    def _got(self, now: tuple[str, ...]) -> str:
        """Say how many of the steps stand."""
        count = len(self._after_each)
        for number in range(count, 0, -1):
            after = self._after_each[number - 1]
            if after & set(now) or not (after or now):
                return f", after {number} of {count} revisions"
        return ""

    def now(self) -> tuple[str, ...] | None:
        """Read where the database is, whatever became of the connection; None if that fails.

        :raises: nothing
        """
        if not (self._own and self._query):
            return None
        try:
            with beside(self._pool) as raw:
                return self._read(raw)
        except Exception:  # each driver has its own
            return None

    def _read(self, raw: Any) -> tuple[str, ...]:
        cursor = raw.cursor()
        try:
            cursor.execute(self._query)
        except Exception:
            if self.before:
                raise
            raw.rollback()
            raw.cursor().execute("SELECT 1")  # the server is there, so it is the table that is not
            return ()
        heads = sorted(row[0] for row in cursor.fetchall())
        cursor.close()
        return tuple(heads)

    def outcome(self) -> str:
        """Say where a run that failed has left the database.

        :raises: nothing
        """
        now = self.now()
        if now is None or self.before is None:
            return ""
        at = " and ".join(now) or "no revision"
        same = sorted(now) == sorted(self.before)
        return f"{self._called} is at {at}" + (", as before" if same else self._got(now))
