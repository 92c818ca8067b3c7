"""A lock on a file, which the operating system frees when its holder ends, however it ends."""

from __future__ import annotations

import getpass
import json
import os
import socket
import time
from contextlib import suppress
from typing import Any, Callable

_lock: Callable[[int], None]
try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    # far behind what is written into the file, which others could not read otherwise
    _BYTE = 1 << 20

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
else:

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def whoami() -> str:
    """Name the user of this process.

    :raises: nothing
    """
    try:
        return getpass.getuser()
    except Exception:  # what it raises for a user without a name differs between Pythons
        return str(getattr(os, "getuid", lambda: "unknown")())


class FileLock:
    """A lock file, which exists while somebody holds it.

    :param path: its path
    :raises: nothing
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor: int | None = None

    def attempt(self) -> bool:
        """Take the lock if it is free.

        :returns: whether it is held now
        :raises OSError: the file cannot be made
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor)
            if not self._is_current(descriptor):  # its last holder has just removed it
                os.close(descriptor)
                return False
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        with suppress(OSError):  # a full disk keeps the lock, and the name out of it
            self._sign(descriptor)
        return True

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self.path))
        except OSError:
            return False

    @staticmethod
    def _sign(descriptor: int) -> None:
        facts = [os.getpid(), whoami(), socket.gethostname(), time.time()]
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(facts).encode())

    def holder(self) -> list[Any] | None:
        """Read who holds the lock: process, user, machine, since when; None where nobody does.

        :raises: nothing
        """
        try:
            with open(self.path, encoding="utf-8") as file:
                facts: list[Any] = json.load(file)
                return facts
        except (OSError, ValueError):
            return None

    def release(self) -> None:
        """Free the lock.

        :raises: nothing
        """
        if self._descriptor is None:
            return
        try:
            os.unlink(self.path)
        except OSError:
            pass  # Windows, where another process has it open
        os.close(self._descriptor)
        self._descriptor = None
