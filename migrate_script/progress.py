"""What a long command reports while it runs, from `running` to a `Listener`.

The console listens for the terminal. A program that imports the package receives nothing unless it
passes a listener to `listening`.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Callable, ContextManager, Iterator, Tuple

#: returns how many statements a step has begun, and the text of the one that is executed
Look = Callable[[], Tuple[int, str]]

#: what the command is at work on, where that is one of several: "the database 'second'"
PLACE: ContextVar[str] = ContextVar("place", default="")
#: the name of the threads of this package, which use no connection of the application
OWN_THREAD = "migrate_script"


class Listener:
    """Receives what a command reports; every method may be overridden, and none does anything."""

    def waiting(self, holder: str, seconds: float) -> None:
        """Another migration, described by `holder`, holds the lock."""

    def running(
        self, number: int, count: int, script: Any, look: Look, is_trial: bool
    ) -> ContextManager[None]:
        """Surrounds a step: its number, their count, its script, what it executes.

        A trial is undone in the end.
        """
        return nullcontext()

    def executed(self) -> None:
        """A statement that was looked at has ended."""

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
