"""A revision that fails half-way, on each kind of database, and the next upgrade."""

from __future__ import annotations

import ast

import pytest
import sqlalchemy as sa
from databases import execute, picture, rows, tables, version
from processes import ended, mortal, on_terminal
from projects import db, new_project
from revisions import BASE, HALF_WAY, begin, cured, fail_then_cure, line_of, revision

N, X, ID = ["id", "n"], ["id", "n", "x"], (["id"], [])
EXPECTED = {
    "a statement fails": {"a": (X, [(1, 100, 1), (2, 100, 1)]), "b": ID, "c": ID},
    "Python fails between statements": {"a": (X, [(1, 100, None), (2, 100, None)]), "b": ID},
    "a data migration fails behind a change": {"a": (X, [(1, 102, 101), (2, 102, 101)])},
    "a data migration fails": {"a": (N, [(1, 102), (2, 102)])},
    "a unique index meets a double": {"a": (N, [(1, 100), (2, 200)]), "b": ID},
    "a copy of a table meets a double": {"a": (N, [(1, 100), (2, 200)]), "b": ID},
    "a change of rows, then one of the schema that fails": {
        "a": (N, [(1, 101), (2, 101)]),
        "b": ID,
    },
}


@pytest.fixture
def at_r1(project, database, monkeypatch):
    """A project whose database, of each kind, is at its only revision."""
    monkeypatch.setenv("DATABASE_URL", database)
    begin(project)
    return project


@pytest.mark.parametrize("case", HALF_WAY)
def test_the_next_upgrade_works_without_repair(at_r1, database, case):
    """Once its cause is removed, a failed revision ends as if it had never failed."""
    fail_then_cure(case, at_r1, database)
    assert picture(database) == {**EXPECTED[case], "alembic_version": (["version_num"], [("r2",)])}


def test_an_undisturbed_run_ends_the_same(at_r1, database):
    """The journal changes nothing in a revision that does not fail."""
    case = "a statement fails"
    revision(at_r1, 2, cured(case))
    assert db(at_r1, "upgrade").status == 0
    assert picture(database) == {**EXPECTED[case], "alembic_version": (["version_num"], [("r2",)])}


# -- a transaction for each revision ----------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgresql"])
def each_its_own(request, project, new_database, monkeypatch):
    """A project whose env.py asks for a transaction per migration: project and URL."""
    url = new_database(request.param)
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    env = project.folder / "migrations/env.py"
    source = env.read_text(encoding="utf-8")
    env.write_text(
        source.replace(
            "configure(connection=", "configure(transaction_per_migration=True, connection="
        )
    )
    return project, url


def test_what_ran_before_the_revision_that_failed_stands(each_its_own):
    """Of three revisions the second fails: it is told how far it got, and what to type."""
    project, url = each_its_own
    revision(project, 1, BASE)
    revision(project, 2, 'op.execute("UPDATE a SET n = 7")\nop.drop_table("missing")')
    revision(project, 3, 'op.create_table("c", sa.Column("id", sa.Integer))')
    failed = db(project, "upgrade")
    assert failed.status == 1
    missing = "no such table: missing" if "sqlite" in url else 'table "missing" does not exist'
    assert failed.error == (
        f"Error: revision r2 failed: {missing} [statement: DROP TABLE missing] "
        f"({line_of(project, 2, 11)}); the database is at r1, after 1 of 3 revisions: remove the "
        "cause and run 'db upgrade' again\n"
    )
    assert picture(url) == {
        "a": (N, [(1, 100), (2, 100)]),
        "alembic_version": (["version_num"], [("r1",)]),
    }
    revision(project, 2, 'op.execute("UPDATE a SET n = 7")')
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert version(url) == ["r3"]
    assert rows(url, "SELECT n FROM a") == [(7,), (7,)]


