"""What the old module names stand for: `flask_migrate`, made of the public names of the package."""

from __future__ import annotations

from types import ModuleType

import migrate_script

from .cli.parsing import CommandGroup
from .compat import flask_migrate
from .compat.launcher import aliases


def _config() -> type:
    from .config import Config  # imports Alembic: see `Project`

    return Config


def make(name: str) -> ModuleType:
    """Make `flask_migrate` or `flask_migrate.cli`."""
    return flask_migrate.make(name, migrate_script, _config, CommandGroup)


def put() -> None:
    """Make `flask.ext.*` and the `flask_migrate` of release 2 importable in this process."""
    aliases.install(make)
