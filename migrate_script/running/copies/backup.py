"""A copy of the whole database before a run."""

from __future__ import annotations

import itertools
import os
import sqlite3
import time
from pathlib import Path
from typing import Any, Callable, Sequence

from ... import errors
from ..connections import driver_connection
from ..locking.idle import kept_awake
from ..pragmas import database_file
from ..ready import check_room_for_copy, rows_of
from .programs import for_mysql, for_postgresql, program, run

_MARK = ".before-"


def copied_name(engine: Any) -> str:
    """Give what the name of every copy of a database begins with.

    :param engine: SQLAlchemy's engine
    :raises: nothing
    """
    database = str(engine.url.database or "")
    if engine.dialect.name == "sqlite":
        database = os.path.basename(database.split("?")[0])
    return database.replace(os.sep, "_") + _MARK


def _new_file(folder: str, name: str, ending: str, mode: int = 0o600) -> Path:
    """Make an empty file that nobody else has made, and whose rights are right from the start."""
    for number in itertools.count(1):
        also = f".{number}" if number > 1 else ""
        part = Path(folder) / f"{name}{also}{ending}.part"
        if _whole(part).exists():
            continue
        try:
            os.close(os.open(str(part), os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
        except FileExistsError:
            continue
        return part
    raise AssertionError("there is a number for each file")


def _whole(part: Path) -> Path:
    return part.with_name(part.name[: -len(".part")])


def _kept(part: Path, make: Callable[[], None]) -> str:
    """Give a file its name once it is whole; leave nothing of one that is not."""
    try:
        make()
    except BaseException:
        part.unlink()
        raise
    os.replace(str(part), str(_whole(part)))
    return str(_whole(part))


def copy_sqlite(source: str, target: str, patience: float) -> None:
    """Copy a database with SQLite's online backup, and check the copy.

    :param source: the path of the database
    :param target: the path of what becomes the same
    :param patience: how many seconds to wait for a program that writes to one of them
    :raises LockTimeout: it goes on writing
    :raises BackupError: the copy cannot be made
    """
    end = time.monotonic() + patience

    def watch(status: int, *_: Any) -> None:
        # SQLITE_BUSY and SQLITE_LOCKED, after which the sqlite3 module would try for ever
        if status in (5, 6) and time.monotonic() >= end:
            raise errors.LockTimeout.busy_file(target, patience)

    first, second = sqlite3.connect(source), sqlite3.connect(target)
    try:
        first.backup(second, progress=watch)
        answer = second.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.Error as error:
        raise errors.BackupError.failed("the backup of SQLite", str(error)) from error
    finally:
        first.close()
        second.close()
    if answer != "ok":
        raise errors.BackupError.failed("the backup of SQLite", str(answer))


def back_up(connection: Any, heads: Sequence[str], patience: float) -> str:
    """Copy the database behind a connection.

    :param connection: SQLAlchemy's connection
    :param heads: where the database is, for the name of the file
    :param patience: how many seconds to wait for a program that writes to it
    :returns: the path of the copy
    :raises BackupError: it cannot be made
    """
    kind, engine = connection.dialect.name, connection.engine
    name = f"{'-'.join(heads) or 'base'}.{time.strftime('%Y%m%d-%H%M%S')}"
    if kind == "sqlite":
        source = database_file(driver_connection(connection))
        if source is None:
            raise errors.BackupError.in_memory()
        folder = os.path.dirname(os.path.abspath(source))
        check_room_for_copy(connection, folder)
        name = os.path.basename(source) + _MARK + name
        part = _new_file(folder, name, ".bak", os.stat(source).st_mode & 0o777)
        return _kept(part, lambda: copy_sqlite(source, str(part), patience))
    if kind not in ("postgresql", "mysql", "mariadb"):
        raise errors.BackupError.unknown_kind(kind)
    name = copied_name(engine) + name
    check_room_for_copy(connection, os.getcwd())
    if kind == "postgresql":
        dump, (where, env) = program("pg_dump"), for_postgresql(engine)
        part = _new_file("", name, ".dump")
        command = [dump, "--no-password", "--format=custom", f"--file={part}", where]
        with kept_awake(connection):
            return _kept(part, lambda: run(command, env))
    dump = program("mariadb-dump", "mysqldump")
    with for_mysql(engine) as (who, database):
        part = _new_file("", name, ".sql")
        command = [dump, who, "--single-transaction", "--routines", "--triggers", "--comments"]
        command += ["--events"] if _sees_events(connection) else []
        command += [f"--result-file={part}", database]
        with kept_awake(connection):
            return _kept(part, lambda: run(command))


def _sees_events(connection: Any) -> bool:
    """Tell whether a user has the right that the dump of events needs."""
    try:
        rows_of(connection, "SHOW EVENTS")
    except Exception:  # every driver has its own class for it
        return False
    return True
