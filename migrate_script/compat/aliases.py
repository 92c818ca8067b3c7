"""The old names of modules, for the process of the launcher.

Serves scripts of the time of Flask before 1.0 (`flask.ext.script`), and those that import a module
which the launcher makes for them (`flask_migrate`). It may be deleted with the launcher.

`flask.ext.script` and `flask_script` are one module object: a module is executed once, whatever
names it is imported by, and keeps its own `__name__` and `__spec__`.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import suppress
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Callable, Mapping

EXT = "flask.ext"
EXTHOOK = "flask.exthook"
INIT = "__init__"
# what Flask before 1.0 looked for, in this order
_REAL_NAMES = ("flask_{}", "flaskext.{}")

Makers = Mapping[str, Callable[[], ModuleType]]


class _Redirect(Loader):
    """Answer an import with the module of another name."""

    def __init__(self, real: str) -> None:
        self.real = real

    def exec_module(self, module: ModuleType) -> None:
        # Given by create_module(), the real module would have its __spec__ overwritten. What
        # stands in sys.modules in the end is what the import statement gets.
        sys.modules[module.__name__] = importlib.import_module(self.real)


class _Make(Loader):
    """Answer an import with a module that is made here."""

    def __init__(self, make: Callable[[], ModuleType]) -> None:
        self.make = make

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.make()

    def exec_module(self, module: ModuleType) -> None:
        pass


def _exists(name: str) -> bool:
    if name in sys.modules:
        return True
    # asked for "flaskext.script" itself, find_spec() raises where there is no "flaskext"
    parent = name.rpartition(".")[0]
    return (not parent or _exists(parent)) and find_spec(name) is not None


def _redirect(name: str, real: str) -> ModuleSpec | None:
    return ModuleSpec(name, _Redirect(real)) if _exists(real) else None


class _First:
    """Asked before all others: the modules made here, and the submodules of what has two names.

    A module that is imported as `flask.ext.script` has the `__path__` of `flask_script`, in which
    Python would find `flask.ext.script.commands` as a module of its own.

    :param makers: the modules to make, by their names
    """

    def __init__(self, makers: Makers) -> None:
        self.makers = makers

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find a module, as the import system asks for it.

        :param name: its full name
        :param path: the `__path__` of its parent
        :param target: not used
        :raises ImportError: a module in between cannot be imported
        """
        if name in self.makers:
            return ModuleSpec(name, _Make(self.makers[name]), is_package="." not in name)
        parent, _, child = name.rpartition(".")
        if child == INIT and (parent in self.makers or parent.startswith(EXT + ".")):
            return _redirect(name, parent)
        if parent.startswith(EXT + "."):
            real = getattr(sys.modules.get(parent), "__name__", parent)
            return _redirect(name, f"{real}.{child}") if real != parent else None
        return None


def _exthook() -> ModuleType:
    """Make the module that had the warning about `flask.ext`, which scripts import to silence."""
    module = ModuleType(EXTHOOK)
    warning = type("ExtDeprecationWarning", (DeprecationWarning,), {"__module__": EXTHOOK})
    vars(module)[warning.__name__] = warning
    return module


class _Last:
    """Asked after all others, so that the `flask.ext` of an old Flask answers where it can."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find a module, as the import system asks for it.

        :param name: its full name
        :param path: the `__path__` of its parent
        :param target: not used
        :raises ImportError: a module in between cannot be imported
        """
        if name == EXT:
            return ModuleSpec(name, _Make(lambda: ModuleType(EXT)), is_package=True)
        if name == EXTHOOK:
            return ModuleSpec(name, _Make(_exthook))
        parent, _, child = name.rpartition(".")
        if parent != EXT:
            return None
        found = (_redirect(name, real.format(child)) for real in _REAL_NAMES)
        return next((spec for spec in found if spec is not None), None)


def install(makers: Makers) -> None:
    """Let this process import the old names, until it ends.

    :param makers: further modules to make, by their names: they stand before installed ones
    :raises: nothing
    """
    # Flask before 1.0 puts its own finder last when this is imported, and has then been asked
    # already. On Python 3.12 and later, that finder is one that Python does not ask.
    with suppress(ModuleNotFoundError):
        importlib.import_module(EXT)
    sys.meta_path.insert(0, _First(makers))
    sys.meta_path.append(_Last())
