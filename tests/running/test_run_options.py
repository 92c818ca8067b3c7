"""Trying first, looking at the result, being asked, and being interrupted."""

from __future__ import annotations

import re
import signal

import pytest
import sqlalchemy as sa
from databases import picture, rows, tables, version
from processes import GATE, at_gate, background, on_terminal
from projects import db, new_project
from revisions import BASE, begin, line_of, revision

UPGRADE = ("manage.py", "db", "upgrade")


@pytest.fixture
def at_r1(project, database, monkeypatch):
    """A project whose database, of each kind, is at its only revision."""
    monkeypatch.setenv("DATABASE_URL", database)
    begin(project, 'op.drop_table("a")')
    return project


# -- upgrade --dry-run ------------------------------------------------------------------------


def test_a_dry_run_does_all_and_undoes_all(at_r1, database):
    """Each step really runs and tells its time, and nothing is kept; MySQL cannot."""
    before = picture(database)
    clock = "import time\nstart = time.monotonic()\ntime.monotonic = lambda: start + 2.5\n"
    revision(at_r1, 2, clock + 'op.create_table("b", sa.Column("id", sa.Integer))')
    revision(at_r1, 3, 'op.execute("INSERT INTO b (id) VALUES (1)")')
    tried = at_r1.forked("manage.py", "db", "upgrade", "--dry-run")
    assert picture(database) == before
    if database.startswith("mysql"):
        assert tried.status == 1
        assert tried.error == (
            "Error: --dry-run cannot undo what it does on mysql, which commits every change of "
            "the schema at once: use --sql to read the statements, or run it on a copy of the "
            "database\n"
        )
        return
    assert tried.status == 0, tried.err
    assert re.findall(r".* took .*", tried.err) == ["INFO  [migrate_script] r2 took 2.5 s"]
    revision(at_r1, 2, 'op.create_table("b", sa.Column("id", sa.Integer))')
    assert db(at_r1, "upgrade").status == 0
    assert version(database) == ["r3"]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_dry_run_finds_the_step_that_fails(project, new_database, monkeypatch, kind):
    """It fails with the same line as the real one would, also for an empty database."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, BASE)
    revision(project, 2, 'op.drop_table("missing")')
    assert db(project, "upgrade", "--dry-run").status == 1
    assert tables(url) == {}


@pytest.mark.parametrize("statement", ["COMMIT", "  commit;"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_dry_run_stops_before_a_script_commits(
    project, new_database, monkeypatch, kind, statement
):
    """What a script would keep by itself is refused."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, BASE)
    revision(project, 2, f"op.execute({statement!r})")
    refused = db(project, "upgrade", "--dry-run")
    assert refused.status == 1
    assert f"--dry-run stopped revision r2 before [{statement.strip(' ;')}]" in refused.error
    assert tables(url) == {}


# -- upgrade --verify -------------------------------------------------------------------------

MODEL = """
class A(db.Model):
    __tablename__ = "a"
    id = db.Column(db.Integer, primary_key=True)
    n = db.Column(db.Integer)


"""


def test_verify_undoes_what_does_not_make_the_models(at_r1, database):
    """When models and database differ after the last step, nothing of it is kept."""
    path = at_r1.folder / "manage.py"
    source = path.read_text(encoding="utf-8")
    path.write_text(source.replace("manager = Manager", MODEL + "manager = Manager"))
    before = picture(database)
    revision(at_r1, 2, 'op.add_column("a", sa.Column("stray", sa.Integer))')
    refused = db(at_r1, "upgrade", "--verify")
    assert refused.status == 1
    at = "r2, after 1 of 1 revisions" if database.startswith("mysql") else "r1, as before"
    assert refused.error == (
        "a.stray: not in the models\n"
        "Error: the models and the database would differ after the last step (1 difference): run "
        "'db upgrade' without --verify, then 'db migrate' writes them into a revision; "
        f"the database is at {at}\n"
    )
    if not database.startswith("mysql"):
        assert picture(database) == before
    # what the line says
    for words in ("upgrade", "migrate", "upgrade", "upgrade --verify"):
        assert db(at_r1, *words.split()).status == 0, words


