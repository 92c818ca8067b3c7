"""Runs one of Alembic's commands in an EnvironmentContext of ours, with three calls back.

1. `context.configure(connection=...)` in env.py: `Run.open`, which opens a `DatabaseRun`;
2. `MigrationContext.run_migrations()` in env.py, which asks `Run.steps` for the revisions to run;
3. `context.impl` on SQLite: `sqlite_alter`.

A run that should be protected fails closed: migrations of a context that did not come through the
first, or with a plan that is not the second, are refused before their first statement.
"""

from __future__ import annotations

import inspect
import re
import threading
from contextlib import ExitStack
from functools import partial
from typing import Any, Callable, Iterable, Iterator

import alembic
from alembic import command
from alembic.script import ScriptDirectory

from .. import errors
from ..compat.alembic import COUNTS_BY_HISTORY, never_create_version_table, substituted
from ..inspecting import walk
from ..inspecting.failures import translate
from ..inspecting.headers import headers_of, load_script, scripts_of
from ..inspecting.targets import check_steps, check_target
from ..progress import PLACE, listener
from ..state import Settings
from .database import DatabaseRun
from .environment import READING, environment
from .interrupts import Interrupts
from .locking import process_lock
from .outcome import AtTarget, bind_of, nothing_to_do

PROTECTED = ("upgrade", "downgrade", "stamp")
_MUST_NOT_WRITE = ("check", "current", *READING)
_STEPS = re.compile(r"[-+]\d")


