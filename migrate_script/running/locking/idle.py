"""A connection that has nothing to do for long is kept from being closed by its server.

Servers may be told to close what is idle (`idle_session_timeout` and others of PostgreSQL,
`wait_timeout` of MySQL and MariaDB). A setting of the session would outlive the run, behind a
pooler even in the session of somebody else, so a question without meaning is asked now and then.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import Any, Iterator

from ..connections import driver_connection

_PAUSE = 0.5


def _is_idle(raw: Any) -> bool | None:
    """Tell a connection to PostgreSQL that is in no transaction; None where that is not known."""
    status = getattr(raw, "get_transaction_status", None)  # psycopg2
    if callable(status):
        return bool(status() == 0)
    status = getattr(getattr(raw, "info", None), "transaction_status", None)  # psycopg
    return None if status is None else bool(status == 0)


def stay_awake(connection: Any) -> None:
    """Let a server see that a connection is still wanted; what is under way goes on.

    :param connection: SQLAlchemy's connection, which does nothing at the moment
    :raises Exception: it has been closed already
    """
    kind, raw = connection.dialect.name, driver_connection(connection)
    if kind not in ("postgresql", "mysql", "mariadb"):
        return
    was_idle = _is_idle(raw) if kind == "postgresql" else False
    if was_idle is None:
        return
    cursor = raw.cursor()
    cursor.execute("SELECT 1")
    cursor.close()
    if was_idle:
        # a transaction that is left open would keep others from building an index concurrently
        raw.rollback()


@contextmanager
def kept_awake(connection: Any) -> Iterator[None]:
    """Keep a connection open while this thread is busy elsewhere.

    :param connection: SQLAlchemy's connection, which is not used inside
    :raises Exception: what is raised inside
    """
    over = threading.Event()

    def watch() -> None:
        # who uses the connection next is told what has become of it
        with suppress(Exception):
            while not over.wait(_PAUSE):
                stay_awake(connection)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
