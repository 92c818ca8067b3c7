"""Which constraint of a table a script means, by its name or by what the table has."""

from __future__ import annotations

from typing import Any, Iterator, Optional, Sequence, Tuple

import sqlalchemy as sa
from sqlalchemy import types as sqltypes

from ..compat.sqlalchemy import belongs_to_type
from ..sql.lexer import folded, mentions, normal
from . import errors
from .ddl import KIND_WORDS, constraint_of, kind_of
from .table_definition import Clause, ColumnDefinition, CreateTable

Place = Tuple[Optional[ColumnDefinition], Clause]
_ANY = ("FOREIGN", "UNIQUE", "PRIMARY", "CHECK")


def places(text: CreateTable, kind: str) -> Iterator[Place]:
    """Yield the constraints of a kind (or of any), those of columns with their column."""
    kinds = [kind] if kind else _ANY
    for column in text.columns:
        for clause in column.clauses:
            if clause.kind in kinds:
                yield column, clause
    for constraint in text.constraints:
        if constraint.clause.kind in kinds:
            yield None, constraint.clause


def same(place: Place, other: Clause) -> bool:
    """Whether a constraint says the same as a table constraint of the same kind."""
    column, clause = place
    if clause.kind == "CHECK":
        return normal(clause.expression) == normal(other.expression)
    if clause.kind == "FOREIGN" and folded(clause.target) != folded(other.target):
        return False
    columns = [column.name] if column is not None else clause.columns
    return [*map(folded, columns)] == [*map(folded, other.columns)]


