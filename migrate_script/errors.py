"""Every failure a user can meet, and the words for it.

::

    MigrateError                    status 1
    +-- UsageError                  status 2: the command line is wrong
    |   +-- NoSuchCommand, NoSuchOption
    +-- NotConfigured               no application context, or no Migrate(app, db)
    +-- FolderError                 the migrations folder is missing, in the way or unreadable
    +-- ScriptError                 a file of the folder cannot be used: env.py, a revision
    +-- RevisionError               no such revision, several heads, ...
    +-- NewFileError                a new revision cannot be written as asked
    +-- DatabaseError               the database refuses: connection or statement
    +-- DifferencesFound            `check` found the models and the database apart
    +-- NotAtHead                   `current --check-heads` found the database behind
    +-- LockTimeout, LockLost       another migration runs, or may run
    +-- JournalError                an unfinished revision cannot go on
    +-- NeedsNewerAlembic           the installed Alembic cannot do it
    +-- AlembicError                anything else that Alembic refuses
    +-- Unexpected                  anything else at all

A constructor takes the facts and builds the sentence: what happened, with which value, what to
type next. Nothing here prints; `cli.console` does, and a program that imports the package
catches `MigrateError`.
"""

from __future__ import annotations

import re
from typing import Any, Sequence

_SECRET = re.compile(r"(://[^:/@\s'\"]*:)[^\s'\"]*@")
_SECRET_OF_NO_URL = re.compile(r"([\w.+-]+:)[^\s'\"@]+@")


def without_passwords(text: str, strictly: bool = False) -> str:
    """Replace the password of every URL in a text by `***`.

    :param text: any text, such as a driver's message
    :param strictly: do so as well for what looks like the end of a URL, `user:password@host`
    :raises: nothing
    """
    text = _SECRET.sub(r"\1***@", text)
    return _SECRET_OF_NO_URL.sub(r"\1***@", text) if strictly else text


def one_line(text: object) -> str:
    """Fold a text into one line without passwords.

    :param text: anything with a `str()`
    :raises: nothing
    """
    return without_passwords(" ".join(str(text).split()))


def cause_of(error: BaseException) -> str:
    """Say what an exception of somebody else's says, in one line, with its type where it helps.

    :param error: the exception
    :raises: nothing
    """
    text = one_line(error)
    name = type(error).__name__
    return f"{name}: {text}" if text else name


class MigrateError(Exception):
    """The base of the family: a sentence for the user and an exit status.

    :param sentence: what happened, with which value, what to type next
    :raises: nothing
    """

    status = 1

    def __init__(self, sentence: str) -> None:
        super().__init__(one_line(sentence))


class UsageError(MigrateError):
    """The command line is wrong."""

    status = 2


