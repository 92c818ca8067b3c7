"""One face for every database object that an application may have.

Serves Flask-SQLAlchemy 2.1 to 3.1, whose `get_engine` changed its arguments four times, and any
object with a `metadata`. The forms that env.py files use may go when no folder made by
Flask-Migrate before 4.0 is in use; `models` and `database_of` when Flask-SQLAlchemy 2 is not.
"""

from __future__ import annotations

from typing import Any, Iterator

from flask import Flask, current_app


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
    if hasattr(db, "get_engine"):
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        return db.get_engine(app, key)
    return db.engine


def bind_names(db: Any) -> list[str]:
    """Name the binds of the current application, without the default one.

    :param db: the application's database object
    :raises: nothing
    """
    configured = current_app.config.get("SQLALCHEMY_BINDS")
    if configured:
        return [name for name in configured if name is not None]
    names = getattr(db, "bind_names", None)
    return list(names()) if callable(names) else []


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


class Database:
    """The application's database object, with the calls of every era.

    :param db: the object itself; what is not here is asked of it
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

    def get_engine(self, *args: Any, **kwargs: Any) -> Any:
        """Give the engine of a bind, asked for in any form that Flask-SQLAlchemy ever had.

        :param args: `()`, `(app)`, `(app, bind)` or `(bind_key)`
        :param kwargs: `app=`, `bind=` or `bind_key=`
        :raises KeyError: there is no such bind
        """
        keys = [value for value in args if isinstance(value, str)]
        keys += [kwargs[name] for name in ("bind", "bind_key") if name in kwargs]
        return engine_of(self._db, next((key for key in keys if key is not None), None))

    def get_app(self, reference_app: Flask | None = None) -> Flask:
        """Give the current application, as Flask-SQLAlchemy 2 does.

        :param reference_app: returned when given
        :raises RuntimeError: there is no application context
        """
        return reference_app or current_app._get_current_object()  # type: ignore[attr-defined]
