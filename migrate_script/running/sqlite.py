"""SQLite: a whole run is one real transaction.

The sqlite3 module begins a transaction before an INSERT but not before a CREATE TABLE, so that
half of a failed script would stay. Here its own handling is switched off, and a BEGIN IMMEDIATE
goes before the first statement of a transaction of SQLAlchemy's. What SQLite refuses inside a
transaction, and what a script says about transactions itself, is let out of it.
"""

from __future__ import annotations

import re
import sqlite3
import time
from typing import Any

from sqlalchemy import event, text

from .. import errors
from .connections import driver_connection
from .pragmas import database_file, setting
from .sharing import Sharing
from .statements import first_word, without_comments

_WORDS = {"VACUUM", "ATTACH", "DETACH", "BEGIN", "COMMIT", "END"}
_ENDS = {"COMMIT", "END", "ROLLBACK"}
_PRAGMA = re.compile(r"PRAGMA\s+(?:\w+\s*\.\s*)?(\w+)\s*([=(]\s*['\"]?(\w+))?", re.I)
_PRAGMAS = {"journal_mode", "synchronous", "temp_store", "auto_vacuum", "page_size"}
_TRUE = {"1", "on", "true", "yes"}


def stands_outside(statement: str, raw: Any) -> bool:
    """Tell a statement that cannot be, or must not be, inside our transaction.

    :param statement: the statement
    :param raw: the driver's connection
    :raises: nothing
    """
    text, word = without_comments(statement), first_word(statement)
    if word == "ROLLBACK":
        return re.match(r"ROLLBACK\s+(TRANSACTION\s+)?TO\b", text, re.I) is None
    pragma = _PRAGMA.match(text)
    if pragma is None:
        return word in _WORDS
    name, value = pragma.group(1).lower(), pragma.group(3)
    if name == "foreign_keys" and value:
        # ignored inside a transaction; only worth leaving it when something would change
        enforced = bool(setting(raw, "foreign_keys"))
        return (value.lower() in _TRUE) != enforced
    return name == "wal_checkpoint" or (name in _PRAGMAS and bool(value))


class SQLiteTransaction:
    """Keeps one connection in real transactions until it is released.

    :param connection: SQLAlchemy's connection
    :param lock_timeout: how many seconds to wait for a program that writes to the database
    :raises: nothing
    """

    def __init__(self, connection: Any, lock_timeout: float) -> None:
        self.connection = connection
        self.lock_timeout = lock_timeout
        self.raw = driver_connection(connection)
        self.left: list[str] = []
        self._paused = 0
        self._beginnings = 0
        self._listens = False
        self._before: tuple[Any, Any] | None = None
        self._sharing: Sharing | None = None

    @staticmethod
    def can(connection: Any) -> bool:
        """Tell a connection of the sqlite3 module from one of an asynchronous driver.

        :param connection: SQLAlchemy's connection
        :raises: nothing
        """
        return hasattr(driver_connection(connection), "in_transaction")

    def take(self) -> None:
        """Take the transactions of the connection over from the driver.

        :raises sqlite3.Error: what was done before cannot be committed
        """
        self._before = (self.raw.isolation_level, getattr(self.raw, "autocommit", None))
        record = self.connection.connection._connection_record
        if record is not None:
            # when the connection is closed, before the pool can hand it to somebody else
            record.finalize_callback.append(self._restore)
        self._switch_off()
        event.listen(self.connection, "before_cursor_execute", self._before_execute)
        self._listens = True
        path = database_file(self.raw)
        if path is not None:
            self._sharing = Sharing(self.raw, path, self._catch_up)
            self._sharing.begin()

    def _catch_up(self) -> None:
        """Bring the run to where a statement of its own would find it."""
        self.connection.execute(text("SELECT 1")).close()

    def new_step(self) -> None:
        """Commit the step before if it has committed a part of itself already.

        That part would stand without the version, and be run again, if a later step failed.

        :raises sqlite3.Error: it cannot be committed
        """
        if self._beginnings > 1:
            self.raw.commit()
        # the transaction that is open, or else the next one, is not of the step's own making
        self._beginnings = int(self.raw.in_transaction)

    def _switch_off(self) -> None:
        raw = self.raw
        legacy = getattr(sqlite3, "LEGACY_TRANSACTION_CONTROL", None)
        if legacy is not None and raw.autocommit != legacy:
            raw.commit()
            raw.autocommit = legacy
            raw.commit()
        if raw.isolation_level is not None:
            raw.isolation_level = None

    def _restore(self, *_: Any) -> None:
        if self._before is None:
            return
        isolation, autocommit = self._before
        self._before = None
        self.raw.isolation_level = isolation
        # True would commit a transaction that somebody still has open
        if autocommit is not None and not (autocommit is True and self.raw.in_transaction):
            self.raw.autocommit = autocommit

    def release(self) -> None:
        """Give the connection back as it was, if it is still open.

        :raises: nothing
        """
        if self._sharing is not None:
            self._sharing.end()
            self._sharing = None
        if self._listens:
            event.remove(self.connection, "before_cursor_execute", self._before_execute)
            self._listens = False
        try:
            self._restore()
        except sqlite3.ProgrammingError:
            pass  # closed: nobody will see it again

    def pause(self) -> None:
        """Let what follows run outside transactions (`autocommit_block`).

        :raises: nothing
        """
        self._paused += 1

    def resume(self) -> None:
        """End a `pause`.

        :raises: nothing
        """
        self._paused -= 1

    def _before_execute(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if self._paused:
            return
        if stands_outside(statement, self.raw):
            self.left.append(statement)
            if self.raw.in_transaction and first_word(statement) not in _ENDS:
                self.raw.commit()
        elif connection.in_transaction() and not self.raw.in_transaction:
            self._switch_off()
            self._begin()

    def _begin(self) -> None:
        """Begin, waiting for a program that writes at the moment."""
        end = time.monotonic() + self.lock_timeout
        while True:
            try:
                self.raw.execute("BEGIN IMMEDIATE")
                self._beginnings += 1
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
                if time.monotonic() >= end:
                    raise errors.LockTimeout.busy_file(
                        database_file(self.raw), self.lock_timeout
                    ) from error
            time.sleep(0.1)
