"""One database during one command: what surrounds its revisions, in one fixed order.

`open` is called where env.py names the connection, `migrate` where it runs the revisions. Between
them lies everything that protects a run; each concern is one line of `_lock`, `migrate`,
`_observers` or `_wrapped`, in the order in which it takes effect.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import wraps
from typing import Any, Callable, Iterator

from alembic.operations import Operations

from .. import errors
from ..compat.alembic import begins_each_step, commit_autobegun, has_begun_transaction
from ..inspecting.drops import drops_of
from ..progress import PLACE, listener
from .backends.base import Backend, backend_of
from .data_loss import described, has_tables, losses
from .dbapi import driver_connection, end_reading, fetch_all, has_begun, kept_alive
from .dry_run import DryRun
from .interrupts import Interrupts
from .locking import DatabaseLock, database_lock
from .outcome import AtTarget, Outcome, bind_of, differences, place_of
from .script_rollback import ScriptRollback
from .statements import Observer, Statements


class DatabaseRun(Observer):
    """The database of one connection, from the first look at it to the outcome of the command."""

    def __init__(self, run: Any, connection: Any) -> None:
        self.run = run
        self.settings: Any = run.settings
        self.connection = connection
        self.raw: Any = driver_connection(connection)
        self.backend: Backend = backend_of(connection, self.raw, run.settings)
        self.backend.stamps = run.name == "stamp"
        self.lock: DatabaseLock | None = None
        self.has_committed: bool = False
        self.outcomes: dict[Any, Outcome] = {}  # by the context
        self._places: dict[Any, str] = {}  # what each context is for, of several
        self._binds: dict[Any, str | None] = {}
        self._at_target: dict[Any, Any] = {}  # contexts with nothing to run, and their heads
        self._dry_run: DryRun | None = None
        self._rollback: ScriptRollback | None = None
        self._begun_by_env_py = False
        self._had_heads = False  # before the run, as far as is known
        self._losses_are_known = False
        self._planned: dict[Any, tuple[Any, list[Any]]] = {}  # heads and steps before the lock
        self._migrating: Any = None  # the context whose steps run

    # -- context.configure(connection=...) ---------------------------------------------------------

    def open(self, env: Any, configure: Callable[..., None], *args: Any, **kwargs: Any) -> None:
        """Configure Alembic; lock the database if there is anything to run."""
        self._had_heads = self._losses_are_known = False
        in_transaction = self.connection.in_transaction()
        had_begun = has_begun(self.connection, self.raw)
        if self.settings.dry_run:
            kwargs["transaction_per_migration"] = False
        configure(*args, **self.backend.options(kwargs))
        context = env.get_context()
        self.run.contexts[context] = self
        is_second = len(self.run.contexts) > 1
        self._places[context], self._binds[context] = "", None
        if is_second or context.opts.get("upgrade_token") != "upgrades":  # one of several
            bind = self._binds[context] = bind_of(context)
            self._places[context] = place_of(context, bind, None, is_second)
        PLACE.set(self._places[context])
        if self.settings.dry_run:
            self.backend.check_dry_run()
        self._begun_by_env_py = in_transaction
        if self.lock is None:
            if not self._has_work(context, had_begun):
                self._at_target[context] = self.run.heads_of_each[-1]
                return
            self._lock(context, had_begun)
        elif self.run.name != "stamp":  # the next schema, or version table: what it loses
            self._has_work(context, had_begun)
        self.backend.install(context)

    def _has_work(self, context: Any, had_begun: bool) -> bool:
        """Look without a lock: a database at its target is left alone."""
        if getattr(context, "purge", False):
            return True
        try:
            heads = context.get_current_heads()
            self._had_heads = bool(heads)
            # a script is loaded here only where its text does not say enough
            with Operations.context(context):
                steps = self.run.plan(heads, context)
            self._planned[context] = (tuple(heads), steps)
            self._mention_losses(context, steps, had_begun)
            return not heads or bool(steps) or self.backend.has_leftovers(context)
        except Exception as error:
            if self.backend.is_busy(error):
                return True
            raise
        finally:
            if self.lock is None or not had_begun:  # or it would end what the run has done before
                end_reading(self.connection, had_begun)

    def _mention_losses(self, context: Any, steps: list[Any], had_begun: bool) -> None:
        """Say what the steps lose; refuse it, or ask before a downgrade."""
        self._losses_are_known = True
        if not steps or self.run.name == "stamp":
            return
        if not self._had_heads and not has_tables(self.connection):
            return  # what the run makes itself is no loss
        bind, schema = self._binds[context], None
        drops = drops_of(steps, bind, self.connection.dialect.name)
        lost = described(losses(self.connection, drops)) if drops else ""
        if not lost:
            return
        if self.connection.dialect.name == "postgresql":
            schema = fetch_all(self.connection, "SELECT current_schema()")[0][0]
        place = place_of(context, bind, schema, len(self.run.contexts) > 1)
        self._places[context] = place
        PLACE.set(place)
        sentence = f"this {self.run.name} {lost}" + (f" of {place}" if place else "")
        settings = self.settings
        if settings.no_loss or not (settings.allow_loss or settings.yes):
            raise errors.LossRefused(sentence, settings.no_loss)
        if self.lock is None:  # no lock is held on a table while a person thinks
            end_reading(self.connection, had_begun)
        is_agreed = self.run.name == "upgrade" or settings.dry_run or settings.yes
        with kept_alive(self.connection):
            if not listener().agrees(sentence, is_agreed):
                raise errors.NotAgreed(self.run.name)

    def _lock(self, context: Any, had_begun: bool) -> None:
        """Enter what lasts until the command ends; it is left in reverse order."""
        enter = self.run.stack.enter_context
        patience, file = self.settings.lock_timeout, self.backend.file
        self.lock = enter(database_lock(self.connection, patience, file))
        self.backend.lock = self.lock
        if self.settings.backup:
            self._back_up(context, had_begun)
        observers = self._observers(context)
        self.statements: Statements = Statements(self.connection, self.raw, observers)
        enter(self.statements)
        if self.run.interrupts is None:
            self.run.interrupts = Interrupts()
            self.run.stack.callback(self.run.interrupts.stop)
        self.run.interrupts.add(self.statements)
        enter(self.backend)
        if self._dry_run is not None:
            enter(self._dry_run)

    def _observers(self, context: Any) -> list[Observer]:
        """Who hears of each statement, in this order."""
        observers: list[Observer] = []
        if self.settings.dry_run:
            self._dry_run = DryRun(self.connection, self.raw, self.backend.runs_outside)
            observers.append(self._dry_run)
        observers += [self, *self.backend.observers, self.backend]
        if self.backend.transactional:
            self._rollback = ScriptRollback(
                self.connection, self.raw, self.backend.has_inner_savepoint
            )
            observers.append(self._rollback)
        return observers

    def _back_up(self, context: Any, had_begun: bool) -> None:
        """Copy the database as it is, now that no other run changes it."""
        from .backup import back_up  # few runs are to make one

        heads = context.get_current_heads()
        end_reading(self.connection, had_begun)
        back_up(self.connection, heads, self.settings.lock_timeout)
        end_reading(self.connection, had_begun)

    # -- context.run_migrations() ------------------------------------------------------------------

    def migrate(self, context: Any, run_migrations: Callable[[], None]) -> None:
        """Run the steps of one version table, and look at the result before it is committed."""
        PLACE.set(self._places[context])
        if context in self._at_target:
            self._report(context, self._at_target[context])
            if self.settings.verify:
                self._verify(context, errors.DifferencesFound)
            PLACE.set("")
            return
        if context not in self.outcomes:
            self.outcomes[context] = Outcome(context, self.backend.file)
        if not self._had_heads:  # Alembic creates the version table before it asks for the steps
            self.backend.preflight(context)
        self._migrating = context
        if self._dry_run is not None:
            self._dry_run.restart()
        with ExitStack() as stack:
            if not (has_begun_transaction(context) or begins_each_step(context)):
                # an env.py that begins no transaction gets the one it forgot
                stack.enter_context(context.begin_transaction())
            if self._rollback is not None:
                stack.enter_context(self._rollback.steps(self._begun_by_env_py))
            with self.backend.run(context):
                run_migrations()
            self._finish(context)
        PLACE.set("")  # what env.py does next may be about another one

    def steps(self, context: Any, heads: Any) -> Iterator[Any]:
        """Plan the steps from some heads, and pass on to Alembic one by one."""
        if context is not self._migrating:  # not by `migrate`
            raise errors.NotProtected.own_context(self.run.name)
        outcome = self.outcomes[context]
        if not outcome.steps:
            outcome.before = tuple(heads)
        known_heads, steps = self._planned.pop(context, (None, []))
        if known_heads != tuple(heads):  # another process has changed them meanwhile
            steps = self.run.plan(heads, context)
        self.run.load(steps)
        if not steps:
            self._report(context, heads)
        outcome.steps = outcome.steps or steps
        if not self._losses_are_known:  # the database was busy
            self._mention_losses(context, steps, had_begun=True)
        if steps and self._had_heads:
            self.backend.preflight(context)
        if PLACE.get() and hasattr(next(iter(steps), None), "revision"):
            # Alembic's lines do not name it
            listener().note(f"{errors.counted(len(steps), 'revision')} to run")
        self.backend.before_steps(context, steps)
        if self._dry_run is not None:
            self._dry_run.arm()
        for number, step in enumerate(steps, 1):
            self.run.current = step
            script = getattr(step, "revision", None)  # a stamp has none
            self.backend.next_step()
            if script is not None:
                step.migration_fn = self._wrapped(context, step, number, len(steps))
            yield step
        self.run.current = None
        self.backend.after_steps()

    def _report(self, context: Any, heads: Any) -> None:
        """Keep what there is to say of a context with nothing to run."""
        schema = None
        if self.connection.dialect.name == "postgresql":
            had_begun = has_begun(self.connection, self.raw)
            schema = fetch_all(self.connection, "SELECT current_schema()")[0][0]
            if not had_begun:
                self.raw.rollback()
        self.run.at_target.append(AtTarget(context, heads, schema))

    def _wrapped(self, context: Any, step: Any, number: int, count: int) -> Callable[..., None]:
        """What Alembic calls in place of a script's upgrade() or downgrade()."""
        function, script, is_trial = step.migration_fn, step.revision, self.settings.dry_run

        @wraps(function)  # Alembic reports a step by the name of its function
        def run_step(**kwargs: Any) -> None:
            with listener().running(number, count, script, self.statements.look, is_trial):
                with self.statements.step(step), self.backend.step(context, step):
                    function(**kwargs)

        return run_step

    def _verify(self, context: Any, error: Any) -> None:
        found, lines = differences(context)
        if found:
            raise error(found, lines)

    def _finish(self, context: Any) -> None:
        if self.settings.verify:
            self._verify(context, errors.DifferencesFound.by_verify)
        if self._dry_run is not None:
            self._dry_run.undo()
            return
        commit_autobegun(context)
        if self._rollback is not None and self._rollback.is_open_unknown:
            self.commit(self.connection)
            self._rollback.finish()

    # -- afterwards --------------------------------------------------------------------------------

    def commit(self, connection: Any) -> None:
        """Refuse to commit without the lock."""
        if self.lock is not None:
            try:
                self.lock.check(connection)
            except errors.LockLost:
                # env.py may have gone on to another one
                PLACE.set(self._places.get(self._migrating, ""))
                raise
        self.has_committed = True

    def check_committed(self) -> None:
        """Refuse an env.py that closes before the commit; one of a program may still commit."""
        if self.has_committed or not (self.connection.closed and self.lock):
            return
        if self.backend.transactional and self._begun_by_env_py:
            raise errors.NothingKept.never_committed()
        if self.backend.transactional and self._migrating and not self.settings.dry_run:
            raise errors.NothingKept.closed()

    def outcome(self, of_several: bool) -> list[str]:
        """Say where a run that failed has left the database, and what it has committed."""
        if self.lock is None or not self.outcomes:
            return []
        said = [outcome.sentence(of_several) for outcome in self.outcomes.values()]
        committed, place = self.backend.committed(), self._places.get(self._migrating)
        return [*said, f"{place}: {committed}" if place and committed else committed]
