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

MODULES = ("alembic.command", "flask_sqlalchemy", "migrate_script", "psycopg2", "pymysql")
_parent: list[subprocess.Popen[str]] = []


class Forked:
    """A script in a process of its own.

    :param arguments: the script, and what is behind it on the command line
    :param cwd: the folder to run it in
    :param env: its environment
    :param err: the file that its standard error is written into
    """

    def __init__(self, arguments: list[str], cwd: str, env: dict[str, str], err: str) -> None:
        self.returncode: int | None = None
        self.pid = _ask(arguments=arguments, cwd=cwd, env=env, err=err)

    def poll(self) -> int | None:
        """Give its exit status; nothing while it runs."""
        if self.returncode is None:
            self.returncode = _ask(pid=self.pid)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for its end."""
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.005)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it with no chance to clean up."""
        self.send_signal(9)


def _ask(**request: Any) -> Any:
    if not _parent or _parent[0].poll() is not None:
        command = [sys.executable, __file__]
        _parent[:] = [
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True
            )
        ]
        atexit.register(_parent[0].terminate)
    stdin, stdout = _parent[0].stdin, _parent[0].stdout
    assert stdin is not None
    assert stdout is not None
    stdin.write(json.dumps(request) + "\n")
    stdin.flush()
    return json.loads(stdout.readline())


def _become(request: dict[str, Any]) -> None:
    """Be the process that was asked for."""
    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, os.devnull, os.O_WRONLY),
        (2, request["err"], os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        file = os.open(path, flags)
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0, closefd=False)  # the one there has read the request
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = request["arguments"]
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))


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
            answer = os.fork()
            if answer == 0:
                _become(request)
                return
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in MODULES:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    _serve()
    runpy.run_path(sys.argv[0], run_name="__main__")
