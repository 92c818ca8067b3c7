"""`python -m migrate_script manage.py db upgrade`: an untouched script, with the old names."""

from __future__ import annotations

import sys
from typing import Sequence

import migrate_script

from . import errors
from .cli import console
from .cli.group import CommandGroup
from .compat import aliases, executing, flask_migrate, launcher, reloader, spawning, uncaught


def _config() -> type:
    from .config import Config  # imports Alembic, as said in `project`

    return Config


def put_old_names() -> None:
    """Let this process import the names of old: `flask.ext.*`, and `flask_migrate` as it was.

    :raises: nothing
    """
    aliases.install(flask_migrate.makers(migrate_script, _config, CommandGroup))


def main(arguments: Sequence[str]) -> None:
    """Run a script, with the names in place that it was written for.

    :param arguments: the script, or `-m` and a module, and what is for the script
    :raises SystemExit: the script ends, or there is none (status 2)
    """
    if not arguments or arguments[0] in launcher.HELP_FLAGS:
        console.usage(launcher.USAGE, 0 if arguments else errors.UsageError.status)
    put_old_names()
    try:
        program = launcher.find(arguments)
    except errors.UsageError as error:
        console.fail(error)
    spawning.call_in_new_processes(f"{__package__}.__main__", put_old_names.__name__)
    executing.start_again_with(["-m", str(__package__)], program.argv[0])
    reloader.start_again_with(["-m", str(__package__), *program.launch])
    launcher.run(program)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BaseException as error:
        uncaught.show_theirs(error, console.show)
        raise
