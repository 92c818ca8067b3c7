"""What ANALYZE found about a table is kept when the table is put together again."""

from __future__ import annotations

import pytest
from altering import everything, read, script, up
from safe import db, new_project, revision

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


def known(url, *but):
    """Give what ANALYZE found."""
    tables = [name for (kind, name) in everything(url)["schema"] if kind == "table"]
    rows = [
        row
        for name in ("sqlite_stat1", "sqlite_stat4")
        if name in tables
        for row in read(url, f"SELECT * FROM {name}")
    ]
    return sorted((row for row in rows if row[1] not in but), key=repr)


@pytest.mark.parametrize("table", ["t", "bare", "w", "p"])
def test_statistics_are_kept(project, url, enforced, table):
    """A re-creation up and one down, of a table with indexes of all kinds or with none."""
    new_project(project)
    script(url, SCHEMA)
    before, all_before = known(url), everything(url)
    assert len({row[:2] for row in before}) == 9
    column = {"t": "a", "p": "id"}.get(table, "n")
    up(
        project,
        1,
        f'op.alter_column("{table}", "{column}", server_default="5")\n'
        f'op.add_column("{table}", sa.Column("new", sa.Integer(), sa.CheckConstraint("new > 0")))',
        f'op.drop_column("{table}", "new")\n'
        f'op.alter_column("{table}", "{column}", server_default=None)',
    )
    assert known(url) == before
    assert db(project, "downgrade").status == 0
    assert everything(url) == all_before


def test_statistics_of_an_index_go_with_it(project, url, enforced):
    """Another index does not get them, though SQLite gives it the name of the one before."""
    new_project(project)
    script(url, SCHEMA)
    before = known(url)
    unique_b = [row for row in before if row[1] == "sqlite_autoindex_t_2"]
    up(
        project,
        1,
        """
        with op.batch_alter_table("t", recreate="always") as batch_op:
            batch_op.drop_constraint(None, type_="unique")
            batch_op.drop_index("ix_b")
            batch_op.create_index("ix_b", ["b", "a"])
        """,
    )
    gone = ("sqlite_autoindex_t_1", "sqlite_autoindex_t_2", "ix_b")
    assert known(url, *gone) == [row for row in before if row[1] not in gone]
    left = [row for row in known(url) if row[1] in gone]
    assert left == [(row[0], "sqlite_autoindex_t_1", *row[2:]) for row in unique_b]


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


def test_samples_are_kept(project, url, enforced):
    """What a SQLite with STAT4 has noted stays for it, whatever SQLite the upgrade runs on."""
    new_project(project)
    script(
        url,
        SCHEMA
        + """
        PRAGMA writable_schema = ON;
        INSERT INTO sqlite_master SELECT 'table', 'sqlite_stat4', 'sqlite_stat4', rootpage,
            'CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)' FROM sqlite_master
            WHERE name = 'spare';
        """.replace("PRAGMA", "CREATE TABLE spare (tbl,idx,neq,nlt,ndlt,sample); PRAGMA", 1)
        + """
        DELETE FROM sqlite_master WHERE name = 'spare';
        """,
    )
    script(
        url, "INSERT INTO sqlite_stat4 VALUES ('t', 'ix_b', '3 1', '0 0', '0 0', X'030F01780027')"
    )
    before = known(url)
    assert any(row[-1] == b"\x03\x0f\x01x\x00'" for row in before)
    up(project, 1, 'op.alter_column("t", "a", type_=sa.BigInteger(), existing_type=sa.Integer())')
    assert known(url) == before


def test_a_failure_leaves_them(project, url, enforced):
    """Nothing is noted for what is rolled back."""
    new_project(project)
    script(url, SCHEMA)
    before = known(url)
    revision(project, 1, 'op.rename_table("w", "x")\nop.drop_column("t", "a")\nraise ValueError()')
    assert db(project, "upgrade").status == 1
    assert known(url) == before
