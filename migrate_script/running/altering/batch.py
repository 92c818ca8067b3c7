"""A script's own batch, where it copies a table."""

from __future__ import annotations

from typing import Any

from .changes import Changes
from .describing import describe_after, describe_before
from .recreation import savepoint


def perform(batch: Any, changes: Changes) -> None:
    """Do a batch.

    :param batch: Alembic's BatchOperationsImpl
    :param changes: the changes of its table
    :raises Exception: the database refuses, or an operation cannot be done
    """
    changes.names.first_ones_count = True
    with savepoint(changes.database):
        describe_before(batch, changes)
        for name, args, kwargs in batch.batch:
            changes.do(name, *args, **kwargs)
        describe_after(batch, changes)
        changes.settle()
        changes.flush()
