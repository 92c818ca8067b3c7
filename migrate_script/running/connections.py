"""What every SQLAlchemy can be asked about a connection, in one place."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator


def driver_connection(connection: Any) -> Any:
    """Give the driver's own connection below one of SQLAlchemy's.

    :param connection: SQLAlchemy's connection
    :raises Exception: the connection is closed
    """
    return inside(connection.connection)


def inside(pooled: Any) -> Any:
    """Give the driver's own connection inside one of a pool's.

    :param pooled: what a pool hands out
    :raises: nothing
    """
    # SQLAlchemy before 1.4.24 has the older name alone
    return getattr(pooled, "dbapi_connection", None) or pooled.connection


@contextmanager
def beside(pool: Any) -> Iterator[Any]:
    """Connect once more, whatever became of the connections of a pool.

    :param pool: the pool, of which no connection is used
    :returns: the driver's connection
    :raises Exception: the database refuses
    """
    own_pool = pool.recreate()
    try:
        own = own_pool.connect()
        try:
            yield inside(own)
        finally:
            own.invalidate()
    finally:
        own_pool.dispose()


def begins_by_itself(connection: Any) -> bool:
    """Tell a connection that begins a transaction with its first statement (SQLAlchemy 2).

    :param connection: SQLAlchemy's connection
    :raises: nothing
    """
    return hasattr(connection, "rollback")


def has_begun(connection: Any) -> bool:
    """Tell whether a transaction is open, which SQLAlchemy 1 may not know of.

    :param connection: SQLAlchemy's connection
    :raises: nothing
    """
    status = getattr(driver_connection(connection), "get_transaction_status", None)  # psycopg2
    return bool(connection.in_transaction() or (callable(status) and status()))


def forget_reading(connection: Any, had_begun: bool) -> None:
    """End what reading began, so that the next look sees what others did meanwhile.

    :param connection: SQLAlchemy's connection
    :param had_begun: whether a transaction was open before the reading
    :raises Exception: the database refuses
    """
    if not had_begun:
        (connection if begins_by_itself(connection) else driver_connection(connection)).rollback()
    elif not _sees_the_latest(connection):
        # what env.py did before stays done, and its transaction object stays in charge
        driver_connection(connection).commit()


def _sees_the_latest(connection: Any) -> bool:
    """Tell a transaction that need not end for that, with what env.py has set for its time."""
    if connection.dialect.name != "postgresql":
        return False
    cursor = driver_connection(connection).cursor()
    try:
        cursor.execute("SHOW transaction_isolation")
        return bool(cursor.fetchone()[0] == "read committed")
    except Exception:  # the reading has failed, and the transaction with it
        return False
    finally:
        cursor.close()


def finish_begun(context: Any) -> None:
    """Commit what SQLAlchemy has begun by itself, after a script has committed what Alembic began.

    :param context: Alembic's MigrationContext
    :raises Exception: the database refuses
    """
    transaction = getattr(context, "_transaction", None)
    if transaction is not None and not transaction.is_active:
        if begins_by_itself(context.connection) and context.connection.in_transaction():
            context.connection.commit()


def isolation_of(connection: Any) -> str | None:
    """Name the isolation level that was asked for by option, or None.

    :param connection: SQLAlchemy's connection
    :raises: nothing
    """
    level = connection._execution_options.get("isolation_level")
    return str(level) if level is not None else None