def test_a_downgrade_tells_how_far_it_got_too(each_its_own):
    """The first step back stands, the second does not."""
    project, url = each_its_own
    revision(project, 1, BASE)
    revision(project, 2, "pass", 'op.drop_table("missing")')
    revision(project, 3, "pass")
    assert db(project, "upgrade").status == 0
    failed = db(project, "downgrade", "base")
    assert failed.error.endswith(
        "; the database is at r2, after 1 of 3 revisions: remove the cause and run 'db downgrade' "
        "again\n"
    )
    assert version(url) == ["r2"]


# -- the journal of MySQL and MariaDB ---------------------------------------------------------


@pytest.fixture
def maria(project, new_database, monkeypatch):
    """A project whose MySQL or MariaDB database is at its only revision: project and URL."""
    url = new_database("mysql")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    assert "migrate_script_journal" not in tables(url)
    return project, url


FAILS = """
    op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("UPDATE a SET n = n + 1")
    op.add_column("a", sa.Column("x", sa.Integer))
    op.drop_table("missing")
"""
WORKS = FAILS.replace('op.drop_table("missing")', "")


def test_the_applied_statements_are_listed(maria):
    """The line of the failure lists the statements that no rollback can undo."""
    project, url = maria
    revision(project, 2, FAILS)
    failed = db(project, "upgrade")
    assert "revision r2 failed: Unknown table" in failed.error
    assert "[statement: DROP TABLE missing]" in failed.error
    assert failed.error.endswith(
        "; the database is at r1, as before; 3 statements were applied and will not be repeated: "
        "[CREATE TABLE b ( id INTEGER NOT NULL AUTO_INCREMENT, PRIMARY KEY (id) )], "
        "[UPDATE a SET n = n + 1], [ALTER TABLE a ADD COLUMN x INTEGER]: remove the cause and run "
        "'db upgrade' again\n"
    )
    assert "migrate_script_journal" in tables(url)


def test_a_revision_that_was_edited_meanwhile_is_refused(maria):
    """What ran before is named where the script says something else now."""
    project, url = maria
    revision(project, 2, FAILS)
    assert db(project, "upgrade").status == 1
    revision(project, 2, WORKS.replace("n + 1", "n + 2"))
    refused = db(project, "upgrade")
    assert refused.status == 1
    assert refused.error.startswith(
        "Error: the upgrade to revision r2 was stopped half-way and cannot go on: its statement 2 "
        "was [UPDATE a SET n = n + 1] when it ran and is [UPDATE a SET n = n + 2] now: undo "
        "that change of the script, or change the schema by hand to what the unfinished revision "
        "or the one before it leaves, and run 'db stamp REVISION' with that one"
    )
    revision(project, 2, WORKS)
    assert db(project, "upgrade").status == 0
    assert rows(url, "SELECT n FROM a") == [(101,), (101,)]
    assert "migrate_script_journal" not in tables(url)


NOTES = """
    import datetime, hashlib, os, time, uuid
    kinds = dict(made=sa.DateTime(), day=sa.Date(), t=sa.Float(), u=sa.String(36))
    kinds.update(word=sa.String(80), x=sa.String(9))
    notes = op.create_table("notes", *[sa.Column(name, kind) for name, kind in kinds.items()])
    now = datetime.datetime.now()
    op.bulk_insert(notes, [
        dict(
            made=now, day=now.date(), t=time.time(), u=str(uuid.uuid4()),
            word=hashlib.sha1(os.urandom(9)).hexdigest(), x=x,
        )
        for x in ("one", "two")
    ])
    {}
"""


def test_what_differs_in_every_run_does_not_count(maria):
    """Times, UUIDs and tokens of an insert that stands may be others; a word may not."""
    project, url = maria
    revision(project, 2, NOTES.replace("{}", 'op.drop_table("missing")'))
    failed = db(project, "upgrade")
    assert "Unknown table" in failed.error, failed.err
    assert rows(url, "SELECT x FROM notes ORDER BY x") == [("one",), ("two",)]
    edited = NOTES.replace("{}", "").replace('"two"', '"three"')
    revision(project, 2, edited)
    refused = db(project, "upgrade")
    assert "and cannot go on: its statement 2 was [INSERT INTO notes" in refused.error
    assert "] when it ran and has other values now: undo that change of the script" in refused.error
    revision(project, 2, NOTES.replace("{}", ""))
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert rows(url, "SELECT x FROM notes ORDER BY x") == [("one",), ("two",)]


