"""Whether the line of a script that calls an operation stands in a `try`."""

from __future__ import annotations

import ast
import sys
from typing import Any, Iterator, List, Optional, Tuple

_Lines = Optional[List[Tuple[int, int]]]

# who stands between a script and the operation (functions that an old Alembic makes from a text
# belong to no module), and who calls the script
_BETWEEN = {"", "alembic", "contextlib", "migrate_script", "sqlalchemy"}
_ABOVE = "alembic.runtime.migration"
_TRIES = (ast.Try, getattr(ast, "TryStar", ast.Try))  # `except*`, from Python 3.11 on


class Callers:
    """The functions that lead to an operation, from the one that Alembic has called.

    :raises: nothing
    """

    def __init__(self) -> None:
        self._known: dict[str, _Lines] = {}

    def may_catch(self) -> bool:
        """Tell whether one of them may catch what the operation raises.

        :raises: nothing
        """
        frame: Any = sys._getframe(1)
        while frame is not None:
            module = str(frame.f_globals.get("__name__", ""))
            if module == _ABOVE:
                return False
            if module.split(".")[0] not in _BETWEEN and self._catches(frame):
                return True
            frame = frame.f_back
        return False

    def _catches(self, frame: Any) -> bool:
        path = frame.f_code.co_filename
        if path not in self._known:
            self._known[path] = _lines(path)
        lines = self._known[path]
        return lines is None or any(first <= frame.f_lineno <= last for first, last in lines)


def _lines(path: str) -> _Lines:
    """Give the first and the last line of what catches; None where that cannot be read."""
    try:
        with open(path, "rb") as file:
            return list(_blocks(ast.parse(file.read())))
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
