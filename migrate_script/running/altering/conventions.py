"""The names that a naming convention gives to constraints."""

from __future__ import annotations

from typing import Any, Sequence

from sqlalchemy import and_, true
from sqlalchemy import schema as sa
from sqlalchemy import types as sqltypes


def conventional_name(
    convention: Any,
    table: str,
    kind: str,
    columns: Sequence[str],
    target: Sequence[str] = (),
    name: str | None = None,
) -> str | None:
    """Give the name that a naming convention gives to a constraint.

    :param convention: as a MetaData takes it
    :param table: the table of the constraint
    :param kind: `FOREIGN`, `UNIQUE` or `CHECK`
    :param columns: its columns
    :param target: the table that a foreign key refers to, and the columns there
    :param name: what the constraint is called, of which the convention may make another name
    :returns: the name; None where the convention has none for it
    :raises: nothing
    """
    if not convention:
        return None
    referred = list(target[1:] or columns) if target else []
    tables = {table: list(columns)}
    if target:
        tables[target[0]] = [*dict.fromkeys([*tables.get(target[0], ()), *referred])]
    metadata = sa.MetaData(naming_convention=convention)
    for each, names in tables.items():
        sa.Table(each, metadata, *[sa.Column(c, sqltypes.Integer) for c in names])
    made = metadata.tables[table]
    constraint: Any
    try:
        if kind == "UNIQUE":
            constraint = sa.UniqueConstraint(*columns, name=name)
        elif kind == "CHECK":
            # any condition on these columns
            condition = and_(true(), *[made.c[column].isnot(None) for column in columns])
            constraint = sa.CheckConstraint(condition, name=name)
        else:
            targets = [f"{target[0]}.{column}" for column in referred]
            constraint = sa.ForeignKeyConstraint(columns, targets, name=name)
        made.append_constraint(constraint)
    except Exception:
        return None  # a convention that needs more than is known here
    return str(constraint.name) if isinstance(constraint.name, str) else None