def test_verify_lets_pass_what_makes_the_models(at_r1, database):
    """Nothing differs, and the step is kept."""
    path = at_r1.folder / "manage.py"
    source = path.read_text(encoding="utf-8")
    path.write_text(source.replace("manager = Manager", MODEL + "manager = Manager"))
    revision(at_r1, 2, "pass")
    if not database.startswith("mysql"):
        agreed = db(at_r1, "upgrade", "--verify")
        assert agreed.status == 0, agreed.err
        assert version(database) == ["r2"]


def test_verify_compares_a_database_at_its_head(at_r1, database):
    """Nothing is due, and the models are compared all the same."""
    refused = db(at_r1, "upgrade", "--verify")
    assert (refused.status, refused.error) == (
        1,
        "table a: not in the models\n"
        "Error: the models and the database differ (1 difference): "
        "'db migrate' writes them into a revision\n",
    )
    rows(database, "DROP TABLE a")
    assert db(at_r1, "upgrade", "--verify").status == 0


# -- downgrade --------------------------------------------------------------------------------


def test_a_downgrade_says_what_it_loses(at_r1, database):
    """Tables and columns with how many rows; without a terminal it warns and goes on."""
    revision(
        at_r1,
        2,
        """
        op.create_table("empty", sa.Column("id", sa.Integer))
        op.add_column("a", sa.Column("x", sa.Integer))
        op.execute("UPDATE a SET x = 1 WHERE id = 1")
        """,
        """
        with op.batch_alter_table("a") as batch_op:
            batch_op.drop_column("x")
        op.drop_table("empty")
        """,
    )
    assert db(at_r1, "upgrade").status == 0
    one = db(at_r1, "downgrade")
    assert one.status == 0, one.err
    assert "WARNING [migrate_script] this downgrade drops column a.x (1 value)\n" in one.err
    assert "empty" not in one.err
    all_ = db(at_r1, "downgrade", "base")
    assert "WARNING [migrate_script] this downgrade drops table a (2 rows)\n" in all_.err
    assert set(tables(database)) <= {"alembic_version"}


def test_on_a_terminal_a_downgrade_asks(at_r1, database):
    """No keeps everything, yes and --yes go on."""
    status, said = on_terminal(at_r1, "downgrade", "base", typed=b"n\n")
    assert status == 1, said
    warning = "WARNING [migrate_script] this downgrade drops table a (2 rows)\r\n"
    assert f"{warning}Go on? [y/N] " in said
    assert "Error: 'db downgrade' was not confirmed: nothing was changed; answer 'y'" in said
    assert version(database) == ["r1"]
    status, said = on_terminal(at_r1, "downgrade", "base", typed=b"y\n")
    assert status == 0, said
    assert "a" not in tables(database)


# -- Control-C and SIGTERM --------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_an_interrupted_upgrade_ends_cleanly(at_r1, database, number):
    """One line says where the database is, and the next upgrade works."""
    before = picture(database)
    revision(at_r1, 2, '    op.create_table("b", sa.Column("id", sa.Integer))' + GATE)
    with background(at_r1, *UPGRADE) as running:
        at_gate(at_r1, running)
        running.process.send_signal(number)
        assert running.status() == 128 + number
        lines = running.err.splitlines()
    expected = "Error: 'db upgrade' was interrupted; the database is at r1, as before"
    assert lines[-1].startswith(expected)
    assert not [line for line in lines[:-1] if not line.startswith("INFO")]
    if database.startswith("mysql"):
        assert lines[-1] == expected + (
            "; 1 statement was applied and will not be repeated: [CREATE TABLE b ( id INTEGER )]"
        )
    else:
        assert lines[-1] == expected
        assert picture(database) == before
    (at_r1.folder / "open_gate").touch()
    again = db(at_r1, "upgrade")
    assert again.status == 0, again.err
    assert rows(database, "SELECT count(*) FROM b") == [(0,)]


