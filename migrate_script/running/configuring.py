"""The moment env.py calls `context.configure`: the application's settings join its own."""

from __future__ import annotations

import inspect
from typing import Any, Callable

from sqlalchemy import text

from ..compat.postgresql import let_reflect
from .altering.offline import attend_writing
from .altering.steps import attend
from .proxies import belongs_to

DEFAULTS = {"compare_type": True, "render_as_batch": True}


def _both(first: Callable[..., Any], second: Callable[..., Any]) -> Callable[..., Any]:
    """Run the application's directives hook before the one that env.py has."""

    def process_revision_directives(context: Any, revision: Any, directives: Any) -> None:
        first(context, revision, directives)
        if directives:
            second(context, revision, directives)

    return process_revision_directives


def _given(original: Callable[..., None], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Leave out what env.py did not give.

    Alembic before 1.1 passes every parameter on, with its default where env.py gave none.
    """
    parameters = inspect.signature(original).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.kind is not p.VAR_KEYWORD}
    if not set(defaults) <= set(kwargs):
        return kwargs
    return {k: v for k, v in kwargs.items() if k not in defaults or v is not defaults[k]}


def _filtered(symbol: Callable[..., Any], other: Callable[..., Any] | None) -> Callable[..., Any]:
    """Make an `include_object` of an `include_symbol`, which Alembic 1.5 dropped.

    It would be ignored, and the tables that it keeps out of sight would be dropped.
    """

    def include_object(item: Any, name: Any, kind: str, *rest: Any) -> bool:
        if kind == "table" and not symbol(name, item.schema):
            return False
        return other is None or bool(other(item, name, kind, *rest))

    return include_object


def _as_they_are(context: Any) -> None:
    """Write each percent sign once where the dialect doubles it for a driver.

    Drivers that mark parameters with a percent sign want the others doubled; a file of SQL goes
    through no driver, and `DEFAULT '5%%'` in it is another default.
    """
    if str(text("%").compile(dialect=context.dialect)) == "%%":
        write = context.impl.static_output
        context.impl.static_output = lambda sql: write(sql.replace("%%", "%"))


def configure(env: Any, original: Callable[..., None], run: Any, *args: Any, **kwargs: Any) -> None:
    """Call Alembic's `configure` with what env.py gave and, where it gave nothing, the settings.

    :param env: the EnvironmentContext
    :param original: its own `configure`
    :param run: the `Run` of the command
    :param args: what env.py gave by position
    :param kwargs: what env.py gave by name
    :raises Exception: as Alembic's does
    """
    belongs_to(env)
    run.beginning.over()
    kwargs = _given(original, kwargs)
    hook = "process_revision_directives"
    ours, theirs = run.options.get(hook), kwargs.get(hook)
    if ours is not None and theirs is not None and ours is not theirs:
        kwargs[hook] = _both(ours, theirs)
    for name, value in {**DEFAULTS, **run.options}.items():
        kwargs.setdefault(name, value)
    if "include_symbol" not in inspect.signature(original).parameters:
        symbol = kwargs.pop("include_symbol", None)
        if symbol is not None:
            kwargs["include_object"] = _filtered(symbol, kwargs.get("include_object"))
    connection = args[0] if args else kwargs.get("connection")
    if connection is not None:
        let_reflect(connection)
    run.guard.configure(env, run, original, *args, **kwargs)
    if env.is_offline_mode():
        _as_they_are(env.get_context())
        attend_writing(env.get_context(), kwargs.get("url"))
    if run.guard.active:
        attend(env.get_context())
