"""What a new revision would drop: most of the schema is refused, the rest is listed.

Autogenerate drops every table that has no model, also where the models were only not imported, and
where the table belongs to another program. Three rules:

*   A revision that drops two or more tables, and more than half of those that the models or the
    revisions know, is refused, as is one that drops any while no model is loaded. A table that
    looks renamed does not count. Each database of several is looked at by itself.
*   A table that no script mentions is left alone, where the scripts mention the tables of the
    models; otherwise the drop is written.
*   Any other drop is listed with how much is in the database, and with what renames instead.

`--allow-drops` leaves the first two out.
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
from ..inspecting import scripts_read
from ..progress import listener
from . import tables_of_models

_MODELS = re.compile(rb"__tablename__|\bdb\.Model\b|declarative_base|DeclarativeBase")
_MOST_FILES = 2000

Include = Callable[..., bool]
# takes the path of each table, and a column; returns "drops table a (2 rows) and column b.c (...)"
Listed = Callable[[List[Tuple[Tuple[str, ...], str]]], str]


# -- tables that no revision mentions --------------------------------------------------------------


def without_tables_of_others(
    env: Any, config: Any, bind: Callable[[Any], str | None], other: Include | None, left: list[str]
) -> Include:
    """Make an `include_object` that passes over tables which no revision mentions."""
    text: list[str] = []  # of the scripts, once it is read

    def include_object(
        item: Any, name: Any, kind: str, reflected: bool, compare_to: Any, *more: Any
    ) -> bool:
        if other is not None and not other(item, name, kind, reflected, compare_to, *more):
            return False
        if kind != "table" or not reflected or compare_to is not None:
            return True
        if not text:
            text.append(_text_of_scripts(env.get_context(), config, other))
        if not text[0] or _mentions(text[0], name):
            return True
        of = bind(env.get_context())
        path = ".".join(filter(None, [item.schema, name]))
        left.append(f"'{path}'" + (f" of the database '{of}'" if of else ""))
        return False

    return include_object


def _text_of_scripts(context: Any, config: Any, include: Include | None) -> str:
    """Return the text of all scripts, or nothing where it does not mention the existing models."""
    paths = [Path(str(script.path)) for script in scripts_read(config)]
    if any(path.suffix != ".py" for path in paths):
        return ""  # no source
    text = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in paths)
    inspector, names = sa.inspect(context.connection), {}
    for table in tables_of_models(context):
        if include is not None and not include(table, table.name, "table", False, None):
            continue
        if table.schema not in names:
            names[table.schema] = inspector.get_table_names(schema=table.schema)
        if table.name in names[table.schema] and not _mentions(text, table.name):
            return ""  # it was there before the first revision, and perhaps others were
    return text


def _mentions(text: str, table: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(table)}(?!\w)", text, re.IGNORECASE) is not None


def note_left(tables: list[str]) -> None:
    """Say which tables were passed over."""
    if tables:
        names = sorted(set(tables))
        listed = ", ".join(names[:5]) + (", ..." if names[5:] else "")
        subject, are, them = ("tables", "are", "them") if names[1:] else ("table", "is", "it")
        listener().note(
            f"{subject} {listed} {are} in the database but no revision mentions {them}: left "
            f"alone; 'db migrate --allow-drops' drops {them}, include_object hides {them}"
        )


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
