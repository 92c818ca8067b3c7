"""Execute Flask-Script 2.0.5 or 2.0.6, unmodified, on every Flask and Python.

`launcher/aliases.py` finds it, and loads this file by its path where the package is not imported:
nothing of the package is imported here.

Flask-Script needs help on Flask 2 and later, on Python 3.11 and later, and where argparse has a
method named `_parse_known_args2`. Names that Flask removed exist only while Flask-Script's modules
execute, as other libraries look for them to find out which Flask they run on. What Python removed
is replaced in Flask-Script's own view of `inspect` and `argparse`, not in Python's.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import sys
from contextlib import contextmanager
from functools import partial, wraps
from string import ascii_lowercase
from types import ModuleType, SimpleNamespace
from typing import Any, Callable, Iterator

import flask


class _RequestStack:
    """`flask._request_ctx_stack`, gone in Flask 3, as far as Flask-Script reads it: `.top.app`."""

    @property
    def top(self) -> Any:
        if not flask.has_app_context():
            return None
        app = flask.current_app._get_current_object()  # type: ignore[attr-defined]
        return SimpleNamespace(app=app)


def _getargspec(func: Callable[..., Any]) -> tuple[list[str], Any, Any, tuple[Any, ...]]:
    """Return what `inspect.getargspec` did before Python 3.11, for `@manager.command`.

    A keyword-only parameter becomes an option when it has a default, an argument otherwise.
    Annotations are ignored: Python 3.14 would evaluate them, and their names need not exist.
    """
    code = getattr(func, "__code__", None)
    if code is None:
        return inspect.getfullargspec(func)[:4]  # type: ignore[return-value]
    names, varargs, varkw = inspect.getargs(code)
    defaults = func.__defaults__ or ()
    with_default = names[code.co_argcount - len(defaults) : code.co_argcount]
    optional = dict(zip(with_default, defaults))
    optional.update(func.__kwdefaults__ or {})
    plain = [name for name in names if name not in optional]
    return plain + list(optional), varargs, varkw, tuple(optional.values())


class _HelpFormatter(argparse.HelpFormatter):
    """Accepts help texts with a `%`, as Flask-Script makes them of docstrings.

    Python 3.14 refuses such a text when it is added, and earlier ones when it is shown.
    """

    def _expand_help(self, action: argparse.Action) -> str:
        try:
            return super()._expand_help(action)
        except (KeyError, TypeError, ValueError):
            return str(action.help)


class _Parser(argparse.ArgumentParser):
    """A parser that is built when somebody first asks for something in it.

    Flask-Script makes two of every command, and a command line needs those of one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", _HelpFormatter)
        vars(self)["_build"] = partial(super().__init__, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        build = vars(self).pop("_build", None)
        if build is None:
            raise AttributeError(name)
        changed = dict(vars(self))
        build()
        vars(self).update(changed)
        return getattr(self, name)


def parser_when_needed(create_parser: Callable[..., Any]) -> Callable[..., Any]:
    """Have the parser of a command or sub-manager made when its command line is parsed."""

    @wraps(create_parser)
    def create_later(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("parent") is None:  # that of the whole command line
            return create_parser(*args, **kwargs)
        parser = _Parser()

        def build() -> None:
            made = create_parser(*args, **kwargs)
            made.prog  # noqa: B018 - it may wait to be built, too
            vars(parser).update(vars(made))

        vars(parser)["_build"] = build
        return parser

    return create_later


def _patch_argparser(self: Any, parser: Any) -> None:
    """Print the help when there are no arguments, without Flask-Script's clash of names.

    Flask-Script keeps argparse's method as `_parse_known_args2`, the name of a method of
    argparse itself since CPython 3.12.8 and 3.13.1 (python/cpython#125355).
    """
    parse = parser._parse_known_args

    def parse_or_help(arg_strings: list[str], *args: Any, **kwargs: Any) -> Any:
        if not arg_strings:
            parser.print_help()
            parser.exit(2)
        return parse(arg_strings, *args, **kwargs)

    parser._parse_known_args = parse_or_help


def _missing() -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Yield what is missing for Flask-Script: the namespace, the name, a stand-in."""
    # vars() and not hasattr(): Flask 2.2 and 2.3 answer the latter with a DeprecationWarning
    if "_request_ctx_stack" not in vars(flask):
        yield vars(flask), "_request_ctx_stack", _RequestStack()
    name = "flask._compat"
    # a stand-in of the application stays; find_spec() would fail on it
    if name not in sys.modules and importlib.util.find_spec(name) is None:
        compat: Any = ModuleType(name)
        compat.text_type = str
        yield sys.modules, name, compat


@contextmanager
def _stand_ins() -> Iterator[None]:
    missing = list(_missing())
    for names, name, stand_in in missing:
        names[name] = stand_in
    try:
        yield
    finally:
        for names, name, _ in missing:
            del names[name]


def _changed(module: ModuleType, **names: Any) -> ModuleType:
    """Return a module as Flask-Script is to see it, with some names replaced."""
    seen = ModuleType(module.__name__)
    vars(seen).update(names, __getattr__=partial(getattr, module))
    return seen


def _options_taken(get_options: Callable[[Any], Any], method: str) -> Callable[[Any], list[Any]]:
    """Leave out the options of 2.0.6 where a subclass runs by a method written for 2.0.5."""

    @wraps(get_options)
    def get_options_taken(self: Any) -> list[Any]:
        taken = inspect.signature(getattr(type(self), method)).parameters
        takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())
        options = get_options(self)
        return [each for each in options if takes_all or each.kwargs.get("dest") in taken]

    return get_options_taken


def _with_ssl_context(call: Callable[..., Any]) -> Callable[..., Any]:
    """Let a Server have an `ssl_context`, which 2.0.6 would pass to the application twice."""

    @wraps(call)
    def call_with_ssl_context(self: Any, app: Any, *args: Any, **kwargs: Any) -> Any:
        given, self.server_options = self.server_options, {}

        def run(**options: Any) -> None:
            context = options["ssl_context"] or given.get("ssl_context")
            app.run(**{**options, **given, "ssl_context": context})

        try:
            return call(self, SimpleNamespace(debug=app.debug, run=run), *args, **kwargs)
        finally:
            self.server_options = given

    return call_with_ssl_context


def _with_offered(init: Callable[..., Any]) -> Callable[..., Any]:
    """Let a Shell without a `make_context` of its own offer what is in the list `offered`."""
    offered: list[Callable[[], dict[str, Any]]] = []

    @wraps(init)
    def init_with_offered(
        self: Any, banner: Any = None, make_context: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        init(self, banner, make_context, *args, **kwargs)
        if make_context is None:
            application = self.make_context

            def context() -> dict[str, Any]:
                found: dict[str, Any] = {}
                for names in (*offered, application):
                    found.update(names())
                return found

            self.make_context = context

    # not in this module, which may have been loaded twice
    init_with_offered.offered = offered  # type: ignore[attr-defined]
    return init_with_offered


def apply(package: Any) -> None:
    """Replace what fails when it is called, in Flask-Script's own modules only; twice is once."""
    package.commands.inspect = _changed(inspect, getargspec=_getargspec)
    for module in (package, package.commands):
        module.argparse = _changed(argparse, ArgumentParser=_Parser)
    if hasattr(argparse.ArgumentParser, "_parse_known_args2"):
        package.Manager._patch_argparser = _patch_argparser
    if not hasattr(package.Command.create_parser, "__wrapped__"):
        package.Command.create_parser = parser_when_needed(package.Command.create_parser)
    server, shell = package.Server, package.Shell
    if "ssl_crt" in inspect.signature(server).parameters:
        if not hasattr(server.__call__, "__wrapped__"):
            server.__call__ = _with_ssl_context(server.__call__)
            server.get_options = _options_taken(server.get_options, "__call__")
            shell.get_options = _options_taken(shell.get_options, "run")
    if not hasattr(shell.__init__, "offered"):
        shell.__init__ = _with_offered(shell.__init__)
    # 2.0.5 calls this string as the function that it was in Python 2
    ask = package.prompt_choices
    ask.__defaults__ = tuple(str.lower if d == ascii_lowercase else d for d in ask.__defaults__)
    # for `from flask_script.__init__ import Manager`, which must not load a second copy
    sys.modules["flask_script.__init__"] = package


def exec_module(module: ModuleType, loader: Any) -> None:
    """Execute Flask-Script by its own loader, and change nothing that others can see."""
    # Python lets one thread execute a module: two of them never remove each other's stand-ins
    with _stand_ins():
        loader.exec_module(module)
    apply(module)
