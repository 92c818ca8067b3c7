"""One migration at a time for each database: how the lock is waited for.

Nobody waits inside a lock function of a server: that would stop a CREATE INDEX CONCURRENTLY of
the one who holds the lock. The lock is asked for again and again instead.
"""

from __future__ import annotations

import time
from typing import Any

from ... import errors
from ...progress import listener
from .idle import stay_awake

# what this process holds: a run that meets its own lock again goes on (two binds, one database)
_HELD: list[Lock] = []


class Lock:
    """Does nothing: for databases whose locks are not known here.

    :param connection: SQLAlchemy's connection to the database
    :raises: nothing
    """

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @property
    def key(self) -> object:
        """What two locks of the same database have in common.

        :raises: nothing
        """
        return None

    def attempt(self) -> bool:
        """Take the lock if it is free.

        :raises Exception: the database refuses
        """
        return True

    def holder(self) -> str:
        """Say who holds the lock.

        :raises: nothing
        """
        return "a holder that cannot be seen"

    def check(self) -> None:
        """Make sure, before a commit, that the lock is still held.

        :raises LockLost: it is not
        """

    def release(self) -> None:
        """Free the lock.

        :raises: nothing
        """

    def acquire(self, timeout: float) -> bool:
        """Wait for the lock.

        :param timeout: for how many seconds at most
        :returns: whether the lock is this one's to release; not when this process has it already
        :raises LockTimeout: somebody else still has it
        """
        start, pause, told = time.monotonic(), 0.05, 1.0
        while not self.attempt():
            if any(held.key == self.key for held in _HELD):
                return False
            waited = time.monotonic() - start
            if waited >= timeout:
                raise errors.LockTimeout.held(self.holder(), timeout)
            if waited >= told:
                listener().waiting(self.holder(), waited)
                told = waited + 15
            stay_awake(self.connection)
            time.sleep(min(pause, timeout - waited))
            pause = min(pause * 1.5, 1.0)
        _HELD.append(self)
        return True

    def give_back(self) -> None:
        """Free the lock, after `acquire` said that it is this one's.

        :raises: nothing
        """
        _HELD.remove(self)
        self.release()
