"""A rebuilt table keeps what the revision does not name."""

from __future__ import annotations

import pytest
from databases import everything, read, script
from projects import db, new_project
from random_tables import GENERATED_KNOWN, STRICT_KNOWN
from revisions import revision, up

# what a table can have: the definition of the table `t`, and what is created beside it
OBJECTS = {
    "a trigger": (
        "id INTEGER PRIMARY KEY, n INTEGER, x TEXT",
        "CREATE TABLE log (what TEXT);"
        "CREATE TRIGGER after_t AFTER UPDATE OF n ON t WHEN new.n > 1 BEGIN\n"
        "  INSERT INTO log VALUES ('n of ' || new.id); -- noted\nEND;",
    ),
    "a trigger of another table": (
        "id INTEGER PRIMARY KEY, n INTEGER, x TEXT",
        "CREATE TABLE o (id INTEGER PRIMARY KEY);"
        "CREATE TRIGGER after_o DELETE ON o BEGIN UPDATE t SET n = 0 WHERE id = old.id; END;",
    ),
    "a view": (
        "id INTEGER PRIMARY KEY, n INTEGER, x TEXT",
        "CREATE VIEW v AS SELECT id, n FROM t WHERE n > 0; CREATE VIEW vv AS SELECT * FROM v, t;"
        "CREATE TRIGGER of_v INSTEAD OF DELETE ON v BEGIN DELETE FROM t WHERE id = old.id; END;",
    ),
    "indexes": (
        "id INTEGER PRIMARY KEY, n INTEGER, x TEXT",
        "CREATE INDEX ix_expression ON t (n + 1, lower(x));"
        "CREATE UNIQUE INDEX ix_partial ON t (x) WHERE n > 0 /* only those */;"
        "CREATE INDEX ix_descending ON t (n DESC, x COLLATE NOCASE ASC);",
    ),
    "AUTOINCREMENT": (
        "id INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER, x TEXT",
        "INSERT INTO t (id) VALUES (500); DELETE FROM t WHERE id = 500;",
    ),
    "COLLATE": ("id INTEGER PRIMARY KEY, n INTEGER, x TEXT COLLATE NOCASE UNIQUE", ""),
    "CHECKs": (
        "id INTEGER PRIMARY KEY, n INTEGER CHECK (n >= 0), x TEXT CONSTRAINT short\n"
        "CHECK (length(x) < 10), CHECK (n <> 13 OR x <> ','), CONSTRAINT c CHECK (id > 0)",
        "",
    ),
    "defaults": (
        "id INTEGER PRIMARY KEY, n INTEGER DEFAULT (abs(-5) + 1), x TEXT DEFAULT ',(' , "
        "at TEXT DEFAULT CURRENT_TIMESTAMP, f REAL DEFAULT -1.5e3, b BLOB DEFAULT x'00ff'",
        "",
    ),
    "conflict clauses": (
        "id INTEGER PRIMARY KEY ON CONFLICT REPLACE, n INTEGER NOT NULL ON CONFLICT IGNORE, "
        "x TEXT UNIQUE ON CONFLICT IGNORE, CONSTRAINT u UNIQUE (n, x) ON CONFLICT FAIL",
        "",
    ),
    "WITHOUT ROWID": (
        "id INTEGER, n INTEGER, x TEXT, PRIMARY KEY (x COLLATE NOCASE, id DESC)",
        "",
    ),
    "comments": (
        "\n    -- the first,\n    id INTEGER PRIMARY KEY, -- the key (really)\n"
        "    n INTEGER, /* a number, */\n    x TEXT -- it's a text\n    -- the end\n",
        "",
    ),
    "foreign keys": (
        "id INTEGER PRIMARY KEY, n INTEGER CONSTRAINT of_n REFERENCES g (id) ON DELETE SET NULL "
        "ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED, x TEXT, FOREIGN KEY (n, x) REFERENCES "
        "g (id, x) ON DELETE SET DEFAULT MATCH FULL NOT DEFERRABLE",
        "CREATE TABLE g (id INTEGER PRIMARY KEY, x TEXT, UNIQUE (id, x));"
        "INSERT INTO g VALUES (1, 'a'), (2, 'b'), (3, 'c');",
    ),
    "rowids": ("n INTEGER UNIQUE, x TEXT", ""),
    "odd names": (
        'id INTEGER PRIMARY KEY, n, x "VARYING CHARACTER"(20), [a b] INT, `c"d` NUMERIC(10, 2), '
        '"check" TEXT, "e,f" TEXT CHECK ("e,f" <> \')\')',
        'CREATE INDEX "i x" ON t ("check", [a b]);',
    ),
    "letters beyond ASCII": (
        "id INTEGER PRIMARY KEY, n INTEGER, x TEXT, Ä TEXT DEFAULT '1', ä TEXT DEFAULT '2' "
        "UNIQUE ON CONFLICT REPLACE, \U0001f642 TEXT, a\u00a0b TEXT CHECK (a\u00a0b <> 'ß')",
        "CREATE INDEX ix_ö ON t (Ä, \U0001f642); CREATE INDEX ix_Ö ON t (ä);",
    ),
    "percent signs and colons": (
        "id INTEGER PRIMARY KEY, n INTEGER DEFAULT (5 % 3), x TEXT DEFAULT ':x %s %(y)s ? \\:' "
        "CHECK (x NOT LIKE 'z%' AND x <> ':name')",
        "CREATE INDEX ix_like ON t (x) WHERE x <> '%d ? :y';",
    ),
    "old ways to write": (
        "'id' INTEGER CONSTRAINT pk PRIMARY KEY ASC AUTOINCREMENT NOT NULL, n INT NULL, "
        "[x] TEXT DEFAULT \"quoted\" CONSTRAINT u UNIQUE CONSTRAINT k CHECK(x > ''), "
        'CHECK (n>0) CONSTRAINT "a b" UNIQUE(n,x) ON CONFLICT IGNORE',
        "CREATE INDEX IF NOT EXISTS main.ix_old ON t(n);"
        "CREATE TRIGGER IF NOT EXISTS main.tr_old BEFORE DELETE ON main.t BEGIN SELECT 1; END;",
    ),
    "a table made from a query": ("AS SELECT 1 AS n, 'a' AS x", "DELETE FROM t;"),
}
if GENERATED_KNOWN:
    OBJECTS["generated columns"] = (
        "id INTEGER PRIMARY KEY, n INTEGER, x TEXT, twice INTEGER GENERATED ALWAYS AS (n * 2) "
        "STORED NOT NULL, loud TEXT AS (upper(x)) VIRTUAL",
        "CREATE INDEX ix_loud ON t (loud);"
        "CREATE TRIGGER tr UPDATE OF twice ON t BEGIN DELETE FROM t WHERE 0; END;",
    )
