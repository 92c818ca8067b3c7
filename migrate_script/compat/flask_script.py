"""Import Flask-Script 2.0.5 or 2.0.6, unmodified, on every Flask and Python.

It needs help on Flask 2 and later, on Python 3.11 and later, and where argparse has a method named
`_parse_known_args2`. Names that Flask removed exist only while Flask-Script's modules execute,
as other libraries look for them to find out which Flask they run on. What Python removed is
replaced in Flask-Script's own view of `inspect` and `argparse`, not in Python's.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import sys
from collections import OrderedDict
from contextlib import contextmanager
from functools import partial, wraps
from string import ascii_lowercase
from types import MethodType, ModuleType, SimpleNamespace
from typing import Any, Callable, Iterable, Iterator

import click
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
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", _HelpFormatter)
        super().__init__(*args, **kwargs)


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


_offered: list[Callable[[], dict[str, Any]]] = []


def offer_in_shells(names: Callable[[], dict[str, Any]]) -> None:
    """Let a Shell offer more than the application, where it has no `make_context` of its own."""
    _offered.append(names)


def _with_offered(init: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(init)
    def init_with_offered(
        self: Any, banner: Any = None, make_context: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        init(self, banner, make_context, *args, **kwargs)
        if make_context is None:
            application = self.make_context

            def context() -> dict[str, Any]:
                found: dict[str, Any] = {}
                for names in (*_offered, application):
                    found.update(names())
                return found

            self.make_context = context

    return init_with_offered


def _cure(package: Any) -> None:
    """Replace what fails when it is called, in Flask-Script's own modules only."""
    package.commands.inspect = _changed(inspect, getargspec=_getargspec)
    for module in (package, package.commands):
        module.argparse = _changed(argparse, ArgumentParser=_Parser)
    if hasattr(argparse.ArgumentParser, "_parse_known_args2"):
        package.Manager._patch_argparser = _patch_argparser
    server, shell = package.Server, package.Shell
    if "ssl_crt" in inspect.signature(server).parameters:
        server.__call__ = _with_ssl_context(server.__call__)
        server.get_options = _options_taken(server.get_options, "__call__")
        shell.get_options = _options_taken(shell.get_options, "run")
    shell.__init__ = _with_offered(shell.__init__)
    # 2.0.5 calls this string as the function that it was in Python 2
    ask = package.prompt_choices
    ask.__defaults__ = tuple(str.lower if d == ascii_lowercase else d for d in ask.__defaults__)


def load() -> None:
    """Import Flask-Script, and change nothing that others can see."""
    with _stand_ins():
        import flask_script
        import flask_script.commands
    _cure(flask_script)
    # for `from flask_script.__init__ import Manager`, which must not load a second copy
    sys.modules["flask_script.__init__"] = flask_script


load()


from flask_script import Manager  # noqa: E402


def is_imported_by_flask() -> bool:
    """Whether `flask` imports the application (`ScriptInfo._loaded_app`, Flask 0.11 to 3.1)."""
    context = click.get_current_context(silent=True)
    if context is None:
        return False
    from flask.cli import ScriptInfo  # a manage.py does not need it

    info = context.find_object(ScriptInfo)
    return info is not None and info._loaded_app is None


class _OnClassToo:
    """A method of Manager that can be called on the class as well, for all its instances."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __get__(self, instance: Any, owner: Any) -> Any:
        return MethodType(self.function, owner if instance is None else instance)


class ClassManager(Manager):  # type: ignore[misc]
    """A Manager whose commands and options belong to the class and not to the instance.

    Code written for an instance can use the class. `Manager._commands` and `Manager._options`
    exist in 2.0.5 and 2.0.6.
    """

    add_command = _OnClassToo(Manager.add_command)
    add_option = _OnClassToo(Manager.add_option)
    command = _OnClassToo(Manager.command)
    option = _OnClassToo(Manager.option)
    shell = _OnClassToo(Manager.shell)

    _commands: dict[str, Any]
    _options: list[Any]

    def __init_subclass__(cls, commands: Iterable[tuple[str, Any]] | None = None) -> None:
        if commands is not None:
            cls._commands = OrderedDict(commands)
            cls._options = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._commands = type(self)._commands
        self._options = type(self)._options
