"""Runs a command for the terminal: the only place that prints our errors and asks questions."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import re
import signal
import sys
import threading
import time
import traceback as tracebacks
import warnings
from contextlib import contextmanager, suppress
from typing import Any, Callable, Iterator, NoReturn

import click

from .. import errors
from ..progress import OWN_THREAD, PLACE, Listener, Look, listening
from ..state import password_parts

# the escape sequence that erases the rest of a line
_ERASE = "\x1b[K"
# warnings of Alembic about scripts, of which an error says more
_OF_SCRIPTS = "^Revision .* is (not present|present more than once)$"
# and one that is not true here, as the server is asked for the name
_UNTRUE = "the migration will fail unless a constraint name is added"


# seconds: between two updates of the line of a running statement, and between two looks at it
_UPDATES, _LOOKS = 1.0, 0.1
# seconds from which on the time of a step is shown; that of a trial is what it was made for
_LONG, _LONG_FOR_TRIAL = 1.0, 0.1


class Terminal(Listener):
    """Shows what a command does as lines on stderr, in the form of Alembic's log."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_line_shown = False  # that of a statement

    def waiting(self, holder: str, seconds: float) -> None:
        self.note(
            f"waiting for another migration, {seconds:.0f} s so far ({holder}): this one goes on "
            "when that has ended, Control-C stops waiting"
        )

    @contextmanager
    def running(
        self, number: int, count: int, script: Any, look: Look, is_trial: bool
    ) -> Iterator[None]:
        place, start = f"{number} of {count}: {script.revision}", time.monotonic()
        if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
            yield
        else:
            with self._ticking(place, look):
                yield
        seconds = time.monotonic() - start
        took = f"{seconds:.1f} s"
        if not _is_shown(logging.getLogger("alembic.runtime.migration")):
            title = f", {script.doc}" if script.doc else ""
            took = f" ({took})" if seconds >= _LONG_FOR_TRIAL else ""
            self.note(f"{place}{title}{took}")
        elif seconds >= (_LONG_FOR_TRIAL if is_trial else _LONG):
            self.note(f"{script.revision} took {took}")

    @contextmanager
    def _ticking(self, place: str, look: Look) -> Iterator[None]:
        title, end = _placed(place), threading.Event()
        arguments = (title, look, end)
        thread = threading.Thread(target=self._tick, args=arguments, name=OWN_THREAD, daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()
            self.executed()

    def _tick(self, title: str, look: Look, end: threading.Event) -> None:
        """Show the statement that is executed, once a second; the next line overwrites it."""
        start = written = time.monotonic()
        with suppress(Exception):  # the terminal is gone
            while not end.wait(_LOOKS):
                with self._lock:
                    number, text = look()
                    now = time.monotonic()
                    # nothing between two statements, where the script may write or ask
                    if text and now - written >= _UPDATES:
                        written, self._is_line_shown = now, True
                        words = errors.one_line(text[:1000])
                        line = f"{title}, {now - start:.0f} s, statement {number}: {words}"
                        line = "".join(char if char.isprintable() else "?" for char in line)
                        click.echo(f"{line[: _columns() - 1]}{_ERASE}\r", err=True, nl=False)

    def executed(self) -> None:
        with self._lock:
            if self._is_line_shown:
                self._is_line_shown = False
                click.echo(_ERASE, err=True, nl=False)

    @property
    def can_ask(self) -> bool:
        return sys.stdin.isatty() and sys.stderr.isatty()

    def agrees(self, sentence: str, already: bool) -> bool:
        self.warn(sentence)
        if already or not self.can_ask:
            return True
        try:
            return click.confirm("Go on?", prompt_suffix=" ", err=True)
        except click.Abort as error:
            click.echo(err=True)
            if isinstance(error.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            return False  # the end of what is typed

    def note(self, sentence: str) -> None:
        click.echo(f"INFO  [migrate_script] {_placed(errors.one_line(sentence))}", err=True)

    def warn(self, sentence: object) -> None:
        click.echo(f"WARNING [migrate_script] {_placed(errors.one_line(sentence))}", err=True)


def _placed(sentence: str) -> str:
    """Name the database that a sentence is about, if it is one of several."""
    place = PLACE.get()
    return f"{place}: {sentence}" if place and place not in sentence else sentence


def _is_shown(logger: logging.Logger | None) -> bool:
    """Whether what a logger reports as INFO can be read on stderr or stdout."""
    if logger is None or not logger.isEnabledFor(logging.INFO):
        return False
    while logger is not None:
        for handler in logger.handlers:
            if handler.level <= logging.INFO:
                if getattr(handler, "stream", None) in (sys.stderr, sys.stdout):
                    return True
        logger = logger.parent if logger.propagate else None
    return False


def _columns() -> int:
    with suppress(OSError, ValueError):
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    return 80


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


def leave(status: int) -> NoReturn:
    """Exit after Click has printed a text."""
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
        elif re.match(_OF_SCRIPTS, str(message)):
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
    # Python would look for cycles in all that the process has imported, although it ends
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
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
