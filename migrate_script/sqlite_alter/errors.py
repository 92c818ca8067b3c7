"""Errors of the library, each also of the class that Alembic, SQLAlchemy or SQLite would raise.

::

    SQLiteAlterError
    +-- TableMissing         NoSuchTableError, OperationalError, NotImplementedError
    +-- ColumnMissing        OperationalError, KeyError
    +-- ConstraintMissing    NotImplementedError, ValueError; also for an index
    +-- ConstraintUnclear    the same: several constraints may be meant
    +-- CannotAlter          OperationalError, NotImplementedError
    +-- Refused              the same: SQLite refused a statement, which is the cause
    +-- DependentsBroken     a view or a trigger cannot be used any more
    +-- BrokenReferences    rows refer to missing rows, or tables to columns that are no key
    +-- ForeignImplementation, NotTakenOver

A script that was written for plain Alembic catches what it caught there: `OperationalError` for
what SQLite refuses, `NotImplementedError` for constraints outside a batch, `KeyError`,
`ValueError` and `NoSuchTableError` in a batch.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Iterable, Sequence

from sqlalchemy import exc


def _restored(cls: type[SQLiteAlterError], args: Any) -> SQLiteAlterError:
    error = cls.__new__(cls)
    error.args = args
    return error


class SQLiteAlterError(Exception):
    """The base of the errors of this library; `str()` is one sentence."""

    # what those expect who catch it as an error of SQLAlchemy
    statement: Any = None
    params: Any = None
    orig: Any = None
    ismulti: Any = None
    code: Any = None
    hide_parameters = False
    connection_invalidated = False

    def __init__(self, sentence: str) -> None:
        Exception.__init__(self, " ".join(sentence.split()))
        self.detail: list[str] = []

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> Any:
        return _restored, (type(self), self.args), vars(self)


# what a downgrade drops was perhaps never made: some scripts leave things out on SQLite
_NOT_THERE = "correct the name in the revision, or leave out what this database never had"


class TableMissing(
    SQLiteAlterError, exc.NoSuchTableError, exc.OperationalError, NotImplementedError
):
    """There is no such table."""

    def __init__(self, table: str) -> None:
        super().__init__(f"no such table: '{table}': {_NOT_THERE}")
        self.orig: Any = sqlite3.OperationalError(f"no such table: {table}")


class ColumnMissing(SQLiteAlterError, exc.OperationalError, KeyError):
    """The table has no such column."""

    def __init__(self, column: str, table: str) -> None:
        super().__init__(f"no such column: '{column}' of the table '{table}': {_NOT_THERE}")
        self.orig: Any = sqlite3.OperationalError(f'no such column: "{column}"')


class ConstraintMissing(SQLiteAlterError, NotImplementedError, ValueError):
    """The table has no such constraint, or no such index."""

    def __init__(self, kind: str, name: str, table: str, others: Sequence[str] = ()) -> None:
        a_kind = "" if kind == "index" else f", a {kind}"
        what = "index" if kind == "index" else "constraint"
        has = f" (without a name, it has {'; '.join(others)})" if others else ""
        super().__init__(
            f"No such {what}: '{name}'{a_kind} of the table '{table}'{has}: {_NOT_THERE}"
        )


class ConstraintUnclear(SQLiteAlterError, NotImplementedError, ValueError):
    """A constraint is to be dropped without a name, and none or several may be meant."""

    def __init__(self, kind: str, table: str, candidates: Sequence[str]) -> None:
        has = f"it has {'; '.join(candidates)}" if candidates else "it has none"
        advice = "name it in the revision" if candidates else "leave that out of the revision"
        super().__init__(
            f"it is not clear which {kind} of the table '{table}' is meant ({has}): {advice}"
        )


class CannotAlter(SQLiteAlterError, exc.OperationalError, NotImplementedError):
    """A table cannot be altered as asked."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.orig: Any = sqlite3.OperationalError(str(self))

    @classmethod
    def unreadable(cls, table: str, reason: object) -> CannotAlter:
        """The definition of a table is not understood."""
        return cls(
            f"the table '{table}' cannot be altered, since its definition cannot be parsed "
            f"({reason}): alter it by SQL, with op.execute()"
        )

    @classmethod
    def no_column_left(cls, table: str) -> CannotAlter:
        """The last column of a table is dropped."""
        return cls(
            f"the table '{table}' would be left without a column, which SQLite does not allow: "
            "add the new column before the old one is dropped, or drop the table, with "
            f"op.drop_table({table!r})"
        )

    @classmethod
    def unknown_offline(cls, reason: str) -> CannotAlter:
        """SQL is written, and the table is not known."""
        return cls(
            "the SQL to alter a table of SQLite depends on what the table is like, and that is not "
            f"known here ({reason}): give --sql where the database is at the revision "
            "that the SQL starts from, write the SQL from 'base', or alter the table by SQL in the "
            "revision, with op.execute()"
        )

    @classmethod
    def defended(cls, table: str, reason: object) -> CannotAlter:
        """SQLite was compiled or set to protect its schema."""
        return cls(
            f"'{table}' cannot be altered without touching the rows that refer to it, since this "
            f"SQLite protects its schema ({reason}): use Python 3.12 or later, or "
            "switch 'PRAGMA foreign_keys' off for the connection of the migration"
        )


