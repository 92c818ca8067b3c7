"""Checks around a step: foreign keys, views and triggers that it may have broken.

Only what a step can have changed is looked at: the rows of tables that it rebuilds or writes to and
of those that refer to them, the rows of all tables where there are triggers or where it is not
known what was written, and the views and triggers that mention an altered table. A step that
creates tables, or adds columns without a rebuild, reads no rows.
"""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections import Counter
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Callable, Dict, Iterable, Iterator, NamedTuple, Set, Tuple
from typing import Counter as CounterType

from ..sql import DML, QUERY, Statement
from ..sql.lexer import folded, literal, quoted, tokens
from . import errors
from .schema import Entry, Schema

Graph = Dict[str, Set[Tuple[str, Tuple[str, ...]]]]  # what a table refers to, by which columns


class StepChecks:
    """The checks of one connection; `note` is called with what is no reason to stop a step."""

    def __init__(
        self, new_schema: Callable[[], Schema], note: Callable[[str], None], has_rows: bool = True
    ) -> None:
        self._new_schema = new_schema
        self._note = note
        self._has_rows = has_rows
        self._known: References | None = None
        # what a table refers to, by its name and definition
        self._referred: dict[tuple[str, str], tuple[str, set[tuple[str, tuple[str, ...]]]]] = {}
        self._data_version: Any = None
        self._dependents: Dependents | None = None  # once they were read
        self.suspects: set[tuple[str, str, str]] = set()
        self.runs = 0  # runs of several steps: what a column broke may be repaired by a later one
        self._is_active = False

    @contextmanager
    def step(self, revision: str, allow_loss: bool, lazily: bool) -> Iterator[None]:
        """Surround one step."""
        self.schema: Schema = self._new_schema()
        self._altered: set[str] = set()
        self._grown: set[str] = set()
        self._usable: dict[tuple[str, str], bool] = {}
        self._changes = self.schema.raw.total_changes if self._has_rows else 0
        self._own_changes = 0  # by this library, and by the statements that were seen
        self._start: int | None = None  # the number of changes before the one that runs
        self._written: set[str] = set()  # tables of its statements, looked at since the last DDL
        self._changes_all = self._has_looked = False
        self._is_enforced = True
        self._touched: set[str] = set()
        self._referring: set[tuple[str, str]] | None = None
        self._tables: set[str] = set()
        self._hears_all = lazily and self._has_rows and self.runs > 0
        if self._has_rows and not lazily:
            self._look_before(None)
        self._is_active = True
        try:
            yield
        finally:
            self._is_active = False
        if not allow_loss and (self._altered or self._grown):
            self._compare_dependents()
        if not self._has_rows:
            pass
        elif self._has_looked or self.schema.raw.total_changes != self._changes:
            self._compare_rows(revision, allow_loss)
        else:
            self._known = None  # the step may have changed the schema
        if not self.runs and self.suspects:
            self.report()

    @contextmanager
    def altering(self, *tables: str, grown: bool = False) -> Iterator[None]:
        """Surround a change of tables by this library; `grown` if a column is added in place."""
        if not self._is_active:
            yield
            return
        for entry in self._dependents_of(tables):
            if (entry.type, entry.name) not in self._usable:
                self._usable[entry.type, entry.name] = is_usable(self.schema, entry)
        if not self._has_rows or grown:
            yield
        else:
            self._look_before(set(map(folded, tables)))
            start = self.schema.raw.total_changes
            try:
                yield
            finally:
                self._own_changes += self.schema.raw.total_changes - start
                self._dependents = None
        (self._grown if grown else self._altered).update(map(folded, tables))

    def before_statement(self, statement: Statement) -> None:
        """Look at the rows before a statement of the script changes them."""
        if statement.kind not in (DML, QUERY) and not (
            statement.verb == "ALTER TABLE" and not statement.renames
        ):
            self._dependents = None  # it may drop some, or roll back
            self._written = set()
        if not self._is_active or not self._has_rows or self._changes_all:
            return
        if statement.kind == DML:
            self._before_rows_change(statement)
        elif statement.renames:
            self._look_before({folded(path[-1]) for pair in statement.renames for path in pair})
        elif statement.verb == "DROP TABLE":
            tables = {folded(path[-1]) for path in statement.paths}
            # where foreign keys are enforced, the rows are deleted first, which has effects
            referring = _with_referring(self._references(), tables) - tables
            deletes = self.schema.enforces_foreign_keys and referring
            self._look_before(None if deletes else tables)

    def _before_rows_change(self, statement: Statement) -> None:
        tables = {folded(path[-1]) for path in statement.paths}
        if not tables or not tables <= self._written:
            graph = self._references()
            # what a trigger writes is not known; rows that are returned may be changed later
            if not tables <= graph.keys() or statement.returning or has_triggers(self.schema):
                self._look_before(None)
                return
            reached = tables
            if self.schema.enforces_foreign_keys:  # they may delete and update what refers to them
                while reached != _with_referring(graph, reached):
                    reached = _with_referring(graph, reached)
            self._look_before(reached, graph)
            self._written |= tables
        self._start = self.schema.raw.total_changes

    def after_statement(self) -> None:
        """Count what a statement of the script has changed."""
        if self._is_active and self._start is not None:
            self._own_changes += self.schema.raw.total_changes - self._start
            self._start = None

    def _references(self) -> Graph:
        """Return what each table refers to; only new definitions are looked at."""
        rows = self.schema.rows(
            f"SELECT name, coalesce(sql, '') FROM {self.schema.master} WHERE type = 'table'"
        )
        new = [row for row in rows if row not in self._referred]
        having = [name for name, sql in new if "references" in sql.lower()]
        keys = self.schema.foreign_keys_of(having) if having else {}
        for row in new:
            referred = {key[:2] for key in keys.get(row[0], {}).values()}
            self._referred[row] = (folded(row[0]), referred)
        return dict(map(self._referred.__getitem__, rows))

    def _look_before(self, tables: set[str] | None, graph: Graph | None = None) -> None:
        if not self._has_looked:
            self._has_looked = True
            self._is_enforced = self.schema.enforces_foreign_keys
            version = self.schema.pragma("data_version")
            if self._known is None or version != self._data_version:
                self._known = References()  # another connection has committed
            self._data_version = version
        assert self._known is not None
        graph = graph or self._references()
        self._tables |= set(graph)
        if self._referring is None:
            self._referring = {(table, key[0]) for table in graph for key in graph[table]}
        if tables is None:
            self._changes_all, scope = True, set(graph)
        else:
            self._touched |= tables
            scope = _with_referring(graph, tables)
        self._known.look(self.schema, scope - set(self._known.tables))

    def _compare_rows(self, revision: str, allow_loss: bool) -> None:
        schema = self.schema
        before = self._known if self._has_looked and self._known else References()
        has_written = schema.raw.total_changes - self._changes != self._own_changes
        is_shared = self._has_looked and schema.pragma("data_version") != self._data_version
        is_any = is_shared or has_written or self._changes_all
        if not (is_any or self._touched):
            self._known = None  # the step may have changed the schema
            return
        graph = self._references()
        scope = set(graph) if is_any else _with_referring(graph, self._touched)
        after = before.only(set(graph))
        after.look(schema, scope)
        self._data_version = schema.pragma("data_version")
        self._known = after.only(scope)
        kept = ""
        if not (self._is_enforced and schema.enforces_foreign_keys):
            kept = "foreign keys are not enforced here"
        elif is_shared:
            # possible after a COMMIT of the script, and whose the rows are is not known
            kept = "another program wrote to the database meanwhile"
        elif has_written and not self._changes_all:
            kept = "written without SQLAlchemy, so that it is not known what was there before"
        new = new_violations(graph, before, after, self._tables)
        # a key may also be made after what refers to it
        keyless = (after.keyless - before.keyless) & (self._referring or set())
        if new or (keyless and not allow_loss):
            counts = Counter((one.table, one.parent) for one in new)
            lost = [] if allow_loss else sorted(keyless)
            broken = errors.BrokenReferences(revision, sorted(counts.items()), lost, kept)
            if not kept:
                raise broken
            self._note(str(broken))

    def _dependents_of(self, tables: Iterable[str]) -> set[Entry]:
        if self._dependents is None or not self._hears_all:
            self._dependents = Dependents()
        return self._dependents.of(self.schema, tables)

    def _compare_dependents(self) -> None:
        broken = self._broken(self._altered) if self._altered else set()
        if broken:
            what = sorted(f"the {kind} '{name}'" for kind, name in broken)
            raise errors.DependentsBroken(self._altered, what)
        for table in self._grown:
            # SQLite itself adds a column whatever becomes of them, and a later step may repair it
            self.suspects |= {(table, kind, name) for kind, name in self._broken({table})}

    def _broken(self, tables: set[str]) -> set[tuple[str, str]]:
        return {
            (entry.type, entry.name)
            for entry in self._dependents_of(tables)
            if self._usable.get((entry.type, entry.name), True)
            and not is_usable(self.schema, entry)
        }

    def report(self) -> None:
        """Note what added columns have broken, and no later step has repaired."""
        schema, suspects = self._new_schema(), sorted(self.suspects)
        self.suspects = set()
        entries = {(entry.type, entry.name): entry for entry in schema.entries()}
        for table, kind, name in suspects:
            if (kind, name) in entries and not is_usable(schema, entries[kind, name]):
                self._note(
                    f"the column that was added to '{table}' leaves the {kind} '{name}' unusable: "
                    "drop it and create it again, in a revision, for the columns that there are now"
                )


