"""The driver's connection below SQLAlchemy's, and rows read with it, unseen by any listener."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import Any, Iterator

from sqlalchemy.engine import Connection

from ..compat.sqlalchemy import driver_connection as driver_connection
from ..compat.sqlalchemy import unpooled as unpooled

_PING_PAUSE = 0.5  # seconds

# -- the driver's connection ------------------------------------------------------------------


@contextmanager
def separate_connection(pool: Any) -> Iterator[Any]:
    """Open a driver's connection as the pool does, but outside of it, and close it afterwards."""
    own_pool = pool.recreate()
    try:
        own = own_pool.connect()
        try:
            yield unpooled(own)
        finally:
            own.invalidate()
    finally:
        own_pool.dispose()


def ping(connection: Connection) -> None:
    """Keep a server from closing an idle connection; a transaction that is open remains open.

    By a query and not by a setting: a setting outlives the run, and a pooler would leave it to the
    session of somebody else.
    """
    kind, raw = connection.dialect.name, driver_connection(connection)
    if kind not in ("postgresql", "mysql", "mariadb"):
        return
    was_idle = is_idle(raw) if kind == "postgresql" else False
    if was_idle is None:
        return
    execute(raw, "SELECT 1")
    if was_idle:
        # an open transaction would make others wait for it who build an index concurrently
        raw.rollback()


def transaction_status(raw: Any) -> Any:
    """Return the number that libpq gives to the state of a transaction; None if it is hidden.

    0 stands for none, 2 for one in which no statement runs.
    """
    status = getattr(raw, "get_transaction_status", None)  # psycopg2
    if callable(status):
        return status()
    return getattr(getattr(raw, "info", None), "transaction_status", None)  # psycopg


def is_idle(raw: Any) -> bool | None:
    """Whether a connection to PostgreSQL is in no transaction; None if the driver hides it."""
    status = transaction_status(raw)
    return None if status is None else bool(status == 0)


def server_of(raw: Any) -> object:
    """Return what is equal for two connections of one driver to the same server and database."""
    info: Any = getattr(raw, "info", None)  # psycopg, and psycopg2 from 2.8 on
    if hasattr(info, "dbname"):
        return info.host, info.port, info.dbname
    if hasattr(raw, "db"):  # PyMySQL
        return raw.host, raw.port, raw.db
    return raw.dsn if hasattr(raw, "dsn") else raw.get_host_info()  # psycopg2; mysqlclient


def server_process(raw: Any) -> int:
    """Return the number by which a server knows a connection."""
    for name in ("get_backend_pid", "thread_id"):  # psycopg2, the drivers of MySQL
        if hasattr(raw, name):
            return int(getattr(raw, name)())
    return int(getattr(getattr(raw, "info", None), "backend_pid", 0))  # psycopg


@contextmanager
def kept_alive(connection: Connection) -> Iterator[None]:
    """Ping a connection from another thread while this one does something else."""
    ended = threading.Event()

    def keep_alive() -> None:
        with suppress(Exception):  # the next statement reports what is wrong with it
            while not ended.wait(_PING_PAUSE):
                ping(connection)

    thread = threading.Thread(target=keep_alive, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


# -- transactions -----------------------------------------------------------------------------


def has_begun(connection: Connection, raw: Any) -> bool:
    """Whether a transaction is open, also one that SQLAlchemy 1 does not know of."""
    status = getattr(raw, "get_transaction_status", None)  # psycopg2
    return bool(connection.in_transaction() or (callable(status) and status()))


def end_reading(connection: Connection, had_begun: bool) -> None:
    """End what reading began, so that the next statement sees what others committed meanwhile."""
    if not had_begun:
        if hasattr(connection, "rollback"):  # SQLAlchemy 2, of which each statement begins one
            connection.rollback()
        else:
            driver_connection(connection).rollback()
    elif not _is_read_committed(connection):
        # what env.py did before stays done, and its transaction object remains in charge
        driver_connection(connection).commit()


def _is_read_committed(connection: Connection) -> bool:
    """Whether each statement sees the latest commits, so that the transaction need not end."""
    if connection.dialect.name != "postgresql":
        return False
    try:
        return bool(fetch_all(connection, "SHOW transaction_isolation")[0][0] == "read committed")
    except Exception:  # the reading has failed, and the transaction with it
        return False


# -- rows and errors --------------------------------------------------------------------------


def execute(raw: Any, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run a statement on the driver's connection; return its rows, if it has any."""
    cursor = raw.cursor()
    try:
        cursor.execute(statement, *([values] if values else []))
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
    finally:
        cursor.close()


def fetch_all(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    return execute(driver_connection(connection), query)


def pragma(raw: Any, name: str) -> list[Any]:
    """Return the rows of a PRAGMA of SQLite."""
    cursor = raw.cursor()
    cursor.row_factory = None  # an application may want its rows as dictionaries
    return list(cursor.execute(f"PRAGMA {name}"))


def database_file(raw: Any) -> str | None:
    """Return the path of the file of a SQLite connection, None for a database in memory."""
    for _, name, file in pragma(raw, "database_list"):
        if name == "main":
            return file or None
    return None


def sqlstate(error: Any) -> str:
    """Return the SQLSTATE of a driver's exception, an empty string if it has none."""
    args = getattr(error, "args", ())
    fields = args[0] if args and isinstance(args[0], dict) else {}  # pg8000
    code = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or fields.get("C")
    return str(code or "")


def sql_literal(text: str | None) -> str:
    """Return a text as a value in a statement."""
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"
