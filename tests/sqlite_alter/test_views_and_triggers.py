"""Views and triggers that count on the columns of a table stay usable, or a line names them.

A re-creation that breaks one is stopped. A column that SQLite adds itself is there, as it was
without this package.
"""

from __future__ import annotations

import sqlite3
import textwrap

import pytest
from databases import everything, file_of, rows, script, version
from projects import db, new_project
from revisions import line_of, revision

TABLES = """
    CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT);
    CREATE TABLE u (id INTEGER PRIMARY KEY, a INTEGER, n TEXT);
    CREATE TABLE log (id INTEGER, a INTEGER, b TEXT);
    INSERT INTO t VALUES (1, 2, 'x'), (2, 3, 'y');
"""
COUNTING = {
    "the view 'v'": "CREATE VIEW v AS SELECT * FROM t UNION ALL SELECT * FROM u;",
    "the view 'over'": """
        CREATE VIEW v AS SELECT * FROM t;
        CREATE VIEW over AS SELECT * FROM v UNION SELECT * FROM u;
    """,
    "the view 'named'": "CREATE VIEW named (x, y, z) AS SELECT * FROM t;",
    "the view 'inside'": (
        "CREATE VIEW inside AS SELECT id FROM u WHERE (id, a, n) IN (SELECT * FROM t);"
    ),
    "the trigger 'all_rows'": (
        "CREATE TRIGGER all_rows AFTER INSERT ON t BEGIN INSERT INTO log SELECT * FROM t; END;"
    ),
    "the trigger 'into_t'": (
        "CREATE TRIGGER into_t AFTER INSERT ON log BEGIN "
        "INSERT INTO t VALUES (new.id + 9, new.a, new.b); END;"
    ),
    "the trigger 'of_v'": """
        CREATE VIEW v AS SELECT id, a FROM t;
        CREATE TRIGGER of_v INSTEAD OF INSERT ON v BEGIN INSERT INTO t VALUES (new.id, 0, ''); END;
    """,
}
ADDING = {
    "added": 'op.add_column("t", sa.Column("n", sa.Integer()))',
    "added by a copy": 'op.add_column("t", sa.Column("n", sa.Integer(), unique=True))',
    "added in a batch": (
        'with op.batch_alter_table("t", recreate="always") as batch_op:\n'
        '    batch_op.add_column(sa.Column("n", sa.Integer()))'
    ),
}
CHANGING = dict(ADDING, dropped='op.drop_column("t", "b")')
COPYING = [change for change in CHANGING if change != "added"]


def told(done, kind, name):
    """Return whether a command that succeeds says what an added column breaks."""
    assert done.status == 0, done.err
    return f"the column that was added to 't' leaves the {kind} '{name}' unusable: " in done.err


def allow(project, number):
    """Let a revision lose what it breaks."""
    path = project.folder / f"migrations/versions/r{number}_.py"
    path.write_text(path.read_text() + "\nallow_loss = True\n")


@pytest.mark.parametrize("change", COPYING)
@pytest.mark.parametrize("what", COUNTING)
def test_what_counts_columns_stops_a_change_of_their_number(project, url, what, change):
    """One line names it and nothing is changed, unless the revision allows it."""
    new_project(project)
    script(url, TABLES + COUNTING[what])
    revision(project, 1, CHANGING[change])
    before = everything(url)
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert failed.error.startswith(
        f"Error: {line_of(project, 1, None)}: altering 't' would break or lose {what}: "
    )
    assert failed.error.rstrip().endswith("the database is at no revision, as before")
    assert len(failed.error.splitlines()) == 1
    assert everything(url) == before
    allow(project, 1)
    assert db(project, "upgrade").status == 0
    assert version(url) == ["r1"]


@pytest.mark.parametrize("what", COUNTING)
def test_what_a_column_breaks_that_sqlite_adds_is_told(project, url, what):
    """It is added, as ever, and one line names what is of no use now."""
    new_project(project)
    script(url, TABLES + COUNTING[what])
    revision(project, 1, ADDING["added"])
    _, kind, name = what.replace("'", "").split()
    assert told(db(project, "upgrade"), kind, name)
    assert version(url) == ["r1"]


def test_what_is_told_of_a_view_repairs_it(project, url):
    """Dropped and created again, in a revision, for the columns that there are now."""
    new_project(project)
    script(url, TABLES + COUNTING["the view 'v'"])
    revision(project, 1, ADDING["added"])
    done = db(project, "upgrade")
    assert (done.status, done.err.splitlines()[-1]) == (
        0,
        "INFO  [migrate_script] the column that was added to 't' leaves the view 'v' unusable: "
        "drop it and create it again, in a revision, for the columns that there are now",
    )
    revision(
        project,
        2,
        """
        op.execute("DROP VIEW v")
        op.execute("CREATE VIEW v AS SELECT * FROM t UNION ALL SELECT u.*, 0 FROM u")
        """,
    )
    done = db(project, "upgrade")
    assert (done.status, "unusable" in done.err) == (0, False)
    assert rows(url, "SELECT * FROM v") == [(1, 2, "x", None), (2, 3, "y", None)]


