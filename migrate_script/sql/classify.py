"""Classification of an SQL statement: its kind, its verb, and the tables it names.

Only the head of a statement is read, up to the names. A text that no database would run is
classified like the statement it resembles; one that begins with an unknown word is DDL, since that
is the kind that promises least. Of several statements the first counts; `split` separates them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Callable

from .lexer import Path, Reader, Token, text_of, tokens, trimmed
from .statement import DDL, DML, EMPTY, QUERY, SAVEPOINT, SESSION, TRANSACTION, Statement

Parser = Callable[[Reader, str], Statement]
_LONGEST_CACHED = 10_000
_PLAIN_WORD = re.compile(r"\s*([A-Za-z]+)(?![\w$])")
# the first words of a statement that decide its kind
_KINDS = {"ALTER": DDL, "CREATE": DDL, "DELETE": DML, "INSERT": DML, "UPDATE": DML}
_DEEPEST = 20
_ASKING_PRAGMAS = {
    "table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo",
    "foreign_key_list", "foreign_key_check", "integrity_check", "quick_check",
}  # fmt: skip
_ACTING_PRAGMAS = {"optimize", "incremental_vacuum", "wal_checkpoint", "shrink_memory"}
# those that change the file, and not only the connection
_LASTING_PRAGMAS = {
    "user_version", "application_id", "schema_version", "journal_mode", "auto_vacuum", "page_size",
    "encoding", "optimize", "incremental_vacuum",
}  # fmt: skip
# before the word TABLE, INDEX, ...: those that do not count, and those that belong to the verb
_MODIFIERS = (
    "UNIQUE", "LOCAL", "GLOBAL", "UNLOGGED", "FULLTEXT", "SPATIAL", "RECURSIVE", "ONLINE",
    "OFFLINE", "IGNORE", "CONSTRAINT",
)  # fmt: skip
_QUALIFIERS = ("MATERIALIZED", "FOREIGN", "VIRTUAL")
# what ALTER TABLE drops and renames besides columns
_NO_COLUMNS = {
    "CONSTRAINT", "INDEX", "KEY", "PRIMARY", "FOREIGN", "CHECK", "PARTITION", "SYSTEM", "PERIOD",
}  # fmt: skip
_WITH_BODY = {"TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "PACKAGE"}


def _always(kind: str) -> Parser:
    """Make the parser of a statement that is known by its first word."""
    return lambda _, verb: Statement(kind, verb)


def _tables(kind: str, *skipped: str, verb: str = "") -> Parser:
    """Make the parser of a statement that names tables, after words that do not count."""

    def parse(reader: Reader, first: str) -> Statement:
        if reader.accept("OR"):  # INSERT OR IGNORE
            reader.take()
        reader.skip_group()
        reader.skip(*skipped)
        return Statement(kind, verb or first, reader.paths())

    return parse


def _object(kind: str, *skipped: str) -> Parser:
    """Make the parser of a statement that names something else than a table."""

    def parse(reader: Reader, verb: str) -> Statement:
        reader.skip(*skipped)
        return Statement(kind, verb, objects=(reader.path(),))

    return parse


def _select(reader: Reader, verb: str) -> Statement:
    """SELECT ... INTO makes a table, but not on MySQL."""
    if reader.grammar in ("sqlite", "mysql") or not reader.skip_to("INTO"):
        return Statement(QUERY, verb)
    if reader.word in ("@", "OUTFILE", "DUMPFILE"):
        return Statement(QUERY, verb)
    temporary = bool(reader.accept("TEMP", "TEMPORARY"))
    reader.skip("UNLOGGED", "TABLE")
    return Statement(DDL, "SELECT INTO", (reader.path(),), temporary=temporary)


def _with(reader: Reader, _: str) -> Statement:
    """Classify what comes after the common table expressions, or the first that changes rows."""
    reader.skip("RECURSIVE")
    reader.name()
    changes = Statement(QUERY, "SELECT")
    while not reader.at_end:
        word = reader.take().keyword
        if word == ",":
            reader.name()
        elif word == "(":
            inner = reader.accept("INSERT", "UPDATE", "DELETE", "MERGE")
            if inner and changes.kind == QUERY:
                changes = _PARSERS[inner](reader, inner)
            reader.skip_to(")")
        elif word in ("SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE"):
            main = _PARSERS[word](reader, word)
            return changes if main.kind == QUERY else main
    return changes


def _explain(reader: Reader, verb: str) -> Statement:
    """Classify EXPLAIN, which with ANALYZE runs what it explains, like ANALYZE alone on MariaDB."""
    runs = False
    if reader.accept("("):
        while not reader.at_end and not reader.accept(")"):
            if reader.take().keyword in ("ANALYZE", "ANALYSE"):
                runs = not reader.accept("FALSE", "OFF")
    while reader.word and reader.word != "(":
        if reader.accept("ANALYZE", "ANALYSE"):
            runs = True
        elif reader.word in _PARSERS:
            break
        else:
            reader.take()
    inner = _parse(reader)
    runs = runs and inner.kind not in (QUERY, EMPTY)
    return inner._replace(verb=verb) if runs else Statement(QUERY, verb)


def _analyze(reader: Reader, verb: str) -> Statement:
    reader.skip("FORMAT", "=", "JSON")
    if reader.word in ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "REPLACE"):
        return _parse(reader)._replace(verb=verb)
    options = ("VERBOSE", "LOCAL", "NO_WRITE_TO_BINLOG", "TABLE", "TABLES")
    return _tables(DDL, *options)(reader, verb)


def _load(reader: Reader, verb: str) -> Statement:
    if not reader.accept("DATA", "XML"):
        return Statement(SESSION, verb)
    reader.skip_to("INTO")
    reader.skip("TABLE")
    return Statement(DML, "LOAD DATA", (reader.path(),))


def _copy(reader: Reader, verb: str) -> Statement:
    reader.skip("BINARY")
    table = reader.path()
    reader.skip_group()
    return Statement(DML if table and reader.accept("FROM") else QUERY, verb, (table,))


def _do(reader: Reader, verb: str) -> Statement:
    """Classify DO: an expression on MySQL, elsewhere a block of code."""
    return Statement(QUERY if reader.grammar == "mysql" else DDL, verb)


def _begin(reader: Reader, verb: str) -> Statement:
    if reader.accept("NOT"):
        return Statement(DDL, "BEGIN NOT ATOMIC")
    if verb == "START" and not reader.accept("TRANSACTION"):
        return Statement(SESSION, verb)
    return Statement(TRANSACTION, "BEGIN")


def _commit(reader: Reader, _: str) -> Statement:
    return Statement(TRANSACTION, f"COMMIT {reader.accept('PREPARED')}".rstrip())


def _rollback(reader: Reader, _: str) -> Statement:
    reader.skip("WORK", "TRANSACTION")
    if reader.accept("TO"):
        return _tables(SAVEPOINT, "SAVEPOINT")(reader, "ROLLBACK TO")
    return Statement(TRANSACTION, f"ROLLBACK {reader.accept('PREPARED')}".rstrip())


def _prepare(reader: Reader, verb: str) -> Statement:
    if reader.accept("TRANSACTION"):
        return Statement(TRANSACTION, "PREPARE TRANSACTION")
    return Statement(SESSION, verb)


def _set(reader: Reader, verb: str) -> Statement:
    if reader.grammar == "mysql" and reader.accept("STATEMENT"):  # ... FOR a statement
        reader.skip_to("FOR")
        return _parse(reader)
    if reader.accept("CONSTRAINTS"):
        names = () if reader.accept("ALL") else reader.paths()
        return Statement(SESSION, "SET CONSTRAINTS", names, value=reader.take().keyword)
    if reader.word in ("PASSWORD", "DEFAULT"):
        return Statement(DDL, f"{verb} {reader.word}")
    reader.skip("@", "SESSION", "LOCAL", "GLOBAL", "PERSIST", "PERSIST_ONLY", ".")
    name = tuple(part.lower() for part in reader.path())
    reader.skip(":", "=", "TO")
    return Statement(SESSION, verb, (name,), value=reader.value())


def _pragma(reader: Reader, verb: str) -> Statement:
    name = "".join(reader.path()[-1:]).lower()
    value = reader.value() if reader.accept("=", "(") else ""
    if name in _ASKING_PRAGMAS or not (value or name in _ACTING_PRAGMAS):
        kind = QUERY
    else:
        kind = DDL if name in _LASTING_PRAGMAS else SESSION
    return Statement(kind, verb, ((name,),), value=value)


def _attach(reader: Reader, verb: str) -> Statement:
    reader.skip("DATABASE")
    file = reader.value()
    reader.skip_to("AS")
    return Statement(SESSION, verb, objects=(reader.path(),), value=file)


def _reindex(reader: Reader, verb: str) -> Statement:
    """Classify REINDEX and REFRESH MATERIALIZED VIEW."""
    reader.skip_group()
    what = reader.accept("TABLE", "INDEX", "SCHEMA", "DATABASE", "SYSTEM")
    reader.skip("MATERIALIZED", "VIEW")
    concurrently = bool(reader.accept("CONCURRENTLY"))
    name = (reader.path(),)
    paths, objects = (name, ()) if what == "TABLE" else ((), name)
    return Statement(DDL, verb, paths, objects=objects, concurrently=concurrently)


def _comment(reader: Reader, verb: str) -> Statement:
    reader.skip("ON")
    what = reader.accept("TABLE", "COLUMN")
    path = reader.path() if what else ()
    return Statement(DDL, verb, (path[:-1] if what == "COLUMN" else path,))


def _rename(reader: Reader, verb: str) -> Statement:
    if not reader.accept("TABLE", "TABLES"):
        return Statement(DDL, f"{verb} {reader.word}")
    reader.skip("IF", "EXISTS")
    renames: list[tuple[Path, Path]] = []
    while not renames or reader.accept(","):
        old = reader.path()
        reader.skip_to("TO")
        renames.append((old, reader.path()))
    return Statement(DDL, "RENAME TABLE", tuple(old for old, _ in renames), renames=tuple(renames))


def _definition(reader: Reader, verb: str) -> Statement:
    """Classify CREATE, ALTER or DROP of anything."""
    temporary, replacing = _modifiers(reader)
    what = _what(reader)
    concurrently = bool(reader.accept("CONCURRENTLY"))
    reader.skip("IF", "NOT", "EXISTS")
    paths: tuple[Path, ...] = ()
    if not (what == "INDEX" and reader.word == "ON"):  # of an index, the server may choose a name
        paths = reader.paths() if verb == "DROP" else (reader.path(),)
    objects: tuple[Path, ...] = ()
    if not what.endswith("TABLE"):
        paths, objects = (), paths
        if what in ("INDEX", "TRIGGER", "POLICY", "RULE") and verb != "ALTER":
            paths = (reader.path(),) if reader.skip_to("TO" if what == "RULE" else "ON") else ()
    elif verb == "CREATE" and len(paths[0]) > 1:
        temporary = temporary or paths[0][0].lower() in ("temp", "pg_temp")
    if verb == "DROP" and what == "PREPARE":
        return Statement(SESSION, "DEALLOCATE")
    found = Statement(
        DDL,
        f"{verb} {what}{' CONCURRENTLY' if concurrently else ''}".rstrip(),
        paths,
        objects=objects,
        temporary=temporary,
        replacing=replacing,
        concurrently=concurrently,
    )
    return _actions(reader, found) if found.verb == "ALTER TABLE" else found


def _modifiers(reader: Reader) -> tuple[bool, bool]:
    temporary = replacing = False
    while True:
        if reader.accept("TEMP", "TEMPORARY"):
            temporary = True
        elif reader.accept("OR"):
            replacing = bool(reader.accept("REPLACE"))
        elif reader.accept("ALGORITHM", "DEFINER", "SQL"):  # SQL SECURITY DEFINER
            reader.skip("=", "SECURITY")
            reader.name()
            reader.skip_group()
            if reader.accept("@"):
                reader.name()
        elif not reader.accept(*_MODIFIERS):
            return temporary, replacing


def _what(reader: Reader) -> str:
    """Take the words that say what is created, altered or dropped."""
    words = []
    while reader.word in _QUALIFIERS:
        words.append(reader.take().keyword)
    word = reader.take().keyword
    return " ".join([*words, "TABLE" if word == "TABLES" else word])


def _actions(reader: Reader, table: Statement) -> Statement:
    """Add the columns that an ALTER TABLE drops or renames, and the new name of the table."""
    dropped, renames, renamed_columns = [], [], []
    reader.skip("*")
    while not reader.at_end:
        if reader.accept("DROP"):
            after = reader.peek(1)
            is_column = after.kind == "end" or after.keyword in (",", "CASCADE", "RESTRICT")
            if reader.accept("COLUMN") or is_column or reader.word not in _NO_COLUMNS:
                reader.skip("IF", "EXISTS")
                dropped.append(reader.name())
        elif reader.accept("RENAME"):
            if reader.accept("TO", "AS", "=") or reader.peek(1).kind == "end":
                renames += [(path, reader.path()) for path in table.paths]
            elif reader.accept("COLUMN") or reader.word not in _NO_COLUMNS:
                column = reader.name()
                if reader.accept("TO"):
                    renamed_columns.append((column, reader.name()))
        if not reader.skip_to(","):
            break
    return table._replace(
        dropped_columns=tuple(dropped),
        renames=tuple(renames),
        renamed_columns=tuple(renamed_columns),
    )


_PARSERS: dict[str, Parser] = {
    "SELECT": _select, "WITH": _with, "EXPLAIN": _explain, "ANALYZE": _analyze, "PRAGMA": _pragma,
    **dict.fromkeys(["DESCRIBE", "DESC"], _tables(QUERY, verb="DESCRIBE")),
    **dict.fromkeys(
        ["INSERT", "REPLACE", "MERGE"],
        _tables(DML, "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO")),
    "UPDATE": _tables(DML, "LOW_PRIORITY", "IGNORE"),
    "DELETE": _tables(DML, "LOW_PRIORITY", "QUICK", "IGNORE", "FROM"),
    "LOAD": _load, "COPY": _copy, "CALL": _object(DML), "DO": _do,
    "BEGIN": _begin, "START": _begin, "COMMIT": _commit, "END": _commit, "ROLLBACK": _rollback,
    "ABORT": _rollback, "PREPARE": _prepare, "XA": _always(TRANSACTION),
    **dict.fromkeys(["SAVEPOINT", "RELEASE"], _tables(SAVEPOINT, "SAVEPOINT")),
    "SET": _set, "LOCK": _tables(SESSION, "TABLE", "TABLES"), "ATTACH": _attach,
    **dict.fromkeys(["USE", "DETACH"], _object(SESSION, "DATABASE", "SCHEMA")),
    "CREATE": _definition, "ALTER": _definition, "DROP": _definition, "RENAME": _rename,
    "TRUNCATE": _tables(DDL, "TABLE"), "COMMENT": _comment, "REINDEX": _reindex,
    "VACUUM": _tables(DDL, "FULL", "FREEZE", "VERBOSE", "ANALYZE"), "REFRESH": _reindex,
    **dict.fromkeys(
        ["SHOW", "VALUES", "TABLE", "FETCH", "CHECK", "CHECKSUM", "HELP"], _always(QUERY)),
    **dict.fromkeys(
        ["RESET", "UNLOCK", "DECLARE", "OPEN", "CLOSE", "MOVE", "LISTEN", "UNLISTEN", "NOTIFY",
         "DEALLOCATE", "DISCARD", "FLUSH", "KILL", "CHECKPOINT", "STOP"], _always(SESSION)),
}  # fmt: skip


def _parse(reader: Reader) -> Statement:
    reader.skip("(")
    if reader.at_end:
        return Statement(EMPTY)
    verb = reader.take().keyword
    reader.nesting += 1
    parser = _PARSERS.get(verb) if reader.nesting < _DEEPEST else None
    return parser(reader, verb) if parser else Statement(DDL, verb)


@lru_cache(maxsize=256)
def _classify(statement: str, dialect: str) -> Statement:
    reader = Reader(statement, dialect)
    found = _parse(reader)
    if found.kind == EMPTY:
        return found
    return found._replace(
        paths=tuple(filter(None, found.paths)),
        objects=tuple(filter(None, found.objects)),
        text=trimmed(statement[reader.start :], dialect),
        dialect=dialect,
    )


def classify(statement: str, dialect: str = "") -> Statement:
    """Return what a statement is, for a dialect of SQLAlchemy's; it never raises."""
    is_long = len(statement) > _LONGEST_CACHED
    return (_classify.__wrapped__ if is_long else _classify)(statement, dialect)


