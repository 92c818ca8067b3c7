"""A revision fails half-way, on sqlite."""

from __future__ import annotations

from failures import fails_and_runs_again
from sessions import Session


def demo(session: Session) -> None:
    """Correct it, and run it again."""
    fails_and_runs_again(session)
