"""SQLite: a whole run is one real transaction.

The sqlite3 module begins a transaction before an INSERT but not before a CREATE TABLE, so that
half of a failed script would remain. Here its own handling is switched off, and BEGIN IMMEDIATE is
issued before the first statement of each of SQLAlchemy's transactions. What SQLite refuses inside
a transaction, and what a script says about transactions itself, runs outside.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from contextlib import contextmanager
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Callable, ContextManager, Iterable, Iterator

from sqlalchemy import event, exc, text
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool

from ... import errors
from ...compat.sqlalchemy import execution_options
from ...errors import MEGABYTE
from ...progress import listener
from ...sql import Statement
from ...state import Settings
from ..dbapi import database_file, pragma
from ..own_connections import connections_like
from ..statements import Execution
from .base import Backend

if TYPE_CHECKING:
    from ... import sqlite_alter  # `install` does so otherwise

# they end the transaction, or must not be in one
_OUTSIDE = {"ABORT", "ATTACH", "BEGIN", "COMMIT", "DETACH", "END", "ROLLBACK", "START", "VACUUM"}
_SETTINGS = {"journal_mode", "synchronous", "temp_store", "auto_vacuum", "page_size"}
_OUTSIDE_PRAGMAS = {"foreign_keys", "wal_checkpoint", *_SETTINGS}
_TRUE = {"1", "on", "true", "yes"}
_NOTICE = 1.0  # seconds


_may_write = partial(os.access, mode=os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _note(sentence: str) -> None:
    listener().note(sentence)


def install(context: Any, url: Any = None) -> None:
    """Let `sqlite_alter` carry out the operations of a MigrationContext."""
    global sqlite_alter
    from ... import sqlite_alter  # which takes time, and a database at its target does not need

    try:
        sqlite_alter.install(context, url, _note)
    except sqlite_alter.ForeignImplementation as error:
        _note(str(error))


@contextmanager
def _checked(context: Any, step: Any) -> Iterator[None]:
    """Check what a revision leaves; raise errors of `sqlite_alter` as this package's."""
    script = step.revision
    allow_loss = bool(getattr(script.module, "allow_loss", False))
    try:
        with sqlite_alter.checked(context, script.revision, allow_loss, lazily=True):
            yield
    except sqlite_alter.SQLiteAlterError as error:
        if isinstance(error.__cause__, exc.DBAPIError):
            raise error.__cause__.with_traceback(error.__traceback__) from error
        # with the line of the script, which the message names
        raise errors.AlterError(str(error)).with_traceback(error.__traceback__) from error


