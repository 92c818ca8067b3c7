"""Makes, checks and restores backups: a copy of a SQLite file, or a dump of a server.

A dump is made by pg_dump or mariadb-dump. The server's program restores it, whose command line is
printed: nothing here empties a schema. A password reaches the programs by environment or by a file
that only its owner can read, never by their arguments, which everybody on the machine can see.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any, Callable, Mapping, Sequence

from sqlalchemy import event

from .. import errors
from ..progress import listener
from ..state import settings_of
from .dbapi import (
    database_file,
    driver_connection,
    fetch_all,
    kept_alive,
    pragma,
    separate_connection,
)
from .locking import database_lock

_MARK = ".before-"

# -- dumps of servers -------------------------------------------------------------------------

# the keywords of psycopg2 and psycopg that are libpq's as well, but for the password
_LIBPQ = """
    host hostaddr port user passfile service sslmode sslcert sslkey sslrootcert sslcrl sslcrldir
    sslcompression ssl_min_protocol_version ssl_max_protocol_version requirepeer krbsrvname gsslib
    gssencmode channel_binding target_session_attrs load_balance_hosts connect_timeout options
""".split()


def _program(*names: str) -> str:
    """Return the path of the first program that is installed."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise errors.BackupError.no_program(" or ".join(names))
    return found


