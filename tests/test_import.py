"""Importing the package is cheap, changes nothing for others, and each module keeps its place."""

from __future__ import annotations

import ast
import json
import types
from pathlib import Path
from typing import Iterator
from urllib.request import urlopen

import pytest
from processes import serving

import migrate_script

pytestmark = pytest.mark.any_stack

ROOT = Path(migrate_script.__file__).parent

# -- what others can see -----------------------------------------------------------------------

PICTURE = """
    import argparse
    import builtins
    import importlib.util
    import inspect
    import json
    import logging
    import os
    import sys
    import sysconfig
    import warnings

    import click
    import flask
    import flask.cli

    WATCHED = [argparse, argparse.ArgumentParser, builtins, click, flask, flask.Flask]
    WATCHED += [flask.cli, flask.globals, importlib.util, inspect, logging, warnings]
    HOOKS = ["argv", "displayhook", "excepthook", "stdin", "stdout", "stderr"]
    LIBRARIES = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]


    def picture():
        seen = {str(thing): dict(vars(thing)) for thing in WATCHED}
        seen["sys"] = {name: getattr(sys, name) for name in HOOKS}
        for name in ("meta_path", "path", "path_hooks", "warnoptions"):
            seen["sys." + name] = dict(enumerate(getattr(sys, name)))
        seen["filters"] = dict(enumerate(warnings.filters))
        seen["handlers"] = dict(enumerate(logging.getLogger().handlers))
        seen["level"] = {"": logging.getLogger().level}
        seen["environment"] = {name: sys.intern(value) for name, value in os.environ.items()}
        seen["modules"] = dict(sys.modules)
        return seen


    def differences(old, new):
        nothing = object()
        return [
            [where, str(name)]
            for where in old
            for name in {**old[where], **new[where]}
            if old[where].get(name, nothing) is not new[where].get(name, nothing)
        ]


    def of_python(name):
        name = name.split(".")[0]
        source = str(getattr(sys.modules.get(name), "__file__", ""))
        inside = any(source.startswith(folder + os.sep) for folder in LIBRARIES)
        return name in sys.builtin_module_names or (inside and "-packages" not in source)


    before = picture()
    import migrate_script
    changed = differences(before, picture())
    print(json.dumps([what for what in changed if what[0] != "modules" or not of_python(what[1])]))
"""

# Flask-Script imports argcomplete where it is installed
IMPORTED = {"migrate_script", "flask_script", "argcomplete"}


def test_importing_changes_nothing_that_others_can_see(project):
    """Flask, inspect, argparse, the hooks of sys, warnings and loggers stay what they were."""
    project.write("picture.py", PICTURE)
    done = project.process("-W", "ignore", "picture.py")
    assert done.status == 0, done.err
    changed = json.loads(done.out)
    assert [what for what in changed if what[0] != "modules"] == []
    assert {name.split(".")[0] for _, name in changed} - IMPORTED == set()
    assert ["modules", "flask_script"] in changed


MANAGE = """
    import migrate_script
    from flask import Flask
    from flask_script import Manager

    manager = Manager(Flask(__name__))


    @manager.command
    def greet(name: str):
        print("hello", name)


    if __name__ == "__main__":
        manager.run()
"""


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("", id="nothing"),
        pytest.param(
            """
            try:
                import flask_script
            except ImportError:
                pass
            """,
            id="Flask-Script, which may have failed",
        ),
        pytest.param(
            """
            import sys
            import types

            import flask

            if "flask._compat" not in sys.modules:
                compat = sys.modules["flask._compat"] = types.ModuleType("flask._compat")
                compat.text_type = str
            """,
            id="a stand-in for flask._compat",
        ),
        pytest.param(
            """
            import inspect

            inspect.getargspec = inspect.getfullargspec
            """,
            id="a stand-in for inspect.getargspec",
        ),
        pytest.param(
            """
            import threading

            barrier = threading.Barrier(8)


            def load():
                barrier.wait()
                import migrate_script


            threads = [threading.Thread(target=load) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            """,
            id="this package, in eight threads",
        ),
        pytest.param(
            """
            import importlib

            import migrate_script

            importlib.reload(migrate_script.compat.flask_script)
            importlib.reload(migrate_script)
            """,
            id="this package, loaded again",
        ),
    ],
)
def test_whatever_was_imported_before(project, before):
    """The order of imports, and what a script did to help itself, do no harm."""
    project.write("first.py", before)
    project.write("manage.py", MANAGE)
    project.write("main.py", "import first\nfrom manage import manager\nmanager.run()\n")
    ran = project.process("-W", "ignore", "main.py", "greet", "ann")
    assert ran == (0, "hello ann\n", "")


