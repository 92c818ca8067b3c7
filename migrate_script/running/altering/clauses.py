"""The clauses of a CREATE TABLE: a constraint, a default, a collation, as it is written."""

from __future__ import annotations

from typing import Iterator, Sequence

from .tokens import Token, folded, group_end, quoted, renamed, split_at_commas, text_of

OF_COLUMN = {
    "CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES",
    "GENERATED", "AS",
}  # fmt: skip
OF_TABLE = {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"}
# a word of OF_COLUMN that goes on with the clause it stands in, by the word before it
_GOES_ON = {"NULL": {"SET", "DEFAULT", "NOT"}, "DEFAULT": {"SET"}, "AS": {"ALWAYS"}}


class Clause:
    """A constraint, of a column or of the table, or a column's default, collation or expression.

    :param words: its tokens
    :raises: nothing
    """

    def __init__(self, words: Sequence[Token]) -> None:
        self.lead = words[0].lead
        self.words = list(words)
        self.name: str | None = None
        start = 0
        if words[0].keyword == "CONSTRAINT" and len(words) > 2:
            self.name, start = words[1].name, 2
        self.body = list(words[start:])
        self.kind = {"AS": "GENERATED", "REFERENCES": "FOREIGN"}.get(
            self.body[0].keyword, self.body[0].keyword
        )
        if self.kind == "NOT":
            self.kind = "NOT NULL"

    def take_name(self, other: Clause) -> None:
        """Get the name of another clause, and have none so far.

        :param other: a clause that has a name
        :raises: nothing
        """
        first = self.words[0]._replace(lead=" ")
        begin = other.words[0]._replace(lead=self.words[0].lead)
        self.words = [begin, other.words[1], first, *self.words[1:]]
        self.name, self.body = other.name, self.words[2:]

    @property
    def text(self) -> str:
        """The clause as it is written."""
        return text_of(self.words)

    @property
    def body_text(self) -> str:
        """The clause without its name."""
        return text_of(self.body)

    def _group(self, after: str = "") -> list[list[Token]]:
        """Give the members of the first brackets, or of the first behind a keyword."""
        start = 0
        if after:
            start = next(i for i, word in enumerate(self.body) if word.keyword == after)
        for place in range(start, len(self.body)):
            if self.body[place].text == "(":
                inner = self.body[place + 1 : group_end(self.body, place) - 1]
                return split_at_commas(inner)
        return []

    @property
    def expression(self) -> str:
        """What stands in the brackets of a CHECK."""
        return "".join(w.lead + w.text for part in self._group() for w in part)

    @property
    def columns(self) -> list[str]:
        """The columns of a key, as the table's own clause names them."""
        if self.body[0].keyword == "REFERENCES" or self.kind == "CHECK":
            return []
        return [part[0].name for part in self._group() if part]

    def drop_column(self, name: str) -> None:
        """Take a column out of a key of the table, which has others.

        :param name: its name
        :raises: nothing
        """
        start = next(place for place, word in enumerate(self.body) if word.text == "(")
        end = group_end(self.body, start) - 1
        parts = split_at_commas(self.body[start + 1 : end])
        kept = [part for part in parts if folded(part[0].name) != folded(name)]
        kept[-1] = [word for word in kept[-1] if word.text != ","]
        kept[0] = [kept[0][0]._replace(lead=parts[0][0].lead), *kept[0][1:]]
        inner = [word for part in kept for word in part]
        self._set_body([*self.body[: start + 1], *inner, *self.body[end:]])

    def rename_column(self, old: str, new: str, its_own: bool, targets: bool) -> None:
        """Write another name for a column.

        :param old: the name that it had
        :param new: the name that it has
        :param its_own: whether it is a column of the table of this clause
        :param targets: whether it is one that the foreign key refers to
        :raises: nothing
        """
        body, depth, behind = list(self.body), 0, False
        for place, word in enumerate(body):
            depth += {"(": 1, ")": -1}.get(word.text, 0)
            behind = behind or word.keyword == "REFERENCES"
            if depth and (targets if behind else its_own):
                body[place] = renamed(word, old, new)
        self._set_body(body)

    def _set_body(self, body: list[Token]) -> None:
        self.words = [*self.words[: len(self.words) - len(self.body)], *body]
        self.body = body

    def retarget(self, new: str) -> None:
        """Let a foreign key refer to a table of another name.

        :param new: the name
        :raises: nothing
        """
        place = next(i for i, word in enumerate(self.body) if word.keyword == "REFERENCES") + 1
        word = self.body[place]._replace(kind="quoted", text=quoted(new))
        self._set_body([*self.body[:place], word, *self.body[place + 1 :]])

    @property
    def target(self) -> str:
        """The table that a foreign key refers to."""
        place = next(i for i, word in enumerate(self.body) if word.keyword == "REFERENCES")
        return self.body[place + 1].name

    @property
    def target_columns(self) -> list[str]:
        """The columns that a foreign key refers to; none where it leaves them out."""
        return [part[0].name for part in self._group("REFERENCES") if part]


def _begins(words: list[Token], place: int, starts: set[str]) -> bool:
    keyword = words[place].keyword
    if keyword == "NOT" and [word.keyword for word in words[place + 1 : place + 2]] == [
        "DEFERRABLE"
    ]:
        return False
    return keyword in starts and words[place - 1].keyword not in _GOES_ON.get(keyword, ())


def clauses_of(words: list[Token], starts: set[str]) -> Iterator[Clause]:
    """Split the words behind a column's type, or a table's constraints that no comma parts.

    :param words: the words
    :param starts: those that begin a clause, OF_COLUMN or OF_TABLE
    :raises: nothing
    """
    begin = 0
    while begin < len(words):
        end = begin + (3 if words[begin].keyword == "CONSTRAINT" else 1)
        while end < len(words) and not _begins(words, end, starts):
            end = group_end(words, end) if words[end].text == "(" else end + 1
        yield Clause(words[begin:end])
        begin = end
