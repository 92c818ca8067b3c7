"""Flask-Script, unmodified, on every Flask and Python.

Serves Flask-Script 2.0.5 and 2.0.6 (2017, their last) on Flask 2 and later, on Python 3.11 and
later, and on the Pythons whose argparse took a name that Flask-Script uses. It may be deleted
when a release of Flask-Script runs there by itself.

The stand-ins for what Flask lost exist only while Flask-Script's own modules execute: other
libraries look for the same names to find out which Flask they run on.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import sys
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Callable, Iterator

import flask


class _RequestStack:
    """What Flask-Script reads of `flask._request_ctx_stack`, gone in Flask 2.4: `.top.app`."""

    @property
    def top(self) -> Any:
        if not flask.has_app_context():
            return None
        context = ModuleType("context")
        context.app = flask.current_app._get_current_object()  # type: ignore[attr-defined]
        return context


class _Inspect(ModuleType):
    """The `inspect` that Flask-Script sees: Python's own, with `getargspec` (gone in 3.11)."""

    def __getattr__(self, name: str) -> Any:
        return getattr(inspect, name)

    @staticmethod
    def getargspec(func: Callable[..., Any]) -> tuple[list[str], Any, Any, tuple[Any, ...]]:
        """Give the four parts that `@manager.command` unpacks; annotations are no obstacle.

        A keyword-only parameter becomes an option when it has a default, an argument otherwise.

        :param func: the function to look at
        :raises TypeError: `func` is not a Python function
        """
        spec = inspect.getfullargspec(func)
        defaults = spec.defaults or ()
        plain = spec.args[: len(spec.args) - len(defaults)]
        optional = dict(zip(spec.args[len(plain) :], defaults))
        optional.update(spec.kwonlydefaults or {})
        plain += [name for name in spec.kwonlyargs if name not in optional]
        return plain + list(optional), spec.varargs, spec.varkw, tuple(optional.values())


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


@contextmanager
def _stand_ins() -> Iterator[None]:
    # vars() and not hasattr(): Flask 2.2 and 2.3 answer the latter with a DeprecationWarning
    names = vars(flask)
    stack_missing = "_request_ctx_stack" not in names
    compat_missing = importlib.util.find_spec("flask._compat") is None
    if stack_missing:
        names["_request_ctx_stack"] = _RequestStack()
    if compat_missing:
        sys.modules["flask._compat"] = compat = ModuleType("flask._compat")
        compat.text_type = str  # type: ignore[attr-defined]
    try:
        yield
    finally:
        if stack_missing:
            del names["_request_ctx_stack"]
        if compat_missing:
            del sys.modules["flask._compat"]


def load() -> None:
    """Import Flask-Script so that it works here, and leave nothing else behind.

    :raises ImportError: Flask-Script is not installed
    """
    with _stand_ins():
        import flask_script
        import flask_script.commands

    flask_script.commands.inspect = _Inspect("inspect")
    if hasattr(argparse.ArgumentParser, "_parse_known_args2"):
        flask_script.Manager._patch_argparser = _patch_argparser


load()