class SQLiteBackend(Backend):
    """A file of SQLite's, or a database in memory."""

    transactional = can_dry_run = True

    def __init__(self, connection: Any, raw: Any, settings: Settings) -> None:
        super().__init__(connection, raw, settings)
        self.file: str | None = database_file(raw)
        self._outside: list[str] = []  # statements of the step that ran outside
        self._begun = 0  # transactions since the step began
        self._before: tuple[Any, Any] | None = None
        self._context: Any = None  # while a step runs
        self._is_autocommit = False  # by an option that env.py or the engine has set
        self._joined: Any = None  # the other connections of the script
        self._thread = threading.get_ident()
        self._heard: list[tuple[Any, str, Callable[..., Any]]] = []

    def options(self, given: dict[str, Any]) -> dict[str, Any]:
        if given.get("transactional_ddl") is False:
            # who asks for no transaction around the run gets one around each step
            given["transaction_per_migration"] = True
        given["transactional_ddl"] = True
        return given

    install: Callable[[Any], None] = staticmethod(install)  # type: ignore[assignment]

    def is_busy(self, error: Exception) -> bool:
        return "database is locked" in str(error)

    # -- preflight ---------------------------------------------------------------------------------

    def preflight(self, context: Any) -> None:
        if self.file is None:
            return
        cursor = self.raw.cursor()
        cursor.row_factory = None  # an application may want its rows as dictionaries
        mode = cursor.execute("PRAGMA journal_mode").fetchone()[0]
        page = cursor.execute("PRAGMA page_size").fetchone()[0]
        pages = cursor.execute("PRAGMA page_count").fetchone()[0]
        path = os.path.realpath(self.file)
        if os.path.exists(path) and not _may_write(path):
            raise errors.NotReady.unwritable("file", path)
        if mode != "delete":
            return  # other programs may have their file already, or need none
        folder = os.path.dirname(path)
        if not _may_write(folder):
            raise errors.NotReady.unwritable("folder", folder)
        usage = shutil.disk_usage(folder)
        free = usage.total - usage.used  # with what is kept for root
        if free < page:
            raise errors.NotReady.no_room(folder, free, page)
        if free < page * pages:
            _note(
                f"the disk of '{folder}' has {free / MEGABYTE:.1f} MB left: a change of all rows "
                f"of the database takes up to {page * pages / MEGABYTE:.1f} MB; without room it "
                "is undone"
            )

    def has_leftovers(self, context: Any) -> bool:
        if not self.settings.clean_leftovers:
            return False
        from ...sqlite_alter import leftovers  # before `install`

        return bool(leftovers(self.connection))

    # -- steps -------------------------------------------------------------------------------------

    def before_steps(self, context: Any, steps: list[Any]) -> None:
        is_stamp = not steps or not hasattr(steps[0], "revision")
        if self.settings.clean_leftovers or not is_stamp:
            for sentence in sqlite_alter.clean_leftovers(self.connection):
                _note(sentence)

    def next_step(self) -> None:
        """Commit a step that has committed a part of itself already.

        Otherwise that part would remain without its version, and run again, if a later step failed.
        """
        if self._begun > 1 and not self.settings.dry_run:
            self.raw.commit()
        # the transaction that is open, or else the next one, does not come from the step itself
        self._begun = int(self.raw.in_transaction)
        self._outside.clear()

    after_steps = next_step

    def run(self, context: Any) -> ContextManager[None]:
        return sqlite_alter.checked_run(context)

    def has_inner_savepoint(self) -> bool:
        return self._joined is not None and self._joined.has_changes()

    @contextmanager
    def step(self, context: Any, step: Any) -> Iterator[None]:
        self._context = context
        try:
            with _checked(context, step):
                yield
        finally:
            self._context = None

    def committed(self) -> str:
        if self._outside and not self.settings.dry_run:
            return "what this revision committed itself remains"
        return ""

    # -- the transaction ---------------------------------------------------------------------------

    def __enter__(self) -> Backend:
        level = execution_options(self.connection).get("isolation_level")
        self._is_autocommit = level == "AUTOCOMMIT"
        self._before = (self.raw.isolation_level, getattr(self.raw, "autocommit", None))
        # before the pool can hand the connection to somebody else
        self._heard = [(self.connection.engine.pool, "checkin", self._restore)]
        if self.file is not None:
            for target, name in ((Engine, "do_connect"), (Pool, "connect"), (Pool, "checkout")):
                self._heard.append((target, name, partial(self._other_connection, name)))
        for each in self._heard:
            event.listen(*each)
        self._switch_off()
        return self

    def __exit__(self, *error: Any) -> None:
        for each in self._heard:
            event.remove(*each)
        try:
            self._restore(self.raw)
        except sqlite3.ProgrammingError:
            pass  # closed: nobody will see it again

    def runs_outside(self, execution: Execution) -> bool:
        if execution.is_autocommit and not self._is_autocommit:
            return True
        if execution.keyword == "PRAGMA":  # most of them only ask
            acts = any(map(execution.text.lower().__contains__, _OUTSIDE_PRAGMAS))
            return acts and _changes_outside(execution.statement, self.raw)
        return execution.keyword in _OUTSIDE and execution.statement.verb != "ROLLBACK TO"

    def before(self, execution: Execution) -> None:
        connection = execution.connection
        if self.runs_outside(execution):
            self._outside.append(execution.text)
            if self.raw.in_transaction and execution.statement.verb not in ("COMMIT", "ROLLBACK"):
                self.raw.commit()
        elif connection.in_transaction() and not self.raw.in_transaction:
            self._switch_off()
            self._begin()
        if self._context is not None and not execution.own:
            # other things that are created change no rows
            if execution.keyword != "CREATE" or "TRIGGER" in execution.text.upper():
                sqlite_alter.before_statement(self._context, execution.statement)
                execution.then = partial(sqlite_alter.after_statement, self._context)

    def _other_connection(self, happening: str, *args: Any) -> Any:
        """Let the connections that the script opens meanwhile join the run."""
        if self._before is None:
            return None  # the connection of the run was returned
        if self._joined is None:
            if threading.get_ident() != self._thread:
                return None
            from .joined_connections import JoinedConnections  # which few scripts need

            self._joined = JoinedConnections(self.raw, self.file, self._thread, self._catch_up)
        return getattr(self._joined, happening)(*args)

    def _catch_up(self) -> None:
        """Begin what a statement of the run itself would find begun."""
        self.connection.execute(text("SELECT 1")).close()

    def _switch_off(self) -> None:
        """Switch the driver's handling of transactions off."""
        raw = self.raw
        legacy = getattr(sqlite3, "LEGACY_TRANSACTION_CONTROL", None)
        if legacy is not None and raw.autocommit != legacy:
            raw.commit()
            raw.autocommit = legacy
            raw.commit()
        if raw.isolation_level is not None:
            raw.isolation_level = None

    def _restore(self, raw: Any, *_: Any) -> None:
        if raw is not self.raw or self._before is None:
            return
        if self._joined is not None:
            self._joined.leave()
        isolation, autocommit = self._before
        self._before = None
        self.raw.isolation_level = isolation
        # True would commit a transaction that somebody still has open
        if autocommit is not None and not (autocommit is True and self.raw.in_transaction):
            self.raw.autocommit = autocommit

    def _begin(self) -> None:
        """Begin, waiting for a program that is writing."""
        end = time.monotonic() + self.settings.lock_timeout
        notice: float | None = time.monotonic() + _NOTICE
        while True:
            try:
                self.raw.execute("BEGIN IMMEDIATE")
                self._begun += 1
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
                if any(map(self._is_in_the_way, connections_like(self.raw))):
                    raise errors.LockTimeout.own_changes(self.file) from error
                if time.monotonic() >= end:
                    raise errors.LockTimeout.busy_file(
                        self.file, self.settings.lock_timeout
                    ) from error
            if notice is not None and time.monotonic() >= notice:
                notice = None
                _note(
                    f"waiting for another program that writes to '{self.file}': this one goes on "
                    "when that has ended, Control-C stops waiting"
                )
            time.sleep(0.1)

    def _is_in_the_way(self, raw: Any) -> bool:
        """Whether a connection of this process has changed the file, and not committed."""
        return raw is not self.raw and raw.in_transaction and database_file(raw) == self.file


def offline_steps(context: Any, steps: Iterable[Any]) -> Iterator[Any]:
    """Pass on the steps that `--sql` writes."""

    def run_step(step: Any, function: Callable[..., Any], **kwargs: Any) -> None:
        with _checked(context, step):
            function(**kwargs)

    with sqlite_alter.checked_run(context):
        for step in steps:
            if hasattr(step, "revision"):
                function = step.migration_fn
                step.migration_fn = partial(run_step, step, function)
                update_wrapper(step.migration_fn, function)
            yield step


def _changes_outside(statement: Statement, raw: Any) -> bool:
    """Whether a PRAGMA is ignored or refused inside a transaction, and would change something."""
    name = statement.paths[0][-1].lower() if statement.paths else ""
    value = statement.value
    if name == "foreign_keys" and value:
        # ignored inside a transaction; outside only where it would change something
        return (value.lower() in _TRUE) != bool(pragma(raw, "foreign_keys")[0][0])
    return name == "wal_checkpoint" or (name in _SETTINGS and bool(value))
