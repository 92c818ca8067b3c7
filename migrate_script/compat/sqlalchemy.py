"""What differs between releases of SQLAlchemy (1.1 to 2.1), and its private names.

Each function names the releases that it is needed on, or that have the name it uses.
"""

from __future__ import annotations

import threading
import traceback
import warnings
from contextlib import contextmanager
from functools import partial
from typing import Any, Callable, Iterator

import sqlalchemy as sa
from sqlalchemy import engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.engine.base import OptionEngine
from sqlalchemy.pool import Pool

BEFORE_1_4 = not hasattr(engine, "CursorResult")
#: what `engine.execution_options(...)` returns: in most releases a connection of it takes no
#: listeners, and they are added to this engine, which may have other connections
ENGINES_TO_LISTEN_TO = (OptionEngine,)

# pg_constraint.consrc is gone from PostgreSQL 12 on
REMOVED = "cons.consrc as src"
INSTEAD = "pg_get_expr(cons.conbin, cons.conrelid) as src"


def _read_expression(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
) -> tuple[str, Any]:
    return statement.replace(REMOVED, INSTEAD), parameters


def let_reflect(connection: Any) -> None:
    """Let SQLAlchemy 1.1 and 1.2 reflect CHECK constraints of PostgreSQL 12 and later."""
    if BEFORE_1_4 and connection.dialect.name == "postgresql":
        engine = connection.engine
        target = engine if isinstance(engine, ENGINES_TO_LISTEN_TO) else connection
        if not event.contains(target, "before_cursor_execute", _read_expression):
            event.listen(target, "before_cursor_execute", _read_expression, retval=True)


def url_of_database(url: str, name: str) -> str:
    """Return the URL of another database of a server, with its password.

    `URL.set` and `.render_as_string` from 1.4 on; a URL can be changed before.
    """
    made: Any = sa.engine.url.make_url(url)
    if hasattr(made, "set"):
        return str(made.set(database=name).render_as_string(hide_password=False))
    made.database = name
    return str(made)


def reads_defaults(dialect: Any) -> bool:
    """Whether SQLAlchemy reflects every default: not that of MySQL and MariaDB before 1.4."""
    return not (BEFORE_1_4 and dialect.name == "mysql")


_IN_TRANSACTION = 2  # psycopg2.extensions.TRANSACTION_STATUS_INTRANS
_looking = threading.Lock()
_runs = 0


def _end_first_look(raw: Any, *_: Any) -> None:
    status = getattr(raw, "get_transaction_status", None)
    if callable(status) and status() == _IN_TRANSACTION:
        raw.commit()  # what an application has set for the session at the first connection stays


def _count(change: int) -> None:
    global _runs
    with _looking:
        before, _runs = _runs, _runs + change
        if not before:
            event.listen(Pool, "connect", _end_first_look)
        elif not _runs:
            event.remove(Pool, "connect", _end_first_look)


@contextmanager
def first_look_ended() -> Iterator[None]:
    """End the transaction that SQLAlchemy before 1.4 begins when it first looks at a server.

    Left open, it occupies a connection of the server where a pooler lends them by transaction.
    """
    _count(1)
    try:
        yield
    finally:
        _count(-1)


def driver_connection(connection: Any) -> Any:
    """Return the driver's connection of one of SQLAlchemy's."""
    pooled = connection.connection
    return getattr(pooled, "dbapi_connection", None) or pooled.connection


def connects_to_itself(connection: Any) -> None:
    """Let a MockConnection be what an inspector or a session connects to.

    `connect` returns None before 1.4; a session of 1.3 calls `_contextual_connect`.
    """
    connection.connect = connection._contextual_connect = lambda **_: connection


def unpooled(pooled: Any) -> Any:
    """Return the driver's connection inside one that a pool hands out.

    `dbapi_connection` from 1.4.24 on, `connection` before.
    """
    return getattr(pooled, "dbapi_connection", None) or pooled.connection


def execute_text(connection: Any, statement: str, **options: Any) -> Any:
    """Execute a statement without parameters, of whose text the driver is to change nothing.

    `Connection.exec_driver_sql` from 1.4 on: `text()` of SQLAlchemy 2.0 takes `%(name)s` in a
    literal for a parameter.
    """
    if BEFORE_1_4:
        text = sa.text(statement.replace(":", "\\:"))
        return connection.execute(text.execution_options(**options))
    return connection.exec_driver_sql(statement, execution_options=options)


def is_created(constraint: Any, compiler: Any) -> bool:
    """Whether a constraint is created on a database (`_create_rule`, 0.6 to 2.1)."""
    rule = getattr(constraint, "_create_rule", None)
    return rule is None or bool(rule(compiler))


def belongs_to_type(constraint: Any) -> bool:
    """Whether a CHECK comes with a type such as Boolean (`_type_bound`, from 0.9 on)."""
    bound = getattr(constraint, "_type_bound", False)
    return bool(bound) or getattr(constraint, "_create_rule", None) is not None


def comes_with_column(index: Any) -> bool:
    """Whether an index comes from `index=True` of its column (`_column_flag`, from 1.2 on)."""
    return bool(getattr(index, "_column_flag", False))


def _execution_options(connection: Any) -> Any:
    """`Connection._execution_options`, before 1.3 has `get_execution_options()`."""
    return connection._execution_options


execution_options: Callable[[Any], Any] = getattr(
    Connection, "get_execution_options", _execution_options
)


def in_nested_transaction(session: Any) -> bool:
    """Whether a Session is in a savepoint of its own.

    `Session._transaction` from 1.4 on, `Session.transaction` before.
    """
    transaction = getattr(session, "_transaction", None) or getattr(session, "transaction", None)
    return bool(getattr(transaction, "nested", False))


@contextmanager
def driver_calls_replaced(dialect: Any, **functions: Callable[..., Any]) -> Iterator[None]:
    """Let functions take the place of methods of a dialect; each gets the method first.

    `do_rollback` and `do_commit`, of which no release has an event.
    """
    before = dict(vars(dialect))
    for name, function in functions.items():
        setattr(dialect, name, partial(function, getattr(dialect, name)))
    try:
        yield
    finally:
        for name in functions:
            delattr(dialect, name)
            if name in before:
                setattr(dialect, name, before[name])


@contextmanager
def cycles_unmentioned() -> Iterator[None]:
    """Leave out SQLAlchemy's warning of tables that refer to each other (1.3 to 2.1).

    It blames whoever called Alembic; `authoring.foreign_keys` puts such tables in order.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Cannot correctly sort tables", sa.exc.SAWarning)
        yield


def engine_of(error: BaseException, kind: type) -> Any:
    """Return the engine of the Engine or Connection with which something failed, or None.

    It is the `self` or the `connection` of a method: the exception has no attribute for it (all
    releases).
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        names = frame.f_locals
        for owner in (names.get("self"), names.get("connection")):
            if isinstance(owner, kind):
                return owner.engine  # type: ignore[attr-defined]
    return None
