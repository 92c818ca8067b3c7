"""MySQL and MariaDB: checks before the first step, and a journal, since DDL commits itself."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import Any, Iterator, Sequence

from sqlalchemy import exc

from ... import errors
from ..dbapi import fetch_all, sql_literal
from ..journal import Journal, is_left, table_of
from ..locking.advisory_lock import MySQLLock
from ..own_connections import OwnConnections
from ..statements import Observer
from ..unnamed_constraints import constraints_found
from .base import Backend

_LOCK_WAIT_TIMEOUT = 1205
_READ_ONLY = """
SHOW VARIABLES WHERE Variable_name IN ('read_only', 'super_read_only', 'innodb_read_only',
    'tx_read_only', 'transaction_read_only')
"""
_SCHEMA = "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = "


class MySQLBackend(Backend):
    """A database of a server that cannot roll the schema back."""

    _journal: Journal
    _own: OwnConnections
    _blocker = ""

    @property
    def observers(self) -> Sequence[Observer]:  # type: ignore[override]
        self._journal = Journal(self.connection)
        self._own = OwnConnections(self.connection, self.raw, self.lock)
        return [self._own, self._journal]

    def preflight(self, context: Any) -> None:
        """Check that the server takes writes.

        What MySQL grants is not looked up: roles, patterns and the levels of its grants cannot be
        added up in one query, and the journal is written first anyway.
        """
        rows = fetch_all(self.connection, _READ_ONLY)
        on = {name.lower() for name, value in rows if value not in ("OFF", "0")}
        for name in ("innodb_read_only", "super_read_only"):
            if name in on:
                raise errors.NotReady.read_only(name)
        if on & {"tx_read_only", "transaction_read_only"}:
            raise errors.NotReady.read_only("READ ONLY")
        if "read_only" in on and not self._is_exempt():
            raise errors.NotReady.read_only("read_only")
        schema = context.version_table_schema
        if schema and not fetch_all(self.connection, _SCHEMA + sql_literal(schema)):
            quoted = self.connection.dialect.identifier_preparer.quote(schema)
            raise errors.NotReady.no_schema(schema, f"CREATE DATABASE {quoted}")

    def _is_exempt(self) -> bool:
        """Whether the user may write to a read-only server, as far as is known."""
        user = fetch_all(self.connection, "SELECT CURRENT_USER()")[0][0]
        grantee = "@".join(f"'{part}'" for part in user.rsplit("@", 1))
        granted = fetch_all(
            self.connection,
            "SELECT PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES "
            f"WHERE GRANTEE = {sql_literal(grantee)}",
        )
        known = {name.replace("_", " ").upper() for (name,) in granted}
        return bool(known & {"SUPER", "CONNECTION ADMIN", "READ ONLY ADMIN"})

    def before_steps(self, context: Any, steps: list[Any]) -> None:
        self._journal.open(context)
        if self.stamps:
            self._journal.end()

    @contextmanager
    def step(self, context: Any, step: Any) -> Iterator[None]:
        try:
            with constraints_found(context):
                yield
        except exc.DBAPIError as error:
            if error.orig is not None and error.orig.args[:1] == (_LOCK_WAIT_TIMEOUT,):
                # asked at once, while the other session still holds its lock
                self._blocker = self._own.outcome() or self._others()
            raise

    def _others(self) -> str:
        # every driver has its own error for a user who may not see other sessions
        with suppress(Exception):
            if isinstance(self.lock, MySQLLock):
                return self.lock.blockers(self.raw.thread_id())
        return ""

    def after_steps(self) -> None:
        self._journal.finish()

    def has_leftovers(self, context: Any) -> bool:
        table = table_of(context)
        return table.exists() if self.stamps else is_left(table)

    def committed(self) -> str:
        return "; ".join(filter(None, (self._blocker, self._journal.outcome())))
