"""A rollback inside a script undoes the rows that the script has changed, and nothing else.

`Session(bind=op.get_bind())` shares the transaction of the run, so that its `rollback()` would
undo every revision of the run, while SQLAlchemy takes the transaction for ended. During a revision
the driver's rollback goes back to a savepoint instead: it is set before rows are changed, and
released before the schema is. What cannot be undone alone stops the run.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Callable, Iterator

from .. import errors
from ..compat.alembic import HAS_AUTOCOMMIT_BLOCK
from ..compat.sqlalchemy import driver_calls_replaced, in_nested_transaction
from ..sql import DDL, DML, QUERY, SAVEPOINT, TRANSACTION, Statement
from .dbapi import driver_connection, execute, is_idle, sqlstate, unpooled
from .statements import Execution, Observer

_NAME = "migrate_script_rows"
_NO_TRANSACTION, _ABORTED, _NO_SAVEPOINT = "25P01", "25P02", "3B001"


def _isolation(raw: Any) -> tuple[Any, Any]:
    return getattr(raw, "autocommit", None), getattr(raw, "isolation_level", None)


class ScriptRollback(Observer):
    """The savepoint of the script that is running."""

    in_steps_only = True

    def __init__(self, connection: Any, raw: Any, has_inner: Callable[[], bool]) -> None:
        self.connection = connection
        self.raw = raw
        self._has_inner = has_inner  # whether somebody else has a savepoint inside of ours
        self._dialect = connection.dialect
        # a statement that fails ends the transaction there, unless a savepoint was set before it
        self._failures_abort = self._dialect.name == "postgresql"
        self._begun_by_env_py = False  # so that only env.py can end the transaction
        self._revision = ""
        self._is_set = False
        self.is_open_unknown: bool = False  # a transaction that SQLAlchemy takes for ended
        self._savepoints: list[str] = []  # of the script
        self._has_schema_change = False  # in one of them
        self._refused: errors.NothingKept | None = None
        self._path = ""  # of the script
        self._caught: Execution | None = None  # what failed, while the script went on
        self._level: Any = None  # the driver's isolation level, once something may be lost

    @contextmanager
    def steps(self, begun_by_env_py: bool) -> Iterator[None]:
        """Surround the steps of one version table."""
        self._begun_by_env_py, self._refused = begun_by_env_py, None
        calls = {"do_rollback": self._do_rollback, "do_commit": self._do_commit}
        with driver_calls_replaced(self._dialect, **calls):
            try:
                yield
            except BaseException as error:
                if self.is_open_unknown:
                    self.is_open_unknown = False
                    self.raw.rollback()  # SQLAlchemy takes the transaction for ended
                if self._caught is not None and sqlstate(getattr(error, "orig", None)) == _ABORTED:
                    first = self._caught
                    raise errors.ScriptError.caught(
                        self._path, first.line, first.error, first.text
                    ) from error
                raise

    def finish(self) -> None:
        """Commit the transaction that SQLAlchemy takes for ended."""
        self.raw.commit()
        self.is_open_unknown = False

    # -- what happens on the connection ------------------------------------------------------------

    def begin_step(self, step: Any) -> None:
        self._revision, self._path = step.revision.revision, step.revision.path
        self._savepoints, self._caught = [], None

    def end_step(self, step: Any, error: BaseException | None) -> None:
        if error is None:
            if self._level is not None:
                self._look_for_loss()
            if self._is_set:
                self._release()
        self._revision = ""
        if self._refused is not None and error is not self._refused:
            raise self._refused from error  # the script caught it, and could not go on for long

    def before(self, execution: Execution) -> None:
        if self._level is not None and self._refused is None:
            self._look_for_loss()
        if self._refused is not None:
            raise self._refused
        if not self._revision:
            return
        if self._is_set and not self._failures_abort and not self.raw.in_transaction:
            self._forget()  # SQLite has committed for a statement that runs outside
        kind = execution.kind or execution.statement.kind
        if kind == TRANSACTION:
            self._forget()
        elif kind == DDL or execution.own:
            if self._is_set:
                self._release()
        elif kind == SAVEPOINT:
            self._follow(execution.statement)
        elif (kind == DML or (kind == QUERY and self._failures_abort)) and not self._savepoints:
            self._set()

    def _follow(self, statement: Statement) -> None:
        """Keep the savepoints of the script, in which ours is not touched."""
        name = statement.names[0].lower() if statement.names else ""
        if statement.verb == "SAVEPOINT":
            if not self._savepoints:
                self._set()
            self._savepoints.append(name)
        elif name in self._savepoints:
            place = len(self._savepoints) - 1 - self._savepoints[::-1].index(name)
            # SQLAlchemy does not release what it rolls back to
            is_over = statement.verb == "RELEASE" or name.startswith("sa_savepoint_")
            del self._savepoints[place if is_over else place + 1 :]

    def failed(self, execution: Execution) -> None:
        if self._failures_abort and self._caught is None:
            self._caught = execution

    def after(self, execution: Execution) -> None:
        self._caught = None  # a savepoint has undone it
        if self._failures_abort and execution.kind != QUERY and not is_idle(self.raw):
            self._level = _isolation(self.raw)
        if self._has_schema_change and not self._savepoints:
            self._release()  # the script has left its savepoint

    def _look_for_loss(self) -> None:
        """Refuse to go on where psycopg2 has rolled back, as it does where its level is set."""
        if is_idle(self.raw) is True and self._level != _isolation(self.raw):
            self._refused = errors.NothingKept.level_set(self._revision, HAS_AUTOCOMMIT_BLOCK)

    def session_commit(self, session: Any) -> None:
        bind = getattr(session, "bind", None)
        if self._revision and not self._savepoints and not in_nested_transaction(session):
            if hasattr(bind, "connection") and driver_connection(bind) is self.raw:
                self._release()

    def rollback(self, connection: Any) -> None:
        if self._revision and self._begun_by_env_py and connection.in_transaction():
            self._refuse()

    # -- what SQLAlchemy asks of the driver --------------------------------------------------------

    def _do_rollback(self, plain: Callable[[Any], None], pooled: Any) -> None:
        if not (self._revision and self._has_transaction and self._is_ours(pooled)):
            plain(pooled)
            return
        if self.is_open_unknown and self._failures_abort and not self._is_set:
            return  # SQLAlchemy 1 rolls back after a statement that fails; `__exit__` does
        if self._has_schema_change or (not self._is_set and self._has_inner()):
            self._refuse()
        aborted = self._set()
        if aborted is not None:
            self._refuse(aborted)
        if not self._is_set:
            plain(pooled)  # no transaction was open
            return
        execute(self.raw, f"ROLLBACK TO SAVEPOINT {_NAME}")
        execute(self.raw, f"RELEASE SAVEPOINT {_NAME}")
        self.is_open_unknown = True
        self._forget()

    def _do_commit(self, plain: Callable[[Any], None], pooled: Any) -> None:
        self._level = None
        if self.is_open_unknown and self._is_ours(pooled):
            if self._revision or not self.connection.in_transaction():
                self._release()
                return
        self._forget()
        plain(pooled)

    # -- the savepoint -----------------------------------------------------------------------------

    def _is_ours(self, pooled: Any) -> bool:
        return self.raw in (pooled, unpooled(pooled))

    @property
    def _has_transaction(self) -> bool:
        """Whether a transaction is open, or begins with the next statement."""
        if self._failures_abort:
            return not getattr(self.raw, "autocommit", False)
        return bool(self.raw.in_transaction)

    def _set(self) -> BaseException | None:
        """Set the savepoint; return the error of a transaction that takes none."""
        if self._is_set or not self._has_transaction or self._has_inner():
            return None
        try:
            execute(self.raw, f"SAVEPOINT {_NAME}")
            self._is_set = True
        except Exception as error:  # each driver has its own class for it
            # after a COMMIT that the driver does not know of, each statement is committed alone
            return None if sqlstate(error) == _NO_TRANSACTION else error
        return None

    def _release(self) -> None:
        """Keep what was done so far, also if the script rolls back."""
        if not self._is_set:
            return
        if self._savepoints or self._has_inner():
            self._has_schema_change = True  # released with the last savepoint inside of ours
            return
        self._forget()
        try:
            execute(self.raw, f"RELEASE SAVEPOINT {_NAME}")
        except Exception as error:  # gone with a COMMIT among several statements, or aborted
            if sqlstate(error) == _NO_SAVEPOINT:  # with a rollback of the driver's own
                self._refuse(error)
            if sqlstate(error) not in ("", _NO_TRANSACTION, _ABORTED):
                raise

    def _forget(self) -> None:
        self._is_set = self._has_schema_change = False
        self._savepoints = []

    def _refuse(self, cause: BaseException | None = None) -> None:
        self._refused = errors.NothingKept.rolled_back(self._revision)
        raise self._refused from cause
