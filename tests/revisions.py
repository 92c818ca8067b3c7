"""Revisions written by hand: one that works, and some that fail half-way."""

from __future__ import annotations

import textwrap
from typing import Any

from databases import picture, rows, version
from projects import Project, db, new_project, write_source

REVISION = '''
"""step {number}"""
import sqlalchemy as sa
from alembic import op

revision = "r{number}"
down_revision = {parent!r}


def upgrade({arguments}):
{up}


def downgrade({arguments}):
{down}
'''


def revision(
    project: Project, number: int, up: str, down: str = "pass", arguments: str = ""
) -> None:
    """Write the revision of a number, which follows the one before."""
    text = REVISION.format(
        number=number,
        parent=f"r{number - 1}" if number > 1 else None,
        arguments=arguments,
        up=textwrap.indent(textwrap.dedent(up).strip(), "    "),
        down=textwrap.indent(textwrap.dedent(down).strip(), "    "),
    )
    path = project.folder / f"migrations/versions/r{number}_.py"
    write_source(path, text.lstrip())


def line_of(project: Project, number: int, line: int | None) -> str:
    """Return how an error names a line of the revision of a number, or its file."""
    path = project.folder / f"migrations/versions/r{number}_.py"
    return f"{path}, line {line}" if line else str(path)


BASE = """
    op.create_table(
        "a", sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer)
    )
    op.execute("INSERT INTO a (id, n) VALUES (1, 100)")
    op.execute("INSERT INTO a (id, n) VALUES (2, 100)")
"""


def begin(project: Project, down: str = "pass") -> None:
    """Write a project whose database is at its only revision."""
    new_project(project)
    revision(project, 1, BASE, down)
    assert db(project, "upgrade").status == 0


def up(project: Project, number: int, body: str, down: str = "pass") -> Any:
    """Write a revision and upgrade to it."""
    revision(project, number, body, down)
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    return done


# what breaks a revision half-way, and what is put in its place to cure it
HALF_WAY = {
    "a statement fails": (
        """
        op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
        op.add_column("a", sa.Column("x", sa.Integer))
        {}
        op.create_table("c", sa.Column("id", sa.Integer, primary_key=True))
        op.execute("UPDATE a SET x = 1")
        """,
        'op.execute("INSERT INTO missing (id) VALUES (1)")',
    ),
    "Python fails between statements": (
        """
        op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
        {}
        op.add_column("a", sa.Column("x", sa.Integer))
        """,
        '{}["missing"]',
    ),
    "a data migration fails behind a change": (
        """
        op.add_column("a", sa.Column("x", sa.Integer))
        op.execute("UPDATE a SET x = n + 1")
        {}
        op.execute("UPDATE a SET n = x + 1")
        """,
        'raise ValueError("bad row")',
    ),
    "a data migration fails": (
        """
        op.execute("UPDATE a SET n = n + 1")
        {}
        op.execute("UPDATE a SET n = n + 1")
        """,
        'raise ValueError("bad row")',
    ),
    "a unique index meets a double": (
        """
        op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
        {}
        op.create_index("ix_a_n", "a", ["n"], unique=True)
        """,
        'op.execute("SELECT 1")',
    ),
    "a copy of a table meets a double": (
        """
        op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
        {}
        with op.batch_alter_table("a", recreate="always") as batch:
            batch.create_unique_constraint("uq_a_n", ["n"])
        """,
        'op.execute("SELECT 1")',
    ),
    "a change of rows, then one of the schema that fails": (
        """
        op.execute("UPDATE a SET n = n + 1")
        {}
        op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
        """,
        'op.create_table("a", sa.Column("id", sa.Integer, primary_key=True))',
    ),
}


# the last row of two equal ones is in the way of the unique index
CURE_ROWS = {"a unique index meets a double", "a copy of a table meets a double"}


def broken(case: str) -> str:
    """Return the revision that fails."""
    body, fault = HALF_WAY[case]
    return body.replace("{}", fault, 1)


def cured(case: str) -> str:
    """Return the revision once its cause is removed."""
    body, fault = HALF_WAY[case]
    return body.replace("{}", fault if case in CURE_ROWS else "pass", 1)


def remove_cause(case: str, project: Project, url: str) -> None:
    """Remove what the message named."""
    if case in CURE_ROWS:
        rows(url, "UPDATE a SET n = 200 WHERE id = 2")
    revision(project, 2, cured(case))


def fail_then_cure(case: str, project: Project, url: str) -> None:
    """Upgrade to r2, which fails half-way, remove the cause, and upgrade again."""
    before = picture(url)
    revision(project, 2, broken(case))
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert len(failed.error.splitlines()) == 1
    assert version(url) == ["r1"]
    if not url.startswith("mysql"):
        assert picture(url) == before
    remove_cause(case, project, url)
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert version(url) == ["r2"]
