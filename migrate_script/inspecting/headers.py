"""Reads the header of a revision script from its text, and loads the script when it is due.

The identifier, what it follows and the docstring are literals at the top of the file, so that the
history of a folder is known without running code of the user's. A file in which they are not
plainly literal is left to Alembic's own loader, with Alembic's own errors.
"""

from __future__ import annotations

import ast
import copy
import inspect
import os
import re
import sys
import threading
import warnings
from contextlib import suppress
from functools import partial
from types import ModuleType
from typing import Any, Callable, Iterator

from alembic.script import ScriptDirectory

from .. import errors
from ..compat.alembic import read_scripts_with, version_locations

NAMES = ("revision", "down_revision", "branch_labels", "depends_on")
#: what a text must have to bind one of the names
_WORDS = rb"revision|branch_labels|depends_on|import\s*\*"
_BINDING = re.compile(_WORDS)
# The top of a file as Alembic's templates write it. A syntax tree costs more than loading compiled
# bytecode would, and this a quarter of that; anything out of the ordinary is left to the tree.
_BETWEEN = rb"(?:(?:#[ -~]*)?\n|(?:from [\w.]+ )?import (?!.*(?:%s))[\w., ]+\n)*" % _WORDS
_ASSIGNMENT = rb"""%s(?:: [\w\[\],. |]+)? = (None|'[\w.-]*'|"[\w.-]*")\n"""
_TEMPLATE = re.compile(
    _BETWEEN.join(
        [rb'"""([ !#-\[\]-~\n]*)"""\n', *(_ASSIGNMENT % name.encode() for name in NAMES), b""]
    )
)


def is_right(name: str, value: Any) -> bool:
    """Whether a value is one that Alembic expects: a text, several of them, or None."""
    if name == "revision" or not isinstance(value, (list, tuple, set)):
        return isinstance(value, str) or (value is None and name != "revision")
    return all(isinstance(each, str) for each in value)


def literals(tree: ast.Module) -> Iterator[tuple[ast.stmt, str, Any]]:
    """Yield each statement, with name and value if it assigns a literal to one of the names."""
    for node in tree.body:
        name, value = "", None
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            target = targets[0]
            if len(targets) == 1 and isinstance(target, ast.Name) and target.id in NAMES:
                with suppress(TypeError, ValueError):
                    value = ast.literal_eval(node.value)
                    name = target.id
        yield node, name, value


def _bound(statement: ast.stmt) -> set[str]:
    """Return the names that a statement at module level binds: too many rather than too few."""
    is_scope = isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    names: set[str] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Global):
            names.update(node.names)
        elif node is statement or not (is_scope or isinstance(getattr(node, "ctx", 0), ast.Load)):
            # of names, functions, imports, and patterns of `match`
            found = [getattr(node, each, None) for each in ("id", "name", "asname", "rest")]
            names.update(str(name).split(".")[0] for name in found)
    return names


def _of_tree(tree: ast.Module) -> dict[str, Any]:
    """Read a header from statements; ValueError where a name may be bound in another way."""
    found: dict[str, Any] = {}
    needed = {"revision", "down_revision"}
    for statement, name, value in literals(tree):
        if name and name not in found and is_right(name, value):
            found[name] = value
            continue
        bound = _bound(statement)
        if not bound.isdisjoint(NAMES) or ("*" in bound and found):
            raise ValueError("a name is bound in another way")
        if "*" in bound:
            needed = set(NAMES)
    if not needed <= found.keys():
        raise ValueError("a name is not bound")
    return {**found, "_docstring": ast.get_docstring(tree, clean=False)}


def _header(source: bytes, path: str) -> dict[str, Any]:
    """Read the names and the docstring of a script, up to its first function if that is all."""
    top, _, rest = source.partition(b"\ndef ")
    top = source if _BINDING.search(rest) else top + b"\n"
    match = _TEMPLATE.fullmatch(top)
    if match is not None and match.group(2) != b"None":
        docstring, *values = match.groups()
        header: dict[str, Any] = {"_docstring": docstring.decode()}
        for name, value in zip(NAMES, values):
            header[name] = None if value == b"None" else value[1:-1].decode()
        return header
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns when it compiles the file to run it
        try:
            return _of_tree(ast.parse(top, path))
        except SyntaxError:  # it ends in the docstring
            return _of_tree(ast.parse(source, path))


class ScriptModule(ModuleType):
    """A script of which the header is known; whatever else is asked of it loads the file."""

    def __init__(self, path: str, header: dict[str, Any], load: Callable[[], Any]) -> None:
        super().__init__(os.path.basename(path))
        known = {**dict.fromkeys(NAMES), **header, "__file__": path, "_load": load, "_module": None}
        for name, value in known.items():
            super().__setattr__(name, value)

    def loaded(self) -> Any:
        """Return the module of the file, which is executed once."""
        if self._module is None:
            super().__setattr__("_module", self._load())
        return self._module

    def __getattr__(self, name: str) -> Any:
        if name == "_alembic_source_encoding":  # Alembic looks for it; it is there on Python 2
            raise AttributeError(name)
        if name in ("upgrade", "downgrade") and self._module is None:
            # a step may be planned and never run
            return lambda *args, **keywords: getattr(self.loaded(), name)(*args, **keywords)
        return getattr(self.loaded(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.loaded(), name, value)
        if name in NAMES:
            super().__setattr__(name, value)

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        names: dict[str, Any] = vars(self.loaded())
        return names

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        """The docstring, from which Python 3.13 and later take the indentation."""
        text: str | None = self._docstring
        return inspect.cleandoc(text) if text and sys.version_info >= (3, 13) else text


def load_script(step: Any) -> None:
    """Load the script of a step that is to run; its module takes the place of the header."""
    script = step.revision
    if isinstance(script.module, ScriptModule):
        script.module = script.module.loaded()
        step.migration_fn = getattr(script.module, "upgrade" if step.is_upgrade else "downgrade")


def _module(thread: int, load: Callable[..., Any], folder: Any, filename: Any) -> Any:
    """Make the module of one file, which has been read and not run where that is possible."""
    path = os.path.join(str(folder), str(filename))
    if path.endswith(".py") and threading.get_ident() == thread:
        # in any of these cases, Alembic's loader knows better, or says what is wrong
        with suppress(OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            with open(path, "rb") as file:
                header = _header(file.read(), path)
            return ScriptModule(path, header, partial(load, folder, filename))
    return load(folder, filename)


def same_path(one: str, other: str) -> bool:
    """Whether two paths lead to the same place, also by `..` or a link."""
    return os.path.realpath(one) == os.path.realpath(other)


def scripts_of(config: Any, to_create: str | None = None) -> ScriptDirectory:
    """Return the scripts of a folder, each of which is loaded when it is to run.

    They are opened once in a command, as a script may define a model. A location that is not there
    is refused, but for the one in which a new script is about to be the first.
    """
    opened: ScriptDirectory | None = getattr(config, "opened_scripts", None)
    if opened is None:
        with warnings.catch_warnings():
            # the advice of Alembic 1.16 to set `path_separator`
            warnings.simplefilter("ignore", DeprecationWarning)
            directory = ScriptDirectory.from_config(config)
        if config.get_main_option("version_locations"):
            for folder in version_locations(directory):
                if not (os.path.isdir(folder) or (to_create and same_path(folder, to_create))):
                    raise errors.FolderError.no_location(os.path.normpath(folder))
        opened = config.opened_scripts = read_scripts_with(directory, _module)
    return copy.copy(opened)
