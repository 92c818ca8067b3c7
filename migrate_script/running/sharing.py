"""SQLite: a script's second connection to the database joins the transaction of the run.

A script may ask the application's session, or an engine, beside `op`. On a server that is another
connection; SQLite has one writer, and the run is that for its whole length: the other connection
would wait for ever, and see nothing of what the run has done. So a connection that the thread of
the run opens meanwhile to the same file is this one under another name. It commits and rolls back
its own changes, as far as the run is concerned, and nothing else.
"""

from __future__ import annotations

import os
import re
import threading
from functools import partial
from typing import Any, Callable
from urllib.parse import unquote, urlsplit

from sqlalchemy import event, exc
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool

from .pragmas import database_file

# before these the sqlite3 module begins a transaction, so a rollback undoes what follows
_CHANGES = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE)\b", re.I)
_BEGINS = re.compile(r"\s*BEGIN\b", re.I)
_ENDS = re.compile(r"\s*(COMMIT|END|(ROLLBACK)(?!\s+(TRANSACTION\s+)?TO\b))\b", re.I)
SAVEPOINT = "migrate_script_shared"


def _path(name: object) -> str:
    """Give the path in what the sqlite3 module was asked to open."""
    text = os.fsdecode(name) if isinstance(name, (str, bytes, os.PathLike)) else ""
    return unquote(urlsplit(text).path) if text.startswith("file:") else text


class Shared:
    """The connection of a run, as the driver's connection of somebody else.

    Who keeps it for longer than the run has one of its own from then on.

    :param sharing: the run's
    :param connect: opens a connection of its own
    :raises: nothing
    """

    def __init__(self, sharing: Sharing, connect: Callable[[], Any]) -> None:
        self._sharing: Sharing | None = sharing
        self._connect = connect
        self._own: Any = None
        self._changes = False
        # set by SQLAlchemy and by applications; the run has its own
        self.isolation_level: str | None = ""
        self.row_factory = self.text_factory = None
        plain = type(sharing.raw.cursor())
        self._cursor = type("SharedCursor", (_Cursor, plain), {"shared": self})

    @property
    def raw(self) -> Any:
        """The driver's connection behind this one."""
        if self._sharing is not None:
            return self._sharing.raw
        if self._own is None:
            self._own = self._connect()
        return self._own

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)

    @property
    def in_transaction(self) -> bool:
        """Whether there is something to commit."""
        return self._changes if self._sharing else self.raw.in_transaction

    def is_of(self, sharing: Sharing) -> bool:
        """Tell whose connection this is.

        :param sharing: that of a run
        :raises: nothing
        """
        return self._sharing is sharing

    def part(self) -> None:
        """Stand alone: the run is over.

        :raises: nothing
        """
        self._sharing, self._changes = None, False

    def cursor(self, *args: Any) -> Any:
        """Make a cursor, as the driver does.

        :param args: as for the driver's
        :raises sqlite3.Error: the database cannot be opened
        """
        made = self.raw.cursor(self._cursor) if self._sharing else self.raw.cursor(*args)
        if self.row_factory is not None:
            made.row_factory = self.row_factory
        return made

    def execute(self, *args: Any) -> Any:
        """Run a statement on a new cursor, as the driver does.

        :param args: the statement and its parameters
        :raises sqlite3.Error: the database refuses
        """
        return self.cursor().execute(*args)

    def before(self, statement: str) -> bool:
        """Prepare a statement that is to join the run.

        :param statement: the statement
        :returns: whether it is still to be run
        :raises sqlite3.Error: the database refuses
        """
        if self._sharing is None:
            return True
        end = _ENDS.match(statement)
        if end:
            (self.rollback if end.group(2) else self.commit)()
        if end or _BEGINS.match(statement):
            return False
        self._sharing.catch_up()
        if _CHANGES.match(statement) and not self._changes and self.raw.in_transaction:
            self.raw.execute(f"SAVEPOINT {SAVEPOINT}")
            self._changes = True
        return True

    def _end(self, *statements: str) -> None:
        changes, self._changes = self._changes, False
        for statement in statements if changes else ():
            self.raw.execute(f"{statement} {SAVEPOINT}")

    def commit(self) -> None:
        """Leave the changes to the run.

        :raises sqlite3.Error: the database refuses
        """
        if self._own is not None:
            self._own.commit()
        self._end("RELEASE")

    def rollback(self) -> None:
        """Undo the changes made here.

        :raises sqlite3.Error: the database refuses
        """
        if self._own is not None:
            self._own.rollback()
        self._end("ROLLBACK TO", "RELEASE")

    def close(self) -> None:
        """Undo what was not committed.

        :raises sqlite3.Error: the database refuses
        """
        self.rollback()
        if self._own is not None:
            self._own.close()


class _Cursor:
    """What a cursor of a `Shared` does before the driver's own."""

    shared: Shared

    def execute(self, statement: str, *parameters: Any) -> Any:
        below: Any = super()
        return below.execute(statement, *parameters) if self.shared.before(statement) else self

    def executemany(self, statement: str, *parameters: Any) -> Any:
        below: Any = super()
        return below.executemany(statement, *parameters) if self.shared.before(statement) else self


class Sharing:
    """Lets the connections that a thread opens to a file join a run, until it ends.

    :param raw: the driver's connection of the run
    :param path: the file
    :param catch_up: called before each statement of theirs: brings the run up to date
    :raises: nothing
    """

    def __init__(self, raw: Any, path: str, catch_up: Callable[[], None]) -> None:
        self.raw = raw
        self.path = path
        self.catch_up = catch_up
        self._thread = threading.get_ident()
        self._joined: list[Any] = []

    def begin(self) -> None:
        """Begin to share.

        :raises: nothing
        """
        event.listen(Engine, "do_connect", self._connect)
        event.listen(Pool, "connect", self._connected)
        event.listen(Pool, "checkout", self._check)

    def end(self) -> None:
        """Share no longer: who has a connection of the run's gets one of its own next time.

        :raises: nothing
        """
        event.remove(Engine, "do_connect", self._connect)
        event.remove(Pool, "connect", self._connected)
        event.remove(Pool, "checkout", self._check)
        for shared, record in self._joined:
            shared.part()
            record.invalidate(soft=True)

    def _is_for(self, name: object) -> bool:
        """Tell the file of the run, asked for by the thread of the run."""
        if threading.get_ident() != self._thread:
            return False
        try:
            return os.path.samefile(_path(name), self.path)
        except (OSError, ValueError):  # no such file, or no path at all
            return False

    @staticmethod
    def _file_of(connection: Any) -> object:
        """Name the file that a driver's connection has open; nothing where it is not SQLite's."""
        return database_file(connection) if hasattr(connection, "iterdump") else None

    def _connect(self, dialect: Any, record: Any, cargs: Any, cparams: Any) -> Any:
        if dialect.name != "sqlite":
            return None
        name = cargs[0] if cargs else cparams.get("database")
        return (
            Shared(self, partial(dialect.connect, *cargs, **cparams))
            if self._is_for(name)
            else None
        )

    def _connected(self, connection: Any, record: Any) -> None:
        if isinstance(connection, Shared):
            self._joined.append((connection, record))

    def _check(self, connection: Any, record: Any, fairy: Any) -> None:
        """Have a pool replace a connection that it made for another thread, or before the run."""
        if isinstance(connection, Shared):
            wrong = connection.is_of(self) and threading.get_ident() != self._thread
        else:
            wrong = connection is not self.raw and self._is_for(self._file_of(connection))
        if wrong:
            raise exc.DisconnectionError()