def test_a_loop_goes_on_where_it_stopped(maria):
    """A script that counts the rows it has changed counts the same ones again."""
    project, url = maria
    mortal(project)
    script = """
        op.execute("INSERT INTO a (id, n) VALUES " + ", ".join(f"({i}, 0)" for i in range(11, 21)))
        op.add_column("a", sa.Column("x", sa.Integer))
        while op.get_bind().execute(sa.text("UPDATE a SET n = 5 WHERE n = 0 LIMIT 3")).rowcount:
            op.execute("CREATE TABLE IF NOT EXISTS each_time (id INTEGER)")  # commits
    """
    revision(project, 2, script)
    assert ended(project, "manage.py", "db", "upgrade", DIE="after 6").status() == -9
    assert rows(url, "SELECT count(*) FROM a WHERE n = 0") == [(4,)]
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert rows(url, "SELECT n, count(*) FROM a GROUP BY n ORDER BY n") == [(5, 10), (100, 2)]


def test_a_statement_whose_answer_is_lost_is_not_skipped(maria):
    """What it returned would be needed again."""
    project, url = maria
    body = """
        insert = "INSERT INTO a (n) VALUES (1) RETURNING id"
        assert op.get_bind().execute(sa.text(insert)).fetchall()
        op.add_column("a", sa.Column("x", sa.Integer))
        {}
    """
    revision(project, 2, body.replace("{}", 'op.drop_table("missing")'))
    failed = db(project, "upgrade")
    assert "; 2 statements were applied and will not be repeated: [INSERT INTO " in failed.error
    revision(project, 2, body.replace("{}", ""))
    refused = db(project, "upgrade")
    assert refused.status == 1
    assert refused.error.startswith(
        "Error: the upgrade to revision r2 was stopped half-way and cannot go on: its statement 1, "
        "[INSERT INTO a (n) VALUES (1) RETURNING id], has run, and what it returned is no longer "
        "known: change the schema by hand to what the unfinished revision or the one before it "
        "leaves, and run 'db stamp REVISION' with that one"
    )
    assert len(rows(url, "SELECT * FROM a")) == 3
    assert db(project, "stamp", "r2").status == 0
    assert "migrate_script_journal" not in tables(url)


def test_temporary_tables_are_filled_again(maria):
    """They are gone with the process that made them."""
    project, url = maria
    script = """
        op.execute("CREATE TEMPORARY TABLE t (one INTEGER)")
        op.execute("INSERT INTO t VALUES (1), (2)")
        op.add_column("a", sa.Column("x", sa.Integer))
        op.execute("DELETE FROM t WHERE one = 1")
        {}
        op.execute("UPDATE a SET n = n + (SELECT sum(one) FROM t)")
    """
    revision(project, 2, script.replace("{}", 'op.drop_table("missing")'))
    failed = db(project, "upgrade")
    assert "; 1 statement was applied and will not be repeated: [ALTER TABLE a " in failed.error
    revision(project, 2, script.replace("{}", ""))
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert rows(url, "SELECT n FROM a") == [(102,), (102,)]


def test_what_a_script_tried_and_caught_is_tried_again(maria):
    """A change of rows that failed, and did not end the revision."""
    project, url = maria
    script = """
        try:
            op.execute("INSERT INTO a (id, n) VALUES (1, 1)")
        except sa.exc.IntegrityError:
            op.execute("UPDATE a SET n = n + 1")
        op.add_column("a", sa.Column("x", sa.Integer))
        {}
    """
    revision(project, 2, script.replace("{}", 'op.drop_table("missing")'))
    assert db(project, "upgrade").status == 1
    revision(project, 2, script.replace("{}", ""))
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert rows(url, "SELECT n FROM a") == [(101,), (101,)]


