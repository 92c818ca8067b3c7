"""What the models say and autogenerate passes over.

Alembic leaves out a CHECK that is given inside a column. In tables that exist it compares no
CHECK, no primary key, no value of an ENUM of PostgreSQL and, unless `compare_server_default` asks
for it, no default. What a database lacks of these is named in a line, so that nobody takes the new
revision for all there is to do.
"""

from __future__ import annotations

import re
from typing import Any, Iterable, Iterator

import sqlalchemy as sa

from ..compat.sqlalchemy import belongs_to_type, is_created, reads_defaults
from . import tables_of_models


def uncompared(context: Any) -> list[str]:
    """Name what a database lacks of the models, and the new revision will not give it."""
    inspector = sa.inspect(context.connection)
    in_schema: dict[Any, list[str]] = {}
    lacking: list[str] = []
    for table in tables_of_models(context):
        if table.schema not in in_schema:
            in_schema[table.schema] = inspector.get_table_names(schema=table.schema)
        include = context.opts.get("include_object")
        if include is not None and not include(table, table.name, "table", False, None):
            continue
        if table.name in in_schema[table.schema]:
            lacking += _of_table(context, inspector, table)
        else:
            lacking += _named(table, map(_Condition(context), _inside(table.columns)))
    return lacking


def _named(table: Any, checks: Iterable[str]) -> list[str]:
    return [f"CHECK {check} of '{table.name}'" for check in checks]


def _inside(columns: Iterable[Any]) -> list[Any]:
    """Return the CHECKs that are given inside columns."""
    given = [each for column in columns for each in column.constraints]
    return [each for each in given if isinstance(each, sa.CheckConstraint)]


class _Condition:
    """Writes conditions as a database would read them."""

    def __init__(self, context: Any) -> None:
        self.compiler = context.dialect.ddl_compiler(context.dialect, None)

    def text(self, check: Any) -> str:
        process = self.compiler.sql_compiler.process
        text = process(check.sqltext, include_table=False, literal_binds=True)
        return str(text).replace("%%", "%")  # doubled for the driver

    def __call__(self, check: Any) -> str:
        return str(check.name) if isinstance(check.name, str) else f"({self.text(check)})"


def _of_table(context: Any, inspector: Any, table: Any) -> Iterator[str]:
    columns = {each["name"]: each for each in inspector.get_columns(table.name, table.schema)}
    key = inspector.get_pk_constraint(table.name, table.schema)["constrained_columns"]
    if set(key) != {column.name for column in table.primary_key}:
        yield f"the primary key of '{table.name}'"
    yield from _named(table, _lacking_checks(context, inspector, table, columns))
    compares_defaults = context.opts.get("compare_server_default")
    for column in table.columns:
        there = columns.get(column.name)
        if there is None:  # a new column: the revision has its default and its type
            continue
        where = f"'{table.name}.{column.name}'"
        if context.dialect.name == "postgresql" and hasattr(there["type"], "enums"):
            values = [v for v in getattr(column.type, "enums", ()) if v not in there["type"].enums]
            yield from (f"the value '{value}' of {where}" for value in values)
        if not compares_defaults and reads_defaults(context.dialect):
            if _differs(column, there["default"]):
                yield f"the server default of {where}"


def _lacking_checks(context: Any, inspector: Any, table: Any, columns: Any) -> list[str]:
    """Return the CHECKs that a table of a database lacks, by name or condition.

    Databases rewrite conditions and give names, so that one which could be meant counts.
    """
    write = _Condition(context)
    of_table = [each for each in table.constraints if isinstance(each, sa.CheckConstraint)]
    own = [each for each in of_table if not belongs_to_type(each)]
    new = [column for column in table.columns if column.name not in columns]
    inside = _inside(table.columns)
    try:
        found = inspector.get_check_constraints(table.name, table.schema) if own or inside else []
    except NotImplementedError:  # SQLAlchemy before 1.3 on MySQL
        own, found = [], []
    # on MySQL no release reads those inside a column
    own += _inside(new) if context.dialect.name == "mysql" else inside

    named = {each.name for each in [*of_table, *inside] if isinstance(each.name, str)}
    names = {each["name"] for each in found}
    others = [_plain(each["sqltext"]) for each in found if each["name"] not in named]
    unknown = []
    for check in (each for each in own if each.name not in named):
        condition = _plain(write.text(check))
        if condition in others:
            others.remove(condition)
        else:
            unknown.append(check)
    of_types = [
        each
        for each in of_table
        if belongs_to_type(each)
        and each.name not in named
        and is_created(each, write.compiler)
        and all(column.name in columns for column in each.columns)
    ]
    lacking = [each for each in own if each.name in named - names]
    if len(others) - len(of_types) < len(unknown):
        lacking += unknown
    return [write(each) for each in lacking]


def _plain(condition: Any) -> str:
    """Leave out what databases add to a condition."""
    return re.sub(r"[\s()`\"]", "", str(condition)).lower()


def _differs(column: Any, found: str | None) -> bool:
    """Whether a column of a database certainly has another default; expressions are rewritten."""
    default = column.server_default
    if not isinstance(default, sa.DefaultClause):
        return False
    wanted = default.arg
    if found is None:
        return str(wanted).lower() != "null"
    literal = re.match(r"'(.*)'(::.*)?$|(-?[\d.]+)(::.*)?$", found)
    if literal is None or "\\" in found or not isinstance(wanted, str):
        return False
    value = literal.group(1) if literal.group(3) is None else literal.group(3)
    try:
        return float(value) != float(wanted)
    except ValueError:
        return isinstance(column.type, sa.String) and value.replace("''", "'") != wanted
