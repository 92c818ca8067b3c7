"""Errors of a connection or a statement, of a comparison, and of a backup."""

from __future__ import annotations

import os
import re
import traceback
from typing import Any, Sequence

from .family import (
    MEGABYTE,
    MigrateError,
    cause_of,
    cause_text,
    counted,
    one_line,
    url_without_passwords,
)

# what a server says to a login; MySQL's numbers, and the words of PostgreSQL in English
_REFUSED = re.compile(
    r"\((1044|1045|1049|1698)\)$|(password|peer|ident) authentication failed|"
    r"FATAL: .* does not exist|no password supplied",
    re.I,
)


class DatabaseError(MigrateError):
    """The database refuses a connection or a statement."""

    #: what to do once it is known where the database is
    advice = ": remove the cause and run 'db {command}' again"

    @classmethod
    def no_connection(cls, url: Any, words: str) -> DatabaseError:
        place = f"{url.host}{f':{url.port}' if url.port else ''}/{url.database}"
        # with an '@' in a password of the query, the query is a part of the password
        in_query = url_without_passwords(str(url.password)) != str(url.password)
        if url.host and (in_query or "@" in place):
            # SQLAlchemy 1.4 and later take the first @ for the end of the password, so that the
            # driver's words and the URL hold the rest of it
            end = "" if in_query else f"@{place.rpartition('@')[2]}"
            shown = f"{url.drivername}://{url.username}:***{end}"
            return cls(
                f"the password of {shown} has an '@', where its URL ends for SQLAlchemy: write '@' "
                "as '%40' in it (and '/' as '%2F', '#' as '%23', ':' as '%3A', '%' as '%25')"
            )
        if url.drivername.startswith("sqlite"):
            return cls.no_sqlite_file(url, words)
        advice = "check that the server runs and that SQLALCHEMY_DATABASE_URI is right"
        if _REFUSED.search(words):
            advice = (
                "the server runs and refuses this: correct the user, the password or the database "
                "in SQLALCHEMY_DATABASE_URI, or create what is missing"
            )
        return cls(f"cannot connect to {url_without_passwords(repr(url))}: {words}: {advice}")

    @classmethod
    def no_sqlite_file(cls, url: Any, words: str) -> DatabaseError:
        path = os.path.abspath(url.database or "")
        folder = os.path.dirname(path)
        if os.path.isdir(path):
            reason = "that is a folder: add the name of a file to it"
        elif not os.path.isdir(folder):
            reason = f"there is no folder '{folder}': create it (mkdir -p {folder})"
        else:
            reason = f"{words}: let this user read and write the file and its folder"
        return cls(f"SQLite cannot open '{path}': {reason}, or correct SQLALCHEMY_DATABASE_URI")

    @classmethod
    def other_file(cls, url: Any) -> DatabaseError:
        return cls(
            f"'{os.path.abspath(url.database or '')}' is not a database of SQLite: correct "
            "SQLALCHEMY_DATABASE_URI, or move the file away and restore a backup ('db restore "
            "FILE')"
        )

    @classmethod
    def no_engine(cls, cause: BaseException) -> DatabaseError:
        return cls(
            f"the application's engine cannot be made: {cause_of(cause).rstrip('.:')}: check "
            "SQLALCHEMY_DATABASE_URI, SQLALCHEMY_BINDS and SQLALCHEMY_ENGINE_OPTIONS"
        )

    @classmethod
    def no_bind_url(cls, name: str) -> DatabaseError:
        return cls(
            f"SQLALCHEMY_BINDS has None for '{name}': write the URL of its database there, or take "
            "it out"
        )

    @classmethod
    def no_database(cls, url: Any) -> DatabaseError:
        host = f"{url.host or 'localhost'}{f':{url.port}' if url.port else ''}"
        return cls(
            f"{url_without_passwords(repr(url))} names no database: add its name after the host, "
            f"as in {host}/NAME, and create that database if there is none"
        )

    @classmethod
    def statement(cls, where: str, statement: str, cause: object, place: str = "") -> DatabaseError:
        of_line = f" ({place})" if place else ""
        shown = one_line(statement)[:500]
        return cls(f"{where}: {cause_text(cause)} [statement: {shown}]{of_line}")

    @classmethod
    def disk_full(
        cls, where: str, statement: str, cause: object, place: str, file: str | None
    ) -> DatabaseError:
        error = cls.statement(where, statement, cause, place)
        folder = os.path.dirname(os.path.abspath(file or "")).replace("{", "{{").replace("}", "}}")
        error.advice = f": make room on the disk of '{folder}' and run 'db {{command}}' again"
        return error

    @classmethod
    def table_exists(cls, where: str, statement: str, cause: object, place: str) -> DatabaseError:
        error = cls.statement(where, statement, cause, place)
        error.advice = (
            ": if db.create_all() made the tables of the models, run 'db stamp head'; "
            "if not, rename or drop the table and run 'db {command}' again"
        )
        return error