def test_an_unfinished_revision_comes_first(maria):
    """A downgrade past a half-applied revision is refused; a stamp is a person's word."""
    project, url = maria
    revision(project, 2, FAILS)
    assert db(project, "upgrade").status == 1
    refused = db(project, "downgrade", "base")
    assert refused.status == 1
    assert refused.error.startswith(
        "Error: the upgrade to revision r2 was stopped half-way and must be finished before the "
        "downgrade from revision r1: run 'db upgrade' first, or change the schema by hand to what "
        "the unfinished revision or the one before it leaves, and run 'db stamp REVISION' with "
        "that one"
    )
    assert db(project, "stamp", "r2").status == 0
    assert "migrate_script_journal" not in tables(url)


def test_a_script_that_looks_first_goes_on_as_ever(maria):
    """Who asks whether a table is there, and leaves it out then, is not refused for it."""
    project, url = maria
    body = """
        if "b" not in sa.inspect(op.get_bind()).get_table_names():
            op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
        {}
    """
    revision(project, 2, body.replace("{}", 'op.drop_table("missing")'))
    assert db(project, "upgrade").status == 1
    revision(project, 2, body.replace("{}", ""))
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert version(url) == ["r2"]


def test_a_failure_that_a_script_expects_is_its_own_affair(maria):
    """A statement that fails inside try and except does not stop the revision, nor its resuming."""
    project, url = maria
    body = """
        try:
            op.drop_table("missing")
        except sa.exc.DBAPIError:
            pass
        op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
        {}
        op.create_table("c", sa.Column("id", sa.Integer, primary_key=True))
    """
    revision(project, 2, body.replace("{}", "1 / 0"))
    assert db(project, "upgrade").status == 1
    revision(project, 2, body.replace("{}", ""))
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert {"b", "c"} <= set(tables(url))


def test_a_failed_downgrade_goes_on_too(maria):
    """The way down is noted as the way up is."""
    project, url = maria
    up = 'op.create_table("b", sa.Column("id", sa.Integer))'
    down = 'op.drop_table("b")\nop.execute("UPDATE a SET n = n + 1")\n'
    revision(project, 2, up, down + 'op.drop_table("missing")')
    assert db(project, "upgrade").status == 0
    assert db(project, "downgrade", "r1").status == 1
    revision(project, 2, up, down)
    assert db(project, "downgrade", "r1").status == 0
    assert rows(url, "SELECT n FROM a") == [(101,), (101,)]
    assert version(url) == ["r1"]


def test_what_succeeds_in_the_second_attempt_is_not_repeated_in_the_third(maria):
    """A statement that failed at first, which the script had caught."""
    project, url = maria
    body = """
        try:
            op.execute("INSERT INTO other (id) VALUES (1)")
        except sa.exc.DBAPIError:
            pass
        op.add_column("a", sa.Column("x", sa.Integer))
        {}
    """
    revision(project, 2, body.replace("{}", 'op.drop_table("missing")'))
    assert db(project, "upgrade").status == 1
    execute(url, "CREATE TABLE other (id INTEGER)")
    assert db(project, "upgrade").status == 1
    assert rows(url, "SELECT id FROM other") == [(1,)]
    revision(project, 2, body.replace("{}", ""))
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, "SELECT id FROM other") == [(1,)]


def test_the_table_of_the_journal_explains_itself(maria):
    """It says who made it, and what becomes of it."""
    project, url = maria
    revision(project, 2, FAILS)
    assert db(project, "upgrade").status == 1
    asked = (
        "SELECT table_comment FROM information_schema.tables "
        "WHERE table_schema = DATABASE() AND table_name = 'migrate_script_journal'"
    )
    assert rows(url, asked) == [
        (
            "Written by migrate_script: the statements of a revision that is not finished. The "
            "next run of it skips those that were applied, and drops this table when it succeeds.",
        )
    ]


