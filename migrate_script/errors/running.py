"""What goes wrong while scripts run against a database."""

from __future__ import annotations

from typing import Sequence

from .database import DatabaseError
from .folder import CORRECT_AND_REPEAT
from .words import MigrateError, cause_text, one_line


class LockTimeout(MigrateError):
    """Another migration, or another program, did not end in time."""

    @classmethod
    def held(cls, holder: str, seconds: float) -> LockTimeout:
        return cls(
            f"another migration of this database is still running after {seconds:g} s ({holder}); "
            "nothing was changed: wait for it to end, or give --lock-timeout more seconds"
        )

    @classmethod
    def in_process(cls, holder: str, seconds: float) -> LockTimeout:
        return cls(
            f"another migration is still running in this process after {seconds:g} s ({holder}); "
            "nothing was changed: wait for it to end, or give --lock-timeout more seconds"
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


class NotReady(MigrateError):
    """The first step would certainly fail, so it is not begun."""

    @classmethod
    def file(cls, path: str) -> NotReady:
        return cls(f"the file '{path}' cannot be written to: let this user write to it")

    @classmethod
    def folder(cls, path: str) -> NotReady:
        return cls(
            f"the folder '{path}' cannot be written to, where SQLite notes how to undo a change: "
            "let this user write to it"
        )

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


class LockLost(MigrateError):
    """The connection that keeps the lock has ended, so another migration may have begun."""

    def __init__(self, cause: object) -> None:
        reason = f": {cause_text(cause)}" if cause else ""
        super().__init__(
            f"the lock of this migration was lost before its commit{reason}: "
            "run the command again, and see that the server does not end idle connections"
        )


class JournalError(MigrateError):
    """A revision that stopped half-way, part of which stands, cannot go on."""

    @classmethod
    def other_step(cls, unfinished: str, wanted: str) -> JournalError:
        return cls(
            f"the {unfinished} was stopped half-way and must be finished before the {wanted}: "
            f"run the {unfinished.split()[0]} again, or, once the schema is in order by hand, "
            "'db stamp REVISION'"
        )

    @classmethod
    def mismatch(cls, step: str, number: int, then: str, now: str) -> JournalError:
        return cls(
            f"the {step} was stopped half-way and cannot go on: its statement {number} was "
            f"[{one_line(then)[:300]}] when it ran and "
            f"{'has other values' if then == now else f'is [{one_line(now)[:300]}]'} now: make the "
            "script as it was, or put the schema in order by hand and 'db stamp REVISION'"
        )

    @classmethod
    def returned(cls, step: str, number: int, statement: str) -> JournalError:
        return cls(
            f"the {step} was stopped half-way and cannot go on: its statement {number}, "
            f"[{one_line(statement)[:300]}], has run, and what it returned is not known any more: "
            "put the schema in order by hand and 'db stamp REVISION'"
        )

    @classmethod
    def table_gone(cls, table: str, copy: str) -> JournalError:
        return cls(
            f"the table '{table}' is missing and its rows are in '{copy}', because a copy of the "
            "table was stopped before its last statement: run the statement "
            f"RENAME TABLE `{copy}` TO `{table}` on the database, then 'db upgrade'"
        )


def with_outcome(error: MigrateError, outcome: str, command: str) -> MigrateError:
    """Add to what a failed run says what it has left, and what to type next.

    :param error: the error
    :param outcome: where the database is now
    :param command: the command that failed
    :raises: nothing
    """
    if not outcome:
        return error
    text, advice = str(error).rstrip("."), ""
    if isinstance(error, DatabaseError):
        advice = f": remove the cause and run 'db {command}' again"
    elif isinstance(error, NotAgreed):
        text = text.replace(NotAgreed.NOTHING, "")
    elif text.endswith(CORRECT_AND_REPEAT):
        text, advice = text[: -len(CORRECT_AND_REPEAT)], CORRECT_AND_REPEAT
    error.args = (one_line(f"{text}; {outcome}{advice}"),)
    return error


class Interrupted(MigrateError, KeyboardInterrupt):
    """A person or the system ended the command: Control-C, or SIGTERM."""

    def __init__(self, command: str) -> None:
        super().__init__(f"'db {command}' was interrupted")


class RolledBack(MigrateError):
    """A script rolled back more than was its own."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"revision {revision} rolls back the transaction of the whole run, by rollback() of a "
            "session or of its connection: let it roll back to a savepoint, by begin_nested()"
        )


class NothingKept(MigrateError):
    """All steps ran in a transaction that was never committed."""

    def __init__(self) -> None:
        super().__init__(
            "env.py begins a transaction before it calls context.configure(), and does not commit "
            "it, so that nothing was kept: let it call commit(), or connect by engine.begin()"
        )


class NotAgreed(MigrateError):
    """A person was asked, and said no."""

    # as long as no other database was changed before
    NOTHING = ": nothing was changed"

    def __init__(self, command: str) -> None:
        super().__init__(f"'db {command}' was not wanted{self.NOTHING}")


def losing(lost: Sequence[str]) -> str:
    """Say what goes for ever with a downgrade.

    :param lost: tables and columns
    :raises: nothing
    """
    return f"this downgrade loses {', '.join(lost)}"


def broken_by_column(table: str, kind: str, name: str) -> str:
    """Say what cannot be used since a column was added.

    :param table: where
    :param kind: `view` or `trigger`
    :param name: its own
    :raises: nothing
    """
    return (
        f"the column that was added to '{table}' leaves the {kind} '{name}' unusable: drop it and "
        "create it again, in a revision, for the columns that there are now"
    )


class CannotDryRun(MigrateError):
    """A dry run would leave something."""

    @classmethod
    def no_transactions(cls, kind: str) -> CannotDryRun:
        return cls(
            f"--dry-run cannot undo what it does on {kind}, which commits every change of the "
            "schema at once: use --sql to read the statements, or a copy of the database"
        )

    @classmethod
    def commits(cls, what: str, revision: str, where: str = "") -> CannotDryRun:
        stopped = f"stopped revision {revision}" if revision else "stopped"
        return cls(
            f"--dry-run {stopped} before [{one_line(what)[:200]}]{where}, which could not be "
            "undone: use --sql to read the statements, or a copy of the database"
        )


class VerifyFailed(MigrateError):
    """After the last step the models and the database still differ."""

    def __init__(self, differences: Sequence[str]) -> None:
        super().__init__(
            f"the models and the database would differ after the last step: "
            f"{', '.join(differences)}: 'db migrate' writes them into a revision"
        )
        self.differences = list(differences)


class ForeignKeysBroken(MigrateError):
    """Rows refer to rows that are not there, or tables to no key, since a revision.

    Also the words of a warning.
    """

    def __init__(
        self,
        revision: str,
        counts: Sequence[tuple[tuple[str, str], int]],
        keyless: Sequence[tuple[str, str]],
        kept: str,
    ) -> None:
        found = [
            f"{count} row(s) of '{table}' refer to missing rows of '{parent}'"
            for (table, parent), count in counts
        ]
        found += [
            f"'{table}' refers to columns of '{parent}' that are no key of it any more"
            for table, parent in keyless
        ]
        cures = ["correct those rows"] * bool(counts) + [
            "drop the foreign key first, make the key again, or set 'allow_loss = True'"
        ] * bool(keyless)
        advice = " and ".join(cures)
        advice = (
            f"{kept}, so nothing was undone; {advice}"
            if kept
            else f"{advice} in the revision, or before it"
        )
        super().__init__(f"since revision {revision}, {', '.join(found)}: {advice}")


# what a downgrade drops was perhaps never made: some scripts leave things out on SQLite
_NOT_THERE = "correct the name in the revision, or leave out what this database never had"


class AlterError(MigrateError):
    """A table of SQLite cannot be put together again as asked.

    `what` and `missing` say what is not there: a table, a column, an index, or a constraint.
    """

    what, missing = "", ""

    @classmethod
    def unreadable(cls, table: str, reason: object) -> AlterError:
        return cls(
            f"the table '{table}' cannot be altered, since its definition cannot be taken apart "
            f"({cause_text(reason)}): alter it by SQL, with op.execute()"
        )

    @classmethod
    def nothing_there(cls, what: str, name: str | None, table: str) -> AlterError:
        # scripts look for the words that SQLite and Alembic begin with
        begins = {"column": f"no such column: '{name}'", "index": f"No such index: '{name}'"}
        begin = begins.get(what, f"No such constraint: '{name}', a {what}")
        error = cls(
            f"{begin} of the table '{table}': {_NOT_THERE}"
            if name
            else f"it is not clear which {what} of the table '{table}' is meant: name it in the "
            "revision"
        )
        error.what, error.missing = what, str(name)
        return error

    @classmethod
    def no_table(cls, table: str) -> AlterError:
        error = cls(f"no such table: '{table}': {_NOT_THERE}")
        error.what, error.missing = "table", table
        return error

    @classmethod
    def no_column_left(cls, table: str) -> AlterError:
        return cls(
            f"the table '{table}' would be left without a column, which SQLite does not allow: "
            "add the new column before the old one is dropped, or drop the table, with "
            f"op.drop_table({table!r})"
        )

    @classmethod
    def unknown_offline(cls, reason: str) -> AlterError:
        return cls(
            "the SQL to alter a table of SQLite depends on what the table is like, and that is not "
            f"known here ({one_line(reason)}): give --sql where the database is at the revision "
            "that the SQL starts from, or write the SQL from 'base'"
        )

    @classmethod
    def lost(cls, table: str, what: Sequence[str]) -> AlterError:
        return cls(
            f"altering '{table}' would break or lose {', '.join(what)}: drop it in the revision "
            "before, and create it again after; or allow it by 'allow_loss = True' in the revision"
        )

    @classmethod
    def defended(cls, table: str, reason: object) -> AlterError:
        return cls(
            f"'{table}' cannot be altered without touching the rows that refer to it, since this "
            f"SQLite protects its schema ({cause_text(reason)}): use Python 3.12 or later, or "
            "switch 'PRAGMA foreign_keys' off for the connection of the migration"
        )
