"""One face for every database object that an application may have.

Serves Flask-SQLAlchemy 2.1 to 3.1, whose `get_engine` changed its arguments four times, and any
object with a `metadata`. The forms that env.py files use may go when no folder made by
Flask-Migrate before 4.0 is in use; `models` and `database_of` when Flask-SQLAlchemy 2 is not.
"""

from __future__ import annotations

import inspect
import re
from typing import Any, Dict, Iterator, Mapping
from urllib.parse import quote

from flask import Flask, current_app

_CREDENTIALS = re.compile(r"(?<=://)[^/@]*@")


def database_of(app: Flask) -> Any:
    """Give the database object that Flask-SQLAlchemy registered with an application, or None.

    :param app: the application
    :raises: nothing
    """
    registered = app.extensions.get("sqlalchemy")
    # Flask-SQLAlchemy 2 registers a record that holds the object
    return vars(registered).get("db", registered) if registered is not None else None


def engine_of(db: Any, key: str | None = None) -> Any:
    """Give the engine of a bind.

    :param db: the application's database object
    :param key: the name of the bind; None for the default one
    :raises KeyError: there is no such bind
    """
    engines = getattr(db, "engines", None)
    if engines is not None:
        return engines[key]
    if not hasattr(db, "get_engine"):
        return db.engine
    if "app" not in inspect.signature(db.get_engine).parameters:
        return db.get_engine(key)
    return db.get_engine(current_app._get_current_object(), key)  # type: ignore[attr-defined]


def bind_names(db: Any) -> list[str]:
    """Name the binds of the current application, without the default one.

    :param db: the application's database object
    :raises Exception: its engines cannot be made
    """
    configured = current_app.config.get("SQLALCHEMY_BINDS")
    if configured:
        return [name for name in configured if name is not None]
    names = getattr(db, "bind_names", None)
    if not callable(names):
        return []
    engine_of(db)  # Alchemical names its binds when it has made its engines
    return list(names())


def url_text(url: Any) -> str:
    """Write an engine's URL with its password, such that it is read back as the same.

    SQLAlchemy 2 writes `***` for a password, older ones leave a `%` in it as it is.

    :param url: a SQLAlchemy URL
    :raises: nothing
    """
    if url.username is None:
        return repr(url)
    user, password = quote(str(url.username), safe=""), url.password
    secret = "" if password is None else ":" + quote(str(password), safe="")
    return _CREDENTIALS.sub(lambda _: user + secret + "@", repr(url), count=1)


def _configured(key: str | None) -> list[Any]:
    """Give what the application's configuration holds for a bind: a URL or a dict with one."""
    config = current_app.config
    values = [(config.get("SQLALCHEMY_BINDS") or {}).get(key)]
    values += [value["url"] for value in values if isinstance(value, dict) and "url" in value]
    return values if key is not None else [config.get("SQLALCHEMY_DATABASE_URI"), *values]


def _meant_by(value: Any, key: str | None, url: Any) -> str | None:
    """Give the URL of a bind where a value is a form of it, escaped for an ini file or not."""
    from sqlalchemy.engine.url import make_url  # not every application that starts gets here

    known = [*_configured(key), str(url), repr(url), url_text(url)]
    plain = value.replace("%%", "%") if isinstance(value, str) else value
    for form in (value, plain):
        if form in known:
            same = isinstance(form, str) and make_url(form) == url
            return form if same else url_text(url)
    return None


def real_url(db: Any, key: str | None, value: Any) -> str | None:
    """Give the URL that the application connects to where env.py uses some form of it.

    Flask-Migrate before 2.7 makes its own engine, from the configured value (a relative SQLite
    path, which Flask-SQLAlchemy takes as relative to a folder of the application) or from the
    engine's URL as text (without the password).

    :param db: the application's database object
    :param key: the bind that is probably meant; None for the default one
    :param value: what env.py takes for a URL
    :returns: the URL, with its password; None where the value is not one of the application's
    :raises Exception: the names of the binds cannot be found
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
    """Give every mapped class below `db.Model`.

    :param db: the application's database object
    :raises: nothing
    """
    waiting = [db.Model] if hasattr(db, "Model") else []
    while waiting:
        subclasses = waiting.pop().__subclasses__()
        waiting.extend(subclasses)
        yield from (cls for cls in subclasses if "__mapper__" in vars(cls))


class _Tables(Dict[str, Any]):
    """The tables of the default bind, whose `values()` has those of the other binds as well."""

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
    """The default bind's metadata, for env.py files that look for all binds in it.

    Flask-SQLAlchemy 2 has the tables of all binds in one, and a multidb env.py of Flask-Migrate
    before 4.0 picks those of a bind from `tables.values()` by `info["bind_key"]`. In that of
    Flask-SQLAlchemy 3 it finds no table of a bind, and autogenerate would drop them all.

    :param metadatas: the metadata of each bind; what is not here is asked of the default one's
    :raises: nothing
    """

    def __init__(self, metadatas: Mapping[str | None, Any]) -> None:
        self._metadata = metadatas[None]
        self.tables = _Tables(metadatas)

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_metadata"], name)

    def __contains__(self, name: object) -> bool:
        return name in self._metadata

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return self._metadata.__class__


class Database:
    """The application's database object, with the calls of every era.

    :param db: the object itself; what is not here is asked of it
    :raises: nothing
    """

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
        """The metadata of the default bind, in which a multidb env.py finds the others' tables."""
        metadatas = getattr(self._db, "metadatas", {})
        if any(metadatas[key].tables for key in metadatas if key is not None):
            return Metadata(metadatas)
        return self._db.metadata

    def get_engine(self, *args: Any, **kwargs: Any) -> Any:
        """Give the engine of a bind, asked for in any form that Flask-SQLAlchemy ever had.

        :param args: `()`, `(app)`, `(app, bind)` or `(bind_key)`
        :param kwargs: `app=`, `bind=` or `bind_key=`
        :raises KeyError: there is no such bind
        """
        keys = [value for value in args if isinstance(value, str)]
        keys += [kwargs[name] for name in ("bind", "bind_key") if name in kwargs]
        return engine_of(self._db, next((key for key in keys if key is not None), None))

    def bind_names(self) -> list[str]:
        """Name the binds, without the default one.

        :raises Exception: the engines cannot be made
        """
        return bind_names(self._db)

    def get_app(self, reference_app: Flask | None = None) -> Flask:
        """Give the current application, as Flask-SQLAlchemy 2 does.

        :param reference_app: returned when given
        :raises RuntimeError: there is no application context
        """
        return reference_app or current_app._get_current_object()  # type: ignore[attr-defined]
