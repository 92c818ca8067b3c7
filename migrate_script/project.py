"""The folder that one command works on: the application's settings and Alembic, together."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Iterable, List, Sequence, Union

from . import errors
from .state import current_state, with_application

if TYPE_CHECKING:
    from alembic.script import Script

Directory = Union[str, "os.PathLike[str]", None]
XArg = Union[str, Iterable[str], None]


class Done(List[Any]):  # noqa: UP006 - the base class is needed when this runs
    """The list of what a command did.

    Flask-Script takes what a user's command returns for its exit status, and a list for a
    failure. `is_done` lets it see that a command which ends in `return upgrade()` succeeded.
    """

    is_done = True


class DoneFolder(str):
    """The name of a folder that a command made; see `Done`."""

    is_done = True


class Project:
    """One migrations folder, for the time of one command.

    Alembic is imported in here and not at the top of a module, so that only a command that needs
    it pays for it: the application's other commands start without.

    :param directory: the folder; None for the application's own
    :param x_arg: arguments for env.py
    :param opts: what env.py finds true in `config.cmd_opts`
    :param new: the folder is about to be created
    :raises MigrateError: there is no application, or the folder is not complete
    """

    def __init__(
        self,
        directory: Directory = None,
        x_arg: XArg = None,
        opts: Sequence[str] = (),
        new: bool = False,
    ) -> None:
        self.state = current_state()
        from . import config

        self.directory = os.fspath(directory or self.state.directory)
        own = None if new else getattr(self.state.migrate, "own_get_config", None)
        self.config: Any
        if own is None:
            self.config = config.build(self.directory, self.state.callbacks, x_arg, opts, new)
        else:
            asked = {"x_arg": x_arg, "opts": opts}
            made = own(directory, **{name: value for name, value in asked.items() if value})
            self.config = with_application(config.ours(made))
        if not new:
            config.check_folder(self.config, self.directory)

    def run(self, name: str, *arguments: Any, **keywords: Any) -> Any:
        """Run one of Alembic's commands.

        :param name: its name
        :param arguments: passed on
        :param keywords: passed on
        :returns: what Alembic returned, and the `Run` that watched it
        :raises MigrateError: it failed
        """
        from .running import forward

        with self.state.options_for_one_command() as options:
            return forward(name, self.config, options, *arguments, **keywords)

    def write(self, name: str, *arguments: Any, **keywords: Any) -> list[Script]:
        """Run a command of Alembic's that writes scripts, which appear whole or not at all.

        :param name: its name
        :param arguments: passed on
        :param keywords: passed on
        :returns: the new scripts
        :raises MigrateError: it failed; no new script is left
        """
        from . import authoring, config, inspecting

        config.check_file(self.config, "script.py.mako")
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
        """Give the scripts that a symbol stands for.

        :param symbol: `head`, `heads`, `base`, an identifier or several
        :raises MigrateError: it stands for none
        """
        from . import inspecting

        return inspecting.find(self.config, symbol)
