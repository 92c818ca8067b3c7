"""The way back: which file goes into which database, and what is refused before that."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time

import pytest
from databases import execute, picture, rows, tables, version
from processes import on_terminal
from projects import db, new_project
from revisions import begin, revision
from test_backup import PROGRAMS, bring_back, copy_of

LATER = 'op.create_table("b", sa.Column("id", sa.Integer))'


def needs_programs(kind):
    """Skip where the client programs of a server are not installed."""
    for program in PROGRAMS.get(kind, ()):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


@pytest.fixture
def at_r1(project, new_database, monkeypatch):
    """Make a project whose database, of a kind, is at its only revision: project and URL."""

    def make(kind):
        needs_programs(kind)
        url = new_database(kind)
        monkeypatch.setenv("DATABASE_URL", url)
        begin(project)
        return project, url

    return make


# -- a file that is no whole copy -------------------------------------------------------------


@pytest.mark.parametrize("what", ["a script", "a dump that was cut off", "nothing"])
def test_what_is_no_whole_dump_drops_nothing(at_r1, what):
    """Nor is a command shown that would run it."""
    project, url = at_r1("mysql")
    revision(project, 2, LATER)
    copy = copy_of(db(project, "upgrade", "--backup"))
    before = picture(url)
    source = (project.folder / copy).read_bytes()
    texts = {"a script": b"SELECT 1;\n", "a dump that was cut off": source[:-200], "nothing": b""}
    (project.folder / "file.sql").write_bytes(texts[what])
    refused = db(project, "restore", "file.sql")
    assert refused.status == 1
    assert refused.error == (
        "Error: 'file.sql' is damaged or incomplete: 'db restore' takes a complete backup; "
        "nothing was changed\n"
        if "cut off" in what
        else "Error: 'file.sql' is not a backup of a mysql database: 'db restore FILE' takes a "
        "file made by --backup from the same kind of database; nothing was changed\n"
    )
    assert picture(url) == before


@pytest.mark.parametrize("part", ["header", "pages"])
def test_a_damaged_copy_leaves_the_database_alone(at_r1, part):
    """SQLite copies page by page, whatever is in them."""
    project, url = at_r1("sqlite")
    path = project.folder / "damaged.bak"
    copy = sqlite3.connect(str(path))
    copy.execute("CREATE TABLE t (x TEXT)")
    copy.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * 500)
    copy.execute("CREATE INDEX i ON t (x)")
    copy.commit()
    copy.close()
    damaged = bytearray(path.read_bytes())
    damaged[8192:30000] = b"\1" * (30000 - 8192)
    path.write_bytes(b"SQLite format 3\0" + b"x" * 5000 if part == "header" else bytes(damaged))
    before = picture(url)
    refused = db(project, "restore", "damaged.bak")
    assert refused.status == 1
    assert refused.error == (
        "Error: 'damaged.bak' is damaged or incomplete: 'db restore' takes a complete backup; "
        "nothing was changed\n"
    )
    assert picture(url) == before


# -- what is replaced is said, and asked ------------------------------------------------------


@pytest.fixture
def grown(at_r1):
    """Make a project with a backup at r1 and 1,004 rows in the database at r2."""
    project, url = at_r1("sqlite")
    revision(project, 2, 'op.bulk_insert(sa.table("a", sa.column("n")), [{"n": 0}] * 1002)')
    copy = copy_of(db(project, "upgrade", "--backup"))
    path = url[len("sqlite:///") :]
    sentence = f"'{copy}' (r1, 2 rows) replaces '{path}' (r2, 1,004 rows)"
    restored = (
        f"INFO  [migrate_script] '{path}' was restored from '{copy}': the database is at r1 (was "
        "at r2), with 2 rows (had 1,004 rows)"
    )
    return project, url, copy, sentence, restored


def test_a_person_is_asked_before_rows_are_replaced(grown):
    """No, nothing, and then yes."""
    project, url, copy, sentence, restored = grown
    for typed in (b"n\n", b"\n", b"\x04"):
        status, said = on_terminal(project, "restore", copy, typed=typed)
        assert (status, version(url)) == (1, ["r2"])
        assert f"WARNING [migrate_script] {sentence}\r\nGo on? [y/N] " in said
        assert said.splitlines()[-1].endswith(
            "'db restore' was not confirmed: nothing was changed; answer 'y' to go on, or add --yes"
        )
    status, said = on_terminal(project, "restore", copy, typed=b"y\n")
    assert (status, version(url)) == (0, ["r1"])
    assert said.splitlines()[-1].endswith(restored)


def test_nothing_is_replaced_where_nobody_can_be_asked(grown):
    """Without a terminal only --yes agrees, in both front ends."""
    project, url, copy, sentence, restored = grown
    project.write("app.py", "from manage import app")
    before = picture(url)
    ways = (lambda *more: db(project, *more), lambda *more: project.flask("app.py", "db", *more))
    for way in ways:
        refused = way("restore", copy)
        assert (refused.status, refused.out) == (1, "")
        assert refused.err == (
            f"Error: {sentence}: add --yes to agree without a terminal; nothing was changed\n"
        )
        assert picture(url) == before
    done = db(project, "restore", copy, "--yes")
    assert (done.status, done.out) == (0, "")
    assert done.err == f"WARNING [migrate_script] {sentence}\n{restored}\n"
    again = project.flask("app.py", "db", "restore", copy, "--yes")
    assert (again.status, version(url)) == (0, ["r1"])


def test_a_damaged_database_can_be_replaced(grown):
    """What is in it cannot be counted, which is no reason to keep it."""
    project, url, copy, _, _ = grown
    path = url[len("sqlite:///") :]
    with open(path, "r+b") as file:
        file.seek(100)
        file.write(b"\1" * 3000)
    done = db(project, "restore", copy, "--yes")
    assert done.status == 0, done.err
    assert "(an unknown revision, an unknown number of rows)" in done.err
    assert version(url) == ["r1"]


# -- a database that is in use, or none -------------------------------------------------------


def test_a_database_that_is_written_to_is_not_waited_for_longer_than_asked(at_r1):
    """Another program holds it: one line, and the copy can be put back later."""
    project, url = at_r1("sqlite")
    before = picture(url)
    revision(project, 2, LATER)
    copy = copy_of(db(project, "upgrade", "--backup"))
    path = url[len("sqlite:///") :]
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    refused = db(project, "restore", copy, "--yes", "--lock-timeout", "0.5")
    assert refused.error == (
        f"Error: another program has been writing to '{path}' for 0.5 s; nothing was changed "
        "since: stop that program, or give --lock-timeout more seconds\n"
    )
    writer.execute("ROLLBACK")
    writer.close()
    assert db(project, "restore", copy, "--yes").status == 0
    assert picture(url) == before


def test_nothing_is_put_into_a_database_in_memory(at_r1, monkeypatch):
    """It would be gone with the command."""
    project, _ = at_r1("sqlite")
    revision(project, 2, LATER)
    copy = copy_of(db(project, "upgrade", "--backup"))
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    before = sorted(os.listdir(str(project.folder)))
    refused = db(project, "restore", copy)
    assert refused.error == (
        "Error: a backup cannot be restored into a database in memory: set "
        "SQLALCHEMY_DATABASE_URI to the database that the backup is of\n"
    )
    assert sorted(os.listdir(str(project.folder))) == before


# -- the right database -----------------------------------------------------------------------


@pytest.fixture
def two(project, new_database, monkeypatch):
    """Make a project with two databases of a kind, and a backup of each at r1."""

    def make(kind):
        needs_programs(kind)
        urls = new_database(kind), new_database(kind)
        monkeypatch.setenv("DATABASE_URL", urls[0])
        monkeypatch.setenv("SECOND_URL", urls[1])
        new_project(project, "--multidb")
        table = 'op.create_table("{}" + (engine_name or "first"), sa.Column("id", sa.Integer))'
        revision(project, 1, table.format("t_"), arguments="engine_name")
        assert db(project, "upgrade").status == 0
        before = [picture(url) for url in urls]
        revision(project, 2, table.format("u_"), arguments="engine_name")
        done = db(project, "upgrade", "--backup")
        return urls, before, re.findall(r"the database was copied to (.+)\n", done.err)

    return make


def test_a_backup_goes_back_to_the_database_it_was_made_of(project, two):
    """Of several databases, the name of the file says which; where it does not, a person does."""
    (first, second), before, copies = two("sqlite")
    after = picture(first)
    assert db(project, "restore", copies[1], "--yes").status == 0
    assert [picture(first), picture(second)] == [after, before[1]]
    shutil.copy(copies[0], str(project.folder / "renamed"))
    refused = db(project, "restore", "renamed", "--yes")
    assert refused.status == 1
    assert refused.error == (
        "Error: the name of 'renamed' does not show which database it is a backup of: add --bind "
        "NAME, with 'default' or 'second'; nothing was changed\n"
    )
    assert picture(first) == after
    assert db(project, "restore", "x", "--bind", "x").error == (
        "Error: the application has no database 'x': --bind takes 'default' or 'second'\n"
    )
    assert db(project, "restore", "renamed", "--bind", "default", "--yes").status == 0
    assert [picture(first), picture(second)] == before


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_the_command_names_the_database_that_a_dump_was_made_of(project, two, kind):
    """As a file of SQLite's goes back to it, by the name of the dump or by --bind."""
    urls, _, copies = two(kind)
    names = [url.rsplit("/", 1)[1] for url in urls]
    assert names[1] in db(project, "restore", copies[1]).error.partition(" run: ")[2].split("/")[0]
    shutil.copy(copies[0], str(project.folder / "renamed"))
    assert "--bind NAME, with 'default' or 'second'" in db(project, "restore", "renamed").error
    assert names[0] in db(project, "restore", "renamed", "--bind", "default").error


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_the_server_is_that_of_the_application(at_r1, monkeypatch, kind):
    """What the URL says behind the question mark counts for the programs too."""
    project, url = at_r1(kind)
    before = picture(url)
    host = re.search(r"@([^:/]+)", url).group(1)
    monkeypatch.setenv(
        "DATABASE_URL", url.replace(f"@{host}", "@nowhere.invalid") + f"?host={host}"
    )
    revision(project, 2, 'op.execute("DELETE FROM a")')
    done = db(project, "upgrade", "--backup")
    assert done.status == 0, done.err
    bring_back(project, done)
    assert picture(url) == before