if STRICT_KNOWN:
    OBJECTS["STRICT"] = ("id INTEGER PRIMARY KEY, n INT, x ANY, y TEXT", "")
ROWS = "INSERT INTO t (n, x) VALUES (1, 'a'), (2, 'b'), (3, 'c'); DELETE FROM t WHERE n = 2;"
ROLES = {
    "alone": "",
    "parent": """
        CREATE TABLE child (
            id INTEGER PRIMARY KEY, n INTEGER REFERENCES t (id) ON DELETE CASCADE
        );
        INSERT INTO child VALUES (1, 1), (2, 3), (3, NULL);
    """,
    "self": "",
}


def table_of(name: str, role: str) -> str:
    """Write the statements for one of the objects."""
    definition, beside = OBJECTS[name]
    if name == "a table made from a query":
        return f"CREATE TABLE t {definition}; {beside} {ROWS}"
    if role == "self":
        definition = f"me INTEGER REFERENCES t (id) ON DELETE CASCADE, {definition.lstrip()}"
    rows = ROWS
    if name == "WITHOUT ROWID":
        rows = "INSERT INTO t (id, n, x) VALUES (1, 1, 'a'), (3, 3, 'c');"
    child = ROLES[role]
    if " id " not in f" {definition}" or name == "WITHOUT ROWID":
        child = child.replace("t (id)", "t")
    options = name if name in ("STRICT", "WITHOUT ROWID") else ""
    return f"CREATE TABLE t ({definition}) {options}; {beside} {rows} {child}"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", OBJECTS)
def test_what_a_batch_does_not_name_is_kept(project, url, enforced, name, role):
    """Schema text, pragmas and rows are the same when a column came and went."""
    if role != "alone" and name in ("rowids", "a table made from a query"):
        pytest.skip("nothing can refer to it")
    if role != "alone" and name == "WITHOUT ROWID":
        pytest.skip("its key has two columns")
    new_project(project)
    script(url, table_of(name, role))
    before = everything(url)
    up(
        project,
        1,
        """
        with op.batch_alter_table("t", recreate="always") as batch:
            batch.add_column(sa.Column("extra", sa.Text(), server_default="e"))
        """,
        """
        with op.batch_alter_table("t") as batch:
            batch.drop_column("extra")
        """,
    )
    between = everything(url)
    assert set(between["schema"]) == set(before["schema"])
    assert {k: v for k, v in between["schema"].items() if k != ("table", "t")} == {
        k: v for k, v in before["schema"].items() if k != ("table", "t")
    }
    assert {row[0] for row in read(url, "SELECT extra FROM t")} == {"e"}
    down = db(project, "downgrade")
    assert down.status == 0, down.err
    assert everything(url) == before
    assert read(url, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("clause", ["REPLACE", "IGNORE", "FAIL", "ROLLBACK"])
def test_no_row_is_dropped_on_the_way_by_a_conflict_clause(project, url, enforced, clause):
    """Rows that are two of a kind by a new type stop the step, whatever the clause says."""
    new_project(project)
    script(
        url,
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT UNIQUE ON CONFLICT {clause});"
        "INSERT INTO t VALUES (1, '1'), (2, '01');",
    )
    before = everything(url)
    revision(project, 1, 'op.alter_column("t", "x", type_=sa.Integer())')
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "UNIQUE constraint failed: " in failed.error
    assert len(failed.error.splitlines()) == 1
    assert everything(url) == before


