"""The care around one upgrade, downgrade or stamp, whatever env.py the project has."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import Any, Iterator

from .connections import driver_connection, forget_reading
from .lock import Lock, lock_for
from .settings import Settings
from .sqlite import SQLiteTransaction

GUARDED = ("upgrade", "downgrade", "stamp")


class Care:
    """What is done for the connection of one database.

    :param connection: SQLAlchemy's connection
    :param settings: what the command was asked for
    """

    def __init__(self, connection: Any, settings: Settings) -> None:
        self.connection = connection
        self.settings = settings
        self.lock: Lock | None = None

    def options(self, given: dict[str, Any]) -> dict[str, Any]:
        """Complete what env.py told Alembic.

        :param given: the keywords of `context.configure`
        :raises: nothing
        """
        return given

    def can_wait(self, error: Exception) -> bool:
        """Tell an error that only means that somebody else is at work.

        :param error: what looking at the database raised
        :raises: nothing
        """
        return False

    def take(self) -> None:
        """Prepare the connection, now that there is something to do and the lock is held.

        :raises Exception: the database refuses
        """

    @contextmanager
    def autocommit_block(self, original: Any) -> Iterator[None]:
        """Stand in for the method of Alembic's MigrationContext.

        :param original: that method
        :raises Exception: what is raised inside
        """
        with original():
            yield

    def give_back(self) -> None:
        """Leave the connection as it was, and free the lock.

        :raises: nothing
        """
        if self.lock is not None:
            self.lock.give_back()
            self.lock = None


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

    @contextmanager
    def autocommit_block(self, original: Any) -> Iterator[None]:
        self.transaction.pause()
        try:
            with original():
                yield
        finally:
            self.transaction.resume()

    def give_back(self) -> None:
        self.transaction.release()
        super().give_back()


def _care_for(connection: Any, settings: Settings) -> Care:
    if connection.dialect.name == "sqlite" and hasattr(
        driver_connection(connection), "in_transaction"
    ):
        return SQLiteCare(connection, settings)
    return Care(connection, settings)


class Guard:
    """Watches over one command.

    :param settings: what the command was asked for
    :param active: whether the command changes databases
    """

    def __init__(self, settings: Settings, active: bool) -> None:
        self.settings = settings
        self.active = active
        self._cares: list[Care] = []
        self._idle: list[Any] = []
        self._begun: list[Any] = []

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, *_: Any) -> None:
        for care in reversed(self._cares):
            care.give_back()

    def configure(self, env: Any, run: Any, original: Any, *args: Any, **kwargs: Any) -> None:
        """Call Alembic's `configure`, and prepare the database it is about.

        :param env: the EnvironmentContext
        :param run: the `Run` of the command
        :param original: Alembic's `configure`
        :raises LockTimeout: another migration of the database goes on
        """
        connection = args[0] if args else kwargs.get("connection")
        if not self.active or connection is None:
            original(*args, **kwargs)
            return
        care = self._care(connection)
        external = connection.in_transaction()
        original(*args, **care.options(kwargs))
        context = env.get_context()
        self._watch(context, care, external)
        if care.lock is None and not self._something_to_do(care, context, run, external):
            self._idle.append(context)
        elif care not in self._cares:
            self._cares.append(care)
            lock = lock_for(connection)
            care.lock = lock if lock.acquire(self.settings.lock_timeout) else None
            care.take()

    def _care(self, connection: Any) -> Care:
        """Give what is done for a connection, which may be configured more than once."""
        for care in self._cares:
            if care.connection is connection:
                return care
        return _care_for(connection, self.settings)

    def _watch(self, context: Any, care: Care, external: bool) -> None:
        """Note when env.py begins the transaction that Alembic offers it."""
        begin = context.begin_transaction

        def begin_transaction(*args: Any, **kwargs: Any) -> Any:
            self._begun.append(context)
            return begin(*args, **kwargs)

        context.begin_transaction = begin_transaction
        if external:
            self._begun.append(context)
        if hasattr(context, "autocommit_block"):
            context.autocommit_block = partial(care.autocommit_block, context.autocommit_block)

    def _something_to_do(self, care: Care, context: Any, run: Any, external: bool) -> bool:
        """Look without a lock: a database at its target is left alone."""
        if getattr(context, "purge", False):
            return True
        try:
            heads = context.get_current_heads()
            return not heads or run.has_steps(heads, context)
        except Exception as error:
            if care.can_wait(error):
                return True
            raise
        finally:
            forget_reading(care.connection, external)

    @contextmanager
    def around(self, context: Any) -> Iterator[bool]:
        """Surround the steps of one database.

        :param context: Alembic's MigrationContext
        :returns: whether the steps are to run
        :raises Exception: the database refuses
        """
        if not self.active or context.as_sql or context in self._idle:
            yield context not in self._idle
        elif context in self._begun or context._transaction_per_migration:
            yield True
        else:
            # an env.py that begins no transaction gets the one it forgot
            with context.begin_transaction():
                yield True
