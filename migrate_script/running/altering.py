"""What a revision alters on SQLite, from its first statement to its last.

While a step runs, the `op` that its script imported is under observation: a batch that would copy
a table is done by `changes`, which keeps what the batch does not name.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any, Callable, Iterator

import alembic.op
from sqlalchemy import schema as sa
from sqlalchemy import types as sqltypes

from .. import errors
from . import batch as batches
from .changes import Changes
from .children import Watch
from .names import found_names
from .plain import Plain
from .reverse import made_without_name
from .schema import Database
from .sqlite import SQLiteTransaction
from .tokens import literal, mentions, quoted


def attend(context: Any) -> None:
    """Look after every step that a database is about to make.

    :param context: Alembic's MigrationContext, configured
    :raises: nothing
    """
    plan = context._migrations_fn
    if plan is None or context.connection is None or hasattr(context, "_attended"):
        return
    watched = _named(context)
    if context.dialect.name == "sqlite":
        if not SQLiteTransaction.can(context.connection):
            return
        watched = Altering(context).watched

    def steps(heads: Any, the_context: Any) -> Iterator[Any]:
        for step in plan(heads, the_context):
            if hasattr(step, "revision") and hasattr(step, "migration_fn"):
                step.migration_fn = watched(step.revision, step.migration_fn)
            yield step

    context._attended = True
    context._migrations_fn = steps


def _named(context: Any) -> Callable[[Any, Callable[..., Any]], Callable[..., Any]]:
    """Other databases alter tables themselves; only names are to be found."""

    def watched(script: Any, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def step(*args: Any, **kwargs: Any) -> Any:
            with found_names(context, str(script.path)):
                return function(*args, **kwargs)

        return step

    return watched


def conventional_name(
    convention: Any, table: str, kind: str, columns: list[str], target: str
) -> str | None:
    """Give the name that a naming convention gives to a constraint.

    :param convention: as a MetaData takes it
    :param table: the table of the constraint
    :param kind: `FOREIGN`, `UNIQUE` or `CHECK`
    :param columns: its columns
    :param target: the table that a foreign key refers to
    :returns: the name; None where the convention has none for it
    :raises: nothing
    """
    if not convention or kind == "CHECK":
        return None
    metadata = sa.MetaData(naming_convention=convention)
    made: Any = sa.Table(table, metadata, *[sa.Column(c, sqltypes.Integer) for c in columns])
    constraint: Any
    if kind == "UNIQUE":
        constraint = sa.UniqueConstraint(*columns)
    else:
        constraint = sa.ForeignKeyConstraint(columns, [f"{target}.{c}" for c in columns])
    try:
        made.append_constraint(constraint)
    except Exception:
        return None  # a convention that needs more than is known here
    return str(constraint.name) if isinstance(constraint.name, str) else None


class Altering:
    """The alterations of one database.

    :param context: Alembic's MigrationContext
    :raises: nothing
    """

    def __init__(self, context: Any) -> None:
        self.context = context
        self.dialect = context.dialect
        self.watch = Watch(Database(context.connection))
        self.altered: set[str] = set()
        self.allowed, self.path = False, ""

    def watched(self, script: Any, function: Callable[..., Any]) -> Callable[..., Any]:
        """Give the function of a script with the care around it.

        :param script: Alembic's Script
        :param function: its `upgrade` or `downgrade`
        :raises: nothing
        """
        allowed = bool(getattr(script.module, "allow_loss", False))

        @wraps(function)
        def step(*args: Any, **kwargs: Any) -> Any:
            self.altered, self.allowed, self.path = set(), allowed, str(script.path)
            with self.watch.step(script.revision), self._nothing_broken():
                with self._operations():
                    return function(*args, **kwargs)

        return step

    @contextmanager
    def _operations(self) -> Iterator[None]:
        """Stand before the operations that the script calls."""
        operations = getattr(alembic.op, "_proxy", None)
        if operations is None or operations.migration_context is not self.context:
            yield
            return
        original = operations.batch_alter_table
        operations.batch_alter_table = partial(self._batch_alter_table, original)
        try:
            with Plain(self).standing_before(self.context.impl):
                yield
        finally:
            del operations.batch_alter_table

    @contextmanager
    def _batch_alter_table(self, original: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with original(*args, **kwargs) as batch_operations:
            yield batch_operations
            batch = batch_operations.impl
            if batch._should_recreate():
                name = str(batch.table_name)
                if batches.is_plain(batch):
                    convention = batch.naming_convention
                    batches.perform(batch, self.changes(name, batch.schema, convention))
                else:
                    self.altered.add(name.lower())
                    database = Database(batch.impl.connection, batch.schema)
                    batches.perform_by_alembic(batch, database, self.allowed)
                # done: leaving the original finds nothing to do
                batch.batch, batch.recreate = [], "never"

    def changes(self, name: str, schema: str | None, convention: Any = None) -> Changes:
        """Begin to change a table.

        :param name: its name
        :param schema: the name under which its file is attached
        :param convention: a naming convention, where it is not that of the models
        :raises AlterError: there is no such table
        """
        self.altered.add(name.lower())
        metadata = self.context.opts.get("target_metadata")
        convention = convention or getattr(metadata, "naming_convention", None)
        database = Database(self.context.connection, schema)
        conventional = partial(conventional_name, convention, name)
        made = made_without_name(self.path)
        return Changes(database, name, self.dialect, conventional, made)

    @contextmanager
    def _nothing_broken(self) -> Iterator[None]:
        """Refuse a step that leaves a view or a trigger of an altered table unusable."""
        database = self.watch.database
        before = unusable(database)
        yield
        if not self.altered or self.allowed:
            return
        kept = {entry.name: entry.sql or "" for entry in database.entries()}
        new = [
            f"the {kind} '{name}'"
            for kind, name in unusable(database) - before
            if any(mentions(kept[name], table) for table in self.altered)
        ]
        if new:
            raise errors.AlterError.lost(", ".join(sorted(self.altered)), sorted(new))


def unusable(database: Database) -> set[tuple[str, str]]:
    """Name the views and triggers that refer to what is not there.

    :param database: where to look
    :raises sqlite3.Error: the database cannot be read
    """
    entries = database.entries()
    broken = {
        ("view", entry.name)
        for entry in entries
        if entry.type == "view" and not _compiles(database, f"SELECT * FROM {quoted(entry.name)}")
    }
    for entry in entries:
        if entry.type == "trigger" and not _trigger_compiles(database, entry.table):
            broken.add(("trigger", entry.name))
    return broken


def _compiles(database: Database, statement: str) -> bool:
    try:
        database.rows(f"EXPLAIN {statement}")
    except sqlite3.Error as error:
        # anything else is a matter of what may be written, not of what is missing
        return "no such" not in str(error) and "has no column" not in str(error)
    return True


def _trigger_compiles(database: Database, table: str) -> bool:
    try:
        columns = [row[1] for row in database.rows(f"PRAGMA table_info({literal(table)})")]
    except sqlite3.Error:
        return False  # of a view that is unusable itself
    name = quoted(table)
    settings = ", ".join(f"{quoted(column)} = NULL" for column in columns)
    return all(
        _compiles(database, statement)
        for statement in (
            f"DELETE FROM {name}",
            f"INSERT INTO {name} DEFAULT VALUES",
            f"UPDATE {name} SET {settings}",
        )
    )
