"""A script that catches what yesterday's tools raised on SQLite catches it today."""

from __future__ import annotations

import textwrap

import pytest
from databases import everything, read, script
from projects import db, new_project
from revisions import revision

TABLES = """
    CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT DEFAULT 'x');
    INSERT INTO t VALUES (1, 5, 'u'), (2, 5, 'v'), (3, NULL, NULL);
"""
BATCH = 'with op.batch_alter_table("t") as batch:\n    '
NOT_THERE = {
    "column": (
        'op.drop_column("t", "zzz")',
        'sa.exc.OperationalError as error and "no such column" in str(error.orig)',
        "no such column: 'zzz' of the table 't'",
    ),
    "column to alter": (
        'op.alter_column("t", "zzz", nullable=False)',
        'sa.exc.OperationalError as error and "no such column" in str(error)',
        "no such column: 'zzz' of the table 't'",
    ),
    "table": (
        'op.drop_column("zzz", "a")',
        'sa.exc.OperationalError as error and "no such table: zzz" in str(error.orig)',
        "no such table: 'zzz'",
    ),
    "constraint": (
        'op.drop_constraint("uq_x", "t", type_="unique")',
        'NotImplementedError as error and "uq_x" in str(error)',
        "No such constraint: 'uq_x', a unique constraint of the table 't'",
    ),
    "constraint of no table": (
        'op.create_unique_constraint("uq_x", "zzz", ["a"])',
        'NotImplementedError as error and "zzz" in str(error)',
        "no such table: 'zzz'",
    ),
    "column in a batch": (
        BATCH + 'batch.drop_column("zzz")',
        'KeyError as error and "zzz" in str(error)',
        "no such column: 'zzz' of the table 't'",
    ),
    "constraint in a batch": (
        BATCH + 'batch.drop_constraint("uq_x", type_="unique")',
        "ValueError as error and str(error).startswith(\"No such constraint: 'uq_x'\")",
        "No such constraint: 'uq_x', a unique constraint of the table 't'",
    ),
    "constraint without a name in a batch": (
        BATCH + 'batch.drop_constraint(None, type_="unique")',
        "ValueError as error and error",
        "it is not clear which unique constraint of the table 't' is meant",
    ),
    "index in a batch": (
        BATCH + 'batch.drop_column("b")\n    batch.drop_index("ix_x")',
        "ValueError as error and str(error).startswith(\"No such index: 'ix_x'\")",
        "No such index: 'ix_x' of the table 't'",
    ),
    "table of a batch": (
        'with op.batch_alter_table("zzz") as batch:\n    batch.drop_column("a")',
        'sa.exc.NoSuchTableError as error and "zzz" in str(error)',
        "no such table: 'zzz'",
    ),
}


def catching(body: str, kind: str, then: str = "") -> str:
    """Write a revision that catches what a statement raises, and tells."""
    kind, _, condition = kind.partition(" and ")
    lines = body.replace("\n", "\n    ")
    return f"try:\n    {lines}\nexcept {kind}:\n    print('caught', bool({condition}))\n{then}"


@pytest.mark.parametrize("case", NOT_THERE)
def test_what_is_not_there_raises_what_it_raised(project, url, enforced, case):
    """The exception is the one of Alembic or of SQLite, and nothing has changed."""
    new_project(project)
    script(url, TABLES)
    before = everything(url)
    body, kind, _ = NOT_THERE[case]
    revision(project, 1, catching(body, kind))
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert "caught True\n" in done.out
    assert everything(url) == before


@pytest.mark.parametrize("case", NOT_THERE)
def test_what_is_not_there_is_told_in_one_line(project, url, case):
    """Where nothing catches it, one line says what is missing."""
    new_project(project)
    script(url, TABLES)
    before = everything(url)
    body, _, told = NOT_THERE[case]
    revision(project, 1, body)
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert failed.error.startswith("Error: ")
    assert f": {told}" in failed.error
    assert len(failed.error.splitlines()) == 1
    assert everything(url) == before


REFUSED = {
    "not null without a default": (
        'op.add_column("t", sa.Column("c", sa.Integer, nullable=False))',
        "sa.exc.OperationalError as error and error.orig",
    ),
    "unique": ('op.create_unique_constraint("uq_a", "t", ["a"])', "NotImplementedError as e and e"),
    "not null": (
        'op.alter_column("t", "a", nullable=False)',
        "sa.exc.OperationalError as error and error.orig",
    ),
    "two at once": (
        'op.alter_column("t", "b", new_column_name="bb", nullable=False)',
        "Exception as error and error",
    ),
    "in a function": ('one("t", "a")', "Exception as error and error"),
    "suppressed": (
        "with contextlib.suppress(Exception):\n"
        '    op.alter_column("t", "a", nullable=False)\n'
        '    print("not reached")\n'
        'raise ValueError("as above")',
        "ValueError as error and error",
    ),
}
HELPERS = """
    import contextlib
    def one(table, column):
        op.alter_column(
            table,
            column,
            nullable=False,
        )
    """


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_rows_refuse_is_raised_where_it_is_called(project, url, enforced, case):
    """A failure is caught by the `try` around the call, and undoes that call alone."""
    new_project(project)
    script(url, TABLES)
    before = everything(url)
    body, kind = REFUSED[case]
    revision(project, 1, textwrap.dedent(HELPERS) + catching(body, kind))
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert done.out == "caught True\n"
    assert everything(url) == before


def test_what_stands_around_a_caught_failure_is_done(project, url, enforced):
    """Operations before and behind it, in the `try` and outside, are there."""
    new_project(project)
    script(url, TABLES)
    revision(
        project,
        1,
        """
        op.alter_column("t", "b", server_default="y")
        try:
            op.create_check_constraint("ck_a", "t", "a < 9")
            op.alter_column("t", "a", new_column_name="aa", nullable=False)
        except Exception:
            op.add_column("t", sa.Column("z", sa.Integer, server_default="7"))
        op.alter_column("t", "a", type_=sa.BigInteger())
        """,
    )
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    (definition,) = read(url, "SELECT sql FROM sqlite_master WHERE name = 't'")[0]
    for part in ("a BIGINT,", "DEFAULT 'y'", "CONSTRAINT ck_a CHECK (a < 9)", "DEFAULT '7'"):
        assert part in definition
    assert read(url, "SELECT a, b, z FROM t") == [(5, "u", 7), (5, "v", 7), (None, None, 7)]


@pytest.mark.parametrize(
    "then",
    ['op.drop_column("t", "zzz")', 'op.execute("SELECT 1")', 'op.drop_table("zzz")', "x = 1 / 0"],
)
def test_a_failure_outside_is_not_swallowed_by_what_follows(project, url, then):
    """What waits to be written fails the revision, wherever it is written in the end."""
    new_project(project)
    script(url, TABLES)
    before = everything(url)
    revision(
        project,
        1,
        f"""
        op.alter_column("t", "a", nullable=False)
        try:
            {then}
        except Exception:
            pass
        """,
    )
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert failed.error.startswith("Error: revision r1 failed: NOT NULL constraint failed: ")
    assert everything(url) == before
