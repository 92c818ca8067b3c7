"""The way to Alembic: its own commands, with the project's env.py under observation."""

from __future__ import annotations

import inspect
import re
import time
from contextlib import contextmanager
from functools import partial
from types import FunctionType
from typing import Any, Callable, Iterable, Iterator

import alembic
from alembic import command
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory

from .. import errors
from ..compat.postgresql import first_look_ended
from ..failures import translated
from ..inspecting.scripts import walk
from ..progress import listener
from .configuring import configure
from .guard import Guard
from .locking.turns import Beginning, turn
from .logs import kept_loggers
from .proxies import published
from .settings import split


class Run:
    """What one command did, for its caller and for the sentence about a failure.

    :param options: the application's settings for Alembic's `context.configure`
    :param guard: what watches over the databases
    :raises: nothing
    """

    def __init__(self, options: dict[str, Any], guard: Guard) -> None:
        self.options = options
        self.guard = guard
        self.beginning: Beginning | None = None
        self.planner: Callable[..., Any] | None = None
        self.heads_of_each: list[tuple[str, ...]] = []
        self.scripts: list[Any] = []
        self.steps: list[Any] = []
        self.finished: list[Any] = []
        self.current: Any | None = None
        self.revision_context: Any | None = None

    def _steps(self, heads: Any, context: Any) -> list[Any]:
        """Work out every step of a database; the script of each is loaded and can be run."""
        assert self.planner is not None
        self.heads_of_each.append(tuple(heads))
        try:
            return list(self.planner(heads, context))
        except RuntimeError as error:
            if _is_end_of_history(error, context):
                return []
            raise

    def look_ahead(self, heads: Any, context: Any) -> list[Any]:
        """Work out what there is to do, if nobody else does it before.

        :param heads: where the database is
        :param context: Alembic's MigrationContext
        :raises Exception: the steps cannot be worked out
        """
        steps = self._steps(heads, context)
        self.heads_of_each.pop()  # noted for the sentence about a failure only
        return steps

    def plan(self, heads: Any, context: Any) -> Iterator[Any]:
        """Work out every step before the first is run, and note which one is running.

        :param heads: where the database is
        :param context: Alembic's MigrationContext
        :raises Exception: the steps cannot be worked out
        """
        steps = self._steps(heads, context)
        with self.guard.around(context, heads, steps) as wanted:
            if wanted:
                self.steps.extend(steps)
                yield from self._watched(steps)

    def _watched(self, steps: list[Any]) -> Iterator[Any]:
        """Tell of each step when it is over; Alembic comes for the next one then."""
        for number, step in enumerate(steps, 1):
            self.current, start = step, time.monotonic()
            self.guard.new_step(number, len(steps), step)
            yield step
            self.finished.append(step)
            if self.guard.active and hasattr(step, "revision"):
                script, seconds = step.revision, time.monotonic() - start
                listener().done(number, len(steps), script.revision, script.doc or "", seconds)
        self.current = None

    @property
    def heads(self) -> list[str]:
        """Where the databases were, each revision once."""
        return list(dict.fromkeys(head for heads in self.heads_of_each for head in heads))

    @property
    def revisions(self) -> list[str]:
        """The revisions that ran, each once, in the order they ran."""
        names = (step.revision.revision for step in self.steps if hasattr(step, "revision"))
        return list(dict.fromkeys(names))

    def note(self, read: Callable[..., Iterable[Any]], *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Pass on the scripts that Alembic reads, and note them.

        :param read: a function of Alembic's ScriptDirectory
        :param args: what it is called with
        :param kwargs: the same
        :raises Exception: as that function does
        """
        for script in read(*args, **kwargs):
            if script is not None and script not in self.scripts:
                self.scripts.append(script)
            yield script


def _is_end_of_history(error: RuntimeError, context: Any) -> bool:
    """Tell how Alembic before 1.6 says, on Python 3.7 and later, that there is nothing to run.

    Asked for a number of steps, it has run out of them: that stays an error.
    """
    target = str(context.opts.get("destination_rev"))
    return "StopIteration" in str(error) and re.search(r"[-+]\d", target) is None


def option_missing(name: str, option: str) -> errors.NeedsNewerAlembic:
    """Word the refusal of an option that the installed Alembic lacks.

    :param name: the command
    :param option: the parameter of Alembic's function
    :raises: nothing
    """
    flag = "--" + option.replace("_", "-")
    return errors.NeedsNewerAlembic(f"{name} {flag}", alembic.__version__)


def _accepted(function: Callable[..., Any], name: str, keywords: dict[str, Any]) -> dict[str, Any]:
    """Drop what was not given; refuse what was given and Alembic does not know."""
    known = inspect.signature(function).parameters
    unknown = [key for key, value in keywords.items() if key not in known and value]
    if unknown:
        raise option_missing(name, unknown[0])
    return {key: value for key, value in keywords.items() if key in known}


def _observed(function: FunctionType, run: Run) -> FunctionType:
    """Copy one of Alembic's commands, so that it makes its environment and directory with ours.

    Nothing of Alembic's is changed: the copy has its own globals.
    """
    names = dict(
        function.__globals__,
        EnvironmentContext=partial(_environment, run),
        ScriptDirectory=_Directories(run),
    )
    copy = FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


@contextmanager
def _environment(run: Run, config: Any, script: Any, **kwargs: Any) -> Iterator[EnvironmentContext]:
    run.revision_context = kwargs.get("revision_context")
    if "fn" in kwargs:
        run.planner = kwargs["fn"]
        kwargs["fn"] = run.plan
    env = EnvironmentContext(config, script, **kwargs)
    # on the instance: Alembic keeps the names it publishes to env.py per class, so that a
    # subclass would publish none
    env.configure = partial(configure, env, env.configure, run)  # type: ignore[method-assign]
    run.beginning = Beginning(run.guard.settings.lock_timeout, config.forget_env_py)
    with run.beginning, published(env):
        yield env


class _Directories:
    """What Alembic's commands find under the name of ScriptDirectory."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def __call__(self, *args: Any, **kwargs: Any) -> ScriptDirectory:
        return ScriptDirectory(*args, **kwargs)

    def from_config(self, config: Any) -> ScriptDirectory:
        scripts: ScriptDirectory = config.scripts()
        note, get = self.run.note, scripts.get_revisions
        vars(scripts).update(
            walk_revisions=partial(note, walk, scripts),
            get_revisions=lambda *args: tuple(note(get, *args)),
        )
        return scripts


def forward(
    name: str, config: Any, options: dict[str, Any], *arguments: Any, **keywords: Any
) -> Any:
    """Run one of Alembic's commands.

    :param name: its name in `alembic.command`
    :param config: the Config of the folder
    :param options: the application's settings for Alembic's `context.configure`
    :param arguments: passed on as they are
    :param keywords: passed on where this Alembic knows them
    :returns: a pair: what Alembic returned, and the `Run`
    :raises MigrateError: whatever went wrong
    """
    function = getattr(command, name, None)
    if function is None:
        raise errors.NeedsNewerAlembic(f"db {name}", alembic.__version__)
    settings, (options, keywords) = split(options, keywords)
    keywords = _accepted(function, name, keywords)
    offline = bool(keywords.get("sql"))
    run = Run(options, Guard(settings, name, offline))
    alone = turn(name, offline, settings.lock_timeout)
    try:
        with alone, kept_loggers(), translated(config, run), run.guard, first_look_ended():
            answer = _observed(function, run)(config, *arguments, **keywords)
            run.guard.check_kept()
            return answer, run
    except (errors.MigrateError, KeyboardInterrupt) as error:
        if isinstance(error, errors.MigrateError) and not run.guard.was_interrupted:
            errors.with_outcome(error, run.guard.outcome(), name)
            raise
        interrupted = errors.Interrupted(name)
        raise errors.with_outcome(interrupted, run.guard.outcome(), name) from error
