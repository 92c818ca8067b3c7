"""A table is rebuilt, and the rows that refer to it stay."""

from __future__ import annotations

import re

import pytest
from databases import everything, file_of, foreign_keys, read, script, version
from projects import db, new_project
from revisions import line_of, revision, up
from sqlalchemy import event
from sqlalchemy.engine import Engine

BATCH = """
    with op.batch_alter_table("parent", recreate="always") as batch:
        batch.add_column(sa.Column("note", sa.String(10)))
    """
BATCH_DOWN = """
    with op.batch_alter_table("parent", recreate="always") as batch:
        batch.drop_column("note")
    """
ACTIONS = [
    "ON DELETE CASCADE",
    "ON DELETE SET NULL ON UPDATE CASCADE",
    "ON DELETE SET DEFAULT",
    "ON DELETE RESTRICT",
    "",
    "ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED",
    "DEFERRABLE INITIALLY DEFERRED",
]
FAMILY = """
    CREATE TABLE parent (
        id INTEGER PRIMARY KEY, code TEXT UNIQUE, boss INTEGER REFERENCES parent (id) {0},
        best INTEGER REFERENCES child (id) {0}
    );
    CREATE TABLE child (
        id INTEGER PRIMARY KEY, parent_id INTEGER DEFAULT 1 REFERENCES parent (id) {0},
        code TEXT REFERENCES parent (code) {0}
    );
    INSERT INTO parent VALUES (1, 'a', NULL, 10), (2, 'b', 1, 11), (3, 'c', 3, NULL);
    INSERT INTO child VALUES (10, 1, 'a'), (11, 2, 'b'), (12, 2, 'a'), (13, NULL, NULL);
"""


