"""Cancels the running statement from a thread when SIGINT or SIGTERM arrives.

Python runs its signal handlers when the driver, written in C, returns, which may be hours later.
The thread is woken by the signal itself. A server is asked in any case, so that it does not
continue what nobody waits for.
"""

from __future__ import annotations

import signal
import socket
import threading
from contextlib import suppress
from typing import Any, Callable

from ..progress import OWN_THREAD
from .dbapi import execute, separate_connection
from .statements import Statements


class Interrupts:
    """The signals of one command; `have_stopped` is true once they have cancelled a statement.

    A handler may run in a function of the script that the statement calls, where the driver turns
    its exception into one of its own: then only `have_stopped` shows what happened.
    """

    def __init__(self) -> None:
        self.have_stopped: bool = False
        self._cancellers: list[tuple[Statements, Callable[[], None]]] = []
        self._signals: set[int] = set()
        self._thread: threading.Thread | None = None

    def add(self, statements: Statements) -> None:
        """Let signals cancel what a connection executes, if it can be cancelled."""
        cancel = _cancel_function(statements)
        # Python runs handlers in its main thread, so that no other one is held up
        if cancel is None or threading.current_thread() is not threading.main_thread():
            return
        self._cancellers.append((statements, cancel))
        if self._thread is not None:
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            # those that end a command; the application handles the others
            handler = signal.getsignal(number)
            if handler is signal.default_int_handler or getattr(handler, "ends_command", False):
                self._signals.add(int(number))
        if not self._signals:
            return
        before = signal.set_wakeup_fd(-1)
        if before != -1:  # an event loop of the application waits for signals by itself
            signal.set_wakeup_fd(before)
            return
        self._read, self._write = socket.socketpair()
        self._write.setblocking(False)
        signal.set_wakeup_fd(self._write.fileno())
        self._thread = threading.Thread(target=self._listen, name=OWN_THREAD, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            numbers = self._read.recv(64)
            if not numbers:
                return
            if self._signals.intersection(numbers):
                for statements, cancel in self._cancellers:
                    # an idle connection is left alone, so that the clean-up after the signal works
                    if statements.is_executing:
                        self.have_stopped = True
                        with suppress(Exception):  # without a connection there is no statement
                            cancel()

    def stop(self) -> None:
        """Restore the handling of signals."""
        if self._thread is not None:
            signal.set_wakeup_fd(-1)
            self._write.close()
            self._thread.join()  # a request to a server is sent before we go on
            self._read.close()


def _cancel_function(statements: Statements) -> Callable[[], None] | None:
    """Return what cancels a connection's statement from another thread; None if nothing can."""
    connection, raw = statements.connection, statements.raw
    if connection.dialect.name in ("mysql", "mariadb"):
        thread_id = getattr(raw, "thread_id", None)
        return (lambda: _kill_query(connection, thread_id())) if callable(thread_id) else None
    # psycopg2 and psycopg have the first, the sqlite3 module the second
    return getattr(raw, "cancel", None) or getattr(raw, "interrupt", None)


def _kill_query(connection: Any, thread_id: int) -> None:
    with separate_connection(connection.engine.pool) as raw:
        execute(raw, f"KILL QUERY {int(thread_id)}")
