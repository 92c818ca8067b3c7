"""What a revision has done already is noted, so that it can go on where it stopped.

That is needed where a rollback does not undo everything. The next run of the revision skips what
is noted as done, and tries again what was under way when all ended.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import event

from ... import errors
from ..statements import RETURNS, SCHEMA, Entry, digest_of, is_noted, table_changed, temporary_table
from .notes import Notes


class _Replayed:
    """The cursor of a statement that is skipped: it counts the rows that the statement changed."""

    def __init__(self, cursor: Any, rowcount: int) -> None:
        self._cursor = cursor
        self.rowcount = rowcount

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


class Journal:
    """The notes about the revision that runs on one connection.

    :param connection: SQLAlchemy's connection
    :param notes: the table of the notes
    :raises: nothing
    """

    #: a statement that changes nothing and returns nothing
    nothing = ""

    def __init__(self, connection: Any, notes: Notes) -> None:
        self.connection = connection
        self.notes = notes
        self._step: str | None = None
        self._heads = ""
        self._recorded: list[Entry] = []
        self._position = 0
        self._number = 0
        self._temporary: set[str] = set()
        self._looked = self._listens = False

    def begin(self, step: str) -> None:
        """Be ready for a step, which may have been tried before.

        :param step: its direction and its revision
        :raises JournalError: another revision is not finished
        """
        raise NotImplementedError

    def _take_up(self, step: str) -> None:
        """Read what an earlier attempt has noted about a step."""
        found, self._heads = self.notes.unfinished(), self.notes.heads()
        if found and found[1] != self._heads:
            self.notes.forget()  # it was finished, or stamped, meanwhile
        elif found and found[0] != step:
            raise errors.JournalError.other_step(found[0], step)
        self._recorded = self.notes.entries()

    def _enter(self, step: str) -> None:
        self._step, self._position = step, 0
        self._number = max((entry.number for entry in self._recorded), default=0)
        self._temporary = set()

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
        if self._step is None:
            return statement, parameters
        self._settle()
        if not self._is_noted(statement):
            self._looked = self._looked or bool(SCHEMA.search(statement))
            return statement, parameters
        digest = digest_of(statement, parameters)
        entry = self._recorded_as(statement, digest)
        if entry is None:
            self._number += 1
            self._start(Entry(self._number, digest, "running", 0, statement[:10000]))
        elif entry.state == "done" or self._tried(entry, statement, parameters):
            if RETURNS.search(statement):
                raise errors.JournalError.returned(str(self._step), entry.number, statement)
            context.cursor = _Replayed(cursor, entry.affected)
            return self.nothing, [()] if many else ()
        self._looked = False
        return statement, parameters

    def _is_noted(self, statement: str) -> bool:
        """Tell what changes something that is still there for the next attempt."""
        temporary = temporary_table(statement)
        if temporary:
            self._temporary.add(temporary)
            return False
        return is_noted(statement, self.connection.dialect.name) and (
            not self._temporary or table_changed(statement) not in self._temporary
        )

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

    def _start(self, entry: Entry) -> None:
        """Note, where that is of use, that a new statement begins."""
        raise NotImplementedError

    def _after(
        self, _: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        """Note that a statement has come to its end."""
        raise NotImplementedError

    def _settle(self) -> None:
        """Note that the statement before has failed, if it did, and the script went on."""
        raise NotImplementedError

    def _tried(self, entry: Entry, statement: str, parameters: Any) -> bool:
        """Run the statement that was under way when the last attempt ended."""
        if entry.state != "running":
            return False
        cursor = self.notes.raw.cursor()
        try:
            cursor.execute(statement, parameters)
        except Exception as error:  # every driver has its own class for it
            if not self._had_been_applied(statement, error):
                return False  # SQLAlchemy runs it again, and says what is wrong
        finally:
            cursor.close()
        return True

    def _had_been_applied(self, statement: str, error: Exception) -> bool:
        """Tell an error that only says that a change of the schema is there already."""
        raise NotImplementedError


def name_of(step: Any) -> str:
    """Give the direction and the revision of a step.

    :param step: Alembic's
    :raises: nothing
    """
    direction = "upgrade to" if step.is_upgrade else "downgrade from"
    return f"{direction} revision {step.revision.revision}"


def standing(entries: list[Entry]) -> str:
    """Say which statements of a revision that failed stand all the same.

    :param entries: what is noted about them
    :raises: nothing
    """
    if not entries:
        return ""
    texts = ", ".join(f"[{' '.join(entry.statement.split())[:100]}]" for entry in entries)
    return f"{len(entries)} statement(s) before it stand and will not be repeated: {texts}"
