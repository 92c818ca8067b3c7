"""What is in a database: rows, tables, version, and what SQLite says of each table."""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import NullPool

from migrate_script.compat.sqlalchemy import let_reflect

SERVERS = {
    "postgresql": os.environ.get(
        "MIGRATE_SCRIPT_POSTGRESQL", "postgresql+psycopg2://postgres@127.0.0.1:5432/postgres"
    ),
    "mysql": os.environ.get("MIGRATE_SCRIPT_MYSQL", "mysql+pymysql://root@127.0.0.1:3306/mysql"),
}


@functools.lru_cache(maxsize=8)
def _engine(url: str, **options: Any) -> Any:
    # what a dialect asks a server at its first connection, it asks once for each engine
    return sa.create_engine(url, poolclass=NullPool, **options)


def execute(url: str, *statements: str) -> None:
    """Run statements outside a transaction, on any SQLAlchemy."""
    if url.startswith("sqlite"):  # which has no AUTOCOMMIT on old ones
        for statement in statements:
            rows(url, statement)
        return
    with _engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def _rows(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    result = connection.execute(sa.text(statement))
    return [tuple(row) for row in result] if result.returns_rows else []


def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement on a database, and return its rows where it has any."""
    with _engine(url).begin() as connection:
        return _rows(connection, statement)


def _tables(connection: Any) -> dict[str, list[str]]:
    inspector = sa.inspect(connection)
    return {
        table: [column["name"] for column in inspector.get_columns(table)]
        for table in sorted(inspector.get_table_names())
    }


def tables(url: str) -> dict[str, list[str]]:
    """Return the tables of a database, each with its columns."""
    with _engine(url).connect() as connection:
        return _tables(connection)


def version(url: str) -> list[str]:
    """Return the revision that a database is at."""
    with _engine(url).connect() as connection:
        if "alembic_version" not in sa.inspect(connection).get_table_names():
            return []
        return [row[0] for row in _rows(connection, "SELECT version_num FROM alembic_version")]


def picture(url: str) -> dict[str, Any]:
    """Return the columns and the rows of every table."""
    with _engine(url).connect() as connection:
        return {
            name: (columns, sorted(_rows(connection, f"SELECT * FROM {name}")))
            for name, columns in _tables(connection).items()
        }


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
    """Return the path of a SQLite database."""
    return url.split("sqlite:///")[1]


def script(url: str, statements: str) -> None:
    """Run statements on a database, foreign keys not enforced."""
    connection = sqlite3.connect(file_of(url))
    connection.executescript(statements)
    connection.commit()
    connection.close()


def read(url: str, query: str) -> list[Any]:
    """Return the rows of a query."""
    connection = sqlite3.connect(file_of(url))
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


@contextlib.contextmanager
def inspected(url: str) -> Any:
    """Look at a database, with an old SQLAlchemy at a new PostgreSQL too."""
    with _engine(url).connect() as connection:
        let_reflect(connection)
        yield sa.inspect(connection)


def reads_checks(url: str) -> bool:
    """Return whether this SQLAlchemy reads the CHECKs of a kind of database."""
    with inspected(url) as inspector:
        try:
            inspector.get_check_constraints("alembic_version")
        except NotImplementedError:
            return False
        except sa.exc.NoSuchTableError:
            return True  # it has looked
    return True


def everything(url: str, *but: str) -> dict[str, Any]:
    """Return the schema, every row with its rowid, and what SQLite says about each table."""
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
