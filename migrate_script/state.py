"""What stands in `app.extensions['migrate']`: the contract with env.py."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import Any, Callable, Iterator

from flask import current_app, has_app_context

from . import errors
from .compat.database import Database, bind_names, database_of, engine_of, real_url

# Some env.py files pass these to configure() beside **configure_args, which would be a TypeError
SET_BESIDE = (
    "compare_type",
    "render_as_batch",
    "process_revision_directives",
    "lock_timeout",
    "ddl_lock_timeout",
)


class MigrateState:
    """The record of one application: its database object, its folder, its settings.

    :param migrate: the `Migrate` object that made it
    :param db: the application's database object; None means the one Flask-SQLAlchemy registered
    :param directory: the migrations folder; may be assigned later
    :param options: what to pass to Alembic's `context.configure`
    :raises: nothing
    """

    def __init__(self, migrate: Any, db: Any, directory: str, options: dict[str, Any]) -> None:
        self.migrate = migrate
        self.directory = directory
        self.options = options
        self.configure_args = {k: v for k, v in options.items() if k not in SET_BESIDE}
        self._db = db
        self._configured: dict[str, Any] = {}
        self._commands = 0
        self._lock = threading.Lock()

    @property
    def real_db(self) -> Any:
        """The application's own database object; None where there is none."""
        return database_of(current_app) if self._db is None else self._db

    @property
    def db(self) -> Any:
        """The database object, which answers what any env.py ever asked of it."""
        return Database(self.real_db)

    @property
    def engines(self) -> dict[str, Any]:
        """The engine of each database, by its name in SQLALCHEMY_BINDS; `default` for the first."""
        names = bind_names(self.real_db)
        first = {} if "default" in names else {"default": self.db.engine}
        return {**first, **{name: engine_of(self.real_db, name) for name in names}}

    @property
    def metadata(self) -> Any:
        """The models' metadata, as env.py of Flask-Migrate before 1.1 asks for it."""
        return self.db.metadata

    @property
    def callbacks(self) -> list[Callable[[Any], Any]]:
        """The functions that finish a Config: ours, and what `@migrate.configure` collected."""
        own = getattr(self.migrate, "call_configure_callbacks", None)
        return [with_application, *([own] if own else [])]

    @contextmanager
    def options_for_one_command(self) -> Iterator[dict[str, Any]]:
        """Give the settings, and undo what env.py writes into `configure_args` meanwhile.

        Newer env.py files leave a function there that belongs to the Config of one command.

        :raises: nothing
        """
        with self._lock:
            if not self._commands:
                self._configured = dict(self.configure_args)
            self._commands += 1
        try:
            yield {**self.options, **self._configured}
        finally:
            with self._lock:
                self._commands -= 1
                self.forget_env_py()

    def forget_env_py(self) -> None:
        """Undo what an env.py has written into `configure_args`.

        :raises: nothing
        """
        self.configure_args.clear()
        self.configure_args.update(self._configured)


def with_application(config: Any) -> Any:
    """Let a Config know the URLs and the settings of whichever application runs env.py.

    :param config: a Config of ours
    :raises: nothing
    """
    config.real_url = _real_url
    config.forget_env_py = _forget_env_py
    return config


def _forget_env_py() -> None:
    with suppress(errors.NotConfigured):
        current_state().forget_env_py()


def _real_url(key: str | None, value: Any) -> str | None:
    try:
        db = current_state().real_db
    except errors.NotConfigured:  # a Config made for another database, or by another application
        return None
    return real_url(db, key, value)


def record() -> MigrateState | None:
    """Find the record of the current application, or make one of what there is.

    :returns: None where nothing tells of a database
    :raises RuntimeError: there is no application context
    """
    found: Any = current_app.extensions.get("migrate")
    if hasattr(found, "real_db") or (found is None and database_of(current_app) is None):
        return found  # type: ignore[no-any-return]
    # the record of an installed Flask-Migrate has the same names as ours; there is none
    # where Migrate(create_app) was given no application to leave one with
    made = MigrateState(
        getattr(found, "migrate", None),
        getattr(found, "db", None),
        getattr(found, "directory", "migrations"),
        dict(getattr(found, "configure_args", {})),
    )
    current_app.extensions["migrate"] = made
    return made


def current_state() -> MigrateState:
    """Find the record of the current application.

    :raises MigrateError: there is no application context, or no database was given
    """
    if not has_app_context():
        raise errors.NotConfigured.no_context()
    state = record()
    if state is None or state.real_db is None:
        raise errors.NotConfigured.no_migrate(current_app.name)
    return state
