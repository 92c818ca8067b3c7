"""Records the statements of a revision on MySQL and MariaDB, and skips those already applied.

These servers commit before and after each DDL statement, so that no rollback undoes a revision
that fails. A change of rows is recorded in the transaction that changes them, and DDL before it
runs. The next run of the revision skips what was applied and repeats what was under way.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import Any

from .. import errors
from ..compat.alembic import quoted_version_table
from ..progress import listener
from ..sql import DDL, DML, Statement, tokens
from .dbapi import driver_connection
from .journal_table import JournalTable, RecordedStatement, digest_of, error_number
from .statements import Execution, Observer

# errors which say that the change of the schema has been made already
_APPLIED = (1050, 1051, 1060, 1061, 1091, 1146, 1826)
_NO_SUCH_TABLE = 1146  # after a table was renamed, and after nothing else
# statements that get such an error, or do nothing, when they are repeated at once
_HARMLESS = ("CREATE TABLE", "CREATE INDEX", "DROP TABLE", "DROP INDEX")
_NOTHING = "DO 0"
_LONGEST = 10_000  # of a recorded statement


class _Skipped:
    """The cursor of a skipped statement: it has the row count of the statement."""

    def __init__(self, cursor: Any, rowcount: int) -> None:
        self._cursor = cursor
        self.rowcount = rowcount

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


class Journal(Observer):
    """Observes one connection.

    `open` is called before the steps of each version table, `end` after them, or instead of them
    for a stamp, which says what the database is at. After a failure `outcome` says what was
    applied.
    """

    in_steps_only = True

    def __init__(self, connection: Any) -> None:
        self._raw = driver_connection(connection)
        self._table = JournalTable(self._raw)
        self._exists: bool | None = None
        self._step = ""
        self._heads = ""
        self._recorded: list[RecordedStatement] = []  # by an earlier run of this step
        self._position = 0
        self._number = 0
        self._current: RecordedStatement | None = None
        self._changed: list[RecordedStatement] = []  # whose states the table may not have
        self._temporary: set[str] = set()
        self._has_read_schema = False
        self._applied: list[RecordedStatement] = []

    def open(self, context: Any) -> None:
        """Begin with the steps of a MigrationContext."""
        self._table.version_table = quoted_version_table(context)
        self._exists = None

    # -- steps -------------------------------------------------------------------------------------

    def begin_step(self, step: Any) -> None:
        self._recorded = []
        if self._exists is None:
            self._exists = self._table.create()
            if self._exists:
                self._resume(_name_of(step))
        elif self._exists:
            self._table.delete()  # the step before is finished, and its version recorded
        if self._exists:
            self._heads = self._table.heads()
            self._raw.commit()
            self._step = _name_of(step)
        self._position = 0
        self._number = max((entry.number for entry in self._recorded), default=0)
        self._current, self._changed, self._temporary = None, [], set()

    def _resume(self, name: str) -> None:
        """Read what an earlier run has recorded of the step."""
        step = self._table.unfinished()
        if not step:
            self._table.delete()
            return
        if step != name:
            raise errors.JournalError.other_step(step, name)
        self._recorded = self._table.entries()
        self._restart_batch()
        applied = _applied(self._recorded)
        if applied:
            listener().note(
                f"the {name} goes on at statement {applied[-1].number + 1}: an earlier run was "
                f"stopped after {errors.counted(len(applied), 'statement')}"
            )

    def _restart_batch(self) -> None:
        """Begin again with a batch that was stopped while it copied a table."""
        batch = [entry for entry in self._recorded if entry.batch_copy]
        if not batch or (batch[-1].state == "done" and batch[-1].statement.renames):
            return
        copy = batch[-1].batch_copy
        start = next(e.number for e in reversed(batch) if e.statement.verb == "CREATE TABLE")
        if self._table.exists(copy):
            table = next(filter(None, map(_copied_table, batch)), copy.replace("_alembic_tmp_", ""))
            if not self._table.exists(table):
                raise errors.JournalError.table_gone(table, copy)
            self._table.query(f"DROP TABLE `{copy}`")
        self._table.delete(start)
        self._recorded = [entry for entry in self._recorded if entry.number < start]

    def end_step(self, step: Any, error: BaseException | None) -> None:
        lost = getattr(error, "connection_invalidated", False)
        if error is not None and self._step and not lost:
            # an interruption closes the connection, for which every driver has its own error
            with suppress(Exception):
                self._applied = self._after_failure(isinstance(error, Exception))
        self._step = ""

    def _after_failure(self, refused: bool) -> list[RecordedStatement]:
        """Return what was applied; nothing is left of a last statement that the server refused."""
        self._raw.rollback()
        self._set_failed()
        last = self._changed.pop() if self._changed else None
        if last is not None and last.state == "failed":
            if refused:
                self._table.delete(last.number)
        elif last is not None:
            self._changed.append(last)
        self._save_changed()
        self._raw.commit()
        entries = self._table.entries()
        if not entries:
            self.end()
        return _applied(entries)

    def outcome(self) -> str:
        """What a failed step has applied, in a sentence; empty if nothing."""
        count = len(self._applied)
        if not count:
            return ""
        were = "statement was" if count == 1 else "statements were"
        texts = ", ".join(f"[{' '.join(entry.text.split())[:100]}]" for entry in self._applied)
        return f"{count} {were} applied and will not be repeated: {texts}"

    def finish(self) -> None:
        """Drop the table after the last step; without steps, only what a finished run has left."""
        if self._exists or (self._exists is None and is_left(self._table)):
            self.end()

    def end(self) -> None:
        """Drop the table."""
        self._step = ""
        if self._exists if self._exists is not None else self._table.exists():
            self._table.drop()
        self._exists = None

    # -- statements --------------------------------------------------------------------------------

    def before(self, execution: Execution) -> None:
        if not self._step or execution.own:
            return
        statement = execution.statement
        if not self._is_recorded(statement):
            self._has_read_schema = self._has_read_schema or statement.reads_schema
            return
        digest = digest_of(statement, execution.text, execution.parameters)
        entry = self._find(digest, execution.text)
        if entry is None:
            self._number += 1
            text = execution.text[:_LONGEST]
            entry = RecordedStatement(self._number, digest, "running", 0, text)
        elif entry.state == "done" or (entry.state == "running" and self._repeat(entry, execution)):
            self._skip(entry, execution)
            return
        self._start(entry)
        self._has_read_schema = False

    def _is_recorded(self, statement: Statement) -> bool:
        """Whether a statement changes something that outlives the connection."""
        table = statement.names[0].lower() if statement.names else ""
        if statement.temporary:
            self._temporary.add(table)
            return False
        return statement.kind in (DML, DDL) and table not in self._temporary

    def _find(self, digest: str, text: str) -> RecordedStatement | None:
        """Find a statement among those of the earlier run; None if it is new."""
        for index, entry in enumerate(self._recorded[self._position :]):
            if entry.digest == digest:
                self._position += index + 1
                return entry
            if entry.is_data or not self._has_read_schema:
                # only a script that looks at the schema has a reason to leave one out
                raise errors.JournalError.mismatch(self._step, entry.number, entry.text, text)
        return None

    def _skip(self, entry: RecordedStatement, execution: Execution) -> None:
        if execution.statement.returning:
            raise errors.JournalError.returned(self._step, entry.number, execution.text)
        execution.context.cursor = _Skipped(execution.cursor, entry.affected)
        execution.text, execution.parameters = _NOTHING, [()] if execution.many else ()

    def _repeat(self, entry: RecordedStatement, execution: Execution) -> bool:
        """Repeat the statement that was under way when the earlier run ended.

        :returns: whether it has been applied, now or then; SQLAlchemy reports what else is wrong
        """
        cursor = self._raw.cursor()
        try:
            cursor.execute(execution.text, execution.parameters)
        except Exception as error:  # every driver has its own class for it
            number = error_number(error)
            if number not in _APPLIED or (
                number == _NO_SUCH_TABLE and not execution.statement.renames
            ):
                return False
        finally:
            cursor.close()
        self._changed.append(entry._replace(state="done"))
        self._save_changed()
        return True

    def _start(self, entry: RecordedStatement) -> None:
        self._current = entry
        if entry.is_data:
            self._save_changed()
        else:
            # the server commits this before it runs the statement, if it can parse it
            self._table.save(self._step, self._heads, [*self._changed, entry])

    def _save_changed(self) -> None:
        """Write new states, and commit those of DDL, before which everything was committed."""
        if self._changed:
            self._table.save(self._step, self._heads, self._changed)
            if not all(entry.is_data for entry in self._changed):
                self._raw.commit()
            self._changed = []

    def after(self, execution: Execution) -> None:
        entry, self._current = self._current, None
        if entry is None:
            return
        done = entry._replace(state="done", affected=max(execution.cursor.rowcount, 0))
        if done.is_data:
            self._table.save(self._step, self._heads, [done])
            return
        # the next statement writes it where a repetition is harmless: one round trip for each DDL
        self._changed = [done]
        if not _is_harmless_if_repeated(execution.statement):
            self._save_changed()

    def failed(self, execution: Execution) -> None:
        self._set_failed()

    def _set_failed(self) -> None:
        entry, self._current = self._current, None
        if entry is not None:
            self._changed.append(entry._replace(state="failed"))


def table_of(context: Any) -> JournalTable:
    """Return the table beside the version table of a MigrationContext."""
    table = JournalTable(driver_connection(context.connection))
    table.version_table = quoted_version_table(context)
    return table


def is_left(table: JournalTable) -> bool:
    """Whether a run that was stopped after its last revision has left the table."""
    return table.exists() and not table.unfinished()


def note_unfinished(context: Any) -> None:
    """Tell the user of a revision that is half done, and what to type next."""
    table = table_of(context)
    step = table.unfinished() if table.exists() else ""
    applied = _applied(table.entries()) if step else []
    if applied:
        listener().note(
            f"the {step} is half done, {errors.counted(len(applied), 'statement')} of it applied: "
            f"run 'db {step.split()[0]}' to go on at statement {applied[-1].number + 1}"
        )


def _applied(entries: list[RecordedStatement]) -> list[RecordedStatement]:
    return [entry for entry in entries if entry.state == "done"]


def _name_of(step: Any) -> str:
    direction = "upgrade to" if step.is_upgrade else "downgrade from"
    return f"{direction} revision {step.revision.revision}"


def _copied_table(entry: RecordedStatement) -> str:
    """The table of a batch, if this statement of it names that table."""
    if entry.statement.renames:
        return entry.statement.renames[0][1][-1]
    return next((name for name in entry.statement.sources if name != entry.batch_copy), "")


def _is_harmless_if_repeated(statement: Statement) -> bool:
    if statement.verb == "ALTER TABLE":
        words = [token.keyword for token in islice(tokens(statement.text, "mysql"), 6)]
        return words[3:5] == ["ADD", "COLUMN"] and words[5:] != ["IF"]
    return statement.verb in _HARMLESS and not statement.replacing
