"""What each kind of database needs around its steps."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import partial, wraps
from typing import Any, Callable, Iterator

from sqlalchemy import event, exc

from ..progress import listener
from .altering.leftovers import clean_up, copies
from .care import Care
from .connections import driver_connection
from .locking.postgresql import PostgreSQLLock
from .postgresql import PostgreSQLNotes, sqlstate
from .ready import check_mysql, check_postgresql, check_sqlite
from .resuming.committed import CommittedJournal
from .resuming.journal import name_of, standing
from .resuming.mysql import MySQLJournal, MySQLNotes
from .settings import Settings
from .sqlite import SQLiteTransaction
from .statements import Entry


class SQLiteCare(Care):
    """SQLite: one transaction for all."""

    transactional = True

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

    def check_ready(self, context: Any) -> None:
        check_sqlite(self.connection)

    def take(self) -> None:
        self.transaction.take()

    def has_leftovers(self) -> bool:
        return self.settings.clean_leftovers and bool(copies(self.connection)[1])

    def before(self, context: Any, steps: list[Any]) -> None:
        scripts = [step.revision for step in steps if hasattr(step, "revision")]
        if scripts or self.settings.clean_leftovers:
            for sentence in clean_up(self.connection, scripts):
                listener().note(sentence)

    def new_step(self) -> None:
        if self.dry_run is None:
            self.transaction.new_step()
        super().new_step()
        self.transaction.left.clear()

    def standing(self) -> str:
        if self.dry_run is None:
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
    """PostgreSQL: as Alembic does it, and a journal of what is committed before its end.

    There is no endless wait for a lock on a table, if asked for.
    """

    transactional = True

    def __init__(self, connection: Any, settings: Settings) -> None:
        super().__init__(connection, settings)
        self._blockers = ""
        self._limits = False
        self._journal: CommittedJournal | None = None
        self._refused = True

    def check_ready(self, context: Any) -> None:
        check_postgresql(self.connection, context)

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
        raw, dialect = driver_connection(self.connection), self.connection.dialect
        table = dialect.identifier_preparer.format_table(context._version)
        notes = PostgreSQLNotes(raw, dialect, table, context.version_table_schema)
        self._silence()
        self._journal = journal = CommittedJournal(self.connection, notes)
        if not all(hasattr(step, "revision") for step in steps):
            journal.end()  # a stamp says what the database is at, whatever was under way
            return
        journal.listen()
        for step in steps:
            function = step.migration_fn
            step.migration_fn = wraps(function)(partial(self._watched, journal, step, function))
        if self.dry_run is not None:
            self.dry_run.arm()

    def _watched(
        self, journal: CommittedJournal, step: Any, function: Callable[..., Any], **kwargs: Any
    ) -> None:
        try:
            journal.begin(name_of(step))
            function(**kwargs)
            journal.finish()
        except exc.DBAPIError as error:
            if sqlstate(error.orig) == "55P03" and isinstance(self.lock, PostgreSQLLock):
                # asked at once, while who is in the way still is
                self._blockers = self.lock.blockers(error.statement or "", self.connection)
            raise
        except Exception:
            raise
        except BaseException:
            self._refused = False  # interrupted, in a statement whose end nobody has seen
            raise

    @contextmanager
    def autocommit_block(self, original: Any) -> Iterator[None]:
        with super().autocommit_block(original):
            try:
                yield
            finally:
                if self._journal is not None:
                    self._journal.leave_block()

    def rolled_back(self) -> None:
        if self._journal is not None:
            self._journal.finish()

    def after(self) -> None:
        if self._journal is not None:
            self._journal.end()

    def standing(self) -> str:
        entries = self._journal.failed(self._refused) if self._journal is not None else None
        noted = super().standing() if entries is None else standing(entries)
        return "; ".join(filter(None, (self._blockers, noted)))

    def _silence(self) -> None:
        if self._journal is not None:
            self._journal.silence()

    def give_back(self) -> None:
        self._silence()
        if self._limits:
            self._limits = False
            event.remove(self.connection, "begin", self._limit)
        super().give_back()


class MySQLCare(Care):
    """MySQL and MariaDB: a journal, for a revision that fails to go on where it stopped."""

    def __init__(self, connection: Any, settings: Settings) -> None:
        super().__init__(connection, settings)
        self._journal: MySQLJournal | None = None
        self._standing: list[Entry] = []

    def check_ready(self, context: Any) -> None:
        check_mysql(self.connection)

    def before(self, context: Any, steps: list[Any]) -> None:
        table = ".".join(
            f"`{name}`" for name in (context.version_table_schema, context.version_table) if name
        )
        raw, dialect = driver_connection(self.connection), self.connection.dialect
        self._silence()
        self._journal = journal = MySQLJournal(self.connection, MySQLNotes(raw, dialect, table))
        if not all(hasattr(step, "revision") for step in steps):
            journal.end()  # a stamp says what the database is at, whatever was under way
            return
        journal.listen()
        for step in steps:
            # under the same name, by which Alembic reports it
            function = step.migration_fn
            step.migration_fn = wraps(function)(partial(self._watched, journal, step, function))

    def _watched(
        self, journal: MySQLJournal, step: Any, function: Callable[..., Any], **kwargs: Any
    ) -> None:
        try:
            journal.begin(name_of(step))
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
        return standing(self._standing)

    def _silence(self) -> None:
        if self._journal is not None:
            self._journal.silence()

    def give_back(self) -> None:
        self._silence()
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
