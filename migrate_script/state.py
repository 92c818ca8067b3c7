"""`app.extensions['migrate']`: the settings of an application, and those of one command."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from typing import Any, Iterator
from urllib.parse import unquote

from flask import current_app, has_app_context

from . import errors
from .compat.flask_sqlalchemy import Database, bind_names, database_of, engine_of, real_url

# not in configure_args, as some env.py files pass them to configure() as well
SET_BESIDE = (
    "compare_type",
    "render_as_batch",
    "process_revision_directives",
    "lock_timeout",
    "ddl_lock_timeout",
    "allow_loss",
)


class Settings:
    """The options of one command that Alembic does not know."""

    lock_timeout: float = 300.0  # seconds to wait for another migration
    ddl_lock_timeout: float | None = None  # seconds that a statement waits for a table, PostgreSQL
    dry_run: bool = False
    verify: bool = False  # compare the models and the database in the end
    yes: bool = False  # lose data without a question
    no_loss: bool = False  # refuse to lose data
    allow_loss: bool = True  # the same as a setting, which `yes` overrides
    backup: bool = False
    allow_drops: bool = False  # write a revision whatever it drops
    clean_leftovers: bool = False  # drop what Alembic's batch has left, even if nothing is to run


class MigrateState:
    """The record of one application: its database object, its folder, its settings."""

    def __init__(
        self,
        migrate: Any,
        db: Any,
        directory: str,
        options: dict[str, Any],
        has_own_config: bool = False,
    ) -> None:
        self.migrate = migrate
        #: whether `get_config` of `migrate` is to make the Config of every command but `init`
        self.has_own_config = has_own_config
        self.directory = directory
        self.options = options
        self.configure_args: dict[str, Any] = {
            k: v for k, v in options.items() if k not in SET_BESIDE
        }
        self._db = db
        self._wrapped: tuple[Any, Database] | None = None
        self._configured: dict[str, Any] = {}
        self._commands = 0
        self._lock = threading.Lock()

    @property
    def real_db(self) -> Any:
        """The application's own database object; None where there is none."""
        return database_of(current_app) if self._db is None else self._db

    @property
    def db(self) -> Any:
        """The database object with the methods that env.py of any release calls."""
        real = self.real_db
        if self._wrapped is None or self._wrapped[0] is not real:
            self._wrapped = (real, Database(real))
        return self._wrapped[1]

    @property
    def engines(self) -> dict[str, Any]:
        """The engine of each database, by its name in SQLALCHEMY_BINDS; `default` for the first."""
        names = bind_names(self.real_db)
        first = {} if "default" in names else {"default": self.db.engine}
        return {**first, **{name: engine_of(self.real_db, name) for name in names}}

    @property
    def metadata(self) -> Any:
        """The metadata of the models, for env.py of Flask-Migrate before 1.1."""
        return self.db.metadata

    @contextmanager
    def one_command(self, keywords: dict[str, Any]) -> Iterator[tuple[Settings, dict[str, Any]]]:
        """Yield the settings of a command, taken out of its keywords, and options for Alembic.

        What env.py writes into `configure_args` is undone: newer ones put a function there that
        belongs to the Config of one command.
        """
        with self._lock:
            if not self._commands:
                self._configured = dict(self.configure_args)
            self._commands += 1
        try:
            options = {**self.options, **self._configured}
            yield settings_of(options, keywords), options
        finally:
            with self._lock:
                self._commands -= 1
                self.forget_env_py()

    def forget_env_py(self) -> None:
        """Undo what an env.py has written into `configure_args`."""
        self.configure_args.clear()
        self.configure_args.update(self._configured)


def settings_of(*given: dict[str, Any]) -> Settings:
    """Take the settings of a command out of each dictionary; a later one takes precedence."""
    settings = Settings()
    values = vars(settings)
    for keywords in given:
        for name in Settings.__annotations__:
            value = keywords.pop(name, None)
            if value is not None:
                values[name] = value
    for name in values.keys() & {"lock_timeout", "ddl_lock_timeout"}:
        value = values[name]
        try:
            values[name] = float(value)
        except (TypeError, ValueError):
            values[name] = -1.0
        if not 0 <= values[name] < float("inf"):
            raise errors.UsageError.bad_setting(name, value, "a number of seconds")
    return settings


def url_of_application(key: str | None, value: Any) -> str | None:
    """Return the URL to which the current application connects; see `Config.real_url`."""
    try:
        db = current_state().real_db
    except errors.NotConfigured:  # a Config for another database, or of another application
        return None
    return real_url(db, key, value)


def password_parts() -> list[str]:
    """Return what a message may hold of the passwords in the URLs of the current application.

    A URL that its password breaks is taken apart at `@`, `/`, `:` and the like.
    """
    if not has_app_context():
        return []
    config = current_app.config
    urls = [config.get("SQLALCHEMY_DATABASE_URI"), *(config.get("SQLALCHEMY_BINDS") or {}).values()]
    parts = []
    for url in map(str, urls):
        _, _, password = url.partition("://")[2].rpartition("@")[0].partition(":")
        secrets = [password, *re.findall(r"(?i)(?:passw(?:or)?d|pwd|secret|token)=(.*)", url)]
        for secret in secrets:
            parts += [secret, unquote(secret), *re.split(r"\W+", secret)]
    return sorted((part for part in parts if len(part) > 2), key=len, reverse=True)


def record() -> MigrateState | None:
    """Find the record of the current application, or make one of what there is."""
    found: Any = current_app.extensions.get("migrate")
    if hasattr(found, "real_db") or (found is None and database_of(current_app) is None):
        return found  # type: ignore[no-any-return]
    # an installed Flask-Migrate leaves an object with the same names, and Migrate(create_app) none
    made = MigrateState(
        getattr(found, "migrate", None),
        getattr(found, "db", None),
        getattr(found, "directory", "migrations"),
        dict(getattr(found, "configure_args", {})),
    )
    current_app.extensions["migrate"] = made
    return made


def current_state() -> MigrateState:
    """Find the record of the current application."""
    if not has_app_context():
        raise errors.NotConfigured.no_context()
    state = record()
    if state is None or state.real_db is None:
        raise errors.NotConfigured.no_migrate(current_app.name)
    return state