class NoSuchCommand(UsageError):
    """There is no command of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no command '{name}': 'db --help' lists them all")


class NoSuchOption(UsageError):
    """The command has no option of that name."""

    def __init__(self, command: str, option: str) -> None:
        super().__init__(
            f"'{command}' has no option '{option}': '{command} --help' lists those it has"
        )


class TooManyArguments(UsageError):
    """The command takes fewer arguments."""

    def __init__(self, command: str, extra: str) -> None:
        super().__init__(
            f"'{command}' does not take the argument '{extra}': "
            f"'{command} --help' shows what it takes"
        )


class GivenTwice(UsageError):
    """Two ways to say the same thing were used at once."""

    def __init__(self, command: str, one: str, other: str) -> None:
        super().__init__(f"'{command}' got both '{one}' and '{other}': give one of them")


class BadValue(UsageError):
    """An option or argument has a value that cannot be used."""

    def __init__(self, command: str, reason: str) -> None:
        super().__init__(f"'{command}': {reason.rstrip('.')}: '{command} --help' shows how")


class NotConfigured(MigrateError):
    """There is no application, or it has no database to migrate."""

    @classmethod
    def no_context(cls) -> NotConfigured:
        return cls("there is no application here: call this inside 'with app.app_context():'")

    @classmethod
    def no_migrate(cls, app_name: str) -> NotConfigured:
        return cls(
            f"the application '{app_name}' has no database to migrate: "
            "add 'Migrate(app, db)', or 'migrate.init_app(app, db)' where the application is made"
        )


class FolderError(MigrateError):
    """The migrations folder is missing, in the way or unreadable."""

    @classmethod
    def missing(cls, directory: str, absolute: str) -> FolderError:
        return cls(
            f"there is no migrations folder '{directory}' (looked for {absolute}): "
            "create it with 'db init', or name another one with --directory"
        )

    @classmethod
    def no_versions(cls, versions: str) -> FolderError:
        return cls(
            f"the folder '{versions}' is missing, so no revision can be found: restore it from "
            "version control, or create it empty if there was never a revision"
        )

    @classmethod
    def no_file(cls, path: str) -> FolderError:
        return cls(f"the file '{path}' is missing: restore it from version control")

    @classmethod
    def exists(cls, directory: str) -> FolderError:
        return cls(
            f"the folder '{directory}' exists already and is not empty: "
            "remove it first, or name another one with --directory"
        )

    @classmethod
    def bad_ini(cls, path: str, reason: str) -> FolderError:
        return cls(f"'{path}' cannot be read: {reason}: correct it or restore it")

    @classmethod
    def no_template(cls, template: str, known: Sequence[str]) -> FolderError:
        return cls(
            f"there is no template '{template}': there are {', '.join(known)}, "
            "or give the path of a folder of your own"
        )

    @classmethod
    def not_writable(cls, path: str, reason: str) -> FolderError:
        return cls(f"cannot write '{path}': {reason}: nothing was changed")


CORRECT_AND_REPEAT = ": correct the file and run the command again"


class ScriptError(MigrateError):
    """A file of the migrations folder cannot be used; `path` names it."""

    def __init__(self, sentence: str, path: str) -> None:
        super().__init__(sentence)
        self.path = path

    @classmethod
    def failed(cls, path: str, line: int | None, cause: BaseException) -> ScriptError:
        where = f"{path}, line {line}" if line else path
        advice = CORRECT_AND_REPEAT[2:]
        return cls(f"{where}: {cause_of(cause)}: {advice}", path)

    @classmethod
    def no_revision(cls, path: str) -> ScriptError:
        return cls(
            f"{path}: the file has no 'revision': give it the identifier it had, "
            "or move the file out of the folder",
            path,
        )

    @classmethod
    def no_function(cls, path: str, name: str) -> ScriptError:
        return cls(f"{path}: the file has no '{name}()': write one (it may be 'pass')", path)


class RevisionError(MigrateError):
    """A revision that is not there, or not clear."""

    @classmethod
    def not_resolved(cls, reason: str) -> RevisionError:
        return cls(f"{reason.rstrip('.')}: 'db history' lists the revisions there are")

    @classmethod
    def ambiguous(cls) -> RevisionError:
        return cls(
            "several ways lead on from here, so a number of steps is not clear: "
            "name the revision to go to ('db history' lists them)"
        )

    @classmethod
    def unknown_in_database(cls, revision: str) -> RevisionError:
        return cls(
            f"the database is at revision '{revision}', which no script in the folder has: bring "
            f"the script back (from version control or the release that ran it), or, if the schema "
            "is known to match, 'db stamp --purge REVISION'"
        )

    @classmethod
    def several_heads(cls, heads: Sequence[str]) -> RevisionError:
        return cls(
            f"there are several heads ({', '.join(heads)}): join them with 'db merge', "
            "or name one, or all with 'heads'"
        )

    @classmethod
    def nothing_to_merge(cls, heads: Sequence[str]) -> RevisionError:
        at = f"one head, {heads[0]}" if heads else "no revision"
        return cls(f"there is {at}, so nothing to join: name the revisions to join")

    @classmethod
    def missing_parent(cls, revision: str) -> RevisionError:
        return cls(
            f"a revision refers to '{revision}', which no script in the folder has: "
            "restore that script, or correct the 'down_revision' that names it"
        )

    @classmethod
    def not_up_to_date(cls) -> RevisionError:
        return cls(
            "the database is not at the head of the scripts, so it cannot be compared with the "
            "models: run 'db upgrade' first"
        )


class NewFileError(MigrateError):
    """A new revision cannot be written as asked; no file is left."""

    @classmethod
    def bad_id(cls, rev_id: str) -> NewFileError:
        return cls(
            f"'{rev_id}' cannot be a revision id: --rev-id takes 1 to 32 letters, digits and '_'"
        )

    @classmethod
    def id_taken(cls, rev_id: str, path: str) -> NewFileError:
        return cls(f"the revision id '{rev_id}' is taken by {path}: give another --rev-id")

    @classmethod
    def not_loadable(cls, path: str, cause: BaseException) -> NewFileError:
        return cls(
            f"the new revision '{path}' would not load ({cause_of(cause)}) and was removed: "
            "correct what it was made from (script.py.mako, render_item, the message)"
        )


class DatabaseError(MigrateError):
    """The database refuses a connection or a statement."""

    @classmethod
    def no_connection(cls, url: str, cause: object) -> DatabaseError:
        return cls(
            f"cannot connect to {url}: {cause_text(cause)}: "
            "check that the server runs and that SQLALCHEMY_DATABASE_URI is right"
        )

    @classmethod
    def no_dialect(cls, cause: BaseException) -> DatabaseError:
        if str(cause).endswith("dialects:postgres"):
            return cls(
                "SQLAlchemy 1.4 and later do not know 'postgres://': "
                "begin SQLALCHEMY_DATABASE_URI with 'postgresql://'"
            )
        return cls(
            f"{one_line(cause)}: check the part of SQLALCHEMY_DATABASE_URI before '://', "
            "and that its driver is installed"
        )

    @classmethod
    def not_installed(cls, module: str) -> DatabaseError:
        if module == "psycopg":
            # SQLAlchemy 2.1 made psycopg 3 the driver of a plain postgresql://
            return cls(
                "this SQLAlchemy connects to 'postgresql://' with psycopg, which is not installed: "
                "install psycopg, or write 'postgresql+psycopg2://' to go on with psycopg2"
            )
        return cls(
            f"the database driver '{module}' is not installed: install it, or name another "
            "driver in SQLALCHEMY_DATABASE_URI (dialect+driver://...)"
        )

    @classmethod
    def bad_url(cls) -> DatabaseError:
        # the URL itself is not shown: what cannot be parsed may hold a password anywhere
        return cls(
            "SQLALCHEMY_DATABASE_URI is not a database URL: "
            "write it like sqlite:////folder/file.db or postgresql://user@host:5432/database"
        )

    @classmethod
    def statement(cls, revision: str | None, statement: str, cause: object) -> DatabaseError:
        where = f"revision {revision} failed" if revision else "the database refused"
        return cls(f"{where}: {cause_text(cause)} [statement: {one_line(statement)[:500]}]")


def cause_text(cause: object) -> str:
    """Say what a driver says, without the full stop or colon it may end in.

    :param cause: the driver's exception
    :raises: nothing
    """
    arguments: tuple[Any, ...] = getattr(cause, "args", ())
    if len(arguments) == 2 and isinstance(arguments[0], int):  # MySQL: (number, text)
        return f"{one_line(arguments[1]).rstrip('.:')} ({arguments[0]})"
    return one_line(cause).rstrip(".:")


class DifferencesFound(MigrateError):
    """The models and the database differ; `differences` holds Alembic's list of them."""

    def __init__(self, differences: Sequence[Any], reason: str) -> None:
        super().__init__(f"{reason.rstrip('.')}: 'db migrate' writes them into a revision")
        self.differences = list(differences)


