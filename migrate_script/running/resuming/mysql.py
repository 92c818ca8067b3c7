"""MySQL and MariaDB: every statement of a revision is noted.

These servers commit before and after every change of the schema, and none can be undone. A row is
noted in the same transaction as each change of data, and before each change of the schema.
"""

from __future__ import annotations

import re
from typing import Any

from ... import errors
from ..statements import COPY, Entry, first_word
from .journal import Journal
from .notes import COLUMNS, TABLE, Notes

_COPIED = re.compile(r"\bFROM `?(\w+)|\bRENAME TO `?(\w+)", re.I)
# what says that a change of the schema is there already
_APPLIED = (1050, 1051, 1060, 1061, 1091, 1146, 1826)
# what says that the user has no right to make or drop a table
_DENIED = (1044, 1142)


def _error_number(error: BaseException) -> int:
    """Give the server's number of an error; 0 where there is none."""
    first = error.args[0] if error.args else 0
    return first if isinstance(first, int) else int(getattr(error, "errno", 0) or 0)


class MySQLNotes(Notes):
    """The table on these servers."""

    def exists(self, table: str = TABLE) -> bool:
        return bool(
            self.query(
                "SELECT 1 FROM information_schema.TABLES "
                "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s",
                table,
            )
        )

    def create(self) -> bool:
        try:
            self.query(
                f"CREATE TABLE IF NOT EXISTS {self.table} ({COLUMNS}) "
                "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
            )
        except Exception as error:  # every driver has its own class for it
            if _error_number(error) not in _DENIED:
                raise
            return False
        return True

    def drop(self) -> None:
        try:
            super().drop()
        except Exception as error:
            if _error_number(error) not in _DENIED:
                raise
            self.forget()
            self.raw.commit()


class MySQLJournal(Journal):
    """The journal of all statements."""

    nothing = "DO 0"

    def __init__(self, connection: Any, notes: Notes) -> None:
        super().__init__(connection, notes)
        self._current: Entry | None = None

    def begin(self, step: str) -> None:
        if self._step is not None:
            self.notes.forget()  # the step before is over, and its version is noted
            self.notes.raw.commit()
        if not self.notes.create():
            return
        self._take_up(step)
        self._take_copies_back()
        self._enter(step)
        self.notes.raw.commit()

    def _take_copies_back(self) -> None:
        """Begin again with the copy of a table that did not come to its end."""
        copies = [e for e in self._recorded if COPY.search(e.statement)]
        if not copies or (copies[-1].state == "done" and "RENAME" in copies[-1].statement.upper()):
            return
        start = next(e.number for e in reversed(copies) if first_word(e.statement) == "CREATE")
        match = COPY.search(copies[-1].statement)
        copy = match.group() if match else ""
        if self.notes.exists(copy):
            table = self._copied([e.statement for e in copies if e.number > start], copy)
            if not self.notes.exists(table):
                raise errors.JournalError.table_gone(table, copy)
            self.notes.query(f"DROP TABLE `{copy}`")
        self.notes.forget(start)
        self._recorded = [e for e in self._recorded if e.number < start]

    @staticmethod
    def _copied(statements: list[str], copy: str) -> str:
        """Name the table that a copy was made of."""
        for match in filter(None, map(_COPIED.search, statements)):
            return str(match.group(1) or match.group(2))
        return copy.replace("_alembic_tmp_", "")

    def _start(self, entry: Entry) -> None:
        self._current = entry
        if not entry.is_data:  # what cannot be undone is noted before it runs
            self.notes.add(str(self._step), self._heads, entry)
            self.notes.raw.commit()

    def _mark(self, entry: Entry, state: str) -> None:
        self.notes.mark(entry.number, state)
        self.notes.raw.commit()

    def _after(
        self, _: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        entry, self._current = self._current, None
        if entry is None:
            return
        if entry.is_data:
            done = entry.done(cursor)
            self.notes.add(str(self._step), self._heads, done)
        else:
            self._mark(entry, "done")

    def _settle(self) -> None:
        entry, self._current = self._current, None
        if entry is None:
            return
        if entry.is_data:
            self.notes.add(str(self._step), self._heads, entry._replace(state="failed"))
        else:
            self._mark(entry, "failed")

    def _tried(self, entry: Entry, statement: str, parameters: Any) -> bool:
        if super()._tried(entry, statement, parameters):
            self._mark(entry, "done")
            return True
        if entry.state == "running":
            self._current = entry
        return False

    def _had_been_applied(self, statement: str, error: Exception) -> bool:
        number = _error_number(error)
        # a table that is not there is what a renaming leaves behind, and nothing else does
        return number in _APPLIED and (number != 1146 or "RENAME" in statement.upper())

    def failed(self, refused: bool) -> list[Entry]:
        """Note that the step has failed.

        :param refused: whether the statement under way is known to have had no effect
        :returns: the statements that stand all the same
        :raises Exception: the connection is gone
        """
        self.notes.raw.rollback()
        self._step = None
        entry, self._current = self._current, None
        if entry is not None and not entry.is_data and refused:
            self.notes.forget(entry.number)
            self.notes.raw.commit()
        entries = self.notes.entries()
        if not entries:
            self.end()
        return [entry for entry in entries if entry.state == "done"]

    def end(self) -> None:
        """Leave nothing of the journal in the database.

        :raises Exception: the database refuses
        """
        self._step = None
        if self.notes.exists():
            self.notes.drop()
