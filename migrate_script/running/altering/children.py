"""Foreign keys around a run: a table can be replaced while the rows that refer to it stay.

Where foreign keys are enforced, DROP TABLE deletes the table's rows first, and with them, or in
them, what refers to them. Enforcement can only be switched by PRAGMA outside a transaction, and a
run is one. It stays on, so that everything a script itself does has its usual effect, and the one
DROP TABLE of a re-creation is done when nothing refers to the table.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from contextlib import contextmanager
from typing import Any, Iterator, NamedTuple
from typing import Counter as CounterType

from ... import errors
from ...progress import listener
from .schema import Database
from .tokens import folded, quoted


class Violation(NamedTuple):
    """A row that refers to nothing.

    :param table: where it is
    :param parent: the table it refers to
    :param columns: the columns it refers by
    :param rowid: which row it is; None in a table without rowids
    :raises: nothing
    """

    table: str
    parent: str
    columns: tuple[str, ...]
    rowid: Any


class State(NamedTuple):
    """What is amiss with the foreign keys of a database.

    :param tables: the tables that there are
    :param rows: the rows that refer to nothing
    :param referring: the tables that refer to others, each with the other one
    :param keyless: those that refer to columns which are no key
    :raises: nothing
    """

    tables: set[str]
    rows: CounterType[Violation]
    referring: set[tuple[str, str]]
    keyless: set[tuple[str, str]]


def state_of(database: Database) -> State:
    """Look at the foreign keys of a database.

    :param database: where to look
    :raises sqlite3.Error: the database cannot be read
    """
    tables = [entry for entry in database.entries() if entry.type == "table"]
    found = State({folded(entry.name) for entry in tables}, Counter(), set(), set())
    for entry in tables:
        if "references" in (entry.sql or "").lower():
            _look_at(database, entry.name, found)
    return found


def _look_at(database: Database, table: str, found: State) -> None:
    keys = database.foreign_keys(table)
    found.referring.update((folded(table), key[0]) for key in keys.values())
    try:
        rows = database.pragma(f"foreign_key_check({quoted(table)})")
    except sqlite3.OperationalError as error:
        # nothing can be checked then
        mismatch = _MISMATCH.search(str(error))
        if mismatch is not None:
            found.keyless.add((folded(table), folded(mismatch.group(1))))
        return
    for name, rowid, parent, number in rows:
        columns = keys[number][1] if number in keys else ()
        found.rows[Violation(folded(name), folded(parent), columns, rowid)] += 1


_MISMATCH = re.compile('foreign key mismatch - ".*" referencing "(.*)"')


def _places(database: Database) -> set[tuple[str, str, tuple[str, ...]]]:
    tables = [entry.name for entry in database.entries() if entry.type == "table"]
    return {
        (folded(table), key[0], key[1])
        for table in tables
        for key in database.foreign_keys(table).values()
    }


def new_violations(database: Database, before: State, after: State) -> list[Violation]:
    """Give the violations that were not there before, under whatever name.

    :param database: where they were found
    :param before: how it was
    :param after: how it is
    :raises sqlite3.Error: the database cannot be read
    """
    new, gone = after.rows - before.rows, before.rows - after.rows
    if new and gone:
        # a table or a column that has another name now took its old violations with it
        places = _places(database)
        moved = [one for one in gone.elements() if one[:3] not in places]
        for one in list(new.elements()):
            old = next((each for each in moved if _may_be(each, one, before, after)), None)
            if old is not None:
                moved.remove(old)
                new[one] -= 1
    return list(new.elements())


def _may_be(old: Violation, new: Violation, before: State, after: State) -> bool:
    """Tell a row of the same table, or of one that came as the other one went."""
    renamed = new.table not in before.tables and old.table not in after.tables
    return old.rowid == new.rowid and (old.table == new.table or renamed)


class Watch:
    """Compares the foreign keys before and after each step.

    :param database: the database of the steps
    :raises: nothing
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.known: State | None = None
        self._seen: Any = None

    def _state(self) -> Any:
        return self.database.raw.total_changes, self.database.pragma("schema_version")

    def _look(self) -> State:
        """Note how the database is; what others commit later is seen by its version."""
        self.known = state_of(self.database)
        self._seen = self.database.pragma("data_version")
        return self.known

    @contextmanager
    def step(self, revision: str, allowed: bool) -> Iterator[None]:
        """Surround a step.

        :param revision: its identifier
        :param allowed: whether it says that something may be lost
        :raises ForeignKeysBroken: rows refer to nothing now, or tables to no key, and foreign keys
            are enforced
        """
        known = self.known
        if known is None or self.database.pragma("data_version") != self._seen:
            known = self._look()
        enforced, before = self.database.enforces_foreign_keys, self._state()
        yield
        if self._state() != before:
            kept = ""
            if not (enforced and self.database.enforces_foreign_keys):
                kept = "foreign keys are not enforced here"
            elif self.database.pragma("data_version") != self._seen:
                # possible behind a COMMIT of the script, and whose the rows are is not known
                kept = "another program wrote to the database meanwhile"
            self._compare(revision, known, kept, allowed)

    def _compare(self, revision: str, before: State, kept: str, allowed: bool) -> None:
        after = self._look()
        new = new_violations(self.database, before, after)
        # a key may also be made after what refers to it
        keyless = sorted((after.keyless - before.keyless) & before.referring if not allowed else ())
        if not new and not keyless:
            return
        counts = Counter((one.table, one.parent) for one in new)
        broken = errors.ForeignKeysBroken(revision, sorted(counts.items()), keyless, kept)
        if not kept:
            raise broken
        listener().note(str(broken))


@contextmanager
def unreferred(database: Database) -> Iterator[bool]:
    """Let a table be dropped without an effect on those that refer to it.

    :param database: the database
    :returns: whether foreign keys are out of force inside
    :raises sqlite3.Error: the database refuses
    """
    if not database.enforces_foreign_keys:
        yield True
        return
    switch = getattr(sqlite3, "SQLITE_DBCONFIG_ENABLE_FKEY", None)
    if switch is None or not hasattr(database.raw, "setconfig"):
        yield False
        return
    # unlike the PRAGMA it works within a transaction (Python 3.12 and later)
    database.raw.setconfig(switch, False)
    try:
        yield True
    finally:
        database.raw.setconfig(switch, True)
