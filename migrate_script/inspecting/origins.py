"""Finds the file, of the scripts and env.py, that an exception comes from.

It is the last one of the folder in the traceback, or the one that lacks what Alembic looks for.
"""

from __future__ import annotations

import ast
import os
import re
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, Iterator, Optional, Tuple

import alembic

from .. import errors
from ..compat.alembic import version_locations
from .headers import literals, scripts_of

_ALEMBIC = os.path.dirname(alembic.__file__) + os.sep
_REVISION_MAP = os.path.join(_ALEMBIC, "script", "revision")
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# what Python says when a function is called with other arguments than it takes
OTHER_ARGUMENTS = re.compile(r"(upgrade|downgrade)\(\) (missing|takes|got) ")
_NO_ATTRIBUTE = re.compile(r"module '(\w+)' has no attribute '(\w+)'")

Place = Tuple[str, Optional[int]]  # a file and a line; None for the file as a whole


class Origin:
    """An exception of a command, and where the traceback and the scripts show it to come from."""

    def __init__(self, error: BaseException, config: Any, run: Any) -> None:
        self.error: BaseException = error
        self.config: Any = config
        self.run: Any = run
        self.text: str = errors.one_line(error)
        self.step: Any = run.current if run else None
        self.script: Any = getattr(self.step, "revision", None)  # a stamp has none
        self.frames: traceback.StackSummary = traceback.extract_tb(error.__traceback__)
        files = [os.path.abspath(frame.filename) for frame in self.frames]
        #: whether it was raised in Alembic or here, and whether while scripts were put in order
        self.of_library: bool = files[-1].startswith((_ALEMBIC, PACKAGE))
        self.of_order: bool = self.of_library and any(f.startswith(_REVISION_MAP) for f in files)
        self.folders: list[str] = [config.get_main_option("script_location") or ""]
        self.files: list[str] = []
        with suppress(Exception):  # what is wrong with them is the error that is translated
            scripts = scripts_of(config)
            self.folders += [str(scripts.dir), *version_locations(scripts)]
            deep = getattr(scripts, "recursive_version_locations", False)
            for folder in map(Path, version_locations(scripts)):
                self.files += map(str, sorted(folder.glob("**/*.py" if deep else "*.py")))

    def headers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Read the literals that each script assigns to the names of Alembic."""
        for path in self.files:
            with suppress(OSError, SyntaxError, ValueError):
                tree = ast.parse(Path(path).read_bytes())
                yield path, {name: value for _, name, value in literals(tree) if name}

    def lacking(self) -> tuple[str, str] | None:
        """Find the script in which Alembic looked for a name in vain, and that name."""
        found = _NO_ATTRIBUTE.match(str(self.error))
        if found and isinstance(self.error, AttributeError) and self.of_library:
            for path in self.files:
                # as Alembic names the module of a script
                if re.sub(r"\W", "_", os.path.basename(path)) == found.group(1):
                    return path, found.group(2)
        return None

    def place(self) -> Place | None:
        """Find the last place in a file of the folder that the exception went through."""
        error = self.error
        lacking = self.lacking()
        if lacking:
            return lacking[0], None
        if isinstance(error, TypeError) and OTHER_ARGUMENTS.match(str(error)):
            if self.script and self.of_library:
                return str(self.script.path), None
        places: list[Place] = [(frame.filename, frame.lineno) for frame in self.frames]
        if isinstance(error, SyntaxError) and error.filename:
            places.append((error.filename, error.lineno or None))
        elif isinstance(error, (SyntaxError, ValueError)) and "null bytes" in str(error):
            # Python does not say in which file
            files = [path for folder in self.folders for path in Path(folder).glob("*.py")]
            places += [(str(path), None) for path in files if b"\0" in path.read_bytes()]
        folders = {Path(folder).resolve() for folder in self.folders}
        for path, line in reversed(places):
            if path.endswith(".py") and not folders.isdisjoint(Path(path).resolve().parents):
                return path, line
        return None