class NotAtHead(MigrateError):
    """The database is not at the heads of the scripts."""

    def __init__(self, current: Sequence[str], heads: Sequence[str]) -> None:
        at = ", ".join(current) or "no revision"
        super().__init__(
            f"the database is at {at} and the scripts are at {', '.join(heads)}: run 'db upgrade'"
        )


class NeedsNewerAlembic(MigrateError):
    """The installed Alembic lacks a command or an option."""

    def __init__(self, what: str, installed: str) -> None:
        super().__init__(f"Alembic {installed} has no '{what}': install a newer Alembic to use it")


class AlembicError(MigrateError):
    """Alembic refuses, for a reason of its own."""


class Unexpected(MigrateError):
    """Something else failed: the application's own code, or a defect of this package."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(f"{cause_of(cause)}: --traceback shows where it came from")


class LockTimeout(MigrateError):
    """Another migration, or another program, did not end in time."""

    @classmethod
    def held(cls, holder: str, seconds: float) -> LockTimeout:
        return cls(
            f"another migration of this database is still running after {seconds:g} s ({holder}); "
            "nothing was changed: wait for it to end, or give --lock-timeout more seconds"
        )

    @classmethod
    def busy_file(cls, path: str | None, seconds: float) -> LockTimeout:
        return cls(
            f"another program has been writing to '{path or 'the database'}' for {seconds:g} s; "
            "nothing was changed since: stop that program, or give --lock-timeout more seconds"
        )


class LockLost(MigrateError):
    """The connection that keeps the lock has ended, so another migration may have begun."""

    def __init__(self, cause: object) -> None:
        reason = f": {cause_text(cause)}" if cause else ""
        super().__init__(
            f"the lock of this migration was lost before its commit{reason}: "
            "run the command again, and see that the server does not end idle connections"
        )


class BadSetting(UsageError):
    """A setting of this package has a value that cannot be used."""

    def __init__(self, name: str, value: object, wanted: str) -> None:
        super().__init__(f"'{name}' is '{value}': give {wanted}")


class JournalError(MigrateError):
    """A revision that stopped half-way on MySQL or MariaDB cannot go on."""

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
            f"[{one_line(then)[:300]}] when it ran and is [{one_line(now)[:300]}] now: make the "
            "script as it was, or put the schema in order by hand and 'db stamp REVISION'"
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
    elif text.endswith(CORRECT_AND_REPEAT):
        text, advice = text[: -len(CORRECT_AND_REPEAT)], CORRECT_AND_REPEAT
    error.args = (one_line(f"{text}; {outcome}{advice}"),)
    return error


class Interrupted(MigrateError, KeyboardInterrupt):
    """A person or the system ended the command: Control-C, or SIGTERM."""

    def __init__(self, command: str) -> None:
        super().__init__(f"'db {command}' was interrupted")


class NotAgreed(MigrateError):
    """A person was asked, and said no."""

    def __init__(self, command: str) -> None:
        super().__init__(f"'db {command}' was not wanted: nothing was changed")


def losing(lost: Sequence[str]) -> str:
    """Say what goes for ever with a downgrade.

    :param lost: tables and columns
    :raises: nothing
    """
    return f"this downgrade loses {', '.join(lost)}"


class CannotDryRun(MigrateError):
    """A dry run would leave something."""

    @classmethod
    def no_transactions(cls, kind: str) -> CannotDryRun:
        return cls(
            f"--dry-run cannot undo what it does on {kind}, which commits every change of the "
            "schema at once: use --sql to read the statements, or a copy of the database"
        )

    @classmethod
    def commits(cls, what: str) -> CannotDryRun:
        return cls(
            f"--dry-run stopped before [{one_line(what)[:200]}], which could not be undone: "
            "use --sql to read the statements, or a copy of the database"
        )


class VerifyFailed(MigrateError):
    """After the last step the models and the database still differ."""

    def __init__(self, differences: Sequence[str]) -> None:
        super().__init__(
            f"the models and the database would differ after the last step: "
            f"{', '.join(differences)}: 'db migrate' writes them into a revision"
        )
        self.differences = list(differences)


class BackupError(MigrateError):
    """A copy of the database cannot be made or put back."""

    @classmethod
    def no_program(cls, names: str) -> BackupError:
        return cls(
            f"the program {names} is not installed, which copies the database: install the "
            "client programs of the server, or make the copy by other means; nothing was changed"
        )

    @classmethod
    def failed(cls, program: str, said: str) -> BackupError:
        return cls(f"{program} failed: {one_line(said)}")

    @classmethod
    def in_memory(cls) -> BackupError:
        return cls("the database is in memory, so there is nothing to copy: leave out --backup")

    @classmethod
    def unknown_kind(cls, kind: str) -> BackupError:
        return cls(f"--backup does not know how to copy {kind}: make the copy by other means")

    @classmethod
    def no_file(cls, path: str) -> BackupError:
        return cls(f"there is no file '{path}': 'db restore FILE' takes what --backup has made")

    @classmethod
    def wrong_kind(cls, path: str, kind: str) -> BackupError:
        return cls(
            f"'{path}' is no copy of a {kind} database: 'db restore FILE' takes what --backup "
            "has made of the same kind of database"
        )


class ForeignKeysBroken(MigrateError):
    """Rows refer to rows that are not there, since a revision; also the words of a warning."""

    def __init__(
        self, revision: str, counts: Sequence[tuple[tuple[str, str], int]], enforced: bool
    ) -> None:
        rows = ", ".join(
            f"{count} row(s) of '{table}' refer to missing rows of '{parent}'"
            for (table, parent), count in counts
        )
        advice = (
            "correct those rows in the revision, or before it"
            if enforced
            else "foreign keys are not enforced here, so nothing was undone; correct those rows"
        )
        super().__init__(f"since revision {revision}, {rows}: {advice}")


class AlterError(MigrateError):
    """A table of SQLite cannot be put together again as asked."""

    @classmethod
    def unreadable(cls, table: str, reason: object) -> AlterError:
        return cls(
            f"the table '{table}' cannot be altered, since its definition cannot be taken apart "
            f"({cause_text(reason)}): alter it by SQL, with op.execute()"
        )

    @classmethod
    def nothing_there(cls, what: str, name: str | None, table: str) -> AlterError:
        return cls(
            f"the table '{table}' has no {what} '{name}': correct the name in the revision"
            if name
            else f"it is not clear which {what} of the table '{table}' is meant: name it in the "
            "revision"
        )

    @classmethod
    def no_table(cls, table: str) -> AlterError:
        return cls(f"there is no table '{table}' to alter: correct the name in the revision")

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
