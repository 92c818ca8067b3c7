"""A directives hook that puts tables and foreign keys in an order that every database accepts.

Autogenerate writes each foreign key into the `create_table` of its table, also where it refers to
a table that comes later, and drops tables in any order: SQLite alone can run that. Here a table
comes after those it refers to, and what closes a circle is a statement of its own.
"""

from __future__ import annotations

import hashlib
from typing import Any, Iterable, Optional, Tuple

from alembic.operations import ops
from sqlalchemy import ForeignKeyConstraint, MetaData, Table
from sqlalchemy.sql.elements import conv

from . import tables_of_models

_LONGEST_NAME = 63  # on PostgreSQL; 64 on MySQL

Key = Tuple[Optional[str], str]


def put_in_order(context: Any, revision: Any, directives: list[Any]) -> None:
    """Reorder what autogenerate has found on one database, in both directions."""
    upgrade, downgrade = directives[0].upgrade_ops_list[-1], directives[0].downgrade_ops_list[-1]
    if not upgrade.ops:
        return
    models = {_key(table): table for table in tables_of_models(context)}
    created: dict[Key, list[Any]] = {}
    dropped: dict[Key, list[Any]] = {}
    before: list[Any] = []
    after: list[Any] = []
    for group in _groups(upgrade.ops):
        if isinstance(group[0], ops.CreateTableOp) and _key(group[0]) in models:
            created[_key(group[0])] = group
        elif isinstance(group[-1], ops.DropTableOp):
            dropped[_key(group[-1])] = group
        else:
            # what comes first may be a type of the new tables
            (after if created or dropped else before).extend(group)
    upgrade.ops[:] = [
        *before,
        *_creation(created, models),
        *after,
        # behind `after`, which drops the foreign keys of the tables that remain
        *_removal(dropped),
    ]
    for operation in after:
        if isinstance(operation, ops.ModifyTableOps):
            # MySQL keeps an index that a foreign key needs
            operation.ops.sort(key=lambda each: not _drops_foreign_key(each))
    upgrade.reverse_into(downgrade)
    for direction in (upgrade, downgrade):
        direction.ops[:] = _without_indexes_of_dropped(direction.ops)


def _key(item: Any) -> Key:
    """Return schema and name of a table, or of an operation on one."""
    return item.schema, getattr(item, "table_name", None) or item.name


def _groups(operations: Iterable[Any]) -> list[list[Any]]:
    """Keep a table and its indexes together."""
    groups: list[list[Any]] = []
    for operation in operations:
        first: Any = groups[-1][-1] if groups else None
        kinds = (type(first), type(operation))
        is_one_table = kinds in (
            (ops.CreateTableOp, ops.ModifyTableOps),
            (ops.ModifyTableOps, ops.DropTableOp),
        )
        if is_one_table and first.table_name == operation.table_name:
            groups[-1].append(operation)
        else:
            groups.append([operation])
    return groups


def _drops_foreign_key(operation: Any) -> bool:
    return getattr(operation, "constraint_type", None) == "foreignkey" and isinstance(
        operation, ops.DropConstraintOp
    )


def _without_indexes_of_dropped(operations: Iterable[Any]) -> list[Any]:
    """Let indexes go with their table, where a foreign key of it may need them until then."""
    kept: list[Any] = []
    for group in _groups(operations):
        if isinstance(group[-1], ops.DropTableOp):
            indexes, table = group[:-1], group[-1:]
            only = all(isinstance(each, ops.DropIndexOp) for one in indexes for each in one.ops)
            group = table if only else group
        kept += group
    return kept