# -- a table that is in use -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "statement"),
    [
        ('op.add_column("a", sa.Column("x", sa.Integer))', "ALTER TABLE a ADD COLUMN x INTEGER"),
        ('op.execute("ALTER TABLE A ADD x INTEGER")', "ALTER TABLE A ADD x INTEGER"),
    ],
)
def test_a_table_in_use_is_not_waited_for_longer_than_asked(
    project, new_database, monkeypatch, operation, statement
):
    """On PostgreSQL, who is in the way is named with the query, however the table is written."""
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    revision(project, 2, operation)
    engine = sa.create_engine(url)
    with engine.connect() as reader, reader.begin():
        # what has only been read by a connection of the same process would be ended
        reader.execute(sa.text("SELECT n FROM a FOR UPDATE"))
        asked = "SELECT pg_backend_pid(), date_trunc('second', now())::text"
        pid, since = reader.execute(sa.text(asked)).first()
        failed = db(project, "upgrade", "--ddl-lock-timeout", "0.2")
    engine.dispose()
    assert failed.status == 1
    assert failed.error.startswith(
        "Error: revision r2 failed: canceling statement due to lock timeout [statement: "
        f"{statement}] ({line_of(project, 2, 10)}); the database is at r1, as before; "
        f"server process {pid} of user postgres has held 'a' since {since}, with ["
    )
    # it belongs to the process of the tests
    assert (
        f"] (SELECT pg_terminate_backend({pid}) ends it); server process {pid} belongs to this "
        "process, and has made changes without a commit: "
    ) in failed.error
    assert db(project, "upgrade", "--ddl-lock-timeout", "5").status == 0
    assert version(url) == ["r2"]


# -- what an earlier tool has left ------------------------------------------------------------


@pytest.fixture
def left(project, new_database, monkeypatch):
    """A project on SQLite with one revision to run."""
    url = new_database("sqlite")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    revision(
        project,
        2,
        """
        with op.batch_alter_table("a", recreate="always") as batch:
            batch.add_column(sa.Column("x", sa.Integer))
        """,
    )
    return project, url


@pytest.mark.parametrize("copied", ["", "INSERT INTO _alembic_tmp_a (id, n) SELECT id, n FROM a"])
def test_a_copy_that_holds_nothing_of_its_own_is_dropped(left, copied):
    """What a killed upgrade of another tool left no longer keeps the next one from working."""
    project, url = left
    rows(url, "CREATE TABLE _alembic_tmp_a (id INTEGER, n INTEGER, x INTEGER)")
    if copied:
        rows(url, copied)
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert (
        "INFO  [migrate_script] dropped '_alembic_tmp_a', left by a batch of Alembic's that was "
        "stopped: 'a' is whole, and the copy holds nothing of its own\n" in done.err
    )
    assert tables(url) == {"a": ["id", "n", "x"], "alembic_version": ["version_num"]}
    assert rows(url, "SELECT id, n FROM a") == [(1, 100), (2, 100)]


def test_a_copy_with_rows_of_its_own_is_kept_and_explained(left):
    """Rows that are nowhere else are never dropped; the line to type is given."""
    project, url = left
    rows(url, "CREATE TABLE _alembic_tmp_a (id INTEGER, n INTEGER)")
    rows(url, "INSERT INTO _alembic_tmp_a VALUES (3, 300)")
    told = db(project, "upgrade")
    assert (
        "'_alembic_tmp_a' was left by a batch of Alembic's that was stopped, with 1 "
        "row(s) that are nowhere else: look at them, then run the statement DROP TABLE "
        "_alembic_tmp_a on the database\n"
    ) in told.err
    assert rows(url, "SELECT * FROM _alembic_tmp_a") == [(3, 300)]
    rows(url, "DROP TABLE _alembic_tmp_a")
    assert db(project, "upgrade").status == 0