# the drivers of a URL that names none, by module; that of PostgreSQL since SQLAlchemy 2.1
_DRIVERS = {
    "psycopg": ("postgresql", "psycopg", "postgresql+psycopg2", "psycopg2"),
    "MySQLdb": ("mysql", "mysqlclient", "mysql+pymysql", "PyMySQL"),
}


def why_no_engine(error: BaseException) -> DatabaseError | None:
    """Translate the failure of SQLAlchemy to make an engine; None for any other exception."""
    if error.__traceback__ is None:
        return None
    source = traceback.extract_tb(error.__traceback__)[-1].filename.replace("\\", "/")
    if type(error).__name__ == "NoSuchModuleError":
        if str(error).endswith("dialects:postgres"):
            return DatabaseError(
                "SQLAlchemy 1.4 and later do not know 'postgres://': "
                "begin SQLALCHEMY_DATABASE_URI with 'postgresql://'"
            )
        return DatabaseError(
            f"{one_line(error)}: check the part of SQLALCHEMY_DATABASE_URI before '://', "
            "and that its driver is installed"
        )
    if isinstance(error, ModuleNotFoundError) and "/sqlalchemy/" in source:
        if error.name in _DRIVERS:
            scheme, driver, other_scheme, other = _DRIVERS[error.name]
            return DatabaseError(
                f"this SQLAlchemy connects to '{scheme}://' with {driver}, which is not installed: "
                f"install {driver}, or write '{other_scheme}://' to go on with {other}"
            )
        return DatabaseError(
            f"the database driver '{error.name}' is not installed: install it, or name another "
            "driver in SQLALCHEMY_DATABASE_URI (dialect+driver://...)"
        )
    if "/flask_sqlalchemy/" in source and "'NoneType' object is not iterable" in str(error):
        return DatabaseError(
            "a value of SQLALCHEMY_BINDS is None: write the URL of a database there, or take it out"
        )
    if "/sqlalchemy/engine/url" in source:
        # the URL itself is not shown: what cannot be parsed may hold a password anywhere
        return DatabaseError(
            "SQLALCHEMY_DATABASE_URI is not a database URL: "
            "write it like sqlite:////folder/file.db or postgresql://user@host:5432/database"
        )
    return None


class DifferencesFound(MigrateError):
    """The models and the database differ: Alembic's `differences`, and `lines` of words."""

    def __init__(self, differences: Sequence[Any], lines: Sequence[str]) -> None:
        super().__init__(
            f"the models and the database differ ({counted(len(lines), 'difference')}): "
            "'db migrate' writes them into a revision"
        )
        self.differences: list[Any] = list(differences)
        self.lines: Sequence[str] = list(lines)

    @classmethod
    def by_verify(cls, differences: Sequence[Any], lines: Sequence[str]) -> DifferencesFound:
        error = cls(differences, lines)
        error.args = (
            "the models and the database would differ after the last step "
            f"({counted(len(lines), 'difference')}): run 'db upgrade' without --verify, "
            "then 'db migrate' writes them into a revision",
        )
        return error

    def format_message(self) -> str:
        return "\n".join([str(self), *self.lines])


