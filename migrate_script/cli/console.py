"""Where a command of the terminal is run: the only place that prints errors and exits."""

from __future__ import annotations

import sys
import traceback as tracebacks
from typing import Any, Callable, NoReturn

import click

from .. import errors


def fail(error: errors.MigrateError) -> NoReturn:
    """Print an error on one line and leave with its status.

    :param error: what went wrong
    :raises SystemExit: always
    """
    show(str(error))
    sys.exit(error.status)


def show(sentence: str) -> None:
    """Print an error on one line, and go on.

    :param sentence: what went wrong
    :raises: nothing
    """
    click.echo(f"Error: {sentence}", err=True)


def usage(text: str, status: int) -> NoReturn:
    """Print what a command is for, and leave.

    :param text: the text
    :param status: the exit status
    :raises SystemExit: always
    """
    click.echo(text)
    sys.exit(status)


def run(function: Callable[..., Any], arguments: Any, traceback: bool = False) -> None:
    """Run a command for the terminal.

    :param function: the command
    :param arguments: its keyword arguments
    :param traceback: `--traceback`: show where an error came from, before its line
    :raises SystemExit: it failed
    """
    try:
        function(**arguments)
    except Exception as error:
        if traceback:
            click.echo(errors.without_passwords(tracebacks.format_exc(), True), err=True, nl=False)
        fail(error if isinstance(error, errors.MigrateError) else errors.Unexpected(error))
