"""The only listeners of statements, commits and rollbacks: an ordered list of observers hears them.

SQLAlchemy calls listeners in the order in which they were added, by whoever added them. Here that
order is a list, which `database.py` writes down.
"""

from __future__ import annotations

import threading
import traceback
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Callable, Iterator, Sequence

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from ..compat.sqlalchemy import ENGINES_TO_LISTEN_TO, execution_options
from ..progress import listener
from ..sql import Statement, classify, keyword_and_kind
from .dbapi import driver_connection, is_idle

#: the execution option that marks one statement of this package
OWN = "migrate_script_own"


class Execution:
    """One statement on its way to the database."""

    def __init__(
        self, connection: Any, cursor: Any, text: str, parameters: Any, context: Any, many: bool
    ) -> None:
        self.connection = connection
        self.cursor = cursor
        self.text = text
        self.parameters = parameters
        self.context = context
        self.many = many
        self.error: BaseException | None = None  # of the driver
        self.line: int | None = None  # of the script, where it failed
        #: what an observer has called when this one has succeeded or failed, and no other one
        self.then: Callable[[], None] | None = None
        self.own: bool = bool((getattr(context, "execution_options", None) or {}).get(OWN))
        #: whether an isolation level of AUTOCOMMIT was set on the connection
        level = execution_options(connection).get("isolation_level")
        self.is_autocommit: bool = level == "AUTOCOMMIT"
        #: the first word, and the kind if that word tells it
        self.keyword: str
        self.kind: str
        self.keyword, self.kind = keyword_and_kind(text, connection.dialect.name)

    @property
    def statement(self) -> Statement:
        return classify(self.text, self.connection.dialect.name)


class Observer:
    """One concern of a database run; a subclass overrides the moments that it needs."""

    #: whether statements between the steps, which are Alembic's, are of no interest
    in_steps_only = False

    def begin_step(self, step: Any) -> None:
        """Called before the function of a revision runs."""

    def end_step(self, step: Any, error: BaseException | None) -> None:
        """Called after the function of a revision has run, or has raised."""

    def before(self, execution: Execution) -> None:
        """Called before a statement; may replace its text and parameters, or refuse by raising."""

    def after(self, execution: Execution) -> None:
        """Called after a statement has succeeded."""

    def failed(self, execution: Execution) -> None:
        """Called after a statement has failed, before the next one at the latest."""

    def begin(self, connection: Any) -> None:
        """Called after SQLAlchemy's connection has begun a transaction."""

    def commit(self, connection: Any) -> None:
        """Called before SQLAlchemy's connection commits; may refuse by raising."""

    def rollback(self, connection: Any) -> None:
        """Called before SQLAlchemy's connection rolls back; may refuse by raising."""

    def session_commit(self, session: Any) -> None:
        """Called, during a step, after a Session has committed its part of a transaction."""

    def before_elsewhere(self, execution: Execution) -> None:
        """Called before a statement on another connection of the same thread, during a step."""

    def commit_elsewhere(self, connection: Any) -> None:
        """Called before another connection of the same thread commits, during a step."""


_MOMENTS = [name for name in vars(Observer) if not name.startswith("_") and name != "in_steps_only"]
_IN_REVERSE = ("end_step", "after", "failed")


