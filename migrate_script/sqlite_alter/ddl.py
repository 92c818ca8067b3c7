"""SQLAlchemy's columns, constraints and indexes, compiled to the DDL of SQLite."""

from __future__ import annotations

from typing import Any, Mapping

from alembic.ddl.base import add_column
from sqlalchemy import schema
from sqlalchemy import types as sqltypes

from ..compat.sqlalchemy import is_created
from ..sql.lexer import literal, quoted
from .table_definition import (
    Clause,
    ColumnDefinition,
    ConstraintDefinition,
    new_column,
    new_constraint,
)

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


def column_of(
    dialect: Any, column: Any, options: Mapping[str, Any] | None = None
) -> ColumnDefinition:
    """Compile a column; `options` are Alembic's keywords, of which some add to the definition."""
    more = {key: value for key, value in (options or {}).items() if key.startswith("inline_")}
    sql = add_column(dialect.ddl_compiler(dialect, None), column, **more)
    return new_column(sql[len("ADD COLUMN ") :].strip())


def type_of(dialect: Any, type_: Any) -> str:
    """Compile a type, or its class."""
    return str(sqltypes.to_instance(type_).compile(dialect=dialect))


def default_of(dialect: Any, default: Any) -> Clause | None:
    """Compile what `server_default` takes: a default, or the expression of a generated column."""
    if isinstance(default, schema.SchemaItem) and not isinstance(default, schema.FetchedValue):
        column: Any = schema.Column("x", sqltypes.Integer, default)
    else:
        column = schema.Column("x", sqltypes.Integer, server_default=default)
    schema.Table("t", schema.MetaData(), column)
    clauses = column_of(dialect, column).clauses
    return next((c for c in clauses if c.kind in ("DEFAULT", "GENERATED")), None)


def constraint_of(dialect: Any, constraint: Any) -> ConstraintDefinition | None:
    """Compile a table constraint; None for one that SQLite does not get."""
    compiler = dialect.ddl_compiler(dialect, None)
    if not is_created(constraint, compiler):
        return None
    if kind_of(constraint) == "PRIMARY" and not len(constraint.columns):
        return None
    sql = compiler.process(constraint)
    return new_constraint(sql.strip()) if sql else None


def kind_of(constraint: Any) -> str:
    """Return the keyword that a constraint begins with in a CREATE TABLE; empty for any kind."""
    return next((kind for cls, kind in _KINDS if isinstance(constraint, cls)), "")


def check_of_type(column: str, type_: Any) -> str:
    """Return the condition of the CHECK that a type makes, or made before SQLAlchemy 1.4."""
    type_ = sqltypes.to_instance(type_)
    if isinstance(type_, sqltypes.Boolean):
        return f"{quoted(column)} IN (0, 1)"
    if isinstance(type_, sqltypes.Enum):
        return f"{quoted(column)} IN ({', '.join(map(literal, type_.enums))})"
    return ""


def index_of(dialect: Any, index: Any) -> str:
    """Compile a CREATE INDEX."""
    return str(schema.CreateIndex(index).compile(dialect=dialect)).strip()
