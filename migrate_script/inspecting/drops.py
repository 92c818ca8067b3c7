"""What scripts drop, empty, narrow and rename, read from their syntax trees.

Literal arguments only: `drop_table`, `drop_column` (of a batch, too), a narrower type in
`alter_column`, and SQL that is executed as a string. What a script computes is not known before
it runs.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, Iterator, NamedTuple

from ..sql import classify, split

TABLE, COLUMN, ROWS = "table", "column", "rows"
TYPE = "type"  # of a column, where values may not fit the new one
SCHEMA = "schema"
RENAMED_TABLE, RENAMED_COLUMN = "renamed table", "renamed column"

# what a type of SQLAlchemy keeps, and the places of the argument that limits it
_STRINGS = dict.fromkeys(["String", "Unicode", "VARCHAR", "CHAR", "NVARCHAR", "NCHAR"], "length")
_INTEGERS = dict.fromkeys(
    ["Integer", "SmallInteger", "BigInteger", "INTEGER", "SMALLINT", "BIGINT"], "integer"
)
_NUMBERS = dict.fromkeys(["Numeric", "NUMERIC", "DECIMAL"], "scale")
_KEPT = {**_STRINGS, **_INTEGERS, **_NUMBERS, "Date": "date", "DATE": "date"}
_PLACES = {"length": 0, "scale": 1}

# what the text of a statement is inside of
_TEXTS = ("text", "DDL")


class Drop(NamedTuple):
    kind: str
    path: tuple[str, ...]  # of the table: its name, after that of its schema where that is given
    column: str = ""
    new: str = ""  # the name of what is renamed; what a new type keeps
    limit: int = 0  # the characters or decimals that it keeps


class _Reader(ast.NodeVisitor):
    """Collects what a function drops, in the order of its source."""

    def __init__(self, dialect: str) -> None:
        self.found: list[Drop] = []
        self._dialect = dialect
        self._batches: dict[str, tuple[str, ...]] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Skip what is only defined here."""

    def visit_withitem(self, node: ast.withitem) -> None:
        call, name = node.context_expr, node.optional_vars
        if isinstance(call, ast.Call) and isinstance(name, ast.Name):
            if _called(call) == "batch_alter_table":
                self._batches[name.id] = _table(call, "table_name")

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        called = _called(node)
        if called == "drop_table":
            self._add(Drop(TABLE, _table(node, "table_name")))
        elif called == "rename_table":
            new = _literal(node, 1, "new_table_name")
            self._add(Drop(RENAMED_TABLE, _table(node, "old_table_name"), new=new))
        elif called in ("drop_column", "alter_column"):
            batch = self._batches.get(getattr(getattr(node.func, "value", None), "id", ""))
            path = _table(node, "table_name") if batch is None else batch
            column = _literal(node, batch is None, "column_name")
            if called == "drop_column":
                self._add(Drop(COLUMN, path, column))
            else:
                self._add_alteration(node, path, column)
        elif called == "execute" and node.args:
            self._add_sql(_string(_inside_text(node.args[0])))

    def _add(self, drop: Drop) -> None:
        is_whole = drop.kind in (TABLE, ROWS, SCHEMA)
        if drop.path and (is_whole or drop.column or drop.kind == RENAMED_TABLE and drop.new):
            self.found.append(drop)

    def _add_alteration(self, node: ast.Call, path: tuple[str, ...], column: str) -> None:
        for keyword in node.keywords:
            if keyword.arg == "type_":
                kept, limit = _kept_by(keyword.value)
                if kept:
                    self._add(Drop(TYPE, path, column, kept, limit))
        new = _literal(node, -1, "new_column_name") or _literal(node, -1, "name")
        if new:
            self._add(Drop(RENAMED_COLUMN, path, column, new))

    def _add_sql(self, sql: str) -> None:
        for statement in (classify(part, self._dialect) for part in split(sql, self._dialect)):
            for path in statement.paths:
                if statement.verb == "DROP TABLE" and not statement.temporary:
                    self._add(Drop(TABLE, path))
                elif statement.every_row:
                    self._add(Drop(ROWS, path))
                for column in statement.dropped_columns:
                    self._add(Drop(COLUMN, path, column))
                for column, new in statement.renamed_columns:
                    self._add(Drop(RENAMED_COLUMN, path, column, new))
            for old, renamed in statement.renames:
                self._add(Drop(RENAMED_TABLE, old, new=renamed[-1]))
            if statement.verb in ("DROP SCHEMA", "DROP DATABASE"):
                for schema in statement.objects:
                    self._add(Drop(SCHEMA, schema))


def _called(node: ast.AST) -> str:
    """Return the name of the function, method or class that is called."""
    node = getattr(node, "func", node)
    return str(getattr(node, "attr", "") or getattr(node, "id", ""))


def _argument(node: Any, place: int, keyword: str) -> Any:
    """Return an argument that is a literal; None for any other."""
    given = [each.value for each in node.keywords if each.arg == keyword]
    given += node.args[place : place + 1] if place >= 0 else []
    return _value(given[0]) if given else None


def _value(node: Any) -> Any:
    try:
        return ast.literal_eval(node)
    except (TypeError, ValueError):
        return None


def _literal(node: Any, place: int, keyword: str) -> str:
    """Return an argument that is a literal string; an empty string for any other."""
    value = _argument(node, place, keyword)
    return value if isinstance(value, str) else ""


def _string(node: ast.AST) -> str:
    value = _value(node)
    return value if isinstance(value, str) else ""


def _inside_text(node: Any) -> ast.expr:
    """Return the statement inside `text(...)`."""
    is_text = isinstance(node, ast.Call) and _called(node) in _TEXTS and node.args
    return node.args[0] if is_text else node  # type: ignore[no-any-return]


def _table(node: ast.Call, keyword: str) -> tuple[str, ...]:
    schema, table = _literal(node, -1, "schema"), _literal(node, 0, keyword)
    return (*filter(None, [schema]), table) if table else ()


def _kept_by(node: ast.AST) -> tuple[str, int]:
    """Return what a type keeps of a value: the length, integers, a scale, dates."""
    kept = _KEPT.get(_called(node), "")
    if kept not in _PLACES:
        return kept, 0
    limit = _argument(node, _PLACES[kept], kept) if isinstance(node, ast.Call) else None
    return (kept, limit) if isinstance(limit, int) else ("", 0)


def _functions(step: Any, bind: str | None) -> Iterator[ast.FunctionDef]:
    """Yield the function of a step, and those of one database of several (upgrade_NAME)."""
    try:
        # the file and not the module, which is loaded when it is due
        tree = ast.parse(Path(step.revision.path).read_bytes())
    except (AttributeError, OSError, SyntaxError, ValueError):  # a stamp; no source
        return
    name = "upgrade" if step.is_upgrade else "downgrade"
    only = f"{name}_" + re.sub(r"\W", "_", bind or "")
    several: dict[str, ast.FunctionDef] = {}
    has_argument = False
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            yield node
            has_argument = bool(node.args.args)  # the name of a database
        elif isinstance(node, ast.FunctionDef) and node.name.startswith(f"{name}_"):
            several[node.name] = node
    if has_argument:
        yield from [several[only]] if bind is not None and only in several else several.values()


def drops_of(steps: list[Any], bind: str | None, dialect: str) -> list[Drop]:
    """Return what the due steps drop, in their order; `bind` is the database of several."""
    reader = _Reader(dialect)
    for step in steps:
        for function in _functions(step, bind):
            for node in function.body:
                reader.visit(node)
    return reader.found
