"""`Backend`: the calls that a database run makes, and what an unknown database gets.

A `DatabaseRun` calls, in this order: `options` and `install` where Alembic is configured,
`is_busy` if that fails, `has_leftovers`; `observers` and `__enter__` once the lock is held;
`preflight` before the first write; `before_steps`, then for each revision `next_step` and `step`;
`__exit__`. As an `Observer` it hears of every statement in between. `committed` is asked if the
run has failed.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import Any, ContextManager, Iterator, Sequence

from ... import errors
from ...state import Settings
from ..statements import Execution, Observer


class Backend(Observer):
    """The default: steps run as Alembic runs them."""

    #: a rollback undoes changes of the schema as well, so that a run is one transaction
    transactional = False
    #: a dry run can be rolled back
    can_dry_run = False
    #: the command is `stamp`: what an earlier run has left unfinished is over
    stamps = False
    #: what hears of the statements before the backend does; made where a backend has any
    observers: Sequence[Observer] = ()

    def __init__(self, connection: Any, raw: Any, settings: Settings) -> None:
        self.connection = connection
        self.settings = settings
        self.raw = raw
        #: the file of SQLite's; None for a server, and for a database in memory
        self.file: str | None = None
        self.lock: Any = None

    def check_dry_run(self) -> None:
        if not self.can_dry_run:
            raise errors.CannotDryRun.no_transactions(self.connection.dialect.name)

    def options(self, given: dict[str, Any]) -> dict[str, Any]:
        """Complete the keywords of `context.configure`."""
        return given

    def install(self, context: Any) -> None:
        """Change how the operations of a MigrationContext are carried out."""

    def is_busy(self, error: Exception) -> bool:
        """Whether an error of the first look means only that somebody else is writing."""
        return False

    def has_leftovers(self, context: Any) -> bool:
        """Whether there is something to clean up although no step is due."""
        return False

    def __enter__(self) -> Backend:
        return self

    def __exit__(self, *error: Any) -> None:
        """Return the connection as it was."""

    def preflight(self, context: Any) -> None:
        """Refuse, before the first write, what is certain to fail."""

    def run(self, context: Any) -> ContextManager[None]:
        """Surround all steps of one version table."""
        return nullcontext()

    def before_steps(self, context: Any, steps: list[Any]) -> None:
        """Prepare the steps of one version table."""

    def next_step(self) -> None:
        """Called before each step, after the one before has been recorded."""

    @contextmanager
    def step(self, context: Any, step: Any) -> Iterator[None]:
        """Surround the function of a revision."""
        yield

    def runs_outside(self, execution: Execution) -> bool:
        """Whether a statement runs outside the transaction, so that it is committed by itself."""
        return execution.is_autocommit or getattr(self.raw, "autocommit", False) is True

    def after_steps(self) -> None:
        """Called after the last step, before the run is committed."""

    def has_inner_savepoint(self) -> bool:
        """Whether a savepoint is open that the statements of the connection do not show."""
        return False

    def committed(self) -> str:
        """Say what a revision that failed has committed all the same."""
        return ""


def backend_of(connection: Any, raw: Any, settings: Settings) -> Backend:
    """Choose by the dialect of a connection; what other databases need is not imported."""
    kind = connection.dialect.name
    if kind == "sqlite" and hasattr(raw, "in_transaction"):
        from .sqlite import SQLiteBackend

        return SQLiteBackend(connection, raw, settings)
    if kind == "postgresql":
        from .postgresql import PostgreSQLBackend

        return PostgreSQLBackend(connection, raw, settings)
    if kind in ("mysql", "mariadb"):
        from .mysql import MySQLBackend

        return MySQLBackend(connection, raw, settings)
    return Backend(connection, raw, settings)
