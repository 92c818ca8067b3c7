"""What a new revision would drop: most of the schema is refused, the rest is listed.

Autogenerate drops every table that has no model, also where the models were only not imported. Two
rules:

*   A revision that drops two or more tables, and more than half of those that the models or the
    revisions know, is refused, as is one that drops any while no model is loaded. A table that
    looks renamed does not count. Each database of several is looked at by itself.
*   Any other drop is listed with how much is in the database, and with what renames instead.

`--allow-drops` leaves the first one out.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, List, Tuple

import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.types import NullType

from .. import errors
from ..compat.sqlalchemy import reads_defaults
from ..progress import listener
from . import tables_of_models

_MODELS = re.compile(rb"__tablename__|\bdb\.Model\b|declarative_base|DeclarativeBase")
_MOST_FILES = 2000

# takes the path of each table, and a column; returns "drops table a (2 rows) and column b.c (...)"
Listed = Callable[[List[Tuple[Tuple[str, ...], str]]], str]


# -- what is dropped -------------------------------------------------------------------------------


def refuse_or_list(
    context: Any,
    directives: Iterable[Any],
    config: Any,
    bind: str | None,
    listed: Listed,
    allowed: bool,
) -> None:
    """Refuse to drop most of a schema, and list any other drop with what would rename instead."""
    last = [script.upgrade_ops_list[-1:] for script in directives]
    operations = [each for one in last for each in _flat(one)]
    dropped = [each for each in operations if isinstance(each, (ops.DropTableOp, ops.DropColumnOp))]
    if not dropped:
        return
    dropped.sort(key=lambda each: (isinstance(each, ops.DropColumnOp), _name(each)))
    renames = list(_renames(context, operations, dropped))
    of = f" of the database '{bind}'" if bind else ""
    if not allowed:
        _refuse_most(context, operations, [old for old, _ in renames], config, of)
    items = [(_path(each), getattr(each, "column_name", "")) for each in dropped]
    listener().warn(f"this script {listed(items)}{of}")
    for old, new in renames:
        listener().warn(_advice(context, old, new))


def _flat(operations: Iterable[Any]) -> Iterator[Any]:
    for operation in operations:
        if hasattr(operation, "ops"):
            yield from _flat(operation.ops)
        else:
            yield operation


def _refuse_most(
    context: Any, operations: list[Any], renamed: list[Any], config: Any, of: str
) -> None:
    tables = [each for each in operations if isinstance(each, ops.DropTableOp)]
    gone = [each for each in tables if each not in renamed]
    models = len(tables_of_models(context))
    new = sum(isinstance(each, ops.CreateTableOp) for each in operations)
    remaining = models - new + len(tables) - len(gone)
    if gone and (not models or len(gone) > max(1, remaining)):
        names = sorted(map(_name, gone))
        never: list[str] = []
        with suppress(Exception):  # a module may raise anything when it is asked for its file
            never = _never_imported(config)
        raise errors.NewFileError.drops_most(names, len(gone) + remaining, not models, never, of)


def _path(operation: Any) -> tuple[str, ...]:
    return (*filter(None, [operation.schema]), operation.table_name)


def _name(operation: Any) -> str:
    return ".".join([*_path(operation), *filter(None, [getattr(operation, "column_name", None)])])


# -- what may be renamed ---------------------------------------------------------------------------


def _renames(context: Any, operations: list[Any], dropped: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield each drop beside which the same is added under another name."""
    added = [each for each in operations if isinstance(each, (ops.CreateTableOp, ops.AddColumnOp))]
    for old in dropped:
        for new in added:
            if _is_alike(context, old, new):
                added.remove(new)
                yield old, new
                break


def _is_alike(context: Any, old: Any, new: Any) -> bool:
    if old.schema != new.schema:
        return False
    if isinstance(old, ops.DropColumnOp):
        if not isinstance(new, ops.AddColumnOp) or old.table_name != new.table_name:
            return False
        return _is_same_type(context, old.to_column(), new.column)
    if not isinstance(new, ops.CreateTableOp):
        return False
    before, after = old.to_table().columns, new.to_table().columns
    return {column.name for column in before} == {column.name for column in after} and all(
        _is_same_type(context, column, after[column.name]) for column in before
    )


def _is_same_type(context: Any, found: Any, wanted: Any) -> bool:
    if isinstance(found.type, NullType):
        return False
    try:
        return not context.impl.compare_type(found, wanted)
    except Exception:  # a type of the application may raise anything
        return False


def _advice(context: Any, old: Any, new: Any) -> str:
    schema = f", schema={old.schema!r}" if old.schema else ""
    if isinstance(old, ops.DropTableOp):
        now = new.table_name
        call = f"op.rename_table({old.table_name!r}, {now!r}{schema})"
    else:
        now = new.column.name
        call = f"op.alter_column({old.table_name!r}, {old.column_name!r}, new_column_name={now!r}"
        call += f"{_existing(context, old.to_column(), new.column)}{schema})"
    return f"if '{_name(old)}' was renamed to '{now}', write {call} instead"


def _existing(context: Any, old: Any, new: Any) -> str:
    """Return what a database without RENAME COLUMN is told again, as the rest would be lost."""
    if context.dialect.name not in ("mysql", "mariadb"):
        return ""
    is_common = type(new.type).__module__ == sa.String.__module__
    given = f", existing_type={'sa.' if is_common else ''}{new.type!r}"
    given += "" if old.nullable else ", existing_nullable=False"
    known = old if reads_defaults(context.dialect) else new
    default = getattr(known.server_default, "arg", None)
    if default is not None:
        text = repr(default) if isinstance(default, str) else f"sa.text({str(default)!r})"
        given += f", existing_server_default={text}"
    return given


# -- models that were not imported -----------------------------------------------------------------


def _never_imported(config: Any) -> list[str]:
    """Name modules beside the application that look like models; used for words alone."""
    base = Path(config.application_folder)
    while (base / "__init__.py").exists() and base != base.parent:
        base = base.parent
    modules = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    imported = {os.path.realpath(file) for file in [*filter(None, modules), sys.argv[0]]}
    found = []
    for path in islice(_files(base), _MOST_FILES):
        if os.path.realpath(str(path)) not in imported and _looks_like_models(path):
            name = ".".join(path.relative_to(base).with_suffix("").parts)
            found.append(re.sub(r"\.__init__$", "", name))
    return sorted(found)


def _files(base: Path) -> Iterator[Path]:
    for folder, below, files in os.walk(str(base)):
        place = Path(folder)
        below[:] = sorted(each for each in below if _is_of_application(place / each))
        yield from (place / each for each in sorted(files) if each.endswith(".py"))


def _is_of_application(folder: Path) -> bool:
    others = ("script.py.mako", "pyvenv.cfg")
    return (
        folder.name.isidentifier()
        and folder.name not in ("tests", "test", "node_modules")
        and not any((folder / each).exists() for each in others)
    )


def _looks_like_models(path: Path) -> bool:
    try:
        return _MODELS.search(path.read_bytes()) is not None
    except OSError:
        return False
