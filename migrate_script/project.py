"""One migrations folder during one command, with the application's settings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Iterable, List, Sequence, Union

from flask import current_app

from . import errors
from .compat.flask_sqlalchemy import binds_with_tables
from .progress import listener
from .state import current_state, url_of_application

if TYPE_CHECKING:
    from alembic.script import Script

    from .state import MigrateState

Directory = Union[str, "os.PathLike[str]", None]
XArg = Union[str, Iterable[str], None]

# the commands that would do more in a folder for several databases
_MIGRATING = ("check", "revision", "upgrade")


class Done(List[Any]):  # noqa: UP006 - the base class is needed when this runs
    """The list that a command returns, marked for Flask-Script.

    Flask-Script uses what a user's command returns as exit status, where a list means a failure;
    `is_done` says that `return upgrade()` is a success.
    """

    is_done = True


class DoneFolder(str):
    """The path of a folder that a command created; see `Done`."""

    is_done = True


class Project:
    """One migrations folder during one command.

    The methods import Alembic, and not the module, so that the application's other commands start
    without it.
    """

    def __init__(
        self,
        directory: Directory = None,
        x_arg: XArg = None,
        opts: Sequence[str] = (),
        new: bool = False,
    ) -> None:
        self.state: MigrateState = current_state()
        from . import config

        self.directory: str = os.fspath(directory or self.state.directory)
        self.config: Any
        if new or not self.state.has_own_config:
            callbacks = getattr(self.state.migrate, "configure_callbacks", [])
            if self.state.has_own_config:
                callbacks = [self.state.migrate.call_configure_callbacks]
            self.config = config.build(
                self.directory, url_of_application, callbacks, x_arg, opts, new
            )
        else:
            asked = {"x_arg": x_arg, "opts": opts}
            given = {name: value for name, value in asked.items() if value}
            made = self.state.migrate.get_config(directory, **given)
            self.config = config.ours(made, url_of_application)
        self.config.forget_env_py = self.state.forget_env_py
        if not new:
            config.check_folder(self.config, self.directory)

    def run(self, name: str, *arguments: Any, **keywords: Any) -> Any:
        """Run one of Alembic's commands."""
        from .running import run_command

        symbols = (*arguments, keywords.get("head"), keywords.get("depends_on"))
        if "" in symbols and name != "history":  # where it is everything
            raise errors.RevisionError.not_named()
        if "@" in str(symbols) and name != "init":
            from .inspecting.targets import check_branches

            check_branches(self.config, symbols)
        with self.state.one_command(keywords) as (settings, options):
            answer, run = run_command(name, self.config, settings, options, arguments, keywords)
        if name in _MIGRATING and current_app.config.get("SQLALCHEMY_BINDS"):
            self._mention_binds(run)
        return answer, run

    def _mention_binds(self, run: Any) -> None:
        """Say which databases a folder for one leaves out."""
        left_out = binds_with_tables(self.state.real_db) if run.of_one_database else []
        if left_out:
            names = ", ".join(f"'{name}'" for name in left_out)
            listener().note(
                f"this folder does not migrate the databases of SQLALCHEMY_BINDS ({names}): "
                "'db init --multidb -d FOLDER' makes one that does; copy the revisions into it"
            )

    def write(self, name: str, *arguments: Any, **keywords: Any) -> list[Script]:
        """Run a command that writes scripts, which are complete or removed."""
        from . import authoring, config, inspecting

        config.check_file(self.config, "script.py.mako")
        if keywords.get("version_path"):
            keywords["version_path"] = inspecting.location(self.config, keywords["version_path"])
        self.config.application_folder = current_app.root_path
        rev_id = keywords["rev_id"]
        authoring.check_rev_id(rev_id)
        taken = inspecting.path_of(self.config, rev_id) if rev_id else None
        if taken:
            raise errors.NewFileError.id_taken(rev_id, taken)
        keywords["message"] = authoring.message_text(keywords["message"])
        with authoring.only_loadable(inspecting.locations(self.config)):
            written, _ = self.run(name, *arguments, **keywords)
        scripts = written if isinstance(written, list) else [written]
        return Done(script for script in scripts if script)

    def find(self, symbol: Any) -> list[Script]:
        """Return the scripts of a symbol such as `head`, `heads`, `base` or `ae10+2`."""
        from . import inspecting

        return inspecting.find(self.config, symbol)

    def heads_to_join(self, revisions: str | Sequence[str]) -> list[str]:
        """Return the revisions that are named, or all heads; say if there is nothing to join."""
        names = [revisions] if isinstance(revisions, str) else list(revisions)
        if set(names) <= {"head", "heads"}:
            names = sorted(script.revision for script in self.find("heads"))
            if len(names) < 2:
                there_is = f"one head, {names[0]}" if names else "no revision"
                listener().note(f"Nothing to merge: there is {there_is}.")
                return []
        return names

    def mention_heads(self, command: str) -> None:
        """Say before a command that the folder has no revision, or several heads."""
        from alembic import command as commands

        if not hasattr(commands, command):
            return  # it is refused
        heads = sorted(script.revision for script in self.find("heads"))
        if not heads:
            listener().note(errors.no_revision_yet(self.directory))
        elif len(heads) > 1:
            listener().note(
                f"there are several heads ({', '.join(heads)}): join them with 'db merge'"
            )

    def shown(self, found: Done, reason: str = "") -> Done:
        """Say why a command that lists has listed nothing; return what it has listed."""
        if not found and not self.find("heads"):
            reason = errors.no_revision_yet(self.directory)
        if not found:
            listener().note(f"Nothing to show: {reason}.")
        return found
