"""A process that `multiprocessing` spawns can import what the one that spawns it can.

Serves scripts whose functions run in processes that are started anew, not forked: the way of
macOS and Windows, and of Python 3.14. It may be deleted with the launcher.

The new process runs the script again, before it does anything that could be told to it. What it
gets before is a dictionary that multiprocessing fills for it; one value more in there does, when
it is unpickled, what the launcher did.
"""

from __future__ import annotations

import importlib
import sys
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

SPAWN = "multiprocessing.spawn"
# the name by which a fork server is told what to import beforehand
BEFOREHAND = "ignore"


class _Call:
    """A function that is called where this is unpickled.

    :param module: the name of its module
    :param name: its name
    """

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return _call, (self.module, self.name)


def _call(module: str, name: str) -> None:
    getattr(importlib.import_module(module), name)()


class _Watched(Loader):
    """Load multiprocessing's module as its own loader does, and have it tell one thing more."""

    def __init__(self, loader: Any, call: _Call) -> None:
        self.loader = loader
        self.call = call

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self.loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        spec: Any = module.__spec__
        spec.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        _watch(module, self.call)


class _Finder:
    """Waits for the import of multiprocessing's module, for which most scripts have no use."""

    def __init__(self, call: _Call) -> None:
        self.call = call

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find a module, as the import system asks for it.

        :param name: its full name
        :param path: the `__path__` of its parent
        :param target: not used
        :raises ImportError: `multiprocessing` cannot be imported
        """
        if name != SPAWN or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None:
            spec.loader = _Watched(spec.loader, self.call)
        return spec


def _watch(spawn: Any, call: _Call) -> None:
    tell = spawn.get_preparation_data

    def get_preparation_data(name: str) -> dict[str, Any]:
        data: dict[str, Any] = tell(name)
        if name == BEFOREHAND:
            # That server gets no value to unpickle. Without the script, its children run it.
            data.pop("init_main_from_path", None)
        return {**data, __name__: call}

    spawn.get_preparation_data = get_preparation_data


def call_in_new_processes(module: str, name: str) -> None:
    """Have a function called at the start of every process that multiprocessing spawns.

    :param module: the name of its module
    :param name: its name; it takes nothing
    :raises: nothing
    """
    call = _Call(module, name)
    if SPAWN in sys.modules:
        _watch(sys.modules[SPAWN], call)
    else:
        sys.meta_path.insert(0, _Finder(call))