def _with_referring(graph: dict[str, Any], tables: set[str]) -> set[str]:
    """Return those of some tables that exist, and all that refer to one of them."""
    referring = {table for table in graph if any(key[0] in tables for key in graph[table])}
    return (tables & set(graph)) | referring


# -- foreign keys --------------------------------------------------------------------------------


class Violation(NamedTuple):
    """A row that refers to nothing."""

    table: str
    parent: str
    columns: tuple[str, ...]
    rowid: Any  # None in a table without rowids


class References:
    """The rows that refer to nothing, and the tables that refer to columns that are no key."""

    def __init__(self) -> None:
        self.tables: dict[str, CounterType[Violation]] = {}
        self.keyless: set[tuple[str, str]] = set()

    @property
    def rows(self) -> CounterType[Violation]:
        """All violations."""
        return sum(self.tables.values(), Counter())

    def only(self, tables: set[str]) -> References:
        """Return what is known of some tables."""
        found = References()
        found.tables = {name: rows for name, rows in self.tables.items() if name in tables}
        found.keyless = {pair for pair in self.keyless if pair[0] in tables}
        return found

    def look(self, schema: Schema, tables: Iterable[str]) -> None:
        """Check the foreign keys of some tables, whose rows are read."""
        for table in tables:
            self.tables[table] = Counter()
            self.keyless = {pair for pair in self.keyless if pair[0] != table}
            keys = schema.foreign_keys(table)
            try:
                rows = schema.pragma(f"foreign_key_check({quoted(table)})") if keys else []
            except sqlite3.OperationalError as error:
                mismatch = _MISMATCH.search(str(error))  # nothing can be checked then
                if mismatch is not None:
                    self.keyless.add((table, folded(mismatch.group(1))))
                continue
            for _, rowid, parent, number in rows:
                columns = keys[number][1] if number in keys else ()
                self.tables[table][Violation(table, folded(parent), columns, rowid)] += 1


