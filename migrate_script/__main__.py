"""Run `python -m migrate_script manage.py db upgrade`: a script with the modules of its time."""

from __future__ import annotations

import sys
from typing import NoReturn, Sequence

from flask_script import Manager

from . import __version__, errors, old_names
from .cli import console
from .cli.script import HANDLED
from .compat.launcher import child_processes, enabling, program


def _change_environment(arguments: Sequence[str]) -> NoReturn:
    if arguments[-1] in program.HELP_FLAGS:
        console.answer(program.USAGE)
    try:
        said = enabling.action(arguments)()
    except errors.MigrateError as error:
        console.fail(error)
    console.answer(said)


def main(arguments: Sequence[str]) -> None:
    """Run a script, given as `manage.py ...` or `-m package.manage ...`, or turn it on for good."""
    if not arguments or arguments[0] in program.HELP_FLAGS:
        console.answer(program.USAGE, 0 if arguments else errors.UsageError.status)
    if arguments[0] == program.VERSION_FLAG:
        console.answer(f"migrate_script {__version__}")
    if (arguments[0],) in enabling.ACTIONS:
        _change_environment(arguments)
    old_names.put()
    try:
        found = program.find(arguments)
    except errors.UsageError as error:
        console.fail(error)
    child_processes.call_in_new_processes(old_names.__name__, old_names.put.__name__)
    child_processes.call_execv_with(["-m", str(__package__)], found.argv[0])
    child_processes.reload_with(["-m", str(__package__), *found.launch])
    program.run(found)
    if _left_alone(found.argv[1:]):
        console.fail(errors.UsageError.not_handled(found.argv[0], " ".join(found.argv[1:])))


def _left_alone(words: Sequence[str]) -> bool:
    """Whether the script has made what handles a command line, and did not let it do so.

    One that has migrated by `upgrade()` of its own has handled it; that imports `alembic.command`.
    """
    if not words or HANDLED or "alembic.command" in sys.modules:
        return False
    for value in list(vars(sys.modules["__main__"]).values()):
        extensions = getattr(value, "extensions", None)
        migrates = isinstance(extensions, dict) and "migrate" in extensions
        # the manager of the commands of `db`, which has no application, is imported
        is_manager = isinstance(value, Manager) and value.app is not None
        if is_manager or (migrates and words[0] == "db"):
            return True
    return False


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BaseException as _error:
        program.show_theirs(_error, console.show_trace)
        raise
