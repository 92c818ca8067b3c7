"""The lock of a server: a connection keeps it, made as the pool makes them but outside of it."""

from __future__ import annotations

from typing import Any

from ... import errors
from ..connections import inside
from .lock import Lock


class ServerLock(Lock):
    """A lock that a connection of its own keeps."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self._pool = connection.engine.pool.recreate()
        self._own = self._pool.connect()
        self._key: object = self

    @property
    def key(self) -> object:
        return self._key

    @property
    def _raw(self) -> Any:
        return inside(self._own)

    def _rows(self, query: str) -> list[Any]:
        cursor = self._own.cursor()
        try:
            cursor.execute(query)
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            cursor.close()

    def _row(self, query: str) -> Any:
        rows = self._rows(query)
        return rows[0] if rows else None

    def check(self) -> None:
        try:
            self._row("SELECT 1")
        except Exception as error:  # every driver has its own class for it
            raise errors.LockLost(error) from error

    def release(self) -> None:
        try:
            self._unlock()
        except Exception:  # the connection is gone, and the lock with it
            pass
        finally:
            self._own.invalidate()
            self._pool.dispose()

    def _unlock(self) -> None:
        raise NotImplementedError
