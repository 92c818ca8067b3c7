"""`--dry-run`: rolls the run back, and makes the database refuse every commit before that.

A script can commit in ways that SQLAlchemy does not see. So the database itself refuses: SQLite by
its authorizer, PostgreSQL by a deferred constraint that holds at no commit. What a script writes
on another connection stops at the commit of that one.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Callable, NoReturn

from .. import errors
from ..sql import DDL, DML, TRANSACTION
from .dbapi import driver_connection, execute
from .statements import Execution, Observer

_TABLE = "migrate_script_dry_run"
# violated at once, and checked when somebody commits
_ARM = (
    f"CREATE TEMPORARY TABLE IF NOT EXISTS {_TABLE} (number integer, "
    f"CONSTRAINT {_TABLE}_ends UNIQUE (number) DEFERRABLE INITIALLY DEFERRED)",
    f"INSERT INTO pg_temp.{_TABLE} VALUES (1), (1)",
)
_DISARM = f"DELETE FROM pg_temp.{_TABLE}"
_ARM_AGAIN = (f"SET CONSTRAINTS pg_temp.{_TABLE}_ends DEFERRED", _ARM[1])
_MAY_ARM = "SELECT has_database_privilege(current_database(), 'TEMPORARY')"
_SQLITE_OK, _SQLITE_DENY, _SQLITE_TRANSACTION = 0, 1, 22


class DryRun(Observer):
    """Refuses every commit during a run on one connection."""

    def __init__(
        self, connection: Any, raw: Any, runs_outside: Callable[[Execution], bool]
    ) -> None:
        self.connection = connection
        self.raw = raw
        self._runs_outside = runs_outside
        self._is_sqlite = connection.dialect.name == "sqlite"
        self._is_over = False
        self._revision = ""
        self._stopped: errors.CannotDryRun | None = None
        self._armed = self._disarmed = False
        self._written: list[tuple[Any, str]] = []

    def __enter__(self) -> DryRun:
        if self._is_sqlite and hasattr(self.raw, "set_authorizer"):
            self.raw.set_authorizer(self._authorize)
        return self

    def __exit__(self, *_: Any) -> None:
        if self._is_sqlite:
            with suppress(Exception):  # it has been closed meanwhile
                self.raw.set_authorizer(lambda *_: _SQLITE_OK)

    def arm(self) -> None:
        """Have PostgreSQL refuse every commit of the transaction that is open."""
        if self._armed or self._is_sqlite or getattr(self.raw, "autocommit", False):
            return
        self._armed = bool(execute(self.raw, _MAY_ARM)[0][0])
        if self._armed:
            for statement in _ARM:
                execute(self.raw, statement)

    def restart(self) -> None:
        """Begin with another version table, after the steps of one were undone."""
        self._is_over = self._armed = self._disarmed = False

    def undo(self) -> None:
        self._is_over = True
        self.raw.rollback()

    # -- what a script does ------------------------------------------------------------------------

    def begin_step(self, step: Any) -> None:
        self._revision = step.revision.revision

    def end_step(self, step: Any, error: BaseException | None) -> None:
        self._written.clear()
        if error is None and (self._stopped is not None or self._has_committed()):
            self._refuse("COMMIT")
        if isinstance(error, Exception) and error is not self._stopped:
            if self._stopped is not None or _TABLE in str(error):
                stopped = self._stopped or errors.CannotDryRun.commits("COMMIT", self._revision)
                raise stopped from error
        self._revision = ""

    def before(self, execution: Execution) -> None:
        if self._is_over:
            return
        if self._stopped is not None:  # and caught by the script
            raise self._stopped
        statement = execution.statement
        if statement.kind == TRANSACTION or self._runs_outside(execution):
            self._refuse(statement.text)
        if self._armed:
            self._let_constraints_be_checked(statement)

    def commit(self, connection: Any) -> None:
        if not self._is_over:
            self._refuse("COMMIT")

    def before_elsewhere(self, execution: Execution) -> None:
        raw = driver_connection(execution.connection)
        if execution.statement.kind in (DDL, DML) and not hasattr(raw, "joined_run"):
            self._written.append((raw, execution.text))
            if getattr(raw, "autocommit", False) is True:
                self.commit_elsewhere(execution.connection)

    def commit_elsewhere(self, connection: Any) -> None:
        raw = driver_connection(connection)
        for other, statement in self._written:
            if other is raw:
                self._refuse(statement, " on another connection")

    # ----------------------------------------------------------------------------------------------

    def _refuse(self, what: str, where: str = "") -> NoReturn:
        self._stopped = self._stopped or errors.CannotDryRun.commits(what, self._revision, where)
        raise self._stopped

    def _authorize(self, action: int, what: str | None, *_: Any) -> int:
        if self._is_over or action != _SQLITE_TRANSACTION or what != "COMMIT":
            return _SQLITE_OK
        self._stopped = self._stopped or errors.CannotDryRun.commits(what, self._revision)
        return _SQLITE_DENY

    def _let_constraints_be_checked(self, statement: Any) -> None:
        """Leave nothing violated where a script has its own constraints checked."""
        if self._disarmed:
            self._disarmed = False
            for each in _ARM_AGAIN:
                execute(self.raw, each)
        if statement.verb == "SET CONSTRAINTS" and "IMMEDIATE" in statement.text.upper():
            execute(self.raw, _DISARM)
            self._disarmed = True

    def _has_committed(self) -> bool:
        """Whether a script has tried to commit, and went on when it was refused."""
        if not self._armed:
            return False
        try:
            return execute(self.raw, f"SELECT to_regclass('pg_temp.{_TABLE}')") == [(None,)]
        except Exception:  # a statement has failed, and the transaction with it
            return False
