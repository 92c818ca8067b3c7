"""What is wrong with a script that Alembic cannot load, put in order or call."""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, Iterator

from alembic.script import Script
from sqlalchemy import exc

from .. import errors
from ..compat.engines import why_no_engine
from .places import Place, is_of_alembic

# as Alembic writes it, and as people do by hand
_REVISION = re.compile(r"""^revision\s*(?::[^=\n]+)?=\s*[bru]*["']([^"'\n]+)""", re.MULTILINE)


def of_one_revision(config: Any) -> errors.MigrateError | None:
    """Name a revision that several files have, which Alembic takes for several heads.

    The files are read and not loaded again, which not every script could bear.

    :param config: the Config of the folder
    :raises OSError: one cannot be read
    """
    paths: dict[str, list[str]] = {}
    scripts = config.scripts()
    files = "**/*.py" if getattr(scripts, "recursive_version_locations", False) else "*.py"
    for folder in scripts._version_locations:
        for path in sorted(Path(folder).glob(files)):
            for revision in _REVISION.findall(path.read_text(encoding="utf-8", errors="replace")):
                paths.setdefault(revision, []).append(str(path))
    several = next(((name, of) for name, of in paths.items() if len(of) > 1), None)
    return errors.RevisionError.several_files(*several) if several else None


def without_function(error: BaseException) -> errors.MigrateError | None:
    """Name the script that Alembic looked for `upgrade` or `downgrade` in, before it ran any.

    :param error: the exception
    :raises: nothing
    """
    *_, (frame, _line) = traceback.walk_tb(error.__traceback__)
    script = frame.f_locals.get("revision")
    of_alembic = is_of_alembic(frame.f_code.co_filename)
    if not (of_alembic and isinstance(error, AttributeError) and isinstance(script, Script)):
        return None
    name = "upgrade" if frame.f_locals.get("is_upgrade") else "downgrade"
    return errors.ScriptError.no_function(str(script.path), name)


def _is_of_scripts(error: BaseException) -> bool:
    """Tell that Alembic raised it where it puts the scripts in their order."""
    files = [f.filename for f in traceback.extract_tb(error.__traceback__)]
    return is_of_alembic(files[-1]) and any(is_of_alembic(f, "script", "revision") for f in files)


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
# what Alembic takes for granted of a script
_EXPECTED = {
    "revision": (_is_name, "a text"),
    "down_revision": _NAMES,
    "depends_on": _NAMES,
    "branch_labels": _NAMES,
}


def _read(error: BaseException) -> Iterator[Any]:
    """Give the scripts that Alembic has read, the one that it was at first."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        if not is_of_alembic(frame.f_code.co_filename, "script"):
            continue
        for value in list(frame.f_locals.values()):
            if isinstance(value, ModuleType) and hasattr(value, "revision"):
                yield value
            for each in value.values() if isinstance(value, dict) else [value]:
                if isinstance(each, Script):
                    yield each.module


def _of_step(step: Any, error: BaseException) -> errors.MigrateError | None:
    """Name the script whose function, which was to be called, is none."""
    name, script = ("upgrade" if step.is_upgrade else "downgrade"), step.revision
    function = getattr(script.module, name, None)
    if callable(function) or not isinstance(error, TypeError):
        return None
    return errors.ScriptError.other_kind(str(script.path), name, "a function", function)


def of_other_kind(error: BaseException, run: Any) -> errors.MigrateError | None:
    """Name the script that has something else where Alembic looks for a name or a function.

    :param error: the exception
    :param run: the `Run` of the command
    :raises: nothing
    """
    step = run.current if run else None
    if hasattr(step, "revision"):
        return _of_step(step, error)
    if not isinstance(error, (AttributeError, KeyError, TypeError)) or not _is_of_scripts(error):
        return None
    for module in _read(error):
        for name, (is_right, kind) in _EXPECTED.items():
            if name in vars(module) and not is_right(vars(module)[name]):
                value = vars(module)[name]
                return errors.ScriptError.other_kind(module.__file__, name, kind, value)
    return None


def not_a_name(error: BaseException) -> errors.MigrateError | None:
    """Name the script whose identifier has characters that Alembic does not allow.

    :param error: the exception
    :raises: nothing
    """
    module = next(_read(error), None)
    return errors.ScriptError.failed(module.__file__, None, error) if module else None


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
