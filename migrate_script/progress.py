"""What a long command reports while it runs, from `running` to a `Listener`.

The console listens for the terminal. A program that imports the package receives nothing unless it
passes a listener to `listening`.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import Iterator


class Listener:
    """Receives what a command reports; every method may be overridden, and none does anything."""

    def waiting(self, holder: str, seconds: float) -> None:
        """Another migration, described by `holder`, holds the lock."""

    def done(self, number: int, count: int, revision: str, doc: str, seconds: float) -> None:
        """A step has run: its number, their count, its identifier, its title, the time."""

    def counting(
        self, number: int, count: int, revision: str, statements: int, seconds: float
    ) -> None:
        """A step takes long; called repeatedly, with the statements it has begun."""

    def note(self, sentence: str) -> None:
        """A sentence for the user."""

    def warn(self, sentence: str) -> None:
        """A sentence for the user about what may be lost."""

    @property
    def can_ask(self) -> bool:
        """Whether there is a person to ask."""
        return False

    def agrees(self, sentence: str, already: bool) -> bool:
        """Whether to go on although something is lost; `already` with --yes."""
        self.note(sentence)
        return True


_LISTENER: ContextVar[Listener] = ContextVar("listener", default=Listener())  # noqa: B039


def listener() -> Listener:
    """Return the listener of this context."""
    return _LISTENER.get()


@contextmanager
def listening(one: Listener) -> Iterator[None]:
    """Report to a listener what the commands inside do."""
    token = _LISTENER.set(one)
    try:
        yield
    finally:
        _LISTENER.reset(token)
