"""Processes of `manage.py` that find Flask, SQLAlchemy and Alembic imported.

Importing them takes an interpreter longer than an upgrade of a small database. One process of each
run of the tests imports them once, and parts into two for each command: a process like any other,
with a number, an environment and an end of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import runpy
import subprocess
import sys
import time
import warnings
from typing import Any

LIBRARIES = ("alembic.command", "flask_sqlalchemy", "psycopg2", "pymysql")
MODULES = (*LIBRARIES, "migrate_script")
_servers: dict[tuple[str, ...], subprocess.Popen[str]] = {}


class Forked:
    """A script in a process of its own.

    :param arguments: `-W ignore`, perhaps; the script, or `-m` and a module; its arguments
    :param cwd: the folder to run it in
    :param env: its environment
    :param files: the paths of its standard input, output and error
    :param modules: what it finds imported
    """

    def __init__(
        self,
        arguments: list[str],
        cwd: str,
        env: dict[str, str],
        files: tuple[str, str, str],
        modules: tuple[str, ...] = MODULES,
    ) -> None:
        self.returncode: int | None = None
        self._modules = modules
        self.pid = _ask(modules, arguments=arguments, cwd=cwd, env=env, files=files)

    def poll(self) -> int | None:
        """Return its exit status; nothing while it runs."""
        if self.returncode is None:
            self.returncode = _ask(self._modules, pid=self.pid)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for its end."""
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.01)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it with no chance to clean up."""
        self.send_signal(9)


def _ask(modules: tuple[str, ...], **request: Any) -> Any:
    server = _servers.get(modules)
    if server is None or server.poll() is not None:
        command = [sys.executable, __file__, *modules]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        server = _servers[modules] = subprocess.Popen(command, universal_newlines=True, **pipes)
        atexit.register(server.terminate)
    stdin, stdout = server.stdin, server.stdout
    assert stdin is not None
    assert stdout is not None
    stdin.write(json.dumps(request) + "\n")
    stdin.flush()
    return json.loads(stdout.readline())


def _opened(files: list[str]) -> list[int]:
    """Open the files of a new process, while those of a terminal are still open elsewhere."""
    added = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOCTTY
    return [os.open(path, added if number else os.O_RDONLY) for number, path in enumerate(files)]


def _become(request: dict[str, Any], files: list[int]) -> None:
    """Be the process that was asked for."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    # the old ones belong to the pipes of this server
    sys.stdin = sys.__stdin__ = open(0, closefd=False)
    buffering = 1 if "PYTHONUNBUFFERED" in request["env"] else -1
    sys.stdout = sys.__stdout__ = open(1, "w", buffering, closefd=False)
    sys.stderr = sys.__stderr__ = open(2, "w", 1, errors="backslashreplace", closefd=False)
    if request["arguments"][0] == "-W":
        _, action, *request["arguments"] = request["arguments"]
        warnings.simplefilter(action)
    if "PYTHONPATH" in request["env"]:
        sys.path[1:1] = request["env"]["PYTHONPATH"].split(os.pathsep)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = request["arguments"]
    folder = "" if sys.argv[0] == "-m" else os.path.dirname(sys.argv[0])
    sys.path[0] = os.path.abspath(folder)


def _ended(pid: int) -> int | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    if not found:
        return None
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _serve() -> None:
    """Answer requests, until this is the process that one of them asked for."""
    while True:
        line = sys.stdin.readline()
        if not line:
            sys.exit()
        request = json.loads(line)
        if "pid" in request:
            answer = _ended(request["pid"])
        else:
            files = _opened(request["files"])
            answer = os.fork()
            if answer == 0:
                _become(request, files)
                return
            for file in files:
                os.close(file)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in sys.argv[1:]:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    _serve()
    if sys.argv[0] == "-m":
        _, *sys.argv = sys.argv
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")