class Run:
    """One command: what it was asked for, and what it did."""

    def __init__(
        self, name: str, config: Any, options: dict[str, Any], settings: Settings, offline: bool
    ) -> None:
        self.name = name
        self.target: Any = None  # the argument, if there is one
        self.config = config
        self.options = options
        self.settings = settings
        self.offline = offline
        self.protected: bool = name in PROTECTED and not offline
        self.databases: dict[Any, DatabaseRun] = {}  # by the connection of env.py
        #: what lasts until the command ends; it is left in reverse order
        self.stack: ExitStack = ExitStack()
        #: the contexts that came through `context.configure`; None for one without protection
        self.contexts: dict[Any, DatabaseRun | None] = {}
        self.interrupts: Interrupts | None = None
        self.planner: Callable[..., Any] | None = None
        self.heads_of_each: list[tuple[str, ...]] = []  # where the databases were
        self.revisions: dict[str, None] = {}  # those that ran, each once and in order
        self.scripts: dict[Any, None] = {}  # those that Alembic has read, each once
        self.at_target: list[AtTarget] = []  # where there was nothing to run
        self.has_migrated: bool = False
        self.current: Any | None = None
        self.held_back: dict[Any, Callable[[], None]] = {}  # SQL, by the context
        self.revision_context: Any | None = None
        self.uncompared: list[str] = []  # what databases lack and autogenerate passes over
        self.left_alone: list[str] = []  # tables that no revision mentions
        # those that env.py begins are not among them
        self._other_threads = set(threading.enumerate()) - {threading.current_thread()}

    # -- where Alembic calls back ----------------------------------------------------------------

    def open(self, env: Any, configure: Callable[..., None], *args: Any, **kwargs: Any) -> None:
        """`context.configure`: prepare the database that env.py names."""
        connection = args[0] if args else kwargs.get("connection")
        if self.protected and connection is not None:
            if kwargs.get("fn", self.steps) != self.steps:
                raise errors.NotProtected.own_plan(self.name)
            if connection not in self.databases:  # env.py may configure one more than once
                self.databases[connection] = DatabaseRun(self, connection)
            self.databases[connection].open(env, configure, *args, **kwargs)
            return
        configure(*args, **kwargs)
        self.contexts[env.get_context()] = None
        if self.name in _MUST_NOT_WRITE:
            never_create_version_table(env.get_context())

    def open_offline(self, context: Any, url: Any) -> None:
        """`context.configure` with `--sql`: the SQL of SQLite depends on its tables."""
        from . import offline  # only where it is needed

        if not self.held_back:
            self.stack.enter_context(offline.no_database(lambda: self.current is not None))
        if context.dialect.name == "sqlite" and context.opts.get("fn") is not None:
            from .backends import sqlite  # only where it is needed

            sqlite.install(context, url)
        self.held_back[context] = offline.hold_back(context)

    def migrate(self, context: Any, original: Callable[..., None], **kwargs: Any) -> None:
        """`run_migrations` of any MigrationContext: ours run protected, or not at all."""
        self.has_migrated = True
        if not self.protected:
            if self.name in ("check", "revision"):
                from ..compat.reflection import comparing  # only for the commands that need it

                with comparing(context):
                    original(context, **kwargs)
            else:
                original(context, **kwargs)
            if context in self.held_back:
                self.held_back[context]()
            if self.name == "current" and context.dialect.name in ("mysql", "mariadb"):
                from .journal import note_unfinished  # only where it is needed

                note_unfinished(context)
            return
        database = self.contexts.get(context)
        if database is not None:
            if context.opts.get("fn") != self.steps:
                raise errors.NotProtected.own_plan(self.name)
            database.migrate(context, partial(original, context, **kwargs))
        elif context in self.contexts or threading.current_thread() in self._other_threads:
            original(context, **kwargs)
        else:
            raise errors.NotProtected.own_context(self.name)

    def steps(self, heads: Any, context: Any) -> Iterator[Any]:
        """Alembic's plan: the steps to run from some heads."""
        database = self.contexts.get(context)
        if database is not None:
            return database.steps(context, heads)
        if self.protected and context not in self.contexts:
            raise errors.NotProtected.own_context(self.name)
        steps: Iterable[Any] = self.load(self.plan(heads, context))
        if context.as_sql and context.dialect.name == "sqlite":
            from .backends import sqlite

            steps = sqlite.offline_steps(context, steps)
        return self._recorded(steps)

    def _recorded(self, steps: Iterable[Any]) -> Iterator[Any]:
        """Record which step an error comes from."""
        for step in steps:
            self.current = step
            yield step
        self.current = None

    # --------------------------------------------------------------------------------------------

    def plan(self, heads: Any, context: Any) -> list[Any]:
        """Ask Alembic's command for the steps, all of them before the first is run."""
        assert self.planner is not None
        self.heads_of_each.append(tuple(heads))
        target = context.opts.get("destination_rev")
        is_newest = self.name == "upgrade" and target in ("head", "heads")
        if is_newest and headers_of(self.config).are_at(target, heads):
            return []
        is_checked = "@" in str(target) or (
            (self.name == "downgrade" or COUNTS_BY_HISTORY) and _STEPS.search(str(target))
        )
        if is_checked:
            start = str(self.target).rpartition(":")[0]
            check_target(self.config, self.name, target, heads, start)
        try:
            steps = list(self.planner(heads, context))
        except RuntimeError as error:
            if not _is_end_of_history(error, context):
                raise
            steps = []
        if is_checked and self.name != "stamp":
            check_steps(self.config, self.name, target, heads, steps)
        return steps

    def load(self, steps: list[Any]) -> list[Any]:
        """Load the scripts of the steps that are to run."""
        for step in steps:
            if hasattr(step, "revision"):  # a stamp has none
                self.revisions[step.revision.revision] = None
                load_script(step)
        return steps

    @property
    def heads(self) -> list[str]:
        """Where the databases were, each revision once."""
        return list(dict.fromkeys(head for heads in self.heads_of_each for head in heads))

    @property
    def of_one_database(self) -> bool:
        """Whether env.py has configured one database, and not one of several."""
        return len(self.contexts) == 1 and bind_of(*self.contexts) is None

    def outcome(self) -> str:
        """Say what a command that failed has left in the databases."""
        databases = self.databases.values()
        of_several = sum(len(database.outcomes) for database in databases) > 1
        said = [text for database in databases for text in database.outcome(of_several)]
        return "; ".join(filter(None, dict.fromkeys(said)))

    # -- the scripts that Alembic's command reads --------------------------------------------------

    def open_scripts(self, config: Any) -> ScriptDirectory:
        """`ScriptDirectory.from_config`: the scripts that our Config has opened."""
        scripts = scripts_of(config)
        get = scripts.get_revisions
        vars(scripts).update(
            walk_revisions=partial(self._collect, walk, scripts),
            get_revisions=lambda *args: tuple(self._collect(get, *args)),
        )
        return scripts

    def _collect(
        self, read: Callable[..., Iterable[Any]], *args: Any, **kwargs: Any
    ) -> Iterator[Any]:
        """Pass on the scripts that Alembic reads, and remember them for the caller."""
        for script in read(*args, **kwargs):
            if script is not None:
                self.scripts[script] = None
            yield script


