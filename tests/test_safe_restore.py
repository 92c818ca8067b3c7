"""The way back: which file is put into which database, and what is refused before anything goes."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time

import pytest
from helpers import execute, rows, tables
from safe import BASE, begin, db, new_project, picture, revision
from test_safe_backup import PROGRAMS, copy_of, dumped

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
    """On MySQL a restore begins with dropping all; so the file is looked at before."""
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
        "Error: 'file.sql' is damaged, or was cut off: give 'db restore' a copy that is whole; "
        "nothing was changed\n"
        if "cut off" in what
        else "Error: 'file.sql' is no copy of a mysql database: 'db restore FILE' takes what "
        "--backup has made of the same kind of database\n"
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
        "Error: 'damaged.bak' is damaged, or was cut off: give 'db restore' a copy that is whole; "
        "nothing was changed\n"
    )
    assert picture(url) == before


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
    start = time.monotonic()
    refused = db(project, "restore", copy, "--lock-timeout", "0.5")
    assert time.monotonic() - start < 30
    assert refused.error == (
        f"Error: another program has been writing to '{path}' for 0.5 s; nothing was changed "
        "since: stop that program, or give --lock-timeout more seconds\n"
    )
    writer.execute("ROLLBACK")
    writer.close()
    assert db(project, "restore", copy).status == 0
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
        "Error: the database is in memory, so there is nothing to put a copy into: set "
        "SQLALCHEMY_DATABASE_URI to the database that the copy is of\n"
    )
    assert sorted(os.listdir(str(project.folder))) == before


# -- the right database -----------------------------------------------------------------------


def test_a_copy_goes_back_to_the_database_it_was_made_of(
    project, new_database, database, monkeypatch
):
    """Of several databases, the name of the file says which; where it does not, a person does."""
    needs_programs(re.split(r"\W", database)[0])
    second = new_database(re.split(r"\W", database)[0])
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("SECOND_URL", second)
    new_project(project, "--multidb")
    table = 'op.create_table("{}" + (engine_name or "first"), sa.Column("id", sa.Integer))'
    revision(project, 1, table.format("t_"), arguments="engine_name")
    assert db(project, "upgrade").status == 0
    before = [picture(url) for url in (database, second)]
    revision(project, 2, table.format("u_"), arguments="engine_name")
    done = db(project, "upgrade", "--backup")
    copies = re.findall(r"the database was copied to (.+)\n", done.err)
    after = picture(database)
    assert db(project, "restore", copies[1]).status == 0
    assert [picture(database), picture(second)] == [after, before[1]]
    shutil.copy(copies[0], str(project.folder / "renamed"))
    refused = db(project, "restore", "renamed")
    assert refused.status == 1
    assert refused.error == (
        "Error: the name of 'renamed' does not say of which of the application's databases it is "
        "a copy: add --bind NAME, with 'default' or 'second'; nothing was changed\n"
    )
    assert picture(database) == after
    assert "is no database of the application" in db(project, "restore", "x", "--bind", "x").error
    assert db(project, "restore", "renamed", "--bind", "default").status == 0
    assert [picture(database), picture(second)] == before


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_the_server_is_that_of_the_application(at_r1, monkeypatch, kind):
    """What the URL says behind the question mark counts for the programs too."""
    project, url = at_r1(kind)
    before = picture(url)
    host = re.search(r"@([^:/]+)", url).group(1)
    monkeypatch.setenv(
        "DATABASE_URL", url.replace(f"@{host}", "@nowhere.invalid") + f"?host={host}"
    )
    revision(project, 2, LATER)
    done = db(project, "upgrade", "--backup")
    assert done.status == 0, done.err
    back = db(project, "restore", copy_of(done))
    assert back.status == 0, back.err
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
        "Error: the application connects to the database by a function of its own (creator), so "
        "that no program can be told how: make the copy by other means; nothing was changed"
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


# -- what was made since the copy -------------------------------------------------------------


def test_the_owner_of_a_database_need_not_own_its_extensions(project, new_database, monkeypatch):
    """What a superuser has installed stays; types with functions of their own go and come back."""
    needs_programs("postgresql")
    url = new_database("postgresql")
    role = "ms_" + url.rsplit("_", 1)[1]
    if not rows(url, "SELECT 1 FROM pg_available_extensions WHERE name = 'pgcrypto'"):
        pytest.skip("there is no extension to install")
    execute(
        url,
        f"CREATE ROLE {role} LOGIN PASSWORD 'x'",
        f"ALTER SCHEMA public OWNER TO {role}",
        "CREATE EXTENSION pgcrypto",
    )
    try:
        monkeypatch.setenv("DATABASE_URL", url.replace("//postgres@", f"//{role}:x@"))
        new_project(project)
        revision(
            project, 1, BASE + '\n    op.execute("CREATE TYPE r1 AS RANGE (subtype = float8)")'
        )
        assert db(project, "upgrade").status == 0
        before = dumped(url)
        revision(
            project,
            2,
            """
            op.execute("CREATE TYPE r2 AS RANGE (subtype = float8)")
            op.execute("CREATE TABLE b (r r1, s r2, h bytea DEFAULT digest('x', 'md5'))")
            """,
        )
        done = db(project, "upgrade", "--backup")
        assert done.status == 0, done.err
        back = db(project, "restore", copy_of(done))
        assert back.status == 0, back.err
        assert dumped(url) == before
        assert db(project, "upgrade").status == 0
    finally:
        execute(url, f"DROP OWNED BY {role} CASCADE", f"DROP ROLE {role}")


MADE = {
    "view": "CREATE VIEW {} AS SELECT 1 AS one",
    "procedure": "CREATE PROCEDURE {}() SELECT 1",
    "function": "CREATE FUNCTION {}() RETURNS INT DETERMINISTIC RETURN 1",
    "event": "CREATE EVENT {} ON SCHEDULE EVERY 1 DAY DO SELECT 1",
    "sequence": "CREATE SEQUENCE {}",
}


def test_what_is_no_table_goes_and_comes_back_on_mysql_too(at_r1):
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
    back = db(project, "restore", copy_of(done))
    assert back.status == 0, back.err
    assert names() == before
    assert tables(url)["a"] == ["id", "n"]
    again = db(project, "upgrade")
    assert again.status == 0, again.err
