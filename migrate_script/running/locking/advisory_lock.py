"""Advisory locks of PostgreSQL and MySQL, each held by a separate connection outside the pool."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Callable, Iterator

from ... import errors
from ...sql import tokens
from ..dbapi import (
    driver_connection,
    execute,
    fetch_all,
    has_begun,
    separate_connection,
    server_process,
)
from . import DatabaseLock, described


class AdvisoryLock(DatabaseLock):
    """What both servers share: the separate connection."""

    def __init__(self, connection: Any, timeout: float) -> None:
        super().__init__(connection, timeout)
        self.raw: Any = None
        self._stack = ExitStack()

    def __enter__(self) -> DatabaseLock:
        pool = self.connection.engine.pool
        self.raw = self._stack.enter_context(separate_connection(pool))
        return super().__enter__()

    def _row(self, query: str) -> Any:
        return next(iter(execute(self.raw, query)), None)

    def release(self) -> None:
        with self._stack, suppress(Exception):  # without a connection there is no lock either
            self._unlock()

    def _unlock(self) -> None:
        raise NotImplementedError


# -- PostgreSQL -------------------------------------------------------------------------------

NUMBER = int.from_bytes(hashlib.sha256(b"migrate_script").digest()[:8], "big", signed=True)

_HOLDER = f"""
SELECT l.pid, a.usename, a.application_name, date_trunc('second', a.xact_start)::text
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.classid::bigint = {NUMBER >> 32 & 0xFFFFFFFF} AND l.objid::bigint = {NUMBER & 0xFFFFFFFF}
"""
_BLOCKERS = """
SELECT c.relname, a.pid, a.usename, a.query, date_trunc('second', a.xact_start)::text
FROM pg_locks l
JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.pid <> {pid} ORDER BY a.xact_start
"""
# a server may be told to end a session that is idle in a transaction
_NAME_HOLDER = """
SELECT set_config(name, CASE name WHEN 'application_name' THEN '{name}' ELSE '0' END, true)
FROM pg_settings WHERE name IN
    ('application_name', 'idle_in_transaction_session_timeout', 'transaction_timeout')
"""


class PostgreSQLLock(AdvisoryLock):
    """An advisory lock of a transaction, which lasts as long as the lock and does nothing else.

    A session's lock would be left to a stranger by a pooler that lends connections by the
    transaction (PgBouncer). The transaction reads and writes nothing, at READ COMMITTED, so that
    no VACUUM and no CREATE INDEX CONCURRENTLY waits for it.
    """

    def wait(self) -> DatabaseLock:
        work = driver_connection(self.connection)
        had_begun = has_begun(self.connection, work)
        if had_begun:
            with self._second_connection(work.rollback):
                self._row("SELECT 1")
            self._unlock()
        held = super().wait()
        if held is self:
            with self._second_connection(self._unlock):
                fetch_all(self.connection, "SELECT 1")
            if not had_begun:
                work.rollback()
        return held

    @contextmanager
    def _second_connection(self, end_first: Callable[[], Any]) -> Iterator[None]:
        """Detect a pooler that lends one connection at a time, by a query on the second one.

        The query of such a pooler fails after a while, or waits until `end_first` ends the
        transaction of the first connection, from another thread.
        """
        ended = threading.Event()

        def end() -> None:
            ended.set()
            with suppress(Exception):
                end_first()

        start, timer = time.monotonic(), threading.Timer(max(self.timeout, 10.0), end)
        timer.daemon = True
        timer.start()
        try:
            yield
        except Exception as error:  # each driver has its own class
            with suppress(Exception):
                self.connection.invalidate()  # or SQLAlchemy reports that it is closed
            if time.monotonic() - start > 1:  # the pooler gave up; a server that is down is faster
                raise errors.LockTimeout.one_connection() from error
            raise
        finally:
            timer.cancel()
            timer.join()
        if ended.is_set():
            raise errors.LockTimeout.one_connection()

    def try_acquire(self) -> bool:
        if getattr(self.raw, "autocommit", False):
            self._row("BEGIN")
        self._row("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        if not self._row(f"SELECT pg_try_advisory_xact_lock({NUMBER})")[0]:
            self.key = (self._row(_HOLDER) or [None])[0]
            self._unlock()
            return False
        name = f"migrate_script, process {os.getpid()} on {socket.gethostname()}"[:63]
        self._row(_NAME_HOLDER.format(name=name.replace("'", "").replace("%", "")))
        self.key: object = self._row("SELECT pg_backend_pid()")[0]
        return True

    def holder(self) -> str:
        row = self._row(_HOLDER)
        self._unlock()
        if row is None:
            return super().holder()
        pid, user, name, since = row
        return f"server process {pid} of user {user} ({name or 'unnamed'}), since {since}"

    def check(self, connection: Any) -> None:
        try:
            self._row("SELECT 1")
        except Exception as error:  # each driver has its own class
            raise errors.LockLost(error) from error

    def blockers(self, statement: str, connection: Any) -> str:
        """Describe the sessions that hold locks on the tables of a connection's statement."""
        own = server_process(driver_connection(connection))
        read = tokens(statement, "postgresql")
        words = {each.text.lower() if each.kind == "word" else each.name for each in read}
        rows = execute(self.raw, _BLOCKERS.format(pid=own))
        sessions = {row[1]: row for row in rows if row[0] in words}
        return ", ".join(
            f"server process {pid} of user {user} has held '{table}' since {since}, with "
            f"[{' '.join(query.split())[:100]}] (SELECT pg_terminate_backend({pid}) ends it)"
            for table, pid, user, query, since in sessions.values()
        )

    def _unlock(self) -> None:
        if getattr(self.raw, "autocommit", False):
            self._row("ROLLBACK")
        else:
            self.raw.rollback()