def test_names_differ_for_python_that_differ_for_sqlite(project, url):
    """Capitals beyond ASCII are letters of their own: the column that is named is dropped."""
    new_project(project)
    script(
        url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, Ä TEXT, ä TEXT); CREATE INDEX ix ON t (Ä);"
        "INSERT INTO t VALUES (1, 'A', 'a');",
    )
    up(project, 1, 'op.drop_column("t", "ä")')
    assert read(url, "SELECT * FROM t") == [(1, "A")]
    assert read(url, "SELECT sql FROM sqlite_master WHERE name = 'ix'") == [
        ("CREATE INDEX ix ON t (Ä)",)
    ]


def test_a_number_once_given_is_not_given_again(project, url):
    """AUTOINCREMENT goes on behind the highest number, whatever was deleted."""
    new_project(project)
    script(url, table_of("AUTOINCREMENT", "alone"))
    up(
        project,
        1,
        """
        with op.batch_alter_table("t", recreate="always") as batch:
            batch.alter_column("x", type_=sa.String(50))
        op.execute("INSERT INTO t (n) VALUES (9)")
        """,
    )
    assert read(url, "SELECT id FROM t WHERE n = 9") == [(504,)]


CHANGES = {
    "type": (
        'batch.alter_column("n", type_=sa.BigInteger())',
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n BIGINT /* kept */, x TEXT)",
    ),
    "not null": (
        'batch.alter_column("n", nullable=False)',
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL /* kept */, x TEXT)",
    ),
    "default": (
        'batch.alter_column("x", server_default="it\'s")',
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER /* kept */, x TEXT DEFAULT 'it''s')",
    ),
    "name": (
        'batch.alter_column("n", new_column_name="m")',
        'CREATE TABLE t (id INTEGER PRIMARY KEY, "m" INTEGER /* kept */, x TEXT)',
    ),
    "name and type": (
        'batch.alter_column("n", new_column_name="m", type_=sa.Text())',
        'CREATE TABLE t (id INTEGER PRIMARY KEY, "m" TEXT /* kept */, x TEXT)',
    ),
    "unique": (
        'batch.create_unique_constraint("uq", ["n", "x"])',
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER /* kept */, x TEXT, "
        "CONSTRAINT uq UNIQUE (n, x))",
    ),
    "check": (
        'batch.create_check_constraint("ck", "n > 0")',
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER /* kept */, x TEXT, "
        "CONSTRAINT ck CHECK (n > 0))",
    ),
    "foreign key": (
        'batch.create_foreign_key("fk", "t", ["n"], ["id"], ondelete="CASCADE")',
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER /* kept */, x TEXT, "
        "CONSTRAINT fk FOREIGN KEY(n) REFERENCES t (id) ON DELETE CASCADE)",
    ),
    "primary key": (
        'batch.create_primary_key("pk", ["id", "n"])',
        "CREATE TABLE t (id INTEGER, n INTEGER /* kept */, x TEXT, "
        "CONSTRAINT pk PRIMARY KEY (id, n))",
    ),
    "drop": ('batch.drop_column("n")', "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)"),
    "order": (
        'batch.add_column(sa.Column("m", sa.Date()), insert_after="id")',
        "CREATE TABLE t (id INTEGER PRIMARY KEY, m DATE, n INTEGER /* kept */, x TEXT)",
    ),
    "nothing": ("pass", "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER /* kept */, x TEXT)"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_batch_writes_what_it_names_and_nothing_else(project, url, enforced, change):
    """The definition differs in what the batch says."""
    if change in ("order",) and "insert_after" not in _add_column_parameters():
        pytest.skip("this Alembic adds columns at the end")
    new_project(project)
    script(
        url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER /* kept */, x TEXT);"
        "INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b');",
    )
    body, expected = CHANGES[change]
    up(project, 1, f'with op.batch_alter_table("t", recreate="always") as batch:\n    {body}')
    assert read(url, "SELECT sql FROM sqlite_master WHERE name = 't'") == [(expected,)]
    assert read(url, "SELECT id, x FROM t") == [(1, "a"), (2, "b")]


def _add_column_parameters():
    import inspect

    from alembic.operations import BatchOperations

    return inspect.signature(BatchOperations.add_column).parameters


