"""What the lines of a script around an operation are like: in a `try`, beside the driver."""

from __future__ import annotations

import ast
import sys
from typing import Any, Iterator, List, Optional, Tuple

_Lines = Optional[List[Tuple[int, int]]]

# who stands between a script and the operation (functions that an old Alembic makes from a text
# belong to no module), and who calls the script
_BETWEEN = {"", "alembic", "contextlib", "migrate_script", "sqlalchemy"}
_ABOVE = "alembic.runtime.migration"
# by what a script gets at the driver's connection, where no statement of its is noticed
_OF_DRIVER = {"connection", "cursor", "dbapi_connection", "driver_connection", "raw_connection"}
_TRIES = (ast.Try, getattr(ast, "TryStar", ast.Try))  # `except*`, from Python 3.11 on


class Callers:
    """The functions that lead to an operation, from the one that Alembic has called.

    :raises: nothing
    """

    def __init__(self) -> None:
        self._known: dict[str, _Lines] = {}
        self._drivers: dict[str, bool] = {}

    def may_catch(self) -> bool:
        """Tell whether one of them may catch what the operation raises.

        :raises: nothing
        """
        return any(self._catches(frame) for frame in self._frames())

    def reach_the_driver(self) -> bool:
        """Tell whether one of them stands in a file that speaks of the driver's connection.

        :raises: nothing
        """
        return any(self._has_driver(frame.f_code.co_filename) for frame in self._frames())

    @staticmethod
    def _frames() -> Iterator[Any]:
        frame: Any = sys._getframe(1)
        while frame is not None:
            module = str(frame.f_globals.get("__name__", ""))
            if module == _ABOVE:
                return
            if module.split(".")[0] not in _BETWEEN:
                yield frame
            frame = frame.f_back

    def _has_driver(self, path: str) -> bool:
        if path not in self._drivers:
            tree = _tree(path)
            self._drivers[path] = tree is None or any(
                isinstance(node, ast.Attribute) and node.attr in _OF_DRIVER
                for node in ast.walk(tree)
            )
        return self._drivers[path]

    def _catches(self, frame: Any) -> bool:
        path = frame.f_code.co_filename
        if path not in self._known:
            self._known[path] = _lines(path)
        lines = self._known[path]
        return lines is None or any(first <= frame.f_lineno <= last for first, last in lines)


def _lines(path: str) -> _Lines:
    """Give the first and the last line of what catches; None where that cannot be read."""
    tree = _tree(path)
    return None if tree is None else list(_blocks(tree))


def _tree(path: str) -> ast.AST | None:
    try:
        with open(path, "rb") as file:
            return ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return None


def _blocks(tree: ast.AST) -> Iterator[tuple[int, int]]:
    nodes: Iterator[Any] = ast.walk(tree)
    for node in nodes:
        if isinstance(node, _TRIES) or _is_suppressing(node):
            inner = [child for statement in node.body for child in ast.walk(statement)]
            yield node.body[0].lineno, max(getattr(child, "lineno", 0) for child in inner)


def _is_suppressing(node: ast.AST) -> bool:
    """Tell a `with` that may end a failure, as contextlib.suppress() does; a batch does not."""
    if not isinstance(node, ast.With):
        return False
    calls = [item.context_expr for item in node.items]
    return not all(
        isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "batch_alter_table"
        for call in calls
    )
