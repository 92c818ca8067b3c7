"""Which constraint of a table of SQLite a script means."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Optional, Sequence, Tuple

from . import wording
from .clauses import Clause
from .reverse import Made
from .tableitems import Column
from .tabletext import TableText
from .tokens import folded, mentions, normal

Place = Tuple[Optional[Column], Clause]

# the kind that Alembic dropped, until 0.6, without saying so
UNTYPED = "UNIQUE"


def places(text: TableText, kind: str) -> Iterator[Place]:
    """Find the constraints of a kind, those of columns with their column.

    :param text: the definition of the table
    :param kind: `FOREIGN`, `UNIQUE`, `PRIMARY` or `CHECK`; empty for any
    :raises: nothing
    """
    kinds = [kind] if kind else [k for k in wording.KIND_WORDS if k]
    for column in text.columns:
        for clause in column.clauses:
            if clause.kind in kinds:
                yield column, clause
    for constraint in text.constraints:
        if constraint.clause.kind in kinds:
            yield None, constraint.clause


def same(place: Place, other: Clause) -> bool:
    """Tell whether a constraint says the same as one of the table itself.

    :param place: the constraint, with its column where it is one of a column
    :param other: the constraint of the table, of the same kind
    :raises: nothing
    """
    column, clause = place
    if clause.kind == "CHECK":
        return normal(clause.expression) == normal(other.expression)
    if clause.kind == "FOREIGN" and folded(clause.target) != folded(other.target):
        return False
    columns = [column.name] if column is not None else clause.columns
    return [*map(folded, columns)] == [*map(folded, other.columns)]


class Search:
    """What is known about the constraints of a table beside its definition.

    :param table: the name of the table
    :param dialect: the dialect of the connection
    :param conventional: gives the name that a naming convention gives a constraint of the table
    :param made: what the script makes, the last first
    :raises: nothing
    """

    def __init__(
        self,
        table: str,
        dialect: Any,
        conventional: Callable[..., str | None],
        made: Sequence[Made],
    ) -> None:
        self.table = table
        self.dialect = dialect
        self.conventional = conventional
        mine = [one for one in made if folded(one.table) == folded(table)]
        self.made = [one for one in mine if one.name is None]
        self.named = [one for one in mine if one.name is not None]

    def find(self, text: TableText, kind: str, name: str | None, constraint: Any) -> Place | None:
        """Find a constraint by its name, or by what is known of it.

        :param text: the definition of the table
        :param kind: `FOREIGN`, `UNIQUE`, `PRIMARY` or `CHECK`; empty for any
        :param name: its name, if the script gave one
        :param constraint: SQLAlchemy's constraint
        :returns: None where there is none, or it is not clear which
        :raises Exception: SQLAlchemy cannot write the constraint
        """
        all_places = list(places(text, kind))
        if name:
            for place in all_places:
                if folded(place[1].name or "") == folded(name):
                    return place
        unnamed = [place for place in all_places if not place[1].name]
        if kind == "PRIMARY":
            found = unnamed if name else all_places  # a table has no other
            return found[0] if found else None
        whole = self._is_whole(constraint)
        like = wording.constraint_of(self.dialect, constraint) if whole else None
        for place in unnamed:
            if like is not None and same(place, like.clause):
                return place
            if name and folded(name) in self._usual_names(place, text):
                return place
        if wording.is_of_type(constraint):
            return None
        if name:
            return self._made_by_name(name, unnamed) or self._renamed(name, text, all_places)
        return self._the_one_without_name(kind, all_places)

    def _made_by_name(self, name: str, unnamed: list[Place]) -> Place | None:
        """Find what the other function of the script makes, under the name that is looked for."""
        for one in self.named:
            columns = () if one.kind == "CHECK" else one.columns
            theirs = self.conventional(one.kind, columns, (one.table,), one.name)
            if folded(name) in (folded(str(one.name)), folded(theirs or "")):
                found = [place for place in unnamed if self._is_made(place, one)]
                if found:
                    return found[0]
        return None

    def _renamed(self, name: str, text: TableText, all_places: list[Place]) -> Place | None:
        """Find a constraint that has the name of which a convention has made the one given."""
        for place in all_places:
            if place[1].name and place[1].kind != "PRIMARY":
                theirs = self._by_convention(place, text)
                if theirs is not None and folded(theirs) == folded(name):
                    return place
        return None

    @staticmethod
    def _is_made(place: Place, one: Made) -> bool:
        column, clause = place
        if clause.kind != one.kind:
            return False
        columns = [column.name] if column is not None else clause.columns
        text = clause.expression if one.kind == "CHECK" else ",".join(columns)
        return normal(text) == normal(",".join(one.columns))

    def _the_one_without_name(self, kind: str, all_places: list[Place]) -> Place | None:
        """Find the constraint that the script made itself, or the only one there is.

        It may have a name all the same, from a naming convention.
        """
        known = {folded(one.name or "") for one in self.named}
        all_places = sorted(
            all_places,
            key=lambda place: (bool(place[1].name), folded(place[1].name or "") in known),
        )
        for one in [one for one in self.made if kind in ("", one.kind)]:
            for place in all_places:
                if self._is_made(place, one):
                    self.made.remove(one)
                    return place
        like = [place for place in all_places if place[1].kind == (kind or UNTYPED)]
        like = [place for place in like if not place[1].name] or like
        return like[0] if len(like) == 1 else None

    @staticmethod
    def _is_whole(constraint: Any) -> bool:
        """Tell a constraint from one of which only the name and the kind are known."""
        if wording.kind_of(constraint) == "CHECK":
            return bool(str(constraint.sqltext))
        return bool(len(getattr(constraint, "columns", ())))

    def _usual_names(self, place: Place, text: TableText) -> set[str]:
        """Give the names that a constraint without one has elsewhere: by convention, or by
        PostgreSQL."""
        clause = place[1]
        if clause.kind == "PRIMARY":
            return {folded(f"{self.table}_pkey")}
        columns = self._columns(place, text)
        if clause.kind == "CHECK" and len(columns) != 1:
            columns = []
        end = {"FOREIGN": "fkey", "UNIQUE": "key", "CHECK": "check"}[clause.kind]
        names = {folded("_".join([self.table, *columns, end]))}
        name = self._by_convention(place, text)
        return names | {folded(name)} if name else names

    @staticmethod
    def _columns(place: Place, text: TableText) -> list[str]:
        column, clause = place
        if clause.kind == "CHECK":
            return [c.name for c in text.columns if mentions(clause.expression, c.name)]
        return [column.name] if column is not None else clause.columns

    def _by_convention(self, place: Place, text: TableText) -> str | None:
        clause = place[1]
        target = [clause.target, *clause.target_columns] if clause.kind == "FOREIGN" else []
        return self.conventional(clause.kind, self._columns(place, text), target, clause.name)
