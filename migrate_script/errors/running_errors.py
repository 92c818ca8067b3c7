"""Errors while scripts run against a database."""

from __future__ import annotations

import signal
from typing import ClassVar, Sequence

from .database_errors import DatabaseError
from .family import MigrateError, cause_text, one_line
from .folder_errors import CORRECT_AND_REPEAT

# unless another database was changed before
_UNCHANGED = ": nothing was changed"
_BY_HAND = (
    "change the schema by hand to what the unfinished revision or the one before it leaves, and "
    "run 'db stamp REVISION' with that one"
)


class LockTimeout(MigrateError):
    """Another migration, or another program, did not end in time."""

    @classmethod
    def held(cls, holder: str, seconds: float, in_process: bool = False) -> LockTimeout:
        of_this, here, option = " of this database", "", "--lock-timeout"
        if in_process:  # begun by a program, which has no command line
            of_this, here, option = "", " in this process", "lock_timeout"
        return cls(
            f"another migration{of_this} is still running{here} after {seconds:g} s ({holder}); "
            f"nothing was changed: wait for it to end, or give {option} more seconds"
        )

    @classmethod
    def one_connection(cls) -> LockTimeout:
        return cls(
            "the pooler before this database gives one connection at a time, and two are needed, "
            "one of them for the lock; nothing was changed: let it have two connections to the "
            "server (default_pool_size or pool_size of PgBouncer), or connect to the server itself"
        )

    @classmethod
    def busy_file(cls, path: str | None, seconds: float) -> LockTimeout:
        return cls(
            f"another program has been writing to '{path or 'the database'}' for {seconds:g} s; "
            "nothing was changed since: stop that program, or give --lock-timeout more seconds"
        )

    @classmethod
    def own_changes(cls, path: str | None) -> LockTimeout:
        return cls(
            f"another connection of this process has changes of '{path}' that are not committed, "
            "so that the migration would wait for ever: commit them, or call db.session.remove(), "
            "before the migration"
        )


class NotProtected(MigrateError):
    """env.py bypasses the hooks of this package, so nothing is run."""

    _WHY = (
        "so the {command} would run without a lock and could not be rolled back; nothing was run: "
        "let env.py call context.configure(connection=...) and context.run_migrations() of "
        "'from alembic import context'"
    )

    @classmethod
    def own_context(cls, command: str) -> NotProtected:
        return cls(
            "env.py runs the migrations of a MigrationContext that did not come from "
            f"context.configure(), {cls._WHY.format(command=command)}"
        )

    @classmethod
    def own_plan(cls, command: str) -> NotProtected:
        return cls(
            f"env.py passes a plan of its own (fn=...), {cls._WHY.format(command=command)}, "
            "without 'fn'"
        )


class NeedsDatabase(MigrateError):
    """With --sql, a script asks the database for something."""

    # what a connection does, and is not asked for rows
    _DONE = (
        "takes values",
        "'begin",
        "'commit'",
        "'exec_driver_sql'",
        "'in_transaction'",
        "'rollback'",
    )

    def __init__(
        self, command: str, revisions: Sequence[str], at: int, start: str, text: str, place: str
    ) -> None:
        revision, last = revisions[at], revisions[-1]
        what = "uses its connection" if any(each in text for each in self._DONE) else "reads rows"
        way_out = f"run 'db {command}' without --sql"
        if command == "upgrade":
            way_out = f"run 'db upgrade {revision}' on the database"
            if at > 0:
                before = f"'db upgrade {start}:{revisions[at - 1]} --sql'"
                way_out = f"write the SQL before it by {before}, {way_out}"
            if revision != last:
                way_out += f", and write the rest by 'db upgrade {revision}:{last} --sql'"
        super().__init__(
            f"revision {revision} {what} ({place}), which a file of SQL cannot do; nothing was "
            f"written: {way_out}"
        )


