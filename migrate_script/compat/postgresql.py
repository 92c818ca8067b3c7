"""The catalog of PostgreSQL, read as SQLAlchemy of its time reads it.

Serves SQLAlchemy 1.1 and 1.2, whose reflection of CHECK constraints asks for a column that
PostgreSQL 12 removed (https://www.postgresql.org/docs/12/release-12.html, "pg_constraint.consrc").
It may be deleted when nobody migrates with them any more.
"""

from __future__ import annotations

import inspect
from typing import Any

from sqlalchemy import event

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
