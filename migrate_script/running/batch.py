"""A script's own batch, where it copies a table."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator

from sqlalchemy import schema as sa

from .changes import Changes
from .children import unreferred
from .recreation import Recreation, savepoint
from .schema import Database
from .tokens import mentions


def is_plain(batch: Any) -> bool:
    """Tell a batch that starts from the table as it is.

    :param batch: Alembic's BatchOperationsImpl
    :returns: False where the script describes the table that is to be copied itself
    :raises: nothing
    """
    listeners = batch.reflect_kwargs.get("listeners", ())
    options = [key for key in batch.table_kwargs if key.startswith("sqlite_")]
    return not (
        batch.copy_from is not None
        or batch.reflect_args
        or set(batch.reflect_kwargs) - {"listeners"}
        or len(listeners) > 1
        or options
        or getattr(batch, "partial_reordering", None)
    )


def perform(batch: Any, changes: Changes) -> None:
    """Do the operations of a batch.

    :param batch: Alembic's BatchOperationsImpl
    :param changes: the changes of its table
    :raises Exception: the database refuses, or an operation cannot be done
    """
    with savepoint(changes.database):
        for name, args, kwargs in batch.batch:
            changes.do(name, *args, **kwargs)
        _add_arguments(batch, changes)
        changes.flush()


def _add_arguments(batch: Any, changes: Changes) -> None:
    """Add what `table_args` gives; a CHECK stated again is kept anyway."""
    if not batch.table_args:
        return
    metadata = sa.MetaData()
    table = sa.Table(str(batch.table_name), metadata)
    for column in changes.table.text.columns:
        table.append_column(sa.Column(column.name))
    for item in batch.table_args:
        if isinstance(item, sa.Column):
            changes.add_column(table.name, item)
        elif isinstance(item, sa.Constraint):
            copy = item.copy() if not hasattr(item, "_copy") else item._copy()
            table.append_constraint(copy)
            changes.add_constraint(copy)


@contextmanager
def _dropping_aside(impl: Any, table: Recreation) -> Iterator[None]:
    """While foreign keys are in force, drop the table when nothing refers to it."""
    drop = impl.drop_table

    def drop_table(dropped: Any, **kwargs: Any) -> None:
        if str(dropped.name).lower() == table.name.lower():
            table.drop_aside()
        else:
            drop(dropped, **kwargs)

    impl.drop_table = drop_table
    try:
        yield
    finally:
        del impl.drop_table


def perform_by_alembic(batch: Any, database: Database) -> None:
    """Let Alembic do a batch that describes the table itself, and put back what that misses.

    :param batch: Alembic's BatchOperationsImpl
    :param database: where the table is
    :raises Exception: the database refuses, or something would be lost
    """
    before = Recreation(database, str(batch.table_name))
    with savepoint(database), unreferred(database) as out_of_force, before.legacy_renames():
        sequence = before.sequence()
        if out_of_force:
            batch.flush()
        else:
            with _dropping_aside(batch.impl, before):
                batch.flush()
        _put_back(batch, before, sequence)


def _put_back(batch: Any, before: Recreation, sequence: Any) -> None:
    after = Recreation(before.database, before.name)
    named = {str(args[0].name).lower() for name, args, _ in batch.batch if name == "drop_index"}
    gone = [c.name for c in before.text.columns if after.text.column(c.name) is None]
    for name, sql in before.indexes.items():
        if name in after.indexes or name.lower() in named or any(mentions(sql, c) for c in gone):
            continue
        before.database.run(before.placed(sql))
    kept = {trigger.name for trigger in after.triggers}
    for trigger in before.triggers:
        if trigger.name not in kept:
            before.database.run(before.placed(trigger.sql or ""))
    if sequence is not None:
        after.put_sequence(sequence)
