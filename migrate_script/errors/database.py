"""What a database refuses, and what was found in one."""

from __future__ import annotations

from typing import Any, Sequence

from .words import MEGABYTE, MigrateError, cause_text, one_line, place_text


class DatabaseError(MigrateError):
    """The database refuses a connection or a statement."""

    @classmethod
    def no_connection(cls, url: str, cause: object) -> DatabaseError:
        return cls(
            f"cannot connect to {url}: {cause_text(cause)}: "
            "check that the server runs and that SQLALCHEMY_DATABASE_URI is right"
        )

    @classmethod
    def no_dialect(cls, cause: BaseException) -> DatabaseError:
        if str(cause).endswith("dialects:postgres"):
            return cls(
                "SQLAlchemy 1.4 and later do not know 'postgres://': "
                "begin SQLALCHEMY_DATABASE_URI with 'postgresql://'"
            )
        return cls(
            f"{one_line(cause)}: check the part of SQLALCHEMY_DATABASE_URI before '://', "
            "and that its driver is installed"
        )

    @classmethod
    def not_installed(cls, module: str) -> DatabaseError:
        if module == "psycopg":
            # SQLAlchemy 2.1 made psycopg 3 the driver of a plain postgresql://
            return cls(
                "this SQLAlchemy connects to 'postgresql://' with psycopg, which is not installed: "
                "install psycopg, or write 'postgresql+psycopg2://' to go on with psycopg2"
            )
        return cls(
            f"the database driver '{module}' is not installed: install it, or name another "
            "driver in SQLALCHEMY_DATABASE_URI (dialect+driver://...)"
        )

    @classmethod
    def bad_url(cls) -> DatabaseError:
        # the URL itself is not shown: what cannot be parsed may hold a password anywhere
        return cls(
            "SQLALCHEMY_DATABASE_URI is not a database URL: "
            "write it like sqlite:////folder/file.db or postgresql://user@host:5432/database"
        )

    @classmethod
    def statement(
        cls,
        revision: str | None,
        place: tuple[str, int | None] | None,
        statement: str,
        cause: object,
    ) -> DatabaseError:
        where = place_text(*place) if place else "the database refused"
        where = f"revision {revision} failed" if revision else where
        return cls(f"{where}: {cause_text(cause)} [statement: {one_line(statement)[:500]}]")


class DifferencesFound(MigrateError):
    """The models and the database differ; `differences` holds Alembic's list of them."""

    def __init__(self, differences: Sequence[Any], reason: str) -> None:
        super().__init__(f"{reason.rstrip('.')}: 'db migrate' writes them into a revision")
        self.differences = list(differences)


class NotAtHead(MigrateError):
    """The database is not at the heads of the scripts."""

    def __init__(self, current: Sequence[str], heads: Sequence[str]) -> None:
        at = ", ".join(current) or "no revision"
        super().__init__(
            f"the database is at {at} and the scripts are at {', '.join(heads)}: run 'db upgrade'"
        )


class BackupError(MigrateError):
    """A copy of the database cannot be made or put back."""

    @classmethod
    def no_program(cls, names: str) -> BackupError:
        return cls(
            f"the program {names} is not installed, which copies the database: install the "
            "client programs of the server, or make the copy by other means; nothing was changed"
        )

    @classmethod
    def no_room(cls, folder: str, free: int, needed: int) -> BackupError:
        return cls(
            f"the copy needs {needed / MEGABYTE:.1f} MB and the disk of '{folder}' has "
            f"{free / MEGABYTE:.1f} MB left: make room, or leave out --backup; nothing was changed"
        )

    @classmethod
    def failed(cls, program: str, said: str) -> BackupError:
        return cls(f"{program} failed: {one_line(said)}")

    @classmethod
    def in_memory(cls) -> BackupError:
        return cls("the database is in memory, so there is nothing to copy: leave out --backup")

    @classmethod
    def unknown_kind(cls, kind: str) -> BackupError:
        return cls(f"--backup does not know how to copy {kind}: make the copy by other means")

    @classmethod
    def into_memory(cls) -> BackupError:
        return cls(
            "the database is in memory, so there is nothing to put a copy into: set "
            "SQLALCHEMY_DATABASE_URI to the database that the copy is of"
        )

    @classmethod
    def own_creator(cls) -> BackupError:
        return cls(
            "the application connects to the database by a function of its own (creator), so that "
            "no program can be told how: make the copy by other means; nothing was changed"
        )

    @classmethod
    def no_file(cls, path: str) -> BackupError:
        return cls(f"there is no file '{path}': 'db restore FILE' takes what --backup has made")

    @classmethod
    def wrong_kind(cls, path: str, kind: str) -> BackupError:
        return cls(
            f"'{path}' is no copy of a {kind} database: 'db restore FILE' takes what --backup "
            "has made of the same kind of database"
        )

    @classmethod
    def not_whole(cls, path: str) -> BackupError:
        return cls(
            f"'{path}' is damaged, or was cut off: give 'db restore' a copy that is whole; nothing "
            "was changed"
        )

    @classmethod
    def which(cls, path: str, names: Sequence[str]) -> BackupError:
        return cls(
            f"the name of '{path}' does not say of which of the application's databases it is a "
            f"copy: add --bind NAME, with {_either(names)}; nothing was changed"
        )

    @classmethod
    def no_bind(cls, name: str, names: Sequence[str]) -> BackupError:
        return cls(f"'{name}' is no database of the application: --bind takes {_either(names)}")


def _either(names: Sequence[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)
