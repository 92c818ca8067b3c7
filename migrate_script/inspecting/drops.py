"""What scripts drop, empty, narrow, rename and create, read from their syntax trees.

Literal arguments only: `drop_table`, `drop_column` (of a batch, too), a narrower type in
`alter_column`, and SQL that is executed as a string. What a script computes is not known before
it runs.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, Iterable, Iterator, NamedTuple

from ..sql import DDL, classify, keyword_and_kind, split

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

# what executes SQL, and what its text is inside of
_EXECUTE = ("execute", "exec_driver_sql", "executemany", "executescript", "scalar")
_TEXTS = ("text", "DDL")
# those that create tables without naming them
_CREATE_ANY = ("create_all", "CreateTable", "CreateTableOp", "invoke", "exec")
# what `.create()` of makes no table
_NO_TABLES = ("Enum", "ENUM", "Index", "Sequence")
_RUNS_CODE = ("DO", "CALL", "EXECUTE", "BEGIN NOT ATOMIC")
_CHANGES_ROWS = ("insert", "update", "delete")
_CREATES = re.compile(r"\b(create|rename)\b", re.I)
# operations on a table that exists, and the place of its name among the arguments
_ON_TABLE = {
    **dict.fromkeys(["add_column", "alter_column", "drop_column", "batch_alter_table"], 0),
    **dict.fromkeys(["create_table_comment", "drop_table", "drop_table_comment"], 0),
    **dict.fromkeys(["create_index", "create_foreign_key", "create_unique_constraint"], 1),
    **dict.fromkeys(["create_check_constraint", "create_primary_key", "drop_constraint"], 1),
    **dict.fromkeys(["drop_index", "rename_table"], 1),
}
# the modules whose functions create no table by themselves
_LIBRARIES = re.compile(
    r"(alembic|sqlalchemy\w*|flask_sqlalchemy|geoalchemy2|__future__|base64|collections|contextlib"
    r"|copy|csv|datetime|decimal|enum|functools|hashlib|io|itertools|json|logging|math|operator|os"
    r"|pathlib|random|re|secrets|string|sys|textwrap|time|typing|uuid|warnings)(\.|$)"
)


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


class Creations:
    """The tables that whole scripts create, and whether they name all of them literally."""

    def __init__(self, bind: str | None, dialect: str) -> None:
        self.created: set[tuple[str, ...]] = set()  # in small letters, as everything here
        self.altered: set[tuple[str, ...]] = set()  # tables that a script changes or drops
        #: whether no script may create a table that is not among them
        self.is_known: bool = True
        self._bind, self._dialect = bind, dialect
        self._values: dict[str, list[ast.expr]] = {}
        self._imported: set[str] = set()

    def read(self, path: str) -> None:
        """Read one script, in any of whose functions a table may be created."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python warns when it compiles the file to run it
                tree = ast.parse(Path(path).read_bytes())
        except (OSError, SyntaxError, ValueError):  # no source
            self.is_known = False
            return
        nodes = [node for part in self._parts(tree) for node in ast.walk(part)]
        self._collect_names(nodes)
        for node in nodes:
            if isinstance(node, ast.Call):
                self._read_call(node)
            elif isinstance(node, (ast.Assign, ast.Expr)) and _root(node.value) in self._imported:
                self.is_known = False  # a function of the application

    def has_created(self, schema: str | None, name: str) -> bool:
        """Whether a script may have created a table."""
        return _is_among(self.created, schema, name)

    def mentions(self, schema: str | None, name: str) -> bool:
        """Whether a script may have created a table, or altered one that was there."""
        return _is_among(self.created | self.altered, schema, name)

    def _parts(self, tree: ast.Module) -> list[ast.stmt]:
        """Leave out the functions of other databases (upgrade_NAME)."""
        name = re.sub(r"\W", "_", self._bind or "")
        own = (f"upgrade_{name}", f"downgrade_{name}")
        functions = {part.name for part in tree.body if isinstance(part, ast.FunctionDef)}
        if self._bind is None or not functions.issuperset(own):
            return tree.body
        of_one = re.compile("(up|down)grade_")
        return [
            part
            for part in tree.body
            if not (isinstance(part, ast.FunctionDef) and of_one.match(part.name))
            or part.name in own
        ]

    def _collect_names(self, nodes: list[ast.AST]) -> None:
        """Find what each name is bound to, if only by assignments, and which are imported."""
        self._values, self._imported = {}, set()
        bound: Counter[str] = Counter()
        for node in nodes:
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                bound[node.id] += 1
            elif isinstance(node, ast.arg):
                bound[node.arg] += 1
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self._values.setdefault(target.id, []).append(node.value)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                module = getattr(node, "module", None)
                for alias in node.names:
                    if getattr(node, "level", 0) or not _LIBRARIES.match(module or alias.name):
                        self._imported.add(alias.asname or alias.name.split(".")[0])
        for name in list(self._values):
            if bound[name] > len(self._values[name]):
                del self._values[name]

    def _read_call(self, node: ast.Call) -> None:
        called = _called(node)
        if called == "create_table":
            self._create(_table(node, "table_name"))
        elif called == "rename_table":
            new = _literal(node, 1, "new_table_name")
            self._create((*_table(node, "old_table_name")[:-1], new) if new else ())
        elif called in _EXECUTE:
            for argument in [*node.args, *(each.value for each in node.keywords)][:1]:
                self._read_statement(argument)
        elif called == "create" and isinstance(node.func, ast.Attribute):
            makers = self._bound_to(node.func.value)
            if not all(
                isinstance(each, ast.Call) and _called(each) in _NO_TABLES for each in makers
            ):
                self.is_known = False
        elif called in _CREATE_ANY:
            self.is_known = False
        if called in _ON_TABLE:
            path = (_literal(node, -1, "schema"), _literal(node, _ON_TABLE[called], "table_name"))
            self.altered.add(_small(filter(None, path)))

    def _create(self, path: tuple[str, ...]) -> None:
        if path:
            self.created.add(_small(path))
        else:
            self.is_known = False

    def _bound_to(self, node: ast.expr) -> list[ast.expr]:
        return self._values.get(node.id, [node]) if isinstance(node, ast.Name) else [node]

    def _read_statement(self, node: ast.expr) -> None:
        for value in self._bound_to(node):
            inner = _inside_text(value)
            for statement in self._bound_to(inner):
                sql = _string(statement)
                if sql:
                    self._read_sql(sql)
                elif not _only_changes_rows(statement):
                    self.is_known = False

    def _read_sql(self, sql: str) -> None:
        for statement in (classify(part, self._dialect) for part in split(sql, self._dialect)):
            if statement.verb in _RUNS_CODE:
                self.is_known = False
            elif re.match(r"CREATE .*TABLE$|SELECT INTO$", statement.verb):
                for path in statement.paths:
                    self._create(path)
            elif statement.kind == DDL:
                self.altered.update(map(_small, statement.paths))
            for _, new in statement.renames:
                self._create(new)


