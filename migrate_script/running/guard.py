"""The care around one upgrade, downgrade or stamp, whatever env.py the project has."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import Any, Iterator

from .. import errors
from ..progress import listener
from .care import Care
from .cares import care_for
from .connections import driver_connection, finish_begun, forget_reading, has_begun
from .copies.backup import back_up
from .counting import Counter
from .interrupts import Interrupts
from .locking.idle import kept_awake
from .locking.locks import lock_for
from .losing.losses import losses
from .marks import Marks
from .position import database_of
from .settings import Settings
from .verify import differences

GUARDED = ("upgrade", "downgrade", "stamp")
LOOKING = ("current", "history", "show", "edit", "check")


def _make_nothing(*_: Any, **__: Any) -> None:
    """Stand in for Alembic's making of the version table."""


class Guard:
    """Watches over one command.

    :param settings: what the command was asked for
    :param name: the command
    :param offline: whether it only prints SQL
    :raises: nothing
    """

    def __init__(self, settings: Settings, name: str, offline: bool) -> None:
        self.settings = settings
        self.name = name
        self.active = name in GUARDED and not offline
        self._only_looks = name in LOOKING
        self._cares: list[Care] = []
        self._interrupts = Interrupts()
        self._counter = Counter()
        self._idle: list[Any] = []
        self._begun: list[Any] = []

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, *_: Any) -> None:
        self._interrupts.stop()
        self._counter.stop()
        for care in reversed(self._cares):
            care.give_back()

    def configure(self, env: Any, run: Any, original: Any, *args: Any, **kwargs: Any) -> None:
        """Call Alembic's `configure`, and prepare the database it is about.

        :param env: the EnvironmentContext
        :param run: the `Run` of the command
        :param original: Alembic's `configure`
        :param args: what env.py gave by position
        :param kwargs: what env.py and the settings gave by name
        :raises LockTimeout: another migration of the database goes on
        """
        connection = args[0] if args else kwargs.get("connection")
        if not self.active or connection is None:
            original(*args, **kwargs)
            if self._only_looks:
                # Alembic before 1.0 makes the table only to find that it is empty
                env.get_context()._ensure_version_table = _make_nothing
            return
        care = self._care(connection)
        external, had_begun = connection.in_transaction(), has_begun(connection)
        if self.settings.dry_run:
            care.check_dry_run()
            kwargs["transaction_per_migration"] = False
        original(*args, **care.options(kwargs))
        context = env.get_context()
        self._watch(context, care, external)
        if care.lock is None and not self._something_to_do(care, context, run, had_begun):
            self._idle.append(context)
            return
        self._look_before_the_first_write(context, care)
        if care not in self._cares:
            lock = lock_for(connection)
            care.lock = lock if lock.acquire(self.settings.lock_timeout) else None
            self._cares.append(care)
            self._interrupts.add(connection, driver_connection(connection))
            self._counter.watch(connection)
            if self.settings.backup:
                self._back_up(connection, context, had_begun)
            care.watch_statements()
            care.take()
            care.watch_commits()

    def _back_up(self, connection: Any, context: Any, had_begun: bool) -> None:
        """Copy the database as it is now that nobody else changes it."""
        heads = context.get_current_heads()
        forget_reading(connection, had_begun)
        copy = back_up(connection, heads, self.settings.lock_timeout)
        listener().note(f"the database was copied to {copy}")
        forget_reading(connection, had_begun)

    def _care(self, connection: Any) -> Care:
        """Give what is done for a connection, which may be configured more than once."""
        for care in self._cares:
            if care.connection is connection:
                return care
        return care_for(connection, self.settings)

    def _watch(self, context: Any, care: Care, external: bool) -> None:
        """Note when env.py begins the transaction that Alembic offers it."""
        begin = context.begin_transaction

        def begin_transaction(*args: Any, **kwargs: Any) -> Any:
            self._begun.append(context)
            return begin(*args, **kwargs)

        context.begin_transaction = begin_transaction
        care.external = external
        if external:
            self._begun.append(context)
        if hasattr(context, "autocommit_block"):
            context.autocommit_block = partial(care.autocommit_block, context.autocommit_block)

    @staticmethod
    def _look_before_the_first_write(context: Any, care: Care) -> None:
        """Be asked before Alembic makes the version table, when env.py has done what it wants."""
        make = context._ensure_version_table

        def make_version_table(*args: Any, **kwargs: Any) -> Any:
            care.position.note(context, ())
            care.make_ready(context)
            return make(*args, **kwargs)

        context._ensure_version_table = make_version_table

    def _something_to_do(self, care: Care, context: Any, run: Any, had_begun: bool) -> bool:
        """Look without a lock: a database at its target is left alone."""
        if getattr(context, "purge", False):
            return True
        try:
            heads = context.get_current_heads()
            steps = run.look_ahead(heads, context)
            if self.name == "downgrade" and not self.settings.dry_run:
                self._ask(care, context, steps, had_begun)
            return not heads or bool(steps) or care.has_leftovers()
        except Exception as error:
            if care.can_wait(error):
                return True
            raise
        finally:
            forget_reading(care.connection, had_begun)

    def _ask(self, care: Care, context: Any, steps: list[Any], had_begun: bool) -> None:
        """Say what goes with a downgrade, and go on unless somebody says no."""
        lost = losses(care.connection, steps, database_of(context))
        if not lost:
            return
        # nobody is to wait for a table while a person thinks
        forget_reading(care.connection, had_begun)
        with kept_awake(care.connection):
            agreed = listener().agrees(errors.losing(lost), self.settings.yes)
        if not agreed:
            raise errors.NotAgreed(self.name)

    @contextmanager
    def around(self, context: Any, heads: Any, steps: list[Any]) -> Iterator[bool]:
        """Surround the steps of one database.

        :param context: Alembic's MigrationContext
        :param heads: where the database is
        :param steps: what Alembic is about to do
        :returns: whether the steps are to run
        :raises Exception: the database refuses
        """
        if not self.active or context in self._idle:
            yield context not in self._idle
            return
        care = self._care(context.connection)
        care.position.note(context, tuple(heads))
        care.position.plan(steps)
        if steps:
            care.make_ready(context)
        care.before(context, steps)
        if care.dry_run is not None:
            care.dry_run.watch(steps)
        with care.watch_rollbacks(steps) as marks:
            if context in self._begun or context._transaction_per_migration:
                yield True
                self._finish(care, context, marks)
            else:
                # an env.py that begins no transaction gets the one it forgot
                with context.begin_transaction():
                    yield True
                    self._finish(care, context, marks)

    def _finish(self, care: Care, context: Any, marks: Marks | None) -> None:
        """Look at the result of all steps, before it is committed where that is possible."""
        care.after()
        if self.settings.verify:
            found = differences(context)
            if found:
                raise errors.VerifyFailed(found)
        if care.dry_run is not None:
            care.dry_run.undo()
        else:
            finish_begun(context)
            if marks is not None:
                marks.finish(care.may_commit)

    def new_step(self, number: int, count: int, step: Any) -> None:
        """Note that another step begins.

        :param number: which one of those of this database
        :param count: how many there are
        :param step: Alembic's
        :raises Exception: what the step before has left cannot be committed
        """
        script = getattr(step, "revision", None)
        self._counter.begin(number, count, script.revision if script else "")
        for care in self._cares:
            care.new_step()

    def check_kept(self) -> None:
        """Make sure that env.py has committed what it has begun; a program may still do so.

        :raises NothingKept: it has closed the connection instead
        """
        for care in self._cares:
            given_up = care.external and care.connection.closed and not self.settings.dry_run
            if given_up and care.transactional and not care.has_committed:
                raise errors.NothingKept()

    @property
    def was_interrupted(self) -> bool:
        """Whether a signal has ended a statement."""
        return self._interrupts.have_stopped

    def outcome(self) -> str:
        """Say what a command that failed has left, and what comes next.

        :raises: nothing
        """
        said = [text for care in self._cares for text in (care.position.outcome(), care.standing())]
        return "; ".join(text for text in said if text)