def test_the_journal_table_shows_how_far_a_revision_is(maria):
    """The step that is not finished, and which of its statements were applied."""
    project, url = maria
    revision(project, 2, FAILS)
    assert db(project, "upgrade").status == 1
    applied = rows(url, "SELECT DISTINCT step, state FROM migrate_script_journal")
    assert applied == [("upgrade to revision r2", "done")]
    assert rows(url, "SELECT count(*) FROM migrate_script_journal") == [(3,)]


GOES_ON = (
    "INFO  [migrate_script] the upgrade to revision r2 goes on at statement 4: an earlier run was "
    "stopped after 3 statements"
)
HALF_DONE = (
    "INFO  [migrate_script] the upgrade to revision r2 is half done, 3 statements of it applied: "
    "run 'db upgrade' to go on at statement 4"
)


def ours(err):
    """What was said by this package."""
    return [line for line in err.splitlines() if "[alembic." not in line and " took " not in line]


def test_current_says_that_a_revision_is_half_done(maria, front_end):
    """And what to type; the next run says where it goes on, and nothing is left then."""
    project, url = maria
    revision(project, 2, FAILS)
    assert project.forked(*front_end, "upgrade").status == 1
    half = project.forked(*front_end, "current")
    assert (half.status, half.out, ours(half.err)) == (0, "r1\n", [HALF_DONE])
    status, said = on_terminal(project, "current", front_end=front_end)
    assert (status, said.splitlines()[-1]) == (0, HALF_DONE)
    revision(project, 2, WORKS)
    again = project.forked(*front_end, "upgrade")
    assert (again.status, ours(again.err)) == (0, [GOES_ON])
    assert "migrate_script_journal" not in tables(url)
    done = project.forked(*front_end, "current")
    assert (done.out, ours(done.err)) == ("r2 (head)\n", [])


def test_a_downgrade_that_is_half_done_goes_on_too(maria, front_end):
    """It is called by its name."""
    project, url = maria
    down = 'op.add_column("a", sa.Column("y", sa.Integer))\n'
    revision(project, 2, "pass", down + 'op.drop_table("missing")')
    assert project.forked(*front_end, "upgrade").status == 0
    assert project.forked(*front_end, "downgrade").status == 1
    half = project.forked(*front_end, "current")
    assert ours(half.err) == [
        "INFO  [migrate_script] the downgrade from revision r2 is half done, 1 statement of it "
        "applied: run 'db downgrade' to go on at statement 2"
    ]
    revision(project, 2, "pass", down)
    again = project.forked(*front_end, "downgrade")
    assert (again.status, ours(again.err)) == (
        0,
        [
            "INFO  [migrate_script] the downgrade from revision r2 goes on at statement 2: an "
            "earlier run was stopped after 1 statement"
        ],
    )
    assert "migrate_script_journal" not in tables(url)


@pytest.mark.parametrize("way", ["to nothing", "to where it is"])
def test_a_command_without_steps_keeps_the_journal(maria, way):
    """What is half done is finished by its own command, and not forgotten by another one."""
    project, url = maria
    if way == "to nothing":
        rows(url, "DELETE FROM alembic_version")
        execute(url, "DROP TABLE a")
        revision(project, 1, 'op.create_table("c", sa.Column("id", sa.Integer))\nop.nonsense()')
        assert db(project, "upgrade").status == 1
        assert db(project, "downgrade", "base").status == 0
    else:
        revision(project, 2, FAILS)
        assert db(project, "upgrade").status == 1
        assert db(project, "upgrade", "r1").status == 0
    assert "migrate_script_journal" in tables(url)


def test_a_journal_that_a_stopped_run_has_left_is_dropped(maria, front_end):
    """Also where no revision is due: it ended between recording the last one and dropping it."""
    project, url = maria
    revision(project, 2, FAILS)
    assert db(project, "upgrade").status == 1
    rows(url, "UPDATE alembic_version SET version_num = 'r2'")
    assert ours(project.forked(*front_end, "current").err) == []
    assert "migrate_script_journal" in tables(url)
    assert project.forked(*front_end, "upgrade").status == 0
    assert "migrate_script_journal" not in tables(url)