# -- MySQL and MariaDB ------------------------------------------------------------------------


# readable with the right PROCESS
_TRANSACTIONS = """
SELECT p.ID, p.USER, p.HOST, t.trx_started FROM information_schema.INNODB_TRX t
JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id
WHERE p.DB = DATABASE() AND p.ID NOT IN ({own}, CONNECTION_ID()) ORDER BY t.trx_started
"""


class MySQLLock(AdvisoryLock):
    """A named lock; such names belong to the whole server, so this one contains the database's."""

    def wait(self) -> DatabaseLock:
        # 24 days, the most that Windows takes: until its release this connection is idle
        self._row("SET SESSION wait_timeout = GREATEST(@@SESSION.wait_timeout, 2147483)")
        database = str(self._row("SELECT DATABASE()")[0])
        self._name = f"migrate_script:{hashlib.sha256(database.encode()).hexdigest()[:40]}"
        return super().wait()

    def try_acquire(self) -> bool:
        acquired = self._row(f"SELECT GET_LOCK('{self._name}', 0)")[0]
        used_by = "CONNECTION_ID()" if acquired else f"IS_USED_LOCK('{self._name}')"
        self.key: object = self._row(f"SELECT {used_by}")[0]
        self.raw.commit()
        return bool(acquired)

    def holder(self) -> str:
        row = self._row(
            "SELECT ID, USER, HOST, TIME FROM information_schema.PROCESSLIST "
            f"WHERE ID = IS_USED_LOCK('{self._name}')"
        )
        self.raw.commit()
        if row is None:
            return super().holder()
        number, user, host, seconds = row
        since = datetime.now() - timedelta(seconds=int(seconds or 0))
        return described("connection", number, user, host, since)

    def blockers(self, own: Any) -> str:
        """Describe the other sessions of the database whose transactions are open."""
        rows = execute(self.raw, _TRANSACTIONS.format(own=own))
        self.raw.commit()
        return ", ".join(
            f"connection {number} of user {user} on {host} has had a transaction open since {since}"
            f" (KILL {number} ends it)"
            for number, user, host, since in rows
        )

    def check(self, connection: Any) -> None:
        # asked on the other connection: the idle time of the lock's own shows since when it is held
        if fetch_all(connection, f"SELECT IS_USED_LOCK('{self._name}')")[0][0] != self.key:
            raise errors.LockLost(None)

    def _unlock(self) -> None:
        self._row(f"SELECT RELEASE_LOCK('{self._name}')")
