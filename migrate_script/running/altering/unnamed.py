"""Constraints that a script drops without a name, beside models with a naming convention.

SQLAlchemy would name what is to be dropped by its columns, of which Alembic knows none.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator

from alembic.operations.schemaobj import SchemaObjects
from sqlalchemy.sql.elements import conv

from .. import proxies


class _Unnamed(SchemaObjects):
    def generic_constraint(self, name: Any, *args: Any, **kwargs: Any) -> Any:
        below: Any = super()
        constraint = below.generic_constraint(conv("") if name is None else name, *args, **kwargs)
        if name is None:
            constraint.name = None
        return constraint


@contextmanager
def left_unnamed(context: Any) -> Iterator[None]:
    """While a script runs, let it drop a constraint without a name.

    :param context: Alembic's MigrationContext
    :raises Exception: what is raised inside
    """
    operations = proxies.operations()
    if operations is None or operations.migration_context is not context:
        yield
        return
    objects, batch = operations.schema_obj, operations.batch_alter_table

    @contextmanager
    def batch_alter_table(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with batch(*args, **kwargs) as batch_operations:
            batch_operations.schema_obj = _Unnamed(context)
            yield batch_operations

    operations.schema_obj, operations.batch_alter_table = _Unnamed(context), batch_alter_table
    try:
        yield
    finally:
        operations.schema_obj, operations.batch_alter_table = objects, batch