def test_what_a_script_put_in_place_itself_stays(project):
    """A stand-in that was there before is there afterwards, the same object."""
    project.write(
        "first.py",
        """
        import sys
        import types

        import flask

        if "flask._compat" not in sys.modules:
            sys.modules["flask._compat"] = types.ModuleType("flask._compat")
            sys.modules["flask._compat"].text_type = str
        if "_request_ctx_stack" not in vars(flask):
            flask._request_ctx_stack = object()
        before = sys.modules["flask._compat"], vars(flask)["_request_ctx_stack"]

        import migrate_script

        print(before == (sys.modules["flask._compat"], vars(flask)["_request_ctx_stack"]))
        """,
    )
    assert project.process("-W", "ignore", "first.py") == (0, "True\n", "")


def test_no_warning_of_ours(project):
    """With -W error, nothing that the import or a command does is warned about."""
    project.write("manage.py", MANAGE)
    project.write(
        "strict.py",
        """
        import warnings

        # what old libraries warn about when they are imported themselves is not the subject
        warnings.simplefilter("ignore")
        import flask.cli

        warnings.simplefilter("error")
        import migrate_script

        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", module=r"(migrate_script|flask_script)(\\.|$)")
        from manage import manager

        manager.run()
        """,
    )
    # compiled anew: some warnings come from the compiler
    compiled = {"PYTHONPYCACHEPREFIX": str(project.folder / "compiled")}
    assert project.process("strict.py", "greet", "ann", env=compiled) == (0, "hello ann\n", "")


@pytest.mark.parametrize("words", ["db --help", "db upgrade --help", "db list-templates", "hello"])
def test_a_python_that_leaves_out_docstrings(project, words):
    """With -OO there is less help, and every command runs."""
    project.write("manage.py", SHOP)
    done = project.process("-OO", "-W", "ignore", "manage.py", *words.split())
    assert (done.status, done.err) == (0, "")
    assert done.out


WINDOWS = """
    import os
    import signal
    import sys
    import types

    # what is Python's own or another library's has found its system already
    import asyncio, multiprocessing, subprocess, tempfile, uuid
    import alembic.config, flask.cli, sqlalchemy, werkzeug.serving

    for name in "crypt curses fcntl grp pty pwd readline resource syslog termios tty".split():
        sys.modules[name] = None
    sys.modules["msvcrt"] = types.SimpleNamespace(LK_NBLCK=2, locking=lambda *arguments: None)
    for name in (
        "chown fchmod fchown fork geteuid getgid getpgid getuid killpg lchown mkfifo nice pread "
        "pwrite register_at_fork setsid uname O_CLOEXEC O_NOFOLLOW WNOHANG"
    ).split():
        vars(os).pop(name, None)
    for name in "SIGALRM SIGCHLD SIGHUP SIGKILL SIGQUIT SIGUSR1 pthread_sigmask setitimer".split():
        vars(signal).pop(name, None)

    import migrate_script

    for name in sys.argv[1].split():
        __import__(name)
    for words in ("init", "migrate", "upgrade --backup", "current", "downgrade", "history"):
        sys.argv = ["manage.py", "db", *words.split()]
        try:
            exec(compile(open("manage.py").read(), "manage.py", "exec"), {"__name__": "__main__"})
        except SystemExit as leaving:
            if leaving.code:
                raise
    print("done")
"""


def test_nothing_that_only_posix_has_is_needed(project):
    """Every module can be imported, and the commands run, without what Windows does not have."""
    project.write("manage.py", SHOP.replace("sqlite://", "sqlite:///shop.db"))
    project.write("windows.py", WINDOWS)
    names = [module[:-3].replace("/", ".").replace(".__init__", "") for module in MODULES]
    ours = " ".join(f"migrate_script.{name}" for name in names if name != "__init__")
    done = project.process("-W", "ignore", "windows.py", ours)
    assert done.status == 0, done.err
    assert done.out.endswith("done\n")


# -- the start is cheap ------------------------------------------------------------------------

