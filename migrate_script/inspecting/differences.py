"""Alembic's differences of models and database, each as a line of words."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Iterable, Iterator


def described(differences: Iterable[Any], token: object) -> list[str]:
    """Describe each difference; the token of an env.py of several databases names the database."""
    bind = re.fullmatch("(.*)_upgrades", str(token))
    place = f"database '{bind.group(1) or 'default'}': " if bind else ""
    return [place + _described(*difference) for difference in _flat(differences)]


def _flat(differences: Iterable[Any]) -> Iterator[Any]:
    for difference in differences:
        if isinstance(difference, list):  # those of one column
            yield from _flat(difference)
        else:
            yield difference


def _described(kind: str, *parts: Any) -> str:
    verb, _, what = kind.partition("_")
    if verb == "modify":
        schema, table, column, _, before, after = parts
        name = ".".join(filter(None, (schema, table, column)))
        return f"{name}: {_value(what, after)} in the model, {_value(what, before)} in the database"
    if what == "table_comment":
        after = _value("comment", parts[0].comment if verb == "add" else None)
        before = _value("comment", parts[1]) if verb == "add" else "a comment"
        return f"table {_table(parts[0])}: {after} in the model, {before} in the database"
    absent = {"add": "not in the database", "remove": "not in the models"}.get(verb)
    if what == "column":
        schema, table, column = parts
        return f"{'.'.join(filter(None, (schema, table, column.name)))}: {absent}"
    if absent:
        return f"{_object(what, parts[0])}: {absent}"
    return " ".join([kind.replace("_", " "), *map(_text, parts)])  # what a library adds


def _value(what: str, value: Any) -> str:
    """Name a property of a column as it is on one side."""
    if what == "type":
        return _text(value)
    if what == "nullable":
        return "nullable" if value else "NOT NULL"
    if value is None:
        return f"no {what}"
    value = getattr(value, "arg", value)  # of a DefaultClause
    return f"{what} '{value}'" if isinstance(value, str) else f"{what} {_text(value)}"


def _table(table: Any) -> str:
    return ".".join(filter(None, (table.schema, table.name)))


def _object(what: str, item: Any) -> str:
    """Name a table, an index or a constraint, with its columns where it has some."""
    noun = str(getattr(item, "__visit_name__", what)).replace("_", " ")
    noun = f"unique {noun}" if noun == "index" and item.unique else noun
    if noun == "table":
        return f"table {_table(item)}"
    name, table = getattr(item, "name", None), getattr(item, "table", None)
    said = f"{noun} {name}" if isinstance(name, str) else noun
    if table is None:
        return said
    said += f" of {_table(table)}"
    columns = list(getattr(item, "expressions", ()) or getattr(item, "columns", ()))
    if columns:
        said += f" ({', '.join(str(getattr(each, 'name', None) or each) for each in columns)})"
    for element in list(getattr(item, "elements", ()))[:1]:
        target = element.target_fullname.rpartition(".")[0]
        others = (each.target_fullname.rpartition(".")[2] for each in item.elements)
        said += f" to {target} ({', '.join(others)})"
    return said


def _text(value: Any) -> str:
    """Return the text of a default or a type, or what kind of thing it is."""
    value = getattr(value, "sqltext", value)  # of a Computed
    text = ""
    with suppress(Exception):  # a type of the application may have no text
        text = repr(value) if hasattr(value, "enums") else str(value)
    return type(value).__name__ if not text or re.search(r"\bat 0x|^<", text) else text
