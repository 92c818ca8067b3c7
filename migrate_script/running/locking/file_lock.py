"""Lock file beside a SQLite database, freed by the operating system when its holder ends."""

from __future__ import annotations

import getpass
import json
import os
import socket
import time
from contextlib import suppress
from datetime import datetime
from typing import Callable

from . import DatabaseLock, described

_lock: Callable[[int], None]
try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    # far after the text of the file, which others could not read otherwise
    _BYTE = 1 << 20

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
else:

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FileLock(DatabaseLock):
    """The file `<database>.migrate-lock`, which exists while it is locked; it names its holder."""

    _descriptor: int | None = None

    def try_acquire(self) -> bool:
        self._path = f"{self.key}.migrate-lock"
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            # the folder cannot be written to: SQLite will say so if it needs to
            return True
        try:
            _lock(descriptor)
            if not os.path.samestat(os.fstat(descriptor), os.stat(self._path)):
                raise FileNotFoundError  # its last holder has just removed it
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        with suppress(OSError):  # on a full disk the lock is held without a name
            _write_holder(descriptor)
        return True

    def holder(self) -> str:
        try:
            with open(self._path, encoding="utf-8") as file:
                pid, user, host, since = json.load(file)
        except (OSError, ValueError):
            return super().holder()
        return described("process", pid, user, host, datetime.fromtimestamp(since))

    def release(self) -> None:
        if self._descriptor is None:
            return
        with suppress(OSError):  # Windows, where another process has it open
            os.unlink(self._path)
        os.close(self._descriptor)
        self._descriptor = None


def _write_holder(descriptor: int) -> None:
    try:
        user = getpass.getuser()
    except Exception:  # what it raises for a user without a name differs between Pythons
        user = str(getattr(os, "getuid", lambda: "unknown")())
    facts = [os.getpid(), user, socket.gethostname(), time.time()]
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, json.dumps(facts).encode())
