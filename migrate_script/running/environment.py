"""The EnvironmentContext of one command: `configure` joins the settings to those of env.py."""

from __future__ import annotations

import inspect
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Callable, Iterator

from alembic.runtime.environment import EnvironmentContext
from sqlalchemy import text

from ..compat.alembic import commands_of_others
from ..compat.sqlalchemy import BEFORE_1_4, first_look_ended, let_reflect
from .data_loss import listed_drops
from .locking import process_lock
from .logs import kept_loggers
from .outcome import bind_of

# the commands that need env.py for the revision `current` only, and take the process lock then
READING = ("branches", "edit", "heads", "history", "show")
DEFAULTS = {"compare_type": True, "render_as_batch": True}
_HOOK = "process_revision_directives"


@contextmanager
def environment(run: Any, config: Any, script: Any, **options: Any) -> Iterator[EnvironmentContext]:
    """What `alembic.command` finds as EnvironmentContext while a command runs."""
    with ExitStack() as stack:
        # env.py shares loggers, signals and settings with all threads
        if run.name in READING:  # the others have the lock already
            stack.enter_context(process_lock(run.name, run.settings.lock_timeout))
        if BEFORE_1_4:
            stack.enter_context(first_look_ended())
        config.forget_env_py()
        stack.enter_context(commands_of_others())
        stack.enter_context(kept_loggers())
        run.revision_context = options.get("revision_context")
        if "fn" in options:
            run.planner = options["fn"]
            options["fn"] = run.steps
        env = EnvironmentContext(config, script, **options)
        # an attribute of the instance: Alembic registers the names that it publishes to env.py
        # for each class, so that a subclass publishes none
        env.configure = partial(_configure, env, env.configure, run)  # type: ignore[method-assign]
        yield stack.enter_context(env)
        if run.revision_context is not None:
            from ..authoring import finish  # only for the commands that need it

            finish(run.revision_context, run.name == "revision", run.uncompared)
        if run.left_alone:
            from ..authoring.dropping import note_left

            note_left(run.left_alone)


def _configure(
    env: Any, original: Callable[..., None], run: Any, *args: Any, **kwargs: Any
) -> None:
    """Call Alembic's `configure` with what env.py gives and, where it gives none, the settings."""
    parameters = inspect.signature(original).parameters
    if len(kwargs) >= len(parameters) - 1:
        kwargs = _given(parameters, kwargs)
    if run.revision_context is not None:
        kwargs[_HOOK] = _hook(run, kwargs.get(_HOOK))
    for name, value in {**DEFAULTS, **run.options}.items():
        kwargs.setdefault(name, value)
    if "include_symbol" not in parameters:
        symbol = kwargs.pop("include_symbol", None)
        if symbol is not None:
            kwargs["include_object"] = _filtered(symbol, kwargs.get("include_object"))
    if run.revision_context is not None or run.settings.verify:
        kwargs["include_object"] = _include(env, run, kwargs.get("include_object"))
    connection = args[0] if args else kwargs.get("connection")
    if connection is not None and connection.dialect.name == "postgresql":
        let_reflect(connection)
    run.open(env, original, *args, **kwargs)
    if env.is_offline_mode():
        _write_percent_signs_once(env.get_context())
        run.open_offline(env.get_context(), kwargs.get("url"))


def _hook(run: Any, of_env_py: Any) -> Callable[..., None]:
    """Run our directives hook, then the one of the application, then the one of env.py."""
    # only for the commands that need them
    from ..authoring.dropping import refuse_or_list
    from ..authoring.foreign_keys import put_in_order
    from ..authoring.uncompared import uncompared

    hooks = dict.fromkeys((put_in_order, run.options.get(_HOOK), of_env_py))

    def process_revision_directives(context: Any, revision: Any, directives: Any) -> None:
        autogenerates = run.revision_context.command_args["autogenerate"]
        if autogenerates:
            run.uncompared += uncompared(context)
        for hook in hooks:
            if hook is not None and directives:
                hook(context, revision, directives)
        if autogenerates and run.name == "revision":
            listed, allowed = partial(listed_drops, context.connection), run.settings.allow_drops
            refuse_or_list(context, directives, run.config, bind_of(context), listed, allowed)

    return process_revision_directives


def _include(env: Any, run: Any, other: Any) -> Any:
    if run.settings.allow_drops:
        return other
    from ..authoring.dropping import without_tables_of_others

    return without_tables_of_others(env, run.config, bind_of, other, run.left_alone)


def _given(parameters: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Leave out what env.py does not give: Alembic before 1.1 passes every default on."""
    defaults = {p.name: p.default for p in parameters.values() if p.kind is not p.VAR_KEYWORD}
    if not set(defaults) <= set(kwargs):
        return kwargs
    return {k: v for k, v in kwargs.items() if k not in defaults or v is not defaults[k]}


def _filtered(symbol: Callable[..., Any], other: Callable[..., Any] | None) -> Callable[..., Any]:
    """Make an `include_object` of an `include_symbol`, which Alembic 1.5 dropped.

    It would be ignored, and the tables that it hides would be dropped.
    """

    def include_object(item: Any, name: Any, kind: str, *rest: Any) -> bool:
        if kind == "table" and not symbol(name, item.schema):
            return False
        return other is None or bool(other(item, name, kind, *rest))

    return include_object


def _write_percent_signs_once(context: Any) -> None:
    """Undo in a file of SQL what a dialect doubles for its driver: '5%%' is another default."""
    if str(text("%").compile(dialect=context.dialect)) == "%%":
        write = context.impl.static_output
        context.impl.static_output = lambda sql: write(sql.replace("%%", "%"))
