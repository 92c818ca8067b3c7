"""SQL instead of changes (`--sql`): the statements of table rebuilds are written, too.

What a table is like must be known for that. A database in memory, without rows, follows: it begins
empty, or as the file is, and each statement that is written is run on it. Tables, indexes and
columns that SQLite is certain to add wait until something else is written, or asked.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import contextmanager
from typing import Any, Callable, Iterator
from urllib.parse import quote

from sqlalchemy import exc
from sqlalchemy.engine.url import make_url

from ..sql import classify, keyword_and_kind
from . import errors
from .schema import Schema

_OFF = (
    "-- Foreign keys are not enforced below: rows that refer to a table stay when it is copied,\n"
    "-- and no DELETE or UPDATE has an effect on other tables\n\n"
    "PRAGMA foreign_keys = OFF;"
)
_FOLLOWED = ("CREATE", "ALTER", "DROP", "SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA")
_TRANSACTION = ("ABORT", "BEGIN", "COMMIT", "END", "ROLLBACK", "START")
# one statement that makes neither a view nor a trigger
_MAY_WAIT = re.compile(r"CREATE (UNIQUE )?(TABLE|INDEX) [^;]*;?\s*", re.I)


def cannot_add_column(reason: str) -> bool:
    """Whether SQLite says that a column cannot be added to a table that exists."""
    return re.search("cannot add|non-constant", reason, re.I) is not None


class OfflineSchema(Schema):
    """The database in memory; what it is to run is written, and run on it on the way."""

    def __init__(
        self, follow: Callable[[], sqlite3.Connection], write: Callable[[str], None]
    ) -> None:
        self.connection: Any = None
        self.alias = "main"
        self._follow = follow
        self.write = write

    @property
    def raw(self) -> sqlite3.Connection:
        return self._follow()

    def run(self, statement: str) -> None:
        self.write(f"{statement};")

    def set(self, pragma: str, value: str) -> None:
        self.write(f"PRAGMA {pragma} = {value};")


def _statements(path: str, heads: tuple[str, ...], version_table: str) -> list[str]:
    """Return the statements that make the schema of a file, if that is at the revisions."""
    connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True)
    try:
        at = {row[0] for row in connection.execute(f'SELECT version_num FROM "{version_table}"')}
        if at != set(heads):
            raise LookupError(f"it is at {', '.join(sorted(at)) or 'no revision'}")
        query = (
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' "
            "ESCAPE '\\' ORDER BY sql NOT LIKE 'CREATE VIRTUAL %', rowid"
        )
        return [row[0] for row in connection.execute(query)]
    finally:
        connection.close()


def _make(connection: sqlite3.Connection, statement: str) -> None:
    """Create a part of the schema in the database in memory."""
    try:
        connection.execute(statement)
    except sqlite3.OperationalError as error:
        # a virtual table has made its own tables, or cannot be made for want of its module
        known = "already exists" in str(error) or statement.startswith("CREATE VIRTUAL ")
        if not known:
            raise


class _Output:
    """The output, and what has to come before the open transaction."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._held: list[str] | None = None
        self._first = ""

    def write(self, text: str, keyword: str) -> None:
        """Write a statement, or hold it back until its transaction has ended."""
        word = classify(text, "sqlite").verb if keyword in _TRANSACTION else ""
        if word == "BEGIN":
            self._held = []
        if self._held is None:
            self._write(text)
            return
        self._held.append(text)
        if word in ("COMMIT", "ROLLBACK"):
            held, self._held = self._held, None
            for each in [self._first, *held] if self._first else held:
                self._write(each)
            self._first = ""

    def write_outside(self, text: str) -> None:
        """Write a statement after what is written, but before an open transaction."""
        if self._held is None:
            self._write(text)
        else:
            self._first = text


class OfflineDatabase:
    """A database in memory that follows what is written; `missing` says why it cannot."""

    def __init__(self, url: Any, write: Callable[[str], None]) -> None:
        self._path = (make_url(url).database if url else None) or ":memory:"
        self._output = _Output(write)
        self._raw: sqlite3.Connection | None = None
        self._waiting: list[str] | None = None  # what was written; None once it is followed
        self._is_switched_off = self._is_own = self._adds_column = False
        self._missing = "no migration runs"
        #: the schema in memory, which is read when it is asked for
        self.tables: OfflineSchema = OfflineSchema(self._follow, self._write_own)

    def begin(self, heads: tuple[str, ...], version_table: str) -> None:
        """Make the schema of the revisions that the SQL starts from."""
        self.close()
        self._raw = raw = sqlite3.connect(":memory:", isolation_level=None)
        self._missing, self._waiting = "", None if heads else []
        raw.execute("PRAGMA foreign_keys = OFF")
        try:
            if heads:
                if self._path == ":memory:":
                    raise LookupError("its URL names no file")
                for statement in _statements(self._path, heads, version_table):
                    _make(raw, statement)
        except (sqlite3.Error, LookupError) as error:
            self._missing = str(error)

    def close(self) -> None:
        """Close the database in memory."""
        if self._raw is not None:
            self._raw.close()
            self._raw = None

    @property
    def missing(self) -> str:
        """Why the tables are not known; empty where they are."""
        self._follow()
        return self._missing

    @property
    def has_dependents(self) -> bool:
        """Whether there may be views and triggers."""
        return self._waiting is None and not self._missing

    def schema(self, schema: str | None) -> Schema:
        """Return the schema in memory."""
        if schema not in (None, "main"):
            self._missing = f"'{schema}' is attached when it runs"
        if self.missing or self._raw is None:
            raise errors.CannotAlter.unknown_offline(self._missing)
        return self.tables

    @contextmanager
    def adding_column(self, is_certain: bool) -> Iterator[None]:
        """Surround ALTER TABLE ADD COLUMN, which may wait if SQLite is certain to accept it."""
        self._adds_column = is_certain
        try:
            yield
        finally:
            self._adds_column = False

    def write(self, text: str) -> None:
        """Write what Alembic or a rebuild writes, and follow it."""
        keyword, _ = keyword_and_kind(text, "sqlite")
        if keyword in _FOLLOWED and self._raw is not None:
            if self._waiting is not None and (self._adds_column or _MAY_WAIT.fullmatch(text)):
                self._waiting.append(text)
            else:
                self._take(self._follow(), text)
        self._output.write(text, keyword)

    def _write_own(self, text: str) -> None:
        """Write what a rebuild runs: what fails here fails everywhere."""
        if not self._is_switched_off:
            self._is_switched_off = True
            self._output.write_outside(_OFF)  # it has no effect inside a transaction
        self._is_own = True
        try:
            self.write(text)
        finally:
            self._is_own = False

    def _follow(self) -> Any:
        """Run what has waited; return the connection."""
        waiting, self._waiting = self._waiting, None
        for text in waiting or ():
            self._take(self._raw, text)
        return self._raw

    def _take(self, raw: Any, text: str) -> None:
        found = classify(text, "sqlite")
        if found.verb == "PRAGMA" and found.names[:1] == ("foreign_keys",):
            self._is_switched_off = False  # perhaps
            return
        if self._missing:
            return
        try:
            try:
                raw.execute(found.text)
            except (sqlite3.Warning, sqlite3.ProgrammingError):
                raw.executescript(found.text)  # several at once
        except sqlite3.Error as error:
            if self._is_own or cannot_add_column(str(error)):
                # as SQLAlchemy raises it where it runs
                raise exc.OperationalError(found.text, None, error) from error
            self._missing = f"[{' '.join(found.text.split())[:100]}] fails: {error}"