SHOP = """
    import argparse
    import atexit
    import gc
    import json
    import sys

    frozen_at_start = gc.get_freeze_count()  # some in Python 3.12
    parsers = []
    make = argparse.ArgumentParser.__init__


    def count(self, *args, **kwargs):
        parsers.append(str(kwargs.get("prog", "")).rpartition(" ")[2])
        make(self, *args, **kwargs)


    argparse.ArgumentParser.__init__ = count

    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    from migrate_script import Manager, Migrate, MigrateCommand, Server, Shell

    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    db = SQLAlchemy(app)
    migrate = Migrate(app, db)
    manager = Manager(app)
    manager.add_command("db", MigrateCommand)
    manager.add_command("shell", Shell())


    class Item(db.Model):
        id = db.Column(db.Integer, primary_key=True)


    LATE = ["authoring", "inspecting", "running", "sqlite_alter"]


    def heavy():
        late = {"alembic", "mako"} | {"migrate_script." + name for name in LATE}
        return sorted(late & set(sys.modules))


    @app.route("/")
    def loaded():
        return json.dumps(heavy())


    @manager.command
    def hello():
        print("hello")
        note("during.json")


    def note(name):
        found = {
            "heavy": heavy(),
            "parsers": parsers,
            "frozen": gc.get_freeze_count() > frozen_at_start,
            "enabled": gc.isenabled(),
        }
        with open(name, "w") as file:
            json.dump(found, file)


    if __name__ == "__main__":
        atexit.register(note, "after.json")
        manager.run()
"""


@pytest.fixture
def shop(project):
    """A project that notes, when it ends, whether Alembic or Mako were imported."""
    project.write("manage.py", SHOP)
    return project


def test_the_import_alone_needs_no_alembic(project):
    """`import migrate_script` imports neither Alembic nor Mako."""
    words = "import sys, migrate_script; print({'alembic', 'mako'} & set(sys.modules))"
    assert project.process("-W", "ignore", "-c", words).out == "set()\n"


@pytest.mark.parametrize(
    ("words", "status", "heavy"),
    [
        ("", 2, []),
        ("--help", 0, []),
        ("hello", 0, []),
        ("shell", 0, []),
        ("runserver --help", 0, []),
        ("db", 2, []),
        ("db --help", 0, []),
        ("db upgrade --help", 0, []),
        ("db nope", 2, []),
        # only what needs Alembic pays for it
        ("db list-templates", 0, ["alembic"]),
    ],
)
def test_a_command_without_migrations_needs_no_alembic(shop, words, status, heavy):
    """The commands of the user, the shell and every help start without Alembic and Mako."""
    ended = shop.process("-W", "ignore", "manage.py", *words.split(), input="print(Item)\n")
    assert ended.status == status, ended.err
    loaded = after(shop)["heavy"]
    assert [name for name in loaded if name == "alembic" or not heavy] == heavy


def after(shop, name="after.json"):
    """What a process wrote down."""
    return json.loads((shop.folder / name).read_text())


def test_listing_revisions_needs_nothing_that_writes(shop):
    """`heads` loads neither what writes scripts nor what alters tables of SQLite."""
    assert shop.process("-W", "ignore", "manage.py", "db", "init").status == 0
    assert shop.process("-W", "ignore", "manage.py", "db", "heads").status == 0
    assert "migrate_script.authoring" not in after(shop)["heavy"]


@pytest.mark.parametrize(
    ("words", "parsers"),
    [
        ("hello", ["manage.py", "hello"]),
        ("runserver --help", ["manage.py", "runserver"]),
        ("db upgrade --help", ["manage.py", "db", "db", "upgrade"]),
        ("--help", ["manage.py"]),
    ],
)
def test_only_the_parser_of_the_command_is_built(shop, words, parsers):
    """Of the parsers of all commands, none but those of what was typed are built."""
    shop.process("-W", "ignore", "manage.py", *words.split(), input="1\n")
    built = [name for name in after(shop)["parsers"] if name]
    assert list(dict.fromkeys(built)) == list(dict.fromkeys(parsers))
    assert len(after(shop)["parsers"]) <= 8


STEP = """
    import gc

    revision = "aaaa"
    down_revision = None


    def upgrade():
        print(gc.isenabled())


    def downgrade():
        pass
"""


def test_the_collector_stays_on_where_code_of_the_user_runs(shop):
    """In a command of the user's and in a script; only a process of ours ends without it."""
    assert shop.process("-W", "ignore", "manage.py", "hello").status == 0
    for name in ("during.json", "after.json"):
        assert (after(shop, name)["enabled"], after(shop, name)["frozen"]) == (True, False)
    assert shop.process("-W", "ignore", "manage.py", "db", "init").status == 0
    shop.write("migrations/versions/a.py", STEP)
    written = shop.process("-W", "ignore", "manage.py", "db", "upgrade", "--sql")
    assert (written.status, written.out.splitlines()[0]) == (0, "True")
    ended = shop.process("-W", "ignore", "manage.py", "db", "upgrade")
    assert (ended.status, ended.out) == (0, "True\n")
    # the process ends without a search for cycles in all that it has imported
    assert (after(shop)["enabled"], after(shop)["frozen"]) == (True, True)


