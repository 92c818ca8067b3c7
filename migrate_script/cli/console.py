"""Runs a command for the terminal: the only place that prints our errors and asks questions."""

from __future__ import annotations

import atexit
import os
import re
import signal
import sys
import threading
import traceback as tracebacks
import warnings
from contextlib import contextmanager
from typing import Any, Callable, Iterator, NoReturn

import click

from .. import errors
from ..progress import Listener, listening
from ..state import password_parts

# the escape sequence that erases the rest of a line
_ERASE = "\x1b[K"
# warnings of Alembic about scripts, of which an error says more
_OF_SCRIPTS = re.compile("^Revision .* is (not present|present more than once)$")
# and one that is not true here, as the server is asked for the name
_UNTRUE = "the migration will fail unless a constraint name is added"


class Terminal(Listener):
    """Shows what a command does as lines on stderr, in the form of Alembic's log."""

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
            # the next line overwrites it
            text = f"{number} of {count}: {revision}, {statements} statement(s), {seconds:.0f} s"
            click.echo(f"{text}{_ERASE}\r", err=True, nl=False)
            self._line_to_erase = True

    @property
    def can_ask(self) -> bool:
        return sys.stdin.isatty() and sys.stderr.isatty()

    def agrees(self, sentence: str, already: bool) -> bool:
        if already or not self.can_ask:
            self.warn(sentence)
            return True
        try:
            return click.confirm(f"{errors.one_line(sentence)}: go on?", err=True)
        except click.Abort as error:
            click.echo(err=True)
            if isinstance(error.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            return False  # the end of what is typed

    def note(self, sentence: str) -> None:
        erase = _ERASE if self._line_to_erase else ""
        self._line_to_erase = False
        click.echo(f"{erase}INFO  [migrate_script] {errors.one_line(sentence)}", err=True)

    def warn(self, sentence: object) -> None:
        click.echo(f"WARNING [migrate_script] {errors.one_line(sentence)}", err=True)


def fail(error: errors.MigrateError) -> NoReturn:
    """Print an error on one line, below what it lists, and exit with its status."""
    for line in error.lines:
        click.echo(errors.one_line(line), err=True)
    show(str(error))
    sys.exit(error.status)


def show(sentence: str) -> None:
    """Print an error on one line."""
    click.echo(f"Error: {sentence}", err=True)


def show_trace(text: str) -> None:
    """Print a traceback without passwords."""
    text = errors.without_passwords(text, True)
    for part in password_parts():
        text = text.replace(part, "***")
    click.echo(text, err=True, nl=False)


def answer(text: str, status: int = 0) -> NoReturn:
    """Print a text on standard output and exit."""
    click.echo(text)
    sys.exit(status)


def _show_way_out() -> None:
    """Print what to do about the error that has ended the process, where that is known.

    An application dies of its database URL before any command of ours runs. Python keeps the error
    of a script that ends by one, and of a shell that goes on.
    """
    error = getattr(sys, "last_value", None)
    worded = errors.why_no_engine(error) if isinstance(error, Exception) else None
    if worded is not None and not hasattr(sys, "ps1"):
        show(str(worded))


atexit.register(_show_way_out)


@contextmanager
def _terminable() -> Iterator[list[int]]:
    """Let SIGTERM end a command as Control-C does; the list that is yielded tells them apart."""
    received: list[int] = []

    def stop(number: int, _: Any) -> None:
        received.append(number)
        raise KeyboardInterrupt

    stop.ends_command = True  # type: ignore[attr-defined]  # `running.interrupts` asks for it
    stop.received = received  # type: ignore[attr-defined]
    handler = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or handler is not signal.SIG_DFL:
        yield getattr(handler, "received", received)
        return
    signal.signal(signal.SIGTERM, stop)
    try:
        yield received
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _is_of_library(filename: str) -> bool:
    """Whether a warning comes from Alembic, SQLAlchemy or this package, and not from the user."""
    names = ("alembic", "sqlalchemy", "migrate_script")
    modules = [sys.modules[name] for name in names if name in sys.modules]
    return filename.startswith(tuple(os.path.dirname(str(m.__file__)) + os.sep for m in modules))


@contextmanager
def _warnings_shown(terminal: Terminal) -> Iterator[None]:
    """Show warnings of the libraries as lines of ours, and none that an error repeats."""
    original, kept = warnings.showwarning, []

    def show(message: Any, category: Any, filename: str, *args: Any, **kwargs: Any) -> None:
        if issubclass(category, DeprecationWarning) or not _is_of_library(filename):
            original(message, category, filename, *args, **kwargs)
        elif _OF_SCRIPTS.match(str(message)):
            kept.append(f"{message}: correct it, or remove a file")
        elif _UNTRUE not in str(message):
            terminal.warn(message)

    if original.__module__ == "warnings":  # nobody else collects them
        warnings.showwarning = show
    try:
        yield
        for sentence in dict.fromkeys(kept):
            terminal.warn(sentence)
    finally:
        warnings.showwarning = original


def run(name: str, function: Callable[..., Any], arguments: Any, traceback: bool = False) -> Any:
    """Run a command for the terminal, with `--traceback` or without."""
    terminal = Terminal()
    with _terminable() as received:
        try:
            with listening(terminal), _warnings_shown(terminal):
                return function(**arguments)
        except (Exception, KeyboardInterrupt) as error:
            if traceback:
                show_trace(tracebacks.format_exc())
            if isinstance(error, errors.MigrateError):
                worded = error
            elif isinstance(error, KeyboardInterrupt):  # before or after Alembic's part of it
                worded = errors.Interrupted(name)
            else:
                worded = errors.Unexpected(error)
            if isinstance(worded, errors.Interrupted) and received:
                worded.status = 128 + received[0]
            fail(worded)