_MISMATCH = re.compile('foreign key mismatch - ".*" referencing "(.*)"')


def has_triggers(schema: Schema) -> bool:
    """Whether there is a trigger, also a temporary one."""
    query = "SELECT 1 FROM {} WHERE type = 'trigger'"
    masters = (schema.master, "sqlite_temp_master")
    return bool(schema.rows(" UNION ALL ".join(map(query.format, masters)) + " LIMIT 1"))


def new_violations(
    graph: Graph, before: References, after: References, tables_before: set[str]
) -> list[Violation]:
    """Return what was not violated before."""
    new, gone = after.rows - before.rows, before.rows - after.rows
    if new and gone:
        # a table or a column that has another name now took its old violations with it
        places = {(table, *key) for table, keys in graph.items() for key in keys}
        moved = [one for one in gone.elements() if one[:3] not in places]
        tables = (tables_before, set(graph))
        for one in list(new.elements()):
            old = next((each for each in moved if _may_be(each, one, *tables)), None)
            if old is not None:
                moved.remove(old)
                new[one] -= 1
    return list(new.elements())


def _may_be(old: Violation, new: Violation, before: set[str], after: set[str]) -> bool:
    """Whether a row is one of the same table, or of a table that came as the other one went."""
    is_renamed = new.table not in before and old.table not in after
    return old.rowid == new.rowid and (old.table == new.table or is_renamed)