class Statements:
    """What one connection executes, commits and rolls back, passed on to observers in order."""

    def __init__(self, connection: Any, raw: Any, observers: Sequence[Observer]) -> None:
        self.connection = connection
        self.raw = raw
        self.running: Execution | None = None
        self.count: int = 0  # of the statements that the step has begun
        self.is_looked_at: bool = False
        # also of a statement that failed: a signal may have ended it here, and not on the server
        self.is_executing: bool = False
        self._thread = threading.get_ident()
        self._in_step: dict[str, list[Any]] = {}
        self._between: dict[str, list[Any]] = {}
        for moment in _MOMENTS:
            in_step = self._in_step[moment] = []
            between = self._between[moment] = []
            for observer in reversed(observers) if moment in _IN_REVERSE else observers:
                if getattr(type(observer), moment) is not getattr(Observer, moment):
                    in_step.append(getattr(observer, moment))
                    if not observer.in_steps_only:
                        between.append(getattr(observer, moment))
        self._now = self._between
        self._script = ""
        names = ["before_cursor_execute", "after_cursor_execute", "commit", "rollback"]
        if not hasattr(connection, "rollback"):  # SQLAlchemy 1; 2 refuses it in a transaction
            names.append("set_connection_execution_options")
        if self._in_step["begin"]:
            names.append("begin")
        of_engine = isinstance(connection.engine, ENGINES_TO_LISTEN_TO)
        target = connection.engine if of_engine else connection
        self._listeners: list[tuple[Any, str, Any]] = []
        for name in names:
            function = getattr(self, f"_{name}")
            if of_engine:
                function = partial(self._if_ours, function)
            self._listeners.append((target, name, function))
        if self._in_step["failed"]:
            # SQLAlchemy 2 takes no listener for it at a connection
            self._listeners.append((connection.engine, "handle_error", self._handle_error))
        if self._in_step["session_commit"]:
            self._listeners.append((Session, "after_commit", self._session_commit))
        if self._in_step["before_elsewhere"]:
            self._listeners.append((Engine, "before_cursor_execute", self._before_elsewhere))
            self._listeners.append((Engine, "commit", self._commit_elsewhere))

    def __enter__(self) -> Statements:
        for target, name, function in self._listeners:
            changes = {"retval": True} if name == "before_cursor_execute" else {}
            event.listen(target, name, function, **changes)
        return self

    def __exit__(self, *_: Any) -> None:
        for each in self._listeners:
            event.remove(*each)

    def _if_ours(self, function: Any, connection: Any, *args: Any) -> Any:
        """Pass on what an engine's listeners hear of our connection."""
        if connection is self.connection or driver_connection(connection) is self.raw:
            return function(connection, *args)
        return args[1:3]  # the statement and its parameters, where they are expected

    @contextmanager
    def step(self, step: Any) -> Iterator[None]:
        """Surround the function of one revision."""
        self._now = self._in_step
        self._script, self.count = step.revision.path, 0
        error: BaseException | None = None
        try:
            for call in self._now["begin_step"]:
                call(step)
            yield
            if self.running is not None:
                self._settle()
        except BaseException as caught:
            error = caught
            raise
        finally:
            self._now = self._between
            with ExitStack() as stack:  # each is called, also if one raises
                for call in reversed(self._in_step["end_step"]):
                    stack.callback(call, step, error)

    def look(self) -> tuple[int, str]:
        """Return the number and the text of the statement that is executed, for another thread."""
        self.is_looked_at = True
        running = self.running if self.is_executing else None
        return self.count, running.text if running is not None else ""

    # -- what SQLAlchemy calls ---------------------------------------------------------------------

    def _before_cursor_execute(
        self, connection: Any, cursor: Any, text: str, parameters: Any, context: Any, many: bool
    ) -> tuple[str, Any]:
        if self.running is not None:
            self._settle()
        execution = Execution(connection, cursor, text, parameters, context, many)
        for call in self._now["before"]:
            call(execution)
        self.running, self.is_executing = execution, True
        self.count += 1
        return execution.text, execution.parameters

    def _after_cursor_execute(self, *_: Any) -> None:
        execution, self.running = self.running, None
        self.is_executing = False
        if self.is_looked_at:
            self.is_looked_at = False
            listener().executed()
        if execution is not None:
            for call in self._now["after"]:
                call(execution)
            if execution.then is not None:
                execution.then()

    def _handle_error(self, context: Any) -> None:
        if context.connection is self.connection and self.running is not None:
            self.running.error = context.original_exception
            calls = traceback.extract_stack()
            self.running.line = next((c.lineno for c in calls if c.filename == self._script), None)

    def _settle(self) -> None:
        """Report a statement that never came to its end: it failed, and the script went on."""
        execution, self.running = self.running, None
        if execution is not None:
            for call in self._now["failed"]:
                call(execution)
            if execution.then is not None:
                execution.then()

    def _begin(self, connection: Any) -> None:
        for call in self._now["begin"]:
            call(connection)

    def _commit(self, connection: Any) -> None:
        if self.running is not None:
            self._settle()
        for call in self._now["commit"]:
            call(connection)

    def _rollback(self, connection: Any) -> None:
        self._settle()
        for call in self._now["rollback"]:
            call(connection)

    def _set_connection_execution_options(self, connection: Any, options: Any) -> None:
        """Commit before the isolation level changes: psycopg2 would roll back, without a word."""
        if "isolation_level" in options and is_idle(self.raw) is False:
            self._commit(connection)
            connection.dialect.do_commit(connection.connection)

    def _session_commit(self, session: Any) -> None:
        for call in self._now["session_commit"]:
            call(session)

    def _before_elsewhere(
        self, connection: Any, cursor: Any, text: str, parameters: Any, context: Any, many: bool
    ) -> tuple[str, Any]:
        if self._is_elsewhere(connection):
            execution = Execution(connection, cursor, text, parameters, context, many)
            for call in self._now["before_elsewhere"]:
                call(execution)
        return text, parameters

    def _commit_elsewhere(self, connection: Any) -> None:
        if self._is_elsewhere(connection):
            for call in self._now["commit_elsewhere"]:
                call(connection)

    def _is_elsewhere(self, connection: Any) -> bool:
        in_step = self._now is self._in_step and threading.get_ident() == self._thread
        return in_step and driver_connection(connection) is not self.raw
