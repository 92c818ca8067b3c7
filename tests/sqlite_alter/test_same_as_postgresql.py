"""The same operations leave the same tables on SQLite as on PostgreSQL."""

from __future__ import annotations

import re
import uuid

import pytest
from databases import execute, inspected, reads_checks, rows, tables
from hypothesis import given, note, settings
from hypothesis import strategies as st
from projects import db
from random_alterations import revisions
from random_tables import EACH_RUN_THE_SAME, Column, Schema
from revisions import revision

TYPES = {"INTEGER": "sa.Integer()", "TEXT": "sa.Text()", "VARCHAR(20)": "sa.String(20)"}
NAMES = ["a", "c d", "order", "Ü"]
BESIDE = """
op.create_table("p", sa.Column("id", sa.Integer(), nullable=False), sa.PrimaryKeyConstraint("id"))
op.execute("INSERT INTO p VALUES (1), (2), (3)")
op.create_table(
    "c", sa.Column("id", sa.Integer(), nullable=False), sa.Column("t", sa.Integer()),
    sa.ForeignKeyConstraint(["t"], ["t.id"]), sa.PrimaryKeyConstraint("id")
)
op.execute("INSERT INTO c VALUES (1, 1), (2, 3), (3, NULL)")
"""


@st.composite
def portable(draw):
    """Draw a database that both have in common, and the revision that makes it."""
    columns, lines = [], []
    for name in NAMES[: draw(st.integers(1, 4))]:
        kind = draw(st.sampled_from(sorted(TYPES)))
        not_null = draw(st.booleans())
        default = draw(st.sampled_from(["", "'8'"]))
        key = ', sa.ForeignKey("p.id")' * (kind == "INTEGER" and draw(st.booleans()))
        clauses = ["NOT NULL"] * not_null
        columns.append(Column(name, f'"{name}"', kind, clauses, not_null, default))
        more = f", server_default={default}" if default else ""
        lines.append(f"sa.Column({name!r}, {TYPES[kind]}{key}, nullable={not not_null}{more}),")
    check = ["CONSTRAINT ck_t CHECK (id > 0)"] if draw(st.booleans()) else []
    if check:
        lines.append('sa.CheckConstraint("id > 0", name="ck_t"),')
    if draw(st.booleans()):
        lines.append('sa.UniqueConstraint("id", "a", name="uq_t"),')
    table = 'op.create_table("t", sa.Column("id", sa.Integer(), nullable=False),\n    '
    table += "\n    ".join(lines) + '\n    sa.PrimaryKeyConstraint("id"))\n'
    quoted = ", ".join(["id", *(f'"{c.name}"' for c in columns)])
    for number in (1, 2, 3):
        possible = [["'1'", "'2'"] + ["NULL"] * (not column.not_null) for column in columns]
        values = ", ".join([str(number), *(draw(st.sampled_from(some)) for some in possible)])
        insert = f"INSERT INTO t ({quoted}) VALUES ({values})"
        table += f"op.execute({insert!r})\n"
    first, rest = BESIDE.strip().split("\nop.create_table(\n", 1)
    body = f"{first}\n{table}op.create_table(\n{rest}"
    return Schema(body, columns, "plain", False, True, check, True)


def bare(text):
    """Leave out what the databases write around an expression, each in its way."""
    return re.sub(r"nextval.*|::[a-z ]+|[()\s\"']|CHECK", "", text or "")


def picture(url):
    """Return the columns, the constraints and the rows of every table."""
    found = {}
    with inspected(url) as inspector:
        for name in sorted(tables(url)):
            found[name] = _of_table(inspector, name)
            listed = ", ".join(f'"{column[0]}"' for column in found[name][0])
            found[name] += (sorted(rows(url, f'SELECT {listed} FROM "{name}"'), key=repr),)
    return found


def _of_table(inspector, name):
    columns = [
        (column["name"], str(column["type"]), column["nullable"], bare(column["default"]))
        for column in inspector.get_columns(name)
    ]
    keys = sorted(
        (key["constrained_columns"], key["referred_table"], key["referred_columns"])
        for key in inspector.get_foreign_keys(name)
    )
    # of two on the same columns, SQLAlchemy gives one on SQLite
    unique = {tuple(key["column_names"]) for key in inspector.get_unique_constraints(name)}
    checks = sorted(bare(check["sqltext"]) for check in inspector.get_check_constraints(name))
    indexes = sorted(
        (index["name"], index["column_names"])
        for index in inspector.get_indexes(name)
        if "duplicates_constraint" not in index
    )
    primary = inspector.get_pk_constraint(name)["constrained_columns"]
    return columns, keys, unique, checks, indexes, primary


def way(project, monkeypatch, url):
    """Go up, down, up and away, and look at the database at each place."""
    monkeypatch.setenv("DATABASE_URL", url)
    seen = []
    for command in (["upgrade"], ["downgrade"], ["upgrade"], ["downgrade", "base"]):
        done = db(project, *command)
        assert done.status == 0, (url, done.err)
        seen.append(picture(url))
    return seen


def same_on_both(project, monkeypatch, server, data, most):
    """Draw a database and a revision, and run them on both."""
    schema = data.draw(portable())
    drawn = data.draw(revisions(schema, most))
    note(schema.statements + "\n--\n" + drawn.up + "\n--\n" + drawn.down)
    away = "\n".join(f'op.drop_table("{name}")' for name in "ctp")
    revision(project, 1, schema.statements, away)
    revision(project, 2, drawn.up, drawn.down)
    execute(server, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    here = f"sqlite:///{project.folder}/{uuid.uuid4().hex}.db"
    for ours, theirs in zip(way(project, monkeypatch, here), way(project, monkeypatch, server)):
        assert sorted(ours) == sorted(theirs)
        for name, found in ours.items():
            assert found == theirs[name]


@pytest.fixture
def server(new_database):
    """A database of PostgreSQL, where SQLAlchemy can look at both."""
    if not reads_checks("sqlite://"):
        pytest.skip("this SQLAlchemy does not read the CHECKs of SQLite")
    return new_database("postgresql")


@settings(EACH_RUN_THE_SAME, max_examples=5)
@given(data=st.data())
@pytest.mark.usefixtures("folder")
def test_both_databases_end_up_the_same(project, monkeypatch, server, data):
    """Columns, constraints and rows, after each of up, down, up and down to nothing."""
    same_on_both(project, monkeypatch, server, data, most=4)


@pytest.mark.slow
@pytest.mark.for_long
@settings(EACH_RUN_THE_SAME, max_examples=400)
@given(data=st.data())
@pytest.mark.usefixtures("folder")
def test_both_databases_end_up_the_same_for_long(project, monkeypatch, server, data):
    """The same with more operations."""
    same_on_both(project, monkeypatch, server, data, most=7)
