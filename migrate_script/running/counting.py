"""How far a long revision has got: the statements that it has begun, now and then."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import event

from ..progress import listener

_PAUSE = 1.0


class Counter:
    """Counts the statements of the step that is running.

    :raises: nothing
    """

    def __init__(self) -> None:
        self._connections: list[Any] = []
        self.begin(0, 0, "")

    def begin(self, number: int, count: int, revision: str) -> None:
        """Note that another step begins.

        :param number: which one of those of this database
        :param count: how many there are
        :param revision: its identifier
        :raises: nothing
        """
        self._step = (number, count, revision)
        self._statements = 0
        self._start = self._told = time.monotonic()

    def watch(self, connection: Any) -> None:
        """Count what a connection is asked to do.

        :param connection: SQLAlchemy's connection
        :raises: nothing
        """
        event.listen(connection, "before_cursor_execute", self._before)
        self._connections.append(connection)

    def stop(self) -> None:
        """Leave the connections as they were.

        :raises: nothing
        """
        for connection in self._connections:
            event.remove(connection, "before_cursor_execute", self._before)
        self._connections.clear()

    def _before(self, *_: Any) -> None:
        self._statements += 1
        now = time.monotonic()
        if now - self._told >= _PAUSE:
            self._told = now
            listener().counting(*self._step, self._statements, now - self._start)
