"""`manage.py shell` and `flask shell`, with the models of the application."""

from __future__ import annotations

from typing import Any, Callable

from ..compat.flask_script import AnyShell, offer_in_shells
from ..compat.flask_sqlalchemy import current_application, models
from ..state import record


def model_names() -> dict[str, Any]:
    """Return the names of a shell besides `app`: `db`, and every model by its class name."""
    state = record()
    db = state.real_db if state else None
    if db is None:
        return {}
    return {**{model.__name__: model for model in models(db)}, "db": db}


offer_in_shells(model_names)


class Shell(AnyShell):
    """A Python shell with `app`, `db` and every model; `make_context` has precedence.

    :param banner: what to show first
    :param make_context: a function that gives more names
    :param options: as for Flask-Script's Shell
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
        """Return the names of the shell."""
        return {"app": current_application(), **model_names(), **self.make_context()}