def _creation(groups: dict[Key, list[Any]], models: dict[Key, Table]) -> list[Any]:
    """Return the operations that create tables, and then the foreign keys among them."""
    ordered = _ordered([models[key] for key in groups])
    changed = [fk.table for fk in _looking_ahead(ordered)]
    # a database leaves out of CREATE TABLE, without a word, what is marked so
    changed += [t for t in ordered if any(fk.use_alter for fk in t.foreign_key_constraints)]
    cut = []
    if changed:
        metadatas = {id(table.metadata): table.metadata for table in ordered}.values()
        copies = {_key(table): table for each in metadatas for table in _copied(each)}
        ordered = [copies[_key(table)] for table in ordered]
        cut = _looking_ahead(ordered)
        for constraint in (fk for table in ordered for fk in table.foreign_key_constraints):
            constraint.use_alter = False
        for constraint in cut:
            constraint.table.constraints.discard(constraint)
            if not isinstance(constraint.name, str):
                constraint.name = conv(_name(constraint))
        for table in changed:
            groups[_key(table)][0] = ops.CreateTableOp.from_table(copies[_key(table)])
    creation = [operation for table in ordered for operation in groups[_key(table)]]
    return creation + _modified(cut, ops.CreateForeignKeyOp)


def _removal(groups: dict[Key, list[Any]]) -> list[Any]:
    """Return the operations that drop tables, after the foreign keys among them."""
    tables = [group[-1].to_table() for _, group in sorted(groups.items(), key=str)]
    ordered = _ordered(tables)
    cut = _looking_ahead(ordered)
    for constraint in cut:
        table = constraint.table
        table.constraints.discard(constraint)
        groups[_key(table)][-1] = ops.DropTableOp.from_table(table)
    removal = [operation for table in reversed(ordered) for operation in groups[_key(table)]]
    return _modified(cut, ops.DropConstraintOp) + removal


def _foreign_keys(table: Table) -> list[ForeignKeyConstraint]:
    return sorted(table.foreign_key_constraints, key=lambda fk: tuple(fk.column_keys))


def _ordered(tables: list[Table]) -> list[Table]:
    """Put each table after those it refers to, but for circles; `use_alter` opens one."""
    waiting = {_key(table): table for table in tables}
    ordered = []

    def visit(table: Table) -> None:
        for constraint in _foreign_keys(table):
            referred = _key(constraint.referred_table)
            if referred in waiting and not constraint.use_alter:
                visit(waiting.pop(referred))
        ordered.append(table)

    while waiting:
        visit(waiting.pop(next(iter(waiting))))
    return ordered


def _looking_ahead(tables: list[Table]) -> list[ForeignKeyConstraint]:
    """Return the foreign keys that refer to a later table."""
    place = {_key(table): number for number, table in enumerate(tables)}
    return [
        fk
        for number, table in enumerate(tables)
        for fk in _foreign_keys(table)
        if place.get(_key(fk.referred_table), number) > number
    ]


def _copied(models: MetaData) -> list[Table]:
    """Copy the tables of the models, which are not to be changed."""
    copy = MetaData(schema=models.schema, naming_convention=models.naming_convention)
    for table in models.tables.values():
        # its name before SQLAlchemy 1.4
        to_metadata = table.to_metadata if hasattr(table, "to_metadata") else table.tometadata
        to_metadata(copy)
    return list(copy.tables.values())


def _name(constraint: ForeignKeyConstraint) -> str:
    """Name a foreign key, as it must have a name to be dropped."""
    columns = [element.parent.name for element in constraint.elements]
    name = "_".join(["fk", constraint.table.name, *columns, constraint.referred_table.name])
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    start = name.encode()[: _LONGEST_NAME - 9].decode(errors="ignore")
    return f"{start}_{digest}"


def _modified(constraints: list[ForeignKeyConstraint], kind: Any) -> list[Any]:
    """Return the operations on foreign keys, in batch mode if the application has it."""
    operations: dict[Key, Any] = {}
    for constraint in constraints:
        schema, name = key = _key(constraint.table)
        group = operations.setdefault(key, ops.ModifyTableOps(name, [], schema=schema))
        group.ops.append(kind.from_constraint(constraint))
    return list(operations.values())
