"""The base of the family, and how the words of others are made fit to be shown."""

from __future__ import annotations

import re
from typing import Any

from click import ClickException

MEGABYTE = 1024 * 1024
_SECRET = re.compile(r"(://[^:/@\s'\"]*:)[^\s'\"]*@")
_SECRET_BEHIND_URL = re.compile(
    r"([?&;]\w*(?:passw(?:or)?d|pwd|secret|token|passphrase)=)[^&;\s'\"]+?(?=:?(?:[&;\s'\"]|\Z))",
    re.I,
)
# "revision identified by" is what Alembic says of an identifier
_SECRET_IN_SQL = re.compile(
    r"(\b(?:password|(?<!revision )identified\s+(?:with\s+\S+\s+)?(?:by|as))\s*=?\s*)"
    r"'(?:[^']|'')*'",
    re.I,
)
_SECRET_OF_NO_URL = re.compile(r"([\w.+-]+:)[^\s'\"@]+@")


def without_passwords(text: str, strictly: bool = False) -> str:
    """Replace the password of every URL, and of every user that SQL makes, in a text by `***`.

    :param text: any text, such as a driver's message, or a statement
    :param strictly: do so as well for what looks like the end of a URL, `user:password@host`
    :raises: nothing
    """
    text = _SECRET_IN_SQL.sub(r"\1'***'", text)
    text = _SECRET_BEHIND_URL.sub(r"\1***", _SECRET.sub(r"\1***@", text))
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


def cause_text(cause: object) -> str:
    """Say what a driver says, without the full stop or colon it may end in.

    :param cause: the driver's exception
    :raises: nothing
    """
    arguments: tuple[Any, ...] = getattr(cause, "args", ())
    if len(arguments) == 2 and isinstance(arguments[0], int):  # MySQL: (number, text)
        return f"{one_line(arguments[1]).rstrip('.:')} ({arguments[0]})"
    return one_line(cause).rstrip(".:")


def place_text(path: str, line: int | None) -> str:
    """Name a place in a file.

    :param path: the file
    :param line: its line, where it is known
    :raises: nothing
    """
    return f"{path}, line {line}" if line else path


class MigrateError(ClickException):
    """The base of the family: a sentence for the user and an exit status.

    Click shows the sentence where a command of the user's own, such as `flask deploy`, lets one
    through; the commands of this package do so by themselves.

    :param sentence: what happened, with which value, what to type next
    :raises: nothing
    """

    status = exit_code = 1  # our name for it, and Click's

    def __init__(self, sentence: str) -> None:
        super().__init__(one_line(sentence))

    # the sentence may grow on its way up
    def __str__(self) -> str:
        return str(self.args[0])

    def format_message(self) -> str:
        """Give the sentence to Click.

        :raises: nothing
        """
        return str(self)


class AlembicError(MigrateError):
    """Alembic refuses, for a reason of its own."""


class Unexpected(MigrateError):
    """Something else failed: the application's own code, or a defect of this package."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(f"{cause_of(cause)}: --traceback shows where it came from")

    def show(self, file: Any = None) -> None:
        """Let Click show the traceback: a command of the user's own has no --traceback.

        :param file: not used
        :raises Unexpected: always
        """
        raise self
