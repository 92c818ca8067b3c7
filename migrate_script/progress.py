"""What a long command tells while it runs: said in `running`, shown by whoever listens.

The console listens for the terminal; a program that imports the package hears nothing unless it
listens itself.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import Iterator


class Listener:
    """Hears what a command does; every method may be overridden, and here none does anything."""

    def waiting(self, holder: str, seconds: float) -> None:
        """Another migration holds the lock.

        :param holder: who it is
        :param seconds: how long this one has waited
        :raises: nothing
        """

    def done(self, number: int, count: int, revision: str, doc: str, seconds: float) -> None:
        """One step is over.

        :param number: which one of those of this database
        :param count: how many there are
        :param revision: its identifier
        :param doc: the first line of the script's docstring
        :param seconds: the time it took
        :raises: nothing
        """

    def counting(
        self, number: int, count: int, revision: str, statements: int, seconds: float
    ) -> None:
        """A step takes long; this is told again and again.

        :param number: which one of those of this database
        :param count: how many there are
        :param revision: its identifier
        :param statements: how many statements it has begun
        :param seconds: the time it has taken so far
        :raises: nothing
        """

    def note(self, sentence: str) -> None:
        """Something else that a person should know.

        :param sentence: the words
        :raises: nothing
        """

    def agrees(self, sentence: str, already: bool) -> bool:
        """Something is about to be lost.

        :param sentence: what
        :param already: whether the answer was given with the command
        :returns: whether to go on
        :raises: nothing
        """
        self.note(sentence)
        return True


_LISTENER: ContextVar[Listener] = ContextVar("listener", default=Listener())  # noqa: B039


def listener() -> Listener:
    """Give the one who listens here.

    :raises: nothing
    """
    return _LISTENER.get()


@contextmanager
def listening(one: Listener) -> Iterator[None]:
    """Let one hear what the commands inside do.

    :param one: the listener
    :raises: nothing
    """
    token = _LISTENER.set(one)
    try:
        yield
    finally:
        _LISTENER.reset(token)
