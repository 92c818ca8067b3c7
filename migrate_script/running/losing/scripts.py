"""What a script drops or empties, as far as its text tells, without running it."""

from __future__ import annotations

import ast
import inspect
import linecache
import re
from typing import Any, Dict, Iterator, NamedTuple

from .sql import Dropped, Name, drops_of

_Names = Dict[str, Any]  # what the variables of a function stand for


class _Table(NamedTuple):
    """A variable that stands for a table."""

    name: str


def _functions(tree: ast.AST) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


class Reader:
    """Follows the statements of a function in their order.

    :param tree: the file that it stands in
    :param only: the functions for one database of several, where that is known
    :raises: nothing
    """

    def __init__(self, tree: ast.Module, only: str | None) -> None:
        self._functions = _functions(tree)
        self._only = only
        self._under_way: list[str] = []
        self._globals: _Names = {}
        for node in tree.body:
            if isinstance(node, ast.Assign):
                self._assign(node, self._globals)

    def call(self, name: str, given: tuple[Any, ...] = ()) -> Iterator[Dropped]:
        """Give what a function of the file drops.

        :param name: its name
        :param given: what it is called with
        :raises: nothing
        """
        function = self._functions.get(name)
        if function is None or name in self._under_way:
            return
        self._under_way.append(name)
        parameters = [argument.arg for argument in function.args.args]
        names = {**self._globals, **dict.fromkeys(parameters), **dict(zip(parameters, given))}
        for node in function.body:
            yield from self._visit(node, names)
        self._under_way.pop()

    def _visit(self, node: ast.AST, names: _Names) -> Iterator[Dropped]:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda)):
            return
        if isinstance(node, ast.For):
            yield from self._repeat(node, names)
            return
        for child in ast.iter_child_nodes(node):
            yield from self._visit(child, names)
            if isinstance(node, ast.With) and isinstance(child, ast.withitem):
                self._name_batch(child, names)
        if isinstance(node, ast.Assign):
            self._assign(node, names)
        elif isinstance(node, ast.Call):
            yield from self._called(node, names)

    def _repeat(self, node: ast.For, names: _Names) -> Iterator[Dropped]:
        values = self._value(node.iter, names)
        for value in values if isinstance(values, list) else [None]:
            self._bind(node.target, value, names)
            for child in node.body:
                yield from self._visit(child, names)

    def _bind(self, target: ast.AST, value: Any, names: _Names) -> None:
        if isinstance(target, ast.Name):
            names[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            values = value if isinstance(value, list) else []
            for place, part in enumerate(target.elts):
                self._bind(part, values[place] if place < len(values) else None, names)

    def _assign(self, node: ast.Assign, names: _Names) -> None:
        for target in node.targets:
            self._bind(target, self._value(node.value, names), names)

    def _name_batch(self, item: ast.withitem, names: _Names) -> None:
        call = item.context_expr
        if isinstance(call, ast.Call) and _method(call) == "batch_alter_table":
            table = self._name(call, 0, "table_name", names)
            if item.optional_vars is not None:
                self._bind(item.optional_vars, table, names)

    def _value(self, node: ast.AST, names: _Names) -> Any:
        """Work out a text or a list of texts; None for what is not known."""
        if isinstance(node, ast.Name):
            return names.get(node.id)
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            return [self._value(each, names) for each in node.elts]
        if isinstance(node, ast.JoinedStr):
            parts = [self._value(getattr(p, "value", p), names) for p in node.values]
            return "".join(parts) if all(isinstance(p, str) for p in parts) else None
        if isinstance(node, ast.BinOp):
            return self._operation(node, names)
        if isinstance(node, ast.Call):
            return self._made(node, names)
        try:
            return ast.literal_eval(node) if isinstance(node, ast.AST) else node
        except ValueError:
            return None

    def _operation(self, node: ast.BinOp, names: _Names) -> Any:
        left, right = self._value(node.left, names), self._value(node.right, names)
        try:
            if isinstance(left, str) and isinstance(node.op, ast.Mod) and right is not None:
                return left % (tuple(right) if isinstance(right, list) else right)
            if isinstance(left, (str, list)) and isinstance(node.op, ast.Add):
                return left + right
        except (TypeError, ValueError):
            pass
        return None

    def _made(self, node: ast.Call, names: _Names) -> Any:
        """Know `text("...")`, `table("...")` and `"...".format(...)`."""
        method = _method(node)
        given = [self._value(argument, names) for argument in node.args]
        if method == "text" and given:
            return given[0]
        if method in ("table", "Table") and given and isinstance(given[0], str):
            return _Table(given[0])
        if method == "format" and isinstance(node.func, ast.Attribute):
            text = self._value(node.func.value, names)
            keywords = {str(k.arg): self._value(k.value, names) for k in node.keywords}
            if isinstance(text, str) and None not in (*given, *keywords.values()):
                try:
                    return text.format(*given, **keywords)
                except (IndexError, KeyError, ValueError):
                    return None
        return None

    def _argument(self, node: ast.Call, place: int, keyword: str, names: _Names) -> Any:
        found = [k.value for k in node.keywords if k.arg == keyword]
        found += node.args[place : place + 1]
        return self._value(found[0], names) if found else None

    def _name(self, node: ast.Call, place: int, keyword: str, names: _Names) -> Name | None:
        table = self._argument(node, place, keyword, names)
        schema = self._argument(node, 99, "schema", names)
        if not isinstance(table, str):
            return None
        return Name(schema if isinstance(schema, str) else None, table, True)

    def _called(self, node: ast.Call, names: _Names) -> Iterator[Dropped]:
        method = _method(node)
        if method == "drop_table":
            table = self._name(node, 0, "table_name", names)
            if table is not None:
                yield Dropped("table", table)
        elif method == "rename_table":
            old = self._name(node, 0, "old_table_name", names)
            new = self._name(node, 1, "new_table_name", names)
            if old is not None and new is not None:
                yield Dropped("renamed", new, old.table)
        elif method == "drop_column":
            yield from self._drop_column(node, names)
        elif method == "execute" and node.args:
            yield from self._execute(node.args[0], names)
        elif method in ("globals", "eval"):
            yield from self._of_databases()
        elif isinstance(node.func, ast.Name):
            given = tuple(self._value(argument, names) for argument in node.args)
            yield from self.call(node.func.id, given)

    def _drop_column(self, node: ast.Call, names: _Names) -> Iterator[Dropped]:
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        table = names.get(owner.id) if isinstance(owner, ast.Name) else None
        in_batch = isinstance(table, Name)
        if not in_batch:
            table = self._name(node, 0, "table_name", names)
        column = self._argument(node, 0 if in_batch else 1, "column_name", names)
        if isinstance(table, Name) and isinstance(column, str):
            yield Dropped("column", table, column)

    def _execute(self, node: ast.AST, names: _Names) -> Iterator[Dropped]:
        if isinstance(node, ast.Call) and _method(node) == "delete":
            assert isinstance(node.func, ast.Attribute)
            table = self._value(node.func.value, names)
            table = table or (self._value(node.args[0], names) if node.args else None)
            if isinstance(table, _Table):
                yield Dropped("rows", Name(None, table.name, True))
            return
        statement = self._value(node, names)
        if isinstance(statement, str):
            yield from drops_of(statement)

    def _of_databases(self) -> Iterator[Dropped]:
        """Follow `globals()["downgrade_" + engine_name]()`, for one database of several."""
        begin = f"{self._under_way[0]}_"
        found = [name for name in self._functions if name.startswith(begin)]
        only = None if self._only is None else begin + re.sub(r"\W", "_", self._only)
        for name in [only] if only in found else found:
            yield from self.call(str(name))


def _method(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def dropped_by(function: Any, only: str | None) -> list[Dropped]:
    """Give what the function of a script drops or empties, in order.

    :param function: its `downgrade` or `upgrade`
    :param only: which of several databases it is for, where that is known
    :raises: nothing
    """
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return []
    linecache.checkcache(code.co_filename)
    try:
        tree = ast.parse("".join(linecache.getlines(code.co_filename)))
        return list(Reader(tree, only).call(code.co_name))
    except (SyntaxError, ValueError, RecursionError):
        return []
