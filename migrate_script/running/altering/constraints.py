"""The operations of a revision on the constraints and indexes of a table."""

from __future__ import annotations

from typing import Any

from ... import errors
from . import wording
from .clauses import Clause
from .definition import Definition
from .finding import places, same
from .tableitems import Column, new_constraint
from .tokens import folded, normal


class Constraints(Definition):
    """A table whose constraints and indexes are changed; as Alembic's implementations are called.

    :raises AlterError: there is no such table
    """

    def add_constraint(self, constraint: Any, **_: Any) -> None:
        """Add a constraint.

        :param constraint: SQLAlchemy's constraint
        :raises Exception: SQLAlchemy cannot write it
        """
        new = wording.constraint_of(self.dialect, constraint)
        if new is None:
            return
        if new.clause.kind == "PRIMARY":
            for column, clause in list(places(self.table.text, "PRIMARY")):
                self._remove(column, clause)
        if new.clause.kind != "CHECK":
            new = new_constraint(self.names.translated(new.text))
        else:
            if wording.is_of_type(constraint):
                # Alembic makes it for the name that the column had
                new = new_constraint(self.names.translated_throughout(new.text))
            # a type such as Boolean brings the same one again
            text = normal(new.clause.text)
            if any(normal(clause.text) == text for _, clause in places(self.table.text, "CHECK")):
                return
        for column, clause in list(places(self.table.text, new.clause.kind)):
            if new.clause.name and folded(clause.name or "") == folded(new.clause.name):
                self._remove(column, clause)
        self.table.text.insert(new, len(self.table.text.items))

    def state_constraint(self, constraint: Any) -> None:
        """Add a constraint that may be there already, perhaps without its name.

        :param constraint: SQLAlchemy's constraint
        :raises Exception: SQLAlchemy cannot write it
        """
        text, new = self.table.text, wording.constraint_of(self.dialect, constraint)
        if new is None:
            return
        for place in places(text, new.clause.kind):
            if same(place, new.clause):
                if new.clause.name and not place[1].name:
                    place[1].take_name(new.clause)
                return
        if new.clause.kind != "PRIMARY" or not text.primary_key:
            text.insert(new, len(text.items))

    def _remove(self, column: Column | None, clause: Clause) -> None:
        if column is not None:
            column.remove(clause)
            return
        text = self.table.text
        text.remove(next(c for c in text.constraints if c.clause is clause))

    def drop_constraint(self, constraint: Any, if_exists: bool | None = None, **_: Any) -> None:
        """Drop a constraint, by its name, or by what is known of it.

        :param constraint: SQLAlchemy's constraint
        :param if_exists: do nothing where there is none
        :raises AlterError: there is no such constraint
        """
        kind = wording.kind_of(constraint)
        name = constraint.name if isinstance(constraint.name, str) else None
        found = self.search.find(self.table.text, kind, name, constraint)
        if found is not None:
            self._remove(*found)
        elif not (if_exists or wording.is_of_type(constraint)):
            raise errors.AlterError.nothing_there(wording.KIND_WORDS[kind], name, self.name)

    def _index(self, index: Any) -> str | None:
        """Find the name of an index as the table has it."""
        names = (name for name in self.table.indexes if folded(name) == folded(index.name))
        return next(names, None)

    def create_index(self, index: Any, if_not_exists: bool | None = None, **_: Any) -> None:
        """Add an index.

        :param index: SQLAlchemy's index
        :param if_not_exists: do nothing where there is one of that name
        :raises Exception: SQLAlchemy cannot write it, or there is one of that name
        """
        sql = self.names.translated(wording.index_of(self.dialect, index))
        if self._index(index) is None:
            self.table.indexes[str(index.name)] = sql
        elif not if_not_exists:
            self.flush()
            self.database.run(sql)  # which SQLite refuses

    def drop_index(self, index: Any, if_exists: bool | None = None, **_: Any) -> None:
        """Drop an index.

        :param index: SQLAlchemy's index
        :param if_exists: do nothing where there is none
        :raises AlterError: there is no such index
        """
        name = self._index(index)
        if name is not None:
            del self.table.indexes[name]
        elif not if_exists:
            raise errors.AlterError.nothing_there("index", str(index.name), self.name)
