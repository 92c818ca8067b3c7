"""Changes to one table, collected in its CREATE TABLE and written by one rebuild."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator

from sqlalchemy import types as sqltypes

from ..compat.sqlalchemy import belongs_to_type
from ..sql.lexer import folded, group_end, mentions, normal, quoted, text_of, tokens
from . import errors
from .constraints import ConstraintSearch, places, same
from .ddl import check_of_type, column_of, constraint_of, default_of, index_of, type_of
from .schema import PREFIX, Schema
from .table_definition import Clause, ColumnDefinition, CreateTable, new_constraint
from .table_rebuild import TableRebuild, rename_column


@contextmanager
def rebuild(
    connection: Any, table: str, schema: str | None = None, naming_convention: Any = None
) -> Iterator[TableChanges]:
    """Change one table by one rebuild, written at the end of the `with` block.

    ::

        with rebuild(connection, "user") as changes:
            changes.alter_column("name", nullable=False)
            changes.add_constraint(sa.UniqueConstraint("name", name="uq_user_name"))

    :param connection: SQLAlchemy's connection to a SQLite database
    :param table: the name of the table
    :param schema: the name of an attached file, or None
    :param naming_convention: the convention by which SQLAlchemy names constraints, if any
    :returns: the changes of the table
    :raises SQLiteAlterError: there is no such table, column or constraint, or it cannot be done
    :raises sqlalchemy.exc.DBAPIError: SQLite refuses; the table is as it was before
    """
    found = Schema(connection, schema)
    changes = TableChanges(
        found if schema else found.that_has(table), table, connection.dialect, naming_convention
    )
    with found.savepoint():
        yield changes
        changes.finish()


class ColumnNames:
    """The names by which a script knows the columns of a table while it renames some of them.

    In a batch, a column keeps the name that it had before the batch, to its end.
    """

    def __init__(self) -> None:
        self.first_ones_count = False
        self._now: dict[str, str] = {}

    def find(self, text: CreateTable, name: str) -> ColumnDefinition | None:
        """Find a column by its first name, or by the one it has now."""
        found, now = text.column(name), self._now.get(folded(name))
        if now is not None and (self.first_ones_count or found is None):
            return text.column(now)
        return found

    def record(self, old: str, new: str) -> None:
        """Record that a column has another name."""
        first = next((f for f, now in self._now.items() if folded(now) == folded(old)), old)
        self._now[folded(first)] = new

    def forget(self, name: str) -> None:
        """Record that a name is that of a new column now."""
        self._now.pop(folded(name), None)

    def translated(self, sql: str) -> str:
        """Replace first names in the first brackets of a key or an index."""
        words = tokens(sql)
        start = next((place for place, word in enumerate(words) if word.text == "("), None)
        if not self.first_ones_count or start is None:
            return sql
        for place in range(start + 1, group_end(words, start) - 1):
            begins = words[place - 1].text in ("(", ",")
            now = self._now.get(folded(words[place].name))
            if begins and now is not None and words[place].kind in ("word", "quoted"):
                words[place] = words[place]._replace(text=quoted(now))
        return words[0].lead + text_of(words)

    def translated_throughout(self, sql: str) -> str:
        """Replace first names everywhere in a CHECK."""
        words = [
            word._replace(text=quoted(self._now[folded(word.name)]))
            if word.kind in ("word", "quoted") and folded(word.name) in self._now
            else word
            for word in tokens(sql)
        ]
        return words[0].lead + text_of(words)


class TableChanges:
    """The changes of one table; `rebuild()` makes one, and writes it.

    :param schema: the schema of the table
    :param name: the name of the table
    :param dialect: the dialect of the connection
    :param convention: the naming convention of the models, if there is one
    :raises SQLiteAlterError: there is no such table, or its definition is not understood
    """

    def __init__(self, schema: Schema, name: str, dialect: Any, convention: Any = None) -> None:
        self.schema = schema
        self.name = name
        self.dialect = dialect
        self.names: ColumnNames = ColumnNames()
        self._search = ConstraintSearch(name, dialect, convention)
        self._aside: dict[str, str] = {}
        self.table: TableRebuild = TableRebuild(schema, name)

    def apply(self, operation: str, *args: Any, **kwargs: Any) -> None:
        """Do what a method of Alembic's implementations is called for.

        :param operation: the name of the method, such as `add_column`
        :param args: its arguments
        :param kwargs: its keywords
        :raises SQLiteAlterError: it cannot be done
        """
        if operation.endswith("_comment"):
            return  # SQLite has none
        # the operations on columns name the table first
        getattr(self, operation)(*args[operation.endswith("_column") :], **kwargs)

    def flush(self) -> None:
        """Write the changes so far."""
        self.table.write()
        self.table = TableRebuild(self.schema, self.name)

    def finish(self) -> None:
        """Write the changes; a column that was set aside gets its name back."""
        for aside, name in self._aside.items():
            if self.table.text.column(aside) is not None:
                self._rename(aside, name)
        self.flush()

    def has(self, name: str) -> bool:
        """Return whether the table has a column.

        :param name: its name
        """
        return self.names.find(self.table.text, name) is not None

    def column(self, name: str) -> ColumnDefinition:
        """Return a column.

        :param name: its name
        :raises ColumnMissing: there is none
        """
        column = self.names.find(self.table.text, name)
        if column is None:
            raise errors.ColumnMissing(name, self.name)
        return column

    def add_column(
        self,
        column: Any,
        insert_before: str | None = None,
        insert_after: str | None = None,
        if_not_exists: bool | None = None,
        **options: Any,
    ) -> None:
        """Add a column.

        :param column: SQLAlchemy's column
        :param insert_before: the column after the new one
        :param insert_after: the column before the new one
        :param if_not_exists: do nothing if the table has the column
        :param options: further keywords of Alembic's `add_column`
        :raises ColumnMissing: there is no such column next to it
        """
        if if_not_exists and self.has(column.name):
            return
        self.names.forget(column.name)
        items, columns = self.table.text.items, self.table.text.columns
        place = items.index(columns[-1]) + 1 if columns else 0
        if insert_after:
            place = items.index(self.column(insert_after)) + 1
        elif insert_before:
            place = items.index(self.column(insert_before))
        self.table.text.insert(column_of(self.dialect, column, options), place)
        if column.primary_key and not self.table.text.primary_key:
            key = new_constraint(f"PRIMARY KEY ({quoted(column.name)})")
            self.table.text.insert(key, len(items))

    def drop_column(self, column: Any, if_exists: bool | None = None, **_: Any) -> None:
        """Drop a column, with the constraints and indexes that contain it.

        :param column: SQLAlchemy's column
        :param if_exists: do nothing if there is none
        :raises ColumnMissing: there is no such column
        """
        if if_exists and not self.has(column.name):
            return
        old = self.column(column.name)
        self.table.text.remove(old)
        for constraint in self.table.text.constraints:
            clause = constraint.clause
            if not self._involves(clause, old.name):
                continue
            if self.names.first_ones_count and clause.kind == "PRIMARY" and clause.columns[1:]:
                clause.drop_column(old.name)  # as Alembic's batch; PostgreSQL drops the whole key
            else:
                self.table.text.remove(constraint)
        for other in self.table.text.columns:
            for clause in [c for c in other.clauses if c.kind == "CHECK"]:
                if mentions(clause.expression, old.name):
                    other.remove(clause)
        for name, sql in list(self.table.indexes.items()):
            words = tokens(sql)
            start = next(i for i, word in enumerate(words) if word.text == "(")
            if mentions(text_of(words[start:]), old.name):
                del self.table.indexes[name]

    @staticmethod
    def _involves(clause: Clause, column: str) -> bool:
        if clause.kind == "CHECK":
            return mentions(clause.expression, column)
        return folded(column) in map(folded, clause.columns)

    def alter_column(
        self,
        column_name: str,
        nullable: bool | None = None,
        server_default: Any = False,
        name: str | None = None,
        type_: Any = None,
        existing_type: Any = None,
        **_: Any,
    ) -> None:
        """Change a column.

        :param column_name: the name of the column
        :param nullable: whether it may be NULL
        :param server_default: its default; None for none
        :param name: its new name
        :param type_: its new type
        :param existing_type: its old type, whose CHECK goes with it
        :raises ColumnMissing: there is no such column
        """
        column = self.column(column_name)
        if type_ is not None:
            if existing_type is None and column.type_text.upper() == "BOOLEAN":
                existing_type = sqltypes.Boolean
            self._drop_check_of_type(column, existing_type, type_)
            column.type_text = type_of(self.dialect, type_)
        if nullable is False and not column.has("NOT NULL"):
            column.drop("NULL")
            column.put("NOT NULL")
        elif nullable:
            column.drop("NOT NULL")
        if server_default is None:
            column.drop("DEFAULT")
        elif server_default is not False:
            clause = default_of(self.dialect, server_default)
            if clause is not None:
                column.put(clause.text)
        if name is not None and name != column.name:
            other = self.table.text.column(name)
            if other is not None and other is not column and self.names.first_ones_count:
                # in a batch, the other column may be renamed later
                aside = f"{PREFIX}{other.name}"
                self._aside[aside] = other.name
                self._rename(other.name, aside)
            self._rename(column.name, name)

    def _drop_check_of_type(self, column: ColumnDefinition, old: Any, new: Any) -> None:
        """Drop the CHECK of the old type, which Alembic does where SQLAlchemy still makes one."""
        condition = normal(check_of_type(column.name, old))
        if condition and condition != normal(check_of_type(column.name, new)):
            for place in list(places(self.table.text, "CHECK")):
                if normal(place[1].expression) == condition:
                    self._remove(*place)

    def _rename(self, old: str, name: str) -> None:
        if self.table.changed or self.table.indexes != self.table.old_indexes:
            self.flush()
        rename_column(self.schema, self.table, old, str(name))
        self.names.record(old, str(name))
        self.table = TableRebuild(self.schema, self.name)

    def add_constraint(self, constraint: Any, **_: Any) -> None:
        """Add a constraint, in place of one of its name and kind.

        :param constraint: SQLAlchemy's constraint
        :raises sqlalchemy.exc.CompileError: SQLAlchemy cannot write it
        """
        new, text = constraint_of(self.dialect, constraint), self.table.text
        if new is None:
            return
        if new.clause.kind == "PRIMARY":
            for column, clause in list(places(text, "PRIMARY")):
                self._remove(column, clause)
        if new.clause.kind != "CHECK":
            new = new_constraint(self.names.translated(new.text))
        else:
            if belongs_to_type(constraint):
                # Alembic makes it for the name that the column had
                new = new_constraint(self.names.translated_throughout(new.text))
            # a type such as Boolean brings the same one again
            condition = normal(new.clause.text)
            if any(normal(clause.text) == condition for _, clause in places(text, "CHECK")):
                return
        for column, clause in list(places(text, new.clause.kind)):
            if new.clause.name and folded(clause.name or "") == folded(new.clause.name):
                self._remove(column, clause)
        text.insert(new, len(text.items))

    def ensure_constraint(self, constraint: Any) -> None:
        """Add a constraint unless there is one that says the same, perhaps without its name.

        :param constraint: SQLAlchemy's constraint
        :raises sqlalchemy.exc.CompileError: SQLAlchemy cannot write it
        """
        text, new = self.table.text, constraint_of(self.dialect, constraint)
        if new is None:
            return
        for place in places(text, new.clause.kind):
            if same(place, new.clause):
                if new.clause.name and not place[1].name:
                    place[1].take_name(new.clause)
                return
        if new.clause.kind != "PRIMARY" or not text.primary_key:
            text.insert(new, len(text.items))

    def _remove(self, column: ColumnDefinition | None, clause: Clause) -> None:
        if column is not None:
            column.remove(clause)
            return
        text = self.table.text
        text.remove(next(c for c in text.constraints if c.clause is clause))

    def drop_constraint(self, constraint: Any, if_exists: bool | None = None, **_: Any) -> None:
        """Drop a constraint, by its name, or the only one of its kind.

        :param constraint: SQLAlchemy's constraint, with a name or without
        :param if_exists: do nothing if there is none
        :raises ConstraintMissing: there is no such constraint
        :raises ConstraintUnclear: it has no name, and several may be meant
        """
        found = self._search.find(self.table.text, constraint, bool(if_exists))
        if found is not None:
            self._remove(*found)

    def _index(self, index: Any) -> str | None:
        names = (name for name in self.table.indexes if folded(name) == folded(index.name))
        return next(names, None)

    def create_index(self, index: Any, if_not_exists: bool | None = None, **_: Any) -> None:
        """Create an index.

        :param index: SQLAlchemy's index
        :param if_not_exists: do nothing if there is one of its name
        :raises sqlalchemy.exc.OperationalError: there is one of its name
        """
        sql = self.names.translated(index_of(self.dialect, index))
        if self._index(index) is None:
            self.table.indexes[str(index.name)] = sql
        elif not if_not_exists:
            self.flush()
            self.schema.run(sql)  # which SQLite refuses

    def drop_index(self, index: Any, if_exists: bool | None = None, **_: Any) -> None:
        """Drop an index.

        :param index: SQLAlchemy's index
        :param if_exists: do nothing if there is none
        :raises ConstraintMissing: there is no such index
        """
        name = self._index(index)
        if name is not None:
            del self.table.indexes[name]
        elif not if_exists:
            raise errors.ConstraintMissing("index", str(index.name), self.name)
