"""The moment env.py calls `context.configure`: the application's settings join its own."""

from __future__ import annotations

import inspect
from typing import Any, Callable

from .altering import attend

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


def configure(env: Any, original: Callable[..., None], run: Any, *args: Any, **kwargs: Any) -> None:
    """Call Alembic's `configure` with what env.py gave and, where it gave nothing, the settings.

    :param env: the EnvironmentContext
    :param original: its own `configure`
    :param run: the `Run` of the command
    :raises Exception: as Alembic's does
    """
    kwargs = _given(original, kwargs)
    hook = "process_revision_directives"
    ours, theirs = run.options.get(hook), kwargs.get(hook)
    if ours is not None and theirs is not None and ours is not theirs:
        kwargs[hook] = _both(ours, theirs)
    for name, value in {**DEFAULTS, **run.options}.items():
        kwargs.setdefault(name, value)
    run.guard.configure(env, run, original, *args, **kwargs)
    if run.guard.active:
        attend(env.get_context())
