"""A copy of the whole database before a run, and the way back.

A password reaches the servers' own programs by environment or by a file that only its owner can
read, never by their arguments, which everybody on the machine can see.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Sequence

import sqlalchemy as sa

from .. import errors
from .connections import driver_connection
from .emptying import EMPTY_POSTGRESQL
from .locks import lock_for
from .pragmas import database_file
from .ready import check_room_for_copy
from .settings import Settings, split


def _program(*names: str) -> str:
    """Find the first of several programs."""
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    raise errors.BackupError.no_program(" or ".join(names))


def _run(command: Sequence[str], env: dict[str, str] | None = None, **options: Any) -> None:
    done = subprocess.run(
        command, env={**os.environ, **(env or {})}, stderr=subprocess.PIPE, check=False, **options
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace")
        raise errors.BackupError.failed(os.path.basename(command[0]), said)


def _new_file(path: Path, mode: int = 0o600) -> Path:
    """Make an empty file that nobody else has made, and whose rights are right from the start."""
    part = path.with_name(path.name + ".part")
    os.close(os.open(str(part), os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    return part


def _finish(part: Path) -> str:
    path = part.with_name(part.name[: -len(".part")])
    os.replace(str(part), str(path))
    return str(path)


def _sqlite_copy(source: str, target: str) -> None:
    """Copy a database with SQLite's online backup, and check the copy."""
    first, second = sqlite3.connect(source), sqlite3.connect(target)
    try:
        first.backup(second)
        answer = second.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        first.close()
        second.close()
    if answer != "ok":
        raise errors.BackupError.failed("the backup of SQLite", str(answer))


def _postgresql(url: Any) -> tuple[list[str], dict[str, str]]:
    """Give the arguments and the environment of PostgreSQL's programs."""
    given = {"--host": url.host, "--port": url.port, "--username": url.username}
    arguments = [f"{name}={value}" for name, value in given.items() if value]
    password = {"PGPASSWORD": str(url.password)} if url.password else {}
    return [*arguments, "--no-password"], password


@contextmanager
def _mysql(url: Any) -> Iterator[str]:
    """Write the file that tells the programs of MySQL who they are, and give its argument."""
    given = {"host": url.host, "port": url.port, "user": url.username, "password": url.password}
    descriptor, path = tempfile.mkstemp(suffix=".cnf")  # only its owner may read it
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("[client]\n")
            for name, value in given.items():
                if value:
                    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
                    file.write(f'{name}="{text}"\n')
        yield f"--defaults-extra-file={path}"
    finally:
        os.unlink(path)


def back_up(connection: Any, heads: Sequence[str]) -> str:
    """Copy the database behind a connection.

    :param connection: SQLAlchemy's connection
    :param heads: where the database is, for the name of the file
    :returns: the path of the copy
    :raises BackupError: it cannot be made
    """
    kind, url = connection.dialect.name, connection.engine.url
    name = f"before-{'-'.join(heads) or 'base'}.{time.strftime('%Y%m%d-%H%M%S')}"
    if kind == "sqlite":
        source = database_file(driver_connection(connection))
        if source is None:
            raise errors.BackupError.in_memory()
        check_room_for_copy(connection, os.path.dirname(os.path.abspath(source)))
        mode = os.stat(source).st_mode & 0o777
        part = _new_file(Path(f"{source}.{name}.bak"), mode)
        return _kept(part, lambda: _sqlite_copy(source, str(part)))
    if kind == "postgresql":
        program, (arguments, env) = _program("pg_dump"), _postgresql(url)
        check_room_for_copy(connection, os.getcwd())
        part = _new_file(Path(f"{url.database}.{name}.dump"))
        command = [program, *arguments, "--format=custom", f"--file={part}", str(url.database)]
        return _kept(part, lambda: _run(command, env))
    if kind in ("mysql", "mariadb"):
        program = _program("mariadb-dump", "mysqldump")
        check_room_for_copy(connection, os.getcwd())
        part = _new_file(Path(f"{url.database}.{name}.sql"))
        with _mysql(url) as who:
            command = [program, who, "--single-transaction", "--routines", "--triggers"]
            command += [f"--result-file={part}", str(url.database)]
            return _kept(part, lambda: _run(command))
    raise errors.BackupError.unknown_kind(kind)


def _kept(part: Path, make: Any) -> str:
    """Give a file its name once it is whole; leave nothing of one that is not."""
    try:
        make()
    except BaseException:
        part.unlink()
        raise
    return _finish(part)


def put_back(engine: Any, path: str) -> None:
    """Make a database what it was when a copy was made.

    :param engine: SQLAlchemy's engine of the database
    :param path: the copy
    :raises BackupError: it is none of this kind of database, or cannot be put back
    """
    kind, url = engine.dialect.name, engine.url
    if not os.path.isfile(path):
        raise errors.BackupError.no_file(path)
    with open(path, "rb") as file:
        start = file.read(16)
    found = {b"SQLite format 3\0": "sqlite", b"PGDMP": "postgresql"}
    of = next((name for mark, name in found.items() if start.startswith(mark)), "mysql")
    if of != ("mysql" if kind == "mariadb" else kind):
        raise errors.BackupError.wrong_kind(path, kind)
    if kind == "sqlite":
        with engine.connect() as connection:
            target = database_file(driver_connection(connection))
        _sqlite_copy(path, str(target))
        return
    if kind == "postgresql":
        _postgresql_back(url, path)
        return
    quote = engine.dialect.identifier_preparer.quote
    names = ", ".join(quote(table) for table in sa.inspect(engine).get_table_names())
    with _mysql(url) as who, open(path, "rb") as file:
        command = [_program("mariadb", "mysql"), who, str(url.database)]
        if names:
            drop = f"SET FOREIGN_KEY_CHECKS = 0; DROP TABLE IF EXISTS {names}"
            _run([*command, f"--execute={drop}"])
        _run(command, stdin=file)


def _postgresql_back(url: Any, path: str) -> None:
    """Put a dump back in one transaction, so that it is whole or not at all."""
    arguments, env = _postgresql(url)
    with tempfile.TemporaryDirectory() as folder:
        script = os.path.join(folder, "restore.sql")
        _run([_program("pg_restore"), "--clean", "--if-exists", f"--file={script}", path])
        command = [_program("psql"), *arguments, "--no-psqlrc", "--quiet", "--single-transaction"]
        command += ["--set=ON_ERROR_STOP=1", f"--command={EMPTY_POSTGRESQL}"]
        _run([*command, f"--file={script}", str(url.database)], env, stdout=subprocess.DEVNULL)


def restore(engine: Any, path: str, lock_timeout: Any = None) -> None:
    """Put a copy back that `--backup` has made.

    :param engine: SQLAlchemy's engine of the database
    :param path: the copy
    :param lock_timeout: how many seconds to wait for a migration of the database
    :raises MigrateError: it cannot be put back
    """
    settings: Settings = split({"lock_timeout": lock_timeout})[0]
    with engine.connect() as connection:
        lock = lock_for(connection)
        taken = lock.acquire(settings.lock_timeout)
    try:
        put_back(engine, path)
    finally:
        if taken:
            lock.give_back()
