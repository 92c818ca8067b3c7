"""`--sql` on SQLite: the statements that would run are written, those of re-creations too.

What a table is like must be known for that. A database in memory, without rows, follows: it begins
empty or as the database is, and each statement that is written is run on it.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import contextmanager
from typing import Any, Callable, Iterator
from urllib.parse import quote

from sqlalchemy import exc
from sqlalchemy.engine.url import make_url

from ... import errors
from ..statements import first_word, without_comments
from .plain import cannot_add
from .schema import Database
from .steps import Altering, watch_steps

_OFF = (
    "-- Foreign keys are not enforced below: rows that refer to a table stay when it is copied,\n"
    "-- and no DELETE or UPDATE has an effect on other tables\n\n"
    "PRAGMA foreign_keys = OFF;"
)
_FOLLOWED = ("CREATE", "ALTER", "DROP", "SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA")


def attend_writing(context: Any, url: Any) -> None:
    """Look after every step that is written as SQL for SQLite.

    :param context: Alembic's MigrationContext, configured
    :param url: the URL that env.py gave, if it gave one
    :raises: nothing
    """
    if context._migrations_fn is not None and context.dialect.name == "sqlite":
        writing = Writing(context, url)
        watch_steps(context, writing.watched, writing.beginning_at)


class Written(Database):
    """The database in memory; what it is to run is written, and run on it on the way.

    :param raw: the connection of the sqlite3 module
    :param write: writes a statement
    :raises: nothing
    """

    def __init__(self, raw: sqlite3.Connection, write: Callable[[str], None]) -> None:
        self.connection = None
        self.raw = raw
        self.schema = "main"
        self.write = write

    def run(self, statement: str) -> None:
        self.write(f"{statement};")

    def set(self, pragma: str, value: str) -> None:
        self.write(f"PRAGMA {pragma} = {value};")


def _statements(path: str, heads: tuple[str, ...], version_table: str) -> list[str]:
    """Read how the schema of a database is made, if the database is at some revisions."""
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
    """Make a part of the schema in the database in memory."""
    try:
        connection.execute(statement)
    except sqlite3.OperationalError as error:
        # a virtual table has made its own tables, or cannot be made for want of its module
        known = "already exists" in str(error) or statement.startswith("CREATE VIRTUAL ")
        if not known:
            raise


class _Output:
    """What is written, with what must stand before a transaction.

    :param write: Alembic's own function
    :raises: nothing
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._held: list[str] | None = None
        self._first = ""

    def write(self, text: str) -> None:
        """Write a statement, or hold it back until its transaction has ended.

        :param text: the statement
        :raises: nothing
        """
        word = first_word(text)
        if word == "BEGIN":
            self._held = []
        if self._held is None:
            self._write(text)
            return
        self._held.append(text)
        if word in ("COMMIT", "END", "ROLLBACK"):
            held, self._held = self._held, None
            for each in [self._first, *held] if self._first else held:
                self._write(each)
            self._first = ""

    def write_outside(self, text: str) -> None:
        """Write a statement behind what is written, but before the transaction that is open.

        :param text: the statement
        :raises: nothing
        """
        if self._held is None:
            self._write(text)
        else:
            self._first = text


class Writing(Altering):
    """The alterations that are written as SQL.

    :param context: Alembic's MigrationContext, without a connection
    :param url: the URL that env.py gave, if it gave one
    :raises: nothing
    """

    def __init__(self, context: Any, url: Any) -> None:
        super().__init__(context)
        self.path_of_database = make_url(url).database if url else None
        self.raw: sqlite3.Connection | None = None
        self.missing = ""
        self._before_execute: Callable[..., None] | None = None
        self._switched_off, self._is_own = False, False
        self._output = _Output(context.impl.static_output)
        context.impl.static_output = self._write

    @contextmanager
    def beginning_at(self, heads: tuple[str, ...]) -> Iterator[None]:
        """Have the database in memory around all steps, as it is before the first.

        :param heads: the revisions that the SQL starts from
        :raises: nothing
        """
        self.raw = raw = sqlite3.connect(":memory:", isolation_level=None)
        raw.execute("PRAGMA foreign_keys = OFF")
        try:
            for statement in self._start(heads):
                _make(raw, statement)
        except (sqlite3.Error, LookupError) as error:
            self.missing = str(error)
        try:
            yield
            if not self.missing:
                self.tell_broken(Written(raw, self._write_own))
        finally:
            self.raw = None
            raw.close()

    def _start(self, heads: tuple[str, ...]) -> list[str]:
        if not heads:
            return []
        path = self.path_of_database
        if not path or path == ":memory:":
            raise LookupError("its URL names no file")
        return _statements(path, heads, self.context.version_table)

    def _write(self, text: str) -> None:
        """Write what Alembic or a re-creation writes, and follow it."""
        statement = without_comments(text)
        if statement and self._before_execute is not None:
            self._before_execute()
        if re.match(r"PRAGMA\s+foreign_keys\b", statement, re.I):
            self._switched_off = False  # perhaps
        elif statement and self.raw is not None and not self.missing:
            self._follow(statement)
        self._output.write(text)

    def _write_own(self, text: str) -> None:
        """Write what a re-creation runs: what fails here fails everywhere."""
        if not self._switched_off:
            self._switched_off = True
            self._output.write_outside(_OFF)  # it has no effect inside a transaction
        self._is_own = True
        try:
            self.context.impl.static_output(text)
        finally:
            self._is_own = False

    def _follow(self, statement: str) -> None:
        assert self.raw is not None
        if statement.split(None, 1)[0].upper() not in _FOLLOWED:
            return
        try:
            try:
                self.raw.execute(statement)
            except (sqlite3.Warning, sqlite3.ProgrammingError):
                self.raw.executescript(statement)  # several at once
        except sqlite3.Error as error:
            if self._is_own or cannot_add(str(error)):
                # as SQLAlchemy raises it where it runs
                raise exc.OperationalError(statement.rstrip(";"), None, error) from error
            self.missing = f"[{' '.join(statement.split())[:100]}] fails: {error}"

    @contextmanager
    def surroundings(self, revision: str) -> Iterator[None]:
        if self.missing:
            yield
            return
        with self.nothing_broken(Written(self._known(), self._write_own)):
            yield

    def _known(self) -> sqlite3.Connection:
        assert self.raw is not None
        return self.raw

    def database(self, schema: str | None) -> Database:
        database = Written(self._known(), self._write_own)
        if schema not in (None, "main"):
            self.missing = f"'{schema}' is attached when it runs"
        if self.missing:
            raise errors.AlterError.unknown_offline(self.missing)
        return database

    @contextmanager
    def telling(self, before_execute: Callable[..., None]) -> Iterator[None]:
        self._before_execute = before_execute
        try:
            yield
        finally:
            self._before_execute = None

    @property
    def knows_tables(self) -> bool:
        return not self.missing
