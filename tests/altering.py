"""Projects on SQLite whose revisions alter tables, with foreign keys enforced or not."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Any

import sqlalchemy as sa
from helpers import Project
from safe import db, revision
from sqlalchemy import event
from sqlalchemy.engine import Engine

from migrate_script.compat.postgresql import let_reflect


def _enforce(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA foreign_keys = ON")


@contextlib.contextmanager
def foreign_keys(enforced: bool) -> Any:
    """Let every connection enforce foreign keys, as the listener of an application does."""
    if not enforced:
        yield
        return
    event.listen(Engine, "connect", _enforce)
    try:
        yield
    finally:
        event.remove(Engine, "connect", _enforce)


def file_of(url: str) -> str:
    """Give the path of a SQLite database."""
    return url.split("sqlite:///")[1]


def script(url: str, statements: str) -> None:
    """Run statements on a database, foreign keys not enforced."""
    connection = sqlite3.connect(file_of(url))
    connection.executescript(statements)
    connection.commit()
    connection.close()


def read(url: str, query: str) -> list[Any]:
    """Give the rows of a query."""
    connection = sqlite3.connect(file_of(url))
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


@contextlib.contextmanager
def inspected(url: str) -> Any:
    """Look at a database, with an old SQLAlchemy at a new PostgreSQL too."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            let_reflect(connection)
            yield sa.inspect(connection)
    finally:
        engine.dispose()


def reads_checks(url: str) -> bool:
    """Tell whether this SQLAlchemy reads the CHECKs of a kind of database."""
    with inspected(url) as inspector:
        try:
            inspector.get_check_constraints("alembic_version")
        except NotImplementedError:
            return False
        except sa.exc.NoSuchTableError:
            return True  # it has looked
    return True


def everything(url: str, *but: str) -> dict[str, Any]:
    """Give the schema, every row with its rowid, and what SQLite says about each table."""
    schema = {
        (kind, name): sql
        for kind, name, sql in read(url, "SELECT type, name, sql FROM sqlite_master")
        if name not in ("alembic_version", "sqlite_autoindex_alembic_version_1", *but)
    }
    found: dict[str, Any] = {"schema": schema}
    for (kind, name), sql in schema.items():
        if kind != "table":
            continue
        without = "without rowid" in sql.lower() or name == "sqlite_sequence"
        rowid = "" if without else "rowid, "
        found[name] = sorted(read(url, f'SELECT {rowid}* FROM "{name}"'), key=repr)
        for pragma in ("table_xinfo", "foreign_key_list"):
            found[pragma, name] = read(url, f'PRAGMA {pragma}("{name}")')
    return found


def up(project: Project, number: int, body: str, down: str = "pass") -> Any:
    """Write a revision and upgrade to it."""
    revision(project, number, body, down)
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    return done
