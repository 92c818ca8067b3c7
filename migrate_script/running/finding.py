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
    :param made: what the script makes without names, the last first
    :raises: nothing
    """

    def __init__(
        self,
        table: str,
        dialect: Any,
        conventional: Callable[[str, list[str], str], str | None],
        made: Sequence[Made],
    ) -> None:
        self.table = table
        self.dialect = dialect
        self.conventional = conventional
        self.made = [one for one in made if folded(one.table) == folded(table)]

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
            return unnamed[0] if unnamed else None
        whole = self._is_whole(constraint)
        like = wording.constraint_of(self.dialect, constraint) if whole else None
        for place in unnamed:
            if like is not None and same(place, like.clause):
                return place
            if name and folded(name) in self._usual_names(place, text):
                return place
        if name or wording.is_of_type(constraint):
            return None
        return self._the_one_without_name(kind, unnamed)

    def _the_one_without_name(self, kind: str, unnamed: list[Place]) -> Place | None:
        """Find the constraint that the script made itself, or the only one there is."""
        for one in [one for one in self.made if kind in ("", one.kind)]:
            for column, clause in [place for place in unnamed if place[1].kind == one.kind]:
                columns = [column.name] if column is not None else clause.columns
                text = clause.expression if one.kind == "CHECK" else ",".join(columns)
                if normal(text) == normal(",".join(one.columns)):
                    self.made.remove(one)
                    return column, clause
        like = [place for place in unnamed if place[1].kind == (kind or UNTYPED)]
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
        column, clause = place
        columns = [column.name] if column is not None else clause.columns
        target = clause.target if clause.kind == "FOREIGN" else ""
        named = columns
        if clause.kind == "PRIMARY":
            return {folded(f"{self.table}_pkey")}
        if clause.kind == "CHECK":
            named = [c.name for c in text.columns if mentions(clause.expression, c.name)]
            named = named if len(named) == 1 else []
        end = {"FOREIGN": "fkey", "UNIQUE": "key", "CHECK": "check"}[clause.kind]
        names = {folded("_".join([self.table, *named, end]))}
        name = self.conventional(clause.kind, columns, target)
        return names | {folded(name)} if name else names
