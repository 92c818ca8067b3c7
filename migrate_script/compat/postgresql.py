"""What SQLAlchemy of its time leaves undone with PostgreSQL.

Serves SQLAlchemy 1.1 and 1.2, whose reflection of CHECK constraints asks for a column that
PostgreSQL 12 removed (https://www.postgresql.org/docs/12/release-12.html, "pg_constraint.consrc"),
and 1.1 to 1.3, whose first look at a server may begin a transaction that nobody ends.
It may be deleted when nobody migrates with them any more.
"""

from __future__ import annotations

import inspect
import threading
from contextlib import contextmanager
from typing import Any, Iterator

from sqlalchemy import engine, event
from sqlalchemy.pool import Pool

REMOVED = "cons.consrc as src"
INSTEAD = "pg_get_expr(cons.conbin, cons.conrelid) as src"


def _asks_for_it(dialect: Any) -> bool:
    """Look for the column among the texts of the method that reads the constraints."""
    method = getattr(dialect, "get_check_constraints", None)
    code = getattr(inspect.unwrap(method), "__code__", None) if method else None
    return code is not None and any(REMOVED in str(text) for text in code.co_consts)


def _read_expression(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
) -> tuple[str, Any]:
    return statement.replace(REMOVED, INSTEAD), parameters


def let_reflect(connection: Any) -> None:
    """Let a connection reflect tables of a server that is newer than its SQLAlchemy.

    :param connection: SQLAlchemy's connection; one to another database is left as it is
    :raises: nothing
    """
    if connection.dialect.name != "postgresql" or not _asks_for_it(connection.dialect):
        return
    if not event.contains(connection, "before_cursor_execute", _read_expression):
        event.listen(connection, "before_cursor_execute", _read_expression, retval=True)


_IN_TRANSACTION = 2  # psycopg2.extensions.TRANSACTION_STATUS_INTRANS


def _end_first_look(raw: Any, *_: Any) -> None:
    status = getattr(raw, "get_transaction_status", None)
    if callable(status) and status() == _IN_TRANSACTION:
        raw.commit()  # what an application has set for the session at the first connection stays


# from SQLAlchemy 1.4 on, the first look ends what it begins
_ENDS_ITSELF = hasattr(engine, "CursorResult")


class _FirstLooks:
    """Watches the connections that are made, as long as somebody asks for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs = 0

    def __enter__(self) -> None:
        with self._lock:
            self._runs += 1
            if self._runs == 1:
                event.listen(Pool, "connect", _end_first_look)

    def __exit__(self, *_: Any) -> None:
        with self._lock:
            self._runs -= 1
            if self._runs == 0:
                event.remove(Pool, "connect", _end_first_look)


_FIRST_LOOKS = _FirstLooks()


@contextmanager
def first_look_ended() -> Iterator[None]:
    """Let new connections be in no transaction, which behind a pooler keeps one of the server's.

    :raises Exception: what is raised inside
    """
    if _ENDS_ITSELF:
        yield
    else:
        with _FIRST_LOOKS:
            yield