@pytest.fixture
def on():
    """Foreign keys enforced."""
    with foreign_keys(True):
        yield


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action or "NO ACTION")
def test_child_rows_survive_the_copy_of_their_parent(project, url, action, enforced):
    """Neither the children nor the rows of a cycle change, up and down, whatever the action."""
    new_project(project)
    script(url, FAMILY.format(action))
    before = everything(url)
    up(project, 1, BATCH, BATCH_DOWN)
    assert [row[:-1] for row in read(url, "SELECT * FROM parent")] == [
        (1, "a", None, 10),
        (2, "b", 1, 11),
        (3, "c", 3, None),
    ]
    assert everything(url)["child"] == before["child"]
    down = db(project, "downgrade")
    assert down.status == 0, down.err
    assert everything(url) == before
    assert read(url, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize(
    ("statement", "children"),
    [
        ("DELETE FROM parent WHERE id = 1", [(11, None), (12, None), (13, None)]),
        ("UPDATE parent SET id = 9 WHERE id = 1", [(10, 9), (11, None), (12, None), (13, None)]),
    ],
    ids=["delete", "update"],
)
def test_a_data_migration_cascades_as_ever(project, url, statement, children):
    """DELETE and UPDATE have their effect before, between and behind copies of the table."""
    new_project(project)
    script(
        url,
        """
        CREATE TABLE parent (id INTEGER PRIMARY KEY);
        CREATE TABLE child (
            id INTEGER PRIMARY KEY,
            parent_id INTEGER REFERENCES parent (id) ON DELETE CASCADE ON UPDATE CASCADE
        );
        CREATE TABLE other (
            id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id) ON DELETE SET NULL
        );
        INSERT INTO parent VALUES (1), (2), (3);
        INSERT INTO child VALUES (10, 1), (11, 2), (12, 3), (13, NULL);
        INSERT INTO other VALUES (1, 3);
        """,
    )
    up(
        project,
        1,
        f"""
        op.execute("UPDATE child SET parent_id = NULL WHERE id = 11")
        {BATCH.strip()}
        op.execute("{statement}")
        {BATCH_DOWN.strip()}
        op.execute("DELETE FROM parent WHERE id = 3")
        """.replace("\n    with", "\n        with").replace(
            "\n        batch.", "\n            batch."
        ),
    )
    rows = [row for row in children if row[0] != 12]
    assert read(url, "SELECT * FROM child ORDER BY id") == rows
    assert read(url, "SELECT * FROM other") == [(1, None)]


@pytest.mark.usefixtures("on")
def test_enforcement_is_on_behind_a_copy(project, url):
    """What SQLite refuses before a copy it refuses after it, in the same transaction."""
    new_project(project)
    script(url, FAMILY.format(""))
    before = everything(url)
    revision(project, 1, BATCH.strip() + '\nop.execute("INSERT INTO child VALUES (99, 77, NULL)")')
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "FOREIGN KEY constraint failed" in failed.error
    assert everything(url) == before


@pytest.mark.usefixtures("on")
def test_rows_that_refer_to_nothing_already_are_no_obstacle(project, url):
    """Violations from before are neither an error nor repaired, in the table and in children."""
    new_project(project)
    script(
        url,
        FAMILY.format("ON DELETE CASCADE")
        + "INSERT INTO child VALUES (50, 88, 'z'); INSERT INTO parent VALUES (60, 'q', 77, 78);",
    )
    before = everything(url)
    done = up(project, 1, BATCH, BATCH_DOWN)
    assert "refer to missing" not in done.err
    assert db(project, "downgrade").status == 0
    assert everything(url) == before


DANGLING = """
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("INSERT INTO child VALUES (99, 77, NULL)")
    """


@pytest.mark.usefixtures("on")
def test_new_dangling_rows_are_undone_where_foreign_keys_are_enforced(project, url):
    """A step that leaves rows without their parents is rolled back, and the line counts them."""
    new_project(project)
    script(url, FAMILY.format(""))
    before = everything(url)
    revision(project, 1, DANGLING)
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert failed.error == (
        f"Error: {line_of(project, 1, None)}: since revision r1, 1 row of 'child' refers to "
        "missing rows of 'parent': correct those rows in the revision (PRAGMA "
        "foreign_key_check lists them there), or add "
        "what they refer to before it; the database is at no revision, as before\n"
    )
    assert everything(url) == before


def test_new_dangling_rows_are_reported_where_nothing_is_enforced(project, url):
    """The step is kept, and one line on stderr counts the rows."""
    new_project(project)
    script(url, FAMILY.format(""))
    done = up(project, 1, DANGLING)
    assert "1 row of 'child' refers to missing rows of 'parent': foreign keys are not" in done.err
    assert version(url) == ["r1"]


@pytest.mark.usefixtures("on")
def test_old_violations_of_a_renamed_table_are_not_new(project, url):
    """A table takes its violations along when it gets another name."""
    new_project(project)
    script(url, FAMILY.format("") + "INSERT INTO child VALUES (50, 88, 'z');")
    up(project, 1, 'op.rename_table("child", "kid")')
    assert (50, 88, "z") in read(url, "SELECT * FROM kid")


@pytest.mark.usefixtures("on")
def test_old_violations_of_a_dropped_table_excuse_no_new_ones(project, url):
    """A row of the same number in a table that was there before is another row."""
    new_project(project)
    kin = "CREATE TABLE kin (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id));"
    script(url, FAMILY.format("") + kin + "INSERT INTO kin VALUES (99, 88);")
    revision(project, 1, 'op.execute("DROP TABLE kin")' + DANGLING.replace("\n    ", "\n"))
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "since revision r1, 1 row of 'child' refers to missing rows" in failed.error


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize("env", ["one transaction", "one for each revision"])
def test_what_others_do_between_revisions_is_not_blamed_on_one(project, url, env):
    """What another program writes behind a commit was there before the next revision."""
    new_project(project)
    if env != "one transaction":
        path = project.folder / "migrations/env.py"
        text = path.read_text(encoding="utf-8")
        text = text.replace(
            "configure(**settings)", "configure(transactional_ddl=False, **settings)"
        )
        path.write_text(text, encoding="utf-8")
    script(url, FAMILY.format(""))
    revision(
        project,
        1,
        f"""
        import sqlite3
        op.execute("UPDATE child SET code = 'a' WHERE id = 10")
        op.execute("COMMIT")
        other = sqlite3.connect({file_of(url)!r})
        other.execute("DELETE FROM parent WHERE id = 1")
        other.commit()
        other.close()
        """,
    )
    revision(project, 2, 'op.execute("INSERT INTO child VALUES (30, 2, NULL)")')
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert (
        "since revision r1, 3 rows of 'child' refer to missing rows of 'parent', 1 row of "
        "'parent' refers to missing rows of 'parent': another program wrote to the database "
        "meanwhile, so nothing was undone; correct those rows (PRAGMA foreign_key_check lists "
        "them)\n"
    ) in done.err
    assert "since revision r2" not in done.err
    assert version(url) == ["r2"]


@pytest.mark.usefixtures("on")
def test_a_table_described_by_the_script_keeps_its_children(project, url):
    """`copy_from` leaves the foreign keys out, and they stay, as does what refers to the table."""
    new_project(project)
    script(url, FAMILY.format("ON DELETE CASCADE"))
    before = everything(url)
    up(
        project,
        1,
        """
        table = sa.Table(
            "parent", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("code", sa.Text, unique=True), sa.Column("boss", sa.Integer),
            sa.Column("best", sa.Integer)
        )
        with op.batch_alter_table("parent", copy_from=table, recreate="always") as batch:
            batch.add_column(sa.Column("note", sa.Text))
        """,
    )
    after = everything(url)
    assert after["child"] == before["child"]
    assert after["foreign_key_list", "parent"] == before["foreign_key_list", "parent"]
    assert [row[:2] for row in read(url, "SELECT * FROM parent")] == [(1, "a"), (2, "b"), (3, "c")]


KEYLESS = {
    "constraint": 'op.drop_constraint("uq_code", "parent", type_="unique")',
    "column": 'op.drop_column("parent", "code")',
    "batch": 'with op.batch_alter_table("parent") as batch:\n    batch.drop_constraint("uq_code")',
    "primary key": 'op.create_primary_key(None, "parent", ["id", "code"])',
}
REFERRED = """
    CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT, CONSTRAINT uq_code UNIQUE (code));
    CREATE TABLE child (c TEXT REFERENCES parent (code), id INTEGER REFERENCES parent);
    CREATE TABLE loose (c TEXT REFERENCES loose (x), x TEXT);
    INSERT INTO parent VALUES (1, 'a');
    INSERT INTO child VALUES ('a', 1);
"""


@pytest.mark.parametrize("change", KEYLESS)
def test_a_key_that_others_refer_to_is_not_lost_silently(project, url, enforced, change):
    """SQLite would refuse every change of the children; that stops the step, or is said."""
    new_project(project)
    script(url, REFERRED)
    before = everything(url)
    revision(project, 1, KEYLESS[change])
    done = db(project, "upgrade")
    assert "'child' refers to columns of 'parent' that are no longer a key" in done.err
    assert "loose" not in done.err
    if enforced:
        assert done.status == 1
        assert len(done.error.splitlines()) == 1
        assert everything(url) == before
        path = project.folder / "migrations/versions/r1_.py"
        path.write_text(path.read_text() + "\nallow_loss = True\n")
        done = db(project, "upgrade")
        assert "no key" not in done.err
    assert done.status == 0, done.err


@pytest.mark.usefixtures("on")
def test_a_key_that_comes_after_what_refers_to_it_is_no_obstacle(project, url):
    """Tables and their keys may be made in any order, and a key may be made again."""
    new_project(project)
    script(url, REFERRED)
    up(
        project,
        1,
        'op.create_table("new", sa.Column("x", sa.Integer, sa.ForeignKey("child.id")))\n'
        'op.drop_constraint("uq_code", "parent", type_="unique")\n'
        'op.create_unique_constraint("uq_again", "parent", ["code"])',
    )
    up(project, 2, 'op.create_index("ix", "child", ["id"], unique=True)')


LOOKS = {
    "a new table": ('op.create_table("new", sa.Column("id", sa.Integer, primary_key=True))', set()),
    "a column in place": ('op.add_column("child", sa.Column("note", sa.Text()))', set()),
    "a rebuild": ('op.alter_column("other", "n", nullable=False)', {"other"}),
    "a rebuild of a parent": ('op.alter_column("parent", "code", nullable=False)', {"child"}),
    "rows": ('op.execute("UPDATE parent SET code = code")', {"child"}),
    "rows of two tables": (
        'op.execute("UPDATE parent SET code = code")\nop.execute("DELETE FROM child")',
        {"child", "other"},
    ),
    "rows, by a new trigger": (
        'op.execute("UPDATE lonely SET id = id")\n'
        'op.execute("CREATE TRIGGER tr AFTER UPDATE ON lonely BEGIN DELETE FROM child; END")\n'
        'op.execute("UPDATE lonely SET id = id")',
        {"child", "other"},
    ),
    "rows, by the driver": (
        'op.execute("UPDATE lonely SET id = id")\n'
        'op.get_bind().connection.cursor().execute("INSERT INTO child VALUES (5, 1)")',
        {"child", "other"},
    ),
    "rows of nobody's parent": ('op.execute("UPDATE lonely SET id = id")', set()),
    "a table that is dropped": ('op.drop_table("other")', {"other"}),
}


@pytest.mark.parametrize("step", LOOKS)
def test_only_rows_that_a_step_can_have_changed_are_looked_at(project, url, monkeypatch, step):
    """Foreign keys are checked before and after what the step touches, and nowhere else."""
    body, expected = LOOKS[step]
    assert looked_at(project, url, monkeypatch, body) == expected


@pytest.mark.usefixtures("on")
def test_rows_that_a_deletion_can_reach_are_looked_at(project, url, monkeypatch):
    """Enforced foreign keys may delete what refers to a row, and what refers to that."""
    body = 'op.execute("DELETE FROM parent")'
    assert looked_at(project, url, monkeypatch, body) == {"child", "other"}


def looked_at(project, url, monkeypatch, body):
    """Run a step; return the tables whose foreign keys were checked."""
    from migrate_script.sqlite_alter.schema import Schema

    looked = []
    pragma = Schema.pragma
    monkeypatch.setattr(
        Schema, "pragma", lambda self, call: looked.append(call) or pragma(self, call)
    )
    new_project(project)
    script(
        url,
        """
        CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT);
        CREATE TABLE child (id INTEGER PRIMARY KEY, p INTEGER REFERENCES parent (id));
        CREATE TABLE other (id INTEGER PRIMARY KEY, n INTEGER, c INTEGER REFERENCES child (id));
        CREATE TABLE lonely (id INTEGER PRIMARY KEY);
        INSERT INTO parent VALUES (1, 'x');
        INSERT INTO lonely VALUES (1);
        """,
    )
    up(project, 1, body)
    return {call.split('"')[1] for call in looked if call.startswith("foreign_key_check")}


def test_a_statement_for_each_row_is_looked_at_once(project, url, monkeypatch):
    """A script that writes many rows one by one asks no more than one that writes two."""
    from migrate_script.sqlite_alter.schema import Schema

    asked = []
    rows = Schema.rows
    monkeypatch.setattr(Schema, "rows", lambda *args: asked.append(args[1]) or rows(*args))
    new_project(project)
    script(url, FAMILY.format(""))
    numbers = []
    for number, count in (1, 2), (2, 50):
        first = 100 * number
        body = """
            for number in range({0}, {1}):
                op.execute(f"INSERT INTO child VALUES ({{number}}, 1, 0)")
            """
        up(project, number, body.format(first, first + count))
        numbers.append(len(asked))
        asked.clear()
    assert numbers[0] == numbers[1]


NATIVE = {
    "a table": 'op.create_table("new_{0}", sa.Column("id", sa.Integer(), primary_key=True))',
    "a column": 'op.add_column("t{0}", sa.Column("note", sa.Text()))',
    "an index": 'op.create_index("ix_{0}", "t{0}", ["p"])',
    "a row": 'op.execute("INSERT INTO t{0} VALUES (1, 1)")',
}
ITS_STATEMENTS = {
    "a table": ["CREATE"],
    "a column": ["SELECT", "ALTER", "SELECT"],
    "an index": ["CREATE"],
    "a row": [
        *["SELECT"] * 3,
        *["PRAGMA"] * 5,
        *["SAVEPOINT", "INSERT"],
        *["PRAGMA", "SELECT", "PRAGMA", "PRAGMA", "PRAGMA"],
        "RELEASE",
    ],
}


@pytest.mark.parametrize("step", NATIVE)
def test_a_step_asks_no_more_of_a_large_database(project, url, step):
    """What SQLite does natively costs the same statements, whatever else there is."""
    ran = []

    def note(statement):
        if not statement.startswith("--"):  # a part of another one
            ran.append(statement)

    def trace(connection, _):
        connection.set_trace_callback(note)

    new_project(project)
    up(project, 1, "pass")
    table = "CREATE TABLE t{0} (id INTEGER PRIMARY KEY, p INTEGER REFERENCES t{0} (id));"
    found = []
    for number, count in (2, range(10)), (3, range(10, 1000)):
        script(url, "BEGIN;" + "".join(map(table.format, count)) + "COMMIT;")
        revision(project, number, NATIVE[step].format(number))
        event.listen(Engine, "connect", trace)
        try:
            assert db(project, "upgrade").status == 0
        finally:
            event.remove(Engine, "connect", trace)
        plain = [re.sub("[0-9]+", "N", " ".join(statement.split())) for statement in ran]
        found.append([re.sub(r"IN \(.*\)", "IN (...)", statement) for statement in plain])
        ran.clear()
    assert found[0] == found[1]
    own = found[0][found[0].index("SELECT name FROM sqlite_master WHERE type = 'table'") + 1 :]
    verbs = [each.split(" ")[0] for each in own]
    assert verbs == [*ITS_STATEMENTS[step], "UPDATE", "COMMIT"]
