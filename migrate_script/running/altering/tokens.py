"""The words of an SQL statement as SQLite reads it, nothing of its text lost."""

from __future__ import annotations

import re
from typing import Iterable, NamedTuple

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\n\f\r]+|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))
    |(?P<string>'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
    |(?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*)
    |(?P<number>[0-9][\w.]*|\.[0-9]\w*)
    |(?P<mark>.)
    """,
    re.S | re.X,
)


class Token(NamedTuple):
    """One word with what stands before it.

    :param kind: `string`, `quoted`, `word`, `number`, `mark`, or `end` behind the last word
    :param lead: the white space and the comments before it
    :param text: the word itself
    """

    kind: str
    lead: str
    text: str

    @property
    def keyword(self) -> str:
        """The word in capitals where it can be a keyword; nothing where it cannot."""
        return self.text.upper() if self.kind in ("word", "mark") else ""

    @property
    def name(self) -> str:
        """The name that the word stands for where one is expected."""
        return unquoted(self.text)


def tokens(sql: str) -> list[Token]:
    """Take a statement apart; the last token is an empty one that holds what is behind.

    :param sql: the statement
    :raises: nothing
    """
    found, lead = [], ""
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup or ""
        if kind == "space":
            lead += match.group()
        else:
            found.append(Token(kind, lead, match.group()))
            lead = ""
    found.append(Token("end", lead, ""))
    return found


def text_of(words: Iterable[Token]) -> str:
    """Put tokens together again, without what stands before the first.

    :param words: the tokens
    :raises: nothing
    """
    words = list(words)
    return "".join(t.lead + t.text for t in words)[len(words[0].lead) :] if words else ""


def unquoted(text: str) -> str:
    """Give the name behind any of the four ways to quote one.

    :param text: the name as it is written
    :raises: nothing
    """
    if len(text) > 1 and text[0] + text[-1] in ('""', "``", "''", "[]"):
        return text[1:-1].replace(text[-1] * 2, text[-1]) if text[0] != "[" else text[1:-1]
    return text


def folded(name: str) -> str:
    """Give a name in the form in which two are one name for SQLite: A to Z in small letters.

    :param name: the name
    :raises: nothing
    """
    return str(name).encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def quoted(name: str) -> str:
    """Quote a name for any statement.

    :param name: the name
    :raises: nothing
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text as a value.

    :param text: the value
    :raises: nothing
    """
    return "'" + text.replace("'", "''") + "'"


def group_end(words: list[Token], start: int) -> int:
    """Find the place behind the bracket that closes the one at a place.

    :param words: the tokens
    :param start: the place of the opening bracket
    :raises ValueError: it is never closed
    """
    depth = 0
    for place in range(start, len(words)):
        depth += {"(": 1, ")": -1}.get(words[place].text, 0)
        if depth == 0:
            return place + 1
    raise ValueError("a bracket is not closed")


def split_at_commas(words: list[Token]) -> list[list[Token]]:
    """Split a list at the commas that stand in no brackets; each is the last of its part.

    :param words: the tokens of the list, without its own brackets
    :raises: nothing
    """
    parts: list[list[Token]] = [[]]
    depth = 0
    for word in words:
        depth += {"(": 1, ")": -1}.get(word.text, 0)
        parts[-1].append(word)
        if word.text == "," and depth == 0:
            parts.append([])
    return parts


def normal(sql: str) -> str:
    """Write a piece of SQL so that two that mean the same are the same.

    :param sql: the text
    :raises: nothing
    """
    words = []
    for word in tokens(sql):
        text = word.name if word.kind == "quoted" else word.text
        words.append(text if word.kind == "string" else folded(text))
    return " ".join(words).strip()


def mentions(sql: str, name: str) -> bool:
    """Tell whether a name occurs in a piece of SQL, other than as a function or a text.

    :param sql: the text
    :param name: the name of a column or table
    :raises: nothing
    """
    words = tokens(sql)
    return any(
        word.kind in ("word", "quoted")
        and folded(word.name) == folded(name)
        and not (word.kind == "word" and words[place + 1].text == "(")
        for place, word in enumerate(words[:-1])
    )


def renamed(word: Token, old: str, new: str) -> Token:
    """Give a word in which a name is another one, or the word itself.

    :param word: the word
    :param old: the name that is looked for
    :param new: the name in its place
    :raises: nothing
    """
    if word.kind in ("word", "quoted") and folded(word.name) == folded(old):
        return word._replace(kind="quoted", text=quoted(new))
    return word


def placed(sql: str, schema: str) -> str:
    """Name the schema in a CREATE statement, which `sqlite_master` leaves out.

    :param sql: the statement
    :param schema: the name of the schema
    :raises: nothing
    """
    words = tokens(sql)
    place = next(i for i, w in enumerate(words) if w.keyword in ("TABLE", "INDEX", "TRIGGER")) + 1
    while words[place].keyword in ("IF", "NOT", "EXISTS"):
        place += 1
    if words[place + 1].text == ".":
        return sql
    before = "".join(w.lead + w.text for w in words[:place]) + words[place].lead
    behind = "".join(w.lead + w.text for w in words[place + 1 :])
    return f"{before}{quoted(schema)}.{words[place].text}{behind}"
