"""Foreign keys around a run: a table can be replaced while the rows that refer to it stay.

Where foreign keys are enforced, DROP TABLE deletes the table's rows first, and with them, or in
them, what refers to them. Enforcement can only be switched by PRAGMA outside a transaction, and a
run is one. It stays on, so that everything a script itself does has its usual effect, and the one
DROP TABLE of a re-creation is done when nothing refers to the table.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import contextmanager
from typing import Any, Iterator, NamedTuple
from typing import Counter as CounterType

from .. import errors
from ..progress import listener
from .schema import Database
from .tokens import quoted


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


def violations(database: Database) -> CounterType[Violation]:
    """Find the rows that refer to nothing.

    :param database: where to look
    :raises sqlite3.Error: the database cannot be read
    """
    found: CounterType[Violation] = Counter()
    for entry in database.entries():
        if entry.type == "table" and "references" in (entry.sql or "").lower():
            found.update(_violations_of(database, entry.name))
    return found


def _violations_of(database: Database, table: str) -> Iterator[Violation]:
    keys = database.foreign_keys(table)
    try:
        rows = database.pragma(f"foreign_key_check({quoted(table)})")
    except sqlite3.OperationalError:
        # "foreign key mismatch": the columns referred to are no key, so nothing can be checked
        return
    for name, rowid, parent, number in rows:
        columns = keys[number][1] if number in keys else ()
        yield Violation(name.lower(), parent.lower(), columns, rowid)


def _places(database: Database) -> set[tuple[str, str, tuple[str, ...]]]:
    tables = [entry.name for entry in database.entries() if entry.type == "table"]
    return {
        (table.lower(), key[0], key[1])
        for table in tables
        for key in database.foreign_keys(table).values()
    }


def new_violations(
    database: Database, before: CounterType[Violation], after: CounterType[Violation]
) -> list[Violation]:
    """Give the violations that were not there before, under whatever name.

    :param database: where they were found
    :param before: those before
    :param after: those after
    :raises sqlite3.Error: the database cannot be read
    """
    new, gone = after - before, before - after
    if new and gone:
        # a table or a column that has another name now took its old violations with it
        places = _places(database)
        moved = Counter(one.rowid for one in gone.elements() if one[:3] not in places)
        for one in list(new.elements()):
            if moved[one.rowid] > 0:
                moved[one.rowid] -= 1
                new[one] -= 1
    return list(new.elements())


class Watch:
    """Compares the foreign keys before and after each step.

    :param database: the database of the steps
    :raises: nothing
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.known: CounterType[Violation] | None = None

    def _state(self) -> Any:
        return self.database.raw.total_changes, self.database.pragma("schema_version")

    @contextmanager
    def step(self, revision: str) -> Iterator[None]:
        """Surround a step.

        :param revision: its identifier
        :raises ForeignKeysBroken: rows refer to nothing now, and foreign keys are enforced
        """
        if self.known is None:
            self.known = violations(self.database)
        enforced, before = self.database.enforces_foreign_keys, self._state()
        yield
        if self._state() != before:
            self._compare(revision, enforced and self.database.enforces_foreign_keys)

    def _compare(self, revision: str, enforced: bool) -> None:
        after = violations(self.database)
        new = new_violations(self.database, self.known or Counter(), after)
        self.known = after
        if not new:
            return
        counts = Counter((one.table, one.parent) for one in new)
        broken = errors.ForeignKeysBroken(revision, sorted(counts.items()), enforced)
        if enforced:
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
