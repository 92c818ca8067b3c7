"""Which commands of one process run beside each other, and which wait for their turn.

One at a time changes something: env.py, the loggers and the settings are shared by all threads.
Commands that only look go beside it. Each env.py is alone until it has called
`context.configure`, since it may leave something in the settings for its own command alone.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Callable, Iterator

from alembic.util import load_python_file

from ... import errors
from ...progress import listener

LOOKING = ("branches", "current", "heads", "history", "show")

_CHANGES, _BEGINS = threading.RLock(), threading.Lock()
_holder: list[str] = []


def _loads_alone() -> bool:
    """Tell an Alembic that loads files beside sys.modules from an older one.

    The older one loads every env.py under the same name, where two threads would meet.
    """
    load = getattr(load_python_file, "__globals__", {}).get("load_module_py")
    return "module_from_spec" in getattr(getattr(load, "__code__", None), "co_names", ())


LOADS_ALONE = _loads_alone()


def _wait(lock: Any, timeout: float) -> None:
    """Take a lock in time, and tell now and then who has it."""
    start, told = time.monotonic(), 1.0
    while True:
        left = start + timeout - time.monotonic()
        if lock.acquire(timeout=max(0.0, min(left, told, 15.0))):
            return
        waited = time.monotonic() - start
        holder = _holder[0] if _holder else "a command that begins"
        if waited >= timeout:
            raise errors.LockTimeout.in_process(holder, timeout)
        if waited >= told:
            listener().waiting(holder, waited)
            told = waited + 15


@contextmanager
def turn(name: str, offline: bool, timeout: float) -> Iterator[None]:
    """Let one command at a time change something.

    :param name: the command
    :param offline: whether it only prints SQL
    :param timeout: how many seconds to wait for another one
    :raises LockTimeout: another one goes on
    """
    if LOADS_ALONE and (name in LOOKING or offline):
        yield
        return
    _wait(_CHANGES, timeout)
    thread = threading.current_thread().name
    since = f"{datetime.now():%Y-%m-%d %H:%M:%S}"
    _holder.append(f"'db {name}' in thread '{thread}', since {since}")
    try:
        yield
    finally:
        _holder.pop()
        _CHANGES.release()


class Beginning:
    """The time of an env.py until it has called `context.configure`.

    :param timeout: how many seconds to wait for another one
    :param forget: drops what another env.py has left in the settings
    :raises: nothing
    """

    _here = threading.local()

    def __init__(self, timeout: float, forget: Callable[[], None]) -> None:
        self._timeout = timeout
        self._forget = forget
        self._outer: Beginning | None = None
        self._holds = False

    def __enter__(self) -> Beginning:
        self._outer = getattr(self._here, "current", None)
        # an env.py that calls a command of ours has the time already
        if self._outer is None or not self._outer._holds:
            _wait(_BEGINS, self._timeout)
            self._holds = True
            self._forget()
        self._here.current = self
        return self

    def over(self) -> None:
        """Let the next one begin.

        :raises: nothing
        """
        if self._holds:
            self._holds = False
            _BEGINS.release()

    def __exit__(self, *_: Any) -> None:
        self._here.current = self._outer
        self.over()
