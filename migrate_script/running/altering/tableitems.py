"""What stands between the commas of a CREATE TABLE: its columns and its own constraints."""

from __future__ import annotations

from .clauses import OF_COLUMN, Clause, clauses_of
from .tokens import Token, group_end, text_of, tokens


class Item:
    """What stands between two commas of a CREATE TABLE.

    :param words: its tokens
    :raises: nothing
    """

    def __init__(self, words: list[Token]) -> None:
        self.lead = words[0].lead
        self.before_comma = ""
        self.comma = ","
        self.after_comma = ""

    @property
    def text(self) -> str:
        """The item as it is written."""
        raise NotImplementedError


class Constraint(Item):
    """A constraint of the table.

    :param words: its tokens
    :raises: nothing
    """

    def __init__(self, words: list[Token]) -> None:
        super().__init__(words)
        self.clause = Clause(words)

    @property
    def text(self) -> str:
        return self.clause.text


class Column(Item):
    """A column.

    :param words: its tokens
    :raises: nothing
    """

    def __init__(self, words: list[Token]) -> None:
        super().__init__(words)
        self.name_text = words[0].text
        end = 1
        while end < len(words) and words[end].keyword not in OF_COLUMN:
            end = group_end(words, end) if words[end].text == "(" else end + 1
        self.type_lead = words[1].lead if end > 1 else " "
        self.type_text = text_of(words[1:end])
        self.clauses = list(clauses_of(words[end:], OF_COLUMN))

    @property
    def name(self) -> str:
        """The name without quotes."""
        return tokens(self.name_text)[0].name

    @property
    def text(self) -> str:
        kind = self.type_lead + self.type_text if self.type_text else ""
        return self.name_text + kind + "".join((c.lead or " ") + c.text for c in self.clauses)

    def has(self, kind: str) -> bool:
        """Tell whether the column has a clause.

        :param kind: its first word, `NOT NULL`, `GENERATED` or `FOREIGN`
        :raises: nothing
        """
        return any(clause.kind == kind for clause in self.clauses)

    def remove(self, clause: Clause) -> None:
        """Take a clause out; a comment before it stays.

        :param clause: the clause
        :raises ValueError: it is not one of the column's
        """
        place = self.clauses.index(clause)
        del self.clauses[place]
        if clause.lead.strip():
            if place < len(self.clauses):
                self.clauses[place].lead = clause.lead + self.clauses[place].lead
            else:
                self.before_comma = clause.lead + self.before_comma

    def drop(self, *kinds: str) -> None:
        """Take every clause of some kinds out.

        :param kinds: as for `has`
        :raises: nothing
        """
        for clause in [clause for clause in self.clauses if clause.kind in kinds]:
            self.remove(clause)

    def put(self, clause: str) -> None:
        """Set a clause in the place of the one of its kind, or as the last.

        :param clause: its text
        :raises: nothing
        """
        new = Clause(tokens(clause)[:-1])
        for place, old in enumerate(self.clauses):
            if old.kind == new.kind:
                new.lead = old.lead
                self.clauses[place] = new
                return
        new.lead = " "
        self.clauses.append(new)


def new_column(sql: str) -> Column:
    """Read the definition of a column.

    :param sql: as in a CREATE TABLE
    :raises: nothing
    """
    return Column(tokens(sql)[:-1])


def new_constraint(sql: str) -> Constraint:
    """Read the definition of a constraint of a table.

    :param sql: as in a CREATE TABLE
    :raises: nothing
    """
    return Constraint(tokens(sql)[:-1])