def test_how_an_application_connects_by_itself_is_not_guessed(at_r1):
    """An engine with a creator knows a way that no program can be told."""
    project, url = at_r1("postgresql")
    project.write(
        "migrations/env.py",
        """
        import os

        import psycopg2
        import sqlalchemy
        from alembic import context

        dsn = os.environ["DATABASE_URL"].replace("+psycopg2", "")
        engine = sqlalchemy.create_engine(
            "postgresql+psycopg2://nobody@nowhere.invalid/x", creator=lambda: psycopg2.connect(dsn)
        )
        with engine.connect() as connection:
            context.configure(connection=connection)
            with context.begin_transaction():
                context.run_migrations()
        """,
    )
    before = picture(url)
    revision(project, 2, LATER)
    refused = db(project, "upgrade", "--backup")
    assert refused.error.startswith(
        "Error: the application connects to the database by a function (creator), so the server's "
        "programs cannot connect: make the backup by other means and leave out --backup; nothing "
        "was changed"
    )
    assert picture(url) == before


def test_a_copy_is_never_written_over(at_r1, monkeypatch):
    """Two of one second have two names."""
    project, _ = at_r1("sqlite")
    monkeypatch.setattr(time, "strftime", lambda *_: "now")
    revision(project, 2, LATER, 'op.drop_table("b")')
    first = copy_of(db(project, "upgrade", "--backup"))
    assert db(project, "downgrade").status == 0
    second = copy_of(db(project, "upgrade", "--backup"))
    assert first != second
    assert os.path.exists(first)
    assert os.path.exists(second)


