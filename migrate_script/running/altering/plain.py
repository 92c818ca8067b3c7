"""Operations outside a batch that SQLite cannot do itself: it gets a changed copy of the table.

Operations on one table that follow each other are collected, and written before anything else
reaches the database. One that the script may catch is written at once: it fails where it stands.
So is each of a script that speaks of the driver's connection, whose statements nobody notices.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any, Callable, Iterator

from sqlalchemy import exc

from . import statistics, wording
from .callers import Callers
from .changes import Changes
from .native import as_outside
from .recreation import savepoint
from .renaming import follow_rename
from .tokens import folded

_COMMENTS = ("create_table_comment", "drop_table_comment", "create_column_comment")
_OPERATIONS = ("alter_column", "drop_column", "add_constraint", "drop_constraint")


def _nothing(*_: Any, **__: Any) -> None:
    pass


def may_add(dialect: Any, column: Any, options: dict[str, Any]) -> bool:
    """Tell whether SQLite can add a column to a table with rows by itself.

    :param dialect: the dialect of the connection
    :param column: SQLAlchemy's column
    :param options: keywords of Alembic's, of which some add to the definition
    :raises Exception: SQLAlchemy cannot write the column
    """
    clauses = wording.column_of(dialect, column, options).clauses
    words = {clause.kind: [word.keyword for word in clause.body] for clause in clauses}
    default, generated = words.get("DEFAULT", ["", "NULL"])[1], words.get("GENERATED", [])
    computed = default == "(" or default.startswith("CURRENT_") or "STORED" in generated
    return not computed and not ("FOREIGN" in words and default != "NULL")


def cannot_add(reason: str) -> bool:
    """Tell what SQLite says of a column that a table can have, but not get.

    :param reason: what it says
    :raises: nothing
    """
    return re.search("cannot add|non-constant", reason, re.I) is not None


class Plain:
    """The operations of one step that wait to be written.

    :param altering: gives the changes of a table
    :raises: nothing
    """

    def __init__(self, altering: Any) -> None:
        self.altering = altering
        self.pending: Changes | None = None
        self.place: tuple[str, str | None] = ("", None)
        self.last = ""
        self.callers = Callers()
        self.failed: Exception | None = None

    @contextmanager
    def standing_before(self, impl: Any) -> Iterator[None]:
        """Take the operations that Alembic's implementation for SQLite would refuse.

        :param impl: the implementation
        :raises Exception: the database refuses
        """
        add_column, rename_table = impl.add_column, impl.rename_table
        for name in _OPERATIONS:
            setattr(impl, name, self._standing_for(getattr(impl, name)))
        impl.add_column = partial(self._add_column, add_column)
        impl.rename_table = partial(self._rename_table, rename_table)
        for name in _COMMENTS:
            setattr(impl, name, _nothing)  # SQLite keeps none
        try:
            with self.altering.telling(self._before_execute):
                yield
                self.flush()
        finally:
            for name in (*_OPERATIONS, *_COMMENTS, "add_column", "rename_table"):
                delattr(impl, name)

    def flush(self) -> None:
        """Write what waits, all of it called where nothing catches a failure.

        :raises Exception: the database refuses, now or before: a script that caught it by accident
            is not to go on
        """
        if self.failed is not None:
            raise self.failed
        try:
            self._write()
        except Exception as error:
            self.failed = error
            raise

    def _write(self) -> None:
        changes, self.pending = self.pending, None
        if changes is not None:
            with savepoint(changes.database):
                changes.flush()

    def _before_execute(self, *_: Any) -> None:
        if self.failed is not None or (self.pending is not None and not self.pending.busy):
            self.flush()

    @contextmanager
    def _catchable(self, operation: str) -> Iterator[None]:
        """Write at once what the script may catch, and undo it alone where it fails."""
        if self.altering.context.as_sql:
            yield
            return
        if not self.callers.may_catch():
            yield
            if self.callers.reach_the_driver():
                self.flush()
            return
        self.flush()
        try:
            with as_outside(operation), savepoint(self.altering.database(None)):
                yield
                self._write()
        finally:
            self.pending = None

    def _changes(self, table: str, schema: str | None) -> Changes:
        place = (folded(table), schema)
        if self.pending is None or self.place != place:
            self.flush()
            self.pending, self.place = self.altering.changes(table, schema), place
        return self.pending

    def _standing_for(self, original: Callable[..., Any]) -> Callable[..., None]:
        """Make what Alembic calls, by whose name Python says that the arguments are wrong."""

        @wraps(original)
        def operation(*args: Any, **kwargs: Any) -> None:
            self._operation(original.__name__, *args, **kwargs)

        return operation

    def _operation(self, method: str, *args: Any, **kwargs: Any) -> None:
        """Do what one of the implementation's methods is called for."""
        if self._comes_with_type(method, *args):
            return
        self.last = method
        with self._catchable(method):
            if method.endswith("constraint"):
                table = args[0].table
                changes = self._changes(str(table.name), table.schema)
            else:
                changes = self._changes(str(args[0]), kwargs.get("schema"))
            changes.do(method, *args, **kwargs)

    def _comes_with_type(self, method: str, item: Any, *_: Any) -> bool:
        """Tell the CHECK that SQLAlchemy before 1.4 has for a new column of Boolean or Enum.

        Alembic leaves it out on SQLite, so that the column is added without a copy.
        """
        by_itself = method == "add_constraint" and self.last == "add_column"
        return by_itself and wording.is_of_type(item)

    def _add_column(
        self, original: Callable[..., Any], table_name: str, column: Any, **kwargs: Any
    ) -> None:
        """Let SQLite add a column where it can, since it copies nothing then."""
        self.last = "add_column"
        with self._catchable("add_column"):
            schema = kwargs.get("schema")
            if kwargs.pop("if_not_exists", None):  # SQLite knows no such words
                self.flush()
                if self.altering.changes(table_name, schema).has(column.name):
                    return
            needs_value = not column.nullable and column.server_default is None
            joins = self.pending is not None and self.place == (folded(table_name), schema)
            if needs_value or not joins:
                self.flush()
                if self._added(original, table_name, column, **kwargs):
                    return
            changes = self._changes(table_name, schema)
            changes.do("add_column", table_name, column, **kwargs)

    def _rename_table(
        self, original: Callable[..., Any], old: str, new: str, schema: str | None = None
    ) -> None:
        """Let SQLite rename a table, and see that everything follows it."""
        self.altering.altered.add(folded(old))
        rename = partial(self._rename, partial(original, schema=schema), schema)
        if folded(old) == folded(new) and old != new:
            # SQLite takes the new name for that of another table
            aside = f"_alembic_tmp_{old}"
            rename(old, aside)
            rename(aside, new)
        else:
            rename(old, new)

    def _rename(self, original: Callable[..., Any], schema: str | None, old: str, new: str) -> None:
        if not self.altering.knows_tables:
            original(old, new)
            return
        database = self.altering.database(schema)
        known = statistics.read(database, old)
        original(old, new)
        follow_rename(database, old, new)
        statistics.forget(database, old)
        statistics.put(database, known, new)

    def _added(self, original: Callable[..., Any], name: str, column: Any, **kwargs: Any) -> bool:
        if not may_add(self.altering.dialect, column, kwargs):
            return False
        try:
            original(name, column, **kwargs)
        except (exc.OperationalError, sqlite3.OperationalError) as error:
            reason = str(getattr(error, "orig", error))
            if not cannot_add(reason):
                raise
            if "NOT NULL" in reason:  # said by some SQLites of a table without rows too
                database = self.altering.database(kwargs.get("schema"))
                if database.rows(f"SELECT 1 FROM {database.name(name)} LIMIT 1"):
                    raise
            return False
        self.altering.grown.add(folded(name))
        return True
