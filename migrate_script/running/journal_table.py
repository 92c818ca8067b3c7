"""The table `migrate_script_journal`: the statements of the revision that is not finished."""

from __future__ import annotations

import datetime
import hashlib
import re
import uuid
from typing import Any, NamedTuple, Sequence

from ..sql import DML, Statement, classify
from .dbapi import execute

NAME = "migrate_script_journal"
_COLUMNS = (
    "number INTEGER NOT NULL PRIMARY KEY, step VARCHAR(255) NOT NULL, "
    "heads VARCHAR(1000) NOT NULL, digest CHAR(40) NOT NULL, state VARCHAR(8) NOT NULL, "
    "affected BIGINT NOT NULL, statement TEXT NOT NULL"
)
_COMMENT = (
    "Written by migrate_script: the statements of a revision that is not finished. The next run "
    "of it skips those that were applied, and drops this table when it succeeds."
)
# the user may not create, or drop, a table
_DENIED = (1044, 1142)
# of a statement with more rows than this, the others are only counted
_ROWS = 200
_TIMES = (datetime.date, datetime.time, datetime.timedelta)
# a UUID, a time, or a token: long, without spaces, of letters and digits
_VARYING = re.compile(
    r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d\S*)?|\d\d:\d\d:\d\d\S*|(?=\S*\d)(?=\S*[A-Za-z])\S{16,}"
)


class RecordedStatement(NamedTuple):
    """One statement of the revision that is not finished."""

    number: int
    digest: str
    state: str  # running, done, or failed: the script went on
    affected: int
    text: str

    @property
    def statement(self) -> Statement:
        return classify(self.text, "mysql")

    @property
    def is_data(self) -> bool:
        """Whether it changed rows, in the same transaction as it was recorded."""
        return self.statement.kind == DML

    @property
    def batch_copy(self) -> str:
        """Alembic's copy of a table, if this is a statement of a batch."""
        return batch_copy(self.statement)


def batch_copy(statement: Statement) -> str:
    """The name that Alembic gives to the copy of a table in a batch, since 0.9 and before."""
    for path in statement.paths:
        if path[-1].startswith("_alembic_tmp_") or path[-1] == "_alembic_batch_temp":
            return path[-1]
    return ""


def digest_of(statement: Statement, text: str, parameters: Any) -> str:
    """What identifies a statement: its text and its parameters, but for what varies."""
    if batch_copy(statement):
        # its columns are those that the table has at the time, which the copy changes
        identity = f"{statement.verb} {statement.names[0]}"
    else:
        identity = f"{text} {_shape(parameters)!r}"
    return hashlib.sha1(identity.encode("utf-8", "surrogatepass")).hexdigest()


def _shape(value: Any) -> Any:
    """What of a parameter is the same in every run of an unchanged script.

    Times, UUIDs and random tokens differ in each run; of those only the type counts.
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


def error_number(error: BaseException) -> int:
    """The server's number of an error; 0 if it has none."""
    first = error.args[0] if error.args else 0
    return first if isinstance(first, int) else int(getattr(error, "errno", 0) or 0)


class JournalTable:
    """The table, used through the driver, so that SQLAlchemy begins and commits nothing for it."""

    version_table = "alembic_version"

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    def query(self, statement: str, *values: Any) -> list[Any]:
        return execute(self.raw, statement, *values)

    def exists(self, table: str = NAME) -> bool:
        """Whether this table, or another one, exists."""
        asked = (
            "SELECT 1 FROM information_schema.TABLES "
            "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s"
        )
        return bool(self.query(asked, table))

    def create(self) -> bool:
        """Create the table if it is missing; a user who may not create tables has no journal."""
        try:
            self.query(
                f"CREATE TABLE IF NOT EXISTS {NAME} ({_COLUMNS}) "
                f"ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='{_COMMENT}'"
            )
        except Exception as error:  # every driver has its own class for it
            if error_number(error) not in _DENIED:
                raise
            return False
        return True

    def heads(self) -> str:
        """The revisions that the database is at."""
        rows = self.query(f"SELECT version_num FROM {self.version_table}")
        return ",".join(sorted(row[0] for row in rows))

    def unfinished(self) -> str:
        """The step that is not finished; empty if it was finished, or stamped, meanwhile."""
        found = self.query(f"SELECT step, heads FROM {NAME} ORDER BY number LIMIT 1")
        return str(found[0][0]) if found and found[0][1] == self.heads() else ""

    def entries(self) -> list[RecordedStatement]:
        columns = "number, digest, state, affected, statement"
        return [
            RecordedStatement(*row)
            for row in self.query(f"SELECT {columns} FROM {NAME} ORDER BY number")
        ]

    def save(self, step: str, heads: str, entries: Sequence[RecordedStatement]) -> None:
        """Insert entries, or replace those of the same numbers, in one statement."""
        rows = ", ".join(["(%s, %s, %s, %s, %s, %s, %s)"] * len(entries))
        values = [value for entry in entries for value in (step, heads, *entry)]
        self.query(
            f"REPLACE INTO {NAME} (step, heads, number, digest, state, affected, statement) "
            f"VALUES {rows}",
            *values,
        )

    def delete(self, start: int = 0) -> None:
        """Delete the entries from a number on."""
        self.query(f"DELETE FROM {NAME} WHERE number >= %s", start)

    def drop(self) -> None:
        try:
            self.query(f"DROP TABLE {NAME}")
        except Exception as error:  # every driver has its own class for it
            if error_number(error) not in _DENIED:
                raise
            self.delete()
            self.raw.commit()
