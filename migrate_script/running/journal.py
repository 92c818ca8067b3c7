"""MySQL and MariaDB: the statements of a revision are noted, so that it can go on where it stopped.

These servers commit before and after every change of the schema, and none can be undone. A row is
noted in the same transaction as each change of data, and before each change of the schema. The
next upgrade skips what is noted as done, and tries again what was under way when all ended.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event

from .. import errors
from .connections import driver_connection
from .statements import (
    COPIED,
    COPY,
    DATA,
    SCHEMA,
    Entry,
    digest_of,
    first_word,
    had_been_applied,
    is_noted,
)

TABLE = "migrate_script_journal"
_CREATE = (
    f"CREATE TABLE IF NOT EXISTS {TABLE} (number INTEGER NOT NULL PRIMARY KEY, "
    "step VARCHAR(255) NOT NULL, heads VARCHAR(1000) NOT NULL, digest CHAR(40) NOT NULL, "
    "state CHAR(8) NOT NULL, statement TEXT NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
)


class Journal:
    """The notes about the revision that runs on one connection.

    :param connection: SQLAlchemy's connection
    :param version_table: the table of Alembic's, with its schema where it has one
    :raises: nothing
    """

    def __init__(self, connection: Any, version_table: str) -> None:
        self.connection = connection
        self.raw = driver_connection(connection)
        self.version_table = version_table
        self._step: str | None = None
        self._heads = ""
        self._recorded: list[Entry] = []
        self._position = 0
        self._number = 0
        self._running: int | None = None
        self._looked = self._listens = False

    def query(self, statement: str, *values: Any) -> list[Any]:
        """Run a statement of the journal's own, unseen by SQLAlchemy.

        :param statement: the statement
        :param values: its values
        :raises Exception: the database refuses
        """
        cursor = self.raw.cursor()
        try:
            cursor.execute(statement, values) if values else cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            cursor.close()

    def _exists(self, table: str) -> bool:
        return bool(
            self.query(
                "SELECT 1 FROM information_schema.TABLES "
                "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s",
                table,
            )
        )

    def _read_heads(self) -> str:
        rows = self.query(f"SELECT version_num FROM {self.version_table}")
        return ",".join(sorted(row[0] for row in rows))

    def entries(self) -> list[Entry]:
        """Read what is noted, whichever revision it is about.

        :raises Exception: the database refuses
        """
        if not self._exists(TABLE):
            return []
        rows = self.query(f"SELECT number, digest, state, statement FROM {TABLE} ORDER BY number")
        return [Entry(*row) for row in rows]

    def begin(self, step: str) -> None:
        """Be ready for a step, which may have been tried before.

        :param step: its direction and its revision
        :raises JournalError: another revision is not finished
        """
        if self._step is not None:
            self._forget()  # the step before is over, and its version is noted
        self.query(_CREATE)
        self._step, self._heads = step, self._read_heads()
        found = self.query(f"SELECT DISTINCT step, heads FROM {TABLE}")
        if found and found[0][1] != self._heads:
            self._forget()  # it was finished, or stamped, meanwhile
        elif found and found[0][0] != step:
            raise errors.JournalError.other_step(found[0][0], step)
        self._recorded, self._position = self.entries(), 0
        self._take_copies_back()
        self._number = max((entry.number for entry in self._recorded), default=0)
        self.raw.commit()

    def _forget(self, start: int = 0) -> None:
        self.query(f"DELETE FROM {TABLE} WHERE number >= %s", start)
        self.raw.commit()

    def _take_copies_back(self) -> None:
        """Begin again with the copy of a table that did not come to its end."""
        copies = [e for e in self._recorded if COPY.search(e.statement)]
        if not copies or (copies[-1].state == "done" and "RENAME" in copies[-1].statement.upper()):
            return
        start = next(e.number for e in reversed(copies) if first_word(e.statement) == "CREATE")
        match = COPY.search(copies[-1].statement)
        copy = match.group() if match else ""
        if self._exists(copy):
            table = self._copied([e.statement for e in copies if e.number > start], copy)
            if not self._exists(table):
                raise errors.JournalError.table_gone(table, copy)
            self.query(f"DROP TABLE `{copy}`")
        self._forget(start)
        self._recorded = [e for e in self._recorded if e.number < start]

    @staticmethod
    def _copied(statements: list[str], copy: str) -> str:
        """Name the table that a copy was made of."""
        for match in filter(None, map(COPIED.search, statements)):
            return str(match.group(1) or match.group(2))
        return copy.replace("_alembic_tmp_", "")

    def listen(self) -> None:
        """Watch the statements of the connection.

        :raises: nothing
        """
        event.listen(self.connection, "before_cursor_execute", self._before, retval=True)
        event.listen(self.connection, "after_cursor_execute", self._after)
        self._listens = True

    def silence(self) -> None:
        """Stop watching.

        :raises: nothing
        """
        if self._listens:
            event.remove(self.connection, "before_cursor_execute", self._before)
            event.remove(self.connection, "after_cursor_execute", self._after)
            self._listens = False

    def _before(
        self, _: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> tuple[str, Any]:
        if self._step is None or not is_noted(statement):
            self._looked = self._looked or bool(SCHEMA.search(statement))
            return statement, parameters
        if self._running is not None:  # it failed, and the script went on
            self._mark(self._running, "failed")
        entry = self._recorded_as(statement, digest_of(statement, parameters))
        if entry is None:
            self._note(statement, parameters)
        elif entry.state == "done" or self._tried(entry, statement, parameters):
            return "DO 0", [()] if many else ()
        self._looked = False
        return statement, parameters

    def _recorded_as(self, statement: str, digest: str) -> Entry | None:
        """Find a statement among those of the last attempt; None for one that is new."""
        ahead = self._recorded[self._position :]
        for index, entry in enumerate(ahead):
            if entry.digest == digest:
                self._position += index + 1
                return entry
            if entry.is_data or not self._looked:
                # only a script that looks at the schema can have a reason to leave one out
                raise errors.JournalError.mismatch(
                    str(self._step), entry.number, entry.statement, statement
                )
        return None

    def _tried(self, entry: Entry, statement: str, parameters: Any) -> bool:
        """Run the statement that was under way when the last attempt ended."""
        if entry.state != "running":
            return False
        self._running = entry.number
        cursor = self.raw.cursor()
        try:
            cursor.execute(statement, parameters)
        except Exception as error:  # every driver has its own class for it
            if not had_been_applied(statement, error):
                return False  # SQLAlchemy runs it again, and says what is wrong
        finally:
            cursor.close()
        self._mark(entry.number, "done")
        return True

    def _note(self, statement: str, parameters: Any) -> None:
        """Note a new statement; what cannot be undone is noted before it runs."""
        self._number += 1
        is_data = first_word(statement) in DATA
        self.query(
            f"INSERT INTO {TABLE} (number, step, heads, digest, state, statement) "
            "VALUES (%s, %s, %s, %s, %s, %s)",
            self._number,
            self._step,
            self._heads,
            digest_of(statement, parameters),
            "done" if is_data else "running",
            statement[:10000],
        )
        if not is_data:
            self._running = self._number
            self.raw.commit()

    def _mark(self, number: int, state: str) -> None:
        self.query(f"UPDATE {TABLE} SET state = %s WHERE number = %s", state, number)
        self.raw.commit()
        self._running = None

    def _after(self, *_: Any) -> None:
        if self._running is not None:
            self._mark(self._running, "done")

    def failed(self, refused: bool) -> list[Entry]:
        """Note that the step has failed.

        :param refused: whether the statement under way is known to have had no effect
        :returns: the statements that stand all the same
        :raises Exception: the connection is gone
        """
        self.raw.rollback()
        self._step = None
        if self._running is not None and refused:
            self._forget(self._running)
        self._running = None
        entries = self.entries()
        if not entries:
            self.end()
        return [entry for entry in entries if entry.state == "done"]

    def end(self) -> None:
        """Leave nothing of the journal in the database.

        :raises Exception: the database refuses
        """
        self._step = None
        self.query(f"DROP TABLE IF EXISTS {TABLE}")
