"""What each kind of database needs around its steps."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import partial, wraps
from typing import Any, Callable, Iterator

from sqlalchemy import event, exc

from ..progress import listener
from .care import Care
from .connections import driver_connection
from .journal import Journal
from .leftovers import clean_up
from .locks import PostgreSQLLock
from .settings import Settings
from .sqlite import SQLiteTransaction
from .statements import Entry


class SQLiteCare(Care):
    """SQLite: one transaction for all."""

    def __init__(self, connection: Any, settings: Settings) -> None:
        super().__init__(connection, settings)
        self.transaction = SQLiteTransaction(connection, settings.lock_timeout)

    def options(self, given: dict[str, Any]) -> dict[str, Any]:
        if given.get("transactional_ddl") is False:
            # who asked for no transaction around all gets one around each step
            given["transaction_per_migration"] = True
        given["transactional_ddl"] = True
        return given

    def can_wait(self, error: Exception) -> bool:
        return "database is locked" in str(error)

    def take(self) -> None:
        self.transaction.take()

    def before(self, context: Any, steps: list[Any]) -> None:
        if any(hasattr(step, "revision") for step in steps):
            for sentence in clean_up(self.connection):
                listener().note(sentence)

    def new_step(self) -> None:
        super().new_step()
        self.transaction.left.clear()

    def standing(self) -> str:
        self._outside += len(self.transaction.left)
        return super().standing()

    @contextmanager
    def autocommit_block(self, original: Any) -> Iterator[None]:
        self.transaction.pause()
        try:
            with super().autocommit_block(original):
                yield
        finally:
            self.transaction.resume()

    def give_back(self) -> None:
        self.transaction.release()
        super().give_back()


class PostgreSQLCare(Care):
    """PostgreSQL: as Alembic does it, and no endless wait for a lock on a table if asked for."""

    def __init__(self, connection: Any, settings: Settings) -> None:
        super().__init__(connection, settings)
        self._blockers = ""
        self._limits = False

    def take(self) -> None:
        if self.settings.ddl_lock_timeout is not None:
            event.listen(self.connection, "begin", self._limit)
            self._limits = True
            if self.connection.in_transaction():
                self._limit()

    def _limit(self, *_: Any) -> None:
        milliseconds = max(1, round(self.settings.ddl_lock_timeout * 1000))  # type: ignore[operator]
        cursor = driver_connection(self.connection).cursor()
        cursor.execute(f"SELECT set_config('lock_timeout', '{milliseconds}', true)")
        cursor.close()

    def before(self, context: Any, steps: list[Any]) -> None:
        for step in steps:
            function = step.migration_fn
            step.migration_fn = wraps(function)(partial(self._watched, function))

    def _watched(self, function: Callable[..., Any], **kwargs: Any) -> None:
        try:
            function(**kwargs)
        except exc.DBAPIError as error:
            code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
            if code == "55P03" and isinstance(self.lock, PostgreSQLLock):
                # asked at once, while who is in the way still is
                self._blockers = self.lock.blockers(error.statement or "", self.connection)
            raise

    def standing(self) -> str:
        return "; ".join(filter(None, (self._blockers, super().standing())))

    def give_back(self) -> None:
        if self._limits:
            self._limits = False
            event.remove(self.connection, "begin", self._limit)
        super().give_back()


class MySQLCare(Care):
    """MySQL and MariaDB: a journal, for a revision that fails to go on where it stopped."""

    def __init__(self, connection: Any, settings: Settings) -> None:
        super().__init__(connection, settings)
        self._journal: Journal | None = None
        self._standing: list[Entry] = []

    def before(self, context: Any, steps: list[Any]) -> None:
        table = ".".join(
            f"`{name}`" for name in (context.version_table_schema, context.version_table) if name
        )
        self._journal = journal = Journal(self.connection, table)
        if not all(hasattr(step, "revision") for step in steps):
            journal.end()  # a stamp says what the database is at, whatever was under way
            return
        journal.listen()
        for step in steps:
            # under the same name, by which Alembic reports it
            function = step.migration_fn
            step.migration_fn = wraps(function)(partial(self._watched, journal, step, function))

    def _watched(
        self, journal: Journal, step: Any, function: Callable[..., Any], **kwargs: Any
    ) -> None:
        direction = "upgrade to" if step.is_upgrade else "downgrade from"
        try:
            journal.begin(f"{direction} revision {step.revision.revision}")
            function(**kwargs)
        except BaseException as error:
            ended = isinstance(error, exc.DBAPIError) and error.connection_invalidated
            if not ended:
                # each driver has its own for a connection that an interruption has closed
                with suppress(Exception):
                    self._standing = journal.failed(isinstance(error, Exception))
            raise

    def after(self) -> None:
        if self._journal is not None:
            self._journal.end()

    def standing(self) -> str:
        if not self._standing:
            return ""
        texts = ", ".join(f"[{' '.join(e.statement.split())[:100]}]" for e in self._standing)
        return (
            f"{len(self._standing)} statement(s) before it stand and will not be repeated: {texts}"
        )

    def give_back(self) -> None:
        if self._journal is not None:
            self._journal.silence()
        super().give_back()


def care_for(connection: Any, settings: Settings) -> Care:
    """Choose what is done for a connection.

    :param connection: SQLAlchemy's connection
    :param settings: what the command was asked for
    :raises: nothing
    """
    kind = connection.dialect.name
    if kind == "sqlite" and hasattr(driver_connection(connection), "in_transaction"):
        return SQLiteCare(connection, settings)
    if kind == "postgresql":
        return PostgreSQLCare(connection, settings)
    if kind in ("mysql", "mariadb"):
        return MySQLCare(connection, settings)
    return Care(connection, settings)
