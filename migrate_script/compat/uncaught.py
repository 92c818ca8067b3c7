"""What is shown of an exception that ends a script under the launcher.

The traceback that Python would show for the script alone; below it, where the script died of
something that has a known way out, a line that names it. It may be deleted with the launcher.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Callable

from .engines import why_no_engine

_IMPORT_SYSTEM = ("_frozen_importlib", "_frozen_importlib_external", "importlib", "zipimport")
_PACKAGE = __name__.split(".")[0]


def _is_theirs(trace: TracebackType) -> bool:
    """Tell a frame of the script from one of the launcher, or of the search for a module."""
    names = trace.tb_frame.f_globals
    module, package = (str(names.get(name)).split(".")[0] for name in ("__name__", "__package__"))
    return module not in _IMPORT_SYSTEM and package != _PACKAGE


def _their_part(error: BaseException) -> TracebackType | None:
    """Give the traceback from the first frame of the script on."""
    trace = error.__traceback__
    while trace is not None and not _is_theirs(trace):
        trace = trace.tb_next
    # a file that cannot be compiled has no frame, and Python shows its line without one
    return trace if trace or isinstance(error, SyntaxError) else error.__traceback__


def show_theirs(error: BaseException, report: Callable[[str], None]) -> None:
    """Prepare what Python does with an exception that nobody catches.

    :param error: what ended the script; it has to be raised again
    :param report: shows a sentence below the traceback
    :raises: nothing
    """
    theirs, hook = _their_part(error), sys.excepthook

    def show(kind: Any, value: BaseException, trace: TracebackType | None) -> None:
        if value is error:
            value.__traceback__ = trace = theirs
        hook(kind, value, trace)
        worded = why_no_engine(value)
        if worded is not None:
            report(str(worded))

    sys.excepthook = show
