"""PostgreSQL: the statements of a revision that commits before its end are noted.

That is one with an `autocommit_block()`, a `commit()` of its own, or COMMIT as a statement. What
ran in a transaction is noted as the transaction is committed; what runs outside of one is noted
by itself. A revision without any of them is undone as a whole, and costs no statement here.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from sqlalchemy import event

from ..connections import beside
from ..postgresql import PostgreSQLNotes, sqlstate
from ..statements import Entry, first_word
from .journal import Journal

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_THERE = {"42P07", "42701", "42710", "42P06", "42P04", "42723"}
_GONE = {"42P01", "42703", "42704", "3F000", "3D000"}
_TRANSACTION_FAILED = "25P02"

# those of which the effect and a note can be committed together
_DATA = {"INSERT", "UPDATE", "DELETE", "MERGE"}
_SAVEPOINT = re.compile(
    r'\W*(?:SAVEPOINT|ROLLBACK\b.*?\bTO(?:\s+SAVEPOINT)?)\s+("[^"]+"|\w+)', re.I
)


class CommittedJournal(Journal):
    """The journal of what is committed before the end of a revision."""

    nothing = "DO 'BEGIN END'"
    notes: PostgreSQLNotes

    def __init__(self, connection: Any, notes: PostgreSQLNotes) -> None:
        super().__init__(connection, notes)
        self._pool = connection.engine.pool
        self._kept: list[Entry] = []  # what the open transaction has done
        self._savepoints: dict[str, int] = {}
        self._current: Entry | None = None
        self._is_there: bool | None = None
        self._was_there = False  # in this run: its end may be undone with a later step
        self._has_committed = self._has_begun = False

    @property
    def _outside(self) -> bool:
        """Whether each statement is committed by itself."""
        # psycopg2 goes on so after a COMMIT that it does not know of, and others begin anew
        return self._has_committed or bool(getattr(self.notes.raw, "autocommit", False))

    def listen(self) -> None:
        super().listen()
        event.listen(self.connection, "commit", self._before_commit)

    def silence(self) -> None:
        if self._listens:
            event.remove(self.connection, "commit", self._before_commit)
        super().silence()

    def begin(self, step: str) -> None:
        if self._is_there is None:
            self._is_there = self.notes.exists()
            if self._is_there:
                self._take_up(step)
        elif self._is_there:
            self.end()  # the step before is over, and its version is noted
        self._kept, self._savepoints = [], {}
        self._enter(step)
        if self._outside:
            self._note_kept(step)

    def finish(self) -> None:
        """Note nothing more of the step: its script is over, or has undone a part of itself.

        :raises: nothing
        """
        self._step = self._current = None

    def leave_block(self) -> None:
        """End the transaction of a statement that has failed in an `autocommit_block`.

        :raises Exception: the database refuses
        """
        self._undo_begun()

    def _before_commit(self, _: Any) -> None:
        self._before_end()
        self._has_committed = False  # the driver begins another transaction

    def _before_end(self) -> None:
        """Note what the transaction has done, since it is about to be committed."""
        if self._step is None or self._outside:
            return
        try:
            self._note_kept(self._step)
        except Exception as error:  # every driver has its own class for it
            if sqlstate(error) != _TRANSACTION_FAILED:  # whose COMMIT rolls it back
                raise
        self._kept, self._savepoints = [], {}

    def _note_kept(self, step: str) -> None:
        self._is_there = self._was_there = self.notes.create()
        self._heads = self.notes.heads()
        for entry in self._kept if self._is_there else ():
            self.notes.add(step, self._heads, entry)

    def _before(
        self, connection: Any, cursor: Any, statement: str, parameters: Any, *others: Any
    ) -> tuple[str, Any]:
        if self._step is not None:
            self._settle()
            self._follow(statement)
        return super()._before(connection, cursor, statement, parameters, *others)

    def _follow(self, statement: str) -> None:
        """See what a statement means for the transaction."""
        word = first_word(statement)
        if word in ("COMMIT", "END"):
            self._before_end()
            self._has_committed = True
        elif word in ("BEGIN", "START"):
            self._has_committed = False
        elif word in ("SAVEPOINT", "ROLLBACK", "ABORT"):
            savepoint = _SAVEPOINT.match(statement)
            name = savepoint.group(1) if savepoint else ""
            if word == "SAVEPOINT":
                self._savepoints[name] = len(self._kept)
            else:
                start = self._savepoints.get(name, 0)
                undone = [entry._replace(state="failed") for entry in self._kept[start:]]
                self._kept[start:] = undone  # the script does it again, and takes it back again

    def _start(self, entry: Entry) -> None:
        self._current = entry
        if self._outside and self._is_there:
            if first_word(entry.statement) in _DATA:
                self.notes.query("BEGIN")
                self._has_begun = True
            else:
                self.notes.add(str(self._step), self._heads, entry)

    def _after(
        self, _: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        entry, self._current = self._current, None
        if entry is None:
            return
        done = entry.done(cursor)
        if not self._outside:
            self._kept.append(done)
        elif self._has_begun:
            self.notes.add(str(self._step), self._heads, done)
            self.notes.query("COMMIT")
            self._has_begun = False
        elif self._is_there:
            self.notes.mark(done.number, done.state)

    def _undo_begun(self) -> None:
        if self._has_begun:
            self.notes.query("ROLLBACK")
            self._has_begun = False

    def _settle(self) -> None:
        self._undo_begun()
        entry, self._current = self._current, None
        if entry is None:
            return
        failed = entry._replace(state="failed")
        if not self._outside:
            self._kept.append(failed)
        elif self._is_there and first_word(entry.statement) in _DATA:
            self.notes.add(str(self._step), self._heads, failed)
        elif self._is_there:
            self.notes.mark(failed.number, failed.state)

    def _tried(self, entry: Entry, statement: str, parameters: Any) -> bool:
        applied = super()._tried(entry, statement, parameters)
        if entry.state == "running":
            if self.notes.drop_invalid_index(statement) or not applied:
                self._current = entry
                return False
            self.notes.mark(entry.number, "done")
        return applied

    def _had_been_applied(self, statement: str, error: Exception) -> bool:
        code = sqlstate(error)
        takes_away = re.search(r"\b(DROP|RENAME)\b", statement, re.I) is not None
        return code in _THERE or (code in _GONE and takes_away)

    def failed(self, refused: bool) -> list[Entry] | None:
        """Note that the step has failed; its transaction has been rolled back.

        :param refused: whether the statement under way is known to have had no effect
        :returns: the statements that stand all the same; None where nothing is known of them
        :raises: nothing
        """
        self._step = None
        entry, self._current = self._current, None
        if not self._is_there:
            entry = None  # not one of those that are noted
        if not (self._is_there or self._was_there):
            return None
        # each driver has its own exception for a server that is gone
        with suppress(Exception), beside(self._pool) as raw:
            self.notes.dialect.set_isolation_level(raw, "AUTOCOMMIT")
            entries = self._clean_up(self.notes.on(raw), entry if refused else None)
            return [entry for entry in entries if entry.state == "done"]
        return None

    @staticmethod
    def _clean_up(notes: PostgreSQLNotes, refused: Entry | None) -> list[Entry]:
        """Take back the notes, and the index, of a statement that had no effect."""
        notes.query("SET lock_timeout = '10s'")
        if refused is not None:
            notes.drop_invalid_index(refused.statement)
            if notes.exists():
                notes.forget(refused.number)
        entries = notes.entries()
        if not entries and notes.exists():
            notes.drop()
        return entries

    def end(self) -> None:
        """Leave nothing of the journal in the database.

        :raises Exception: the database refuses
        """
        self._step, self._recorded = None, []
        if self._is_there is None:
            self._is_there = self.notes.exists()
        if self._is_there:
            self.notes.drop()
            if not self.connection.in_transaction():  # each step has one of its own
                self.notes.raw.commit()
        self._is_there = False