class ConstraintSearch:
    """Finds a constraint of a table; `convention` is the naming convention, if there is one."""

    def __init__(self, table: str, dialect: Any, convention: Any) -> None:
        self.table = table
        self.dialect = dialect
        self.convention = convention

    def find(self, text: CreateTable, constraint: Any, optional: bool = False) -> Place | None:
        """Return the place of what is to be dropped; None if it may be missing, and is."""
        kind = kind_of(constraint)
        name = constraint.name if isinstance(constraint.name, str) else None
        all_places = list(places(text, kind))
        if kind == "PRIMARY":
            found = next((p for p in all_places if not name or not p[1].name), None)
            found = self._by_name(name, text, all_places) or found  # a table has no other
        elif name:
            found = self._by_name(name, text, all_places) or self._alike(constraint, all_places)
        elif belongs_to_type(constraint):
            found = self._alike(constraint, all_places)
        else:
            found = self._without_name(kind, all_places)
        if found is None and not optional and not belongs_to_type(constraint):
            self._refuse(kind, name, text)
        return found

    def _refuse(self, kind: str, name: str | None, text: CreateTable) -> None:
        found = [p for p in places(text, kind) if p[1].kind != "PRIMARY" or kind == "PRIMARY"]
        if name is None:
            described = [self._described(p) + self._called(p, text, found) for p in found]
            raise errors.ConstraintUnclear(KIND_WORDS[kind], self.table, described)
        described = [self._described(place) for place in found if not place[1].name]
        raise errors.ConstraintMissing(KIND_WORDS[kind], name, self.table, described)

    @staticmethod
    def _described(place: Place) -> str:
        column, clause = place
        of_column = f"{column.name} " if column is not None else ""
        return " ".join((of_column + clause.text).split())

    def _called(self, place: Place, text: CreateTable, found: list[Place]) -> str:
        """Return a name by which a script can drop what has none."""
        unnamed = [p[1] for p in found if p[1].kind == place[1].kind and not p[1].name]
        if place[1] not in unnamed or place[1].kind == "PRIMARY":
            return ""
        number = unnamed.index(place[1]) + 1
        last = {"FOREIGN": f"ibfk_{number}", "CHECK": f"chk_{number}"}.get(place[1].kind)
        return f", as {self.table}_{last or '_'.join([*self._columns(place, text), 'key'])}"

    def _by_name(self, name: str | None, text: CreateTable, found: list[Place]) -> Place | None:
        if not name:
            return None
        for place in found:
            if folded(place[1].name or "") == folded(name):
                return place
        for place in found:
            if not place[1].name and folded(name) in self._usual_names(place, text, found):
                return place
        for place in found:  # a name of which a convention has made the one in the script
            if place[1].name and place[1].kind != "PRIMARY":
                if folded(self._by_convention(place, text, self.convention) or "") == folded(name):
                    return place
        return None

    def _alike(self, constraint: Any, found: list[Place]) -> Place | None:
        """Return an unnamed constraint that says what SQLAlchemy's says, where that is known."""
        if kind_of(constraint) == "CHECK":
            is_whole = bool(str(constraint.sqltext))
        else:
            is_whole = bool(len(getattr(constraint, "columns", ())))
        like = constraint_of(self.dialect, constraint) if is_whole else None
        unnamed = [place for place in found if not place[1].name]
        return next((p for p in unnamed if like is not None and same(p, like.clause)), None)

    def _without_name(self, kind: str, found: list[Place]) -> Place | None:
        """Return the only constraint of a kind, or the only one without a name.

        What a script has made without a name may have got one from a naming convention; so with a
        convention, the only one without a name need not be the one that is meant.
        """
        like = [place for place in found if place[1].kind != "PRIMARY"]
        if len(like) != 1 and not kind:
            like = [place for place in like if place[1].kind == "UNIQUE"]  # as Alembic until 0.6
        unnamed = [place for place in like if not place[1].name]
        if len(unnamed) == 1 and not self.convention:
            return unnamed[0]
        return like[0] if len(like) == 1 else None

    def _usual_names(self, place: Place, text: CreateTable, found: list[Place]) -> set[str]:
        """Return the names that an unnamed constraint has on servers, and by convention."""
        clause = place[1]
        if clause.kind == "PRIMARY":
            return {folded(f"{self.table}_pkey")}
        columns = self._columns(place, text)
        of_key = columns if clause.kind != "CHECK" or len(columns) == 1 else []
        end = {"FOREIGN": "fkey", "UNIQUE": "key", "CHECK": "check"}[clause.kind]
        unnamed = [p[1] for p in found if p[1].kind == clause.kind and not p[1].name]
        number = unnamed.index(clause) + 1
        names = {
            "_".join([self.table, *of_key, end]),
            self._by_convention(place, text, self.convention or RECOMMENDED),
            *{"UNIQUE": columns[:1], "FOREIGN": [f"{self.table}_ibfk_{number}"]}.get(
                clause.kind, [f"{self.table}_chk_{number}"]
            ),
        }
        return {folded(name) for name in names if name}

    @staticmethod
    def _columns(place: Place, text: CreateTable) -> list[str]:
        column, clause = place
        if clause.kind == "CHECK":
            return [c.name for c in text.columns if mentions(clause.expression, c.name)]
        return [column.name] if column is not None else clause.columns

    def _by_convention(self, place: Place, text: CreateTable, convention: Any) -> str | None:
        clause = place[1]
        target = [clause.target, *clause.target_columns] if clause.kind == "FOREIGN" else []
        columns = self._columns(place, text)
        return conventional_name(convention, self.table, clause.kind, columns, target, clause.name)


# what SQLAlchemy's documentation recommends, for names in scripts of which no model tells
RECOMMENDED = {
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def conventional_name(
    convention: Any,
    table: str,
    kind: str,
    columns: Sequence[str],
    target: Sequence[str] = (),
    name: str | None = None,
) -> str | None:
    """Return the name that a naming convention gives to a constraint; `target`: table, columns."""
    if not convention:
        return None
    referred = list(target[1:] or columns) if target else []
    tables = {table: list(columns)}
    if target:
        tables[target[0]] = [*dict.fromkeys([*tables.get(target[0], ()), *referred])]
    metadata = sa.MetaData(naming_convention=convention)
    for each, names in tables.items():
        sa.Table(each, metadata, *[sa.Column(c, sqltypes.Integer) for c in names])
    made = metadata.tables[table]
    constraint: Any
    try:
        if kind == "UNIQUE":
            constraint = sa.UniqueConstraint(*columns, name=name)
        elif kind == "CHECK":
            # any condition on these columns
            condition = sa.and_(sa.true(), *[made.c[column].isnot(None) for column in columns])
            constraint = sa.CheckConstraint(condition, name=name)
        else:
            targets = [f"{target[0]}.{column}" for column in referred]
            constraint = sa.ForeignKeyConstraint(columns, targets, name=name)
        made.append_constraint(constraint)
    except Exception:
        return None  # a convention that needs more than is known here
    return str(constraint.name) if isinstance(constraint.name, str) else None
