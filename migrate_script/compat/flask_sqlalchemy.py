"""The application's database object, with the interface of Flask-SQLAlchemy 2.1 to 3.1.

`get_engine` changed its arguments four times, and env.py files use each form. Any object with a
`metadata` is accepted.
"""

from __future__ import annotations

import inspect
import re
from typing import Any, Dict, Iterator, Mapping
from urllib.parse import quote

from flask import Flask, current_app

from .. import errors

_CREDENTIALS = r"(?<=://)[^/@]*@"  # compiled where it is needed, as every command imports this


def current_application() -> Flask:
    """Return the application that `current_app` stands for (`LocalProxy._get_current_object`)."""
    return current_app._get_current_object()  # type: ignore[attr-defined,no-any-return]


def database_of(app: Flask) -> Any:
    """Return the object that Flask-SQLAlchemy registered with an application, or None."""
    registered = app.extensions.get("sqlalchemy")
    # Flask-SQLAlchemy 2 registers a record that holds the object
    return vars(registered).get("db", registered) if registered is not None else None


def engine_of(db: Any, key: str | None = None) -> Any:
    """Return the engine of a bind; the default one has the name None."""
    if key is not None and (current_app.config.get("SQLALCHEMY_BINDS") or {}).get(key, "") is None:
        raise errors.DatabaseError.no_bind_url(key)
    engines = getattr(db, "engines", None)
    if engines is not None:
        return engines[key]
    if not hasattr(db, "get_engine"):
        return db.engine
    if "app" not in inspect.signature(db.get_engine).parameters:
        return db.get_engine(key)
    return db.get_engine(current_application(), key)


def bind_names(db: Any) -> list[str]:
    """Return the names of the application's binds, without the default one."""
    configured = current_app.config.get("SQLALCHEMY_BINDS")
    if configured:
        return [name for name in configured if name is not None]
    names = getattr(db, "bind_names", None)
    if not callable(names):
        return []
    engine_of(db)  # Alchemical knows its binds when it has made its engines
    return list(names())


def binds_with_tables(db: Any) -> list[str]:
    """Return the names of the binds, without the default one, for which there are tables."""
    metadatas = getattr(db, "metadatas", None)
    if metadatas is not None:
        return [name for name in bind_names(db) if metadatas[name].tables]
    tables = getattr(getattr(db, "metadata", None), "tables", {})
    bound = {table.info.get("bind_key") for table in tables.values()}
    return [name for name in bind_names(db) if name in bound]


def url_text(url: Any) -> str:
    """Return a URL as text with its password, from which SQLAlchemy reads the same URL.

    `str()` writes `***` for the password in SQLAlchemy 2, and escapes no `%` before.
    """
    if url.username is None:
        return repr(url)
    user, password = quote(str(url.username), safe=""), url.password
    secret = "" if password is None else ":" + quote(str(password), safe="")
    return re.sub(_CREDENTIALS, lambda _: user + secret + "@", repr(url), count=1)


def _configured(key: str | None) -> list[Any]:
    """Return what the configuration has for a bind: a URL or a dict with one."""
    config = current_app.config
    values = [(config.get("SQLALCHEMY_BINDS") or {}).get(key)]
    values += [value["url"] for value in values if isinstance(value, dict) and "url" in value]
    return values if key is not None else [config.get("SQLALCHEMY_DATABASE_URI"), *values]


def _meant_by(value: Any, key: str | None, url: Any) -> str | None:
    """Return the URL of a bind if a value is a form of it, escaped for an ini file or not."""
    from sqlalchemy.engine.url import make_url  # only a few commands need it

    known = [*_configured(key), str(url), repr(url), url_text(url)]
    plain = value.replace("%%", "%") if isinstance(value, str) else value
    for form in (value, plain):
        if form in known:
            same = isinstance(form, str) and make_url(form) == url
            return form if same else url_text(url)
    return None


def real_url(db: Any, key: str | None, value: Any) -> str | None:
    """Return the URL of the application that env.py uses some form of; None for another URL.

    env.py of Flask-Migrate before 2.7 makes an engine from the configured value (in which a SQLite
    path is relative to a folder of the application) or from `str(engine.url)` (without password).
    """
    for name in [key, *(other for other in (None, *bind_names(db)) if other != key)]:
        try:
            meant = _meant_by(value, name, engine_of(db, name).url)
        except Exception:  # an engine that cannot be made says why when it is used
            continue
        if meant is not None:
            return meant
    return None


def models(db: Any) -> Iterator[type]:
    """Yield every mapped class below `db.Model`."""
    waiting = [db.Model] if hasattr(db, "Model") else []
    while waiting:
        subclasses = waiting.pop().__subclasses__()
        waiting.extend(subclasses)
        yield from (cls for cls in subclasses if "__mapper__" in vars(cls))


class _Tables(Dict[str, Any]):
    """The tables of the default bind; `values()` has those of the other binds, too."""

    def __init__(self, metadatas: Mapping[str | None, Any]) -> None:
        super().__init__(metadatas[None].tables)
        self._others = {key: value for key, value in metadatas.items() if key is not None}

    def values(self) -> Any:
        tables = list(super().values())
        for key, metadata in self._others.items():
            copies = type(metadata)()  # one for each bind: two may have tables of one name
            for table in metadata.tables.values():
                copy = table.to_metadata(copies)
                copy.info["bind_key"] = key
                tables.append(copy)
        return tables


class Metadata:
    """The metadata of the default bind, in which env.py finds the tables of all binds.

    Flask-SQLAlchemy 2 has one metadata, and a multidb env.py of Flask-Migrate before 4.0 selects
    from `tables.values()` by `info["bind_key"]`. With the metadata of Flask-SQLAlchemy 3 it would
    find no table of a bind, and autogenerate would drop them all.
    """

    def __init__(self, metadatas: Mapping[str | None, Any]) -> None:
        self._metadata = metadatas[None]
        self.tables: _Tables = _Tables(metadatas)

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_metadata"], name)

    def __contains__(self, name: object) -> bool:
        return name in self._metadata

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return self._metadata.__class__


class Database:
    """The application's database object with the methods of every release."""

    def __init__(self, db: Any) -> None:
        self._db = db

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_db"], name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return self._db.__class__

    @property
    def engine(self) -> Any:
        """The engine of the default bind."""
        return engine_of(self._db)

    @property
    def metadata(self) -> Any:
        """The metadata of the default bind, with the tables of the others for a multidb env.py."""
        metadatas = getattr(self._db, "metadatas", {})
        if any(metadatas[key].tables for key in metadatas if key is not None):
            return Metadata(metadatas)
        return self._db.metadata

    def get_engine(self, *args: Any, **kwargs: Any) -> Any:
        """Return an engine for `()`, `(app)`, `(app, bind)`, `(bind_key)` or keywords."""
        keys = [value for value in args if isinstance(value, str)]
        keys += [kwargs[name] for name in ("bind", "bind_key") if name in kwargs]
        return engine_of(self._db, next((key for key in keys if key is not None), None))

    def bind_names(self) -> list[str]:
        """Return the names of the binds, without the default one."""
        return bind_names(self._db)

    def get_app(self, reference_app: Flask | None = None) -> Flask:
        """Return the current application, as Flask-SQLAlchemy 2 does."""
        return reference_app or current_application()
