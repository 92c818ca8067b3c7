"""A table of SQLite as its CREATE TABLE says it: taken apart, changed here and there, and written.

What is not changed is written as it was, to the last comment: collations, conflict clauses,
expressions and options of which this module knows nothing stay with it.
"""

from __future__ import annotations

from typing import Iterator, Sequence

from .tokens import Token, group_end, quoted, split_at_commas, text_of, tokens

_OF_COLUMN = {
    "CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES",
    "GENERATED", "AS",
}  # fmt: skip
_OF_TABLE = {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"}
# a word of _OF_COLUMN that goes on with the clause it stands in, by the word before it
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


def _clauses(words: list[Token], starts: set[str]) -> Iterator[Clause]:
    """Split the words behind a column's type, or a table's constraints that no comma parts."""
    begin = 0
    while begin < len(words):
        end = begin + (3 if words[begin].keyword == "CONSTRAINT" else 1)
        while end < len(words) and not _begins(words, end, starts):
            end = group_end(words, end) if words[end].text == "(" else end + 1
        yield Clause(words[begin:end])
        begin = end


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
        while end < len(words) and words[end].keyword not in _OF_COLUMN:
            end = group_end(words, end) if words[end].text == "(" else end + 1
        self.type_lead = words[1].lead if end > 1 else " "
        self.type_text = text_of(words[1:end])
        self.clauses = list(_clauses(words[end:], _OF_COLUMN))

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


class TableText:
    """A CREATE TABLE statement.

    :param sql: the statement, as `sqlite_master` has it
    :raises ValueError: it is none that can be taken apart (a virtual table)
    """

    def __init__(self, sql: str) -> None:
        words = tokens(sql)
        if [w.keyword for w in words[:2]] != ["CREATE", "TABLE"]:
            raise ValueError("not a plain CREATE TABLE")
        start = next((i for i, word in enumerate(words) if word.text == "("), len(words))
        end = group_end(words, start)
        self.head = "".join(w.lead + w.text for w in words[: start - 1])
        self.name_lead, self.name_text = words[start - 1].lead, words[start - 1].text
        self.open = words[start].lead  # what stands before the bracket
        self.tail = "".join(w.lead + w.text for w in words[end:])
        self.close = words[end - 1].lead
        self.items: list[Item] = []
        for part in split_at_commas(words[start + 1 : end - 1]):
            self._add(part)
        self._settle_comments()

    def _add(self, words: list[Token]) -> None:
        comma = words.pop() if words[-1].text == "," else None
        if words[0].keyword not in _OF_TABLE:
            self.items.append(Column(words))
        else:
            parts = [Constraint(clause.words) for clause in _clauses(words, _OF_TABLE)]
            for part in parts[:-1]:
                part.comma = ""  # SQLite does not ask for one between constraints
            self.items += parts
        if comma is not None:
            self.items[-1].before_comma = comma.lead

    def _settle_comments(self) -> None:
        """Give a comment that stands behind a comma, in the same line, to what it speaks of."""
        for before, item in zip(self.items, self.items[1:]):
            line, newline, rest = item.lead.partition("\n")
            if newline and line.strip():
                before.after_comma, item.lead = line + newline, rest
        line, newline, rest = self.close.partition("\n")
        if line.strip() and self.items:
            self.items[-1].after_comma, self.close = line + newline, rest

    @property
    def sql(self) -> str:
        """The statement."""
        return self.written(self.name_text)

    def written(self, name_text: str, without_foreign_keys: bool = False) -> str:
        """Write the statement for a table of another name.

        :param name_text: the name, quoted where it has to be
        :param without_foreign_keys: leave out what refers to other tables
        :raises: nothing
        """
        items = self.items
        if without_foreign_keys:
            items = [
                item
                for item in items
                if not (isinstance(item, Constraint) and item.clause.kind == "FOREIGN")
            ]
        inner = ""
        for place, item in enumerate(items):
            comma = item.comma if place < len(items) - 1 else ""
            text = item.text
            if without_foreign_keys and isinstance(item, Column):
                copy = new_column(text)
                copy.drop("FOREIGN")
                text = copy.text
            inner += item.lead + text + item.before_comma + comma + item.after_comma
        return f"{self.head}{self.name_lead}{name_text}{self.open}({inner}{self.close}){self.tail}"

    @property
    def columns(self) -> list[Column]:
        """The columns in their order."""
        return [item for item in self.items if isinstance(item, Column)]

    @property
    def constraints(self) -> list[Constraint]:
        """The constraints of the table itself."""
        return [item for item in self.items if isinstance(item, Constraint)]

    def column(self, name: str) -> Column | None:
        """Find a column.

        :param name: its name
        :raises: nothing
        """
        return next((c for c in self.columns if c.name.lower() == name.lower()), None)

    def insert(self, item: Item, place: int) -> None:
        """Put an item between two others, laid out like its neighbours.

        :param item: a column or a constraint
        :param place: where, as for `list.insert`
        :raises: nothing
        """
        neighbour = self.items[min(place, len(self.items) - 1)]
        newline = neighbour.lead.rfind("\n")
        item.lead = neighbour.lead[newline:] if newline >= 0 else " "
        if item.lead.strip():
            item.lead = "\n"
        if place == 0 and not self.items[0].lead:
            self.items[0].lead, item.lead = " ", ""
        elif place and self.items[place - 1].after_comma.endswith("\n"):
            # a comment in the line before has begun a new one
            item.lead = item.lead.lstrip("\n")
            item.after_comma = "\n" if place == len(self.items) else ""
        self.items.insert(place, item)

    def remove(self, item: Item) -> None:
        """Take an item out; a comment in a line of its own before it stays.

        :param item: the column or the constraint
        :raises ValueError: it is not one of the table's
        """
        place = self.items.index(item)
        del self.items[place]
        if place == 0 and self.items and not item.lead.strip():
            self.items[0].lead = item.lead
        elif item.lead.strip():
            if place < len(self.items):
                self.items[place].lead = item.lead.rstrip(" \t") + self.items[place].lead
            else:
                self.close = item.lead + self.close
        if place == len(self.items) and place and self.close.startswith("\n"):
            if self.items[-1].after_comma.endswith("\n"):
                self.close = self.close[1:]

    @property
    def primary_key(self) -> list[str]:
        """The columns of the primary key."""
        for column in self.columns:
            if column.has("PRIMARY"):
                return [column.name]
        for constraint in self.constraints:
            if constraint.clause.kind == "PRIMARY":
                return constraint.clause.columns
        return []

    @property
    def options(self) -> list[str]:
        """The words behind the last bracket, such as STRICT."""
        parts = split_at_commas(tokens(self.tail)[:-1])
        return [" ".join(w.keyword for w in part if w.text != ",") for part in parts]

    @property
    def without_rowid(self) -> bool:
        """Whether the table has no rowid."""
        return "WITHOUT ROWID" in self.options

    @property
    def rowid_column(self) -> str | None:
        """The column that is another name of the rowid."""
        key = self.primary_key
        column = self.column(key[0]) if len(key) == 1 else None
        if column is None or column.type_text.upper() != "INTEGER" or self.without_rowid:
            return None
        for clause in column.clauses:
            # an oddity that SQLite keeps for old files; ASC and DESC of the table's own differ
            if clause.kind == "PRIMARY" and any(w.keyword == "DESC" for w in clause.body):
                return None
        return column.name


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


def named(name: str | None) -> str:
    """Give what goes before a constraint that has a name.

    :param name: the name, or None
    :raises: nothing
    """
    return f"CONSTRAINT {quoted(name)} " if name else ""
