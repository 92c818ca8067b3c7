"""What is done around the steps of any database."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import Any, ContextManager, Iterator

from sqlalchemy import event

from .. import errors
from .dryrun import DryRun
from .locking.lock import Lock
from .marks import Marks
from .position import Position
from .rollbacks import watch_rollbacks
from .settings import Settings


class Care:
    """What is done for the connection of one database.

    :param connection: SQLAlchemy's connection
    :param settings: what the command was asked for
    :raises: nothing
    """

    # whether a rollback undoes changes of the schema as well
    transactional = False

    def __init__(self, connection: Any, settings: Settings) -> None:
        self.connection = connection
        self.settings = settings
        self.lock: Lock | None = None
        self.position = Position(connection)
        self.external = False  # whether env.py has begun the transaction itself
        self.has_committed = False
        self._outside = 0
        self._watches = self._is_ready = False
        self.dry_run: DryRun | None = None

    def options(self, given: dict[str, Any]) -> dict[str, Any]:
        """Complete what env.py told Alembic.

        :param given: the keywords of `context.configure`
        :raises: nothing
        """
        return given

    def can_wait(self, error: Exception) -> bool:
        """Tell an error that only means that somebody else is at work.

        :param error: what looking at the database raised
        :raises: nothing
        """
        return False

    def make_ready(self, context: Any) -> None:
        """Ask once, before the first write, whether it can be done.

        :param context: Alembic's MigrationContext
        :raises NotReady: it cannot
        """
        if not self._is_ready:
            self.check_ready(context)
        self._is_ready = True

    def check_ready(self, context: Any) -> None:
        """Refuse, before the first step, what would certainly fail.

        :param context: Alembic's MigrationContext
        :raises NotReady: it would
        """

    def take(self) -> None:
        """Prepare the connection, now that there is something to do and the lock is held.

        :raises Exception: the database refuses
        """

    def check_dry_run(self) -> None:
        """Refuse a dry run where it would leave something.

        :raises CannotDryRun: it would
        """
        if self.connection.dialect.name not in ("sqlite", "postgresql"):
            raise errors.CannotDryRun.no_transactions(self.connection.dialect.name)

    def watch_statements(self) -> None:
        """See, in a dry run, each statement before others do.

        :raises: nothing
        """
        if self.settings.dry_run:
            self.dry_run = DryRun(self.connection)
            self.dry_run.begin()

    def watch_commits(self) -> None:
        """See that nothing is committed without the lock, nor in a dry run.

        :raises: nothing
        """
        event.listen(self.connection, "commit", self.may_commit)
        if self.dry_run is not None:
            self.dry_run.authorize()
        self._watches = True

    def may_commit(self, _: Any) -> None:
        """Refuse a commit without the lock, and in a dry run.

        :raises LockLost: the lock is somebody else's
        :raises CannotDryRun: it would leave something
        """
        if self.dry_run is not None and not self.dry_run.is_over:
            self.dry_run.refuse("COMMIT")
        if self.lock is not None:
            self.lock.check()
        self.has_committed = True

    def new_step(self) -> None:
        """Note that another step begins.

        :raises Exception: what the step before has left cannot be committed
        """
        self._outside = 0

    def has_leftovers(self) -> bool:
        """Tell whether there is something to clean up, where that was asked for.

        :raises Exception: the database refuses
        """
        return False

    def before(self, context: Any, steps: list[Any]) -> None:
        """Prepare the steps of one version table.

        :param context: Alembic's MigrationContext
        :param steps: its steps
        :raises Exception: the database refuses
        """

    def watch_rollbacks(self, steps: list[Any]) -> ContextManager[Marks | None]:
        """See that no step undoes what others did.

        :param steps: what Alembic is about to do
        :returns: what has to surround them
        :raises: nothing
        """
        if self.transactional:
            return watch_rollbacks(self, steps)
        return nullcontext()

    def rolled_back(self) -> None:
        """Note that the script of a step has undone a part of itself.

        :raises: nothing
        """

    def after(self) -> None:
        """Clean up behind the last step.

        :raises Exception: the database refuses
        """

    def standing(self) -> str:
        """Say what of a failed step stands all the same; nothing where nothing does.

        :raises: nothing
        """
        if not self._outside:
            return ""
        return "what this revision committed itself stands"

    @contextmanager
    def autocommit_block(self, original: Any) -> Iterator[None]:
        """Stand in for the method of Alembic's MigrationContext.

        :param original: that method
        :raises Exception: what is raised inside
        """
        if self.dry_run is not None:
            self.dry_run.refuse("autocommit_block()")
        self._outside += 1
        with original():
            yield

    def give_back(self) -> None:
        """Leave the connection as it was, and free the lock.

        :raises: nothing
        """
        if self._watches:
            self._watches = False
            event.remove(self.connection, "commit", self.may_commit)
        if self.dry_run is not None:
            self.dry_run.end()
            self.dry_run = None
        if self.lock is not None:
            self.lock.give_back()
            self.lock = None
