"""A new file is whole, or it is not there."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

from .. import errors

_REV_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.]{0,31}")


def check_rev_id(rev_id: str | None) -> None:
    """Refuse an identifier that a file name or the version table (32 characters) cannot hold.

    :param rev_id: what `--rev-id` gave; None where Alembic makes one
    :raises MigrateError: it cannot be used
    """
    if rev_id is not None and not _REV_ID.fullmatch(rev_id):
        raise errors.NewFileError.bad_id(rev_id)


def message_text(message: str | None) -> str | None:
    """Make a message safe for the docstring of the new script, where templates put it as it is.

    :param message: what `-m` gave
    :raises: nothing
    """
    if message is None:
        return None
    printable = "".join(c if c.isprintable() else " " for c in message)
    return printable.replace("\\", "\\\\").replace('"', '\\"')


def _scripts(folders: list[str]) -> set[str]:
    return {
        os.path.join(folder, name)
        for folder in folders
        if os.path.isdir(folder)
        for name in os.listdir(folder)
        if name.endswith(".py")
    }


@contextmanager
def only_loadable(folders: list[str]) -> Iterator[None]:
    """Compile every script that appears, and remove all of them when anything goes wrong.

    :param folders: the version locations
    :raises MigrateError: a new script is not valid Python
    """
    before = _scripts(folders)
    try:
        yield
        for path in sorted(_scripts(folders) - before):
            _compile(path)
    except BaseException as error:
        new = _scripts(folders) - before
        for path in new:
            os.remove(path)
        if isinstance(error, errors.ScriptError) and error.path in new and error.__cause__:
            raise errors.NewFileError.not_loadable(error.path, error.__cause__) from error
        raise


def _compile(path: str) -> None:
    try:
        compile(Path(path).read_bytes(), path, "exec")
    except (SyntaxError, ValueError) as error:
        raise errors.NewFileError.not_loadable(path, error) from error


@contextmanager
def nothing_left(directory: str) -> Iterator[None]:
    """Remove what `init` had made of a folder when it fails.

    :param directory: the folder to be
    :raises Exception: what was raised inside
    """
    parents: list[Any] = [Path(directory), *Path(directory).parents]
    missing = [path for path in parents if not path.exists()]
    try:
        yield
    except BaseException:
        if missing:
            shutil.rmtree(missing[-1], ignore_errors=True)
        raise
