"""What a revision alters on SQLite, from its first statement to its last.

While a step runs, the `op` that its script imported is under observation: a batch that would copy
a table is done by `changes`, which keeps what the batch does not name.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from functools import partial, wraps
from typing import Any, Callable, Iterator

from sqlalchemy import event

from ... import errors
from ...progress import listener
from .. import proxies
from ..sqlite import SQLiteTransaction
from . import batch as batches
from .changes import Changes
from .children import Watch
from .conventions import conventional_name
from .names import found_names
from .native import as_in_batch
from .plain import Plain
from .reverse import made_in
from .schema import Database
from .tokens import folded
from .unnamed import left_unnamed
from .unusable import named_by, unusable


def attend(context: Any) -> None:
    """Look after every step that a database is about to make.

    :param context: Alembic's MigrationContext, configured
    :raises: nothing
    """
    if context._migrations_fn is None or context.connection is None:
        return
    if context.dialect.name != "sqlite":
        watch_steps(context, _named(context))
    elif SQLiteTransaction.can(context.connection):
        altering = Altering(context)
        watch_steps(context, altering.watched, altering.beginning_at)


def watch_steps(
    context: Any,
    watched: Callable[[Any, Callable[..., Any]], Callable[..., Any]],
    around: Callable[[Any], Any] = nullcontext,
) -> None:
    """Put something around the function of each step.

    :param context: Alembic's MigrationContext
    :param watched: gives another function for that of a script
    :param around: called with the heads, gives a context manager around all steps
    :raises: nothing
    """
    if hasattr(context, "_attended"):
        return
    plan = context._migrations_fn

    def steps(heads: Any, the_context: Any) -> Iterator[Any]:
        with around(heads):
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
            with found_names(context, str(script.path)), left_unnamed(context):
                return function(*args, **kwargs)

        return step

    return watched


class Altering:
    """The alterations of one database.

    :param context: Alembic's MigrationContext
    :raises: nothing
    """

    def __init__(self, context: Any) -> None:
        self.context = context
        self.dialect = context.dialect
        self._watch: Watch | None = None
        self.altered: set[str] = set()
        self.grown: set[str] = set()
        self._suspects: set[tuple[str, str, str]] = set()
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
            self.altered, self.grown = set(), set()
            self.allowed, self.path = allowed, str(script.path)
            with self.surroundings(script.revision), self._operations():
                return function(*args, **kwargs)

        return step

    @contextmanager
    def beginning_at(self, heads: Any) -> Iterator[None]:
        """Look, behind all steps, at what a step alone could not tell.

        :param heads: the revisions that the database is at
        :raises sqlite3.Error: the database cannot be read
        """
        yield
        if self._suspects and self._watch is not None:
            self.tell_broken(self._watch.database)

    @contextmanager
    def surroundings(self, revision: str) -> Iterator[None]:
        """Compare the database before and after a step.

        :param revision: its identifier
        :raises ForeignKeysBroken: rows refer to nothing now, and foreign keys are enforced
        :raises AlterError: a view or a trigger of an altered table is unusable now
        """
        if self._watch is None:
            self._watch = Watch(self.database(None))
        with self._watch.step(revision, self.allowed), self.nothing_broken(self._watch.database):
            yield

    def database(self, schema: str | None) -> Database:
        """Give the database that is altered.

        :param schema: the name under which its file is attached
        :raises Exception: it cannot be looked at
        """
        return Database(self.context.connection, schema)

    @contextmanager
    def telling(self, before_execute: Callable[..., None]) -> Iterator[None]:
        """Tell of each statement before it reaches the database.

        :param before_execute: what is to be called
        :raises: nothing
        """
        connection = self.context.connection
        event.listen(connection, "before_cursor_execute", before_execute)
        try:
            yield
        finally:
            event.remove(connection, "before_cursor_execute", before_execute)

    @contextmanager
    def _operations(self) -> Iterator[None]:
        """Stand before the operations that the script calls."""
        operations = proxies.operations()
        if operations is None or operations.migration_context is not self.context:
            yield
            return
        original, plain = operations.batch_alter_table, Plain(self)
        operations.batch_alter_table = partial(self._batch_alter_table, original, plain)
        try:
            with plain.standing_before(self.context.impl), left_unnamed(self.context):
                yield
        finally:
            del operations.batch_alter_table

    @contextmanager
    def _batch_alter_table(
        self, original: Any, plain: Plain, *args: Any, **kwargs: Any
    ) -> Iterator[Any]:
        with original(*args, **kwargs) as batch_operations:
            yield batch_operations
            batch = batch_operations.impl
            if batch._should_recreate():
                plain.flush()  # the batch reads the definition unseen
                with as_in_batch():
                    self._do(batch)
                # done: leaving the original finds nothing to do
                batch.batch, batch.recreate = [], "never"

    def _do(self, batch: Any) -> None:
        name = str(batch.table_name)
        if batch.copy_from is not None and not self.knows_tables:
            batch.flush()  # Alembic goes by the description alone
        else:
            batches.perform(batch, self.changes(name, batch.schema, batch.naming_convention))

    @property
    def knows_tables(self) -> bool:
        """Whether it can be seen what the tables are like."""
        return True

    def changes(self, name: str, schema: str | None, convention: Any = None) -> Changes:
        """Begin to change a table.

        :param name: its name
        :param schema: the name under which its file is attached
        :param convention: a naming convention, where it is not that of the models
        :raises AlterError: there is no such table
        """
        self.altered.add(folded(name))
        metadata = self.context.opts.get("target_metadata")
        convention = convention or getattr(metadata, "naming_convention", None)
        database = self.database(schema)
        if schema is None:
            database = database.that_has(name)
        conventional = partial(conventional_name, convention, name)
        made = made_in(self.path)
        return Changes(database, name, self.dialect, conventional, made)

    @contextmanager
    def nothing_broken(self, database: Database) -> Iterator[None]:
        """Refuse a step that leaves a view or a trigger of an altered table unusable.

        SQLite itself adds a column whatever becomes of them: that is told and not refused, and not
        before the end, since a later step may put it right.

        :param database: where they are
        :raises AlterError: it does
        """
        before = unusable(database)
        yield
        if self.allowed or not (self.altered or self.grown):
            return
        broken = unusable(database) - before
        self._refuse(self.altered, named_by(database, self.altered) & broken)
        for table in self.grown:
            found = named_by(database, {table}) & broken
            self._suspects |= {(table, kind, name) for kind, name in found}
        if self.context._transaction_per_migration:
            self.tell_broken(database)

    def tell_broken(self, database: Database) -> None:
        """Tell what an added column has broken, and no later step has put right.

        :param database: where it is
        :raises sqlite3.Error: the database cannot be read
        """
        broken = unusable(database)
        suspects, self._suspects = self._suspects, set()
        for table, kind, name in sorted(suspects):
            if (kind, name) in broken:
                listener().note(errors.broken_by_column(table, kind, name))

    @staticmethod
    def _refuse(tables: set[str], broken: set[tuple[str, str]]) -> None:
        if broken:
            what = sorted(f"the {kind} '{name}'" for kind, name in broken)
            raise errors.AlterError.lost(", ".join(sorted(tables)), what)