class NotReady(MigrateError):
    """The preflight found that the first step would fail."""

    @classmethod
    def unwritable(cls, what: str, path: str) -> NotReady:
        why = ", where SQLite writes its journal" if what == "folder" else ""
        return cls(f"the {what} '{path}' cannot be written to{why}: let this user write to it")

    @classmethod
    def no_room(cls, folder: str, free: int, needed: int) -> NotReady:
        return cls(
            f"the disk of '{folder}' has {free} bytes left and {needed} are needed: make room"
        )

    @classmethod
    def standby(cls) -> NotReady:
        return cls("this server is a standby, which only reads: connect to the primary server")

    @classmethod
    def read_only(cls, setting: str) -> NotReady:
        return cls(
            f"this connection to the database only reads ({setting}): switch that off, or connect "
            "with a user who may write"
        )

    @classmethod
    def no_right(cls, user: str, what: str, grant: str) -> NotReady:
        return cls(
            f"the user '{user}' has no right to {what}: run the statement {grant} on the database "
            "as its owner"
        )

    @classmethod
    def no_schema(cls, schema: str, statement: str) -> NotReady:
        return cls(
            f"there is no schema '{schema}', in which env.py keeps the version table "
            f"(version_table_schema): run the statement {statement} on the database"
        )


class LockLost(MigrateError):
    """The connection that holds the lock was closed, so another migration may have begun."""

    def __init__(self, cause: object) -> None:
        reason = f": {cause_text(cause)}" if cause else ""
        super().__init__(
            f"the lock of this migration was lost before its commit{reason}: run the command "
            "again; if it is lost again, connect to the server itself, without the proxy or "
            "firewall that ends idle connections"
        )


class JournalError(MigrateError):
    """A revision that stopped half-way, partly committed, cannot go on."""

    @classmethod
    def other_step(cls, unfinished: str, wanted: str) -> JournalError:
        return cls(
            f"the {unfinished} was stopped half-way and must be finished before the {wanted}: "
            f"run 'db {unfinished.split()[0]}' first, or {_BY_HAND}"
        )

    @classmethod
    def mismatch(cls, step: str, number: int, then: str, now: str) -> JournalError:
        return cls(
            f"the {step} was stopped half-way and cannot go on: its statement {number} was "
            f"[{one_line(then)[:300]}] when it ran and "
            f"{'has other values' if then == now else f'is [{one_line(now)[:300]}]'} now: undo "
            f"that change of the script, or {_BY_HAND}"
        )

    @classmethod
    def returned(cls, step: str, number: int, statement: str) -> JournalError:
        return cls(
            f"the {step} was stopped half-way and cannot go on: its statement {number}, "
            f"[{one_line(statement)[:300]}], has run, and what it returned is no longer known: "
            f"{_BY_HAND}"
        )

    @classmethod
    def table_gone(cls, table: str, copy: str) -> JournalError:
        return cls(
            f"the table '{table}' is missing and its rows are in '{copy}', because a copy of the "
            "table was stopped before its last statement: run the statement "
            f"RENAME TABLE `{copy}` TO `{table}` on the database, then 'db upgrade'"
        )


def with_outcome(error: MigrateError, place: str, outcome: str, command: str) -> MigrateError:
    """Add which database an error is about, the state that it is in, and what to type next."""
    if place and place not in str(error) and not isinstance(error, (Interrupted, NotAgreed)):
        error.args = (f"{place}: {error}",)
    if not outcome and isinstance(error, Interrupted) and not str(error).endswith(_UNCHANGED):
        outcome = "'db current' shows where the database is"  # which cannot be reached now
    if not outcome:
        return error
    text, advice = str(error).rstrip("."), ""
    if isinstance(error, DatabaseError):
        advice = error.advice.format(command=command)
    elif isinstance(error, (Interrupted, NotAgreed)):
        text = text.replace(_UNCHANGED, "")
    elif text.endswith(CORRECT_AND_REPEAT):
        text, advice = text[: -len(CORRECT_AND_REPEAT)], CORRECT_AND_REPEAT
    error.args = (one_line(f"{text}; {outcome}{advice}"),)
    return error


