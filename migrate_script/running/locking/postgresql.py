"""The lock of a database of PostgreSQL, behind a pooler too."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import Any, Callable, Iterator

from ... import errors
from ..connections import driver_connection, has_begun
from .server import ServerLock


class PostgreSQLLock(ServerLock):
    """An advisory lock for the time of a transaction that nothing else happens in.

    A session's lock would be left to a stranger by a pooler that hands out connections for one
    transaction each (PgBouncer); a transaction keeps its connection. It reads and writes nothing,
    at READ COMMITTED, so that no VACUUM and no CREATE INDEX CONCURRENTLY waits for it.
    """

    NUMBER = int.from_bytes(hashlib.sha256(b"migrate_script").digest()[:8], "big", signed=True)

    def acquire(self, timeout: float) -> bool:
        patience = max(timeout, 10.0)
        if has_begun(self.connection):
            try:
                with self._told_apart(patience, self._let_the_other_go):
                    self._row("SELECT 1")
            except BaseException:
                self.release()
                raise
            self._unlock()
        taken = super().acquire(timeout)
        if taken:
            try:
                self._see_the_other(patience)
            except BaseException:
                self.give_back()
                raise
        return taken

    def _see_the_other(self, patience: float) -> None:
        """Make sure that the work gets a connection beside the lock's from a pooler."""
        raw, had_begun = driver_connection(self.connection), has_begun(self.connection)
        with self._told_apart(patience, self._unlock):
            cursor = raw.cursor()
            cursor.execute("SELECT 1")
            cursor.close()
        if not had_begun:
            raw.rollback()

    def _let_the_other_go(self) -> None:
        driver_connection(self.connection).rollback()

    @contextmanager
    def _told_apart(self, patience: float, let_go: Callable[[], None]) -> Iterator[None]:
        """Ask by one connection, and tell a pooler that waits for the other one to end.

        :param patience: for how many seconds
        :param let_go: gives the other one back, from another thread
        """
        was_let_go = threading.Event()

        def give_up() -> None:
            was_let_go.set()
            with suppress(Exception):
                let_go()

        start, too_late = time.monotonic(), threading.Timer(patience, give_up)
        too_late.daemon = True
        too_late.start()
        try:
            yield
        except Exception as error:  # every driver has its own class for it
            with suppress(Exception):
                self.connection.invalidate()  # or SQLAlchemy reports that it is closed
            if time.monotonic() - start > 1:  # a pooler that gave up, not a server that is down
                raise errors.LockTimeout.one_connection() from error
            raise
        finally:
            too_late.cancel()
            too_late.join()
        if was_let_go.is_set():
            raise errors.LockTimeout.one_connection()

    def attempt(self) -> bool:
        if getattr(self._raw, "autocommit", False):
            self._row("BEGIN")
        self._row("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        if self._row(f"SELECT pg_try_advisory_xact_lock({self.NUMBER})")[0]:
            self._prepare()
            return True
        self._key = self._holder_row()[0]
        self._unlock()
        return False

    def _prepare(self) -> None:
        """Sign the lock, and keep the server from ending a connection that seems idle."""
        name = f"migrate_script, process {os.getpid()} on {socket.gethostname()}"[:63]
        name = name.replace("'", "").replace("%", "")
        self._row(
            "SELECT set_config(name, CASE name WHEN 'application_name' THEN "
            f"'{name}' ELSE '0' END, true) FROM pg_settings WHERE name IN "
            "('application_name', 'idle_in_transaction_session_timeout', 'transaction_timeout')"
        )
        self._key = self._row("SELECT pg_backend_pid()")[0]

    def _holder_row(self) -> Any:
        high, low = (self.NUMBER >> 32) & 0xFFFFFFFF, self.NUMBER & 0xFFFFFFFF
        row = self._row(
            "SELECT l.pid, a.usename, a.application_name, "
            "date_trunc('second', a.xact_start)::text "
            "FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid "
            "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database()) "
            f"AND l.classid::bigint = {high} AND l.objid::bigint = {low}"
        )
        return row or (None, None, None, None)

    def holder(self) -> str:
        self._row("SELECT 1")
        pid, user, name, since = self._holder_row()
        self._unlock()
        if pid is None:
            return super().holder()
        return f"server process {pid} of user {user} ({name or 'unnamed'}), since {since}"

    def blockers(self, statement: str, connection: Any) -> str:
        """Say who holds locks on the tables of a statement that waited too long.

        :param statement: the statement
        :param connection: SQLAlchemy's connection that ran it
        :raises Exception: the database refuses
        """
        raw = driver_connection(connection)
        info = getattr(raw, "info", None)
        own = getattr(info, "backend_pid", None) or getattr(raw, "get_backend_pid", int)()
        found = self._rows(
            "SELECT c.relname, a.pid, a.usename, a.query FROM pg_locks l "
            "JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a ON a.pid = l.pid "
            "WHERE l.granted AND l.database = (SELECT oid FROM pg_database "
            f"WHERE datname = current_database()) AND l.pid <> {int(own)} ORDER BY a.xact_start"
        )
        words = set(re.findall(r"\w+", statement))
        who = {row[1]: row for row in found if row[0] in words}
        return ", ".join(
            f"server process {pid} of user {user} holds '{table}' with [{' '.join(query.split())}]"
            for table, pid, user, query in who.values()
        )

    def _unlock(self) -> None:
        if getattr(self._raw, "autocommit", False):
            self._row("ROLLBACK")
        else:
            self._raw.rollback()
