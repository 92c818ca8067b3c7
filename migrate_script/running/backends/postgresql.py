"""PostgreSQL: checks of rights, a time limit for locks, and what a failed revision committed.

PostgreSQL rolls a failed revision back, except for what ran in an `autocommit_block()`, before a
commit of the script, or on a connection that commits each statement. When such a revision fails,
each statement that remains is reported. The next run repeats all of them.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import Any, Iterator, NamedTuple, Sequence

from sqlalchemy import exc

from ... import errors
from ...compat.alembic import quoted_version_table
from ...sql import DDL, DML, Statement
from ..dbapi import (
    driver_connection,
    execute,
    fetch_all,
    is_idle,
    separate_connection,
    sql_literal,
    sqlstate,
)
from ..locking.advisory_lock import PostgreSQLLock
from ..own_connections import OwnConnections
from ..statements import Execution, Observer
from ..unnamed_constraints import constraints_found
from .base import Backend

_LOCK_NOT_AVAILABLE = "55P03"
_BUILD = "CREATE INDEX CONCURRENTLY"
# a role that the user may take counts: a script may take it
_RIGHTS = """
SELECT current_user::text, pg_is_in_recovery(), current_setting('transaction_read_only'),
    q.name, n.oid IS NOT NULL, c.relname,
    EXISTS (SELECT 1 FROM pg_roles r WHERE pg_has_role(r.oid, 'MEMBER')
        AND (has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE')
            OR has_table_privilege(r.oid, c.oid, 'DELETE'))),
    n.oid IS NULL OR EXISTS (SELECT 1 FROM pg_roles r WHERE pg_has_role(r.oid, 'MEMBER')
        AND has_schema_privilege(r.oid, n.oid, 'CREATE'))
FROM (SELECT coalesce({schema}, current_schema()::text) AS name) q
LEFT JOIN pg_namespace n ON n.nspname = q.name
LEFT JOIN pg_class c ON c.relname = {table} AND c.relkind IN ('r', 'p', 'v', 'f')
    AND CASE WHEN {schema} IS NULL THEN pg_table_is_visible(c.oid) ELSE c.relnamespace = n.oid END
