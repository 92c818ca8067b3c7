"""What the other function of a script says about a constraint that has no name.

`upgrade` makes a constraint of some columns, and `downgrade` drops "the foreign key": when a table
has several, the one that the same script made is meant. Or `upgrade` drops by a name what the table
has without one, and `downgrade` says what it was.
"""

from __future__ import annotations

import ast
from typing import Iterator, NamedTuple

_KINDS = {
    "create_foreign_key": "FOREIGN",
    "create_unique_constraint": "UNIQUE",
    "create_check_constraint": "CHECK",
}
_NAMING = (*_KINDS, "create_primary_key", "f")


class Made(NamedTuple):
    """A constraint that a script makes.

    :param kind: `FOREIGN`, `UNIQUE` or `CHECK`
    :param table: its table
    :param columns: its columns; the condition of a CHECK
    :param name: its name, as the script writes it; None where it has none
    """

    kind: str
    table: str
    columns: tuple[str, ...]
    name: str | None = None


def made_in(path: str) -> list[Made]:
    """Find the constraints that a script makes, the last first.

    :param path: the script
    :raises: nothing
    """
    return list(_calls(_tree(path), None))[::-1]


def made_without_name(path: str) -> list[Made]:
    """Find the constraints without names that a script makes, the last first.

    :param path: the script
    :raises: nothing
    """
    return [one for one in made_in(path) if one.name is None]


def names_in(path: str) -> set[str]:
    """Find the names that a script gives to constraints itself.

    :param path: the script
    :raises: nothing
    """
    calls = [node for node in ast.walk(_tree(path)) if isinstance(node, ast.Call)]
    given = [_argument(call, 0, "constraint_name") for call in calls if _method(call) in _NAMING]
    given += [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "name"]
    return {text for text in map(_text, given) if text is not None}


def _tree(path: str) -> ast.AST:
    try:
        with open(path, "rb") as file:
            return ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return ast.parse("")


def _calls(node: ast.AST, table: str | None) -> Iterator[Made]:
    if isinstance(node, ast.With):
        for item in node.items:
            call = item.context_expr
            if isinstance(call, ast.Call) and _method(call) == "batch_alter_table":
                table = _text(_argument(call, 0, "table_name"))
    if isinstance(node, ast.Call) and _method(node) in _KINDS:
        made = _made(node, table)
        if made is not None:
            yield made
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, table)


def _method(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _argument(call: ast.Call, place: int, *names: str) -> ast.AST | None:
    for keyword in call.keywords:
        if keyword.arg in names:
            return keyword.value
    return call.args[place] if place < len(call.args) else None


def _value(node: ast.AST | None) -> object:
    try:
        return ast.literal_eval(node) if node is not None else None
    except ValueError:
        return node  # an expression, such as op.f("...")


def _text(node: ast.AST | None) -> str | None:
    value = _value(node)
    return value if isinstance(value, str) else None


def _made(call: ast.Call, batch: str | None) -> Made | None:
    """Read a call; in a batch it does not repeat the table."""
    kind = _KINDS[_method(call)]
    name = _value(_argument(call, 0, "constraint_name", "name"))
    if isinstance(name, ast.Call) and _method(name) == "f":
        name = _value(_argument(name, 0, "name"))
    if name is not None and not isinstance(name, str):
        return None  # nobody knows what it is
    table = batch or _text(_argument(call, 1, "source_table", "table_name", "source"))
    place = {"FOREIGN": 3, "UNIQUE": 2, "CHECK": 2}[kind] - (1 if batch else 0)
    value = _value(_argument(call, place, "local_cols", "columns", "condition"))
    columns = (value,) if isinstance(value, str) else value
    if table is None or not isinstance(columns, (list, tuple)):
        return None
    return Made(kind, table, tuple(str(column) for column in columns), name)
