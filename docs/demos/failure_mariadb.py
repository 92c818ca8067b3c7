"""A revision fails half-way, on mariadb."""

from __future__ import annotations

from failures import fails_and_runs_again
from sessions import Session


def demo(session: Session) -> None:
    """Correct it, and run it again."""
    session.on("mysql")
    fails_and_runs_again(session)
