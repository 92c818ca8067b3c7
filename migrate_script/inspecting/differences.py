"""Alembic's differences of models and database, each in a few words of the user's."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Iterable, Iterator


def described(differences: Iterable[Any]) -> list[str]:
    """Describe each difference that Alembic has found; several of one column are a list there."""
    return [_described(*difference) for difference in _flat(differences)]


def _flat(differences: Iterable[Any]) -> Iterator[Any]:
    for difference in differences:
        if isinstance(difference, list):
            yield from _flat(difference)
        else:
            yield difference


def _described(kind: str, *parts: Any) -> str:
    if kind.startswith("modify_"):
        _, table, column, _, before, after = parts
        return f"{kind} {table}.{column} from {_text(before)} to {_text(after)}"
    # a column comes after schema and table
    item = parts[2:3] if kind.endswith("_column") else parts[:1]
    return " ".join([kind, *map(_name, item)])


def _name(item: Any) -> str:
    """Name a table, a column, or a constraint by its columns where it has no name."""
    table = getattr(item, "table", None)
    name = getattr(item, "name", None)
    if table is None:
        return str(name) if isinstance(name, str) else _text(item)
    columns = ", ".join(column.name for column in getattr(item, "columns", ()))
    return f"{table.name}.{name}" if isinstance(name, str) else f"{table.name} ({columns})"


def _text(value: Any) -> str:
    """Return the text of a default or a type, or what kind of thing it is."""
    if value is None:
        return "none"
    for attribute in ("arg", "sqltext"):  # of a DefaultClause, of a Computed
        value = getattr(value, attribute, value)
    text = ""
    with suppress(Exception):  # a type of the application may have no text
        text = repr(value) if hasattr(value, "enums") else str(value)
    return type(value).__name__ if not text or re.search(r"\bat 0x|^<", text) else text
