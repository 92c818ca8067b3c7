"""Says where a run has left a database: after a failure, or where there was nothing to run."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Iterator, Sequence

from alembic.autogenerate import compare_metadata

from ..compat.alembic import quoted_version_table
from ..errors import no_revision_yet
from ..inspecting import find
from ..inspecting.differences import described
from ..inspecting.headers import headers_of
from .dbapi import execute, fetch_all, separate_connection


def bind_of(context: Any) -> str | None:
    """Return the name of the bind that a context is for; None for the only or first database."""
    # env.py of several databases names each in the tokens that mark its part of a script
    token = re.fullmatch("(.*)_upgrades", str(context.opts.get("upgrade_token")))
    return token.group(1) if token else None


def place_of(context: Any, bind: str | None, schema: str | None, of_several: bool) -> str:
    """Name what a context is for, among several databases, schemas or version tables of a run."""
    if bind is not None:
        return f"the database '{bind or 'default'}'"
    schema = context.version_table_schema or schema
    if schema not in (None, "public"):
        return f"the schema '{schema}'"
    return f"the version table '{context.version_table}'" if of_several else ""


class Outcome:
    """Compares the version of a database after a run that failed with the one before it."""

    def __init__(self, context: Any, file: str | None) -> None:
        self.before: tuple[str, ...] = ()
        self.steps: list[Any] = []
        self.context = context
        self._bind = bind_of(context)  # the next `configure` changes the options of all contexts
        self._pool = context.connection.engine.pool
        # a database in memory is gone with its connection
        self._remains = context.dialect.name != "sqlite" or file is not None
        self._schema: str | None = None
        if context.dialect.name == "postgresql" and not context.version_table_schema:
            self._schema = _schema_of_version_table(context)

    def sentence(self, of_several: bool) -> str:
        """Say at which version a run that failed has left the database, if that can be read."""
        if not self._remains:
            return ""
        try:
            with separate_connection(self._pool) as raw:
                now = self._read(raw)
        except Exception:  # each driver has its own
            return ""
        called = ""
        if of_several or self._bind is not None:
            called = place_of(self.context, self._bind, self._schema, of_several)
        at = " and ".join(now) or "no revision"
        same = sorted(now) == sorted(self.before)
        return f"{called or 'the database'} is at {at}" + (
            ", as before" if same else self._progress(now)
        )

    def _progress(self, now: tuple[str, ...]) -> str:
        steps = [step for step in self.steps if hasattr(step, "revision")]  # a stamp has none
        count = len(steps)
        for number, step in reversed(list(enumerate(steps, 1))):
            parents = step.revision.down_revision or ()
            parents = {parents} if isinstance(parents, str) else set(parents)
            after = {step.revision.revision} if step.is_upgrade else parents
            if after & set(now) or not (after or now):
                return f", after {number} of {count} revisions"
        return ""

    def _read(self, raw: Any) -> tuple[str, ...]:
        """Read the version with the driver."""
        table = quoted_version_table(self.context)
        # the search path of another connection may differ
        table = f"{self._schema}.{table}" if self._schema else table
        try:
            rows = execute(raw, f"SELECT version_num FROM {table}")
        except Exception:
            if self.before:
                raise
            raw.rollback()
            execute(raw, "SELECT 1")  # the server answers, so only the table is missing
            return ()
        return tuple(sorted(row[0] for row in rows))


def _schema_of_version_table(context: Any) -> str | None:
    """Return the schema in which PostgreSQL finds the version table, or would create it."""
    table = quoted_version_table(context).replace("'", "''")
    query = (
        "SELECT coalesce((SELECT relnamespace::regnamespace::text FROM pg_class "
        f"WHERE oid = to_regclass('{table}')), quote_ident(current_schema()))"
    )
    schema: str | None = fetch_all(context.connection, query)[0][0]
    return schema


class AtTarget:
    """A version table for which a command had nothing to run."""

    def __init__(self, context: Any, heads: Sequence[str], schema: str | None) -> None:
        self.heads: list[str] = sorted(heads)
        self.target: Any = context.opts.get("destination_rev")
        self._context, self._schema = context, schema
        self._bind = bind_of(context)  # as in `Outcome`
        self._table = context.version_table
        self._database = context.connection.engine.url.database

    def place(self, others: Sequence[AtTarget]) -> str:
        """Name it among the others of the command."""
        if self._bind == "":
            return "the database 'default'"
        if self._bind is None and len({other._database for other in others}) > 1:
            return f"the database '{self._database}'"
        of_several = len({other._table for other in others}) > 1
        return place_of(self._context, self._bind, self._schema, of_several) or "the database"


def nothing_to_do(command: str, config: Any, found: Sequence[AtTarget]) -> Iterator[str]:
    """Say of each version table that there was nothing to run, and where it is."""
    headers = headers_of(config)
    newest = headers.heads() or [script.revision for script in find(config, "heads")]
    if not newest:
        folder = config.get_main_option("script_location")
        yield f"Nothing to {command}: {no_revision_yet(folder)}."
        return
    for one in found:
        at = " and ".join(f"{head} (head)" if head in newest else head for head in one.heads)
        targets: list[Any] = []
        if not headers.are_at(one.target, one.heads):
            with suppress(Exception):  # not every release resolves what it has run
                targets = find(config, one.target)
        others = " and ".join(each.revision for each in targets if each.revision not in one.heads)
        relation = {"upgrade": "which contains", "downgrade": "which does not contain"}
        yield (
            f"Nothing to {command}: {one.place(found)} is at {at or 'no revision'}"
            + (f", {relation[command]} {others}." if others else ".")
        )


def differences(context: Any) -> tuple[list[Any], list[str]]:
    """Return what differs between the models and the database, for Alembic and in words."""
    metadata = context.opts.get("target_metadata")
    if metadata is None:
        return [], []
    from ..compat.reflection import comparing  # only for the runs that need it

    with comparing(context):
        found = list(compare_metadata(context, metadata))
    return found, described(found, context.opts.get("upgrade_token"))
