"""The base class, what anything may raise, and texts of others as one line without passwords."""

from __future__ import annotations

import re
from typing import Any, Iterable, Sequence

from click import ClickException

MEGABYTE = 1024 * 1024
# texts, which are compiled where they are needed: every command of an application imports this
_SECRET = r"(://[^:/@\s'\"]*:)[^\s'\"]*@"
_SECRET_NAME = r"(?i)([?&;]\w*(?:passw(?:or)?d|pwd|secret|token|passphrase)=)"
_SECRET_BEHIND_URL = _SECRET_NAME + r"[^&;\s'\"]+?(?=:?(?:[&;\s'\"]|\Z))"
_SECRET_IN_QUERY = _SECRET_NAME + r"[^&;]*"
# "revision identified by" is what Alembic says of an identifier
_SECRET_IN_SQL = (
    r"(?i)(\b(?:password|(?<!revision )identified\s+(?:with\s+\S+\s+)?(?:by|as))\s*=?\s*)"
    r"'(?:[^']|'')*'"
)
_SECRET_OF_NO_URL = r"([\w.+-]+:)[^\s'\"@]+@"


def without_passwords(text: str, strictly: bool = False) -> str:
    """Replace passwords in URLs and SQL by `***`; `strictly` also in `user:password@host`."""
    text = re.sub(_SECRET_IN_SQL, r"\1'***'", text)
    text = re.sub(_SECRET_BEHIND_URL, r"\1***", re.sub(_SECRET, r"\1***@", text))
    return re.sub(_SECRET_OF_NO_URL, r"\1***@", text) if strictly else text


def url_without_passwords(url: str) -> str:
    """Replace the passwords in the query of a URL, which may hold any character there."""
    return without_passwords(re.sub(_SECRET_IN_QUERY, r"\1***", url))


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 row, 1,004 rows."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def one_line(text: object) -> str:
    """Return a text as one line without passwords."""
    return without_passwords(" ".join(str(text).split()))


def cause_of(error: BaseException) -> str:
    """Return the type and the text of an exception as one line."""
    text = one_line(error)
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def cause_text(cause: object) -> str:
    """Return the text of a driver's exception, without a full stop or colon at its end."""
    arguments: tuple[Any, ...] = getattr(cause, "args", ())
    if len(arguments) == 2 and isinstance(arguments[0], int):  # MySQL: (number, text)
        return f"{one_line(arguments[1]).rstrip('.:')} ({arguments[0]})"
    return one_line(cause).rstrip(".:")


def no_revision_yet(directory: str) -> str:
    """Say that a folder is as `db init` makes it, and what comes next."""
    return f"the folder '{directory}' has no revision yet: 'db migrate -m \"...\"' writes the first"


def place_text(path: str, line: int | None) -> str:
    """Return a file with its line, or as a whole."""
    return f"{path}, line {line}" if line else path


def meant(typed: str, known: Iterable[str]) -> str:
    """Return what was probably meant, as a question."""
    from difflib import get_close_matches  # only where something was typed wrongly

    found = get_close_matches(typed.lower(), list(known), 1)
    return f"did you mean '{found[0]}'? " if found else ""


class MigrateError(ClickException):
    """The base class: a sentence for the user and an exit status.

    Click shows the sentence if a command of the user, such as `flask deploy`, does not catch it.
    """

    status = exit_code = 1  # our name for it, and Click's
    lines: Sequence[str] = ()  # what the console shows above the sentence

    def __init__(self, sentence: str) -> None:
        super().__init__(one_line(sentence))

    # running.outcome may extend the sentence
    def __str__(self) -> str:
        return str(self.args[0])

    def format_message(self) -> str:
        return str(self)


class AlembicError(MigrateError):
    """Any other refusal of Alembic."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text.rstrip('.')}: --traceback shows where it came from")


class Unexpected(MigrateError):
    """Something else failed: the application's own code, or a defect of this package."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(f"{cause_of(cause)}: --traceback shows where it came from")

    def show(self, file: Any = None) -> None:
        """Let Click show the traceback, as a command of the user has no --traceback."""
        raise self


