"""What a line about a backup advises is done literally, and cures it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest
from databases import execute, file_of, picture, rows, version
from front_ends import stopped, works
from processes import without_rights
from projects import MANAGE, db
from revisions import begin, revision
from test_advice import _role as role

OTHER_MEANS = "make the backup by other means and leave out --backup"
ADD_X = 'op.add_column("a", sa.Column("x", sa.Integer))'


@pytest.fixture
def at_r1(project, new_database, monkeypatch):
    """Make a project whose database of a kind is at r1, with a second revision: the URL."""

    def make(kind):
        url = new_database(kind)
        monkeypatch.setenv("DATABASE_URL", url)
        begin(project)
        revision(project, 2, ADD_X)
        return url

    return make


def left_out(line, words):
    """Return the words of a command without the option that a line says to leave out."""
    (option,) = re.findall(r"leave out (--\w+)", line)
    return [word for word in words if word != option]


# -- making one -------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["install", "leave out"])
def test_the_program_of_the_server_is_installed(project, at_r1, monkeypatch, way, front_end):
    """On the path it makes the backup; without it, the upgrade runs without one."""
    if shutil.which("pg_dump") is None:
        pytest.skip("pg_dump is not installed")
    url, path = at_r1("postgresql"), os.environ["PATH"]
    monkeypatch.setenv("PATH", str(project.folder))
    words = ["upgrade", "--backup"]
    line = stopped(project, front_end, *words)
    assert line == (
        "the program pg_dump, which makes the backup, is not installed: install the client "
        f"programs of the server, or {OTHER_MEANS}; nothing was changed"
    )
    if way == "install":
        monkeypatch.setenv("PATH", path)
    else:
        words = left_out(line, words)
    works(project, front_end, *words)
    assert version(url) == ["r2"]
    made = [name for name in os.listdir(str(project.folder)) if name.endswith(".dump")]
    assert len(made) == (way == "install")


@pytest.mark.parametrize("way", ["remove the cause", "leave out"])
def test_what_stops_the_program_is_removed(
    project, new_database, monkeypatch, request, way, front_end
):
    """The line has the words of the program; a table that the user may not read is one cause."""
    if shutil.which("pg_dump") is None:
        pytest.skip("pg_dump is not installed")
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    revision(project, 2, "pass")
    name, theirs = role(url, request)
    execute(url, f"GRANT SELECT, INSERT, UPDATE, DELETE ON alembic_version TO {name}")
    monkeypatch.setenv("DATABASE_URL", theirs)
    words = ["upgrade", "--backup"]
    line = stopped(project, front_end, *words)
    assert re.fullmatch(
        rf"pg_dump failed: .*permission denied for table a.*: remove the cause, or {OTHER_MEANS}",
        line,
    )
    if way == "leave out":
        words = left_out(line, words)
    else:
        for what in ("TABLES", "SEQUENCES"):
            execute(url, f"GRANT SELECT ON ALL {what} IN SCHEMA public TO {name}")
    works(project, front_end, *words)
    assert version(url) == ["r2"]


def test_a_database_in_memory_has_no_backup(project, at_r1, monkeypatch, front_end):
    """Without the option it is migrated."""
    at_r1("sqlite")
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    words = ["upgrade", "--backup"]
    line = stopped(project, front_end, *words)
    assert line == "a database in memory has no backup: leave out --backup"
    works(project, front_end, *left_out(line, words))


OTHER_KIND = """
    import os

    from alembic.ddl.sqlite import SQLiteImpl
    from sqlalchemy.dialects import registry
    from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite


    class OtherDialect(SQLiteDialect_pysqlite):
        name = "other"
        supports_statement_cache = True


    class OtherImpl(SQLiteImpl):
        __dialect__ = "other"


    registry.register("other", "other_kind", "OtherDialect")