def test_a_table_that_lives_on_in_its_copy_only_is_explained(left):
    """The statement that is told brings the table back."""
    project, url = left
    rows(url, "ALTER TABLE a RENAME TO _alembic_tmp_a")
    told = db(project, "upgrade")
    assert told.status == 1
    assert "run the statement ALTER TABLE _alembic_tmp_a RENAME TO a on the database\n" in told.err
    rows(url, "ALTER TABLE _alembic_tmp_a RENAME TO a")
    assert db(project, "upgrade").status == 0
    assert tables(url)["a"] == ["id", "n", "x"]


LONG = "a_table_whose_name_is_longer_than_alembic_lets_a_copy_be"


@pytest.mark.parametrize("table", ["User", LONG], ids=["capitals", "long"])
def test_a_copy_is_known_by_a_name_that_differs(left, table):
    """SQLite does not tell capitals, and Alembic cuts the name of a copy at 50 letters."""
    project, url = left
    rows(url, f"ALTER TABLE a RENAME TO {table}")
    copy = f"_alembic_tmp_{table.lower()}"[:50]
    rows(url, f"CREATE TABLE {copy} (ID INTEGER, n INTEGER)")
    rows(url, f"INSERT INTO {copy} SELECT id, n FROM {table}")
    done = db(project, "upgrade", "r1", "--clean-leftovers")
    assert done.status == 0, done.err
    assert f"dropped '{copy}', " in done.err
    assert f"'{table}' is whole" in done.err
    assert set(tables(url)) == {table, "alembic_version"}


def test_a_long_name_that_lives_on_in_its_copy_may_be_cut(left):
    """The line says that the name of the table may be longer than that of the copy tells."""
    project, url = left
    copy = f"_alembic_tmp_{LONG}"[:50]
    rows(url, f"ALTER TABLE a RENAME TO {copy}")
    told = db(project, "upgrade")
    assert told.status == 1
    assert (
        f"run the statement ALTER TABLE {copy} RENAME TO {copy[13:]} on the database (with the "
        "whole name of the table, which may be cut here)\n"
    ) in told.err


def test_copies_are_dropped_on_demand(left):
    """With --clean-leftovers they go where no revision is due; what has rows of its own stays."""
    project, url = left
    assert db(project, "upgrade").status == 0
    rows(url, "CREATE TABLE b (id INTEGER)")
    for name, value in (("a", 1), ("b", 7)):
        rows(url, f"CREATE TABLE _alembic_tmp_{name} (id INTEGER)")
        rows(url, f"INSERT INTO _alembic_tmp_{name} VALUES ({value})")
    assert "_alembic_tmp" not in db(project, "upgrade").err
    done = db(project, "upgrade", "--clean-leftovers")
    assert done.status == 0
    assert "dropped '_alembic_tmp_a', left by a batch of Alembic's that was stopped" in done.err
    assert "'_alembic_tmp_b' was left by a batch of Alembic's that was stopped, with 1 " in done.err
    assert set(tables(url)) == {"a", "b", "_alembic_tmp_b", "alembic_version"}
    assert version(url) == ["r2"]


def test_the_copy_of_an_old_alembic_is_looked_at_too(left):
    """Before Alembic 0.9 every copy had one name, which does not say of which table it is."""
    project, url = left
    rows(url, "CREATE TABLE _alembic_batch_temp (id INTEGER)")
    rows(url, "INSERT INTO _alembic_batch_temp VALUES (1)")
    told = db(project, "upgrade")
    assert told.status == 0, told.err
    assert (
        "'_alembic_batch_temp' was left by a batch of Alembic's (before 0.9) that was stopped, "
        "with 1 row(s)" in told.err
    )
    assert rows(url, "SELECT * FROM _alembic_batch_temp") == [(1,)]
