"""What the journal of MySQL and MariaDB has to know about a statement."""

from __future__ import annotations

import hashlib
import re
from typing import Any, NamedTuple

_COMMENTS = re.compile(r"\A(\s+|--\s[^\n]*(\n|\Z)|#[^\n]*(\n|\Z)|/\*(?!!).*?\*/|;)+", re.S)
_LOOKING = {"SELECT", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "WITH", "CHECK"}
_SESSION = {
    "SET", "USE", "BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "LOCK", "UNLOCK",
    "DO",
}  # fmt: skip
DATA = {"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "CALL"}
SCHEMA = re.compile(r"\b(information_schema|SHOW|DESCRIBE|DESC)\b", re.I)
# the copy of a table, as Alembic calls it since 0.9 and before
COPY = re.compile(r"_alembic_(tmp_\w+|batch_temp\b)")
COPIED = re.compile(r"\bFROM `?(\w+)|\bRENAME TO `?(\w+)", re.I)
# what says that a change of the schema is there already
APPLIED = (1050, 1051, 1060, 1061, 1091, 1146, 1826)


class Entry(NamedTuple):
    """One statement of the revision that is not finished."""

    number: int
    digest: str
    state: str
    statement: str

    @property
    def is_data(self) -> bool:
        """Tell a change of rows from one of the schema.

        :raises: nothing
        """
        return first_word(self.statement) in DATA


def first_word(statement: str) -> str:
    """Give the word that a statement begins with, in capitals.

    :param statement: the statement, which may begin with comments
    :raises: nothing
    """
    return re.split(r"[\s;(]", _COMMENTS.sub("", statement), maxsplit=1)[0].upper()


def digest_of(statement: str, parameters: Any) -> str:
    """Give what tells a statement from another.

    :param statement: the statement
    :param parameters: its parameters
    :raises: nothing
    """
    text = f"{statement} {parameters!r}"
    if COPY.search(statement):
        # the copy of a table depends on what the table is like, which it changes
        text = " ".join(_COMMENTS.sub("", statement).split()[:3]).upper()
    return hashlib.sha1(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_noted(statement: str) -> bool:
    """Tell a statement that changes something from one that looks or is about the session.

    :param statement: the statement
    :raises: nothing
    """
    word = first_word(statement)
    if word in _LOOKING or word in _SESSION:
        return False
    return re.match(r"(CREATE|DROP)\s+TEMPORARY\b", _COMMENTS.sub("", statement), re.I) is None


def error_number(error: BaseException) -> int:
    """Give the server's number of an error; 0 where there is none.

    :param error: the driver's exception
    :raises: nothing
    """
    first = error.args[0] if error.args else 0
    return first if isinstance(first, int) else int(getattr(error, "errno", 0) or 0)


def had_been_applied(statement: str, error: BaseException) -> bool:
    """Tell an error that only says that a change of the schema is there already.

    :param statement: the statement
    :param error: what the driver raised
    :raises: nothing
    """
    number = error_number(error)
    # a table that is not there is what a renaming leaves behind, and nothing else does
    return number in APPLIED and (number != 1146 or "RENAME" in statement.upper())
