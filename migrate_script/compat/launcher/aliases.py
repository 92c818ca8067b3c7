"""Finders on `sys.meta_path` for the old module names, in one process or in an environment.

`flask_migrate` and `flask.ext.*` serve scripts for Flask-Migrate before 3 and for Flask before 1.0;
`flask_script` is executed with patches. `flask.ext.script` and `flask_script` are one module
object: a module is executed once, whatever name imports it.

`hook.py` loads this file by its path, as the package itself imports Flask-Script. A finder is
called while Python locks all imports: if it waited for a module that another thread is importing,
both would wait forever. So this file imports what Python has imported before any script runs.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, Callable, Iterable
else:
    ModuleSpec, ModuleType = type(sys.__spec__), type(sys)

FLASK_SCRIPT = "flask_script"
FLASK_MIGRATE = "flask_migrate"
FLASK_MIGRATE_CLI = "flask_migrate.cli"
COMMAND = "MigrateCommand"
EXT = "flask.ext"
EXTHOOK = "flask.exthook"
INIT = "__init__"
# the order in which Flask before 1.0 looked for an extension
_REAL_NAMES = ("flask_{}", "flaskext.{}")


class Wrapper:
    """A loader in which a function executes the module, and is given the real loader."""

    def __init__(self, loader: "Any", exec_module: "Callable[[ModuleType, Any], None]") -> None:
        self.loader = loader
        self.function = exec_module

    def __getattr__(self, name: str) -> "Any":
        return getattr(self.loader, name)

    def exec_module(self, module: "Any") -> None:
        # nothing of this is left in the module
        module.__spec__.loader = module.__loader__ = self.loader
        self.function(module, self.loader)


class _Redirect:
    """Load the module of another name."""

    def __init__(self, real: str) -> None:
        self.real = real

    def create_module(self, spec: "ModuleSpec") -> None:
        return None

    def exec_module(self, module: "ModuleType") -> None:
        # not from create_module(), after which Python overwrites the __spec__; the import statement
        # returns what is in sys.modules at the end
        __import__(self.real)
        sys.modules[module.__name__] = sys.modules[self.real]


class _Make:
    """Load a module that a function makes of its name."""

    def __init__(self, make: "Callable[[str], ModuleType]") -> None:
        self.make = make

    def create_module(self, spec: "ModuleSpec") -> "ModuleType":
        return self.make(spec.name)

    def exec_module(self, module: "ModuleType") -> None:
        pass


def _made(name: str, make: "Callable[[str], ModuleType]", is_package: bool = False) -> "ModuleSpec":
    loader: Any = _Make(make)
    return ModuleSpec(name, loader, is_package=is_package)


def _is_made(name: str) -> bool:
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return isinstance(getattr(spec, "loader", None), _Make)


def _found(
    name: str, path: "Iterable[str] | None" = None, after: "Any" = None
) -> "ModuleSpec | None":
    """Return what the finders find, or those after one of them; nothing is imported for it."""
    finders: list[Any] = list(sys.meta_path)
    start = finders.index(after) + 1 if after in finders else 0
    for finder in finders[start:]:
        # that of Flask before 1.0 has no find_spec()
        spec: ModuleSpec | None = getattr(finder, "find_spec", lambda *_: None)(name, path)
        if spec is not None:
            return spec
    return None


def _exists(name: str) -> bool:
    if name in sys.modules:
        return True
    parent = name.rpartition(".")[0]
    if not parent:
        return _found(name) is not None
    above = sys.modules.get(parent)
    spec = _found(parent) if above is None else getattr(above, "__spec__", None)
    path = getattr(spec, "submodule_search_locations", None)
    return path is not None and _found(name, path) is not None


def _redirect(name: str, real: str) -> "ModuleSpec | None":
    loader: Any = _Redirect(real)
    return ModuleSpec(name, loader) if _exists(real) else None


def _has(finder: "Any", spec: "ModuleSpec", child: str) -> bool:
    """Whether there is such a module in a package."""
    path = spec.submodule_search_locations
    return path is not None and _found(f"{spec.name}.{child}", path, after=finder) is not None


class FlaskScript:
    """Finds `flask_script` where it is, to be executed by a function."""

    def __init__(self, exec_module: "Callable[[ModuleType, Any], None]") -> None:
        self.exec_module = exec_module

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "ModuleSpec | None":
        spec = _found(name, after=self) if name == FLASK_SCRIPT else None
        # a project's own module of this name is left alone
        if spec is not None and _has(self, spec, "commands"):
            loader: Any = Wrapper(spec.loader, self.exec_module)
            spec.loader = loader
        return spec


class OldNames:
    """Finds `flask_migrate`, `flask.ext`, and the modules below.

    It is before the finder that Flask before 1.0 adds for `flask.ext.script`, which is not asked by
    Python 3.12. A module that is imported under this name has the `__path__` of `flask_script`, in
    which Python would find `flask.ext.script.commands` as a module of its own.
    """

    def __init__(self, make: "Callable[[str], ModuleType]", always: bool) -> None:
        self.make = make
        self.always = always

    def _is_replaced(self) -> bool:
        """Whether `flask_migrate` is made here; a project's own module of this name stays."""
        spec = None if self.always else _found(FLASK_MIGRATE, after=self)
        if spec is None or spec.origin is None:  # a folder without an __init__.py has no origin
            return True
        loader: Any = spec.loader
        code = loader.get_code(spec.name) if hasattr(loader, "get_code") else None
        return code is not None and COMMAND not in code.co_names and _has(self, spec, "cli")

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "ModuleSpec | None":
        parent, _, child = name.rpartition(".")
        if name == FLASK_MIGRATE:
            return _made(name, self.make, is_package=True) if self._is_replaced() else None
        if name == FLASK_MIGRATE_CLI and _is_made(parent):
            return _made(name, self.make)
        if name == EXT:
            return _found(name, path, after=self) or _made(name, ModuleType, is_package=True)
        if name == EXTHOOK:
            return _found(name, path, after=self) or _made(name, _exthook)
        if parent == EXT:
            found = (_redirect(name, real.format(child)) for real in _REAL_NAMES)
            return next((spec for spec in found if spec is not None), None)
        if child == INIT and (_is_made(parent) or parent.startswith(EXT + ".")):
            return _redirect(name, parent)
        if parent.startswith(EXT + "."):
            real = getattr(sys.modules.get(parent), "__name__", parent)
            return _redirect(name, f"{real}.{child}") if real != parent else None
        return None