@pytest.mark.parametrize("change", [change for change in ADDING if change in COPYING])
def test_a_name_that_means_two_columns_stops_it_too(project, url, change):
    """A view over two tables names a column that only one of them had."""
    new_project(project)
    script(url, TABLES + "CREATE VIEW v AS SELECT n FROM t JOIN u ON t.id = u.id;")
    revision(project, 1, ADDING[change])
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "altering 't' would break or lose the view 'v': " in failed.error


def test_what_was_of_no_use_before_stops_nothing(project, url):
    """Only what could be used is looked after, and only what speaks of the table."""
    new_project(project)
    script(
        url,
        TABLES
        + """
        CREATE VIEW v AS SELECT * FROM t UNION ALL SELECT id FROM u;
        CREATE VIEW w AS SELECT * FROM log;
        CREATE TRIGGER tr AFTER INSERT ON log BEGIN INSERT INTO log SELECT id FROM t; END;
        """,
    )
    revision(project, 1, "\n".join([CHANGING["added"], CHANGING["dropped"]]))
    done = db(project, "upgrade")
    assert done.status == 0, done.err


@pytest.mark.parametrize("change", COPYING)
def test_a_trigger_is_not_blamed_for_another(project, url, change):
    """One that waits for something else is not named, and one of no use hides none."""
    new_project(project)
    script(
        url,
        TABLES
        + COUNTING["the trigger 'all_rows'"]
        + """
        CREATE TRIGGER of_use AFTER UPDATE ON t BEGIN DELETE FROM log WHERE id = new.id; END;
        CREATE TRIGGER of_none AFTER DELETE ON t BEGIN DELETE FROM missing; END;
        """,
    )
    revision(project, 1, CHANGING[change])
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "would break or lose the trigger 'all_rows': " in failed.error


@pytest.mark.parametrize("change", CHANGING)
def test_a_revision_that_makes_it_anew_goes_through(project, url, change):
    """What counts is how things are when the revision is done."""
    new_project(project)
    script(url, TABLES + COUNTING["the trigger 'all_rows'"])
    log = 'op.drop_column("log", "b")' if change == "dropped" else CHANGING["added"]
    revision(project, 1, CHANGING[change] + "\n" + log.replace('"t"', '"log"'))
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    with sqlite3.connect(file_of(url)) as connection:
        connection.execute("INSERT INTO t (id) VALUES (7)")


def test_a_later_revision_may_put_right_what_a_column_broke(project, url):
    """What is put right in the same run is not spoken of."""
    new_project(project)
    script(url, TABLES + COUNTING["the trigger 'all_rows'"])
    revision(project, 1, ADDING["added"])
    revision(project, 2, ADDING["added"].replace('"t"', '"log"'))
    assert not told(db(project, "upgrade"), "trigger", "all_rows")


REPLACING = {
    "dropped": """
        op.drop_table("x")
        op.drop_table("y")
    """,
    "rolled back": """
        savepoint.rollback()
    """,
}


@pytest.mark.parametrize("how", REPLACING)
def test_a_view_in_the_place_of_other_tables_is_known(project, url, how):
    """A view is looked after that is made in the run, whatever went before it was made."""
    new_project(project)
    script(url, TABLES)
    tables = """
        savepoint = op.get_bind().begin_nested()
        op.execute("CREATE TABLE x (id INTEGER)")
        op.execute("CREATE TABLE y (id INTEGER)")
        op.add_column("x", sa.Column("n", sa.Integer()))
    """
    if how == "dropped":
        tables = tables.replace("savepoint = op.get_bind().begin_nested()", "")
    view = """
        op.execute("CREATE VIEW v AS SELECT * FROM t UNION ALL SELECT * FROM u")
        op.execute("CREATE TABLE z (id INTEGER)")
    """
    revision(project, 1, textwrap.dedent(tables + REPLACING[how] + view))
    revision(project, 2, ADDING["added"])
    assert told(db(project, "upgrade"), "view", "v")


def test_sql_is_not_written_for_what_would_break(project, url):
    """`--sql` from the start knows what views there are."""
    new_project(project)
    revision(project, 1, 'op.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER)")')
    revision(project, 2, 'op.execute("CREATE VIEW v AS SELECT * FROM t UNION VALUES (1, 2)")')
    revision(project, 3, ADDING["added by a copy"])
    failed = db(project, "upgrade", "--sql")
    assert failed.status == 1
    assert "altering 't' would break or lose the view 'v': " in failed.error
