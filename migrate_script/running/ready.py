"""What can be known before the first step: that the database may be written to, with room for it.

Only what is certain to fail is refused; the rights that the statements of a script need are not
known, those to note its version are. What MySQL grants is not looked up: roles, patterns and the
levels of its grants cannot be added up in one query, and its journal is written first anyway.
"""

from __future__ import annotations

import os
import shutil
from typing import Any

from .. import errors
from ..errors import MEGABYTE
from ..progress import listener
from .connections import driver_connection
from .pragmas import database_file, setting


def rows_of(connection: Any, query: str) -> list[Any]:
    """Ask the driver itself: nobody listens, and an old SQLAlchemy cannot commit.

    :param connection: SQLAlchemy's connection
    :param query: what to ask
    :raises Exception: the database refuses
    """
    cursor = driver_connection(connection).cursor()
    try:
        cursor.execute(query)
        return [tuple(row) for row in cursor.fetchall()]
    finally:
        cursor.close()


def _text(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


# -- SQLite -----------------------------------------------------------------------------------


def _may_write(path: str) -> bool:
    if os.access in os.supports_effective_ids:
        return os.access(path, os.W_OK, effective_ids=True)
    return os.access(path, os.W_OK)


def room(folder: str) -> int:
    """Give the free bytes of the disk that a folder is on, with those kept for root.

    :param folder: the folder
    :raises OSError: there is no such folder
    """
    usage = shutil.disk_usage(folder)
    return usage.total - usage.used


def check_sqlite(connection: Any) -> None:
    """Make sure that a file can be written to, and its journal beside it.

    :param connection: SQLAlchemy's connection
    :raises NotReady: it cannot
    """
    named = database_file(driver_connection(connection))
    if named is None:
        return
    path = os.path.realpath(named)
    if os.path.exists(path) and not _may_write(path):
        raise errors.NotReady.file(path)
    page, pages, journal = (
        setting(driver_connection(connection), name)
        for name in ("page_size", "page_count", "journal_mode")
    )
    if journal != "delete":  # others may have their file already, or need none
        return
    folder = os.path.dirname(path)
    if not _may_write(folder):
        raise errors.NotReady.folder(folder)
    free = room(folder)
    if free < page:
        raise errors.NotReady.no_room(folder, free, page)
    if free < page * pages:
        listener().note(
            f"the disk of '{folder}' has {free / MEGABYTE:.1f} MB left: a change of all rows of "
            f"the database takes up to {page * pages / MEGABYTE:.1f} MB; without room it is undone"
        )


# -- a copy of the database -------------------------------------------------------------------

_SIZES = {
    "postgresql": "SELECT pg_database_size(current_database())",
    "mysql": "SELECT SUM(DATA_LENGTH) FROM information_schema.TABLES "
    "WHERE TABLE_SCHEMA = DATABASE()",
}


def check_room_for_copy(connection: Any, folder: str) -> None:
    """Make sure that a copy of the database fits; say so where that is not known.

    A copy of SQLite's is as large as the database; a dump of a server's may be smaller.

    :param connection: SQLAlchemy's connection
    :param folder: where the copy is to be
    :raises BackupError: it does not fit
    """
    kind, free = connection.dialect.name, room(folder)
    if kind == "sqlite":
        raw = driver_connection(connection)
        size = setting(raw, "page_size") * setting(raw, "page_count")
        if free < size:
            raise errors.BackupError.no_room(folder, free, size)
        return
    size = int(rows_of(connection, _SIZES["mysql" if kind == "mariadb" else kind])[0][0] or 0)
    if free < size:
        listener().note(
            f"the disk of '{folder}' has {free / MEGABYTE:.1f} MB left and the database has "
            f"{size / MEGABYTE:.1f} MB: its copy may not fit"
        )


# -- PostgreSQL -------------------------------------------------------------------------------

# a role that the user may take counts: a script may take it
_POSTGRESQL = """
SELECT current_user::text, pg_is_in_recovery(), current_setting('transaction_read_only'),
    q.name, c.relname,
    EXISTS (SELECT 1 FROM pg_roles r WHERE pg_has_role(r.oid, 'MEMBER')
        AND (has_any_column_privilege(r.oid, c.oid, 'INSERT, UPDATE')
            OR has_table_privilege(r.oid, c.oid, 'DELETE'))),
    n.oid IS NULL OR EXISTS (SELECT 1 FROM pg_roles r WHERE pg_has_role(r.oid, 'MEMBER')
        AND has_schema_privilege(r.oid, n.oid, 'CREATE'))
FROM (SELECT coalesce({schema}, current_schema()::text) AS name) q
LEFT JOIN pg_namespace n ON n.nspname = q.name
LEFT JOIN pg_class c ON c.relname = {table} AND c.relkind IN ('r', 'p', 'v', 'f')
    AND CASE WHEN {schema} IS NULL THEN pg_table_is_visible(c.oid) ELSE c.relnamespace = n.oid END
"""


def check_postgresql(connection: Any, context: Any) -> None:
    """Make sure that the server takes writes, and that the user may note the version.

    :param connection: SQLAlchemy's connection
    :param context: Alembic's MigrationContext
    :raises NotReady: it does not, or may not
    """
    names = {"schema": context.version_table_schema, "table": context.version_table}
    query = _POSTGRESQL.format(**{key: _text(name) for key, name in names.items()})
    user, standby, reads, schema, table, may_write, may_create = rows_of(connection, query)[0]
    quote = connection.dialect.identifier_preparer.quote
    if standby:
        raise errors.NotReady.standby()
    if reads == "on":
        raise errors.NotReady.read_only("default_transaction_read_only")
    if table is not None and not may_write:
        what = connection.dialect.identifier_preparer.format_table(context._version)
        raise errors.NotReady.no_right(
            user, f"write to '{what}'", f"GRANT INSERT, UPDATE, DELETE ON {what} TO {quote(user)}"
        )
    if table is None and not may_create:
        grant = f"GRANT CREATE ON SCHEMA {quote(schema)} TO {quote(user)}"
        raise errors.NotReady.no_right(user, f"create tables in the schema '{schema}'", grant)


# -- MySQL and MariaDB ------------------------------------------------------------------------

_MYSQL = """
SHOW VARIABLES WHERE Variable_name IN ('read_only', 'super_read_only', 'innodb_read_only',
    'tx_read_only', 'transaction_read_only')
"""


def check_mysql(connection: Any) -> None:
    """Make sure that the server takes writes.

    :param connection: SQLAlchemy's connection
    :raises NotReady: it does not
    """
    on = {name.lower() for name, value in rows_of(connection, _MYSQL) if value not in ("OFF", "0")}
    for name in ("innodb_read_only", "super_read_only"):
        if name in on:
            raise errors.NotReady.read_only(name)
    if on & {"tx_read_only", "transaction_read_only"}:
        raise errors.NotReady.read_only("READ ONLY")
    if "read_only" in on and not _is_exempt(connection):
        raise errors.NotReady.read_only("read_only")


def _is_exempt(connection: Any) -> bool:
    """Tell a user who may write to a server that is read-only to others, as far as is known."""
    user = rows_of(connection, "SELECT CURRENT_USER()")[0][0]
    grantee = "@".join(f"'{part}'" for part in user.rsplit("@", 1))
    granted = rows_of(
        connection,
        "SELECT PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES "
        f"WHERE GRANTEE = {_text(grantee)}",
    )
    known = {name.replace("_", " ").upper() for (name,) in granted}
    return bool(known & {"SUPER", "CONNECTION ADMIN", "READ ONLY ADMIN"})
