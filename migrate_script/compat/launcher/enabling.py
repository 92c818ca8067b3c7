"""Makes the old names importable in an environment for good, by two files in its site-packages.

A .pth file, each line of which Python executes when it starts, imports a copy of `hook.py`.
Whether that works is asked of a new process of the same Python.
"""

from __future__ import annotations

import json
import os
import py_compile
import site
import subprocess
import sys
import sysconfig
from contextlib import suppress
from pathlib import Path
from typing import Callable, NamedTuple, Sequence

from ... import errors
from .program import COMMAND

MODULE = "_migrate_script_names"
PTH = "migrate_script_names.pth"
# not imported, which would put it in place
_HOOK = Path(__file__).with_name("hook.py")
_PTH_TEXT = f"""\
# Makes flask_script, flask_migrate and flask.ext importable, by {MODULE}.py beside this file.
# `{COMMAND} disable` removes both.
import sys; exec("try: import {MODULE}\\nexcept ImportError: pass")
"""

# a script may have its own lines printed when Python starts: the last line counts
_QUESTION = f"""
import json, sys
from importlib.machinery import PathFinder
from importlib.util import find_spec

hook = sys.modules.get("{MODULE}")
installed, seen = PathFinder.find_spec("flask_migrate"), find_spec("flask_migrate")
print(json.dumps([
    getattr(hook, "__file__", ""),
    find_spec("migrate_script") is not None,
    installed is not None and installed.origin is not None,
    seen is not None and seen.origin is None,
]))
"""


class _Seen(NamedTuple):
    """What a new process of this Python finds."""

    hook: str
    has_package: bool
    has_flask_migrate: bool
    replaces_flask_migrate: bool


def _seen(*flags: str) -> _Seen:
    # elsewhere: the package may be importable in the working directory only
    done = subprocess.run(
        [sys.executable, *flags, "-c", _QUESTION],
        cwd=sys.prefix,
        stdout=subprocess.PIPE,
    )
    if done.returncode:
        raise errors.EnablingError.does_not_start(sys.executable, done.returncode)
    return _Seen(*json.loads(done.stdout.splitlines()[-1].decode()))


def _user_site() -> Path | None:
    return Path(site.getusersitepackages()) if site.ENABLE_USER_SITE else None


def _site_packages() -> Path:
    """Return the folder to write to: the user's if the package was installed there."""
    user_site = _user_site()
    if user_site is not None and sys.prefix == sys.base_prefix:
        if user_site.resolve() in Path(__file__).resolve().parents:
            return user_site
    return Path(sysconfig.get_path("purelib"))


def _write_file(path: Path, text: str) -> None:
    """Write a file so that a process that starts meanwhile finds all of it or nothing."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        new.write_text(text, encoding="ascii")
        os.replace(str(new), str(path))
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise


def _texts(folder: Path) -> dict[Path, str]:
    """Return what to write, in this order."""
    return {
        folder / f"{MODULE}.py": _HOOK.read_text(encoding="ascii"),
        folder / PTH: _PTH_TEXT,
    }


def _is_written(folder: Path) -> bool:
    """Whether it is there, as this release writes it."""
    texts = _texts(folder).items()
    return all(
        path.is_file() and path.read_text("ascii", "replace") == text for path, text in texts
    )


def _write(folder: Path) -> None:
    for path, text in _texts(folder).items():
        _write_file(path, text)
        if path.suffix == ".py":
            # else every start compiles it again, under PYTHONDONTWRITEBYTECODE or another user
            py_compile.compile(str(path), doraise=True)


def _remove(folder: Path) -> bool:
    """Remove what was written, and return whether there was anything."""
    compiled = folder.glob(f"__pycache__/{MODULE}.*")
    # a folder in the way of one of them is not ours
    paths = [folder / PTH, folder / f"{MODULE}.py", *compiled]
    written = [path for path in paths if path.is_file()]
    for path in written:
        path.unlink()
    return bool(written)


def enable() -> str:
    """Write both files, and return what to tell the user."""
    folder = _site_packages()
    seen = _seen()
    if not seen.has_package:
        raise errors.EnablingError.not_installed(sys.prefix)
    if seen.hook and _is_written(folder):  # perhaps by somebody who may write there
        return _on(seen)
    try:
        _write(folder)
        seen = _seen()
        if not seen.hook:
            raise errors.EnablingError.not_read(folder, COMMAND)
    except (OSError, errors.EnablingError) as error:
        with suppress(OSError):
            _remove(folder)
        if isinstance(error, OSError):
            raise errors.EnablingError.cannot_write(folder, error, COMMAND) from error
        raise
    return _on(seen)


def _on(seen: _Seen) -> str:
    names = "flask_script, flask_migrate and flask.ext"
    lines = [f"On: {names} can be imported (installed by {seen.hook})"]
    if seen.has_flask_migrate and seen.replaces_flask_migrate:
        lines.append(
            "flask_migrate is this package for every program of this environment, instead of the "
            "installed Flask-Migrate, which has no MigrateCommand"
        )
    elif seen.has_flask_migrate:
        lines.append("flask_migrate is the installed one, which has MigrateCommand")
    if not _seen("-I").hook:
        lines.append("Not with 'python -I' or 'python -s', which leave out the user's packages")
    lines.append(
        "Run 'python manage.py db upgrade' as before; "
        f"run '{COMMAND} disable' to turn it off, and before 'pip uninstall'"
    )
    return "\n".join(lines)


def check() -> str:
    """Return what to tell the user where it is on; it is an error where it is off."""
    seen = _seen()
    if not seen.hook:
        raise errors.EnablingError.is_off(sys.prefix, COMMAND)
    return _on(seen)


def disable() -> str:
    """Remove both files wherever this Python reads them, and return what to tell the user."""
    folders = [folder for folder in (_site_packages(), _user_site()) if folder is not None]
    try:
        removed = [str(folder) for folder in folders if _remove(folder)]
    except OSError as error:
        raise errors.EnablingError.cannot_remove(error) from error
    seen = _seen()
    if seen.hook:
        raise errors.EnablingError.still_on(seen.hook, COMMAND)
    if not removed:
        return f"Off before: {folders[0]} has no {PTH}"
    return f"Off: removed {PTH} and {MODULE}.py from {' and '.join(removed)}"


ACTIONS: dict[tuple[str, ...], Callable[[], str]] = {
    ("enable",): enable,
    ("enable", "--check"): check,
    ("disable",): disable,
}


def action(words: Sequence[str]) -> Callable[[], str]:
    """Return what a command line that begins with `enable` or `disable` asks for."""
    known = max(n for n in range(len(words) + 1) if tuple(words[:n]) in ACTIONS)
    if known < len(words):
        is_option = words[known].startswith("-")
        usage = errors.UsageError
        refusal = usage.no_option if is_option else usage.extra_argument
        raise refusal(f"{COMMAND} {words[0]}", words[known])
    return ACTIONS[tuple(words)]
