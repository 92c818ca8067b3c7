"""A table of SQLite is put together again, with a changed definition and all that belongs to it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

from ... import errors
from . import sequence, statistics
from .children import unreferred
from .schema import Database, Entry
from .tabletext import TableText
from .tokens import folded, literal, placed, quoted

_ROWIDS = ("rowid", "_rowid_", "oid")


@contextmanager
def savepoint(database: Database) -> Iterator[None]:
    """Do all of what is inside or nothing.

    :param database: the database
    :raises Exception: what is raised inside
    """
    database.run("SAVEPOINT migrate_script")
    try:
        yield
    except BaseException:
        # a statement that failed may have undone everything already
        if database.raw.in_transaction:
            database.raw.execute("ROLLBACK TO migrate_script")
            database.raw.execute("RELEASE migrate_script")
        raise
    database.run("RELEASE migrate_script")


@contextmanager
def _named(copy: str, table: str) -> Iterator[None]:
    """Let SQLite speak of a table by its name where it refuses a row of the copy.

    :param copy: the name of the copy
    :param table: the name of the table
    :raises Exception: what is raised inside
    """
    try:
        yield
    except Exception as error:
        for each in (error, getattr(error, "orig", error)):
            each.args = tuple(
                arg.replace(copy, table) if isinstance(arg, str) else arg for arg in each.args
            )
        raise


class Recreation:
    """One table with its indexes and triggers, to be changed and then written.

    :param database: where it is
    :param name: its name
    :raises AlterError: there is no such table, or none of the usual kind
    """

    def __init__(self, database: Database, name: str) -> None:
        self.database = database
        entry = database.table(name)
        if entry is None:
            raise errors.AlterError.no_table(name)
        self.name = entry.name
        try:
            self.before = TableText(entry.sql or "")
            self.text = TableText(entry.sql or "")
        except (ValueError, IndexError) as error:
            raise errors.AlterError.unreadable(name, error) from error
        self._check_reading()
        mine = [e for e in database.entries() if folded(e.table) == folded(entry.name) and e.sql]
        self.indexes: dict[str, str] = {e.name: e.sql or "" for e in mine if e.type == "index"}
        self.triggers: list[Entry] = [e for e in mine if e.type == "trigger"]
        self.old_indexes = dict(self.indexes)
        self.sources: dict[str, str] = {}

    def _check_reading(self) -> None:
        """Make sure that the definition was understood as SQLite understands it."""
        columns = [row[1] for row in self.database.pragma(f"table_info({quoted(self.name)})")]
        read = [c.name for c in self.text.columns if not c.has("GENERATED")]
        keys = sum(clause.kind == "FOREIGN" for clause in self.text.clauses)
        if columns != read and [c.name for c in self.text.columns] != columns:
            raise errors.AlterError.unreadable(self.name, "columns")
        if keys != len(self.database.foreign_keys(self.name)):
            raise errors.AlterError.unreadable(self.name, "foreign keys")

    @property
    def changed(self) -> bool:
        """Whether the definition of the table itself differs."""
        return self.text.sql != self.before.sql

    def write(self) -> None:
        """Make the database as this says, in one copy of the rows.

        :raises AlterError: no column is left
        :raises Exception: the database refuses; it is as it was before
        """
        if self.changed and not self.text.columns:
            raise errors.AlterError.no_column_left(self.name)
        with savepoint(self.database):
            known = statistics.read(self.database, self.name)
            for name in self.old_indexes:
                if self.changed or self.indexes.get(name) != self.old_indexes[name]:
                    self.database.run(f"DROP INDEX {self.database.name(name)}")
            if self.changed:
                self._replace()
            for name, sql in self.indexes.items():
                if self.changed or self.old_indexes.get(name) != sql:
                    self.database.run(self.placed(sql))
            if self.changed:
                for trigger in self.triggers:
                    self.database.run(self.placed(trigger.sql or ""))
                statistics.put(self.database, known, self.name)

    def placed(self, sql: str) -> str:
        """Write a CREATE for the schema of the table.

        :param sql: the statement, as `sqlite_master` has it
        :raises: nothing
        """
        return sql if self.database.schema == "main" else placed(sql, self.database.schema)

    def _replace(self) -> None:
        for trigger in self.triggers:
            self.database.run(f"DROP TRIGGER {self.database.name(trigger.name)}")
        with unreferred(self.database) as out_of_force:
            if out_of_force:
                self._by_renaming()
            else:
                number = sequence.read(self.database, self.name)
                self._by_the_schema()
                sequence.put(self.database, self.text, self.name, number)

    @property
    def _spare_name(self) -> str:
        taken = {folded(entry.name) for entry in self.database.entries()}
        number, name = 1, f"_alembic_tmp_{self.name}"
        while folded(name) in taken:
            number, name = number + 1, f"_alembic_tmp_{number}_{self.name}"
        return name

    @contextmanager
    def _legacy_renames(self) -> Iterator[None]:
        """Let views and triggers go on to speak of a table by its name when it is renamed."""
        before = self.database.rows("PRAGMA legacy_alter_table")
        self.database.set("legacy_alter_table", "ON")
        try:
            yield
        finally:
            if before and not before[0][0]:
                self.database.set("legacy_alter_table", "OFF")

    def _by_renaming(self) -> None:
        """Foreign keys are out of force: nothing follows what is renamed or dropped."""
        database, spare = self.database, self._spare_name
        with self._legacy_renames():
            database.run(f"ALTER TABLE {database.name(self.name)} RENAME TO {quoted(spare)}")
        database.run(self.placed(self.text.sql))
        database.run(self._copy(spare, self.name))
        sequence.hand_over(database, self.before, self.text, spare, self.name)
        database.run(f"DROP TABLE {database.name(spare)}")

    def _by_the_schema(self) -> None:
        """Foreign keys are in force: tables that refer to none and none refers to are swapped."""
        database, spare = self.database, self._spare_name
        new = f"{spare}_new"
        bare = self.text.written(quoted(new), without_foreign_keys=True)
        database.run(self.placed(bare))
        with _named(new, self.name):
            database.run(self._copy(self.name, new))
        old = self.before.written(quoted(spare), without_foreign_keys=True)
        with self._writable():
            self._rename_entry(self.name, spare, old)
            self._rename_entry(new, self.name, self.text.sql)
        database.run(f"DROP TABLE {database.name(spare)}")
        sequence.forget(database, self.text, new)

    @contextmanager
    def _writable(self) -> Iterator[None]:
        database = self.database
        version = database.pragma("schema_version")[0][0]
        database.run("PRAGMA writable_schema = ON")
        try:
            yield
        except Exception as error:
            if "may not be modified" in str(error):
                raise errors.AlterError.defended(self.name, error) from error
            raise
        finally:
            database.raw.execute("PRAGMA writable_schema = OFF")
        # all other connections read the schema again, and this one by going back to where it is,
        # which SQLite before 3.32 would not do for its own new number
        database.run(f"PRAGMA {quoted(database.schema)}.schema_version = {version + 1}")
        for statement in ("SAVEPOINT", "ROLLBACK TO", "RELEASE"):
            database.run(f"{statement} migrate_script_schema")

    def _rename_entry(self, old: str, new: str, sql: str) -> None:
        master, prefix = self.database.master, "sqlite_autoindex_"
        self.database.run(
            f"UPDATE {master} SET name = {literal(new)}, tbl_name = {literal(new)}, "
            f"sql = {literal(sql)} WHERE type = 'table' AND name = {literal(old)}"
        )
        self.database.run(
            f"UPDATE {master} SET tbl_name = {literal(new)}, name = {literal(prefix + new)} "
            f"|| substr(name, {len(prefix + old) + 1}) "
            f"WHERE type = 'index' AND tbl_name = {literal(old)}"
        )

    def _copy(self, source: str, target: str) -> str:
        """Write the one statement that copies the rows."""
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
        into_table, source_table = self.database.name(target), self.database.name(source)
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
        """Name the number of a row where it is no column, so that it stays what it was."""
        if self.before.without_rowid or self.text.without_rowid or self.text.rowid_column:
            return None
        taken = {folded(c.name) for c in self.text.columns + self.before.columns}
        return next((name for name in _ROWIDS if name not in taken), None)
