"""Operations outside a batch that SQLite cannot do itself: it gets a changed copy of the table.

Operations on one table that follow each other are collected, and written before anything else
reaches the database.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import Any, Callable, Iterator

from sqlalchemy import event, exc

from .changes import Changes
from .recreation import savepoint

_OPERATIONS = ("alter_column", "drop_column", "add_constraint", "drop_constraint")


class Plain:
    """The operations of one step that wait to be written.

    :param altering: gives the changes of a table
    :raises: nothing
    """

    def __init__(self, altering: Any) -> None:
        self.altering = altering
        self.pending: Changes | None = None
        self.place: tuple[str, str | None] = ("", None)

    @contextmanager
    def standing_before(self, impl: Any) -> Iterator[None]:
        """Take the operations that Alembic's implementation for SQLite would refuse.

        :param impl: the implementation
        :raises Exception: the database refuses
        """
        connection, add_column = impl.connection, impl.add_column
        for name in _OPERATIONS:
            setattr(impl, name, partial(self._operation, name))
        impl.add_column = partial(self._add_column, add_column)
        event.listen(connection, "before_cursor_execute", self._before_execute)
        try:
            yield
            self.flush()
        finally:
            event.remove(connection, "before_cursor_execute", self._before_execute)
            for name in (*_OPERATIONS, "add_column"):
                delattr(impl, name)

    def flush(self) -> None:
        """Write what waits.

        :raises Exception: the database refuses
        """
        changes, self.pending = self.pending, None
        if changes is not None:
            with savepoint(changes.database):
                changes.flush()

    def _before_execute(self, *_: Any) -> None:
        if self.pending is not None and not self.pending.busy:
            self.flush()

    def _changes(self, table: str, schema: str | None) -> Changes:
        place = (table.lower(), schema)
        if self.pending is None or self.place != place:
            self.flush()
            self.pending, self.place = self.altering.changes(table, schema), place
        return self.pending

    def _operation(self, method: str, *args: Any, **kwargs: Any) -> None:
        """Do what one of the implementation's methods is called for."""
        if method.endswith("constraint"):
            table = args[0].table
            changes = self._changes(str(table.name), table.schema)
        else:
            changes = self._changes(str(args[0]), kwargs.get("schema"))
        changes.do(method, *args, **kwargs)

    def _add_column(
        self, original: Callable[..., Any], table_name: str, column: Any, **kwargs: Any
    ) -> None:
        """Let SQLite add a column where it can, since it copies nothing then."""
        schema = kwargs.get("schema")
        if self.pending is None or self.place != (table_name.lower(), schema):
            try:
                original(table_name, column, **kwargs)
                return
            except exc.OperationalError as error:
                if "Cannot add" not in str(error.orig) and "non-constant" not in str(error.orig):
                    raise
        self._changes(table_name, schema).do("add_column", table_name, column, **kwargs)
