"""--sql with scripts that need a database: nothing is written, and one line says what to do."""

from __future__ import annotations

import pytest
from databases import execute, rows, version
from processes import on_terminal
from projects import db
from revisions import begin, revision

READS = {
    "rows": 'op.get_bind().execute(sa.text("SELECT n FROM a")).fetchall()',
    "a value": 'op.get_bind().execute(sa.text("SELECT n FROM a")).scalar()',
    "a loop": '[row for row in op.get_bind().execute(sa.text("SELECT n FROM a"))]',
    "a session": 'Session(bind=op.get_bind()).execute(sa.text("SELECT n FROM a")).fetchall()',
    "the application's session": 'session.execute(sa.text("SELECT n FROM a"))',
    "the inspector": "sa.inspect(op.get_bind()).get_table_names()",
    "the classic inspector": "Inspector.from_engine(op.get_bind()).get_table_names()",
    "has_table": 'op.get_bind().dialect.has_table(op.get_bind(), "a")',
}
IMPORTS = """
from flask import current_app
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.orm import Session
session = current_app.extensions["migrate"].db.session
op.execute("UPDATE a SET n = 1")
"""


@pytest.fixture
def at_r1(project, database, monkeypatch):
    """A project whose third revision of four is to read."""
    monkeypatch.setenv("DATABASE_URL", database)
    begin(project)
    revision(project, 2, 'op.execute("UPDATE a SET n = 2")')
    revision(project, 4, 'op.execute("UPDATE a SET n = 4")')
    return project


def line_of(project, what):
    """The line with which a revision is refused."""
    script = project.folder / "migrations/versions/r3_.py"
    lines = script.read_text(encoding="utf-8").splitlines()
    number = lines.index(next(line for line in lines if line.startswith("    " + what))) + 1
    return (
        f"Error: revision r3 reads rows ({script}, line {number}), which a file of SQL cannot do; "
        "nothing was written: write the SQL before it by 'db upgrade r1:r2 --sql', run 'db upgrade "
        "r3' on the database, and write the rest by 'db upgrade r3:r4 --sql'"
    )


@pytest.mark.parametrize("how", READS)
def test_a_script_that_reads_writes_no_sql(at_r1, how):
    """However it reads: no half of a file, which a server's client would run."""
    revision(at_r1, 3, IMPORTS + READS[how])
    done = db(at_r1, "upgrade", "r1:r4", "--sql")
    assert (done.status, done.out) == (1, "")
    expected = line_of(at_r1, READS[how]) + "\n"
    # before SQLAlchemy 1.4 a session cannot even begin
    assert done.error in (expected, expected.replace("reads rows", "uses its connection"))


def test_both_front_ends_refuse_it_alike(at_r1, front_end):
    """With a terminal and without, and nobody is asked."""
    revision(at_r1, 3, IMPORTS + READS["rows"])
    expected = line_of(at_r1, READS["rows"])
    done = at_r1.forked(*front_end, "upgrade", "r1:r4", "--sql")
    assert (done.status, done.out, done.error) == (1, "", expected + "\n")
    status, said = on_terminal(at_r1, "upgrade", "r1:r4", "--sql", front_end=front_end)
    assert (status, said.splitlines()[-1]) == (1, expected)


def test_what_the_line_says_does_it(at_r1, database):
    """The SQL before it, the revision itself, the SQL after it."""
    revision(at_r1, 3, IMPORTS + READS["rows"])
    assert db(at_r1, "upgrade", "r1:r4", "--sql").status == 1

    def run(sql):
        statements = [part for part in sql.split(";\n") if part.strip()]
        execute(
            database, *(part for part in statements if "BEGIN" not in part and "COMMIT" not in part)
        )

    run(db(at_r1, "upgrade", "r1:r2", "--sql").out)
    assert version(database) == ["r2"]
    assert db(at_r1, "upgrade", "r3").status == 0
    run(db(at_r1, "upgrade", "r3:r4", "--sql").out)
    assert version(database) == ["r4"]
    assert rows(database, "SELECT n FROM a") == [(4,), (4,)]


def test_the_first_and_the_last_that_reads(at_r1, database):
    """Only what there is before and after it is to be written."""
    revision(at_r1, 3, IMPORTS + READS["rows"])
    one = db(at_r1, "upgrade", "r2:r3", "--sql")
    assert one.error.endswith("nothing was written: run 'db upgrade r3' on the database\n")
    assert db(at_r1, "upgrade", "r3").status == 0
    down = IMPORTS.replace("op.execute", "pass; op.execute") + READS["rows"]
    revision(at_r1, 3, "pass", down)
    back = db(at_r1, "downgrade", "r3:r1", "--sql")
    assert back.error.endswith("nothing was written: run 'db downgrade r1' without --sql\n")
    assert db(at_r1, "downgrade", "r1").status == 0
    assert version(database) == ["r1"]


def test_a_script_that_knows_of_sql_is_written(at_r1):
    """What it does where there are rows is left out, also if it catches the refusal."""
    revision(
        at_r1,
        3,
        """
        found = op.get_bind().execute(sa.text("SELECT n FROM a"))
        for row in found.fetchall() if found else []:
            op.execute("UPDATE a SET n = 1")
        try:
            op.get_bind().execute(sa.text("SELECT 1")).scalar()
        except AttributeError:
            op.execute("UPDATE a SET n = 3")
        """,
    )
    done = db(at_r1, "upgrade", "r2:r3", "--sql")
    assert done.status == 0, done.err
    assert "UPDATE a SET n = 3" in done.out
    assert "UPDATE a SET n = 1" not in done.out


def test_the_database_is_left_alone(at_r1, database):
    """A session of the application changes nothing either."""
    change = 'session.execute(sa.text("UPDATE a SET n = 9")); session.commit()'
    revision(at_r1, 3, IMPORTS + change)
    assert db(at_r1, "upgrade", "r2:r3", "--sql").status == 1
    assert rows(database, "SELECT n FROM a") == [(100,), (100,)]


def test_values_are_written(at_r1):
    """Those of a text(), where Alembic writes NULL."""
    body = 'op.get_bind().execute(sa.text("UPDATE a SET n = :n WHERE id = :id"), {})'
    revision(at_r1, 3, body.replace("{}", '{"n": 7, "id": 1}'))
    done = db(at_r1, "upgrade", "r2:r3", "--sql")
    assert "UPDATE a SET n = 7 WHERE id = 1;\n" in done.out
    revision(at_r1, 3, body.replace("{}", '[{"n": 7, "id": 1}, {"n": 8, "id": 2}]'))
    done = db(at_r1, "upgrade", "r2:r3", "--sql")
    assert "UPDATE a SET n = 7 WHERE id = 1;\n\nUPDATE a SET n = 8 WHERE id = 2;\n" in done.out
    table = 'sa.table("a", sa.column("n", sa.Integer))'
    revision(at_r1, 3, f'op.get_bind().execute({table}.insert(), [{{"n": 7}}])')
    done = db(at_r1, "upgrade", "r2:r3", "--sql")
    assert (done.status, done.out) == (1, "")
    assert done.error.startswith("Error: revision r3 uses its connection (")
