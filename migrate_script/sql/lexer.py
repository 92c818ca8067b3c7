"""SQL lexer for SQLite, PostgreSQL and MySQL; the tokens hold the whole text, comments included."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Iterable, Iterator, NamedTuple, Pattern, Tuple

Path = Tuple[str, ...]  # a name, after that of its schema where it has one

# the excluded characters are ASCII: a set with all others takes twenty times as long to compile
_FIRST = r"[^\x00-@\[-^`{-\x7f]"
_WORD = rf"(?P<word>{_FIRST}[^\x00-#%-/:-@\[-^`{{-\x7f]*)"
_NUMBER = r"(?P<number>[0-9][\w.]*|\.[0-9]\w*)"
_SPACE = r"[ \t\n\f\r\v]+"
_DASHES = r"--[^\n]*(?:\n|\Z)"
_COMMENT = r"/\*.*?(?:\*/|\Z)"
_STRING = r"'(?:[^']|'')*'"
_ESCAPED = r"'(?:[^'\\]|\\.|'')*'"
_QUOTED = r'"(?:[^"]|"")*"'
_BACKTICKS = r"`(?:[^`]|``)*`"
_BRACKETS = r"\[[^\]]*\]"
_DOLLARS = rf"\$(?P<tag>(?:{_FIRST}[^\x00-/:-@\[-^`{{-\x7f]*)?)\$.*?\$(?P=tag)\$"
# MySQL takes -- for a comment only with a space after it, and runs /*! */ (MariaDB also /*M! */)
_MYSQL_COMMENTS = rf"--(?=[\s\x00-\x1f]|\Z)[^\n]*(?:\n|\Z)|\#[^\n]*(?:\n|\Z)|(?!/\*M?!){_COMMENT}"
_MYSQL = {
    "space": f"{_SPACE}|{_MYSQL_COMMENTS}",
    "executable": r"/\*M?![0-9]{0,6}",
    "string": rf'{_ESCAPED}|"(?:[^"\\]|\\.|"")*"',
    "quoted": _BACKTICKS,
}
_GRAMMARS = {
    "sqlite": {
        "space": rf"[ \t\n\f\r]+|{_DASHES}|{_COMMENT}",
        "string": _STRING,
        "quoted": f"{_QUOTED}|{_BACKTICKS}|{_BRACKETS}",
    },
    "postgresql": {
        "space": f"{_SPACE}|{_DASHES}",
        "comment": r"/\*",  # its end is looked for, since comments are nested
        "string": f"[eE]{_ESCAPED}|{_STRING}|{_DOLLARS}",
        "quoted": _QUOTED,
    },
    "mysql": _MYSQL,
    "mysql, executable": {**_MYSQL, "executable": r"\*/"},
    "": {
        "space": f"{_SPACE}|{_DASHES}|{_COMMENT}",
        "string": f"[eE]{_ESCAPED}|{_STRING}|{_DOLLARS}",
        "quoted": f"{_QUOTED}|{_BACKTICKS}|{_BRACKETS}",
    },
}
_AROUND = " \t\n\f\r\v;"
_COMMENT_ENDS = re.compile(r"/\*|\*/")


class Token(NamedTuple):
    """One token, with the white space and the comments before it."""

    kind: str  # string, quoted, word, number, mark, executable (MySQL), or end after the last one
    lead: str
    text: str

    @property
    def keyword(self) -> str:
        """The word in capitals where it can be a keyword, otherwise nothing."""
        return self.text.upper() if self.kind in ("word", "mark") else ""

    @property
    def name(self) -> str:
        """The name that the token means where a name is expected."""
        return unquoted(self.text)


def grammar_of(dialect: str) -> str:
    """Return whose rules a dialect follows; nothing for those of no known database."""
    dialect = "mysql" if dialect == "mariadb" else dialect
    return dialect if dialect in ("sqlite", "postgresql", "mysql") else ""


@lru_cache(maxsize=None)  # compiled when it is needed, since an import pays for it otherwise
def _pattern(grammar: str) -> Pattern[str]:
    groups = [f"(?P<{kind}>{pattern})" for kind, pattern in _GRAMMARS[grammar].items()]
    return re.compile("|".join([*groups, _WORD, _NUMBER, "(?P<mark>.)"]), re.S)


def scan(sql: str, dialect: str = "sqlite") -> Iterator[Token]:
    """Yield the tokens of a text; the last is empty and holds what comes after the others."""
    grammar = grammar_of(dialect)
    plain = pattern = _pattern(grammar)
    position, lead = 0, ""
    while position < len(sql):
        match = pattern.match(sql, position)
        assert match is not None  # a mark is any character
        kind, text = match.lastgroup or "", match.group()
        if kind == "comment":
            kind, text = "space", sql[position : _end_of_comment(sql, match.end())]
        position += len(text)
        if kind == "space":
            lead += text
            continue
        yield Token(kind, lead, text)
        lead = ""
        if kind == "executable":
            pattern = _pattern("mysql, executable") if pattern is plain else plain
    yield Token("end", lead, "")


def _end_of_comment(sql: str, position: int) -> int:
    depth = 1
    for match in _COMMENT_ENDS.finditer(sql, position):
        depth += 1 if match.group() == "/*" else -1
        if not depth:
            return match.end()
    return len(sql)


def tokens(sql: str, dialect: str = "sqlite") -> list[Token]:
    """Return the tokens of a text; joined, they are the text again."""
    return list(scan(sql, dialect))


class Reader:
    """Reads one statement, token by token."""

    def __init__(self, text: str, dialect: str) -> None:
        self.grammar: str = grammar_of(dialect)
        self.nesting = 0
        self._tokens = scan(text, dialect)
        self._ahead: list[Token] = []
        first = next(self._tokens)
        self.start: int = len(first.lead)  # where the statement begins in the text
        while first.text == ";":
            first = next(self._tokens)
            self.start += 1 + len(first.lead)
        if first.kind != "executable":
            self._ahead.append(first)

    def peek(self, ahead: int = 0) -> Token:
        """Return a token that comes; after the last, and from a semicolon on, an empty one."""
        while len(self._ahead) <= ahead:
            if self._ahead and self._ahead[-1].kind == "end":
                return self._ahead[-1]
            token = next(self._tokens)
            if token.kind != "executable":
                self._ahead.append(Token("end", "", "") if token.text == ";" else token)
        return self._ahead[ahead]

    def take(self) -> Token:
        token = self.peek()
        return token if token.kind == "end" else self._ahead.pop(0)

    @property
    def at_end(self) -> bool:
        return self.peek().kind == "end"

    @property
    def word(self) -> str:
        return self.peek().keyword

    def accept(self, *words: str) -> str:
        """Take the next word and return it if it is one of these."""
        return self.take().keyword if self.word and self.word in words else ""

    def skip(self, *words: str) -> None:
        while self.accept(*words):
            pass

    def skip_to(self, *words: str) -> str:
        """Take all up to the next of these words outside brackets, and return that word."""
        depth = 0
        while not self.at_end:
            word = self.take().keyword
            if not depth and word in words:
                return word
            depth = max(0, depth + {"(": 1, ")": -1}.get(word, 0))
        return ""

    def skip_group(self) -> None:
        """Take the brackets that come next, if any do, and all that is in them."""
        if self.accept("("):
            self.skip_to(")")

    def name(self) -> str:
        """Take one name; nothing if none comes."""
        if self.peek().kind not in ("word", "quoted", "string", "number"):
            return ""
        token = self.take()
        folds = self.grammar == "postgresql" and token.kind == "word"
        return token.text.lower() if folds else token.name

    def path(self) -> Path:
        """Take one name with its schema; an empty tuple if none comes."""
        self.skip("ONLY")
        found = [self.name()]
        while found[-1] and self.accept("."):
            found.append("" if self.accept("*") else self.name())
        return tuple(filter(None, found))

    def paths(self) -> tuple[Path, ...]:
        """Take names with commas between them, and column lists and aliases after them."""
        found = []
        while True:
            path = self.path()
            if path:
                found.append(path)
                self.skip("*")
                self.skip_group()
            if self.accept("AS"):
                self.name()
            if self.peek(1).text == ",":
                self.name()
            if not self.accept(","):
                return tuple(found)

    def value(self) -> str:
        return self.accept("-", "+") + self.take().name


def trimmed(text: str, dialect: str) -> str:
    """Remove what comes after a statement; all of it is read only where that may be a comment."""
    text = text.rstrip(_AROUND)
    last_line = text[text.rfind("\n") + 1 :]
    may_end_in_comment = text.rfind("/*") > text.rfind("*/") or text.endswith("*/")
    if may_end_in_comment or "--" in last_line or "#" in last_line:
        words = tokens(text, dialect)
        while words and words[-1].text in ("", ";"):
            words.pop()
        return text_of(words)
    return text


def text_of(words: Iterable[Token]) -> str:
    """Join tokens, without what comes before the first."""
    words = list(words)
    return "".join(t.lead + t.text for t in words)[len(words[0].lead) :] if words else ""


def unquoted(text: str) -> str:
    """Return a name without its quotes, of whichever of the four kinds."""
    if len(text) > 1 and text[0] + text[-1] in ('""', "``", "''", "[]"):
        return text[1:-1].replace(text[-1] * 2, text[-1]) if text[0] != "[" else text[1:-1]
    return text


def folded(name: str) -> str:
    """Return a name as SQLite compares it: A to Z in small letters."""
    return str(name).encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def quoted(name: str) -> str:
    """Quote a name for any statement."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text as a value."""
    return "'" + text.replace("'", "''") + "'"