class NeedsNewerAlembic(MigrateError):
    """The installed Alembic lacks a command or an option."""

    def __init__(self, what: str, installed: str) -> None:
        super().__init__(f"Alembic {installed} has no '{what}': install a newer Alembic to use it")


class UsageError(MigrateError):
    """The command line or a setting is wrong."""

    status = exit_code = 2

    @classmethod
    def no_command(cls, name: str, known: Iterable[str]) -> UsageError:
        guess = meant(name, known)
        return cls(f"there is no command '{name}': {guess}'db --help' lists them all")

    @classmethod
    def no_option(cls, command: str, option: str, known: Iterable[str] = ()) -> UsageError:
        way_out = f"'{command} --help' lists those it has"
        return cls(f"'{command}' has no option '{option}': {meant(option, known)}{way_out}")

    @classmethod
    def extra_argument(cls, command: str, extra: str, takes_message: bool = False) -> UsageError:
        way_out = f"'{command} --help' shows what it takes"
        if takes_message:
            way_out = f"a message is written in quotes after -m, as in '{command} -m \"...\"'"
        return cls(f"'{command}' does not take the argument '{extra}': {way_out}")

    @classmethod
    def no_backup_named(cls) -> UsageError:
        return cls("no file is named: 'db restore FILE' takes one that --backup has made")

    @classmethod
    def nothing_for_sql(cls, command: str) -> UsageError:
        return cls(
            f"'{command}' compares with the database, so that --sql has nothing to print: leave it "
            "out; 'db upgrade --sql' prints the statements of revisions"
        )

    @classmethod
    def no_environment(cls, ini: str) -> UsageError:
        return cls(
            "'db revision' runs no env.py, so that --sql has nothing to print: leave it out, or "
            f"write 'revision_environment = true' below [alembic] in '{ini}'"
        )

    @classmethod
    def given_twice(cls, command: str, one: str, other: str) -> UsageError:
        return cls(f"'{command}' got both '{one}' and '{other}': give one of them")

    @classmethod
    def no_rows_to_count(cls) -> UsageError:
        reason = "--no-loss counts the rows of the database, which --sql leaves alone"
        return cls(f"{reason}: give one of them")

    @classmethod
    def bad_value(cls, command: str, reason: str) -> UsageError:
        return cls(f"'{command}': {reason.rstrip('.')}: '{command} --help' shows how")

    @classmethod
    def several_databases(cls) -> UsageError:
        return cls(
            "migrated_databases() makes one database, and the application has several: let "
            "create_app() make it without SQLALCHEMY_BINDS"
        )

    @classmethod
    def other_database(cls, actual: object, asked: object) -> UsageError:
        return cls(
            f"create_app() got the URL of '{asked}' and made an application of '{actual}': let its "
            "argument be SQLALCHEMY_DATABASE_URI"
        )

    @classmethod
    def bad_setting(cls, name: str, value: object, wanted: str) -> UsageError:
        return cls(f"'{name}' is '{value}': give {wanted}")

    @classmethod
    def not_handled(cls, script: str, words: str) -> UsageError:
        return cls(
            f"nothing in '{script}' handled '{words}': call the run() of its Manager at the end of "
            "the script"
        )

    @classmethod
    def no_script(cls, command: str, reason: str, words: list[str], here: list[str]) -> UsageError:
        if not here:
            return cls.nothing_to_run(command, reason)
        way_out = f"write '{command} {' '.join([here[0], *words])}'"
        if len(here) > 1:
            way_out = f"write one of {', '.join(here)} before it"
        return cls(f"{reason}: {way_out}, if the script is missing")

    @classmethod
    def runs_when_imported(cls) -> UsageError:
        return cls(
            "the script runs its Manager while 'flask' imports it: write "
            "'if __name__ == \"__main__\":' above 'manager.run()'"
        )

    @classmethod
    def nothing_to_run(cls, command: str, reason: str) -> UsageError:
        return cls(f"{reason}: '{command}' without arguments says what it takes")
