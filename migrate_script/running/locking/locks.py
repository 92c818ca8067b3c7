"""The lock of each kind of database."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime, timedelta
from typing import Any

from ... import errors
from ..connections import driver_connection
from ..pragmas import database_file
from .filelock import FileLock
from .lock import Lock
from .postgresql import PostgreSQLLock
from .server import ServerLock


def _facts(kind: str, pid: object, user: object, where: object, since: datetime) -> str:
    return f"{kind} {pid} of user {user} on {where}, since {since:%Y-%m-%d %H:%M:%S}"


class SQLiteLock(Lock):
    """A lock file beside the database file."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        path = database_file(driver_connection(connection))
        self.file = FileLock(os.path.realpath(path) + ".migrate-lock") if path else None

    @property
    def key(self) -> object:
        return self.file.path if self.file else self

    def attempt(self) -> bool:
        if self.file is None:
            return True  # in memory, so nobody else's
        try:
            return self.file.attempt()
        except OSError:
            # no right to write beside the database: SQLite will say so if it needs to
            self.file = None
            return True

    def holder(self) -> str:
        facts = self.file.holder() if self.file else None
        if facts is None:
            return super().holder()
        pid, user, host, since = facts
        return _facts("process", pid, user, host, datetime.fromtimestamp(since))

    def release(self) -> None:
        if self.file is not None:
            self.file.release()


class MySQLLock(ServerLock):
    """A lock by name, which is known on the whole server and so contains the database's."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        # 24 days, the most that Windows takes: until its release this connection says nothing
        self._row("SET SESSION wait_timeout = GREATEST(@@SESSION.wait_timeout, 2147483)")
        database = self._row("SELECT DATABASE()")[0]
        digest = hashlib.sha256(str(database).encode()).hexdigest()[:40]
        self.name = f"migrate_script:{digest}"

    def attempt(self) -> bool:
        taken = self._row(f"SELECT GET_LOCK('{self.name}', 0)")[0]
        used_by = "CONNECTION_ID()" if taken else f"IS_USED_LOCK('{self.name}')"
        self._key = self._row(f"SELECT {used_by}")[0]
        self._raw.commit()
        return bool(taken)

    def holder(self) -> str:
        row = self._row(
            "SELECT ID, USER, HOST, TIME FROM information_schema.PROCESSLIST "
            f"WHERE ID = IS_USED_LOCK('{self.name}')"
        )
        self._raw.commit()
        if row is None:
            return super().holder()
        pid, user, host, seconds = row
        since = datetime.now() - timedelta(seconds=int(seconds or 0))
        return _facts("connection", pid, user, host, since)

    def check(self) -> None:
        # asked elsewhere than on the lock's own connection, whose idle time tells since when
        cursor = driver_connection(self.connection).cursor()
        try:
            cursor.execute(f"SELECT IS_USED_LOCK('{self.name}')")
            holder = cursor.fetchone()[0]
        finally:
            cursor.close()
        if holder != self._key:
            raise errors.LockLost(None)

    def _unlock(self) -> None:
        self._row(f"SELECT RELEASE_LOCK('{self.name}')")


_KINDS = {
    "sqlite": SQLiteLock,
    "postgresql": PostgreSQLLock,
    "mysql": MySQLLock,
    "mariadb": MySQLLock,
}


def lock_for(connection: Any) -> Lock:
    """Make the lock of the database behind a connection; it is not taken yet.

    :param connection: SQLAlchemy's connection
    :raises Exception: a second connection cannot be made
    """
    return _KINDS.get(connection.dialect.name, Lock)(connection)
