"""A CREATE TABLE of SQLite taken apart, changed, and written.

What is not changed is written as it was, to the last comment: collations, conflict clauses,
expressions and options that this module knows nothing about stay.
"""

from __future__ import annotations

from typing import Iterator, Sequence

from ..sql.lexer import (
    Token,
    folded,
    group_end,
    quoted,
    renamed,
    split_at_commas,
    text_of,
    tokens,
)

OF_COLUMN = {
    "CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES",
    "GENERATED", "AS",
}  # fmt: skip
OF_TABLE = {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"}
# a word of OF_COLUMN that continues the clause it is in, by the word before it
_GOES_ON = {"NULL": {"SET", "DEFAULT", "NOT"}, "DEFAULT": {"SET"}, "AS": {"ALWAYS"}}


class Clause:
    """A constraint, of a column or of the table, or a column's default, collation or expression."""

    def __init__(self, words: Sequence[Token]) -> None:
        self.lead: str = words[0].lead
        self.words: list[Token] = list(words)
        self.name: str | None = None
        start = 0
        if words[0].keyword == "CONSTRAINT" and len(words) > 2:
            self.name, start = words[1].name, 2
        self.body: list[Token] = list(words[start:])
        self.kind: str = {"AS": "GENERATED", "REFERENCES": "FOREIGN"}.get(
            self.body[0].keyword, self.body[0].keyword
        )
        if self.kind == "NOT":
            self.kind = "NOT NULL"

    def take_name(self, other: Clause) -> None:
        """Take over the name of another clause."""
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
        """Return the members of the first brackets, or of the first after a keyword."""
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
        """The condition of a CHECK."""
        return "".join(w.lead + w.text for part in self._group() for w in part)

    @property
    def columns(self) -> list[str]:
        """The columns of a key, as the table's own clause names them."""
        if self.body[0].keyword == "REFERENCES" or self.kind == "CHECK":
            return []
        return [part[0].name for part in self._group() if part]

    def drop_column(self, name: str) -> None:
        """Remove a column from a key of several columns."""
        start = next(place for place, word in enumerate(self.body) if word.text == "(")
        end = group_end(self.body, start) - 1
        parts = split_at_commas(self.body[start + 1 : end])
        kept = [part for part in parts if folded(part[0].name) != folded(name)]
        kept[-1] = [word for word in kept[-1] if word.text != ","]
        kept[0] = [kept[0][0]._replace(lead=parts[0][0].lead), *kept[0][1:]]
        inner = [word for part in kept for word in part]
        self._set_body([*self.body[: start + 1], *inner, *self.body[end:]])

    def rename_column(self, old: str, new: str, its_own: bool, targets: bool) -> None:
        """Write another name for a column."""
        body, depth, after = list(self.body), 0, False
        for place, word in enumerate(body):
            depth += {"(": 1, ")": -1}.get(word.text, 0)
            after = after or word.keyword == "REFERENCES"
            if depth and (targets if after else its_own):
                body[place] = renamed(word, old, new)
        self._set_body(body)

    def _set_body(self, body: list[Token]) -> None:
        self.words = [*self.words[: len(self.words) - len(self.body)], *body]
        self.body = body

    def retarget(self, new: str) -> None:
        """Let a foreign key refer to a table of another name."""
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
    """Split what follows a column type, or table constraints without commas between them."""
    begin = 0
    while begin < len(words):
        end = begin + (3 if words[begin].keyword == "CONSTRAINT" else 1)
        while end < len(words) and not _begins(words, end, starts):
            end = group_end(words, end) if words[end].text == "(" else end + 1
        yield Clause(words[begin:end])
        begin = end


class Item:
    """A column or a constraint of a CREATE TABLE."""

    def __init__(self, words: list[Token]) -> None:
        self.lead: str = words[0].lead
        self.before_comma = ""
        self.comma = ","
        self.after_comma = ""

    @property
    def text(self) -> str:
        """The item as it is written."""
        raise NotImplementedError


class ConstraintDefinition(Item):
    """A constraint of the table."""

    def __init__(self, words: list[Token]) -> None:
        super().__init__(words)
        self.clause: Clause = Clause(words)

    @property
    def text(self) -> str:
        return self.clause.text


class ColumnDefinition(Item):
    """A column."""

    def __init__(self, words: list[Token]) -> None:
        super().__init__(words)
        self.name_text: str = words[0].text
        end = 1
        while end < len(words) and words[end].keyword not in OF_COLUMN:
            end = group_end(words, end) if words[end].text == "(" else end + 1
        self.type_lead: str = words[1].lead if end > 1 else " "
        self.type_text: str = text_of(words[1:end])
        self.clauses: list[Clause] = list(clauses_of(words[end:], OF_COLUMN))

    @property
    def name(self) -> str:
        """The name without quotes."""
        return tokens(self.name_text)[0].name

    @property
    def text(self) -> str:
        kind = self.type_lead + self.type_text if self.type_text else ""
        return self.name_text + kind + "".join((c.lead or " ") + c.text for c in self.clauses)

    def has(self, kind: str) -> bool:
        """Whether the column has a clause of a kind (`NOT NULL`, `FOREIGN`, ...)."""
        return any(clause.kind == kind for clause in self.clauses)

    def remove(self, clause: Clause) -> None:
        """Remove a clause; a comment before it stays."""
        place = self.clauses.index(clause)
        del self.clauses[place]
        if clause.lead.strip():
            if place < len(self.clauses):
                self.clauses[place].lead = clause.lead + self.clauses[place].lead
            else:
                self.before_comma: str = clause.lead + self.before_comma

    def drop(self, *kinds: str) -> None:
        """Remove every clause of some kinds."""
        for clause in [clause for clause in self.clauses if clause.kind in kinds]:
            self.remove(clause)

    def put(self, clause: str) -> None:
        """Set a clause in the place of the one of its kind, or as the last."""
        new = Clause(tokens(clause)[:-1])
        for place, old in enumerate(self.clauses):
            if old.kind == new.kind:
                new.lead = old.lead
                self.clauses[place] = new
                return
        new.lead = " "
        self.clauses.append(new)


def new_column(sql: str) -> ColumnDefinition:
    """Parse a column definition."""
    return ColumnDefinition(tokens(sql)[:-1])


def new_constraint(sql: str) -> ConstraintDefinition:
    """Parse a table constraint."""
    return ConstraintDefinition(tokens(sql)[:-1])


class CreateTable:
    """A CREATE TABLE statement."""

    def __init__(self, sql: str) -> None:
        words = tokens(sql)
        if [w.keyword for w in words[:2]] != ["CREATE", "TABLE"]:
            raise ValueError("not a plain CREATE TABLE")
        start = next((i for i, word in enumerate(words) if word.text == "("), len(words))
        end = group_end(words, start)
        self.head: str = "".join(w.lead + w.text for w in words[: start - 1])
        self.name_lead: str = words[start - 1].lead
        self.name_text: str = words[start - 1].text
        self.open: str = words[start].lead  # white space before the bracket
        self.tail: str = "".join(w.lead + w.text for w in words[end:])
        self.close: str = words[end - 1].lead
        self.items: list[Item] = []
        for part in split_at_commas(words[start + 1 : end - 1]):
            self._add(part)
        self._settle_comments()

    def _add(self, words: list[Token]) -> None:
        comma = words.pop() if words[-1].text == "," else None
        if words[0].keyword not in OF_TABLE:
            self.items.append(ColumnDefinition(words))
        else:
            parts = [ConstraintDefinition(clause.words) for clause in clauses_of(words, OF_TABLE)]
            for part in parts[:-1]:
                part.comma = ""  # SQLite does not ask for one between constraints
            self.items += parts
        if comma is not None:
            self.items[-1].before_comma = comma.lead

    def _settle_comments(self) -> None:
        """Attach a comment after a comma, in the same line, to the item before it."""
        for before, item in zip(self.items, self.items[1:]):
            line, newline, rest = item.lead.partition("\n")
            if newline and line.strip():
                before.after_comma, item.lead = line + newline, rest
        self._settle_end()

    def _settle_end(self) -> None:
        """Attach a comment after the last item, in the same line, to that item."""
        line, newline, rest = self.close.partition("\n")
        if line.strip() and self.items and not self.items[-1].after_comma.endswith("\n"):
            self.items[-1].after_comma += line + newline
            self.close = rest

    @property
    def sql(self) -> str:
        """The statement."""
        return self.written(self.name_text)

    def written(self, name_text: str, without_foreign_keys: bool = False) -> str:
        """Write the statement for a table of another name."""
        items = self.items
        if without_foreign_keys:
            items = [
                item
                for item in items
                if not (isinstance(item, ConstraintDefinition) and item.clause.kind == "FOREIGN")
            ]
        inner = ""
        for place, item in enumerate(items):
            comma = item.comma if place < len(items) - 1 else ""
            text = item.text
            if without_foreign_keys and isinstance(item, ColumnDefinition):
                copy = new_column(text)
                copy.drop("FOREIGN")
                text = copy.text
            inner += item.lead + text + item.before_comma + comma + item.after_comma
        return f"{self.head}{self.name_lead}{name_text}{self.open}({inner}{self.close}){self.tail}"

    @property
    def columns(self) -> list[ColumnDefinition]:
        """The columns in their order."""
        return [item for item in self.items if isinstance(item, ColumnDefinition)]

    @property
    def constraints(self) -> list[ConstraintDefinition]:
        """The constraints of the table itself."""
        return [item for item in self.items if isinstance(item, ConstraintDefinition)]

    def column(self, name: str) -> ColumnDefinition | None:
        """Find a column."""
        return next((c for c in self.columns if folded(c.name) == folded(name)), None)

    def insert(self, item: Item, place: int) -> None:
        """Insert an item, laid out like its neighbours."""
        if place == len(self.items):
            self._settle_end()
        if not self.items:
            self.items.append(item)
            return
        if place:
            self._keep_comment(self.items[place - 1], item)
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

    @staticmethod
    def _keep_comment(last: Item, item: Item) -> None:
        """Move a comment before the comma where it would end up on the new item."""
        goes_on = not last.after_comma.endswith("\n")
        if goes_on or (
            isinstance(last, ColumnDefinition) and isinstance(item, ConstraintDefinition)
        ):
            last.before_comma, last.after_comma = last.before_comma + last.after_comma, ""

    def remove(self, item: Item) -> None:
        """Remove an item; a comment on the line before it stays."""
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
        """The table options, such as STRICT."""
        parts = split_at_commas(tokens(self.tail)[:-1])
        return [" ".join(w.keyword for w in part if w.text != ",") for part in parts]

    @property
    def clauses(self) -> list[Clause]:
        """The clauses of the columns, and the constraints."""
        of_columns = [clause for column in self.columns for clause in column.clauses]
        return of_columns + [constraint.clause for constraint in self.constraints]

    def set_option(self, option: str, wanted: bool) -> None:
        """Add or remove a table option, such as STRICT."""
        if (option in self.options) == wanted:
            return
        kept = [each for each in self.options if each and each != option] + [option] * wanted
        end = tokens(self.tail)[-1].lead
        self.tail = (" " + ", ".join(kept) if kept else "") + end

    def order(self, names: list[str]) -> None:
        """Reorder the columns."""
        first = self.items[0]
        places = [
            place for place, item in enumerate(self.items) if isinstance(item, ColumnDefinition)
        ]
        columns = sorted(self.columns, key=lambda column: names.index(column.name))
        for place, column in zip(places, columns):
            self.items[place] = column
        if not first.lead:
            first.lead, self.items[0].lead = self.items[0].lead, ""

    @property
    def without_rowid(self) -> bool:
        """Whether the table has no rowid."""
        return "WITHOUT ROWID" in self.options

    @property
    def rowid_column(self) -> str | None:
        """The column that is an alias of the rowid."""
        key = self.primary_key
        column = self.column(key[0]) if len(key) == 1 else None
        if column is None or column.type_text.upper() != "INTEGER" or self.without_rowid:
            return None
        for clause in column.clauses:
            # an oddity that SQLite keeps for old files; ASC and DESC of the table's own differ
            if clause.kind == "PRIMARY" and any(w.keyword == "DESC" for w in clause.body):
                return None
        return column.name