def keyword_and_kind(statement: str, dialect: str = "") -> tuple[str, str]:
    """Return the first word in capitals, after comments and brackets, and the kind if it tells."""
    match = _PLAIN_WORD.match(statement)
    if match is not None:
        keyword = match.group(1).upper()
    else:
        reader = Reader(statement[:_LONGEST_CACHED], dialect)
        reader.skip("(")
        keyword = reader.word
    return keyword, _KINDS.get(keyword, "")


def split(text: str, dialect: str = "") -> list[str]:
    """Return the statements of a text that semicolons separate, each without comments around it."""
    found: list[list[Token]] = [[]]
    words: set[str] = set()
    brackets = blocks = 0
    for token in tokens(text, dialect):
        word = token.keyword
        if word == ";" and not brackets and not blocks:
            found.append([])
            words = set()
            continue
        found[-1].append(token)
        if word in ("(", ")"):
            brackets = max(0, brackets + (1 if word == "(" else -1))
        elif "CREATE" in words and words & _WITH_BODY:
            before = found[-1][-2].keyword
            if word in ("IF", "LOOP", "WHILE", "REPEAT") and before == "END":
                blocks += 1  # END IF ends no block
            elif word in ("BEGIN", "CASE") and not (before == "END" and word == "CASE"):
                blocks += 1
            elif word == "END" and blocks:
                blocks -= 1
        if word:
            words.add(word)
    texts = (trimmed(text_of(part), dialect) for part in found)
    return [part for part in texts if part]
