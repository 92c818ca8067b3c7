"""Find the program that `python -m migrate_script` is given, and run it as Python itself does."""

from __future__ import annotations

import builtins
import importlib.util
import marshal
import os
import pkgutil
import sys
import traceback
from importlib.machinery import (
    BuiltinImporter,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from types import CodeType, ModuleType, TracebackType
from typing import Any, Callable, NamedTuple, Sequence

from ... import errors

COMMAND = "python -m migrate_script"
USAGE = f"""\
Run a script as it is, while the modules of its time can be imported.

    {COMMAND} manage.py db upgrade
    {COMMAND} -m package.manage db upgrade

Everything after the name of the script is passed to it. flask_script, flask_migrate (with its
MigrateCommand) and flask.ext.* can be imported, whatever is installed; no file is changed.

    {COMMAND} enable
    {COMMAND} enable --check
    {COMMAND} disable

Have every start of Python in this environment do so, and `python manage.py db upgrade` is enough;
say whether it is on (exit status 0) or off (1); turn it off. It is two files in site-packages. A
script of such a name is run as './enable'."""
HELP_FLAGS = ("-?", "-h", "--help")
VERSION_FLAG = "--version"
PIPED = "-"


class Program(NamedTuple):
    """Code to run, the names of its `__main__`, and its entry of `sys.path`."""

    argv: list[str]
    code: CodeType
    names: dict[str, Any]
    folder: str | None
    launch: list[str]


def _shown(path: str) -> str:
    """Return a path as this Python writes it into `__file__` and tracebacks."""
    # not abspath(), as Python keeps a "./"
    return os.path.join(os.getcwd(), path) if sys.version_info >= (3, 9) else path


def _compiled(source: bytes, filename: str) -> tuple[CodeType, Any]:
    if source.startswith(importlib.util.MAGIC_NUMBER):
        return marshal.loads(source[16:]), SourcelessFileLoader("__main__", filename)
    code = compile(source, filename, "exec", dont_inherit=True)
    return code, SourceFileLoader("__main__", filename)


def _main_names(filename: str, loader: Any) -> dict[str, Any]:
    """Return the names that Python gives the `__main__` of a script."""
    none = dict.fromkeys(("__cached__", "__package__", "__spec__"))
    return {**none, "__file__": filename, "__loader__": loader}


def _no_script(reason: str, words: list[str]) -> errors.UsageError:
    """Return the refusal of what is no script, with the scripts that the current folder has."""
    here = sorted(name for name in os.listdir() if name.endswith(".py") and os.path.isfile(name))
    return errors.UsageError.no_script(
        COMMAND, reason, words, ["manage.py"] if "manage.py" in here else here
    )


def _of_file(path: str, rest: Sequence[str]) -> Program:
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        reason = f"there is no script '{path}' to run: {error.strerror}"
        raise _no_script(reason, [path, *rest]) from error
    code, loader = _compiled(source, _shown(path))
    folder = os.path.dirname(os.path.realpath(path))
    names = _main_names(_shown(path), loader)
    return Program([path, *rest], code, names, folder, [os.path.abspath(path)])


def _of_stdin(rest: Sequence[str]) -> Program:
    filename = "<stdin>"
    code = compile(sys.stdin.buffer.read(), filename, "exec", dont_inherit=True)
    return Program([PIPED, *rest], code, _main_names(filename, BuiltinImporter), "", [PIPED])


def _of_spec(spec: ModuleSpec | None, missing: str) -> tuple[CodeType, dict[str, Any]]:
    """Load what the import system found."""
    loader: Any = spec.loader if spec else None
    code = loader.get_code(spec.name) if spec and hasattr(loader, "get_code") else None
    if spec is None or code is None:
        raise errors.UsageError.nothing_to_run(COMMAND, missing)
    return code, {
        "__cached__": spec.cached,
        "__file__": spec.origin,
        "__loader__": loader,
        "__package__": spec.parent,
        "__spec__": spec,
    }


def _of_folder(path: str, rest: Sequence[str]) -> Program:
    spec = PathFinder.find_spec("__main__", [_shown(path)])
    missing = f"there is no '__main__.py' in '{path}'"
    if spec is None:
        raise _no_script(missing, [path, *rest])
    code, names = _of_spec(spec, missing)
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
    # as in Python while the packages around the module are imported
    sys.argv[:] = ["-m", *rest]
    code, names = _of_spec(_module_spec(name), f"there is no module '{name}' to run")
    return Program([names["__file__"], *rest], code, names, None, ["-m", name])


def find(arguments: Sequence[str]) -> Program:
    """Find the program: a script, folder, zip file, `-` for stdin, or `-m` and a module."""
    first, rest = arguments[0], arguments[1:]
    if first == "-m":
        if not rest:
            raise errors.UsageError.nothing_to_run(COMMAND, "-m takes the name of a module")
        return _of_module(rest[0], rest[1:])
    if first == PIPED:
        return _of_stdin(rest)
    if first.startswith("-"):
        raise errors.UsageError.no_option(COMMAND, first)
    return (_of_file if pkgutil.get_importer(first) is None else _of_folder)(first, rest)


def run(program: Program) -> None:
    """Run a program as the `__main__` of this process."""
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


_IMPORT_SYSTEM = ("_frozen_importlib", "_frozen_importlib_external", "importlib", "zipimport")
_PACKAGE = __name__.split(".")[0]


def _is_theirs(trace: TracebackType) -> bool:
    """Whether a frame is of the script, and not of the launcher or the import system."""
    names = trace.tb_frame.f_globals
    module, package = (str(names.get(name)).split(".")[0] for name in ("__name__", "__package__"))
    return module not in _IMPORT_SYSTEM and package != _PACKAGE


def _their_part(error: BaseException) -> TracebackType | None:
    """Return the traceback from the first frame of the script on."""
    trace = error.__traceback__
    while trace is not None and not _is_theirs(trace):
        trace = trace.tb_next
    # a file that cannot be compiled has no frame; Python shows its line without one
    return trace if trace or isinstance(error, SyntaxError) else error.__traceback__


def show_theirs(error: BaseException, show_trace: Callable[[str], None]) -> None:
    """Set the excepthook to show the traceback of the script alone, without a password."""
    theirs, hook = _their_part(error), sys.excepthook

    def show(kind: Any, value: BaseException, trace: TracebackType | None) -> None:
        if value is error:
            value.__traceback__ = trace = theirs
        worded = errors.why_no_engine(value)
        if worded is None or hook is not sys.__excepthook__:
            hook(kind, value, trace)
        else:  # what a library says of a URL that it cannot read may hold a password anywhere
            text = "".join(traceback.format_exception(kind, value, trace))
            said = "\0" if isinstance(value, ImportError) else str(value)
            show_trace(text.replace(said, "***"))

    sys.excepthook = show
