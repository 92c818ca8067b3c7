"""Errors that a script catches as it would those of Alembic or SQLite.

A `try` in an old script was written for what these raise where nothing stands before them.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import Any, Iterator

from sqlalchemy import exc

from ... import errors

_IN_BATCH = {"table": exc.NoSuchTableError, "column": KeyError}


def also(error: Exception, kind: type[Exception], facts: dict[str, Any] | None = None) -> Exception:
    """Make an exception one of another kind as well.

    :param error: the exception, which says the same afterwards
    :param kind: the other class
    :param facts: the attributes that those who catch it expect
    :returns: the same exception where it is of that kind
    :raises: nothing
    """
    if isinstance(error, kind):
        return error
    own = type(error)
    words = {"__str__": own.__str__, "__module__": own.__module__}
    both: Any = type(own.__name__, (own, kind), words)
    other: Exception = both.__new__(both)
    other.args = error.args
    vars(other).update(facts or {}, **vars(error))
    other.__cause__ = error.__cause__
    return other.with_traceback(error.__traceback__)


@contextmanager
def as_in_batch() -> Iterator[None]:
    """Raise what Alembic's batch raises where something is not there.

    :raises Exception: what is raised inside
    """
    try:
        yield
    except errors.AlterError as error:
        if not error.what:
            raise
        raise also(error, _IN_BATCH.get(error.what, ValueError)) from error.__cause__


@contextmanager
def as_outside(operation: str) -> Iterator[None]:
    """Raise what an operation without a batch raises: Alembic refuses constraints, SQLite the rest.

    :param operation: the method of Alembic's implementation
    :raises Exception: what is raised inside
    """
    try:
        yield
    except (errors.AlterError, exc.DBAPIError) as error:
        if operation.endswith("constraint"):
            raise also(error, NotImplementedError) from error.__cause__
        raise also(error, exc.OperationalError, _of_sqlite(error)) from error.__cause__


def _of_sqlite(error: Exception) -> dict[str, Any]:
    """Give the attributes of SQLAlchemy's error about what SQLite says of the same."""
    said = str(error)
    if getattr(error, "what", "") == "table":
        said = f"no such table: {getattr(error, 'missing', '')}"
    elif getattr(error, "what", "") == "column":
        said = f'no such column: "{getattr(error, "missing", "")}"'
    return vars(exc.OperationalError(None, None, sqlite3.OperationalError(said)))
