"""Random tables of SQLite with everything that one can have, and random alterations of them."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from typing import Any, NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EACH_RUN_THE_SAME = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)

_TOKENS = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|\[[^\]]*\]|\w+|\S", re.S
)
_NAMES = [("a", "a"), ("c d", '"c d"'), ("order", "[order]"), ("Ü", "`Ü`"), ("e", "e")]
_ACTIONS = [
    "",
    " ON DELETE CASCADE",
    " ON DELETE SET NULL ON UPDATE CASCADE",
    " ON DELETE RESTRICT",
]
_DEFERRED = ["", " DEFERRABLE INITIALLY DEFERRED", " NOT DEFERRABLE"]
_CONFLICTS = ["", " ON CONFLICT IGNORE", " ON CONFLICT FAIL"]
_COMMENTS = ["", " /* a comment, (with 'all */", " -- it's )\n"]
_KEYS = {
    "plain": "id INTEGER PRIMARY KEY",
    "sequence": "id INTEGER PRIMARY KEY AUTOINCREMENT",
    "apart": "id INTEGER NOT NULL",
    "none": "id INTEGER",
}
STRICT_KNOWN = sqlite3.sqlite_version_info >= (3, 37)
GENERATED_KNOWN = sqlite3.sqlite_version_info >= (3, 31)


class Column(NamedTuple):
    """A column of the random table, in the words of Python and of SQL."""

    name: str
    written: str
    type: str
    clauses: list[str]
    not_null: bool
    default: str


class Schema(NamedTuple):
    """A random database: its statements, and what the operations may use."""

    statements: str
    columns: list[Column]
    key: str
    strict: bool
    sound: bool
    constraints: list[str]
    portable: bool = False


def words(sql: str) -> list[str]:
    """Take a statement apart, quotes around names left out."""
    found = []
    for word in _TOKENS.findall(sql):
        plain = word[1:-1] if word[0] in '"`[' else word
        if plain != ",":
            found.append(plain)
    return found


def count(sql: str) -> Any:
    """Count the words of a statement."""
    return Counter(words(sql))


def _check(draw: Any, name: str, written: str) -> str:
    named = draw(st.sampled_from(["", f'CONSTRAINT "ck {name}" ']))
    return f"{named}CHECK ({written} IS NULL OR length({written}) < 99)"


@st.composite
def _columns(draw: Any, number: int, strict: bool, target: str) -> Column:
    name, written = _NAMES[number]
    kind = draw(st.sampled_from(["INTEGER", "TEXT", "ANY" if strict else "VARCHAR(20)"]))
    not_null = draw(st.booleans())
    defaults = ["", "0", "(abs(-3) + 1)"] if kind == "INTEGER" else ["", "'x, (y'", "('%s' || 'z')"]
    default = draw(st.sampled_from(defaults))
    clauses = []
    if not_null:
        clauses.append("NOT NULL" + draw(st.sampled_from(["", " ON CONFLICT IGNORE"])))
    if default:
        clauses.append(f"DEFAULT {default}")
    if draw(st.integers(0, 3)) == 0:
        clauses.append("UNIQUE" + draw(st.sampled_from(_CONFLICTS)))
    if draw(st.booleans()):
        clauses.append(_check(draw, name, written))
    if kind != "INTEGER" and draw(st.booleans()):
        clauses.append("COLLATE NOCASE")
    if kind == "INTEGER" and draw(st.booleans()):
        actions = draw(st.sampled_from(_ACTIONS)) + draw(st.sampled_from(_DEFERRED))
        named = draw(st.sampled_from(["", f'CONSTRAINT "fk {name}" ']))
        clauses.append(f"{named}REFERENCES {draw(st.sampled_from(['p', target]))} (id){actions}")
    return Column(name, written, kind, draw(st.permutations(clauses)), not_null, default)


@st.composite
def schemas(draw: Any) -> Schema:
    """Draw a database with the table `t`, its parent `p`, its child `c`, and all around them."""
    key = draw(st.sampled_from([*_KEYS, "without rowid"]))
    strict = STRICT_KNOWN and draw(st.integers(0, 3)) == 0
    target = "p" if key == "none" else "t"
    number = draw(st.integers(1, 4))
    columns = [draw(_columns(place, strict, target)) for place in range(number)]
    parts = [_KEYS.get(key, "id INTEGER NOT NULL")]
    parts += [" ".join([c.written, c.type, *c.clauses]) for c in columns]
    parts += _generated(draw, columns)
    constraints = _constraints(draw, columns, key)
    if key in ("apart", "without rowid"):
        parts.append("PRIMARY KEY (id)")
    parts += constraints
    # what stands behind a constraint that is dropped speaks of it, and goes with it
    comments = ["" if "ck_t" in part else draw(st.sampled_from(_COMMENTS)) for part in parts]
    body = ",".join(part + comment for part, comment in zip(parts, comments))
    options = ["WITHOUT ROWID"] * (key == "without rowid") + ["STRICT"] * strict
    sound = draw(st.integers(0, 3)) != 0
    statements = [
        f"CREATE TABLE t ({body}) {', '.join(options)}",
        "CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE)",
        f"CREATE TABLE c (id INTEGER PRIMARY KEY, t INTEGER REFERENCES {target} (id) "
        f"{draw(st.sampled_from(_ACTIONS))} {draw(st.sampled_from(_DEFERRED))})",
        "CREATE TABLE log (what)",
        *_beside(draw, columns[0]),
        *_rows(draw, columns, sound),
    ]
    return Schema(";\n".join(statements), columns, key, strict, sound, constraints)


def _generated(draw: Any, columns: list[Column]) -> list[str]:
    if not GENERATED_KNOWN or draw(st.integers(0, 2)):
        return []
    kind = draw(st.sampled_from(["STORED", "VIRTUAL", ""]))
    return [f"made TEXT GENERATED ALWAYS AS (coalesce({columns[-1].written}, '') || '!') {kind}"]


def _constraints(draw: Any, columns: list[Column], key: str) -> list[str]:
    first, last = columns[0].written, columns[-1].written
    whole = "" if key == "none" else draw(st.sampled_from(_CONFLICTS))
    possible = [
        f"CHECK ({first} IS NOT {last} OR 1)",
        f"CONSTRAINT ck_t CHECK (id > 0 OR {last} <> ')')",
        f"CONSTRAINT uq_t UNIQUE (id, {first}){whole}",
        f"UNIQUE ({last}, id)",
        "CONSTRAINT fk_t FOREIGN KEY (id) REFERENCES p (id) ON UPDATE CASCADE",
    ]
    return [one for one in possible if draw(st.booleans())]


def _beside(draw: Any, column: Column) -> list[str]:
    """Draw indexes, triggers and views."""
    name = column.written
    possible = [
        f"CREATE INDEX ix_desc ON t ({name} DESC, id)",
        f"CREATE INDEX ix_expression ON t (lower({name}) COLLATE NOCASE, id + 1)",
        f"CREATE UNIQUE INDEX ix_partial ON t (id, {name}) WHERE {name} <> '%s'",
        f"CREATE TRIGGER tr_t AFTER UPDATE OF {name} ON t WHEN new.{name} > 1 BEGIN\n"
        f"  INSERT INTO log VALUES ('of ' || new.{name}); -- noted;\nEND",
        "CREATE TRIGGER tr_all INSERT ON t BEGIN INSERT INTO log VALUES (1); END",
        "CREATE TRIGGER tr_gone DELETE ON t BEGIN DELETE FROM p WHERE id = -old.id; END",
        f"CREATE TRIGGER tr_p AFTER UPDATE ON p BEGIN UPDATE t SET {name} = 3 WHERE id = 0; END",
        f"CREATE VIEW v AS SELECT id, {name} FROM t WHERE {name} IS NOT NULL",
        "CREATE VIEW w AS SELECT * FROM t JOIN p ON p.id = t.id",
        f"CREATE VIEW x AS SELECT id, {name} AS n FROM t;\n"
        "CREATE TRIGGER of_x INSTEAD OF UPDATE OF n ON x BEGIN\n"
        f"  UPDATE t SET {name} = new.n WHERE id = old.id;\nEND",
    ]
    return [one for one in possible if draw(st.booleans())]


def _rows(draw: Any, columns: list[Column], sound: bool) -> list[str]:
    """Draw rows; those that a constraint refuses are left out by SQLite."""
    statements = ["INSERT INTO p VALUES (1, 'a'), (2, 'B'), (3, NULL)"]
    ids = draw(st.lists(st.integers(1, 3), unique=True, max_size=3))
    numbers = st.sampled_from(["1", "2", "3", "NULL"] if sound else ["1", "77", "NULL"])
    texts = st.sampled_from(["'it''s'", "'%'", "''", "'ABC'", "NULL"])
    names = ", ".join(["id", *(c.written for c in columns)])
    for number in ids:
        values = [draw(numbers if c.type == "INTEGER" else texts) for c in columns]
        statements.append(
            f"INSERT OR IGNORE INTO t ({names}) VALUES ({', '.join([str(number), *values])})"
        )
    if draw(st.booleans()):
        statements.append("INSERT OR IGNORE INTO t (id) VALUES (50)")
        statements.append("DELETE FROM t WHERE id = 50")
    if sound:
        # what refers to a row that was refused would be dangling
        for column in columns:
            statements.append(
                f"DELETE FROM t WHERE {column.written} NOT IN (SELECT id FROM t)"
                if any("REFERENCES t" in clause for clause in column.clauses)
                else "SELECT 1"
            )
    statements.append("INSERT INTO c SELECT id + 10, id FROM t")
    statements.append("DELETE FROM log")
    return statements
