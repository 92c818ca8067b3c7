"""The operations of a revision on one table, done to its text."""

from __future__ import annotations

from typing import Any

from sqlalchemy import types as sqltypes

from . import wording
from .clauses import Clause
from .constraints import Constraints
from .finding import places
from .recreation import Recreation
from .renaming import rename_column
from .tableitems import Column, new_constraint
from .tokens import folded, mentions, normal, quoted, text_of, tokens

_ASIDE = "_alembic_tmp_"


class Changes(Constraints):
    """Operations on a table, as Alembic's implementations are called.

    :raises AlterError: there is no such table
    """

    def do(self, operation: str, *args: Any, **kwargs: Any) -> None:
        """Do one operation, as Alembic's implementations are called.

        :param operation: the name of the method, such as `add_column`
        :param args: its arguments
        :param kwargs: its keywords
        :raises Exception: it cannot be done
        """
        getattr(self, operation)(*args, **kwargs)

    def add_column(
        self,
        table_name: str,
        column: Any,
        insert_before: str | None = None,
        insert_after: str | None = None,
        if_not_exists: bool | None = None,
        **options: Any,
    ) -> None:
        """Add a column.

        :param table_name: the table
        :param column: SQLAlchemy's column
        :param insert_before: the column behind it
        :param insert_after: the column before it
        :param if_not_exists: do nothing where there is one
        :param options: what else Alembic's implementation takes
        :raises AlterError: there is no such column to stand beside
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
        self.table.text.insert(wording.column_of(self.dialect, column, options), place)
        if column.primary_key and not self.table.text.primary_key:
            key = new_constraint(f"PRIMARY KEY ({quoted(column.name)})")
            self.table.text.insert(key, len(items))

    def drop_column(
        self, table_name: str, column: Any, if_exists: bool | None = None, **_: Any
    ) -> None:
        """Drop a column, and with it the constraints and indexes that it is part of.

        :param table_name: the table
        :param column: SQLAlchemy's column
        :param if_exists: do nothing where there is none
        :raises AlterError: there is no such column
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
                clause.drop_column(old.name)  # as Alembic's batch; PostgreSQL drops all of the key
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
        table_name: str,
        column_name: str,
        nullable: bool | None = None,
        server_default: Any = False,
        name: str | None = None,
        type_: Any = None,
        existing_type: Any = None,
        **_: Any,
    ) -> None:
        """Change a column.

        :param table_name: the table
        :param column_name: the column
        :param nullable: whether it may be NULL
        :param server_default: its default; None for none
        :param name: its new name
        :param type_: its new type
        :param existing_type: its old type
        :raises AlterError: there is no such column
        """
        column = self.column(column_name)
        if type_ is not None:
            if existing_type is None and column.type_text.upper() == "BOOLEAN":
                existing_type = sqltypes.Boolean
            self._drop_check_of_type(column, existing_type, type_)
            column.type_text = wording.type_of(self.dialect, type_)
        if nullable is False and not column.has("NOT NULL"):
            column.drop("NULL")
            column.put("NOT NULL")
        elif nullable:
            column.drop("NOT NULL")
        if server_default is None:
            column.drop("DEFAULT")
        elif server_default is not False:
            clause = wording.default_of(self.dialect, server_default)
            if clause is not None:
                column.put(clause.text)
        if name is not None and name != column.name:
            self._rename(column, name)

    def _drop_check_of_type(self, column: Column, old: Any, new: Any) -> None:
        """Drop the CHECK of a type that goes; Alembic does it where SQLAlchemy makes one today."""
        condition = normal(wording.check_of_type(column.name, old))
        if condition and condition != normal(wording.check_of_type(column.name, new)):
            for place in list(places(self.table.text, "CHECK")):
                if normal(place[1].expression) == condition:
                    self._remove(*place)

    def _rename(self, column: Column, name: str) -> None:
        """Rename a column; in a batch, another one of that name may get its own later."""
        other = self.table.text.column(name)
        if other is not None and other is not column and self.names.first_ones_count:
            aside = f"{_ASIDE}{other.name}"
            self.aside[aside] = other.name
            self._move(other.name, aside)
        self._move(column.name, name)

    def _move(self, old: str, name: str) -> None:
        if self.table.changed or self.table.indexes != self.table.old_indexes:
            self.flush()
        self.busy = True
        try:
            rename_column(self.database, self.table, old, str(name))
        finally:
            self.busy = False
        self.names.note(old, str(name))
        self.table = Recreation(self.database, self.name)

    def settle(self) -> None:
        """End a batch: no column is left without a name of its own.

        :raises Exception: one is, and SQLite refuses
        """
        for aside, name in self.aside.items():
            if self.table.text.column(aside) is not None:
                self._move(aside, name)

    def _nothing(self, *_: Any, **__: Any) -> None:
        """SQLite keeps no comments of SQLAlchemy's."""

    create_column_comment = create_table_comment = drop_table_comment = _nothing
