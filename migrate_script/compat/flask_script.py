"""Flask-Script, unmodified, on every Flask and Python.

Serves Flask-Script 2.0.5 and 2.0.6 (2017, their last) on Flask 2 and later, on Python 3.11 and
later, and on the Pythons whose argparse took a name that Flask-Script uses. It may be deleted
when a release of Flask-Script runs there by itself.

The stand-ins for what Flask lost exist only while Flask-Script's own modules execute: other
libraries look for the same names to find out which Flask they run on. What Python lost or made
stricter is changed in Flask-Script's own view of `inspect` and `argparse`, not in Python's.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import sys
from contextlib import contextmanager
from functools import partial
from string import ascii_lowercase
from types import ModuleType, SimpleNamespace
from typing import Any, Callable, Iterator

import flask


class _RequestStack:
    """What Flask-Script reads of `flask._request_ctx_stack`, gone in Flask 3: `.top.app`."""

    @property
    def top(self) -> Any:
        if not flask.has_app_context():
            return None
        app = flask.current_app._get_current_object()  # type: ignore[attr-defined]
        return SimpleNamespace(app=app)


def _getargspec(func: Callable[..., Any]) -> tuple[list[str], Any, Any, tuple[Any, ...]]:
    """Give the four parts that `@manager.command` unpacks, as `inspect` did before Python 3.11.

    A keyword-only parameter becomes an option when it has a default, an argument otherwise.
    Annotations are not looked at: Python 3.14 would evaluate them, and their names need not exist.
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
    """Help texts may hold a `%`: Flask-Script makes them of docstrings.

    From Python 3.14 on, argparse refuses such a text when it is given, and not when it is shown.
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
    """Give what Flask-Script would ask for in vain: where it belongs, its name, a stand-in."""
    # vars() and not hasattr(): Flask 2.2 and 2.3 answer the latter with a DeprecationWarning
    if "_request_ctx_stack" not in vars(flask):
        yield vars(flask), "_request_ctx_stack", _RequestStack()
    name = "flask._compat"
    # what an application has put there to help itself stays; find_spec() would choke on it
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
    """Give a module as Flask-Script shall see it: some names changed, the others as they are."""
    seen = ModuleType(module.__name__)
    vars(seen).update(names, __getattr__=partial(getattr, module))
    return seen


def _cure(package: Any) -> None:
    """Change what fails when it is called, in Flask-Script's own modules only."""
    package.commands.inspect = _changed(inspect, getargspec=_getargspec)
    for module in (package, package.commands):
        module.argparse = _changed(argparse, ArgumentParser=_Parser)
    if hasattr(argparse.ArgumentParser, "_parse_known_args2"):
        package.Manager._patch_argparser = _patch_argparser
    # 2.0.5 takes this string for the function that Python 2 had, and calls it
    ask = package.prompt_choices
    ask.__defaults__ = tuple(str.lower if d == ascii_lowercase else d for d in ask.__defaults__)


def load() -> None:
    """Import Flask-Script so that it works here, and leave nothing else behind.

    :raises ImportError: Flask-Script is not installed
    """
    with _stand_ins():
        import flask_script
        import flask_script.commands
    _cure(flask_script)
    # some editors write `from flask_script.__init__ import Manager`: that is no second copy
    sys.modules["flask_script.__init__"] = flask_script


load()