# -- what is no table -------------------------------------------------------------------------

MADE = {
    "view": "CREATE VIEW {} AS SELECT 1 AS one",
    "procedure": "CREATE PROCEDURE {}() SELECT 1",
    "function": "CREATE FUNCTION {}() RETURNS INT DETERMINISTIC RETURN 1",
    "event": "CREATE EVENT {} ON SCHEDULE EVERY 1 DAY DO SELECT 1",
    "sequence": "CREATE SEQUENCE {}",
}


def test_what_is_no_table_comes_back_on_mysql_too(at_r1):
    """Views, routines, events and, on MariaDB, sequences."""
    project, url = at_r1("mysql")
    made = {k: v for k, v in MADE.items() if "MariaDB" in str(rows(url, "SELECT VERSION()"))}
    made = made or {k: v for k, v in MADE.items() if k != "sequence"}

    def names():
        found = rows(
            url,
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() "
            "UNION SELECT ROUTINE_NAME FROM information_schema.ROUTINES "
            "WHERE ROUTINE_SCHEMA = DATABASE() UNION SELECT EVENT_NAME "
            "FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE()",
        )
        return sorted(name for (name,) in found)

    execute(url, *[statement.format(f"old_{kind}") for kind, statement in made.items()])
    before = names()
    body = [f"op.execute({statement.format(f'new_{kind}')!r})" for kind, statement in made.items()]
    body += [f'op.execute("DROP {kind.upper()} old_{kind}")' for kind in made]
    revision(project, 2, "\n".join(body))
    done = db(project, "upgrade", "--backup")
    assert done.status == 0, done.err
    assert names() != before
    bring_back(project, done)
    assert set(before) <= set(names())
    assert tables(url)["a"] == ["id", "n"]
