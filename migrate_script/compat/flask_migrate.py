"""What old scripts find in `flask_migrate`; `launcher/aliases.py` makes it importable.

It exists under the launcher, and where `enable` was run. `MigrateCommand` is the instance there
that it was in Flask-Migrate 2, which scripts copy from and write into.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import logging
import os
import sys
from collections import OrderedDict
from functools import partial, wraps
from types import ModuleType
from typing import Any, Callable

from flask import current_app

NAME = "flask_migrate"

# names that `from flask_migrate import *` brought into a script
_PASSED_ON = {
    "argparse": argparse,
    "current_app": current_app,
    "logging": logging,
    "os": os,
    "sys": sys,
    "wraps": wraps,
}
# likewise, but imported on demand: other commands start without Alembic
_OF_ALEMBIC = {
    "AlembicConfig": ("alembic.config", "Config"),
    "CommandError": ("alembic.util", "CommandError"),
    "command": ("alembic", "command"),
}


def _get_config(directory: Any = None, x_arg: Any = None, opts: Any = None) -> Any:
    """Return the Config of a folder, as Flask-Migrate before 1.7 did."""
    return current_app.extensions["migrate"].migrate.get_config(directory, x_arg, opts)


def _catch_errors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function: errors are raised here."""
    return function


def _alembic_version() -> tuple[int, ...]:
    version = importlib.import_module("alembic").__version__
    return tuple(int(part) for part in version.split(".")[:3])


def _imported(module: str, name: str) -> Any:
    found = importlib.import_module(module)
    return getattr(found, name, None) or importlib.import_module(f"{module}.{name}")


def _own(command: Any) -> Any:
    made = copy.copy(command)
    made.option_list = list(command.option_list)
    return made


def _migrate_command(cls: Any) -> Any:
    """Make the instance, whose commands can be changed without those of the class."""
    made = cls()
    made._commands = OrderedDict((name, _own(c)) for name, c in cls._commands.items())
    made._options = list(cls._options)
    return made


def _package(public: ModuleType, config: Callable[[], type]) -> ModuleType:
    later: dict[str, Callable[[], Any]] = {
        "Config": config,
        "__alembic_version__": _alembic_version,
        "alembic_version": _alembic_version,
        **{name: partial(_imported, *place) for name, place in _OF_ALEMBIC.items()},
    }

    def look_up(name: str) -> Any:
        if name not in later:
            raise AttributeError(f"module '{NAME}' has no attribute '{name}'")
        return later[name]()

    names = {name: getattr(public, name) for name in vars(public)["__all__"]}
    names.update(_PASSED_ON, MigrateCommand=_migrate_command(names["MigrateCommand"]))
    module = ModuleType(NAME, public.__doc__)
    vars(module).update(
        names,
        __all__=[*names, *later],
        __file__=public.__file__,
        __getattr__=look_up,
        _get_config=_get_config,
        catch_errors=_catch_errors,
        log=logging.getLogger(NAME),
    )
    return module


def _cli(group: Callable[[str], Any]) -> ModuleType:
    db = group("db")
    for name in db.list_commands(None):
        db.get_command(None, name)
    module = ModuleType(f"{NAME}.cli")
    commands = {name.replace("-", "_"): command for name, command in db.commands.items()}
    vars(module).update(commands, db=db)
    return module


def make(
    name: str, public: ModuleType, config: Callable[[], type], group: Callable[[str], Any]
) -> ModuleType:
    """Make `flask_migrate` or `flask_migrate.cli`."""
    return _package(public, config) if name == NAME else _cli(group)
