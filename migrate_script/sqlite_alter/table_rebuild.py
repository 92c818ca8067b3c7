"""Table rebuild: a copy of a table with a changed definition takes its place.

Indexes, triggers, rowids, the AUTOINCREMENT number and the statistics of ANALYZE are kept, and so
are the rows that refer to the table. Where foreign keys are enforced, DROP TABLE first deletes the
rows of the table, and with them, or in them, what refers to them. A PRAGMA switches enforcement
outside transactions only, and a run is one. It stays on, so that a script's own statements have
their usual effect, and the one DROP TABLE of a rebuild is done while nothing refers to the table.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import Callable, Iterator

from ..sql.lexer import folded, group_end, literal, quoted, renamed, text_of, tokens
from . import errors
from .schema import PREFIX, Entry, Schema
from .table_definition import Clause, CreateTable

_ROWIDS = ("rowid", "_rowid_", "oid")


@contextmanager
def _named(copy: str, table: str) -> Iterator[None]:
    """Replace the name of the copy in the message about a row that does not fit."""
    try:
        yield
    except Exception as error:
        for each in (error, getattr(error, "orig", error)):
            each.args = tuple(
                arg.replace(copy, table) if isinstance(arg, str) else arg for arg in each.args
            )
        raise


class TableRebuild:
    """One table with its indexes and triggers, to be changed and then written."""

    def __init__(self, schema: Schema, name: str) -> None:
        self.schema = schema
        entry = schema.table(name)
        if entry is None:
            raise errors.TableMissing(name)
        self.name: str = entry.name
        try:
            self.before: CreateTable = CreateTable(entry.sql or "")
            self.text: CreateTable = CreateTable(entry.sql or "")
        except (ValueError, IndexError) as error:
            raise errors.CannotAlter.unreadable(name, error) from error
        self._check_reading()
        mine = [e for e in schema.entries() if folded(e.table) == folded(entry.name) and e.sql]
        self.indexes: dict[str, str] = {e.name: e.sql or "" for e in mine if e.type == "index"}
        self.triggers: list[Entry] = [e for e in mine if e.type == "trigger"]
        self.old_indexes: dict[str, str] = dict(self.indexes)
        self.sources: dict[str, str] = {}

    def _check_reading(self) -> None:
        """Check that the definition was read as SQLite reads it."""
        columns = [row[1] for row in self.schema.pragma(f"table_info({quoted(self.name)})")]
        read = [c.name for c in self.text.columns if not c.has("GENERATED")]
        keys = sum(clause.kind == "FOREIGN" for clause in self.text.clauses)
        if columns != read and [c.name for c in self.text.columns] != columns:
            raise errors.CannotAlter.unreadable(self.name, "columns")
        if keys != len(self.schema.foreign_keys(self.name)):
            raise errors.CannotAlter.unreadable(self.name, "foreign keys")

    @property
    def changed(self) -> bool:
        """Whether the definition of the table itself differs."""
        return self.text.sql != self.before.sql

    def write(self) -> None:
        """Rebuild the table if its definition has changed, and the indexes that have."""
        if self.changed and not self.text.columns:
            raise errors.CannotAlter.no_column_left(self.name)
        schema = self.schema
        with schema.savepoint():
            analyzed = has_statistics(schema, self.name)
            for name in self.old_indexes:
                if self.changed or self.indexes.get(name) != self.old_indexes[name]:
                    schema.run(f"DROP INDEX {schema.name(name)}")
            if self.changed:
                self._replace()
            for name, sql in self.indexes.items():
                if self.changed or self.old_indexes.get(name) != sql:
                    schema.run(schema.placed(sql))
            if self.changed:
                for trigger in self.triggers:
                    schema.run(schema.placed(trigger.sql or ""))
                if analyzed:
                    schema.run(f"ANALYZE {schema.name(self.name)}")

    def _replace(self) -> None:
        for trigger in self.triggers:
            self.schema.run(f"DROP TRIGGER {self.schema.name(trigger.name)}")
        with unreferred(self.schema) as out_of_force:
            if out_of_force:
                self._by_renaming()
            else:
                self._by_the_schema()

    @property
    def _spare_name(self) -> str:
        taken = {folded(entry.name) for entry in self.schema.entries()}
        number, name = 1, f"{PREFIX}{self.name}"
        while folded(name) in taken:
            number, name = number + 1, f"{PREFIX}{number}_{self.name}"
        return name

    @contextmanager
    def _legacy_renames(self) -> Iterator[None]:
        """Leave views and triggers as they are when a table is renamed."""
        before = self.schema.rows("PRAGMA legacy_alter_table")
        self.schema.set("legacy_alter_table", "ON")
        try:
            yield
        finally:
            if before and not before[0][0]:
                self.schema.set("legacy_alter_table", "OFF")

    def _by_renaming(self) -> None:
        """Rename the old table and create the new one, while no foreign keys are enforced."""
        schema, spare = self.schema, self._spare_name
        with self._legacy_renames():
            schema.run(f"ALTER TABLE {schema.name(self.name)} RENAME TO {quoted(spare)}")
        schema.run(schema.placed(self.text.sql))
        schema.run(self._copy(spare, self.name))
        self._keep_number(spare, self.name)
        schema.run(f"DROP TABLE {schema.name(spare)}")

    def _by_the_schema(self) -> None:
        """Swap two tables without references in `sqlite_master`; foreign keys are enforced."""
        schema, spare = self.schema, self._spare_name
        new = f"{spare}_new"
        bare = self.text.written(quoted(new), without_foreign_keys=True)
        schema.run(schema.placed(bare))
        with _named(new, self.name):
            schema.run(self._copy(self.name, new))
        old = self.before.written(quoted(spare), without_foreign_keys=True)
        with self._writable():
            self._rename_entry(self.name, spare, old)
            self._rename_entry(new, self.name, self.text.sql)
        schema.run(f"DROP TABLE {schema.name(spare)}")
        self._keep_number(self.name, new)

    def _keep_number(self, old: str, new: str) -> None:
        """Keep the AUTOINCREMENT number of the old table; the copy has begun another."""
        had_one, has_one = counts(self.before), counts(self.text)
        numbers = f"{quoted(self.schema.alias)}.sqlite_sequence"
        kept, forgotten = (old, new) if had_one and has_one else (new, old)
        if had_one:
            self.schema.run(f"DELETE FROM {numbers} WHERE name = {literal(forgotten)}")
        if has_one and kept != self.name:
            self.schema.run(
                f"UPDATE {numbers} SET name = {literal(self.name)} WHERE name = {literal(kept)}"
            )

    @contextmanager
    def _writable(self) -> Iterator[None]:
        schema = self.schema
        version = schema.pragma("schema_version")[0][0]
        schema.run("PRAGMA writable_schema = ON")
        try:
            yield
        except Exception as error:
            if "may not be modified" in str(error):
                cause = getattr(error, "orig", error)
                raise errors.CannotAlter.defended(self.name, cause) from cause
            raise
        finally:
            schema.raw.execute("PRAGMA writable_schema = OFF")
        # all other connections read the schema again, and this one by going back to where it is,
        # which SQLite before 3.32 would not do for its own new number
        schema.run(f"PRAGMA {quoted(schema.alias)}.schema_version = {version + 1}")
        for statement in ("SAVEPOINT", "ROLLBACK TO", "RELEASE"):
            schema.run(f"{statement} migrate_script_schema")

    def _rename_entry(self, old: str, new: str, sql: str) -> None:
        master, prefix = self.schema.master, "sqlite_autoindex_"
        self.schema.run(
            f"UPDATE {master} SET name = {literal(new)}, tbl_name = {literal(new)}, "
            f"sql = {literal(sql)} WHERE type = 'table' AND name = {literal(old)}"
        )
        self.schema.run(
            f"UPDATE {master} SET tbl_name = {literal(new)}, name = {literal(prefix + new)} "
            f"|| substr(name, {len(prefix + old) + 1}) "
            f"WHERE type = 'index' AND tbl_name = {literal(old)}"
        )

    def _copy(self, source: str, target: str) -> str:
        """Return the statement that copies the rows."""
        stored = {folded(c.name): c.name for c in self.before.columns if not c.has("GENERATED")}
        pairs = [
            (column.name, stored[first])
            for column in self.text.columns
            for first in [folded(self.sources.get(folded(column.name), column.name))]
            if first in stored and not column.has("GENERATED")
        ]
        # as 'name' in a definition, it would be a text in a query
        shared, sources = [quoted(new) for new, _ in pairs], [quoted(old) for _, old in pairs]
        rowid = [name for name in [self._rowid()] if name]
        into_table, source_table = self.schema.name(target), self.schema.name(source)
        if not rowid and self._same_columns(shared):
            # in this form SQLite copies records as they are, where it can
            return f"INSERT OR ABORT INTO {into_table} SELECT * FROM {source_table}"
        if not rowid and not shared:
            return f"SELECT 1 FROM {source_table} WHERE 0"
        return (
            f"INSERT OR ABORT INTO {into_table} ({', '.join(rowid + shared)}) "
            f"SELECT {', '.join(rowid + sources)} FROM {source_table}"
        )

    def _same_columns(self, shared: list[str]) -> bool:
        return all(
            [quoted(column.name) for column in text.columns] == shared
            for text in (self.before, self.text)
        )

    def _rowid(self) -> str | None:
        """Return the name of the rowid where it is no column, so that it is copied as well."""
        if self.before.without_rowid or self.text.without_rowid or self.text.rowid_column:
            return None
        taken = {folded(c.name) for c in self.text.columns + self.before.columns}
        return next((name for name in _ROWIDS if name not in taken), None)


@contextmanager
def unreferred(schema: Schema) -> Iterator[bool]:
    """Switch the enforcement of foreign keys off where a transaction allows it; yield whether."""
    if not schema.enforces_foreign_keys:
        yield True
        return
    switch = getattr(sqlite3, "SQLITE_DBCONFIG_ENABLE_FKEY", None)
    if switch is None or not hasattr(schema.raw, "setconfig"):
        yield False
        return
    # unlike the PRAGMA it works within a transaction (Python 3.12 and later)
    schema.raw.setconfig(switch, False)
    try:
        yield True
    finally:
        schema.raw.setconfig(switch, True)


def has_statistics(schema: Schema, table: str) -> bool:
    """Whether ANALYZE has looked at a table."""
    if schema.table("sqlite_stat1") is None:
        return False
    statistics = schema.name("sqlite_stat1")
    return bool(schema.rows(f"SELECT 1 FROM {statistics} WHERE tbl = {literal(table)} LIMIT 1"))


def counts(text: CreateTable) -> bool:
    """Whether a table has AUTOINCREMENT."""
    keys = [c for column in text.columns for c in column.clauses if c.kind == "PRIMARY"]
    return any(word.keyword == "AUTOINCREMENT" for key in keys for word in key.body)


def set_autoincrement(text: CreateTable, wanted: bool) -> None:
    """Add AUTOINCREMENT to a table whose key is the rowid, or remove it."""
    column = text.column(text.rowid_column or "")
    if column is None or counts(text) == wanted:
        return
    for constraint in [c for c in text.constraints if c.clause.kind == "PRIMARY"]:
        words = constraint.clause.words  # a key of the table cannot have it, one of the column can
        start = next(place for place, word in enumerate(words) if word.text == "(")
        column.put(text_of([*words[:start], *words[group_end(words, start) :]]))
        text.remove(constraint)
    (key,) = [clause for clause in column.clauses if clause.kind == "PRIMARY"]
    bare = text_of([word for word in key.words if word.keyword != "AUTOINCREMENT"])
    column.put(f"{bare.rstrip()} AUTOINCREMENT" if wanted else bare)


# -- other names -----------------------------------------------------------------------------------


def rename_column(schema: Schema, table: TableRebuild, old: str, new: str) -> None:
    """Rename a column of a table of which nothing else has changed."""
    if _renames_columns(schema):
        schema.run(
            f"ALTER TABLE {schema.name(table.name)} RENAME COLUMN {quoted(old)} TO {quoted(new)}"
        )
        return
    _rename_by_hand(table, old, new)
    table.write()
    for child in _referring(schema, table.name):
        for clause in _keys_to(child, table.name):
            clause.rename_column(old, new, False, True)
        child.write()


def _renames_columns(schema: Schema) -> bool:
    version = schema.rows("SELECT sqlite_version()")[0][0]
    return tuple(map(int, version.split("."))) >= (3, 25)


def _rename_by_hand(table: TableRebuild, old: str, new: str) -> None:
    """Rename a column in the table, its indexes and its triggers, as SQLite does from 3.25 on."""
    column = table.text.column(old)
    if column is not None:
        column.name_text = quoted(new)
    table.sources[folded(new)] = old
    own_keys = _keys_to(table, table.name)
    for clause in table.text.clauses:
        if clause.kind not in ("DEFAULT", "COLLATE"):
            clause.rename_column(old, new, True, clause in own_keys)
    for name, sql in table.indexes.items():
        words = tokens(sql)
        start = next(place for place, word in enumerate(words) if word.text == "(")
        after = [renamed(word, old, new) for word in words[start:]]
        table.indexes[name] = text_of([*words[:start], *after])
    table.triggers = [
        each._replace(sql=_renamed_in_trigger(each.sql or "", old, new)) for each in table.triggers
    ]


def _renamed_in_trigger(sql: str, old: str, new: str) -> str:
    """Rename a column in UPDATE OF and as NEW.column and OLD.column."""
    words = tokens(sql)
    begin = next((p for p, word in enumerate(words) if word.keyword == "BEGIN"), 0)
    for place, word in enumerate(words):
        row = words[place - 1].text == "." and words[place - 2].keyword in ("NEW", "OLD")
        if row or place < begin and words[place - 1].keyword in ("OF", ","):
            words[place] = renamed(word, old, new)
    return text_of(words)


def rename_table(schema: Schema, old: str, new: str, rename: Callable[[], None]) -> None:
    """Rename a table by `rename`, with the foreign keys to it and what ANALYZE knows of it."""
    analyzed = has_statistics(schema, old)
    rename()
    for child in _referring(schema, old):  # which SQLite before 3.26 leaves with the old name
        for clause in _keys_to(child, old):
            clause.retarget(new)
        child.write()
    if analyzed:
        for name in ("sqlite_stat1", "sqlite_stat4"):
            if schema.table(name) is not None:
                schema.run(f"DELETE FROM {schema.name(name)} WHERE tbl = {literal(old)}")
        schema.run(f"ANALYZE {schema.name(new)}")


def _keys_to(table: TableRebuild, target: str) -> list[Clause]:
    keys = [clause for clause in table.text.clauses if clause.kind == "FOREIGN"]
    return [clause for clause in keys if folded(clause.target) == folded(target)]


def _referring(schema: Schema, table: str) -> list[TableRebuild]:
    """Return the tables that refer to a table, itself included."""
    return [
        TableRebuild(schema, entry.name)
        for entry in schema.entries()
        if entry.type == "table" and "references" in (entry.sql or "").lower()
        for targets in [{key[0] for key in schema.foreign_keys(entry.name).values()}]
        if folded(table) in targets
    ]
