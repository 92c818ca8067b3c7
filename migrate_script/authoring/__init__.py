"""Writing revisions: checked identifiers and messages; new files are complete, or removed."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

from sqlalchemy import MetaData

from .. import errors
from ..progress import listener

_REV_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.]{0,31}")


def check_rev_id(rev_id: str | None) -> None:
    """Reject an identifier that a file name or the version table (32 characters) cannot hold."""
    if rev_id is not None and not _REV_ID.fullmatch(rev_id):
        raise errors.NewFileError.bad_id(rev_id)


def message_text(message: str | None) -> str | None:
    """Escape a message for the docstring of a script, where templates insert it unescaped."""
    if message is None:
        return None
    printable = "".join(c if c.isprintable() else " " for c in message)
    return printable.replace("\\", "\\\\").replace('"', '\\"')


def _contents(folders: list[str]) -> set[Path]:
    """Return the scripts in some folders, and their sub-folders with what is in these."""
    found: set[Path] = set()
    for folder in map(Path, folders):
        found.update(folder.glob("*.py"))
        found.update(path for path in folder.rglob("*") if path.parent != folder or path.is_dir())
    return {path for path in found if "__pycache__" not in path.parts}


@contextmanager
def only_loadable(folders: list[str]) -> Iterator[None]:
    """Compile every new script, and remove all of them, with their folders, after an error."""
    missing = [folder for folder in folders if not os.path.isdir(folder)]
    before = _contents(folders)
    try:
        yield
        for path in sorted(_contents(folders) - before):
            if path.suffix == ".py":
                try:
                    compile(path.read_bytes(), str(path), "exec")
                except (SyntaxError, ValueError) as error:
                    raise errors.NewFileError.not_loadable(str(path), error) from error
    except BaseException as error:
        new = sorted(_contents(folders) - before, reverse=True)  # what is inside comes first
        for path in new:
            if path.is_dir():
                shutil.rmtree(str(path), ignore_errors=True)  # it may hold what Python has compiled
            else:
                path.unlink()
        for folder in missing:
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, errors.ScriptError) and Path(error.path) in new and error.__cause__:
            raise errors.NewFileError.not_loadable(error.path, error.__cause__) from error
        raise


def tables_of_models(context: Any) -> list[Any]:
    """Return the tables of the models that a context compares with its database."""
    target = context.opts["target_metadata"]
    metadatas = [target] if isinstance(target, MetaData) else list(target or [])
    # not values(), which has the tables of all databases for an old env.py
    return [table for metadata in metadatas for _, table in metadata.tables.items()]


def finish(revision_context: Any, writes: bool, uncompared: list[str]) -> None:
    """Leave out a script without operations, once env.py has run for the last database.

    An env.py of Flask-Migrate before 1.5.1 has no hook that does so, and nor may one of the user's.
    """
    scripts = revision_context.generated_revisions
    found = [ops for script in scripts for ops in script.upgrade_ops_list if not ops.is_empty()]
    if writes and scripts and revision_context.command_args["autogenerate"] and not found:
        scripts[:] = []
        listener().note("No changes in schema detected: no file was written")
    if uncompared:
        listener().note(
            f"the database also lacks {', '.join(dict.fromkeys(uncompared))}, which autogenerate "
            "does not compare: write it into a revision by hand"
        )


@contextmanager
def nothing_left(directory: str) -> Iterator[None]:
    """Remove the folders that a failed `init` has created."""
    missing = [path for path in (Path(directory), *Path(directory).parents) if not path.exists()]
    try:
        yield
    except BaseException:
        if missing:
            shutil.rmtree(missing[-1], ignore_errors=True)
        raise
