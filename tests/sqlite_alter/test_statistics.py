"""What ANALYZE found about a table is kept when the table is rebuilt."""

from __future__ import annotations

import pytest
from databases import everything, read, script
from projects import db, new_project
from revisions import revision, up

SCHEMA = """
    CREATE TABLE p (id INTEGER PRIMARY KEY);
    CREATE TABLE t (
        id INTEGER PRIMARY KEY, a INTEGER, b TEXT, c INTEGER REFERENCES p (id), UNIQUE (a),
        CONSTRAINT uq UNIQUE (b, c)
    );
    CREATE INDEX ix_b ON t (b);
    CREATE INDEX "odd (ix)" ON t (c DESC, lower(b)) WHERE c > 0;
    CREATE TABLE bare (id INTEGER, n INTEGER);
    CREATE TABLE w (k TEXT PRIMARY KEY, n INTEGER UNIQUE) WITHOUT ROWID;
    CREATE INDEX ix_n ON w (n);
    INSERT INTO p VALUES (1), (2);
    INSERT INTO t VALUES (1, 1, 'x', 1), (2, 2, 'x', 2), (3, 3, 'x', NULL);
    INSERT INTO bare VALUES (1, 1), (2, 2), (3, 3);
    INSERT INTO w VALUES ('x', 1), ('y', 2);
    ANALYZE;
"""


def known(url):
    """Return what ANALYZE found."""
    tables = [name for (kind, name) in everything(url)["schema"] if kind == "table"]
    rows = [
        row
        for name in ("sqlite_stat1", "sqlite_stat4")
        if name in tables
        for row in read(url, f"SELECT * FROM {name}")
    ]
    return sorted(rows, key=repr)


@pytest.mark.parametrize("table", ["t", "bare", "w", "p"])
def test_a_rebuilt_table_is_analyzed_again(project, url, enforced, table):
    """What ANALYZE finds after a rebuild up and one down is what it finds before."""
    new_project(project)
    script(url, SCHEMA)
    before = known(url)
    assert len({row[:2] for row in before}) == 9
    column = {"t": "a", "p": "id"}.get(table, "n")
    up(
        project,
        1,
        f'op.alter_column("{table}", "{column}", server_default="5")',
        f'op.alter_column("{table}", "{column}", server_default=None)',
    )
    assert known(url) == before
    assert db(project, "downgrade").status == 0
    assert known(url) == before


def test_an_index_that_changes_is_analyzed(project, url, enforced):
    """Only indexes that exist have statistics."""
    new_project(project)
    script(url, SCHEMA)
    up(
        project,
        1,
        """
        with op.batch_alter_table("t", recreate="always") as batch_op:
            batch_op.drop_constraint("uq", type_="unique")
            batch_op.drop_index("ix_b")
            batch_op.create_index("ix_b", ["b", "a"])
        """,
    )
    found = known(url)
    assert ("t", "ix_b", "3 3 1") in found
    script(url, "ANALYZE t")
    assert known(url) == found


def test_a_table_without_statistics_is_not_analyzed(project, url):
    """ANALYZE reads a whole table, so nothing asks for it on its own."""
    new_project(project)
    script(url, SCHEMA + "DELETE FROM sqlite_stat1 WHERE tbl = 't';")
    before = known(url)
    up(project, 1, 'op.alter_column("t", "a", server_default="5")')
    assert known(url) == before


def test_statistics_follow_a_table_to_its_new_name(project, url):
    """So do those of the indexes that are named after it."""
    new_project(project)
    script(url, SCHEMA)
    before = known(url)
    up(project, 1, 'op.rename_table("t", "it\'s")\nop.rename_table("w", "x")')
    names = {"t": "it's", "w": "x"}
    moved = [
        (names.get(table, table), names.get(index, str(index)).replace("x_t_", "x_it's_"), *more)
        for table, index, *more in before
    ]
    moved = [(row[0], row[1].replace("x_w_", "x_x_"), *row[2:]) for row in moved]
    assert [tuple(map(str, row)) for row in known(url)] == sorted(
        (tuple(map(str, row)) for row in moved), key=repr
    )


def test_a_failure_leaves_them(project, url, enforced):
    """Nothing is noted for what is rolled back."""
    new_project(project)
    script(url, SCHEMA)
    before = known(url)
    revision(project, 1, 'op.rename_table("w", "x")\nop.drop_column("t", "a")\nraise ValueError()')
    assert db(project, "upgrade").status == 1
    assert known(url) == before