def test_the_collector_stays_on_in_a_program(project):
    """`import migrate_script` and its functions leave the collector as it is."""
    # Python 3.12 starts with objects that are frozen
    words = "import gc; n = gc.get_freeze_count(); import migrate_script; "
    words += "print(gc.isenabled(), gc.get_freeze_count() - n)"
    assert project.process("-W", "ignore", "-c", words).out == "True 0\n"


def test_the_server_needs_no_alembic(shop):
    """runserver serves without Alembic and Mako in memory."""
    with serving(shop, "-W", "ignore", "manage.py", "runserver", fresh=True) as address:
        assert json.loads(urlopen(address).read().decode()) == []


# -- the names ---------------------------------------------------------------------------------


def test_the_public_names_are_listed():
    """`__all__` has every public name, in order, and nothing else."""
    public = {
        name
        for name, value in vars(migrate_script).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert migrate_script.__all__ == sorted(public)


def test_no_module_hides_a_function():
    """A public name is never that of a module of the package, which would take its place."""
    assert {path.stem for path in ROOT.glob("*")} & set(migrate_script.__all__) == set()


# -- the layers --------------------------------------------------------------------------------

# a module imports from its own entry and from those of earlier layers; an entry is a file or a
# folder of the package, and the longest one that fits a module counts
LAYERS = (
    {"compat/alembic", "compat/sqlalchemy", "progress", "sql"},
    {"sqlite_alter"},
    {"errors"},
    {"compat", "config"},
    {"state"},
    {"inspecting"},
    {"authoring"},
    {"running"},
    {"project"},
    {"commands"},
    {"cli"},
    {"extension", "testing"},
    {"__init__"},
    {"old_names"},
    {"__main__"},
)
LAYER = {entry: number for number, entries in enumerate(LAYERS) for entry in entries}
WITHOUT_APPLICATION = {"authoring", "errors", "inspecting", "running", "sql", "sqlite_alter"}
OF_THE_APPLICATION = {"flask", "flask_migrate", "flask_script", "flask_sqlalchemy"}

MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in ROOT.rglob("*.py")
    if path.relative_to(ROOT).parts[0] != "templates"
)
TEMPLATES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("templates/*/*.py"))


def entry_of(*names: str) -> str:
    """The entry of LAYERS for a module, given by its names below the package."""
    names = tuple(name.replace(".py", "") for name in names) or ("__init__",)
    fitting = [entry for entry in LAYER if tuple(entry.split("/")) == names[: entry.count("/") + 1]]
    return max(fitting, key=len, default="")


def tree_of(module: str) -> ast.Module:
    """A module as Python reads it."""
    return ast.parse((ROOT / module).read_text(encoding="utf-8"), module)


def is_module(names: list[str]) -> bool:
    """Whether these names are a module of the package, and not a name in one."""
    path = ROOT.parent.joinpath(*names)
    return path.is_dir() or path.with_suffix(".py").is_file()


def imports_of(module: str) -> Iterator[tuple[int, list[str]]]:
    """Every module that a module imports, inside functions too: its line and its names."""
    package = [ROOT.name, *module.split("/")[:-1]]
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.split(".")
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            names = start + (node.module.split(".") if node.module else [])
            for alias in node.names:
                inner = [*names, alias.name]
                ours = names[0] == ROOT.name
                yield node.lineno, inner if ours and is_module(inner) else names


def test_a_module_imports_downwards_only():
    """A module imports from earlier layers only, also inside a function."""
    wrong = []
    for module in MODULES:
        entry = entry_of(*module.split("/"))
        for line, names in imports_of(module):
            other = entry_of(*names[1:]) if names[0] == ROOT.name else entry
            if other != entry and LAYER[other] >= LAYER[entry]:
                wrong.append(f"{module}, line {line}: {entry} imports {other}")
    assert not wrong, "\n".join(wrong)


def test_every_module_has_a_layer():
    """A new folder is written into LAYERS before anything imports it."""
    assert [module for module in MODULES if not entry_of(*module.split("/"))] == []


def test_the_work_is_done_without_the_application():
    """What runs, inspects and authors gets plain data: it imports nothing of Flask's."""
    wrong = [
        f"{module}, line {line}: imports {names[0]}"
        for module in MODULES
        if entry_of(*module.split("/")) in WITHOUT_APPLICATION
        for line, names in imports_of(module)
        if names[0] in OF_THE_APPLICATION
    ]
    assert not wrong, "\n".join(wrong)