def group_end(words: list[Token], start: int) -> int:
    """Return the place after the bracket that closes the one at `start`; ValueError without it."""
    depth = 0
    for place in range(start, len(words)):
        depth += {"(": 1, ")": -1}.get(words[place].text, 0)
        if depth == 0:
            return place + 1
    raise ValueError("a bracket is not closed")


def split_at_commas(words: list[Token]) -> list[list[Token]]:
    """Split a list at the commas outside brackets; each comma ends its part."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for word in words:
        depth += {"(": 1, ")": -1}.get(word.text, 0)
        parts[-1].append(word)
        if word.text == "," and depth == 0:
            parts.append([])
    return parts


def normal(sql: str) -> str:
    """Write a piece of SQL so that two of the same meaning are equal."""
    words = []
    for word in tokens(sql):
        text = word.name if word.kind == "quoted" else word.text
        words.append(text if word.kind == "string" else folded(text))
    return " ".join(words).strip()


def mentions(sql: str, name: str) -> bool:
    """Whether a name occurs in a piece of SQL, other than as a function or a string."""
    words = tokens(sql)
    return any(
        word.kind in ("word", "quoted")
        and folded(word.name) == folded(name)
        and not (word.kind == "word" and words[place + 1].text == "(")
        for place, word in enumerate(words[:-1])
    )


def renamed(word: Token, old: str, new: str) -> Token:
    """Return a token that means another name if it means `old`."""
    if word.kind in ("word", "quoted") and folded(word.name) == folded(old):
        return word._replace(kind="quoted", text=quoted(new))
    return word


def placed(sql: str, schema: str) -> str:
    """Add the schema to a CREATE statement, which `sqlite_master` leaves out."""
    words = tokens(sql)
    place = next(i for i, w in enumerate(words) if w.keyword in ("TABLE", "INDEX", "TRIGGER")) + 1
    while words[place].keyword in ("IF", "NOT", "EXISTS"):
        place += 1
    if words[place + 1].text == ".":
        return sql
    before = "".join(w.lead + w.text for w in words[:place]) + words[place].lead
    after = "".join(w.lead + w.text for w in words[place + 1 :])
    return f"{before}{quoted(schema)}.{words[place].text}{after}"
