"""The sentences of docs/errors.rst, and the calls in its comments that make them."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine.url import make_url

from migrate_script import errors
from migrate_script.sqlite_alter import errors as alter_errors

PAGE = Path(__file__).resolve().parent.parent / "docs/errors.rst"
_ENTRY = re.compile(
    r"^\.\. message: (.+)\n\n(.+)\n(~+)\n\n\.\. code-block:: text\n\n   Error: (.+)\n", re.M
)
_LONGEST = 110


class Entry(NamedTuple):
    """What docs/errors.rst has on one message."""

    call: str
    heading: str
    sentence: str

    @property
    def constructor(self) -> str:
        """What builds the sentence: `Class.method`, or `Class`."""
        return self.call.replace("with_outcome(", "").partition("(")[0]


def entries(text: str) -> list[Entry]:
    """Read the page."""
    return [Entry(call, title, said) for call, title, _, said in _ENTRY.findall(text)]


def classes() -> Iterator[type]:
    """Yield the exceptions of both families."""
    for module in (errors, alter_errors):
        for value in vars(module).values():
            bases = (errors.MigrateError, alter_errors.SQLiteAlterError)
            if isinstance(value, type) and issubclass(value, bases):
                yield value


def constructors() -> set[str]:
    """Name all that build a sentence: `Class.method`, or `Class`."""
    found = set()
    for cls in classes():
        for name, value in vars(cls).items():
            if isinstance(value, classmethod):
                found.add(f"{cls.__name__}.{name}")
            elif name == "__init__" and "sentence" not in inspect.signature(value).parameters:
                found.add(cls.__name__)
        # those that are raised with the words of somebody else
        if "__init__" not in vars(cls) and not any(
            isinstance(value, classmethod) for value in vars(cls).values()
        ):
            found.add(cls.__name__)
    return found


def sentence(call: str) -> str:
    """Return what an exception says that is made as in a comment of the page."""
    names: dict[str, Any] = {cls.__name__: cls for cls in classes()}
    names.update(exc=exc, make_url=make_url, create_engine=_no_engine)
    names["with_outcome"] = errors.with_outcome
    return " ".join(str(eval(call, names)).split())


def _no_engine(url: str) -> errors.DatabaseError | None:
    """Return the error of a URL for which SQLAlchemy makes no engine."""
    try:
        sa.create_engine(url)
    except Exception as error:
        return errors.why_no_engine(error)
    return None


def heading(text: str) -> str:
    """Return the beginning of a sentence, as long as a heading may be."""
    ends = [match.start() for match in re.finditer(r": |; | \(| \[|, so that ", text)]
    # a path alone says nothing
    end = next((end for end in ends if len(re.sub(r"\S*/\S*", "", text[:end])) > 11), len(text))
    text = text[:end]
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rpartition(" ")[0] + " ..."
    return text.rstrip(".").replace("*", "\\*").replace("`", "\\`")


def recorded(text: str) -> str:
    """Return the page with the sentences of now."""

    def entry(match: Any) -> str:
        said = sentence(match.group(1))
        title = heading(said)
        return (
            f".. message: {match.group(1)}\n\n{title}\n{'~' * len(title)}\n\n"
            f".. code-block:: text\n\n   Error: {said}\n"
        )

    return _ENTRY.sub(entry, text)
