"""The scripts of a folder, read through Alembic."""

from __future__ import annotations

from typing import Any, Iterator

from alembic.script import ScriptDirectory

from ..failures import translated


def read(config: Any) -> ScriptDirectory:
    """Open the scripts of a folder; the files themselves are loaded when asked for.

    :param config: the Config of the folder
    :raises MigrateError: the folder cannot be used
    """
    with translated(config):
        scripts: ScriptDirectory = config.scripts()
        return scripts


def locations(config: Any) -> list[str]:
    """Name the folders that hold scripts.

    :param config: the Config of the folder
    :raises MigrateError: the folder cannot be used
    """
    return [str(folder) for folder in read(config)._version_locations]


def walk(directory: ScriptDirectory, *args: Any, **kwargs: Any) -> Iterator[Any]:
    """Go through the scripts of a folder, newest first.

    Alembic before 1.6 cannot do so in an empty folder, on Python 3.7 and later.

    :param directory: Alembic's ScriptDirectory
    :param args: as for its `walk_revisions`
    :param kwargs: the same
    :raises Exception: as that function does
    """
    if directory.get_heads():
        yield from ScriptDirectory.walk_revisions(directory, *args, **kwargs)


def path_of(config: Any, revision: str) -> str | None:
    """Name the file that has exactly this identifier, or None.

    :param config: the Config of the folder
    :param revision: a full identifier
    :raises MigrateError: a script cannot be loaded
    """
    with translated(config):
        scripts = walk(config.scripts())
        return next((str(s.path) for s in scripts if s.revision == revision), None)


def find(config: Any, symbol: Any) -> list[Any]:
    """Give the scripts that a symbol such as `head`, `heads`, `base`, `ae10+2` stands for.

    :param config: the Config of the folder
    :param symbol: one symbol or several
    :raises MigrateError: it stands for none
    """
    with translated(config):
        found = config.scripts().get_revisions(symbol)
        return [script for script in found if script is not None]
