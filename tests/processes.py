"""Commands in processes of their own, which a test waits for, stops at a gate, or kills."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any, Callable, Iterator
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from forked_processes import Forked
from projects import Project, write_source

# the ways to type a command, as arguments of Python; `front_end` of conftest.py is each of them
FRONT_ENDS = {
    "manage.py": ("manage.py", "db"),
    # an old Flask is warned about what it imports
    "flask": ("-W", "ignore", "-m", "flask", "db"),
    "launched": ("-m", "migrate_script", "manage.py", "db"),
}
UPGRADE = (*FRONT_ENDS["manage.py"], "upgrade")
# seconds after which what a test waits for is taken to hang, on a machine however slow
PATIENCE = 600


# another run of the tests may have some in other databases of the server
LOCKS = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE locktype = 'advisory' AND datname = current_database()
"""


# a step that says it is there and goes on when the test lets it
GATE = """
    import os, time
    open("at_the_gate", "w").close()
    while not os.path.exists("open_gate"):
        time.sleep(0.02)
"""


def eventually(condition: Callable[[], Any]) -> Any:
    """Wait until a condition holds, and return what it has returned then."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def free_port() -> int:
    """Return a port that nobody listens on, and that no client is given by the system."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Background:
    """A command that runs in a process of its own while the test goes on.

    :param project: its folder
    :param arguments: those of Python
    :param fresh: whether the interpreter is started for it alone
    :param env: what is added to the environment
    """

    def __init__(self, project: Project, *arguments: str, fresh: bool = False, **env: str) -> None:
        self.err_path = project.folder / f"stderr_{uuid.uuid4().hex[:6]}"
        self.process: Any
        environ = {**os.environ, **env}
        if hasattr(os, "fork") and not fresh:
            files = (os.devnull, os.devnull, str(self.err_path))
            self.process = Forked(list(arguments), str(project.folder), environ, files)
            return
        with open(self.err_path, "wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=str(project.folder),
                env=environ,
                stdout=subprocess.DEVNULL,
                stderr=file,
            )

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    @property
    def err(self) -> str:
        """What it has written to stderr so far."""
        return self.err_path.read_text(encoding="utf-8") if self.err_path.exists() else ""

    def until(self, condition: Callable[[], Any]) -> Any:
        """Wait for something that this command is to bring about."""

        def found() -> Any:
            answer = condition()
            assert answer or self.process.poll() is None, self.err
            return answer

        return eventually(found)

    def status(self) -> int:
        """Wait for its end."""
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """End it with no chance to clean up."""
        self.process.kill()
        self.process.wait(PATIENCE)


@contextlib.contextmanager
def background(
    project: Project, *arguments: str, fresh: bool = False, **env: str
) -> Iterator[Background]:
    """Run `python arguments` beside the test, and end it with the test."""
    running = Background(project, *arguments, fresh=fresh, **env)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.kill()


def ended(project: Project, *arguments: str, **env: str) -> Background:
    """Run `python arguments` in a process of its own, to its end."""
    with background(project, *arguments, **env) as running:
        running.status()
    return running


def without_rights(*arguments: str) -> list[str]:
    """Return how to run Python as a user who may write where the folders let anybody."""
    if os.geteuid() != 0:
        return [sys.executable, *arguments]
    if not shutil.which("setpriv"):
        pytest.skip("root writes everywhere")
    return ["setpriv", "--inh-caps=-all", "--bounding-set=-all", sys.executable, *arguments]


def at_gate(project: Project, running: Background) -> None:
    """Wait until a command is inside the gated step."""
    running.until((project.folder / "at_the_gate").exists)


def open_gate(project: Project) -> None:
    """Let the gated step go on."""
    (project.folder / "open_gate").touch()


def waits_for_another(project: Project) -> Background:
    """Upgrade twice, the second while the first is inside the gated step; both have to succeed.

    :returns: the second
    """
    with background(project, *UPGRADE) as first:
        at_gate(project, first)
        with background(project, *UPGRADE) as second:
            second.until(lambda: "waiting for another migration" in second.err)
            open_gate(project)
            assert first.status() == 0, first.err
            assert second.status() == 0, second.err
    return second


# ends the process with no chance to clean up, before or after its n-th statement that writes
SUDDEN_DEATH = """
import os
import re
import signal

from sqlalchemy import event
from sqlalchemy.engine import Engine

WHEN, AT = os.environ.get("DIE", "never 0").split()
seen = 0


def listener(conn, cursor, statement, parameters, context, executemany):
    global seen
    if re.match(r"\\s*(CREATE|DROP|ALTER|INSERT|UPDATE|DELETE|RENAME)", statement):
        if "alembic_version" not in statement:
            seen += 1
            if seen == int(AT):
                os.kill(os.getpid(), signal.SIGKILL)


# the process of the tests runs manage.py too, and is to stay as it is
if WHEN != "never":
    event.listen(Engine, WHEN + "_cursor_execute", listener)
"""


def mortal(project: Project) -> None:
    """Let the environment variable DIE say where `manage.py` is to end suddenly."""
    project.write("sudden_death.py", SUDDEN_DEATH)
    path = project.folder / "manage.py"
    write_source(path, "import sudden_death\n" + path.read_text(encoding="utf-8"))


class Terminal:
    """A command whose stderr is a terminal, while the test reads what it shows, and types."""

    def __init__(self, project: Project, *arguments: str, typing: bool = False) -> None:
        pty = pytest.importorskip("pty")
        self.said = ""
        self._ours, theirs = pty.openpty()
        terminal = os.ttyname(theirs)
        others = terminal if typing else os.devnull
        files = (others, others, terminal)
        self.process = Forked(list(arguments), str(project.folder), dict(os.environ), files)
        os.close(theirs)

    def type(self, text: bytes) -> None:
        """Type on its keyboard."""
        os.write(self._ours, text)

    def _read(self) -> bool:
        with contextlib.suppress(OSError):  # Linux says so when the other side is closed
            part = os.read(self._ours, 1000)
            self.said += part.decode(errors="replace")
            return bool(part)
        return False

    def until(self, condition: Callable[[str], Any]) -> None:
        """Read until what it has shown fulfills a condition."""
        while not condition(self.said):
            assert self._read(), self.said

    def end(self) -> tuple[int, str]:
        """Wait for its end; return its exit status, and what it has shown."""
        while self._read():
            pass
        os.close(self._ours)
        return self.process.wait(PATIENCE), self.said


def on_terminal(
    project: Project,
    *arguments: str,
    typed: bytes | None = None,
    front_end: tuple[str, ...] = FRONT_ENDS["manage.py"],
) -> tuple[int, str]:
    """Run a command whose stderr is a terminal; all of it is one where something is typed.

    :returns: its exit status, and what the terminal shows
    """
    terminal = Terminal(project, *front_end, *arguments, typing=typed is not None)
    if typed is not None:
        terminal.type(typed)
    return terminal.end()


@contextlib.contextmanager
def reachable_folder() -> Iterator[Path]:
    """A folder for the files of a server, which other users may enter (unlike tmp_path)."""
    folder = Path(tempfile.mkdtemp(prefix="ms_"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(str(folder), ignore_errors=True)


@contextlib.contextmanager
def serving(project: Project, *arguments: str, fresh: bool = False) -> Iterator[str]:
    """Run `python arguments -p <a free port>`, and return its address once it answers."""
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    with background(project, *arguments, "-p", str(port), fresh=fresh) as server:
        server.until(lambda: _answers(address))
        yield address


def _answers(address: str) -> bool:
    try:
        urlopen(address, timeout=PATIENCE).close()
    except (URLError, OSError):
        return False
    return True