"""


def test_a_database_of_an_unknown_kind(project, at_r1, monkeypatch, front_end):
    """It is migrated without the option."""
    url = at_r1("sqlite")
    project.write("other_kind.py", OTHER_KIND)
    project.write("manage.py", "    import other_kind\n" + MANAGE.lstrip("\n"))
    monkeypatch.setenv("DATABASE_URL", url.replace("sqlite", "other"))
    words = ["upgrade", "--backup"]
    line = stopped(project, front_end, *words)
    assert line.startswith(f"--backup does not support other: {OTHER_MEANS}")
    works(project, front_end, *left_out(line, words))
    assert version(url) == ["r2"]


CREATOR = """
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
"""


def test_an_application_that_connects_by_a_function(project, at_r1, front_end):
    """The backup is made by a person who knows the way."""
    url = at_r1("postgresql")
    project.write("migrations/env.py", CREATOR)
    words = ["upgrade", "--backup"]
    line = stopped(project, front_end, *words)
    assert line == (
        "the application connects to the database by a function (creator), so the server's "
        f"programs cannot connect: {OTHER_MEANS}; nothing was changed"
    )
    works(project, front_end, *left_out(line, words))
    assert version(url) == ["r2"]


# -- restoring one ----------------------------------------------------------------------------


@pytest.fixture
def backed_up(project, at_r1):
    """A database at r2, and its backup at r1: the URL, the backup, and what it holds."""
    url = at_r1("sqlite")
    before = picture(url)
    done = db(project, "upgrade", "--backup")
    return url, re.search(r"the database was copied to (.+)\n", done.err).group(1), before


FILES = {
    "no_file": (None, "there is no file 'f': 'db restore FILE' takes a file made by --backup"),
    "wrong_kind": (
        b"PGDMP and so on",
        "'f' is not a backup of a sqlite database: 'db restore FILE' takes a file made by --backup "
        "from the same kind of database; nothing was changed",
    ),
    "incomplete": (
        b"SQLite format 3\0 and so on",
        "'f' is damaged or incomplete: 'db restore' takes a complete backup; nothing was changed",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_the_option_has_made(project, backed_up, case, front_end):
    """What the line says that the command takes, it takes."""
    url, backup, before = backed_up
    content, line = FILES[case]
    if content is not None:
        (project.folder / "f").write_bytes(content)
    assert stopped(project, front_end, "restore", "f", "--yes") == line
    command = re.search(r"'db (restore.*?)'", line).group(1).replace(" FILE", "")
    works(project, front_end, command, backup, "--yes")
    assert picture(url) == before


def test_a_restore_where_nobody_can_be_asked(project, backed_up, front_end):
    """The option of the line agrees."""
    url, backup, before = backed_up
    line = stopped(project, front_end, "restore", backup)
    assert line == (
        f"'{backup}' (r1, 2 rows) replaces '{file_of(url)}' (r2, 2 rows): add --yes to agree "
        "without a terminal; nothing was changed"
    )
    works(project, front_end, "restore", backup, re.search(r"add (\S+) to agree", line).group(1))
    assert picture(url) == before


def test_a_backup_goes_into_the_database_it_is_of(project, backed_up, monkeypatch, front_end):
    """That is named by the setting of the line."""
    url, backup, before = backed_up
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    assert stopped(project, front_end, "restore", backup, "--yes") == (
        "a backup cannot be restored into a database in memory: set SQLALCHEMY_DATABASE_URI to "
        "the database that the backup is of"
    )
    monkeypatch.setenv("DATABASE_URL", url)  # where the application takes its setting from
    works(project, front_end, "restore", backup, "--yes")
    assert picture(url) == before


def test_a_database_that_cannot_be_written(project, backed_up, front_end):
    """The cause is in the words of SQLite; without it the same command succeeds."""
    url, backup, before = backed_up
    os.chmod(file_of(url), 0o444)
    words = without_rights(*front_end, "restore", backup, "--yes")
    done = subprocess.run(words, cwd=str(project.folder), capture_output=True, text=True)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        f"Error: '{backup}' cannot be restored: attempt to write a readonly database: remove the "
        "cause and run 'db restore' again",
    )
    os.chmod(file_of(url), 0o644)
    done = subprocess.run(words, cwd=str(project.folder), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert picture(url) == before


@pytest.mark.parametrize("bind", ["default", "second"])
def test_a_backup_of_one_of_several_databases(
    project, backed_up, new_database, monkeypatch, bind, front_end
):
    """The line names the option and what it takes."""
    url, backup, before = backed_up
    shutil.copy(backup, "renamed")
    other = new_database("sqlite")
    rows(other, "CREATE TABLE b (id INTEGER)")
    monkeypatch.setenv("SECOND_URL", other)
    line = stopped(project, front_end, "restore", "renamed", "--yes")
    assert line == (
        "the name of 'renamed' does not show which database it is a backup of: add --bind NAME, "
        "with 'default' or 'second'; nothing was changed"
    )
    option = re.search(r"add (--\w+) NAME", line).group(1)
    wrong = stopped(project, front_end, "restore", "renamed", "--yes", option, "x")
    assert wrong == ("the application has no database 'x': --bind takes 'default' or 'second'")
    assert bind in re.findall(r"'(\w+)'", wrong.partition("takes")[2])
    works(project, front_end, "restore", "renamed", "--yes", option, bind)
    assert picture(url if bind == "default" else other) == before