DROPPED_IN_A_VIEW = """
    with op.batch_alter_table("t", recreate="always") as batch:
        batch.drop_column("n")
    """


@pytest.mark.parametrize("name", ["a view", "a trigger of another table"])
def test_what_a_step_would_break_stops_it(project, url, name):
    """One line names the view or the trigger; nothing is changed, unless the revision allows it."""
    new_project(project)
    script(url, table_of(name, "alone"))
    before = everything(url)
    revision(project, 1, DROPPED_IN_A_VIEW)
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert len(failed.error.splitlines()) == 1
    assert ("view 'v'" if name == "a view" else "trigger 'after_o'") in failed.error
    assert everything(url) == before

    path = project.folder / "migrations/versions/r1_.py"
    path.write_text(path.read_text() + "\nallow_loss = True\n")
    assert db(project, "upgrade").status == 0
    assert set(everything(url)["schema"]) == set(before["schema"])


@pytest.mark.parametrize("event", ["AFTER UPDATE OF n", "UPDATE OF gone, n"])
def test_a_trigger_that_would_never_fire_again_stops_a_step(project, url, event):
    """Nobody would miss it: the columns that it waits for are not there any more."""
    new_project(project)
    script(
        url,
        f"""
        CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, x TEXT);
        CREATE TRIGGER tr {event} ON t BEGIN DELETE FROM t WHERE id = new.id; END;
        CREATE TRIGGER other UPDATE OF n, x ON t BEGIN SELECT 1; END;
        CREATE VIEW v AS SELECT id FROM t;
        CREATE TRIGGER of_v INSTEAD OF UPDATE ON v BEGIN UPDATE t SET n = 1 WHERE id = 1; END;
        """,
    )
    before = everything(url)
    revision(project, 1, 'op.drop_column("t", "n")')
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "would break or lose the trigger 'of_v', the trigger 'tr': " in failed.error
    assert everything(url) == before


def test_a_table_described_by_the_script_loses_nothing(project, url, enforced):
    """What `copy_from` leaves out is kept, as are triggers and indexes."""
    new_project(project)
    script(
        url,
        """
        CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER, x TEXT COLLATE NOCASE,
            CHECK (n > 0));
        CREATE INDEX ix ON t (n + 1);
        CREATE TABLE log (n INTEGER);
        CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES (1); END;
        INSERT INTO t (n, x) VALUES (1, 'a');
        """,
    )
    before = everything(url)
    up(
        project,
        1,
        """
        table = sa.Table(
            "t", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("n", sa.Integer), sa.Column("x", sa.Text)
        )
        with op.batch_alter_table("t", copy_from=table, recreate="always") as batch:
            batch.add_column(sa.Column("y", sa.Text))
        """,
    )
    found = everything(url)["schema"]
    for words in ("PRIMARY KEY AUTOINCREMENT", "COLLATE NOCASE", "CHECK (n > 0)", "y TEXT"):
        assert words in found["table", "t"]
    assert found["trigger", "tr"] == before["schema"]["trigger", "tr"]
    assert found["index", "ix"] == before["schema"]["index", "ix"]
    assert read(url, "SELECT * FROM t") == [(1, 1, "a", None)]
    assert read(url, "SELECT * FROM log") == [(1,)]


def test_what_was_prepared_for_another_schema_is_not_explained(project, url, monkeypatch):
    """SQLite crashes when EXPLAIN is asked again for a statement that was prepared before."""
    from migrate_script.sqlite_alter.schema import Schema

    asked = []
    rows = Schema.rows
    monkeypatch.setattr(
        Schema, "rows", lambda self, query: asked.append(query) or rows(self, query)
    )
    new_project(project)
    script(url, table_of("a trigger", "alone") + "CREATE VIEW ids AS SELECT id FROM t;")
    up(project, 1, 'op.alter_column("t", "n", new_column_name="m")')
    explained = [query for query in asked if query.startswith("EXPLAIN")]
    assert len(explained) > 2
    assert len(set(explained)) == len(explained)


@pytest.mark.parametrize("comment", [" -- it's a text\n", " /* it's a text */"])
def test_a_comment_stays_with_what_it_stands_behind(project, url, comment):
    """Neither a column that SQLite adds nor a constraint behind it takes it along."""
    new_project(project)
    script(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT{comment});")
    up(
        project,
        1,
        'op.create_check_constraint("k", "t", "id > 0")\n'
        'op.execute("SELECT 1")\n'
        'op.add_column("t", sa.Column("y", sa.Integer()))',
        'op.drop_column("t", "y")\nop.drop_constraint("k", "t", type_="check")',
    )
    for command in ("downgrade", "upgrade", "downgrade"):
        assert db(project, command).status == 0
        assert f"x TEXT{comment}" in everything(url)["schema"]["table", "t"]
