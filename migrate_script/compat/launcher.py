"""An untouched script, run as Python itself runs it.

Serves scripts that import Flask-Script and Flask-Migrate by their old names. It may be deleted
when nobody types `python -m migrate_script` any more.
"""

from __future__ import annotations

import builtins
import importlib.util
import marshal
import os
import pkgutil
import sys
from importlib.machinery import (
    BuiltinImporter,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from types import CodeType, ModuleType
from typing import Any, NamedTuple, Sequence

from .. import errors

COMMAND = "python -m migrate_script"
USAGE = f"""\
Run a script as it is, while the modules of its time can be imported.

    {COMMAND} manage.py db upgrade
    {COMMAND} -m package.manage db upgrade

What is behind the name of the script is for the script. flask_script, flask_migrate (with its
MigrateCommand) and flask.ext.* are there, whatever is installed; no file is changed."""
HELP_FLAGS = ("-?", "-h", "--help")
PIPED = "-"


class Program(NamedTuple):
    """What to run: its code, the names of its `__main__`, and what belongs on `sys.path`."""

    argv: list[str]
    code: CodeType
    names: dict[str, Any]
    folder: str | None
    launch: list[str]


def _shown(path: str) -> str:
    """Give a path as this Python writes it into `__file__` and tracebacks."""
    # not abspath(): Python leaves a "./" as it was typed
    return os.path.join(os.getcwd(), path) if sys.version_info >= (3, 9) else path


def _compiled(source: bytes, filename: str) -> tuple[CodeType, Any]:
    if source.startswith(importlib.util.MAGIC_NUMBER):
        return marshal.loads(source[16:]), SourcelessFileLoader("__main__", filename)
    code = compile(source, filename, "exec", dont_inherit=True)
    return code, SourceFileLoader("__main__", filename)


def _of_file(path: str, rest: Sequence[str]) -> Program:
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        raise errors.NothingToRun(
            COMMAND, f"there is no script '{path}' to run: {error.strerror}"
        ) from error
    code, loader = _compiled(source, _shown(path))
    names = {
        "__cached__": None,
        "__file__": _shown(path),
        "__loader__": loader,
        "__package__": None,
        "__spec__": None,
    }
    folder = os.path.dirname(os.path.realpath(path))
    return Program([path, *rest], code, names, folder, [os.path.abspath(path)])


def _of_stdin(rest: Sequence[str]) -> Program:
    filename = "<stdin>"
    names = {
        "__cached__": None,
        "__file__": filename,
        "__loader__": BuiltinImporter,
        "__package__": None,
        "__spec__": None,
    }
    code = compile(sys.stdin.buffer.read(), filename, "exec", dont_inherit=True)
    return Program([PIPED, *rest], code, names, "", [PIPED])


def _of_spec(spec: ModuleSpec | None, missing: str) -> tuple[CodeType, dict[str, Any]]:
    """Load what the import system found, as Python does for `-m`."""
    loader: Any = spec.loader if spec else None
    code = loader.get_code(spec.name) if spec and hasattr(loader, "get_code") else None
    if spec is None or code is None:
        raise errors.NothingToRun(COMMAND, missing)
    return code, {
        "__cached__": spec.cached,
        "__file__": spec.origin,
        "__loader__": loader,
        "__package__": spec.parent,
        "__spec__": spec,
    }


def _of_folder(path: str, rest: Sequence[str]) -> Program:
    spec = PathFinder.find_spec("__main__", [_shown(path)])
    code, names = _of_spec(spec, f"there is no '__main__.py' in '{path}'")
    return Program([path, *rest], code, names, _shown(path), [os.path.abspath(path)])


def _module_spec(name: str) -> ModuleSpec | None:
    if name.startswith("."):  # relative to nothing
        return None
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
        return spec
    except ModuleNotFoundError as error:
        if error.name and f"{name}.__main__.".startswith(f"{error.name}."):
            return None
        raise  # the module is there, and cannot import something else
    except ValueError:  # no name at all
        return None


def _of_module(name: str, rest: Sequence[str]) -> Program:
    # as Python has it while the packages around the module are imported
    sys.argv[:] = ["-m", *rest]
    code, names = _of_spec(_module_spec(name), f"there is no module '{name}' to run")
    return Program([names["__file__"], *rest], code, names, None, ["-m", name])


def find(arguments: Sequence[str]) -> Program:
    """Find the program that the arguments name.

    :param arguments: a script, a folder, a zip file, `-` for a script on stdin, or `-m module`, and
        what is for the program
    :raises UsageError: there is none
    :raises BaseException: it cannot be compiled, or the package around it not be imported
    """
    first, rest = arguments[0], arguments[1:]
    if first == "-m":
        if not rest:
            raise errors.NothingToRun(COMMAND, "-m takes the name of a module")
        return _of_module(rest[0], rest[1:])
    if first == PIPED:
        return _of_stdin(rest)
    if first.startswith("-"):
        raise errors.NoSuchOption(COMMAND, first)
    return (_of_file if pkgutil.get_importer(first) is None else _of_folder)(first, rest)


def run(program: Program) -> None:
    """Run a program as the `__main__` of this process.

    :param program: the program
    :raises BaseException: what it raises
    """
    main = ModuleType("__main__")
    vars(main).update(program.names, __builtins__=builtins)
    if sys.version_info < (3, 14):
        vars(main)["__annotations__"] = {}
    sys.modules["__main__"] = main
    sys.argv[:] = program.argv
    # -I and -P keep what is not installed off the path
    if program.folder is not None and not getattr(sys.flags, "safe_path", sys.flags.isolated):
        sys.path[0] = program.folder
    exec(program.code, vars(main))
