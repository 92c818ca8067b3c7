"""Where a command of the terminal is run: the only place that prints errors and exits."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback as tracebacks
from contextlib import contextmanager
from typing import Any, Callable, Iterator, NoReturn

import click

from .. import errors
from ..progress import Listener, listening

# what a terminal takes for: nothing from here to the end of the line
_ERASE = "\x1b[K"


class Terminal(Listener):
    """Shows what a command does as lines on stderr, in the form of Alembic's own reports."""

    _line_to_erase = False

    def waiting(self, holder: str, seconds: float) -> None:
        self.note(f"waiting for another migration, {seconds:.0f} s so far: {holder}")

    def done(self, number: int, count: int, revision: str, doc: str, seconds: float) -> None:
        title = f", {doc}" if doc else ""
        self.note(f"{number} of {count}: {revision}{title} ({seconds:.2f} s)")

    def counting(
        self, number: int, count: int, revision: str, statements: int, seconds: float
    ) -> None:
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            # back to its start, for whatever is written next to take its place
            text = f"{number} of {count}: {revision}, {statements} statement(s), {seconds:.0f} s"
            click.echo(f"{text}{_ERASE}\r", err=True, nl=False)
            self._line_to_erase = True

    def agrees(self, sentence: str, already: bool) -> bool:
        if already or not (sys.stdin.isatty() and sys.stderr.isatty()):
            click.echo(f"WARNING [migrate_script] {errors.one_line(sentence)}", err=True)
            return True
        try:
            return click.confirm(f"{errors.one_line(sentence)}: go on?", err=True)
        except click.Abort:  # Control-C, SIGTERM, or the end of what is typed
            click.echo(err=True)
            return False

    def note(self, sentence: str) -> None:
        erase = _ERASE if self._line_to_erase else ""
        self._line_to_erase = False
        click.echo(f"{erase}INFO  [migrate_script] {errors.one_line(sentence)}", err=True)


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


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end a command as Control-C does: all is undone, and one line says so."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    stop.ends_command = True  # type: ignore[attr-defined]  # `running.interrupts` asks for it
    if threading.current_thread() is not threading.main_thread() or (
        signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return
    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def run(function: Callable[..., Any], arguments: Any, traceback: bool = False) -> Any:
    """Run a command for the terminal.

    :param function: the command
    :param arguments: its keyword arguments
    :param traceback: `--traceback`: show where an error came from, before its line
    :returns: what the function returned
    :raises SystemExit: it failed
    """
    try:
        with _terminable(), listening(Terminal()):
            return function(**arguments)
    except Exception as error:
        if traceback:
            click.echo(errors.without_passwords(tracebacks.format_exc(), True), err=True, nl=False)
        fail(error if isinstance(error, errors.MigrateError) else errors.Unexpected(error))
