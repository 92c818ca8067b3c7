"""What a statement of SQL drops or empties."""

from __future__ import annotations

import re
from typing import Iterator, NamedTuple

from ..statements import without_comments


class Name(NamedTuple):
    """The name of a table.

    :param schema: its schema, where it is said
    :param table: the name alone
    :param exact: whether capitals count, as in quotes
    """

    schema: str | None
    table: str
    exact: bool


class Dropped(NamedTuple):
    """What goes: a table, a column, or the rows of a table; also what a table is called before.

    :param kind: 'table', 'column', 'rows', or 'renamed'
    :param name: the table
    :param column: the column; the name before, of a table that is renamed
    """

    kind: str
    name: Name
    column: str = ""


_PART = r"(?:\"(?:[^\"]|\"\")+\"|`[^`]+`|\[[^\]]+\]|\w+)"
_NAME = rf"{_PART}(?:\s*\.\s*{_PART})?"
_NAMES = rf"({_NAME}(?:\s*,\s*{_NAME})*)"
_EXISTS = r"(?:IF\s+EXISTS\s+)?"
_TABLE = re.compile(rf"DROP\s+TABLE\s+{_EXISTS}{_NAMES}", re.I)
_ROWS = re.compile(rf"TRUNCATE\s+(?:TABLE\s+)?(?:ONLY\s+)?{_NAMES}", re.I)
_DELETE = re.compile(rf"DELETE\s+FROM\s+(?:ONLY\s+)?({_NAME})\s*\Z", re.I)
_ALTER = re.compile(rf"ALTER\s+TABLE\s+{_EXISTS}(?:ONLY\s+)?({_NAME})\s+(.*)", re.I | re.S)
_NO_COLUMN = r"(?!(?:CONSTRAINT|INDEX|KEY|PRIMARY|FOREIGN|CHECK|PARTITION)\b)"
_COLUMN = re.compile(rf"(?:^|,)\s*DROP\s+(?:COLUMN\s+|{_NO_COLUMN}){_EXISTS}({_PART})", re.I)
_RENAME = re.compile(rf"RENAME\s+TO\s+({_NAME})\s*\Z", re.I)
# what a statement consists of, of which only a semicolon ends it
_PIECES = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|--[^\n]*|/\*.*?\*/|;|[^;]", re.S)


def _statements(text: str) -> Iterator[str]:
    statement = ""
    for piece in _PIECES.findall(text) + [";"]:
        if piece == ";":
            yield without_comments(statement).strip()
            statement = ""
        elif not piece.startswith(("--", "/*")):
            statement += piece


def _bare(part: str) -> str:
    quotes = {'"': '""', "`": "``"}
    if part[0] in quotes:
        return part[1:-1].replace(quotes[part[0]], part[0])
    return part[1:-1] if part[0] == "[" else part


def _name(text: str) -> Name:
    parts = re.findall(_PART, text)
    schema = _bare(parts[0]) if len(parts) > 1 else None
    return Name(schema, _bare(parts[-1]), parts[-1][0] in '"`[')


def drops_of(text: str) -> Iterator[Dropped]:
    """Give what SQL drops or empties.

    :param text: one statement, or several
    :raises: nothing
    """
    for statement in _statements(text):
        for pattern, kind in ((_TABLE, "table"), (_ROWS, "rows"), (_DELETE, "rows")):
            match = pattern.match(statement)
            for name in re.findall(_NAME, match.group(1)) if match else ():
                yield Dropped(kind, _name(name))
        alter = _ALTER.match(statement)
        if alter is not None:
            table, what = _name(alter.group(1)), alter.group(2)
            for column in _COLUMN.findall(what):
                yield Dropped("column", table, _bare(column))
            renamed = _RENAME.match(what)
            if renamed is not None:
                yield Dropped("renamed", _name(renamed.group(1)), table.table)
