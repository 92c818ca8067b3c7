"""A script that rolls back undoes what it changed itself since its last commit, and nothing else.

`Session(bind=op.get_bind())` has the transaction of the run for its own, so that its `rollback()`
would undo what other steps did too, while SQLAlchemy takes the transaction for over. Where a
script speaks of a rollback, a savepoint is kept before its changes of rows, and the driver goes
back to that. A change of the schema stands, as it does on a server that commits it at once.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Callable

from sqlalchemy import event
from sqlalchemy.orm import Session

from .connections import driver_connection, inside
from .postgresql import sqlstate
from .statements import DATA, first_word

_NAME = "migrate_script_mark"
_ENDS = {"COMMIT", "END", "ABORT", "BEGIN", "START"}
# the rows of a table that is made anew change nothing, and belong to a change of the schema
_COPIES = re.compile(r"_alembic_(?:tmp_|batch_temp)|\bsqlite_sequence\b|^SAVEPOINT migrate_script")
_NO_TRANSACTION = "25P01"
_TO = re.compile(r"\W*ROLLBACK\b.*?\bTO\b", re.I)


class Marks:
    """The savepoint of the steps on one connection.

    :param connection: SQLAlchemy's connection
    :param rolled_back: called when a step has undone a part of itself
    :raises: nothing
    """

    def __init__(self, connection: Any, rolled_back: Callable[[], None]) -> None:
        self.connection = connection
        self._rolled_back = rolled_back
        self.raw = driver_connection(connection)
        self._dialect = connection.dialect
        # where a statement that fails ends the transaction, the mark is before each statement
        self._before_each = self._dialect.name == "postgresql"
        self._is_set = self._has_changes = self._in_step = self._is_lost = False
        self._depth = 0
        self._plain: dict[str, Callable[..., Any]] = {}

    def __enter__(self) -> Marks:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._is_lost and kind is not None:
            self.raw.rollback()  # SQLAlchemy believes that it has done that already
        if self._plain:
            for name in self._plain:
                delattr(self._dialect, name)
            self._plain = {}
            event.remove(self.connection, "before_cursor_execute", self._before)
            event.remove(Session, "after_commit", self._after_commit)

    def _watch(self) -> None:
        """Have the driver's rollbacks and commits come here, on this connection."""
        if self._plain:
            return
        for name, ours in (("do_rollback", self._rollback), ("do_commit", self._commit)):
            self._plain[name] = getattr(self._dialect, name)
            setattr(self._dialect, name, partial(ours, self._plain[name]))
        event.listen(self.connection, "before_cursor_execute", self._before)
        event.listen(Session, "after_commit", self._after_commit)

    def run(self, function: Callable[..., Any], **kwargs: Any) -> None:
        """Run a script that may roll back.

        :param function: its upgrade() or downgrade()
        :param kwargs: what Alembic gives it
        :raises Exception: what the script raises
        """
        self._watch()
        self._is_set = self._has_changes = False
        self._depth, self._in_step = 0, True
        try:
            function(**kwargs)
            self._forward()
        finally:
            self._in_step = False

    def finish(self, may_commit: Callable[[Any], None]) -> None:
        """Commit what SQLAlchemy does not know to be open.

        :param may_commit: raises an exception where nothing may be committed
        :raises Exception: the database refuses
        """
        if self._is_lost:
            may_commit(self.connection)
            self.raw.commit()
            self._is_lost = False

    @property
    def _can_mark(self) -> bool:
        """Whether a transaction is open, or begins with the next statement."""
        if self._before_each:
            return not getattr(self.raw, "autocommit", False)
        return bool(self.raw.in_transaction)

    def _execute(self, *statements: str) -> None:
        cursor = self.raw.cursor()
        try:
            for statement in statements:
                cursor.execute(f"{statement} {_NAME}")
        finally:
            cursor.close()

    def _before(self, _: Any, cursor: Any, statement: str, *__: Any) -> None:
        if not self._in_step:
            return
        word = first_word(statement)
        if word in _ENDS or (word == "ROLLBACK" and not _TO.match(statement)):
            self._is_set = self._has_changes = False
        elif word in ("RELEASE", "ROLLBACK"):
            self._depth = max(0, self._depth - 1)
        else:
            if not self._depth and not self._has_changes and self._can_mark:
                changes = word in DATA or word in ("SAVEPOINT", "WITH")
                self._mark(changes and not _COPIES.search(statement))
            self._depth += word == "SAVEPOINT"

    def _mark(self, changes: bool) -> None:
        if changes or self._before_each:
            self._forward()
            try:
                self._execute("SAVEPOINT")
            except Exception as error:  # every driver has its own class for it
                if sqlstate(error) != _NO_TRANSACTION:
                    raise
                return  # a COMMIT that the driver does not know of: each statement stands
            self._is_set = True
        self._has_changes = changes

    def _forward(self) -> None:
        """Let what was changed so far stand."""
        if self._is_set:
            self._release()
        self._is_set = self._has_changes = False

    def _release(self) -> bool:
        try:
            self._execute("RELEASE SAVEPOINT")
        except Exception:  # every driver has its own, where it has gone or a statement has failed
            return False
        return True

    def _is_ours(self, pooled: Any) -> bool:
        return self._in_step and self._can_mark and self.raw in (pooled, inside(pooled))

    def _rollback(self, plain: Callable[[Any], None], pooled: Any) -> None:
        if not self._is_ours(pooled):
            plain(pooled)
            return
        self._is_lost, self._depth = True, 0
        self._rolled_back()
        if self._is_set and (self._has_changes or not self._release()):
            self._execute("ROLLBACK TO SAVEPOINT", "RELEASE SAVEPOINT")
        self._is_set = self._has_changes = False

    def _commit(self, plain: Callable[[Any], None], pooled: Any) -> None:
        if self._is_lost and self.raw in (pooled, inside(pooled)):
            if self._in_step or not self.connection.in_transaction():
                self._forward()
                return
        self._is_set = self._has_changes = False
        plain(pooled)

    def _after_commit(self, session: Any) -> None:
        bind = getattr(session, "bind", None)
        now = getattr(session, "_transaction", None) or getattr(session, "transaction", None)
        if self._in_step and not self._depth and not getattr(now, "nested", False):
            if hasattr(bind, "connection") and driver_connection(bind) is self.raw:
                self._forward()
