"""Finds and lists the scripts of a folder through Alembic, without running them (`headers.py`)."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Any, Iterator

from alembic.script import ScriptDirectory

from .. import errors
from ..compat.alembic import version_locations
from .failures import translate
from .headers import same_path, scripts_of


@contextmanager
def _translated(config: Any) -> Iterator[None]:
    try:
        yield
    except errors.MigrateError:
        raise
    except (Exception, SystemExit) as error:
        raise translate(error, config) from error


def locations(config: Any) -> list[str]:
    """List the folders that hold scripts."""
    with _translated(config):
        return version_locations(scripts_of(config))


def location(config: Any, path: str) -> str:
    """Return the folder of scripts that a path leads to, as Alembic writes it."""
    with _translated(config):
        known = version_locations(scripts_of(config, to_create=path))
    for folder in known:
        if same_path(folder, path):
            return folder
    raise errors.FolderError.other_location(path, [os.path.normpath(each) for each in known])


def walk(directory: ScriptDirectory, *args: Any, **kwargs: Any) -> Iterator[Any]:
    """Yield the scripts of a folder, newest first; Alembic before 1.6 fails for an empty one."""
    if directory.get_heads():
        yield from ScriptDirectory.walk_revisions(directory, *args, **kwargs)


def scripts_read(config: Any) -> list[Any]:
    """Return the scripts of a folder, newest first."""
    with _translated(config):
        return list(walk(scripts_of(config)))


def path_of(config: Any, revision: str) -> str | None:
    """Return the file that has exactly this identifier, or None."""
    scripts = scripts_read(config)
    return next((str(s.path) for s in scripts if s.revision == revision), None)


def find(config: Any, symbol: Any) -> list[Any]:
    """Return the scripts of a symbol such as `head`, `heads`, `base` or `ae10+2`."""
    with _translated(config):
        found = scripts_of(config).get_revisions(symbol)
        return [script for script in found if script is not None]
