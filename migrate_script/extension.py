"""The Flask extension: the settings of an application for its migrations."""

from __future__ import annotations

import os
from typing import Any, Callable, Iterable, Union
from weakref import WeakSet

from .cli.parsing import CommandGroup
from .cli.script import model_names
from .state import MigrateState, url_of_application

Path = Union[str, "os.PathLike[str]"]


class Migrate:
    """Connect an application and its database object with a migrations folder.

    :param app: the application; may come later, by `init_app`
    :param db: the Flask-SQLAlchemy object, or any with a `metadata`; where none is given, the one
        that the application registered
    :param directory: the migrations folder, relative to the working directory
    :param command: the name of the group of commands, `flask <command> upgrade`
    :param compare_type: let `migrate` see that the type of a column changed
    :param render_as_batch: write scripts in batch mode, which SQLite needs to alter a table
    :param lock_timeout: how many seconds a command waits for another migration of the database
    :param allow_loss: whether upgrade and downgrade may drop data; where they may not, they need
        `--yes`
    :param kwargs: passed on to Alembic's `context.configure`
    """

    def __init__(
        self,
        app: Any = None,
        db: Any = None,
        directory: Path = "migrations",
        command: str = "db",
        compare_type: bool = True,
        render_as_batch: bool = True,
        lock_timeout: float = 300.0,
        allow_loss: bool = True,
        **kwargs: Any,
    ) -> None:
        self.db: Any = db
        self._directory = os.fspath(directory)
        self._states: WeakSet[MigrateState] = WeakSet()
        self.command: str = command
        self.configure_callbacks: list[Callable[[Any], Any]] = []
        self.alembic_ctx_kwargs: dict[str, Any] = {
            **kwargs,
            "compare_type": compare_type,
            "render_as_batch": render_as_batch,
            "lock_timeout": lock_timeout,
            "allow_loss": allow_loss,
        }
        # an application factory has no extensions; its application calls init_app
        if hasattr(app, "extensions"):
            self.init_app(app)

    @property
    def directory(self) -> str:
        """The migrations folder."""
        return self._directory

    @directory.setter
    def directory(self, directory: Path) -> None:
        """Assign another folder, also for the applications that are connected already.

        :param directory: the folder
        """
        self._directory = os.fspath(directory)
        for state in self._states:
            state.directory = self._directory

    def init_app(
        self,
        app: Any,
        db: Any = None,
        directory: Path | None = None,
        command: str | None = None,
        compare_type: bool | None = None,
        render_as_batch: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Register with an application; what is not given is as in the constructor.

        :param app: the application
        :param db: its database object
        :param directory: its migrations folder
        :param command: the name of its group of commands
        :param compare_type: see the constructor
        :param render_as_batch: see the constructor
        :param kwargs: passed on to Alembic's `context.configure`
        """
        self.db = db if db is not None else self.db
        self._directory = os.fspath(directory or self.directory)
        self.command = command or self.command
        given = {"compare_type": compare_type, "render_as_batch": render_as_batch}
        self.alembic_ctx_kwargs.update(kwargs)
        self.alembic_ctx_kwargs.update({k: v for k, v in given.items() if v is not None})
        options = dict(self.alembic_ctx_kwargs)
        has_own_config = type(self) is not Migrate
        state = MigrateState(self, self.db, self.directory, options, has_own_config)
        app.extensions["migrate"] = state
        self._states.add(state)
        app.cli.add_command(CommandGroup(self.command))
        # app.shell_context_processor() fails after the first request
        app.shell_context_processors.append(model_names)

    def configure(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Let a function change the Alembic Config before each command.

        :param function: takes the Config and returns it, or another
        """
        self.configure_callbacks.append(function)
        return function

    def call_configure_callbacks(self, config: Any) -> Any:
        """Let the functions of `@migrate.configure` change a Config, as Flask-Migrate asks for it.

        :param config: any Config
        :returns: that of the last function
        :raises Exception: as the functions do
        """
        for function in self.configure_callbacks:
            config = function(config)
        return config

    def get_config(
        self,
        directory: Path | None = None,
        x_arg: str | Iterable[str] | None = None,
        opts: Iterable[str] | None = None,
    ) -> Any:
        """Make the Alembic Config of a folder.

        :param directory: the folder; None for the one of this object
        :param x_arg: arguments for env.py
        :param opts: what env.py finds true in `config.cmd_opts`
        :raises MigrateError: alembic.ini cannot be read
        """
        from .config import build  # imports Alembic: see `Project`

        folder = os.fspath(directory or self.directory)
        return build(folder, url_of_application, [self.call_configure_callbacks], x_arg, opts)