def _run(command: Sequence[str], env: dict[str, str]) -> None:
    done = subprocess.run(command, env={**os.environ, **env}, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace")
        raise errors.BackupError.failed(os.path.basename(command[0]), said)


def _connect_arguments(engine: Any) -> dict[str, Any]:
    """Return the keywords that the driver is called with, after all listeners of the engine."""
    seen: list[dict[str, Any]] = []

    def record(dialect: Any, record: Any, cargs: Any, cparams: dict[str, Any]) -> None:
        seen.append(cparams)  # in which another listener may have put a password of the hour

    event.listen(engine, "do_connect", record)
    try:
        with separate_connection(engine.pool):
            pass
    finally:
        event.remove(engine, "do_connect", record)
    if not seen:
        raise errors.BackupError.own_creator()
    return dict(seen[-1])


class PostgreSQLDump:
    """pg_dump in its custom format, and the command line of pg_restore."""

    suffix = ".dump"

    def __init__(self, engine: Any) -> None:
        told = _connect_arguments(engine)
        given = {name: told[name] for name in _LIBPQ if told.get(name) not in (None, "")}
        if told.get("unix_sock"):  # pg8000
            given["host"] = os.path.dirname(told["unix_sock"])
        options = (("host", "host"), ("port", "port"), ("user", "username"))
        self._where = [f"--{o}={given.pop(name)}" for name, o in options if name in given]
        database = str(told.get("dbname") or told.get("database") or "")
        if given or "=" in database or "://" in database:
            given.update({"dbname": database} if database else {})
            database = " ".join(f"{name}='{_escaped(value)}'" for name, value in given.items())
        self._where.append(f"--dbname={database}")
        self._env = {"PGPASSWORD": str(told["password"])} if told.get("password") else {}

    def write(self, path: str, connection: Any) -> None:
        command = [_program("pg_dump"), "--no-password", "--format=custom", f"--file={path}"]
        _run([*command, *self._where], self._env)

    def restore_command(self, path: str) -> str:
        """Return what a person types to restore a dump: all of it, or nothing."""
        command = ["pg_restore", "--clean", "--if-exists", "--single-transaction", *self._where]
        return " ".join(map(quote, [*command, path]))


def _escaped(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace("'", "\\'")


class MySQLDump:
    """mariadb-dump or mysqldump, and the command line of the client."""

    suffix = ".sql"

    def __init__(self, engine: Any) -> None:
        told = _connect_arguments(engine)
        self._database = str(told.get("database") or told.get("db") or engine.url.database)
        self._password = str(told.get("password") or told.get("passwd") or "")
        self._defaults = told.get("read_default_file")
        given = {name: told.get(name) for name in ("host", "port", "user")}
        given["socket"] = told.get("unix_socket")
        if not given["socket"] and engine.dialect.driver != "mysqldb":
            given["protocol"] = "tcp"  # to 'localhost' too, where the programs use the socket
        ssl = told.get("ssl")
        for name in ("ca", "capath", "cert", "key"):
            nested = ssl.get(name) if isinstance(ssl, dict) else None
            given[f"ssl-{name}"] = nested or told.get(f"ssl_{name}")
        self._where = [f"--{name}={value}" for name, value in given.items() if value]

    def write(self, path: str, connection: Any) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".cnf") as file:  # only its owner may read it
            file.write(f"!include {self._defaults}\n" if self._defaults else "")
            password = self._password.replace("\\", "\\\\").replace('"', '\\"')
            file.write(f'[client]\npassword="{password}"\n' if password else "")
            file.flush()
            command = [_program("mariadb-dump", "mysqldump"), f"--defaults-extra-file={file.name}"]
            command += [*self._where, "--single-transaction", "--routines", "--triggers"]
            command += ["--comments", *(["--events"] if _sees_events(connection) else [])]
            _run([*command, f"--result-file={path}", self._database], {})

    def restore_command(self, path: str) -> str:
        """Return what a person types to restore a dump; the client asks for the password."""
        command = ["mariadb" if shutil.which("mariadb") else "mysql"]
        command += [f"--defaults-extra-file={self._defaults}"] if self._defaults else []
        command += ["--password"] if self._password else []
        return f"{' '.join(map(quote, [*command, *self._where, self._database]))} < {quote(path)}"


def _sees_events(connection: Any) -> bool:
    """Whether the user has the right that the dump of events needs."""
    try:
        fetch_all(connection, "SHOW EVENTS")
    except Exception:  # every driver has its own class for it
        return False
    return True


DUMPS: dict[str, type[PostgreSQLDump] | type[MySQLDump]] = {
    "postgresql": PostgreSQLDump,
    "mysql": MySQLDump,
    "mariadb": MySQLDump,
}


# -- making one -------------------------------------------------------------------------------


def room(folder: str) -> int:
    """Return the free bytes of the disk that a folder is on, with those kept for root."""
    usage = shutil.disk_usage(folder)
    return usage.total - usage.used


def _name_start(engine: Any) -> str:
    """Return what the name of every backup of a database begins with."""
    database = str(engine.url.database or "")
    if engine.dialect.name == "sqlite":
        database = os.path.basename(database.split("?")[0])
    return database.replace(os.sep, "_") + _MARK


def _new_file(folder: str, name: str, suffix: str, mode: int) -> Path:
    """Create an empty .part file under a name that is free, with its rights from the start."""
    for number in itertools.count(1):
        also = f".{number}" if number > 1 else ""
        part = Path(folder) / f"{name}{also}{suffix}.part"
        if part.with_suffix("").exists():
            continue
        try:
            os.close(os.open(str(part), os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
        except FileExistsError:
            continue
        return part
    raise AssertionError("there is a number for each file")


def _write(part: Path, write: Callable[[str], None]) -> str:
    """Write a .part file and rename it once it is complete; remove it if that fails."""
    try:
        write(str(part))
    except BaseException:
        part.unlink()
        raise
    whole = part.with_suffix("")
    os.replace(str(part), str(whole))
    return str(whole)


def _check_room(connection: Any, folder: str) -> None:
    """Refuse a copy of a SQLite file that cannot fit; the size of a dump is not known before."""
    raw, free = driver_connection(connection), room(folder)
    size = pragma(raw, "page_size")[0][0] * pragma(raw, "page_count")[0][0]
    if free < size:
        raise errors.BackupError.no_room(folder, free, size)


def back_up(connection: Any, heads: Sequence[str], patience: float) -> str:
    """Back up the whole database and report where; return the path of the file."""
    kind = connection.dialect.name
    name = f"{'-'.join(heads) or 'base'}.{time.strftime('%Y%m%d-%H%M%S')}"
    if kind == "sqlite":
        source = database_file(driver_connection(connection))
        if source is None:
            raise errors.BackupError.in_memory()
        folder, base = os.path.split(os.path.abspath(source))
        _check_room(connection, folder)
        failed = partial(errors.BackupError.failed, "the backup of SQLite")
        part = _new_file(folder, base + _MARK + name, ".bak", os.stat(source).st_mode & 0o777)
        path = _write(part, lambda path: _copy_sqlite(str(source), path, patience, failed))
        listener().note(f"the database was copied to {path}")
        return path
    if kind not in DUMPS:
        raise errors.BackupError.unknown_kind(kind)
    dump = DUMPS[kind](connection.engine)
    part = _new_file(os.getcwd(), _name_start(connection.engine) + name, dump.suffix, 0o600)
    with kept_alive(connection):
        path = _write(part, lambda path: dump.write(path, connection))
    listener().note(f"the database was copied to {path}")
    listener().note(f"to restore it, run: {dump.restore_command(path)}")
    return path


def _copy_sqlite(
    source: str, target: str, patience: float, failed: Callable[[str], errors.BackupError]
) -> None:
    """Copy a database with SQLite's online backup, and check the copy."""
    end = time.monotonic() + patience

    def watch(status: int, *_: Any) -> None:
        # SQLITE_BUSY and SQLITE_LOCKED, after which the sqlite3 module would try for ever
        if status in (5, 6) and time.monotonic() >= end:
            raise errors.LockTimeout.busy_file(target, patience)

    try:
        with closing(sqlite3.connect(source)) as first, closing(sqlite3.connect(target)) as second:
            first.backup(second, progress=watch)
            answer = second.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.Error as error:
        raise failed(str(error)) from error
    if answer != "ok":
        raise failed(str(answer))


# -- restoring one ----------------------------------------------------------------------------

_STARTS = {b"SQLite format 3\0": "sqlite", b"PGDMP": "postgresql"}
_OF_MYSQL = re.compile(rb"^-- (MariaDB|MySQL) dump ", re.M)


def _check(path: str, kind: str) -> None:
    """Reject what is not a complete backup of a kind of database."""
    if not os.path.isfile(path):
        raise errors.BackupError.no_file(path)
    with open(path, "rb") as file:
        start = file.read(1000)
        file.seek(max(0, os.path.getsize(path) - 1000))
        end = file.read()
    found = next((kind for mark, kind in _STARTS.items() if start.startswith(mark)), "")
    if _OF_MYSQL.search(start):
        found = "mysql"
    if found != ("mysql" if kind == "mariadb" else kind):
        raise errors.BackupError.wrong_kind(path, kind)
    is_cut_off = found == "mysql" and b"\n-- Dump completed" not in end
    if is_cut_off or (found == "sqlite" and not _is_sound(path)):
        raise errors.BackupError.incomplete(path)


def _read_only(path: str) -> Any:
    return closing(sqlite3.connect(Path(path).absolute().as_uri() + "?mode=ro", uri=True))


def _is_sound(path: str) -> bool:
    with suppress(sqlite3.Error), _read_only(path) as copy:
        return bool(copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok")
    return False


def _contents(path: str) -> tuple[str, str]:
    """Return the revision and the number of rows of a database, as words."""
    rows, heads = 0, []
    try:
        with _read_only(path) as raw:
            query = (
                "SELECT name FROM sqlite_master "
                "WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
            )
            for (name,) in raw.execute(query).fetchall():
                table = '"' + name.replace('"', '""') + '"'
                columns = [row[1] for row in raw.execute(f"PRAGMA table_info({table})")]
                if columns == ["version_num"]:  # whatever env.py calls Alembic's table
                    heads += [row[0] for row in raw.execute(f"SELECT version_num FROM {table}")]
                else:
                    rows += raw.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    except sqlite3.Error:
        return "an unknown revision", "an unknown number of rows"
    return " and ".join(sorted(heads)) or "no revision", errors.counted(rows, "row")


def _chosen(engines: Mapping[str, Any], path: str, bind: str | None) -> Any:
    """Return the engine of the database that a backup is of."""
    if bind is not None:
        if bind not in engines:
            raise errors.BackupError.no_bind(bind, list(engines))
        return engines[bind]
    if len(engines) == 1:
        return next(iter(engines.values()))
    if not os.path.isfile(path):
        raise errors.BackupError.no_file(path)
    name = os.path.basename(path)
    named = [engine for engine in engines.values() if name.startswith(_name_start(engine))]
    if len(named) != 1:
        raise errors.BackupError.which(path, list(engines))
    return named[0]


def restore(
    engines: Mapping[str, Any],
    path: str,
    lock_timeout: Any = None,
    bind: str | None = None,
    yes: bool = False,
) -> None:
    """Replace an SQLite database by a backup, once somebody agrees, and report what changed."""
    patience = settings_of({"lock_timeout": lock_timeout}).lock_timeout
    engine = _chosen(engines, path, bind)
    kind = engine.dialect.name
    _check(path, kind)
    if kind != "sqlite":
        raise errors.BackupError.of_server(DUMPS[kind](engine).restore_command(path))
    with ExitStack() as stack:
        with engine.connect() as connection:
            target = database_file(driver_connection(connection))
            if target is None:
                raise errors.BackupError.into_memory()
            before, rows_before = _contents(target)
            after, rows_after = _contents(path)
            question = (
                f"'{path}' ({after}, {rows_after}) replaces '{target}' ({before}, {rows_before})"
            )
            if not (yes or listener().can_ask):
                raise errors.BackupError.not_confirmed(question)
            if not listener().agrees(question, yes):
                raise errors.NotAgreed("restore")
            stack.enter_context(database_lock(connection, patience, target))
        _copy_sqlite(path, target, patience, partial(errors.BackupError.not_restored, path))
    listener().note(
        f"'{target}' was restored from '{path}': the database is at {after} (was at {before}), "
        f"with {rows_after} (had {rows_before})"
    )
