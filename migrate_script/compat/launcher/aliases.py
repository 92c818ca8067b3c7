"""Finders on `sys.meta_path` for the old module names `flask.ext.*` and `flask_migrate`.

They serve scripts for Flask before 1.0 and for Flask-Migrate before 3. `flask.ext.script` and
`flask_script` are one module object: a module is executed once, whatever name imports it.
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
# the order in which Flask before 1.0 looked for an extension
_REAL_NAMES = ("flask_{}", "flaskext.{}")

Makers = Mapping[str, Callable[[], ModuleType]]


class _Redirect(Loader):
    """Load the module of another name."""

    def __init__(self, real: str) -> None:
        self.real = real

    def exec_module(self, module: ModuleType) -> None:
        # not from create_module(), after which Python overwrites the __spec__; the import statement
        # returns what is in sys.modules at the end
        sys.modules[module.__name__] = importlib.import_module(self.real)


class _Make(Loader):
    """Load a module that a function makes."""

    def __init__(self, make: Callable[[], ModuleType]) -> None:
        self.make = make

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.make()

    def exec_module(self, module: ModuleType) -> None:
        pass


def _exists(name: str) -> bool:
    if name in sys.modules:
        return True
    # find_spec("flaskext.script") raises where there is no "flaskext"
    parent = name.rpartition(".")[0]
    return (not parent or _exists(parent)) and find_spec(name) is not None


def _redirect(name: str, real: str) -> ModuleSpec | None:
    return ModuleSpec(name, _Redirect(real)) if _exists(real) else None


class _First:
    """The first finder: modules made here, and submodules of modules with two names.

    A module that is imported as `flask.ext.script` has the `__path__` of `flask_script`, in which
    Python would find `flask.ext.script.commands` as a module of its own.
    """

    def __init__(self, makers: Makers) -> None:
        self.makers = makers

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
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
    """Make `flask.exthook`, from which scripts import the warning about `flask.ext`."""
    module = ModuleType(EXTHOOK)
    warning = type("ExtDeprecationWarning", (DeprecationWarning,), {"__module__": EXTHOOK})
    vars(module)[warning.__name__] = warning
    return module


class _Last:
    """The last finder, so that the `flask.ext` of an old Flask comes first."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
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
    """Install both finders for the rest of this process."""
    # Flask before 1.0 appends its finder when this is imported. Python 3.12 and later do not use
    # that kind of finder.
    with suppress(ModuleNotFoundError):
        importlib.import_module(EXT)
    sys.meta_path.insert(0, _First(makers))
    sys.meta_path.append(_Last())
