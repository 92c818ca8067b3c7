"""A script that starts itself again: `os.execvp(sys.executable, [sys.executable] + sys.argv)`.

Serves the `test --coverage` of many a manage.py, which starts again with coverage switched on. It
may be deleted with the launcher.
"""

from __future__ import annotations

import os
import sys
from functools import wraps
from typing import Any, Callable, Sequence


def _is_this_python(path: Any) -> bool:
    """Tell the interpreter of this process, which `bin` has by several names."""
    try:
        found = os.fsdecode(path)  # os.execvp() makes bytes of what it finds on the PATH
        folder, ours = os.path.dirname(found), os.path.dirname(sys.executable)
        return os.path.samefile(folder, ours) and os.path.samefile(found, sys.executable)
    except (OSError, TypeError):  # no such file, or the number of an open one
        return False


def _with(launcher: Sequence[str], script: str, path: Any, args: Sequence[Any]) -> Sequence[Any]:
    """Put the launcher before the script, where it is this script that is to run."""
    if len(args) > 1 and args[1] == script and _is_this_python(path):
        return [args[0], *launcher, *args[1:]]
    return args


def start_again_with(launcher: Sequence[str], script: str) -> None:
    """Say what comes before this script when it replaces its process by a new one of itself.

    :param launcher: arguments of Python
    :param script: the script, as `sys.argv` names it
    :raises: nothing
    """

    def launching(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def execute(path: Any, args: Sequence[Any], *environment: Any) -> Any:
            return function(path, _with(launcher, script, path, args), *environment)

        return execute

    # all others of their family end in one of these two
    os.execv = launching(os.execv)
    os.execve = launching(os.execve)
