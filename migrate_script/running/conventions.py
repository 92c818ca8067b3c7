"""The names that a naming convention gives to constraints."""

from __future__ import annotations

from typing import Any

from sqlalchemy import schema as sa
from sqlalchemy import types as sqltypes


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
