"""`Statement`: kind, verb and tables of one SQL statement; the rest is read when asked for."""

from __future__ import annotations

from typing import Iterator, NamedTuple

from .lexer import Path, Reader, scan

QUERY = "query"
DML = "dml"
DDL = "ddl"
TRANSACTION = "transaction"
SAVEPOINT = "savepoint"
SESSION = "session"
EMPTY = "empty"

_CATALOGS = {"information_schema", "pg_catalog", "sqlite_master", "sqlite_schema"}


class Statement(NamedTuple):
    """One statement.

    Names are without quotes; those that PostgreSQL reads as small letters are in small letters.
    """

    kind: str
    verb: str = ""  # the first words, normalised: "CREATE INDEX CONCURRENTLY", "ROLLBACK TO"
    paths: tuple[Path, ...] = ()  # the tables it names; or the savepoint, pragma, or variable
    text: str = ""  # without comments, white space and semicolons around it
    dialect: str = ""
    objects: tuple[Path, ...] = ()  # what else it creates, alters or drops: indexes, views, ...
    temporary: bool = False
    replacing: bool = False  # CREATE OR REPLACE
    concurrently: bool = False
    dropped_columns: tuple[str, ...] = ()  # by an ALTER TABLE
    renames: tuple[tuple[Path, Path], ...] = ()  # of tables, from and to
    renamed_columns: tuple[tuple[str, str], ...] = ()  # by an ALTER TABLE, from and to
    value: str = ""  # of a PRAGMA or SET; the file of an ATTACH

    @property
    def names(self) -> tuple[str, ...]:
        """The `paths` as "table" or "schema.table"."""
        return tuple(map(".".join, self.paths))

    @property
    def object(self) -> str:
        """The first of `objects`, as `names` are."""
        return ".".join(self.objects[0]) if self.objects else ""

    @property
    def returning(self) -> bool:
        """Whether a change of rows returns rows."""
        maybe = self.kind == DML and "returning" in self.text.lower()
        return maybe and any(word == "RETURNING" for word, _ in self._words())

    @property
    def every_row(self) -> bool:
        """Whether all rows of its tables are deleted."""
        if self.verb != "DELETE":
            return self.verb == "TRUNCATE"
        outer = {word for word, depth in self._words() if not depth}
        return not outer & {"WHERE", "LIMIT", "USING", "JOIN"}

    @property
    def reads_schema(self) -> bool:
        """Whether definitions of tables are looked up."""
        text = self.text.lower()
        return self.verb in ("SHOW", "DESCRIBE") or (
            any(catalog in text for catalog in _CATALOGS)
            and any(
                token.kind in ("word", "quoted") and token.name.lower() in _CATALOGS
                for token in scan(self.text, self.dialect)
            )
        )

    @property
    def sources(self) -> tuple[str, ...]:
        """The tables that are read: those after FROM and JOIN."""
        found: list[Path] = []
        reader = Reader(self.text, self.dialect)
        # whether a FROM comes before tables, in each of the open brackets
        asks = [self.verb == "UPDATE"]
        before = ""
        while not reader.at_end:
            word = reader.take().keyword
            if word == "(":
                asks.append(False)
            elif word == ")":
                asks = asks[:-1] or [True]
            elif word == "SELECT":
                asks[-1] = True
            elif word == "JOIN" or (word == "FROM" and asks[-1] and before != "DISTINCT"):
                reader.skip("LATERAL")
                found += reader.paths()
            elif word == "USING" and self.verb in ("DELETE", "MERGE"):
                found += reader.paths()
            before = word
        return tuple(map(".".join, found))

    def _words(self) -> Iterator[tuple[str, int]]:
        """Yield the words, with the number of brackets around each."""
        depth = 0
        for token in scan(self.text, self.dialect):
            depth += {"(": 1, ")": -1}.get(token.keyword, 0)
            yield token.keyword, depth
