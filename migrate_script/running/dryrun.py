"""What `--dry-run` does is undone in the end, so nothing may be committed before.

A script can commit in many ways, some of which SQLAlchemy never hears of. So the database itself
is made to refuse: SQLite by its authorizer, PostgreSQL by a constraint that holds at no commit.
What a script writes by another connection stops at the commit of that one.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager, suppress
from functools import partial, wraps
from typing import Any, Callable, Iterator, NoReturn

from sqlalchemy import event
from sqlalchemy.engine import Engine

from .. import errors
from .connections import driver_connection
from .sharing import Shared
from .sqlite import stands_outside
from .statements import is_noted, without_comments

_ENDS = re.compile(r"(COMMIT|END|ROLLBACK|VACUUM|ATTACH|DETACH|BEGIN)\b(?!\s+TO\b)", re.I)
_TABLE = "migrate_script_dry_run"
# violated at once, and looked at when somebody commits
_ARM = f"""
    CREATE TEMPORARY TABLE IF NOT EXISTS {_TABLE} (
        number integer, CONSTRAINT {_TABLE}_ends UNIQUE (number) DEFERRABLE INITIALLY DEFERRED
    );
    INSERT INTO pg_temp.{_TABLE} VALUES (1), (1)
"""
_DISARM = f"DELETE FROM pg_temp.{_TABLE}"
_ARM_AGAIN = (
    f"SET CONSTRAINTS pg_temp.{_TABLE}_ends DEFERRED",
    f"INSERT INTO pg_temp.{_TABLE} VALUES (1), (1)",
)
_LOOKS_AT_ALL = re.compile(r"SET\s+CONSTRAINTS\s+ALL\s+IMMEDIATE\b", re.I)
_MAY_ARM = "SELECT has_database_privilege(current_database(), 'TEMPORARY')"
_SQLITE_OK, _SQLITE_DENY, _SQLITE_TRANSACTION = 0, 1, 22


class DryRun:
    """Sees that nothing is committed on one connection.

    :param connection: SQLAlchemy's connection
    :raises: nothing
    """

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.raw = driver_connection(connection)
        self.is_over = False
        self._is_sqlite = connection.dialect.name == "sqlite"
        self._revision = ""
        self._stopped: errors.CannotDryRun | None = None
        self._armed = self._disarmed = False
        self._written: list[tuple[Any, str]] = []
        self._thread = threading.get_ident()

    def begin(self) -> None:
        """Begin to watch the statements, before anybody else does.

        :raises: nothing
        """
        event.listen(self.connection, "before_cursor_execute", self._before)

    def authorize(self) -> None:
        """Have SQLite refuse every commit.

        :raises: nothing
        """
        if self._is_sqlite and hasattr(self.raw, "set_authorizer"):
            self.raw.set_authorizer(self._authorize)

    def end(self) -> None:
        """Leave the connection as it was.

        :raises: nothing
        """
        event.remove(self.connection, "before_cursor_execute", self._before)
        if self._is_sqlite:
            with suppress(Exception):  # it has been closed meanwhile
                self.raw.set_authorizer(lambda *_: _SQLITE_OK)

    def arm(self) -> None:
        """Have PostgreSQL refuse every commit of the transaction that is open.

        :raises Exception: the database refuses
        """
        if not self._armed and not getattr(self.raw, "autocommit", False):
            self._armed = bool(self._query(_MAY_ARM))
            if self._armed:
                for statement in _ARM.split(";"):
                    self._query(statement)

    def _query(self, statement: str) -> Any:
        cursor = self.raw.cursor()
        try:
            cursor.execute(statement)
            return cursor.fetchone()[0] if cursor.description else None
        finally:
            cursor.close()

    def undo(self) -> None:
        """Undo all that was done.

        :raises Exception: the database refuses
        """
        self.is_over = True
        self.raw.rollback()

    def refuse(self, what: str, where: str = "") -> NoReturn:
        """Stop, for good.

        :param what: the statement that would leave something
        :param where: on which connection, where it is another one
        :raises CannotDryRun: always
        """
        commits = errors.CannotDryRun.commits
        self._stopped = self._stopped or commits(what, self._revision, where)
        raise self._stopped

    def _authorize(self, action: int, what: str | None, *_: Any) -> int:
        if self.is_over or action != _SQLITE_TRANSACTION or what != "COMMIT":
            return _SQLITE_OK
        self._stopped = self._stopped or errors.CannotDryRun.commits(what, self._revision)
        return _SQLITE_DENY

    def _before(self, _: Any, cursor: Any, statement: str, *__: Any) -> None:
        if self.is_over:
            return
        if self._stopped is not None:  # and caught by the script
            raise self._stopped
        text = without_comments(statement)
        if _ENDS.match(text) or (self._is_sqlite and stands_outside(text, self.raw)):
            self.refuse(text)
        if not self._is_sqlite and getattr(self.raw, "autocommit", False):
            self.refuse(text)
        self._look_away(text)

    def _look_away(self, text: str) -> None:
        """Have nothing to look at when a script wants its own constraints looked at."""
        if self._disarmed:
            self._disarmed = False
            for statement in _ARM_AGAIN:
                self._query(statement)
        if self._armed and _LOOKS_AT_ALL.match(text):
            self._query(_DISARM)
            self._disarmed = True

    def watch(self, steps: list[Any]) -> None:
        """See what the scripts of steps do.

        :param steps: Alembic's
        :raises: nothing
        """
        for step in steps:
            if hasattr(step, "revision"):
                function, revision = step.migration_fn, step.revision.revision
                step.migration_fn = wraps(function)(partial(self._watched, revision, function))

    def _watched(self, revision: str, function: Callable[..., Any], **kwargs: Any) -> None:
        self._revision = revision
        try:
            with self._others():
                function(**kwargs)
            if self._stopped is not None or self._has_committed():
                self.refuse("COMMIT")
        except Exception as error:
            if error is self._stopped:
                raise
            if self._stopped is not None or _TABLE in str(error):
                raise (self._stopped or errors.CannotDryRun.commits("COMMIT", revision)) from error
            raise
        finally:
            self._revision = ""

    def _has_committed(self) -> bool:
        """Tell a script that has tried to commit, and went on when it was refused."""
        if not self._armed:
            return False
        try:
            return self._query(f"SELECT to_regclass('pg_temp.{_TABLE}')") is None
        except Exception:  # a statement has failed, and the transaction with it
            return False

    @contextmanager
    def _others(self) -> Iterator[None]:
        """Watch the other connections of this thread."""
        event.listen(Engine, "before_cursor_execute", self._before_elsewhere)
        event.listen(Engine, "commit", self._commit_elsewhere)
        try:
            yield
        finally:
            event.remove(Engine, "before_cursor_execute", self._before_elsewhere)
            event.remove(Engine, "commit", self._commit_elsewhere)
            self._written.clear()

    def _raw_elsewhere(self, connection: Any) -> Any:
        if threading.get_ident() != self._thread:
            return None
        raw = driver_connection(connection)
        return None if raw is self.raw or isinstance(raw, Shared) else raw

    def _before_elsewhere(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        raw = self._raw_elsewhere(connection)
        if raw is not None and is_noted(statement, connection.dialect.name):
            self._written.append((raw, statement))
            if getattr(raw, "autocommit", False) is True:
                self._commit_elsewhere(connection)

    def _commit_elsewhere(self, connection: Any) -> None:
        raw = self._raw_elsewhere(connection)
        for other, statement in self._written:
            if other is raw:
                self.refuse(statement, " on another connection")