def _exthook(name: str) -> "ModuleType":
    """Make `flask.exthook`, from which scripts import the warning about `flask.ext`."""
    module = ModuleType(name)
    warning = type("ExtDeprecationWarning", (DeprecationWarning,), {"__module__": name})
    vars(module)[warning.__name__] = warning
    return module


def install(make: "Callable[[str], ModuleType]") -> None:
    """Install the finder for the rest of this process, whatever is installed."""
    sys.meta_path.insert(0, OldNames(make, always=True))


def _exec_flask_script(module: "ModuleType", loader: "Any") -> None:
    """Execute Flask-Script with its patches, for a script that may never import the package."""
    from importlib.util import module_from_spec, spec_from_file_location  # no finder is waiting

    path = os.path.join(os.path.dirname(os.path.dirname(__file__)), "flask_script_patches.py")
    spec: Any = spec_from_file_location("migrate_script.compat.flask_script_patches", path)
    patches = module_from_spec(spec)
    spec.loader.exec_module(patches)
    patches.exec_module(module, loader)


def _make(name: str) -> "ModuleType":
    # by its name, as everything else of the package is above this file
    __import__("migrate_script.old_names")
    made: ModuleType = sys.modules["migrate_script.old_names"].make(name)
    return made


def for_environment() -> "list[Any]":
    """Return the finders of an environment; copies of earlier releases' hook.py call it, too."""
    return [FlaskScript(_exec_flask_script), OldNames(_make, always=False)]