class NotAtHead(MigrateError):
    """The database is not at the heads of the scripts."""

    def __init__(self, current: Sequence[str], heads: Sequence[str]) -> None:
        at = " and ".join(current) or "no revision"
        target = "" if len(heads) < 2 else " heads"
        super().__init__(
            f"the database is at {at} and the scripts are at {' and '.join(sorted(heads))}: "
            f"run 'db upgrade{target}'"
        )


_OTHER_MEANS = "make the backup by other means and leave out --backup"


class BackupError(MigrateError):
    """A backup of the database cannot be made or restored."""

    @classmethod
    def no_program(cls, names: str) -> BackupError:
        return cls(
            f"the program {names}, which makes the backup, is not installed: install the client "
            f"programs of the server, or {_OTHER_MEANS}; nothing was changed"
        )

    @classmethod
    def no_room(cls, folder: str, free: int, needed: int) -> BackupError:
        return cls(
            f"the backup needs {needed / MEGABYTE:.1f} MB and the disk of '{folder}' has "
            f"{free / MEGABYTE:.1f} MB left: make room, or leave out --backup; nothing was changed"
        )

    @classmethod
    def failed(cls, program: str, said: str) -> BackupError:
        return cls(
            f"{program} failed: {one_line(said).rstrip('.')}: remove the cause, or {_OTHER_MEANS}"
        )

    @classmethod
    def not_restored(cls, path: str, said: str) -> BackupError:
        return cls(
            f"'{path}' cannot be restored: {one_line(said).rstrip('.')}: remove the cause and run "
            "'db restore' again"
        )

    @classmethod
    def in_memory(cls) -> BackupError:
        return cls("a database in memory has no backup: leave out --backup")

    @classmethod
    def unknown_kind(cls, kind: str) -> BackupError:
        return cls(f"--backup does not support {kind}: {_OTHER_MEANS}")

    @classmethod
    def into_memory(cls) -> BackupError:
        return cls(
            "a backup cannot be restored into a database in memory: set SQLALCHEMY_DATABASE_URI "
            "to the database that the backup is of"
        )

    @classmethod
    def own_creator(cls) -> BackupError:
        return cls(
            "the application connects to the database by a function (creator), so the server's "
            f"programs cannot connect: {_OTHER_MEANS}; nothing was changed"
        )

    @classmethod
    def no_file(cls, path: str) -> BackupError:
        return cls(f"there is no file '{path}': 'db restore FILE' takes a file made by --backup")

    @classmethod
    def wrong_kind(cls, path: str, kind: str) -> BackupError:
        return cls(
            f"'{path}' is not a backup of a {kind} database: 'db restore FILE' takes a file made "
            "by --backup from the same kind of database; nothing was changed"
        )

    @classmethod
    def incomplete(cls, path: str) -> BackupError:
        return cls(
            f"'{path}' is damaged or incomplete: 'db restore' takes a complete backup; nothing was "
            "changed"
        )

    @classmethod
    def which(cls, path: str, names: Sequence[str]) -> BackupError:
        return cls(
            f"the name of '{path}' does not show which database it is a backup of: add --bind "
            f"NAME, with {_either(names)}; nothing was changed"
        )

    @classmethod
    def no_bind(cls, name: str, names: Sequence[str]) -> BackupError:
        return cls(f"the application has no database '{name}': --bind takes {_either(names)}")

    @classmethod
    def not_confirmed(cls, question: str) -> BackupError:
        return cls(f"{question}: add --yes to agree without a terminal; nothing was changed")

    @classmethod
    def of_server(cls, command: str) -> BackupError:
        return cls(f"'db restore' restores SQLite files only: run: {command}")


def _either(names: Sequence[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)
