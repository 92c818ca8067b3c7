"""Child processes of a script start through the launcher, too.

Three ways to start one lose it otherwise: a process that `multiprocessing` spawns (macOS, Windows,
Python 3.14), `os.execv(sys.executable, [sys.executable] + sys.argv)`, as in the `test --coverage`
of many a manage.py, and the reloader of `runserver` (Werkzeug before 2.3, or Python before 3.10).
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from functools import wraps
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Callable, Sequence

import werkzeug._reloader as reloader

from . import aliases

SPAWN = "multiprocessing.spawn"
# the name for which a fork server gets the data of its preloaded modules
BEFOREHAND = "ignore"


class _Call:
    """A function that is called where this object is unpickled."""

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return _call, (self.module, self.name)


def _call(module: str, name: str) -> None:
    getattr(importlib.import_module(module), name)()


class _Finder:
    """Waits for the import of `multiprocessing.spawn`, to add a call to what it sends a child."""

    def __init__(self, call: _Call) -> None:
        self.call = call

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != SPAWN or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None:
            loader: Any = aliases.Wrapper(spec.loader, self._exec_module)
            spec.loader = loader
        return spec

    def _exec_module(self, module: ModuleType, loader: Any) -> None:
        loader.exec_module(module)
        _watch(module, self.call)


def _watch(spawn: Any, call: _Call) -> None:
    tell = spawn.get_preparation_data

    def get_preparation_data(name: str) -> dict[str, Any]:
        data: dict[str, Any] = tell(name)
        if name == BEFOREHAND:
            # the fork server unpickles nothing; without the path, its children run the script
            data.pop("init_main_from_path", None)
        return {**data, __name__: call}

    spawn.get_preparation_data = get_preparation_data


def call_in_new_processes(module: str, name: str) -> None:
    """Call a function without arguments at the start of each process that is spawned."""
    call = _Call(module, name)
    if SPAWN in sys.modules:
        _watch(sys.modules[SPAWN], call)
    else:
        sys.meta_path.insert(0, _Finder(call))


def _is_this_python(path: Any) -> bool:
    """Whether a path is the interpreter of this process, which has several names in `bin`."""
    try:
        found = os.fsdecode(path)  # os.execvp() passes bytes
        folder, ours = os.path.dirname(found), os.path.dirname(sys.executable)
        return os.path.samefile(folder, ours) and os.path.samefile(found, sys.executable)
    except (OSError, TypeError):  # no such file, or a file descriptor
        return False


def _with(launcher: Sequence[str], script: str, path: Any, args: Sequence[Any]) -> Sequence[Any]:
    """Insert the launcher before the script if it is this script that is to run."""
    if len(args) > 1 and args[1] == script and _is_this_python(path):
        return [args[0], *launcher, *args[1:]]
    return args


def call_execv_with(launcher: Sequence[str], script: str) -> None:
    """Insert arguments of Python before a script that replaces its process by itself."""

    def launching(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def execute(path: Any, args: Sequence[Any], *environment: Any) -> Any:
            return function(path, _with(launcher, script, path, args), *environment)

        return execute

    # the other functions of this family call one of these two
    os.execv = launching(os.execv)
    os.execve = launching(os.execve)


class _Subprocess:
    """`subprocess` as seen by Werkzeug's reloader."""

    def __init__(self, launch: Sequence[str]) -> None:
        self.launch = launch

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    def call(self, args: Sequence[str], **options: Any) -> int:
        typed = getattr(sys, "orig_argv", None)
        if typed is None or list(args[1:]) != typed[1:]:
            args = [sys.executable, *self.launch, *sys.argv[1:]]
        return subprocess.call(args, **options)


def reload_with(launch: Sequence[str]) -> None:
    """Let Werkzeug's reloader start the script by these arguments of Python and its own."""
    reloader.subprocess = _Subprocess(launch)  # type: ignore[assignment,attr-defined]
