"""`--sql`: holds SQL back until all of it is known, and says which revision reads rows.

Half a file of SQL would be run by whoever pipes it into a server's client. What a script reads
there is not known here: a statement returns `NoRows`, and Alembic's connection is a
`MockConnection`, so that Python itself refuses what such a script does with them.
"""

from __future__ import annotations

import io
import threading
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Mapping

from sqlalchemy import event, exc
from sqlalchemy.engine import Engine

from ..compat.sqlalchemy import connects_to_itself


class NoRows:
    """What a statement returns; false, as the None that Alembic returns."""

    def __bool__(self) -> bool:
        return False


def hold_back(context: Any) -> Callable[[], None]:
    """Keep what a MigrationContext writes; return what writes it."""
    buffer, held = context.impl.output_buffer, io.StringIO()

    def write() -> None:
        if context.impl.output_buffer is held:
            context.impl.output_buffer = buffer
            buffer.write(held.getvalue())
            buffer.flush()

    context.impl.output_buffer = held
    connection, execute = context.connection, context.connection.execute

    def execute_without_rows(statement: Any, *given: Any, **named: Any) -> NoRows:
        """Write a statement with its values, in place of which Alembic writes NULL."""
        named = {name: value for name, value in named.items() if name != "execution_options"}
        for values in _sets_of_values(*given, named.pop("parameters", None), **named):
            if values and not hasattr(statement, "bindparams"):
                raise TypeError("MockConnection takes values for text() only")
            execute(statement.bindparams(**values) if values else statement)
        return NoRows()

    connection.execute = execute_without_rows
    connects_to_itself(connection)
    return write


def _sets_of_values(*given: Any, **named: Any) -> list[Any]:
    """Return the values of each execution of a statement, as any SQLAlchemy is given them."""
    lists = [each if isinstance(each, (list, tuple)) else [each] for each in given if each]
    sets = [values for each in lists for values in each] or [named]
    if not all(isinstance(values, Mapping) for values in sets):
        raise TypeError("MockConnection takes values by name only")
    return sets


@contextmanager
def no_database(is_in_step: Callable[[], bool]) -> Iterator[None]:
    """Refuse what a script executes on a connection of the application."""
    thread = threading.get_ident()

    def refuse(connection: Any, cursor: Any, text: str, *_: Any) -> None:
        if is_in_step() and threading.get_ident() == thread:
            raise exc.InvalidRequestError(f"NoRows: [{text}] was not run")

    event.listen(Engine, "before_cursor_execute", refuse)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", refuse)
