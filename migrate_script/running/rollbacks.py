"""A script that rolls back the transaction of its run, and goes on.

Where it speaks of a rollback, that is kept to its own changes (`marks`). Where something that it
calls rolls back, the run is stopped: Alembic neither notes the version then nor says a word.
"""

from __future__ import annotations

from functools import partial, wraps
from typing import Any, Callable

from sqlalchemy import event

from .. import errors
from .marks import Marks


def _watched(connection: Any, revision: str, function: Callable[..., Any], **kwargs: Any) -> None:
    seen = []

    def refuse(which: Any) -> None:
        # SQLAlchemy 1.x rolls back behind a statement that fails outside of a transaction
        if which.in_transaction():
            seen.append(revision)
            raise errors.RolledBack(revision)

    def go_no_further(*_: Any) -> None:
        # SQLAlchemy takes the transaction for over, and 1.4 would commit each statement
        if seen:
            raise errors.RolledBack(revision)

    event.listen(connection, "rollback", refuse)
    event.listen(connection, "before_cursor_execute", go_no_further)
    try:
        function(**kwargs)
    except Exception as error:
        if seen:  # caught by the script, which could not go on for long
            raise errors.RolledBack(revision) from error
        raise
    finally:
        event.remove(connection, "rollback", refuse)
        event.remove(connection, "before_cursor_execute", go_no_further)
    if seen:
        raise errors.RolledBack(revision)


def _speaks_of_it(script: Any) -> bool:
    """Tell whether a script has the word in its text."""
    try:
        with open(script.path, encoding="utf-8", errors="replace") as file:
            return "rollback" in file.read()
    except OSError:  # compiled, and without its source
        return False


def watch_rollbacks(care: Any, steps: list[Any]) -> Marks:
    """See that no step undoes what others did.

    :param care: that of the database
    :param steps: what Alembic is about to do
    :returns: what has to surround the steps
    :raises: nothing
    """
    marks = Marks(care.connection, care.rolled_back)
    for step in steps:
        if hasattr(step, "revision"):
            function = step.migration_fn
            watched = partial(_watched, care.connection, step.revision.revision, function)
            # a transaction that env.py has begun can be ended by it only where it is open
            if not care.external and _speaks_of_it(step.revision):
                watched = partial(marks.run, function)
            step.migration_fn = wraps(function)(watched)
    return marks
