"""The servers' own programs, which copy a database, and how they are told to reach it.

They are told what the driver is told: the URL may say it in several ways, and the application may
add to it. A password reaches them by environment or by a file that only its owner can read, never
by their arguments, which everybody on the machine can see.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from typing import Any, Iterator, Sequence

from sqlalchemy import event

from ... import errors
from ..connections import beside

# the keywords of psycopg2 and psycopg that are libpq's as well, but for the password
_LIBPQ = """
    host hostaddr port user passfile service sslmode sslcert sslkey sslrootcert sslcrl sslcrldir
    sslcompression ssl_min_protocol_version ssl_max_protocol_version requirepeer krbsrvname gsslib
    gssencmode channel_binding target_session_attrs load_balance_hosts connect_timeout options
""".split()
_SSL = {"ca": "ssl-ca", "capath": "ssl-capath", "cert": "ssl-cert", "key": "ssl-key"}


def program(*names: str) -> str:
    """Find the first of several programs.

    :param names: what it is called, in one release or another
    :raises BackupError: none is installed
    """
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    raise errors.BackupError.no_program(" or ".join(names))


def run(command: Sequence[str], env: dict[str, str] | None = None, **options: Any) -> None:
    """Run a program to its end.

    :param command: the program and its arguments
    :param env: what is added to the environment
    :param options: as for `subprocess.run`
    :raises BackupError: it failed
    """
    done = subprocess.run(
        command, env={**os.environ, **(env or {})}, stderr=subprocess.PIPE, check=False, **options
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace")
        raise errors.BackupError.failed(os.path.basename(command[0]), said)


def told_to_driver(engine: Any) -> dict[str, Any]:
    """Find the keywords that the driver of an engine is called with, once they are complete.

    :param engine: SQLAlchemy's engine
    :raises BackupError: the application does not let SQLAlchemy call it
    """
    seen: list[dict[str, Any]] = []

    def note(dialect: Any, record: Any, cargs: Any, cparams: dict[str, Any]) -> None:
        seen.append(cparams)  # in which others who listen may have put a password of the hour

    event.listen(engine, "do_connect", note)
    try:
        with beside(engine.pool):
            pass
    finally:
        event.remove(engine, "do_connect", note)
    if not seen:
        raise errors.BackupError.own_creator()
    return dict(seen[-1])


def for_postgresql(engine: Any) -> tuple[str, dict[str, str]]:
    """Write how to reach a database of PostgreSQL, as an argument and as environment.

    :param engine: SQLAlchemy's engine
    :raises BackupError: that is not known
    """
    told = told_to_driver(engine)
    given = {name: told[name] for name in _LIBPQ if told.get(name) not in (None, "")}
    if told.get("unix_sock"):  # pg8000
        given["host"] = os.path.dirname(told["unix_sock"])
    database = told.get("dbname") or told.get("database")
    if database:
        given["dbname"] = database
    text = " ".join(f"{name}='{_escaped(str(value))}'" for name, value in given.items())
    return f"--dbname={text}", {"PGPASSWORD": str(told["password"])} if told.get("password") else {}


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


@contextmanager
def for_mysql(engine: Any) -> Iterator[tuple[str, str]]:
    """Write the file that tells the programs of MySQL how to reach a database.

    :param engine: SQLAlchemy's engine
    :returns: the argument that names the file, and the name of the database
    :raises BackupError: that is not known
    """
    told = told_to_driver(engine)
    given = {
        "host": told.get("host"),
        "port": told.get("port"),
        "user": told.get("user"),
        "password": told.get("password") or told.get("passwd"),
        "socket": told.get("unix_socket"),
    }
    if not given["socket"] and engine.dialect.driver != "mysqldb":
        given["protocol"] = "tcp"  # also to 'localhost', which the programs take for the socket
    ssl = told.get("ssl")
    for name, option in _SSL.items():
        given[option] = (ssl if isinstance(ssl, dict) else {}).get(name) or told.get(f"ssl_{name}")
    descriptor, path = tempfile.mkstemp(suffix=".cnf")  # only its owner may read it
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if told.get("read_default_file"):
                file.write(f"!include {told['read_default_file']}\n")
            file.write("[client]\n")
            for name, value in given.items():
                if value:
                    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
                    file.write(f'{name}="{text}"\n')
        database = told.get("database") or told.get("db") or engine.url.database
        yield f"--defaults-extra-file={path}", str(database)
    finally:
        os.unlink(path)
