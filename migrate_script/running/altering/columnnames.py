"""The names that a script knows the columns of a table by, while it renames some of them.

Alembic's batch speaks of a column by the name that it had before the batch, to the end of it.
"""

from __future__ import annotations

from .tableitems import Column
from .tabletext import TableText
from .tokens import folded, group_end, quoted, text_of, tokens


class ColumnNames:
    """The names of the columns of one table.

    :raises: nothing
    """

    def __init__(self) -> None:
        self.first_ones_count = False  # as in a batch
        self._now: dict[str, str] = {}

    def find(self, text: TableText, name: str) -> Column | None:
        """Find a column by its first name, or by the one it has now.

        :param text: the definition of the table
        :param name: the name
        :raises: nothing
        """
        found, now = text.column(name), self._now.get(folded(name))
        if now is not None and (self.first_ones_count or found is None):
            return text.column(now)
        return found

    def note(self, old: str, new: str) -> None:
        """Note that a column has another name.

        :param old: the name until now
        :param new: the name from now on
        :raises: nothing
        """
        first = next((f for f, now in self._now.items() if folded(now) == folded(old)), old)
        self._now[folded(first)] = new

    def forget(self, name: str) -> None:
        """Note that a name is that of a new column now.

        :param name: the name
        :raises: nothing
        """
        self._now.pop(folded(name), None)

    def translated(self, sql: str) -> str:
        """Write the columns in the first brackets of a key or an index by the names they have now.

        :param sql: its definition
        :raises: nothing
        """
        words = tokens(sql)
        start = next((place for place, word in enumerate(words) if word.text == "("), None)
        if not self.first_ones_count or start is None:
            return sql
        for place in range(start + 1, group_end(words, start) - 1):
            begins = words[place - 1].text in ("(", ",")
            now = self._now.get(folded(words[place].name))
            if begins and now is not None and words[place].kind in ("word", "quoted"):
                words[place] = words[place]._replace(text=quoted(now))
        return words[0].lead + text_of(words)

    def translated_throughout(self, sql: str) -> str:
        """Write all columns in a CHECK by the names they have now.

        :param sql: its definition
        :raises: nothing
        """
        words = [
            word._replace(text=quoted(self._now[folded(word.name)]))
            if word.kind in ("word", "quoted") and folded(word.name) in self._now
            else word
            for word in tokens(sql)
        ]
        return words[0].lead + text_of(words)
