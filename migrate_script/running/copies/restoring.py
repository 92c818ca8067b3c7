"""A copy of a database is put back: the right copy, into the right database, whole or not at all.

MySQL alone can leave a part, where the server ends in the middle; the copy can be put back again.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Mapping

import sqlalchemy as sa

from ... import errors
from ..connections import driver_connection
from ..locking.locks import lock_for
from ..pragmas import database_file
from ..settings import split
from .backup import copied_name, copy_sqlite
from .emptying import EMPTY_POSTGRESQL, FOREIGN_EXTENSIONS, empty_mysql
from .programs import for_mysql, for_postgresql, program, run

_STARTS = {b"SQLite format 3\0": "sqlite", b"PGDMP": "postgresql"}
_OF_MYSQL = re.compile(rb"^-- (MariaDB|MySQL) dump ", re.M)


def _kind_of(path: str) -> str:
    """Tell of which kind of database a file is a copy; empty for any other file."""
    with open(path, "rb") as file:
        start = file.read(1000)
        if not _OF_MYSQL.search(start):
            return next((kind for mark, kind in _STARTS.items() if start.startswith(mark)), "")
        return "mysql"


def _check(path: str, kind: str) -> None:
    """Make sure that a file is a whole copy, before anything is changed."""
    if not os.path.isfile(path):
        raise errors.BackupError.no_file(path)
    found = _kind_of(path)
    if found != ("mysql" if kind == "mariadb" else kind):
        raise errors.BackupError.wrong_kind(path, kind)
    if (found == "sqlite" and not _is_sound(path)) or (found == "mysql" and not _is_complete(path)):
        raise errors.BackupError.not_whole(path)


def _is_complete(path: str) -> bool:
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - 1000))
        return b"\n-- Dump completed" in file.read()


def _is_sound(path: str) -> bool:
    with suppress(sqlite3.Error):
        copy = sqlite3.connect(Path(path).absolute().as_uri() + "?mode=ro", uri=True)
        try:
            return bool(copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok")
        finally:
            copy.close()
    return False


def _chosen(engines: Mapping[str, Any], path: str, bind: str | None) -> Any:
    """Choose the database that a copy is put into."""
    if bind is not None:
        if bind not in engines:
            raise errors.BackupError.no_bind(bind, list(engines))
        return engines[bind]
    if len(engines) == 1:
        return next(iter(engines.values()))
    if not os.path.isfile(path):
        raise errors.BackupError.no_file(path)
    name = os.path.basename(path)
    named = [engine for engine in engines.values() if name.startswith(copied_name(engine))]
    if len(named) != 1:
        raise errors.BackupError.which(path, list(engines))
    return named[0]


def restore(
    engines: Mapping[str, Any], path: str, lock_timeout: Any = None, bind: str | None = None
) -> None:
    """Put a copy back that `--backup` has made.

    :param engines: SQLAlchemy's engine of each database of the application, by its name
    :param path: the copy
    :param lock_timeout: how many seconds to wait for a migration of the database
    :param bind: the name of the database; None where the name of the file says it
    :raises MigrateError: it cannot be put back
    """
    patience = split({"lock_timeout": lock_timeout})[0].lock_timeout
    engine = _chosen(engines, path, bind)
    _check(path, engine.dialect.name)
    with engine.connect() as connection:
        lock = lock_for(connection)
        taken = lock.acquire(patience)
    try:
        _put_back(engine, path, patience)
    finally:
        if taken:
            lock.give_back()


def _put_back(engine: Any, path: str, patience: float) -> None:
    kind = engine.dialect.name
    if kind == "sqlite":
        with engine.connect() as connection:
            target = database_file(driver_connection(connection))
        if target is None:
            raise errors.BackupError.into_memory()
        copy_sqlite(path, target, patience)
    elif kind == "postgresql":
        _postgresql_back(engine, path)
    else:
        _mysql_back(engine, path)


def _mysql_back(engine: Any, path: str) -> None:
    with open(path, "rb") as file:
        has_events = any(line.startswith(b"-- Dumping events") for line in file)
    with engine.connect() as connection:
        statements = empty_mysql(connection, has_events)
    with open(path, "rb") as file, for_mysql(engine) as (who, database):
        command = [program("mariadb", "mysql"), who, database]
        run(command, input=statements.encode())
        run(command, stdin=file)


def _postgresql_back(engine: Any, path: str) -> None:
    """Put a dump back in one transaction, so that it is whole or not at all."""
    where, env = for_postgresql(engine)
    with engine.connect() as connection:
        kept = [row[0] for row in connection.execute(sa.text(FOREIGN_EXTENSIONS))]
    back = program("pg_restore")
    with tempfile.TemporaryDirectory() as folder:
        entries, script = os.path.join(folder, "entries"), os.path.join(folder, "restore.sql")
        with open(entries, "wb") as file:
            file.writelines(_entries(back, path, kept))
        command = [back, "--clean", "--if-exists", f"--use-list={entries}", f"--file={script}"]
        run([*command, path])
        command = [program("psql"), "--no-password", "--no-psqlrc", "--quiet"]
        command += ["--single-transaction", "--set=ON_ERROR_STOP=1"]
        command += [f"--command={each}" for each in EMPTY_POSTGRESQL]
        run([*command, f"--file={script}", where], env, stdout=subprocess.DEVNULL)


def _entries(back: str, path: str, kept: list[str]) -> list[bytes]:
    """List what is in a dump, without the extensions that only somebody else can make."""
    listed = subprocess.run([back, "--list", path], stdout=subprocess.PIPE, check=False).stdout
    names = [f"EXTENSION - {name} " for name in kept]
    names += [f"COMMENT - EXTENSION {name} " for name in kept]
    return [
        line
        for line in listed.splitlines(keepends=True)
        if not any(name.encode() in line for name in names)
    ]
