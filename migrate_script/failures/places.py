"""Where in the user's files an exception came from."""

from __future__ import annotations

import os
import re
import sys
import traceback
from pathlib import Path
from typing import Any, NamedTuple

import alembic

# the words of Python when a function is called with other arguments than it takes
_OTHER_ARGUMENTS = re.compile(r"(\w+)\(\) (missing|takes|got) ")


class Place(NamedTuple):
    """A line of a file; None where the file as a whole is meant."""

    path: str
    line: int | None


def _folders(config: Any) -> list[Path]:
    """Name the folders of the user's files: that of env.py, and those of the scripts."""
    path, folders = list(sys.path), [config.get_main_option("script_location") or ""]
    try:
        scripts: Any = config.scripts()
        folders = [scripts.dir, *scripts._version_locations]
    except Exception:  # what is wrong with them is the error that is being worded
        pass
    finally:
        sys.path[:] = path  # prepend_sys_path has been put there by whoever read them before
    return [Path(folder).resolve() for folder in folders]


def is_of_alembic(filename: str, *names: str) -> bool:
    """Tell a file of Alembic's from one of a folder that somebody calls `alembic`.

    :param filename: as a traceback has it
    :param names: where in Alembic, if not anywhere
    :raises: nothing
    """
    place = os.path.join(os.path.dirname(alembic.__file__), *names)
    return os.path.abspath(filename).startswith(place + ("" if names else os.sep))


def _loaded_by(frame: Any) -> str | None:
    """Name the file that a function of Alembic's is about to load."""
    names = frame.f_locals
    if not is_of_alembic(frame.f_code.co_filename):
        return None
    if not {"dir_", "filename"} <= set(names):
        return None
    return os.path.join(str(names["dir_"]), str(names["filename"]))


def in_folder(error: BaseException, config: Any) -> Place | None:
    """Find the last place in a file of the user's folders that an exception went through.

    A file that cannot be compiled, or is not what Alembic takes for a script, has no line there.

    :param error: the exception
    :param config: the Config of the folder
    :raises: nothing
    """
    folders = _folders(config)
    places: list[tuple[str, int | None]] = []
    for frame, line in traceback.walk_tb(error.__traceback__):
        loaded = _loaded_by(frame)
        places.append((frame.f_code.co_filename, line) if loaded is None else (loaded, None))
    if isinstance(error, SyntaxError) and error.filename:
        places.append((error.filename, error.lineno or None))
    for filename, number in reversed(places):
        path = Path(filename)
        if path.suffix == ".py" and not set(folders).isdisjoint(path.resolve().parents):
            return Place(filename, number)
    return None


def in_script(error: BaseException, config: Any, run: Any) -> Place | None:
    """Find the place in a script; one that goes wrong in env.py alone has none.

    :param error: the exception
    :param config: the Config of the folder
    :param run: the `Run` of the command
    :raises: nothing
    """
    called = _OTHER_ARGUMENTS.match(str(error)) if isinstance(error, TypeError) else None
    script = getattr(run.current if run else None, "revision", None)
    if called and script and _is_called(called.group(1), error):
        return Place(str(script.path), None)
    place = in_folder(error, config)
    return place if place and os.path.basename(place.path) != "env.py" else None


def _is_called(name: str, error: BaseException) -> bool:
    """Tell that it was Alembic, through this package, that called `upgrade` or `downgrade`."""
    *_, (frame, _line) = traceback.walk_tb(error.__traceback__)
    ours = str(frame.f_globals.get("__name__")).split(".")[0] == __name__.split(".")[0]
    return ours and name in ("upgrade", "downgrade")
