"""What is wrong with a script that Alembic cannot load, put in order or call."""

from __future__ import annotations

import traceback
from types import ModuleType
from typing import Any, Iterator

from alembic.script import ScriptDirectory
from sqlalchemy import exc

from .. import errors
from ..compat.engines import why_no_engine
from .places import Place


def of_one_revision(config: Any) -> errors.MigrateError | None:
    """Name a revision that several files have, which Alembic takes for several heads.

    :param config: the Config of the folder
    :raises Exception: a script cannot be loaded
    """
    paths: dict[str, list[str]] = {}
    for script in ScriptDirectory.from_config(config)._load_revisions():
        paths.setdefault(script.revision, []).append(str(script.path))
    several = next(((name, sorted(of)) for name, of in paths.items() if len(of) > 1), None)
    return errors.RevisionError.several_files(*several) if several else None


def without_function(error: BaseException) -> errors.MigrateError | None:
    """Name the script that Alembic looked for `upgrade` or `downgrade` in, before it ran any.

    :param error: the exception
    :raises: nothing
    """
    if not isinstance(error, AttributeError):
        return None
    *_, (frame, _line) = traceback.walk_tb(error.__traceback__)
    script = frame.f_locals.get("revision")
    if script is None or not hasattr(script, "module"):
        return None
    name = "upgrade" if frame.f_locals.get("is_upgrade") else "downgrade"
    return errors.ScriptError.no_function(str(script.path), name)


def _is_of_scripts(error: BaseException) -> bool:
    """Tell that Alembic raised it where it puts the scripts in their order."""
    files = [f.filename.replace("\\", "/") for f in traceback.extract_tb(error.__traceback__)]
    return "/alembic/" in files[-1] and any("/alembic/script/revision" in file for file in files)


def without_parent(error: BaseException) -> errors.MigrateError | None:
    """Name the script that Alembic was at when it did not find what this comes after.

    :param error: the exception
    :raises: nothing
    """
    if not isinstance(error, KeyError) or not _is_of_scripts(error):
        return None
    path, parent = None, error.args[0]
    for frame, _ in traceback.walk_tb(error.__traceback__):
        script = frame.f_locals.get("rev") or frame.f_locals.get("revision")
        named = (getattr(script, "down_revision", None), getattr(script, "dependencies", None))
        if any(parent in ((n,) if isinstance(n, str) else n or ()) for n in named):
            path = str(getattr(script, "path", None))
            break
    return errors.RevisionError.missing_parent(str(parent), path)


def _is_name(value: Any) -> bool:
    return isinstance(value, str)


def _are_names(value: Any) -> bool:
    several = isinstance(value, (list, tuple, set, frozenset))
    return value is None or all(_is_name(name) for name in (value if several else [value]))


_NAMES = (_are_names, "a text, several of them in brackets, or None")
# what Alembic takes for granted of a script: of the file, and when it is run
_OF_FILE = {
    "revision": (_is_name, "a text"),
    "down_revision": _NAMES,
    "depends_on": _NAMES,
    "branch_labels": _NAMES,
}
_OF_STEP = {"upgrade": (callable, "a function"), "downgrade": (callable, "a function")}


def _read(error: BaseException, config: Any) -> Iterator[Any]:
    """Give the script that Alembic was reading, or else all that can be read."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        module = frame.f_locals.get("module")
        if isinstance(module, ModuleType) and hasattr(module, "revision"):
            yield module
            return
    for script in ScriptDirectory.from_config(config)._load_revisions():
        yield script.module


def of_other_kind(error: BaseException, config: Any, run: Any) -> errors.MigrateError | None:
    """Name the script that has something else where Alembic looks for a name or a function.

    :param error: the exception
    :param config: the Config of the folder
    :param run: the `Run` of the command
    :raises: nothing
    """
    if not isinstance(error, (AttributeError, KeyError, TypeError)):
        return None
    running = getattr(run.current if run else None, "revision", None)
    if running is None and not _is_of_scripts(error):
        return None
    expected = _OF_STEP if running else _OF_FILE
    for module in [running.module] if running else _read(error, config):
        for name, (is_right, kind) in expected.items():
            if name in vars(module) and not is_right(vars(module)[name]):
                value = vars(module)[name]
                return errors.ScriptError.other_kind(module.__file__, name, kind, value)
    return None


def failed(place: Place, error: BaseException) -> errors.MigrateError:
    """Word what goes wrong in a script: a URL there is its own, and not the application's.

    :param place: where it did
    :param error: the exception
    :raises: nothing
    """
    unreadable = isinstance(error, (exc.ArgumentError, ValueError))
    bad_url = unreadable and type(error) is not exc.NoSuchModuleError
    if bad_url and why_no_engine(error):
        return errors.ScriptError.bad_url(*place)
    return errors.ScriptError.failed(*place, error)