def _small(path: Iterable[str]) -> tuple[str, ...]:
    return tuple(part.lower() for part in path)


def _is_among(paths: set[tuple[str, ...]], schema: str | None, name: str) -> bool:
    """Whether a table may be meant, where a script, or a model, leaves out the schema."""
    of_schema = (schema or "").lower()
    return any(
        path[-1:] == (name.lower(),) and (len(path) == 1 or of_schema in ("", path[-2]))
        for path in paths
    )


def _root(node: ast.expr) -> str:
    """Return the name that the call of a function or method begins with."""
    is_call = isinstance(node, ast.Call)
    while isinstance(node, (ast.Attribute, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if is_call and isinstance(node, ast.Name) else ""


def _only_changes_rows(node: ast.expr) -> bool:
    """Whether a statement that is computed, or built by SQLAlchemy, certainly creates no table."""
    texts = [_string(each) for each in ast.walk(node) if isinstance(each, ast.expr)]
    if any(_CREATES.search(text) for text in texts):
        return False
    while True:
        if isinstance(node, ast.JoinedStr) and node.values:
            node = node.values[0]
        elif isinstance(node, ast.BinOp):
            node = node.left
        elif isinstance(node, ast.Call):
            if _called(node) in (*_CHANGES_ROWS, "select"):
                return True
            node = node.func
        elif isinstance(node, ast.Attribute):
            node = node.value
        else:
            return keyword_and_kind(_string(node))[0].lower() in _CHANGES_ROWS
