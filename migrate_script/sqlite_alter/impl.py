"""Alembic's implementation for SQLite, with a table rebuild for what ALTER TABLE cannot do.

An operation outside a batch is done when it is called, within a savepoint; a batch is one rebuild
for all its operations.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Callable, Iterator

from alembic.ddl.sqlite import SQLiteImpl
from sqlalchemy import exc
from sqlalchemy import schema as sa_schema

from ..compat.alembic import UnnamedSchemaObjects, current_operations
from ..compat.sqlalchemy import belongs_to_type
from ..sql import Statement
from ..sql.lexer import folded
from . import errors
from .batch import run_batch
from .changes import TableChanges
from .checks import StepChecks
from .ddl import column_of
from .offline import OfflineDatabase, cannot_add_column
from .schema import PREFIX, Schema
from .table_rebuild import rename_table

_log = logging.getLogger(__name__)


def install(
    context: Any, url: Any = None, note: Callable[[str], None] = _log.warning
) -> SQLiteAlterImpl | None:
    """Let a context alter tables of SQLite by rebuilding them.

    :param context: Alembic's MigrationContext, as `alembic.context.get_context()` returns it after
        `context.configure()`
    :param url: the URL of the database where SQL is written (`--sql`), whose schema is read
    :param note: called with a sentence that is no reason to stop
    :returns: the implementation, also `context.impl` now; None for another database, and for a
        driver that is not the `sqlite3` module
    :raises ForeignImplementation: the application has its own implementation for SQLite
    """
    impl = context.impl
    if isinstance(impl, SQLiteAlterImpl):
        if impl.context is None:  # an application has derived its own from this one
            impl.prepare(context, url, note)
        return impl
    if context.dialect.name != "sqlite":
        return None
    if not context.as_sql and not hasattr(context.connection.connection, "in_transaction"):
        return None
    if type(impl) is not SQLiteImpl:
        raise errors.ForeignImplementation(type(impl))
    context.impl = SQLiteAlterImpl(
        impl.dialect,
        impl.connection,
        impl.as_sql,
        context.opts.get("transactional_ddl"),
        impl.output_buffer,
        impl.context_opts,
    )
    context.impl.prepare(context, url, note)
    return context.impl  # type: ignore[no-any-return]


def take_over(operations: Any) -> None:
    """Let the batches of an Operations object of a script's own rebuild tables, too.

    :param operations: Alembic's Operations of a context that was passed to `install`
    :raises NotTakenOver: the context was not passed to `install`
    """
    impl = operations.impl
    if not isinstance(impl, SQLiteAlterImpl):
        raise errors.NotTakenOver()
    if "batch_alter_table" not in vars(operations):
        operations.schema_obj = UnnamedSchemaObjects(operations.migration_context)
        operations.batch_alter_table = partial(impl.batch_alter_table, operations.batch_alter_table)


@contextmanager
def checked(
    context: Any, revision: str, allow_loss: bool = False, lazily: bool = False
) -> Iterator[None]:
    """Check foreign keys, views and triggers around a step, or around all of them.

    :param context: Alembic's MigrationContext, which was passed to `install`
    :param revision: the revision that messages name
    :param allow_loss: whether it may break views, triggers and keys that others refer to
    :param lazily: the caller passes each statement to `before_statement`, and calls
        `after_statement` after it, so that rows are looked at before the first statement that may
        change them, and not at all if there is none
    :raises BrokenReferences: rows refer to missing rows now, or tables to columns that are no key,
        and foreign keys are enforced
    :raises DependentsBroken: a view or a trigger of an altered table cannot be used any more
    """
    impl = context.impl
    if not isinstance(impl, SQLiteAlterImpl):
        yield
        return
    with impl.checks.step(revision, allow_loss, lazily):
        yield


@contextmanager
def checked_run(context: Any) -> Iterator[None]:
    """Surround all steps of a run, each of which is `checked`.

    What a column breaks that SQLite adds in place is noted at the end, unless a later step has
    repaired it.

    :param context: Alembic's MigrationContext, which was passed to `install`
    :raises sqlite3.Error: the database cannot be read
    """
    impl = context.impl
    if not isinstance(impl, SQLiteAlterImpl):
        yield
        return
    checks, is_one = impl.checks, not context.opts.get("transaction_per_migration")
    checks.runs += is_one
    try:
        yield
        if is_one and checks.runs == 1 and checks.suspects:
            checks.report()
    finally:
        checks.runs -= is_one
        if impl.offline is not None:
            impl.offline.close()


def before_statement(context: Any, statement: Statement) -> None:
    """Look at rows that a statement of a script may change, in a step that is `checked` lazily.

    :param context: Alembic's MigrationContext, which was passed to `install`
    :param statement: as `migrate_script.sql.classify` returns it; not one of this library
    :raises sqlite3.Error: the database cannot be read
    """
    if isinstance(context.impl, SQLiteAlterImpl):
        context.impl.checks.before_statement(statement)


def after_statement(context: Any) -> None:
    """Count what a statement has changed that was passed to `before_statement`, or has failed.

    :param context: Alembic's MigrationContext, which was passed to `install`
    """
    if isinstance(context.impl, SQLiteAlterImpl):
        context.impl.checks.after_statement()


def _may_add(dialect: Any, column: Any, options: dict[str, Any]) -> tuple[bool, bool]:
    """Whether SQLite can add a column to a table with rows in place, and whether that is certain"""
    clauses = column_of(dialect, column, options).clauses
    words = {clause.kind: [word.keyword for word in clause.body] for clause in clauses}
    default, generated = words.get("DEFAULT", ["", "NULL"])[1], words.get("GENERATED", [])
    computed = default == "(" or default.startswith("CURRENT_") or "STORED" in generated
    may = not computed and not ("FOREIGN" in words and default != "NULL")
    is_plain = words.keys() <= {"COLLATE", "DEFAULT", "NOT NULL", "NULL"}
    return may, may and is_plain and ("NOT NULL" not in words or default != "NULL")


def _constraints_after(column: Any, options: dict[str, Any]) -> list[Any]:
    """Return the constraints that Alembic adds after a column, each by a call of its own."""
    found = []
    for constraint in column.table.constraints if column.table is not None else ():
        is_inline = (
            options.get("inline_references")
            and isinstance(constraint, sa_schema.ForeignKeyConstraint)
            and len(column.foreign_keys) == 1
            and len(constraint.columns) == 1
        )
        if not (is_inline or isinstance(constraint, sa_schema.PrimaryKeyConstraint)):
            found.append(constraint)
    return found


class SQLiteAlterImpl(SQLiteImpl):
    """Replaces Alembic's implementation for SQLite as `context.impl`; made by `install()`."""

    # no __dialect__: it is not registered with Alembic
    context: Any = None
    offline: OfflineDatabase | None = None
    _done: list[Any] = []  # constraints that were added with their column
    _altered: TableChanges | None = None  # by the last change of a column, perhaps of its name
    _batch_by_alembic = False

    def prepare(self, context: Any, url: Any, note: Callable[[str], None]) -> None:
        """Attach the implementation to its context."""
        self.context = context
        self.offline = OfflineDatabase(url, super().static_output) if self.as_sql else None
        offline = self.offline
        new_schema = (lambda: offline.tables) if offline else partial(Schema, self.connection)
        self.checks: StepChecks = StepChecks(new_schema, note, not self.as_sql)

    def start_migrations(self) -> None:
        """Take over the Operations behind `alembic.op`, and begin to follow the SQL."""
        super().start_migrations()
        operations = current_operations(self.context)
        if operations is not None and operations.impl is self:
            take_over(operations)
        if self.offline is not None:
            self.offline.begin(self.context.get_current_heads(), self.context.version_table)

    def static_output(self, text: str) -> None:
        """Write SQL, which the database in memory follows."""
        if self.offline is None:
            super().static_output(text)
        else:
            self.offline.write(text)

    def schema(self, schema: str | None = None) -> Schema:
        """Return a schema of the database, or of the database in memory in its place."""
        if self.offline is not None:
            return self.offline.schema(schema)
        return Schema(self.connection, schema)

    def changes(self, table: str, schema: str | None, convention: Any = None) -> TableChanges:
        """Return the changes of a table, none so far."""
        metadata = self.context.opts.get("target_metadata")
        convention = convention or getattr(metadata, "naming_convention", None)
        if not set(convention or ()) - {"ix"}:  # SQLAlchemy has one for indexes by default
            convention = None
        found = self.schema(schema)
        if schema is None:
            found = found.that_has(table)
        return TableChanges(found, table, self.dialect, convention)

    @contextmanager
    def _changing(self, table: str, schema: str | None) -> Iterator[TableChanges]:
        """Change a table by one rebuild; errors are those that Alembic or SQLite would raise."""
        try:
            with self.checks.altering(table), self.schema().savepoint():
                changes = self.changes(table, schema)
                yield changes
                changes.finish()
        except exc.DBAPIError as error:
            if isinstance(error, errors.SQLiteAlterError):
                raise
            raise errors.Refused(error) from error

    @contextmanager
    def batch_alter_table(self, original: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Stand in for the method of Operations."""
        with original(*args, **kwargs) as operations:
            operations.schema_obj = UnnamedSchemaObjects(self.context)
            yield operations
            batch = operations.impl
            is_auto = batch.recreate == "auto"
            if batch.recreate == "always" or is_auto and self.requires_recreate_in_batch(batch):
                self._run_batch(batch)
                batch.batch[:], batch.recreate = [], "never"  # the original finds nothing to do

    def _run_batch(self, batch: Any) -> None:
        name = str(batch.table_name)
        if batch.copy_from is not None and self.offline and self.offline.missing:
            self._batch_by_alembic = True  # which goes by the description alone
            try:
                batch.flush()
            finally:
                self._batch_by_alembic = False
            return
        with self.checks.altering(name):
            run_batch(batch, self.changes(name, batch.schema, batch.naming_convention))

    def prep_table_for_batch(self, *args: Any) -> None:
        """Refuse the batch of an Operations object that was not taken over."""
        if not self._batch_by_alembic:
            raise errors.NotTakenOver()
        super().prep_table_for_batch(*args)

    def add_column(
        self,
        table_name: Any,
        column: Any,
        schema: Any = None,
        if_not_exists: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Add a column in place where SQLite can, since that copies nothing."""
        name = str(table_name)
        if if_not_exists and self.changes(name, schema).has(column.name):
            self._done = list(column.table.constraints) if column.table is not None else []
            return
        self._done = _constraints_after(column, kwargs)
        wanted = [each for each in self._done if not belongs_to_type(each)]
        needs_value = not column.nullable and column.server_default is None
        if needs_value or not wanted:
            if self._added_in_place(name, column, schema, **kwargs):
                self._done = [each for each in self._done if each not in wanted]
                return
        with self._changing(name, schema) as changes:
            changes.add_column(column, **kwargs)
            for constraint in wanted:
                changes.add_constraint(constraint)

    def _added_in_place(self, name: str, column: Any, schema: Any, **kwargs: Any) -> bool:
        may, is_certain = _may_add(self.dialect, column, kwargs)
        if not may:
            return False
        try:
            with ExitStack() as stack:
                if self.offline is not None:
                    stack.enter_context(self.offline.adding_column(is_certain))
                if self.offline is None or self.offline.has_dependents:
                    stack.enter_context(self.checks.altering(name, grown=True))
                super().add_column(name, column, schema=schema, **kwargs)
        except (exc.OperationalError, sqlite3.OperationalError) as error:
            reason = str(getattr(error, "orig", error))
            if not cannot_add_column(reason):
                raise
            if "NOT NULL" in reason:  # which some SQLites say of a table without rows, too
                found = self.schema(schema)
                if found.rows(f"SELECT 1 FROM {found.name(name)} LIMIT 1"):
                    raise
            return False
        return True

    def drop_column(self, table_name: Any, column: Any, schema: Any = None, **kwargs: Any) -> None:
        """Drop a column, with the constraints and indexes that contain it."""
        with self._changing(str(table_name), schema) as changes:
            changes.drop_column(column, **kwargs)

    def alter_column(
        self, table_name: Any, column_name: str, schema: Any = None, **kwargs: Any
    ) -> None:
        """Change a column."""
        with self._changing(str(table_name), schema) as changes:
            changes.alter_column(column_name, **kwargs)
            self._altered = changes

    def add_constraint(self, const: Any, **kwargs: Any) -> None:
        """Add a constraint, unless its column was added with it."""
        if any(const is done for done in self._done):
            return
        with self._changing(str(const.table.name), const.table.schema) as changes:
            before = self._altered
            if belongs_to_type(const) and before and folded(before.name) == folded(changes.name):
                changes.names = before.names  # Alembic makes it for the column's old name
            changes.add_constraint(const, **kwargs)

    def drop_constraint(self, const: Any, **kwargs: Any) -> None:
        """Drop a constraint."""
        with self._changing(str(const.table.name), const.table.schema) as changes:
            changes.drop_constraint(const, **kwargs)

    def rename_table(self, old_table_name: str, new_table_name: Any, schema: Any = None) -> None:
        """Rename a table, with what refers to it."""
        old, new = str(old_table_name), str(new_table_name)
        if folded(old) == folded(new) and old != new:
            # SQLite takes the new name for that of another table
            aside = f"{PREFIX}{old}"
            self._rename_table(old, aside, schema)
            old = aside
        self._rename_table(old, new, schema)

    def _rename_table(self, old: str, new: str, schema: Any) -> None:
        rename = partial(super().rename_table, old, new, schema=schema)
        if self.offline and self.offline.missing:
            rename()
            return
        with self.checks.altering(old, new):
            rename_table(self.schema(schema), old, new, rename)

    def create_table_comment(self, table: Any) -> None:
        """Do nothing: SQLite has no comments."""

    def drop_table_comment(self, table: Any) -> None:
        """Do nothing: SQLite has no comments."""

    def create_column_comment(self, column: Any) -> None:
        """Do nothing: SQLite has no comments."""