def test_the_journal_costs_one_statement_for_each_change_of_the_schema(maria):
    """As many as there are, where to repeat one that was interrupted is harmless."""
    project, url = maria
    script = """
        def counted():
            found = op.get_bind().execute(sa.text("SHOW SESSION STATUS LIKE 'Com%'")).fetchall()
            return {name: int(count) for name, count in found if count.isdigit()}

        op.create_table("first", sa.Column("id", sa.Integer))  # ends what this process has read
        before = counted()
        for number in range(5):
            op.create_table(f"t{number}", sa.Column("id", sa.Integer))
            op.add_column(f"t{number}", sa.Column("x", sa.Integer))
            op.create_index(f"ix{number}", f"t{number}", ["x"])
        after = counted()
        named = {name: after[name] - before[name] for name in after if after[name] > before[name]}
        with open("counted", "w") as file:
            file.write(repr(sorted(named.items())))
    """
    revision(project, 2, script)
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    counted = dict(ast.literal_eval((project.folder / "counted").read_text(encoding="utf-8")))
    if not hasattr(sa.engine.Connection, "commit"):
        # SQLAlchemy 1 may commit each statement, and the lock is checked before
        commits = counted.pop("Com_commit", 0)
        assert commits == counted.pop("Com_select", 0)
    assert counted == {
        "Com_create_table": 5,
        "Com_alter_table": 5,
        "Com_create_index": 5,
        "Com_replace": 15,
        "Com_show_status": 1,
    }


ROLLS_BACK = """
    from helper import give_up
    op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
    try:
        op.get_bind().execute(sa.text("SELECT nothing FROM a"))
    except Exception:
        {}
    op.add_column("a", sa.Column("x", sa.Integer))
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("how", ["give_up(op)", "try: give_up(op)\n        except: pass"])
def test_a_rollback_by_a_helper_is_one_of_the_script(project, new_database, monkeypatch, kind, how):
    """Wherever it is written, it undoes the rows that the script has changed, and not the run."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    project.write(
        "helper.py",
        """
        from sqlalchemy.orm import Session

        def give_up(op):
            session = Session(bind=op.get_bind())
            session.connection()
            session.rollback()
        """,
    )
    revision(project, 1, BASE)
    revision(project, 2, ROLLS_BACK.format(how))
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert tables(url) == {"a": ["id", "n", "x"], "alembic_version": ["version_num"], "b": ["id"]}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_script_may_roll_back_to_its_savepoint(project, new_database, monkeypatch, kind):
    """A session in a savepoint of the run, and one that only reads and is closed."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, BASE)
    revision(
        project,
        2,
        """
        from sqlalchemy import orm
        reader = orm.Session(bind=op.get_bind())
        assert len(reader.execute(sa.text("SELECT n FROM a")).fetchall()) == 2
        reader.close()
        savepoint = op.get_bind().begin_nested()
        op.execute("UPDATE a SET n = 1")
        savepoint.rollback()
        op.add_column("a", sa.Column("x", sa.Integer))
        """,
    )
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, "SELECT n, x FROM a") == [(100, None), (100, None)]
    assert version(url) == ["r2"]


@pytest.mark.skipif(not hasattr(sa.engine.Connection, "commit"), reason="this SQLAlchemy has none")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_follows_a_commit_of_a_script_is_committed_too(
    project, new_database, monkeypatch, kind
):
    """SQLAlchemy has begun another transaction by then, which is not the one that Alembic ends."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, BASE)
    revision(
        project,
        2,
        """
        op.create_table("b", sa.Column("id", sa.Integer))
        op.get_bind().commit()
        op.add_column("a", sa.Column("x", sa.Integer))
        """,
    )
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert version(url) == ["r2"]
    assert tables(url)["a"] == ["id", "n", "x"]
