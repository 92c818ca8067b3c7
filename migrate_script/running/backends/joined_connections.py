"""SQLite: a script's second connection to the database joins the transaction of the run.

A script may use the application's session, or an engine, beside `op`. On a server that is another
connection; SQLite has one writer, which is the run for its whole length: the other connection
would wait for ever, and see nothing of what the run has done. So a connection that the thread of
the run opens meanwhile to the same file is the run's under another name. It commits and rolls back
what it has changed itself, by a savepoint.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from functools import partial
from typing import Any, Callable
from urllib.parse import unquote, urlsplit

from sqlalchemy import exc

from ...sql import DML, TRANSACTION, classify
from ..dbapi import database_file

_SAVEPOINT = "migrate_script_joined"


class JoinedConnections:
    """Lets the connections that a thread opens to a file join a run, until it ends."""

    def __init__(self, raw: Any, path: Any, thread: int, catch_up: Callable[[], None]) -> None:
        self.raw = raw
        self.path = path
        self.catch_up = catch_up  # begins the transaction of the run
        self._thread = thread
        self._joined: list[Any] = []

    def leave(self) -> None:
        """Let them stand alone: the run is over."""
        for joined, record in self._joined:
            joined.leave()
            record.invalidate(soft=True)  # its pool connects anew
        self._joined.clear()

    def has_changes(self) -> bool:
        """Whether one of them has changes that it has not committed."""
        return any(joined.in_transaction for joined, _ in self._joined)

    def _is_for(self, name: object) -> bool:
        """Whether the thread of the run asks for the file of the run."""
        if threading.get_ident() != self._thread:
            return False
        try:
            return os.path.samefile(_path(name), self.path)
        except (OSError, ValueError):  # no such file, or no path at all
            return False

    # -- events of SQLAlchemy, which the backend passes on -----------------------------------------

    def do_connect(self, dialect: Any, record: Any, cargs: Any, cparams: Any) -> Any:
        name = cargs[0] if cargs else cparams.get("database")
        if dialect.name != "sqlite" or not self._is_for(name):
            return None
        return JoinedConnection(self, partial(dialect.connect, *cargs, **cparams))

    def connect(self, connection: Any, record: Any) -> None:
        if isinstance(connection, JoinedConnection):
            self._joined.append((connection, record))

    def checkout(self, connection: Any, record: Any, fairy: Any) -> None:
        """Have a pool replace a connection that it opened for another thread, or before the run."""
        if isinstance(connection, JoinedConnection):
            wrong = connection.joined_run is self and threading.get_ident() != self._thread
        else:
            has_file = connection is not self.raw and hasattr(connection, "iterdump")
            wrong = has_file and self._is_for(database_file(connection))
        if wrong:
            raise exc.DisconnectionError()


class JoinedConnection:
    """The driver's connection of a run, as somebody else's; after the run, one to the same file."""

    def __init__(self, run: JoinedConnections, connect: Callable[[], Any]) -> None:
        self.joined_run: JoinedConnections | None = run
        self._connect = connect
        self._separate: Any = None
        self._has_changes = False
        # set by SQLAlchemy and by applications; the run has its own
        self.isolation_level: str | None = ""
        self.row_factory: Any = None
        self.text_factory: Any = None

    @property
    def raw(self) -> Any:
        if self.joined_run is not None:
            return self.joined_run.raw
        if self._separate is None:
            self._separate = self._connect()
        return self._separate

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)

    @property
    def in_transaction(self) -> bool:
        return self._has_changes if self.joined_run else self.raw.in_transaction

    def leave(self) -> None:
        """Stand alone."""
        self.joined_run, self._has_changes = None, False

    def cursor(self, *args: Any) -> Any:
        if self.joined_run is not None:
            made = JoinedCursor(self.raw)
            made.joined = self
        else:
            made = self.raw.cursor(*args)
        if self.row_factory is not None:
            made.row_factory = self.row_factory
        return made

    def execute(self, *args: Any) -> Any:
        return self.cursor().execute(*args)

    def joins(self, text: str) -> bool:
        """Prepare a statement; return whether it is to be run on the run's connection."""
        if self.joined_run is None:
            return True
        statement = classify(text, "sqlite")
        if statement.kind == TRANSACTION:
            if statement.verb == "COMMIT":
                self.commit()
            elif statement.verb == "ROLLBACK":
                self.rollback()
            return False
        self.joined_run.catch_up()
        # before these the sqlite3 module begins a transaction, so that a rollback undoes them
        if statement.kind == DML and not self._has_changes and self.raw.in_transaction:
            self.raw.execute(f"SAVEPOINT {_SAVEPOINT}")
            self._has_changes = True
        return True

    def commit(self) -> None:
        """Leave the changes to the run."""
        if self._separate is not None:
            self._separate.commit()
        self._end("RELEASE")

    def rollback(self) -> None:
        if self._separate is not None:
            self._separate.rollback()
        self._end("ROLLBACK TO", "RELEASE")

    def _end(self, *statements: str) -> None:
        has_changes, self._has_changes = self._has_changes, False
        for statement in statements if has_changes else ():
            self.raw.execute(f"{statement} {_SAVEPOINT}")

    def close(self) -> None:
        self.rollback()
        if self._separate is not None:
            self._separate.close()


class JoinedCursor(sqlite3.Cursor):
    """A cursor of a joined connection."""

    joined: JoinedConnection

    def execute(self, statement: str, *parameters: Any) -> Any:
        if not self.joined.joins(statement):
            return self
        return super().execute(statement, *parameters)

    def executemany(self, statement: str, *parameters: Any) -> Any:
        if not self.joined.joins(statement):
            return self
        return super().executemany(statement, *parameters)


def _path(name: object) -> str:
    """Return the path in what the sqlite3 module is asked to open."""
    text = os.fsdecode(name) if isinstance(name, (str, bytes, os.PathLike)) else ""
    return unquote(urlsplit(text).path) if text.startswith("file:") else text
