"""Other connections of this process that hold tables which a revision is to change.

An application that queries when it is imported, or a script that queries by the session beside
`op`, leaves a transaction open on another connection. A server would let ALTER TABLE wait for its
end, which comes after the run. Such a transaction is ended if it has only read. Otherwise the
statement waits for a short time, and its failure says who is in the way.
"""

from __future__ import annotations

import gc
import threading
from contextlib import suppress
from typing import Any, Iterable, Iterator

from sqlalchemy.engine import Connection

from ..progress import OWN_THREAD
from ..sql import DDL
from .dbapi import driver_connection, execute, server_of, server_process, transaction_status
from .statements import Execution, Observer

_PATIENCE = 5  # seconds, for a table that this process itself holds

# the sessions that may be in the way; the state of another role's is hidden
_ON_POSTGRESQL = """
SELECT pid, backend_xid IS NULL FROM pg_stat_activity a
WHERE {which} AND datname = current_database()
    AND coalesce(state, 'idle in transaction') = 'idle in transaction'
    AND NOT EXISTS (SELECT 1 FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory')
"""
_ON_MYSQL = """
SELECT ID FROM information_schema.PROCESSLIST
WHERE {which} AND DB = DATABASE() AND COMMAND = 'Sleep'
"""
# what a session has run that a commit would keep; asked of the session itself, which takes no right
_CHANGES = """
SHOW SESSION STATUS WHERE Value <> '0' AND Variable_name REGEXP
    '^Com_(insert|update|delete|replace|load|call_procedure|lock_tables|xa_)'
"""
_IN_TRANSACTION = 1  # SERVER_STATUS_IN_TRANS of the protocol
_TIMEOUT = "lock_wait_timeout"


def connections_like(raw: Any) -> list[Any]:
    """Return the connections of one driver in this process; none if other threads may use them."""
    others = set(threading.enumerate()) - {threading.current_thread()}
    if any(thread.name != OWN_THREAD for thread in others):
        return []
    # those of SQLite are not among the objects before Python 3.11
    kinds = {Connection, type(raw)}
    found = []
    for each in [each for each in gc.get_objects() if type(each) in kinds]:
        if type(each) is Connection:
            with suppress(Exception):  # it may be in any state
                each = driver_connection(each)
        if type(each) is type(raw):
            found.append(each)
    return found


class OwnConnections(Observer):
    """Ends what other connections have only read, before a statement that changes the schema."""

    in_steps_only = True

    def __init__(self, connection: Any, raw: Any, lock: Any) -> None:
        self.raw = raw
        self.lock = lock
        self._is_postgresql = connection.dialect.name == "postgresql"
        # by their identity: those that may be in a transaction, as far as is known
        self._others: dict[int, Any] = {}
        self._has_looked = False
        self._left: list[int] = []  # the connections that the last statement may have waited for
        self._has_changed_schema = self._waits_elsewhere = False
        self._timeout_before: Any = None  # of the session, on MySQL

    def begin_step(self, step: Any) -> None:
        if not self._has_looked:
            self._has_looked = True
            # one query is quicker than a look at every object of the process
            if self._sees_others():
                for raw in connections_like(self.raw):
                    self._add(raw)

    def _sees_others(self) -> bool:
        """Whether the server has any session that may be in the way, of whatever process."""
        if self._is_postgresql:
            query = _ON_POSTGRESQL.format(which="pid <> pg_backend_pid()")
        else:
            lock = server_process(self.lock.raw)
            query = _ON_MYSQL.format(which=f"ID NOT IN (CONNECTION_ID(), {lock})")
        return bool(execute(self.raw, query))

    def _add(self, raw: Any) -> None:
        if type(raw) is type(self.raw) and raw is not self.raw and raw is not self.lock.raw:
            self._others[id(raw)] = raw

    def end_step(self, step: Any, error: BaseException | None) -> None:
        if self._timeout_before is not None and error is None:
            execute(self.raw, f"SET SESSION {_TIMEOUT} = {self._timeout_before}")
            self._timeout_before = None

    def before(self, execution: Execution) -> None:
        self._left, self._waits_elsewhere = [], False
        if (execution.kind or execution.statement.kind) != DDL:
            return
        self._has_changed_schema = True
        if self._others:
            others, self._others = list(self._others.values()), {}
            end_reading = self._on_postgresql if self._is_postgresql else self._on_mysql
            for number, raw in end_reading(others):
                self._left.append(number)
                self._add(raw)
            if self._left:
                self._limit_patience(self.raw)

    def before_elsewhere(self, execution: Execution) -> None:
        """Get to know what the script uses; let it wait for a short time for what is locked."""
        raw = driver_connection(execution.connection)
        self._add(raw)
        if self._is_postgresql and self._has_changed_schema:
            self._waits_elsewhere = True
            self._limit_patience(raw)

    # a commit ends what was read, and keeps what was SET for the session

    def _on_postgresql(self, others: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """End the transactions that have only read; yield the others."""
        waiting = {
            server_process(raw): raw
            for raw in others
            if transaction_status(raw) == 2 and server_of(raw) == server_of(self.raw)
        }
        if not waiting:
            return
        # a transaction keeps what it has read of that view
        execute(self.raw, "SELECT pg_stat_clear_snapshot()")
        query = _ON_POSTGRESQL.format(which=f"pid IN ({', '.join(map(str, waiting))})")
        for number, has_read_only in execute(self.raw, query):
            if has_read_only:
                waiting[number].commit()
            else:
                yield number, waiting[number]

    def _on_mysql(self, others: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """The same; only the connection itself can tell whether it is in a transaction."""
        asked = {
            server_process(raw): raw
            for raw in others
            if raw.open and server_of(raw) == server_of(self.raw)
        }
        if not asked:
            return
        query = _ON_MYSQL.format(which=f"ID IN ({', '.join(map(str, asked))})")
        for (number,) in execute(self.raw, query):
            raw = asked[number]
            if not execute(raw, _CHANGES):
                raw.commit()
            else:
                execute(raw, "DO 0")  # for the status, which PyMySQL does not take from a SELECT
                if getattr(raw, "server_status", 0) & _IN_TRANSACTION:
                    yield number, raw

    def _limit_patience(self, raw: Any) -> None:
        if self._is_postgresql:
            if execute(raw, "SHOW lock_timeout")[0][0] == "0":
                execute(raw, f"SELECT set_config('lock_timeout', '{_PATIENCE}s', true)")
        elif self._timeout_before is None:
            self._timeout_before = execute(raw, f"SELECT @@SESSION.{_TIMEOUT}")[0][0]
            execute(raw, f"SET SESSION {_TIMEOUT} = {_PATIENCE}")

    def outcome(self) -> str:
        """Say which of them a statement has waited for in vain, or which one waited for the run."""
        if self._waits_elsewhere:
            return (
                "that statement waits for this run, which has changed the schema on another "
                "connection: let the script execute it by op.get_bind(), or in a later revision"
            )
        if not self._left:
            return ""
        which = "server process" if self._is_postgresql else "connection"
        return (
            f"{which} {' and '.join(map(str, self._left))} belongs to this process, and has made "
            "changes without a commit: commit them, or call db.session.remove(), before the "
            "migration"
        )
