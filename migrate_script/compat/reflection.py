"""Reads the tables of a database all at once, while Alembic compares them with the models.

Alembic and SQLAlchemy ask for one table after another: on PostgreSQL, Alembic before 1.18 with a
dozen statements each, later ones for the tables of a second schema, and all of them for the owner
of the sequence of each SERIAL; on SQLite with ten PRAGMAs each. Here the first question is asked
about all tables, and the others are answered from what it has found. Whatever is asked in a way
that is not known goes to the database, as it would without this module. MariaDB shows its tables in
a compound statement; MySQL has none, so that one statement for each table remains there, as it does
on PostgreSQL with SQLAlchemy before 2.0, which cannot ask about several tables.
docs/upstream/autogenerate.rst proposes the same to Alembic.
"""

from __future__ import annotations

import gc
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any, Callable, Iterator

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

from .sqlalchemy import cycles_unmentioned, driver_calls_replaced, driver_connection

# how the owner of a sequence is asked for: `PostgresqlImpl.autogen_column_reflect` of Alembic 0.8
# to 1.20, whose statement ends with the condition; and what it compares the name with
_OWNERS = {
    "c.relname=:seqname": "c.relname",
    "c.oid=cast(:seqname as regclass)": "cast(cast(c.oid as regclass) as text)",
}
_ASKED = "select c.relname, a.attname "
# a cache, and where SQLAlchemy writes which tables it could not read
_OF_ONE_CALL = ("info_cache", "unreflectable")
_TABLES = (
    "SELECT table_name FROM information_schema.tables "
    "WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"
)
# what PRAGMAs are asked about
_PRAGMAS = {
    "table_info": ("table", "view"),
    "table_xinfo": ("table", "view"),
    "foreign_key_list": ("table", "view"),
    "index_list": ("table", "view"),
    "index_info": ("index", ""),
}


@contextmanager
def comparing(context: Any) -> Iterator[None]:
    """Let Alembic compare the database of a MigrationContext with the models."""
    with ExitStack() as stack:
        stack.enter_context(cycles_unmentioned())
        if gc.isenabled():  # it would look at all that was read, again and again
            gc.disable()
            stack.callback(gc.enable)
        if context.connection is not None:
            name, has_multi = context.dialect.name, hasattr(context.dialect, "get_multi_columns")
            if name == "sqlite":
                stack.enter_context(_Pragmas(context.connection).installed(context.dialect))
            elif name == "postgresql" and has_multi:
                stack.enter_context(_Catalog(context).installed(context.dialect))
            elif name in ("mysql", "mariadb"):
                stack.enter_context(_Definitions(context.connection).installed(context.dialect))
        yield


class _Definitions:
    """The CREATE TABLE statements that MySQL or MariaDB shows, each once."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._shown: dict[str, str] | None = None  # by the quoted name

    def installed(self, dialect: Any) -> Any:
        """`MySQLDialect._show_create_table`, SQLAlchemy 1.0 to 2.1."""
        return driver_calls_replaced(dialect, _show_create_table=self._show)

    def _show(
        self, original: Any, connection: Any, table: Any, charset: Any = None, full_name: Any = None
    ) -> Any:
        if connection is not self._connection or full_name is None:
            return original(connection, table, charset, full_name=full_name)
        if self._shown is None:
            self._shown = dict(self._of_all())
        if full_name not in self._shown:
            self._shown[full_name] = original(connection, table, charset, full_name=full_name)
        return self._shown[full_name]

    def _of_all(self) -> list[tuple[str, str]]:
        """Show all tables of the database in one compound statement, if this is MariaDB."""
        dialect = self._connection.dialect
        # from SQLAlchemy 1.4 on, and before
        if not getattr(dialect, "is_mariadb", "MariaDB" in dialect.server_version_info):
            return []
        try:
            with closing(driver_connection(self._connection).cursor()) as cursor:
                cursor.execute(_TABLES)
                quote = dialect.identifier_preparer.quote_identifier
                names = [quote(row[0]) for row in cursor.fetchall()]
                shows = "".join(f"SHOW CREATE TABLE {name};" for name in names)
                found: list[tuple[str, str]] = []
                if names:
                    cursor.execute(f"BEGIN NOT ATOMIC {shows} END")
                for name in names:
                    found.append((name, cursor.fetchone()[1].strip()))
                    cursor.nextset()
                return found
        except Exception:  # each driver has its own; SQLAlchemy asks about each table then
            return []


class _Pragmas:
    """What PRAGMAs say of all tables of a SQLite database."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._objects: list[tuple[Any, ...]] | None = None  # sqlite_master, once it was read
        self._texts: dict[str, Any] | None = None  # of tables and views
        self._read: dict[str, dict[str, Any]] = {}  # by the PRAGMA

    def installed(self, dialect: Any) -> Any:
        """`SQLiteDialect._get_table_pragma` and `._get_table_sql`: SQLAlchemy 1.0 to 2.1."""
        return driver_calls_replaced(
            dialect, _get_table_pragma=self._pragma, _get_table_sql=self._sql
        )

    def _pragma(
        self, original: Any, connection: Any, pragma: str, name: str, schema: Any = None
    ) -> Any:
        found = {}
        if connection is self._connection and schema is None and pragma in _PRAGMAS:
            if pragma not in self._read:
                self._read[pragma] = self._of_all(pragma)
            found = self._read[pragma]
        if name not in found:
            return original(connection, pragma, name, schema=schema)
        return list(found[name])

    def _sql(self, original: Any, connection: Any, name: str, schema: Any = None, **kw: Any) -> Any:
        if connection is self._connection and schema is None:
            if self._texts is None:
                objects = self._master()
                self._texts = {row[1]: row[4] for row in objects if row[0] in ("table", "view")}
            if self._texts.get(name) is not None:
                return self._texts[name]
        return original(connection, name, schema=schema, **kw)

    def _of_all(self, pragma: str) -> dict[str, list[Any]]:
        """Return what a PRAGMA says of every table, or of every index; nothing if it cannot."""
        kinds = _PRAGMAS[pragma]
        found: dict[str, list[Any]] = {row[1]: [] for row in self._master() if row[0] in kinds}
        if not found:
            return found
        try:
            for name, *row in self._rows(
                f"SELECT m.name, p.* FROM main.sqlite_master AS m, pragma_{pragma}(m.name, 'main') "
                f"AS p WHERE m.type IN ({', '.join(map(repr, kinds))})"
            ):
                found.setdefault(name, []).append(tuple(row))
        except sa.exc.DBAPIError:  # SQLite before 3.16, or a virtual table without its module
            return {}
        return found

    def _master(self) -> list[tuple[Any, ...]]:
        """Return all objects of `main`; none where one of `temp` may have the same name."""
        if self._objects is None:
            is_hidden = self._rows("SELECT 1 FROM sqlite_temp_master LIMIT 1")
            self._objects = [] if is_hidden else self._rows("SELECT * FROM main.sqlite_master")
        return self._objects

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._connection.execute(sa.text(statement))]


