"""The table in which the statements of an unfinished revision are noted."""

from __future__ import annotations

from typing import Any

from ..statements import Entry

TABLE = "migrate_script_journal"
COLUMNS = (
    "number INTEGER NOT NULL PRIMARY KEY, step VARCHAR(255) NOT NULL, "
    "heads VARCHAR(1000) NOT NULL, digest CHAR(40) NOT NULL, state VARCHAR(8) NOT NULL, "
    "affected BIGINT NOT NULL, statement TEXT NOT NULL"
)


class Notes:
    """The table, by statements that SQLAlchemy does not see.

    :param raw: the driver's connection
    :param dialect: SQLAlchemy's dialect of it
    :param version_table: the table of Alembic's, as it is written in a statement
    :raises: nothing
    """

    def __init__(self, raw: Any, dialect: Any, version_table: str) -> None:
        self.raw = raw
        self.dialect = dialect
        self.version_table = version_table
        self.table = TABLE
        self._numbered = dialect.paramstyle == "numeric_dollar"  # asyncpg

    def query(self, statement: str, *values: Any) -> list[Any]:
        """Run a statement.

        :param statement: the statement, with %s for each value
        :param values: its values
        :raises Exception: the database refuses
        """
        if self._numbered:
            for number in range(1, len(values) + 1):
                statement = statement.replace("%s", f"${number}", 1)
        cursor = self.raw.cursor()
        try:
            cursor.execute(statement, values) if values else cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            cursor.close()

    def exists(self, table: str = TABLE) -> bool:
        """Tell whether a table is there.

        :param table: its name
        :raises Exception: the database refuses
        """
        raise NotImplementedError

    def create(self) -> bool:
        """Make the table, if it is not there; a user who may not make tables does without.

        :returns: whether it is there
        :raises Exception: the database refuses
        """
        raise NotImplementedError

    def heads(self) -> str:
        """Read where the database is.

        :raises Exception: the database refuses
        """
        rows = self.query(f"SELECT version_num FROM {self.version_table}")
        return ",".join(sorted(row[0] for row in rows))

    def unfinished(self) -> tuple[str, str] | None:
        """Name the step that is not finished, and where the database was before it.

        :raises Exception: the database refuses
        """
        found = self.query(f"SELECT DISTINCT step, heads FROM {self.table}")
        return (found[0][0], found[0][1]) if found else None

    def entries(self) -> list[Entry]:
        """Read what is noted, whichever revision it is about.

        :raises Exception: the database refuses
        """
        if not self.exists():
            return []
        rows = self.query(
            f"SELECT number, digest, state, affected, statement FROM {self.table} ORDER BY number"
        )
        return [Entry(*row) for row in rows]

    def add(self, step: str, heads: str, entry: Entry) -> None:
        """Note a statement.

        :param step: the direction and the revision of the step that it belongs to
        :param heads: where the database was before that step
        :param entry: the statement
        :raises Exception: the database refuses
        """
        self.query(
            f"INSERT INTO {self.table} (step, heads, number, digest, state, affected, statement) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            step,
            heads,
            *entry,
        )

    def mark(self, number: int, state: str) -> None:
        """Note what has become of a statement.

        :param number: its number
        :param state: what has become of it
        :raises Exception: the database refuses
        """
        self.query(f"UPDATE {self.table} SET state = %s WHERE number = %s", state, number)

    def forget(self, start: int = 0) -> None:
        """Take away what is noted.

        :param start: the number of the first statement
        :raises Exception: the database refuses
        """
        self.query(f"DELETE FROM {self.table} WHERE number >= %s", start)

    def drop(self) -> None:
        """Take the table away.

        :raises Exception: the database refuses
        """
        self.query(f"DROP TABLE {self.table}")