# -- views and triggers ----------------------------------------------------------------------------

_numbers = itertools.count()

# what SQLite says of missing or ambiguous names and of a wrong number of columns; anything else
# is about what may be written
_REASONS = re.compile(
    "no such|has no column|ambiguous|cannot join|values were supplied|number of terms|"
    r"number of result columns|sub-select returns|expected \d+ columns|values for \d+ columns|"
    r"columns assigned|row value misused"
)


def is_usable(schema: Schema, entry: Entry) -> bool:
    """Whether a view can be read, and whether the statement that fires a trigger compiles."""
    if entry.type == "view":
        return _compiles(schema, f"SELECT * FROM {quoted(entry.name)}")
    try:
        # with the columns that are generated, from SQLite 3.26 on
        rows = schema.rows(f"PRAGMA table_xinfo({literal(entry.table)})")
        rows = rows or schema.rows(f"PRAGMA table_info({literal(entry.table)})")
    except sqlite3.Error:
        return False  # of a view that is unusable itself
    settable = [row[1] for row in rows if not any(row[6:])]
    may_fire = _may_fire(entry.sql or "", [row[1] for row in rows])
    return may_fire and _compiles(schema, _firing(entry, settable))


def _may_fire(sql: str, columns: list[str]) -> bool:
    """Whether a trigger waits for a column that exists; SQLite allows one that never fires."""
    words = tokens(sql)
    keywords = [word.keyword for word in words]
    head = keywords[: keywords.index("BEGIN")] if "BEGIN" in keywords else []
    place = next(
        (p for p, pair in enumerate(zip(head, head[1:])) if pair == ("UPDATE", "OF")), None
    )
    if place is None:
        return True
    names = {folded(w.name) for w in words[place + 2 : keywords.index("ON", place)]}
    return not names.isdisjoint(map(folded, columns))


def _compiles(schema: Schema, statement: str) -> bool:
    try:
        # never the same text twice: the sqlite3 module keeps what it has prepared, and EXPLAIN does
        # not look whether the schema is still that one, but reads memory that SQLite has freed
        schema.rows(f"EXPLAIN {statement} -- {next(_numbers)}")
    except sqlite3.Error as error:
        return _REASONS.search(str(error)) is None
    return True


def _firing(trigger: Entry, columns: list[str]) -> str:
    """Return the statement that fires a trigger."""
    name, words = quoted(trigger.table), [word.keyword for word in tokens(trigger.sql or "")]
    event = next(word for word in words if word in ("DELETE", "INSERT", "UPDATE"))
    if event == "DELETE":
        return f"DELETE FROM {name}"
    if event == "INSERT":
        return f"INSERT INTO {name} DEFAULT VALUES"
    return f"UPDATE {name} SET " + ", ".join(f"{quoted(column)} = NULL" for column in columns)


class Dependents:
    """The views and triggers of a schema, as long as none is dropped that is not forgotten.

    Those that are known are read again, and what was created since: a rowid is larger than the
    others before. All the others are tables and indexes, which may be many.
    """

    def __init__(self) -> None:
        self._known: list[int] = []
        self._last = 0

    def of(self, schema: Schema, tables: Iterable[str]) -> set[Entry]:
        """Return those that mention one of the tables, or a view that does."""
        rows = schema.rows(
            "SELECT rowid, type, name, tbl_name, "
            f"CASE WHEN type IN ('view', 'trigger') THEN sql END FROM {schema.master} "
            f"WHERE rowid >= {self._last} OR rowid IN ({', '.join(map(str, self._known))})"
        )
        self._last = max((row[0] for row in rows), default=0)
        entries = {row[0]: Entry(*row[1:]) for row in rows if row[1] in ("view", "trigger")}
        self._known = list(entries)
        known = set(map(folded, tables))
        found: set[Entry] = set()
        while True:
            more = {e for e in entries.values() if _mentioned(e.sql or "") & known} - found
            if not more:
                return found
            found |= more
            known |= {folded(entry.name) for entry in more}


@lru_cache(maxsize=1000)
def _mentioned(sql: str) -> frozenset[str]:
    return frozenset(folded(word.name) for word in tokens(sql) if word.name)
