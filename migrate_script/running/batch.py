"""A script's own batch, where it copies a table."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator

from sqlalchemy import schema as sa

from .. import errors
from . import sequence
from .changes import Changes
from .children import unreferred
from .recreation import Recreation, savepoint
from .schema import Database
from .tabletext import TableText
from .tokens import mentions, normal

_AUTOINCREMENT = "sqlite_autoincrement"


def is_plain(batch: Any) -> bool:
    """Tell a batch that starts from the table as it is.

    :param batch: Alembic's BatchOperationsImpl
    :returns: False where the script describes the table that is to be copied itself
    :raises: nothing
    """
    listeners = batch.reflect_kwargs.get("listeners", ())
    options = {key for key in batch.table_kwargs if key.startswith("sqlite_")}
    return not (
        batch.copy_from is not None
        or batch.reflect_args
        or set(batch.reflect_kwargs) - {"listeners"}
        or len(listeners) > 1
        or options - {_AUTOINCREMENT}
        or getattr(batch, "partial_reordering", None)
    )


def perform(batch: Any, changes: Changes) -> None:
    """Do the operations of a batch.

    :param batch: Alembic's BatchOperationsImpl
    :param changes: the changes of its table
    :raises Exception: the database refuses, or an operation cannot be done
    """
    changes.names.first_ones_count = True
    with savepoint(changes.database):
        for name, args, kwargs in batch.batch:
            changes.do(name, *args, **kwargs)
        changes.settle()
        _add_arguments(batch, changes)
        if _AUTOINCREMENT in batch.table_kwargs:
            sequence.let_count(changes.table.text, bool(batch.table_kwargs[_AUTOINCREMENT]))
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


def perform_by_alembic(batch: Any, database: Database, allowed: bool) -> None:
    """Let Alembic do a batch that describes the table itself, and put back what that misses.

    :param batch: Alembic's BatchOperationsImpl
    :param database: where the table is
    :param allowed: whether the revision allows that something is lost
    :raises Exception: the database refuses, or something would be lost
    """
    before = Recreation(database, str(batch.table_name))
    with savepoint(database), unreferred(database) as out_of_force, before.legacy_renames():
        number = sequence.read(database, before.name)
        if out_of_force:
            batch.flush()
        else:
            with _dropping_aside(batch.impl, before):
                batch.flush()
        _put_back(batch, before, number)
        after = Recreation(database, before.name).text
        named = {str(args[1]).lower() for name, args, _ in batch.batch if name == "alter_column"}
        gone = lost(before.text, after, named)
        if batch.table_kwargs.get(_AUTOINCREMENT) is False:
            gone = [what for what in gone if not what.startswith("AUTOINCREMENT")]
        if gone and not allowed:
            raise errors.AlterError.lost(before.name, gone)


def _put_back(batch: Any, before: Recreation, number: Any) -> None:
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
    sequence.put(before.database, after.text, after.name, number)


def lost(before: TableText, after: TableText, named: set[str]) -> list[str]:
    """Name what a definition has no more, and no operation named.

    :param before: the definition as it was
    :param after: the definition as it is
    :param named: the columns that the operations named
    :raises: nothing
    """
    found = []
    for column in before.columns:
        new = after.column(column.name)
        if new is None or column.name.lower() in named:
            continue
        has = {clause.kind for clause in new.clauses} | {
            w.keyword for c in new.clauses for w in c.body
        }
        for clause in column.clauses:
            for word in ("COLLATE", "GENERATED", "AUTOINCREMENT"):
                wanted = clause.kind == word or any(w.keyword == word for w in clause.body)
                if wanted and word not in has:
                    found.append(f"{word} of the column '{column.name}'")
    kept = {normal(check) for check in _checks(after)}
    gone = [c.name for c in before.columns if after.column(c.name) is None]
    for check in _checks(before):
        if normal(check) not in kept and not any(mentions(check, c) for c in [*gone, *named]):
            found.append(f"CHECK ({check.strip()})")
    return found + [option for option in before.options if option and option not in after.options]


def _checks(text: TableText) -> list[str]:
    clauses = [clause for column in text.columns for clause in column.clauses]
    clauses += [constraint.clause for constraint in text.constraints]
    return [clause.expression for clause in clauses if clause.kind == "CHECK" and not clause.name]