class Refused(SQLiteAlterError, exc.OperationalError, NotImplementedError):
    """SQLite refused a statement of an operation outside a batch; that error is the cause."""

    def __init__(self, error: exc.DBAPIError) -> None:
        super().__init__(str(error))
        self.orig: Any = error.orig
        self.statement: Any = error.statement
        self.params: Any = error.params


class DependentsBroken(SQLiteAlterError):
    """A step would leave a view or a trigger unusable."""

    def __init__(self, tables: Iterable[str], what: Sequence[str]) -> None:
        super().__init__(
            f"altering '{', '.join(sorted(tables))}' would break or lose {', '.join(what)}: drop "
            "that first in the revision, and create it again last; or allow it by 'allow_loss = "
            "True' in the revision",
        )


class BrokenReferences(SQLiteAlterError):
    """Since a step, rows refer to missing rows, or tables to columns that are no key."""

    def __init__(
        self,
        revision: str,
        counts: Sequence[tuple[tuple[str, str], int]],
        keyless: Sequence[tuple[str, str]],
        kept: str,
    ) -> None:
        found = [
            f"{count:,} {'row' if count == 1 else 'rows'} of '{table}' "
            f"{'refers' if count == 1 else 'refer'} to missing rows of '{parent}'"
            for (table, parent), count in counts
        ]
        found += [
            f"'{table}' refers to columns of '{parent}' that are no longer a key"
            for table, parent in keyless
        ]
        rows = "correct those rows (PRAGMA foreign_key_check lists them)"
        keys = "drop the foreign key, or make the key again"
        if not kept:
            # they are undone, and so listed only there
            rows = "correct those rows in the revision (PRAGMA foreign_key_check lists them there)"
            rows += ", or add what they refer to before it"
            keys = "drop the foreign key first, make the key again, or set 'allow_loss = True' in "
            keys += "the revision"
        advice = "; ".join([rows] * bool(counts) + [keys] * bool(keyless))
        if kept:
            advice = f"{kept}, so nothing was undone; {advice}"
        super().__init__(f"since revision {revision}, {', '.join(found)}: {advice}")


class ForeignImplementation(SQLiteAlterError):
    """The application has an implementation of Alembic's for SQLite already."""

    def __init__(self, kind: type) -> None:
        super().__init__(
            f"the application's own {kind.__module__}.{kind.__qualname__} alters the tables, so "
            "migrate_script does not: derive it from "
            "migrate_script.sqlite_alter.impl.SQLiteAlterImpl",
        )


class NotTakenOver(SQLiteAlterError):
    """A batch of an Operations object that this library does not know."""

    def __init__(self) -> None:
        super().__init__(
            "a batch of an Operations object of the script's own would lose what Alembic does not "
            "reflect: use op.batch_alter_table(), or pass the object to "
            "migrate_script.sqlite_alter.take_over() first",
        )
