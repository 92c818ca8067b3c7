"""SIGINT and SIGTERM end a statement that a driver written in C waits for.

Python runs its handlers when the driver returns, which may be hours later. The signal also wakes a
thread, which asks the database to give the statement up; then the handler runs. A server is asked
in any case, so that it does not go on with what nobody waits for.
"""

from __future__ import annotations

import signal
import socket
import threading
from contextlib import suppress
from typing import Any, Callable

from sqlalchemy import event


def _kill_query(connection: Any, number: int) -> None:
    """Ask a MySQL server, by a connection of its own, to give up what another one is at."""
    pool = connection.engine.pool.recreate()
    own = pool.connect()
    try:
        cursor = own.cursor()
        cursor.execute(f"KILL QUERY {number}")
        cursor.close()
    finally:
        own.invalidate()
        pool.dispose()


def _canceller(connection: Any, raw: Any) -> Callable[[], None] | None:
    """Give what stops a statement from another thread; None where nothing is known to."""
    if connection.dialect.name in ("mysql", "mariadb"):
        number = getattr(raw, "thread_id", None)
        return (lambda: _kill_query(connection, int(number()))) if callable(number) else None
    # psycopg2 and psycopg have the first, the sqlite3 module the second
    return getattr(raw, "cancel", None) or getattr(raw, "interrupt", None)


def _ending() -> set[int]:
    """Name the signals that end a command; what the application does with others is its own."""
    ending = set()
    for number in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(number)
        if handler is signal.default_int_handler or getattr(handler, "ends_command", False):
            ending.add(int(number))
    return ending


class _Statements:
    """Knows whether a connection is at work, and stops what it does."""

    def __init__(self, connection: Any, cancel: Callable[[], None]) -> None:
        self._connection = connection
        self._cancel = cancel
        self._at_work = False
        event.listen(connection, "before_cursor_execute", self._before)
        event.listen(connection, "after_cursor_execute", self._after)

    def _before(self, *_: Any) -> None:
        self._at_work = True

    def _after(self, *_: Any) -> None:
        self._at_work = False

    def cancel(self) -> bool:
        # an idle connection is left alone, or what cleans up behind the signal would be stopped
        at_work = self._at_work
        if at_work:
            with suppress(Exception):  # the connection is gone, and its statement too
                self._cancel()
        return at_work

    def forget(self) -> None:
        event.remove(self._connection, "before_cursor_execute", self._before)
        event.remove(self._connection, "after_cursor_execute", self._after)


class Interrupts:
    """What signals stop while one command runs.

    `have_stopped` tells that a signal has ended a statement. Its handler may run in a function of
    the script that the statement calls, where the driver makes an error of its own of it.

    :raises: nothing
    """

    def __init__(self) -> None:
        self.have_stopped = False
        self._statements: list[_Statements] = []
        self._ending: set[int] = set()
        self._thread: threading.Thread | None = None

    def add(self, connection: Any, raw: Any) -> None:
        """Let signals stop the statements of a connection.

        :param connection: SQLAlchemy's connection
        :param raw: the driver's
        :raises: nothing
        """
        canceller = _canceller(connection, raw)
        # Python runs handlers in its main thread, so that no other one is held up
        if canceller is None or threading.current_thread() is not threading.main_thread():
            return
        self._statements.append(_Statements(connection, canceller))
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        self._ending = _ending()
        if not self._ending:
            return
        before = signal.set_wakeup_fd(-1)
        if before != -1:  # an event loop of the application waits for signals by itself
            signal.set_wakeup_fd(before)
            return
        self._read, self._write = socket.socketpair()
        self._write.setblocking(False)
        signal.set_wakeup_fd(self._write.fileno())
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            numbers = self._read.recv(64)
            if not numbers:
                return
            if self._ending.intersection(numbers):
                for statements in self._statements:
                    self.have_stopped |= statements.cancel()

    def stop(self) -> None:
        """Leave signals as they were.

        :raises: nothing
        """
        if self._thread is not None:
            signal.set_wakeup_fd(-1)
            self._write.close()
            self._thread.join()  # what it is asking a server for is asked before we go on
            self._read.close()
            self._thread = None
        while self._statements:
            self._statements.pop().forget()