"""


class PostgreSQLBackend(Backend):
    """A database of a PostgreSQL server."""

    transactional = can_dry_run = True
    _blockers = ""
    _committed: CommittedStatements
    _own: OwnConnections

    @property
    def observers(self) -> Sequence[Observer]:  # type: ignore[override]
        self._committed = CommittedStatements(self.connection)
        self._own = OwnConnections(self.connection, self.raw, self.lock)
        return [self._own, self._committed]

    def preflight(self, context: Any) -> None:
        """Check that the server takes writes, and that the user may record the version."""
        names = {"schema": context.version_table_schema, "table": context.version_table}
        query = _RIGHTS.format(**{key: sql_literal(name) for key, name in names.items()})
        found = fetch_all(self.connection, query)[0]
        user, standby, reads, schema, is_there, table, may_write, may_create = found
        preparer = self.connection.dialect.identifier_preparer
        if standby:
            raise errors.NotReady.standby()
        if reads == "on":
            raise errors.NotReady.read_only("default_transaction_read_only")
        if schema is not None and not is_there:
            raise errors.NotReady.no_schema(schema, f"CREATE SCHEMA {preparer.quote(schema)}")
        if table is not None and not may_write:
            what = quoted_version_table(context)
            grant = f"GRANT INSERT, UPDATE, DELETE ON {what} TO {preparer.quote(user)}"
            raise errors.NotReady.no_right(user, f"write to '{what}'", grant)
        if table is None and not may_create:
            grant = f"GRANT CREATE ON SCHEMA {preparer.quote(schema)} TO {preparer.quote(user)}"
            raise errors.NotReady.no_right(user, f"create tables in the schema '{schema}'", grant)

    def runs_outside(self, execution: Execution) -> bool:
        statement = execution.statement
        if statement.concurrently or statement.verb.startswith("VACUUM"):
            return True  # or would be refused
        return super().runs_outside(execution)

    def __enter__(self) -> Backend:
        if self.connection.in_transaction():
            self.begin(self.connection)
        return self

    def begin(self, connection: Any) -> None:
        if self.settings.ddl_lock_timeout is None:
            return
        milliseconds = max(1, round(self.settings.ddl_lock_timeout * 1000))
        execute(self.raw, f"SELECT set_config('lock_timeout', '{milliseconds}', true)")

    @contextmanager
    def step(self, context: Any, step: Any) -> Iterator[None]:
        try:
            with constraints_found(context):
                yield
        except exc.DBAPIError as error:
            if sqlstate(error.orig) == _LOCK_NOT_AVAILABLE and isinstance(
                self.lock, PostgreSQLLock
            ):
                # asked at once, while the other session still holds its lock
                blockers = self.lock.blockers(error.statement or "", self.connection)
                self._blockers = "; ".join(filter(None, (blockers, self._own.outcome())))
            raise

    def committed(self) -> str:
        return "; ".join(filter(None, (self._blockers, self._committed.outcome())))


class _Executed(NamedTuple):
    step: Any
    kind: str
    text: str


class CommittedStatements(Observer):
    """Observes one connection; after a failure `outcome` says what was committed."""

    def __init__(self, connection: Any) -> None:
        self._raw = driver_connection(connection)
        self._pool, self._dialect = connection.engine.pool, connection.dialect
        self._step: Any = None
        self._open: list[_Executed] = []  # in the transaction that is open
        # in a commit, during a step or between two, until it is known to have succeeded
        self._committing: tuple[Any, list[_Executed]] | None = None
        self._committed: list[_Executed] = []  # whose revision is not recorded yet
        self._savepoints: dict[str, int] = {}
        self._build: Statement | None = None  # of an index, until it succeeds

    # -- steps and transactions --------------------------------------------------------------------

    def begin_step(self, step: Any) -> None:
        self._confirm()
        self._step = step

    def end_step(self, step: Any, error: BaseException | None) -> None:
        if getattr(error, "statement", "") is None:
            self._committing = None  # SQLAlchemy's error of a commit names no statement
        self._confirm()
        if error is not None and not isinstance(error, Exception):
            self._build = None  # interrupted: the server may still build the index
        self._step = None

    def commit(self, connection: Any) -> None:
        self._confirm()
        self._committing = self._step, self._open
        self._open, self._savepoints = [], {}

    def _confirm(self) -> None:
        if self._committing is None:
            return
        step, statements = self._committing
        self._committing = None
        if is_idle(self._raw) is False:
            self._open = statements + self._open  # `script_rollback` keeps the transaction open
            return
        # what was committed records the revisions before this step, or all between two steps
        known = self._committed + statements
        self._committed = [each for each in known if each.step is step]

    def begin(self, connection: Any) -> None:
        self._confirm()

    def rollback(self, connection: Any) -> None:
        self._committing = None
        if self._step is None:
            self._open = []
        while self._open and self._open[-1].kind == DML:
            self._open.pop()  # `script_rollback` leaves what precedes a change of the schema

    # -- statements --------------------------------------------------------------------------------

    def before(self, execution: Execution) -> None:
        self._confirm()
        if _builds_concurrently(execution):
            self._build = execution.statement
            if self._is_idle():
                drop_invalid_index(self._raw, self._build)

    def after(self, execution: Execution) -> None:
        if _builds_concurrently(execution):
            self._build = None
        kind = execution.kind or self._kind_of(execution)
        if kind in (DML, DDL):
            if not execution.own and self._step is not None:
                self._open.append(_Executed(self._step, kind, execution.text))
            if self._is_idle():
                self.commit(execution.connection)
                self._confirm()

    def _kind_of(self, execution: Execution) -> str:
        """Return the kind of a statement; follow what it says about transactions."""
        statement, name = execution.statement, "".join(execution.statement.names)
        if statement.verb == "ROLLBACK":
            self._open = []
        elif statement.verb == "SAVEPOINT":
            self._savepoints[name] = len(self._open)
        elif statement.verb == "ROLLBACK TO":
            del self._open[self._savepoints.get(name, len(self._open)) :]
        elif statement.verb == "COMMIT":
            self.commit(execution.connection)
            self._confirm()
        return statement.kind

    def _is_idle(self) -> bool:
        """Whether no transaction is open, as far as is known."""
        idle = is_idle(self._raw)
        return bool(getattr(self._raw, "autocommit", False) if idle is None else idle)

    # -- after a failure ---------------------------------------------------------------------------

    def outcome(self) -> str:
        """Which statements were committed, in a sentence; empty if none. Drops a broken index."""
        if self._build is not None:
            # every driver has its own error for a server that is gone
            with suppress(Exception), separate_connection(self._pool) as raw:
                self._dialect.set_isolation_level(raw, "AUTOCOMMIT")
                execute(raw, "SET lock_timeout = '10s'")
                drop_invalid_index(raw, self._build)
        count = len(self._committed)
        if not count:
            return ""
        were = "statement was" if count == 1 else "statements were"
        texts = ", ".join(f"[{' '.join(each.text.split())[:100]}]" for each in self._committed)
        return (
            f"{count} {were} committed and will run again unless undone or taken out of the "
            f"script: {texts}"
        )


def _builds_concurrently(execution: Execution) -> bool:
    # most statements are not parsed for it
    return "CONCURRENTLY" in execution.text.upper() and execution.statement.verb == _BUILD


def drop_invalid_index(raw: Any, statement: Statement) -> None:
    """Drop the unusable index that an earlier attempt of a CREATE INDEX CONCURRENTLY left."""
    schema = statement.paths[0][:-1] if statement.paths else ()
    path = (*schema, *(statement.objects[0] if statement.objects else ()))
    name = ".".join('"' + part.replace('"', '""') + '"' for part in path)
    is_invalid = f"indexrelid = to_regclass({sql_literal(name)}) AND NOT indisvalid"
    if execute(raw, f"SELECT 1 FROM pg_index WHERE {is_invalid}"):
        execute(raw, f"DROP INDEX CONCURRENTLY {name}")
