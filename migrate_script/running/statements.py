"""What a journal has to know about a statement."""

from __future__ import annotations

import datetime
import hashlib
import re
import uuid
from typing import Any, NamedTuple

# MySQL runs what stands in /*! */, and knows # as well
_COMMENTS = re.compile(r"\A(\s+|(--|#)[^\n]*(\n|\Z)|/\*(?!!).*?\*/|;)+", re.S)
_LOOKING = {
    "SELECT", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "WITH", "CHECK", "VALUES", "FETCH",
}  # fmt: skip
_SESSION = {
    "SET", "RESET", "USE", "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT",
    "RELEASE", "LOCK", "UNLOCK", "DECLARE", "CLOSE", "MOVE", "LISTEN", "UNLISTEN", "NOTIFY",
    "PREPARE", "DEALLOCATE", "DISCARD",
}  # fmt: skip
DATA = {"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "LOAD", "CALL"}
RETURNS = re.compile(r"\bRETURNING\b", re.I)
_NAME = r"(?:\w+|`[^`]+`|\"[^\"]+\")"
_TEMPORARY = re.compile(
    r"CREATE\s+(?:(?:LOCAL|GLOBAL)\s+)?TEMP(?:ORARY)?\s+(?:TABLE\s+)?(?:IF\s+NOT\s+EXISTS\s+)?"
    rf"({_NAME})",
    re.I,
)
_CHANGED = re.compile(
    r"\b(?:INTO|UPDATE|FROM|TABLE|TRUNCATE|ON)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(?:ONLY\s+)?"
    rf"({_NAME})",
    re.I,
)
SCHEMA = re.compile(r"\b(information_schema|SHOW|DESCRIBE|DESC)\b", re.I)
# the copy of a table, as Alembic calls it since 0.9 and before
COPY = re.compile(r"_alembic_(tmp_\w+|batch_temp\b)")
# of a statement with more rows than this, the others are only counted
_ROWS = 200


class Entry(NamedTuple):
    """One statement of the revision that is not finished."""

    number: int
    digest: str
    state: str  # running, done, or failed: the script went on
    affected: int
    statement: str

    @property
    def is_data(self) -> bool:
        """Tell a change of rows from one of the schema.

        :raises: nothing
        """
        return first_word(self.statement) in DATA

    def done(self, cursor: Any) -> Entry:
        """Give it as it is noted once it has run.

        :param cursor: the driver's, which knows how many rows were changed
        :raises: nothing
        """
        return self._replace(state="done", affected=max(cursor.rowcount, 0))


def without_comments(statement: str) -> str:
    """Take away the comments and the space that a statement begins with.

    :param statement: the statement
    :raises: nothing
    """
    return _COMMENTS.sub("", statement)


def first_word(statement: str) -> str:
    """Give the word that a statement begins with, in capitals.

    :param statement: the statement, which may begin with comments
    :raises: nothing
    """
    return re.split(r"[\s;(]", without_comments(statement), maxsplit=1)[0].upper()


# a UUID, a time, or a token: long, without spaces, of letters and digits
_VARYING = re.compile(
    r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d\S*)?|\d\d:\d\d:\d\d\S*|(?=\S*\d)(?=\S*[A-Za-z])\S{16,}"
)
_TIMES = (datetime.date, datetime.time, datetime.timedelta)


def _shape(value: Any) -> Any:
    """Give what of a parameter is the same in every run of the script.

    The time, a UUID and what is drawn by lot are others each time, and say nothing about whether
    the script was edited. Of those only the kind counts; every other value counts itself.
    """
    if isinstance(value, dict):
        return sorted((str(key), _shape(each)) for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return [len(value), *(_shape(each) for each in value[:_ROWS])]
    if isinstance(value, (*_TIMES, uuid.UUID)):
        return type(value).__name__
    if isinstance(value, (bytes, bytearray)) and len(value) >= 16:
        return f"{len(value)} bytes"
    if isinstance(value, float) and 1e9 < value < 1e10:
        return "seconds since 1970"
    if isinstance(value, str) and _VARYING.fullmatch(value):
        return f"{len(value)} letters"
    return repr(value)


def digest_of(statement: str, parameters: Any) -> str:
    """Give what tells a statement from another: its text, and its parameters but for what varies.

    :param statement: the statement
    :param parameters: its parameters
    :raises: nothing
    """
    text = f"{statement} {_shape(parameters)!r}"
    if COPY.search(statement):
        # the copy of a table depends on what the table is like, which it changes
        text = " ".join(without_comments(statement).split()[:3]).upper()
    return hashlib.sha1(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_noted(statement: str, dialect: str) -> bool:
    """Tell a statement that changes something from one that looks or is about the session.

    :param statement: the statement
    :param dialect: the name of the dialect
    :raises: nothing
    """
    word = first_word(statement)
    if word == "DO":  # a block of code, or an expression whose value nobody wants
        return dialect == "postgresql"
    return word not in _LOOKING and word not in _SESSION


def temporary_table(statement: str) -> str:
    """Name the temporary table that a statement makes; nothing if it makes none.

    :param statement: the statement
    :raises: nothing
    """
    match = _TEMPORARY.match(without_comments(statement))
    return match.group(1).strip('`"').lower() if match else ""


def table_changed(statement: str) -> str:
    """Name the table that a statement changes, or nothing.

    :param statement: the statement
    :raises: nothing
    """
    match = _CHANGED.search(statement)
    return match.group(1).strip('`"').lower() if match else ""
