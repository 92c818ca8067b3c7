"""The definition of a table of SQLite while a revision changes it."""

from __future__ import annotations

from typing import Any, Callable, Sequence

from ... import errors
from .columnnames import ColumnNames
from .finding import Search
from .recreation import Recreation
from .reverse import Made
from .schema import Database
from .tableitems import Column


class Definition:
    """A table, which is written by one re-creation where that is the same.

    :param database: where the table is
    :param name: its name
    :param dialect: the dialect of the connection
    :param conventional: gives the name that a naming convention gives a constraint of the table
    :param made: what the script makes, the last first
    :raises AlterError: there is no such table
    """

    def __init__(
        self,
        database: Database,
        name: str,
        dialect: Any,
        conventional: Callable[..., str | None] = lambda *_: None,
        made: Sequence[Made] = (),
    ) -> None:
        self.database = database
        self.name = name
        self.dialect = dialect
        self.search = Search(name, dialect, conventional, made)
        self.names = ColumnNames()
        self.aside: dict[str, str] = {}
        self.table = Recreation(database, name)
        self.busy = False

    def flush(self) -> None:
        """Write what was changed so far.

        :raises Exception: the database refuses
        """
        self.busy = True
        try:
            self.table.write()
        finally:
            self.busy = False
        self.table = Recreation(self.database, self.name)

    def has(self, name: str) -> bool:
        """Tell whether there is a column.

        :param name: its name
        :raises: nothing
        """
        return self._found(name) is not None

    def _found(self, name: str) -> Column | None:
        return self.names.find(self.table.text, name)

    def column(self, name: str) -> Column:
        """Find a column.

        :param name: its name
        :raises AlterError: there is none
        """
        column = self._found(name)
        if column is None:
            raise errors.AlterError.nothing_there("column", name, self.name)
        return column