class _Catalog:
    """What the catalog of PostgreSQL says of all tables of a schema, and of all sequences."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self._read: dict[Any, dict[Any, Any]] = {}
        self._owners: dict[str, dict[str, list[Any]]] = {}

    @contextmanager
    def installed(self, dialect: Any) -> Iterator[None]:
        """Replace what Alembic and SQLAlchemy call, on this dialect and on this context."""
        impl = self.context.impl
        functions = {
            name: partial(self._of_table, name)
            for name in dir(dialect)
            # those of DefaultDialect ask about one table after another
            if name.startswith("get_multi_")
            and getattr(type(dialect), name) is not getattr(DefaultDialect, name, None)
        }
        with driver_calls_replaced(dialect, **functions), driver_calls_replaced(
            impl, autogen_column_reflect=self._column
        ):
            yield

    def _of_table(
        self, name: str, original: Any, connection: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """`PGDialect.get_multi_columns` and the like: ask about the schema of a table."""
        options = dict(kwargs)
        schema, tables = options.pop("schema", None), list(options.pop("filter_names", None) or ())
        kind = options.get("kind")
        is_ours = connection is self.context.connection and not args
        if not is_ours or len(tables) != 1 or not (kind and type(kind).TABLE in kind):
            return original(connection, *args, **kwargs)
        options["kind"] = type(kind).TABLE
        rest = [(k, str(v)) for k, v in options.items() if v and k not in _OF_ONE_CALL]
        key = (name, schema, *sorted(rest))
        if key not in self._read:
            names = self._compared(tables[0])
            self._read[key] = dict(
                original(connection, schema=schema, filter_names=names, **options)
            )
        found = self._read[key]
        if (schema, tables[0]) not in found:  # a view, or a table made meanwhile
            return original(connection, *args, **kwargs)
        return [((schema, tables[0]), _copied(found[schema, tables[0]]))]

    def _compared(self, name: str) -> list[str] | None:
        """Name the tables that will be asked about; None for all."""
        if self.context.opts.get("include_name") is None:
            return None
        of_models = self.context.opts.get("target_metadata") or ()
        if hasattr(of_models, "tables"):
            of_models = (of_models,)
        names = {table.name for metadata in of_models for table in metadata.tables.values()}
        return sorted(names | {name})

    def _column(self, original: Callable[..., None], inspector: Any, *args: Any) -> None:
        original(_Inspector(inspector, self._answer), *args)

    def _answer(self, connection: Any, statement: Any, parameters: Any) -> Any:
        """Answer the one statement of `autogen_column_reflect` if it is as it was."""
        text = " ".join(str(getattr(statement, "text", "")).split())
        condition = next((each for each in _OWNERS if text.endswith(" and " + each)), None)
        if condition is None or not text.startswith(_ASKED) or set(parameters) != {"seqname"}:
            return connection.execute(statement, parameters)
        if condition not in self._owners:
            owned = text.replace(_ASKED, f"select {_OWNERS[condition]}, c.relname, a.attname ", 1)
            owned = owned[: -len(" and " + condition)]
            found = self._owners[condition] = {}
            for name, *owner in connection.execute(sa.text(owned)):
                found.setdefault(name, []).append(owner)
        owners = self._owners[condition].get(parameters["seqname"], ())
        if not owners and _OWNERS[condition] == "c.relname":
            return _Row(None)  # the catalog has no such name, and would have said so
        if len(owners) != 1:  # not owned, not to be found, or one in each of several schemas
            return connection.execute(statement, parameters)
        return _Row(owners[0])


class _Inspector:
    """What `autogen_column_reflect` gets as Inspector."""

    def __init__(self, inspector: Any, answer: Callable[..., Any]) -> None:
        self._inspector, self._answer = inspector, answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inspector, name)

    @contextmanager
    def _operation_context(self) -> Iterator[Any]:
        """`Inspector._operation_context`: SQLAlchemy 1.4 to 2.1."""
        with self._inspector._operation_context() as connection:
            yield _Connection(connection, self._answer)


class _Connection:
    """What it gets as the connection of that."""

    def __init__(self, connection: Any, answer: Callable[..., Any]) -> None:
        self._connection = connection
        self.execute = partial(answer, connection)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class _Row:
    """What it gets as the result."""

    def __init__(self, row: Any) -> None:
        self._row = row

    def first(self) -> Any:
        return self._row


def _copied(value: Any) -> Any:
    """Copy the containers that whoever asks may change."""
    if type(value) is dict:
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if type(value) is list else value
