"""Waiting for one run at a time: of a database (`DatabaseLock`), in a process (`process_lock`).

Both try again and again until their time-out. Nobody waits inside a lock function of a server,
since that would block a CREATE INDEX CONCURRENTLY of the holder.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Iterator

from ... import errors
from ...progress import listener
from ..dbapi import ping

_PROCESS = threading.RLock()
# the command that has the lock of the process, and those that its env.py calls
_commands: list[str] = []
# the locks of this process: two binds of one database share the lock of the first
_HELD: list[DatabaseLock] = []

_FIRST_NOTICE, _NOTICES = 1.0, 15.0  # seconds
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


@contextmanager
def process_lock(command: str, timeout: float) -> Iterator[None]:
    """Let one thread at a time run commands with env.py, which shares much with all threads."""
    start, waited, notice = time.monotonic(), 0.0, _FIRST_NOTICE
    while not _PROCESS.acquire(timeout=max(0.0, min(timeout, notice) - waited)):
        waited = time.monotonic() - start
        holder = next(iter(_commands), "a command that begins")
        if waited >= timeout:
            raise errors.LockTimeout.held(holder, timeout, in_process=True)
        if waited >= notice:
            listener().waiting(holder, waited)
            notice = waited + _NOTICES
    thread, since = threading.current_thread().name, f"{datetime.now():%Y-%m-%d %H:%M:%S}"
    _commands.append(f"'db {command}' in thread '{thread}', since {since}")
    try:
        yield
    finally:
        _commands.pop()
        _PROCESS.release()


def database_lock(connection: Any, timeout: float, file: str | None) -> DatabaseLock:
    """Return the lock of a connection's database, for a `with`, which waits for it.

    A `file` is that of SQLite; None for a server and for a database in memory.
    """
    kind = connection.dialect.name
    if kind == "sqlite" and file is not None:
        from .file_lock import FileLock

        return FileLock(connection, timeout, file)
    if kind == "postgresql":
        from .advisory_lock import PostgreSQLLock

        return PostgreSQLLock(connection, timeout)
    if kind in ("mysql", "mariadb"):
        from .advisory_lock import MySQLLock

        return MySQLLock(connection, timeout)
    return DatabaseLock(connection, timeout)


class DatabaseLock:
    """A context manager that holds the lock; this class locks nothing, for unknown databases."""

    def __init__(self, connection: Any, timeout: float, file: str | None = None) -> None:
        self.connection = connection
        self.timeout = timeout
        #: equal for two locks of one database, once `try_acquire` has been called
        self.key: object = os.path.realpath(file) if file else self

    def __enter__(self) -> DatabaseLock:
        """Wait for the lock; return the one that is held, which may be an earlier one's."""
        try:
            held = self.wait()
        except BaseException:
            self.release()
            raise
        if held is self:
            _HELD.append(self)
        else:
            self.release()
        return held

    def __exit__(self, *_: Any) -> None:
        if self in _HELD:
            _HELD.remove(self)
            self.release()

    def wait(self) -> DatabaseLock:
        """Poll the lock until it is acquired, or held by this process already."""
        start, pause, notice = time.monotonic(), _SHORTEST_PAUSE, _FIRST_NOTICE
        while not self.try_acquire():
            for held in _HELD:
                if held.key == self.key:
                    return held
            waited = time.monotonic() - start
            if waited >= self.timeout:
                raise errors.LockTimeout.held(self.holder(), self.timeout)
            if waited >= notice:
                listener().waiting(self.holder(), waited)
                notice = waited + _NOTICES
            ping(self.connection)
            time.sleep(min(pause, self.timeout - waited))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
        return self

    def try_acquire(self) -> bool:
        """Acquire the lock if it is free; return whether it is held now."""
        return True

    def holder(self) -> str:
        """Describe the process that holds the lock."""
        return "a holder that cannot be seen"

    def check(self, connection: Any) -> None:
        """Raise LockLost unless the lock is still held; `connection` is about to commit."""

    def release(self) -> None:
        """Free the lock if it is held, and what else this object has opened."""


def described(kind: str, number: object, user: object, host: object, since: datetime) -> str:
    """Return the words for a holder."""
    return f"{kind} {number} of user {user} on {host}, since {since:%Y-%m-%d %H:%M:%S}"
