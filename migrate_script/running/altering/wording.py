"""SQLAlchemy's columns, constraints and indexes in the words of SQLite."""

from __future__ import annotations

from typing import Any, Mapping

from alembic.ddl.base import add_column
from sqlalchemy import schema
from sqlalchemy import types as sqltypes

from .clauses import Clause
from .tableitems import Column, Constraint, new_column, new_constraint
from .tokens import literal, quoted

_KINDS = (
    (schema.ForeignKeyConstraint, "FOREIGN"),
    (schema.UniqueConstraint, "UNIQUE"),
    (schema.PrimaryKeyConstraint, "PRIMARY"),
    (schema.CheckConstraint, "CHECK"),
)

KIND_WORDS = {
    "FOREIGN": "foreign key",
    "UNIQUE": "unique constraint",
    "PRIMARY": "primary key",
    "CHECK": "check constraint",
    "": "constraint",
}


def column_of(dialect: Any, column: Any, options: Mapping[str, Any] | None = None) -> Column:
    """Write a column.

    :param dialect: the dialect of the connection
    :param column: SQLAlchemy's column
    :param options: keywords of Alembic's, of which some add to the definition
    :raises Exception: SQLAlchemy cannot write it
    """
    more = {key: value for key, value in (options or {}).items() if key.startswith("inline_")}
    sql = add_column(dialect.ddl_compiler(dialect, None), column, **more)
    return new_column(sql[len("ADD COLUMN ") :].strip())


def type_of(dialect: Any, type_: Any) -> str:
    """Write a type.

    :param dialect: the dialect of the connection
    :param type_: SQLAlchemy's type, or its class
    :raises Exception: SQLAlchemy cannot write it
    """
    return str(sqltypes.to_instance(type_).compile(dialect=dialect))


def default_of(dialect: Any, default: Any) -> Clause | None:
    """Write a server default, or the expression of a generated column.

    :param dialect: the dialect of the connection
    :param default: what `server_default` takes
    :raises Exception: SQLAlchemy cannot write it
    """
    if isinstance(default, schema.SchemaItem) and not isinstance(default, schema.FetchedValue):
        column: Any = schema.Column("x", sqltypes.Integer, default)
    else:
        column = schema.Column("x", sqltypes.Integer, server_default=default)
    schema.Table("t", schema.MetaData(), column)
    clauses = column_of(dialect, column).clauses
    return next((c for c in clauses if c.kind in ("DEFAULT", "GENERATED")), None)


def constraint_of(dialect: Any, constraint: Any) -> Constraint | None:
    """Write a constraint of a table.

    :param dialect: the dialect of the connection
    :param constraint: SQLAlchemy's constraint
    :returns: the constraint, or None for one that this database does not get
    :raises Exception: SQLAlchemy cannot write it
    """
    compiler = dialect.ddl_compiler(dialect, None)
    rule = getattr(constraint, "_create_rule", None)
    if rule is not None and not rule(compiler):
        return None
    if kind_of(constraint) == "PRIMARY" and not len(constraint.columns):
        return None
    sql = compiler.process(constraint)
    return new_constraint(sql.strip()) if sql else None


def kind_of(constraint: Any) -> str:
    """Name the kind of a constraint as a CREATE TABLE begins it; empty for any kind.

    :param constraint: SQLAlchemy's constraint
    :raises: nothing
    """
    return next((kind for cls, kind in _KINDS if isinstance(constraint, cls)), "")


def is_of_type(constraint: Any) -> bool:
    """Tell a CHECK that a type such as Boolean brings from one that a script names.

    :param constraint: SQLAlchemy's constraint
    :raises: nothing
    """
    bound = getattr(constraint, "_type_bound", False)
    return bool(bound) or getattr(constraint, "_create_rule", None) is not None


def check_of_type(column: str, type_: Any) -> str:
    """Write the condition of the CHECK that SQLAlchemy makes, or made until 1.4, for a type.

    :param column: the name of the column
    :param type_: SQLAlchemy's type, or its class; None for none
    :returns: nothing for a type that has none
    :raises: nothing
    """
    type_ = sqltypes.to_instance(type_)
    if isinstance(type_, sqltypes.Boolean):
        return f"{quoted(column)} IN (0, 1)"
    if isinstance(type_, sqltypes.Enum):
        return f"{quoted(column)} IN ({', '.join(map(literal, type_.enums))})"
    return ""


def index_of(dialect: Any, index: Any) -> str:
    """Write a CREATE INDEX.

    :param dialect: the dialect of the connection
    :param index: SQLAlchemy's index
    :raises Exception: SQLAlchemy cannot write it
    """
    return str(schema.CreateIndex(index).compile(dialect=dialect)).strip()