def test_a_template_needs_nothing_of_ours():
    """env.py also runs under Flask-Migrate: it imports Alembic, Flask and Python's own."""
    imported = {names[0] for template in TEMPLATES for _, names in imports_of(template)}
    assert "alembic" in imported
    assert imported & {ROOT.name, "flask_migrate", "flask_script"} == set()


# what only the console may do, and what only the front ends may
TALKING = {"print", "input", "exit", "quit", "sys.exit", "os._exit", "SystemExit"}
TALKING |= {"click.prompt", "click.confirm", "click.getchar", "click.pause"}
SHOWING = {"click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"}


def calls_of(module: str) -> Iterator[tuple[int, str]]:
    """Every call of a name, with dots or without, and its line."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Call):
            names, called = [], node.func
            while isinstance(called, ast.Attribute):
                names.append(called.attr)
                called = called.value
            if isinstance(called, ast.Name):
                yield node.lineno, ".".join([called.id, *reversed(names)])


def test_only_the_console_talks():
    """Nobody prints, asks or leaves but the console; the front ends show their help."""
    wrong = []
    for module in MODULES:
        forbidden = TALKING if module.startswith("cli/") else TALKING | SHOWING
        if module != "cli/console.py":
            calls = (call for call in calls_of(module) if call[1] in forbidden)
            wrong += [f"{module}, line {line}: {name}()" for line, name in calls]
    assert not wrong, "\n".join(wrong)


Function = (ast.FunctionDef, ast.AsyncFunctionDef)


def exported(package: str) -> Iterator[tuple[str, ast.AST]]:
    """Every class and function of ours that a package re-exports, and where it is defined."""
    for node in tree_of(f"{package}__init__.py").body:
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            place = f"{package}{(node.module or '').replace('.', '/')}"
            inside = [m for m in MODULES if m == f"{place}.py" or m.startswith(f"{place}/")]
            names = {alias.name for alias in node.names}
            for module in inside:
                for found in tree_of(module).body:
                    if getattr(found, "name", None) in names:
                        yield module, found


def definitions(node: ast.AST, owner: str = "") -> Iterator[tuple[str, ast.AST, bool]]:
    """A class or function and its public methods: full name, node, whether it is a method."""
    if isinstance(node, (ast.ClassDef, *Function)) and not node.name.startswith("_"):
        yield owner + node.name, node, bool(owner)
        for inner in node.body if isinstance(node, ast.ClassDef) else []:
            yield from definitions(inner, f"{owner}{node.name}.")


def parameters_of(function: ast.AST, method: bool) -> list[str]:
    """The names of the parameters, without the object itself."""
    arguments = function.args
    names = [a.arg for a in [*getattr(arguments, "posonlyargs", []), *arguments.args]]
    decorators = {ast.dump(decorator) for decorator in function.decorator_list}
    if method and not any("'staticmethod'" in decorator for decorator in decorators):
        names = names[1:]
    names += [a.arg for a in arguments.kwonlyargs]
    names += [a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None]
    return [name for name in names if not name.startswith("_")]


def missing_in(node: ast.AST, method: bool) -> Iterator[str]:
    """What the docstring of a class or a function does not say."""
    text = ast.get_docstring(node)
    if not text:
        yield "has no docstring"
        return
    if isinstance(node, ast.ClassDef):
        inits = [n for n in node.body if isinstance(n, Function) and n.name == "__init__"]
        if not inits:
            return
        parameters = parameters_of(inits[0], True)
    elif any("'property'" in ast.dump(decorator) for decorator in node.decorator_list):
        return
    else:
        parameters = parameters_of(node, method)
    for name in parameters:
        if f":param {name}:" not in text:
            yield f"does not document '{name}'"


# what the front ends of others call, with their parameters
NOT_OURS = {"create_parser", "get_options"}


def test_what_is_public_is_documented():
    """What the package and sqlite_alter export: a docstring that names every parameter."""
    wrong = []
    for package in ("", "sqlite_alter/"):
        if f"{package}__init__.py" not in MODULES:
            continue
        for module, top in exported(package):
            if "errors" in module.replace(".py", "").split("/"):
                continue  # a constructor takes the facts of its sentence
            for name, node, method in definitions(top):
                if name.rpartition(".")[2] not in NOT_OURS:
                    where = f"{module}, line {node.lineno}: {name}"
                    wrong += [f"{where} {what}" for what in missing_in(node, method)]
    assert not wrong, "\n".join(wrong)


def test_every_module_says_what_it_does():
    """A module has a docstring, which a reader of the list of files looks at."""
    assert [module for module in MODULES if not ast.get_docstring(tree_of(module))] == []