def _is_end_of_history(error: RuntimeError, context: Any) -> bool:
    """Whether Alembic before 1.6 says, on Python 3.7 and later, that there is nothing to run.

    Asked for a number of steps, it has run out of them: that stays an error.
    """
    target = str(context.opts.get("destination_rev"))
    return "StopIteration" in str(error) and _STEPS.search(target) is None


def option_missing(name: str, option: str) -> errors.NeedsNewerAlembic:
    """The refusal of an option that the installed Alembic lacks."""
    flag = "--" + option.replace("_", "-")
    return errors.NeedsNewerAlembic(f"{name} {flag}", alembic.__version__)


def _accepted(function: Callable[..., Any], name: str, keywords: dict[str, Any]) -> dict[str, Any]:
    """Drop what was not given; refuse what was given and this Alembic does not know."""
    known = inspect.signature(function).parameters
    accepted = {}
    for key, value in keywords.items():
        if key in known:
            accepted[key] = value
        elif value:
            raise option_missing(name, key)
    return accepted


def run_command(
    name: str,
    config: Any,
    settings: Settings,
    options: dict[str, Any],
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
) -> tuple[Any, Run]:
    """Run one of Alembic's commands; return what it returned, and the `Run`."""
    function = getattr(command, name, None)
    if function is None:
        raise errors.NeedsNewerAlembic(f"db {name}", alembic.__version__)
    keywords = _accepted(function, name, keywords)
    if settings.no_loss and keywords.get("sql"):
        raise errors.UsageError.no_rows_to_count()
    run = Run(name, config, options, settings, bool(keywords.get("sql")))
    run.target = arguments[0] if arguments else None
    token = PLACE.set("")
    try:
        with run.stack as stack:
            if name not in READING:
                stack.enter_context(process_lock(name, settings.lock_timeout))
            # what Alembic's function is to call, in this thread
            with substituted(
                environment=partial(environment, run),
                open_scripts=run.open_scripts,
                run_migrations=run.migrate,
            ):
                answer = function(config, *arguments, **keywords)
            for write in run.held_back.values():
                write()  # where no revision was run
            for database in run.databases.values():
                database.check_committed()
            if settings.dry_run and run.revisions:
                listener().note("Dry run: everything was rolled back.")
            if run.protected and not run.has_migrated:
                listener().note(
                    "env.py has not called context.run_migrations(), so that nothing was run"
                )
            if run.at_target:
                for sentence in dict.fromkeys(nothing_to_do(name, config, run.at_target)):
                    listener().note(sentence)
            return answer, run
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        was_stopped = run.interrupts is not None and run.interrupts.have_stopped
        interrupted = was_stopped or type(error) is KeyboardInterrupt
        had_lock = any(database.lock for database in run.databases.values())
        failure = translate(error, config, run)
        if interrupted:
            shown = "migrate" if keywords.get("autogenerate") else name
            failure = errors.Interrupted(shown, unchanged=not had_lock)
        if isinstance(failure, errors.MigrateError):
            failure = errors.with_outcome(failure, PLACE.get(), run.outcome(), name)
        raise failure from (error.__cause__ if failure is error else error)
    finally:
        PLACE.reset(token)
