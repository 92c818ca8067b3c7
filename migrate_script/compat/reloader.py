"""`runserver -r`: the process that Werkzeug starts again goes through the launcher, too.

Serves Werkzeug before 2.3 or so, and any on Python before 3.10: they start `python manage.py`,
whatever was typed. It may be deleted with the launcher.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Sequence

import werkzeug._reloader as reloader


class _Subprocess:
    """The `subprocess` that Werkzeug's reloader sees.

    :param launch: the arguments of Python that start the script, without those of the script
    """

    def __init__(self, launch: Sequence[str]) -> None:
        self.launch = launch

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    def call(self, args: Sequence[str], **options: Any) -> int:
        """Start the script again.

        :param args: what Werkzeug worked out
        :param options: passed on
        :raises OSError: the process cannot be started
        """
        typed = getattr(sys, "orig_argv", None)
        if typed is None or list(args[1:]) != typed[1:]:
            args = [sys.executable, *self.launch, *sys.argv[1:]]
        return subprocess.call(args, **options)


def start_again_with(launch: Sequence[str]) -> None:
    """Say what starts this process again; the script's own arguments are added.

    :param launch: the arguments of Python
    :raises: nothing
    """
    reloader.subprocess = _Subprocess(launch)  # type: ignore[assignment,attr-defined]