class Interrupted(MigrateError, KeyboardInterrupt):
    """Control-C or SIGTERM ended the command."""

    # of SIGINT, as of a shell's own commands; the console knows of SIGTERM
    status: int = 128 + signal.SIGINT
    exit_code: ClassVar[int] = 128 + signal.SIGINT

    def __init__(self, command: str, unchanged: bool = False) -> None:
        super().__init__(f"'db {command}' was interrupted{_UNCHANGED if unchanged else ''}")


class NothingKept(MigrateError):
    """The transaction of the run is lost: a script rolls it back, or env.py never commits it."""

    @classmethod
    def rolled_back(cls, revision: str) -> NothingKept:
        return cls(
            f"revision {revision} rolls back the transaction of the whole run, by rollback() of a "
            "session or of its connection: let it roll back to a savepoint, by begin_nested()"
        )

    @classmethod
    def level_set(cls, revision: str, has_block: bool) -> NothingKept:
        # which came with Alembic 1.2
        instead = "write 'with op.get_context().autocommit_block():' instead, or " * has_block
        return cls(
            f"revision {revision} sets the isolation level by the driver, which rolls back the "
            f"transaction of the whole run: {instead}do that first in the revision, and run the "
            "revision alone, by 'db upgrade +1'"
        )

    @classmethod
    def never_committed(cls) -> NothingKept:
        return cls(
            "env.py begins a transaction before it calls context.configure(), and does not commit "
            "it, so that nothing was kept: let it call commit(), or connect by engine.begin()"
        )

    @classmethod
    def closed(cls) -> NothingKept:
        return cls(
            "env.py closes the connection before the transaction is committed, so that nothing was "
            "kept: let it close the connection after 'with context.begin_transaction():'"
        )


class NotAgreed(MigrateError):
    """The user answered no."""

    def __init__(self, command: str) -> None:
        super().__init__(
            f"'db {command}' was not confirmed{_UNCHANGED}; answer 'y' to go on, or add --yes"
        )


class LossRefused(NotAgreed):
    """Data would be lost, and --no-loss or Migrate(allow_loss=False) forbids it."""

    def __init__(self, loss: str, by_option: bool) -> None:
        MigrateError.__init__(
            self,
            f"{loss}, which "
            + ("--no-loss" if by_option else "Migrate(allow_loss=False)")
            + f" forbids{_UNCHANGED}; back up what you need, then run the command again "
            + ("without --no-loss" if by_option else "with --yes"),
        )


class CannotDryRun(MigrateError):
    """A dry run could not be undone."""

    @classmethod
    def no_transactions(cls, kind: str) -> CannotDryRun:
        return cls(
            f"--dry-run cannot undo what it does on {kind}, which commits every change of the "
            "schema at once: use --sql to read the statements, or run it on a copy of the database"
        )

    @classmethod
    def commits(cls, what: str, revision: str, where: str = "") -> CannotDryRun:
        stopped = f"stopped revision {revision}" if revision else "stopped"
        # --sql has no connection for what a script does on another one
        sql = "" if where else "use --sql to read the statements, or "
        return cls(
            f"--dry-run {stopped} before [{one_line(what)[:200]}]{where}, which could not be "
            f"undone: {sql}run it on a copy of the database"
        )


class AlterError(MigrateError):
    """A table cannot be altered as asked."""

    @classmethod
    def unclear(cls, kind: str, table: str, candidates: Sequence[str]) -> AlterError:
        has = f"it has {'; '.join(candidates)}" if candidates else "it has none"
        advice = "name it in the revision" if candidates else "leave that out of the revision"
        return cls(
            f"it is not clear which {kind} of the table '{table}' is meant ({has}): {advice}"
        )
