"""A table of SQLite as its CREATE TABLE says it: taken apart, changed here and there, and written.

What is not changed is written as it was, to the last comment: collations, conflict clauses,
expressions and options of which this module knows nothing stay with it.
"""

from __future__ import annotations

from .clauses import OF_TABLE, Clause, clauses_of
from .tableitems import Column, Constraint, Item, new_column
from .tokens import Token, folded, group_end, split_at_commas, tokens


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
        if words[0].keyword not in OF_TABLE:
            self.items.append(Column(words))
        else:
            parts = [Constraint(clause.words) for clause in clauses_of(words, OF_TABLE)]
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
        self._settle_end()

    def _settle_end(self) -> None:
        """Give a comment behind the last item, in the same line, to it."""
        line, newline, rest = self.close.partition("\n")
        if line.strip() and self.items and not self.items[-1].after_comma.endswith("\n"):
            self.items[-1].after_comma += line + newline
            self.close = rest

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
        return next((c for c in self.columns if folded(c.name) == folded(name)), None)

    def insert(self, item: Item, place: int) -> None:
        """Put an item between two others, laid out like its neighbours.

        :param item: a column or a constraint
        :param place: where, as for `list.insert`
        :raises: nothing
        """
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
        """Put a comment before the comma where it would be taken for one on the new item.

        So it would in the same line, and where SQLite adds a column between the two.
        """
        goes_on = not last.after_comma.endswith("\n")
        if goes_on or (isinstance(last, Column) and isinstance(item, Constraint)):
            last.before_comma, last.after_comma = last.before_comma + last.after_comma, ""

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
    def clauses(self) -> list[Clause]:
        """The clauses of the columns, and the constraints."""
        of_columns = [clause for column in self.columns for clause in column.clauses]
        return of_columns + [constraint.clause for constraint in self.constraints]

    def set_option(self, option: str, wanted: bool) -> None:
        """Add an option behind the last bracket, or take it away.

        :param option: such as STRICT
        :param wanted: whether it is to be there
        :raises: nothing
        """
        if (option in self.options) == wanted:
            return
        kept = [each for each in self.options if each and each != option] + [option] * wanted
        end = tokens(self.tail)[-1].lead
        self.tail = (" " + ", ".join(kept) if kept else "") + end

    def order(self, names: list[str]) -> None:
        """Bring the columns into an order.

        :param names: the names of all columns
        :raises: nothing
        """
        first = self.items[0]
        places = [place for place, item in enumerate(self.items) if isinstance(item, Column)]
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
