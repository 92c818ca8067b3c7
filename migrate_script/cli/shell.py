"""`manage.py shell` and `flask shell`, with the application's models at hand."""

from __future__ import annotations

from typing import Any, Callable

from flask import current_app
from flask_script import Shell as _Shell

from ..compat.database import models
from ..state import record


def model_names() -> dict[str, Any]:
    """Name what a shell offers besides `app`: `db`, and every model by its class name.

    :raises RuntimeError: there is no application context
    """
    state = record()
    db = state.real_db if state else None
    if db is None:
        return {}
    return {**{model.__name__: model for model in models(db)}, "db": db}


class Shell(_Shell):  # type: ignore[misc]
    """A Python shell with `app`, `db` and every model; what a user's `make_context` adds, wins.

    :param banner: what to show first
    :param make_context: a function that gives more names
    :param options: as for Flask-Script's Shell
    :raises: nothing
    """

    help = description = "Run a Python shell with the application, its database and its models."

    def __init__(
        self,
        banner: str | None = None,
        make_context: Callable[[], dict[str, Any]] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(banner=banner, make_context=make_context or dict, **options)

    def get_context(self) -> dict[str, Any]:
        """Give the names of the shell.

        :raises Exception: as the user's `make_context` does
        """
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        return {"app": app, **model_names(), **self.make_context()}
