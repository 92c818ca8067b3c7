"""What a line about the command line, a setting or a URL advises is typed or written, and cures."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from alembic import command
from databases import file_of, version
from front_ends import follow, one_line
from projects import MANAGE, new_project
from revisions import BASE, revision
from test_connection_errors import LATE_ENGINE
from test_folder_errors import configure

# -- what is typed ----------------------------------------------------------------------------


def no_command(db):
    """Two letters are in the wrong order."""
    yield (
        "upgarde",
        "there is no command 'upgarde': did you mean 'upgrade'? 'db --help' lists them all",
    )
    yield "upgrade"
    yield "--help"


def extra_argument(db):
    """A message without quotes."""
    yield "upgrade"
    line = (
        "'db revision' does not take the argument 'words': a message is written in quotes after "
        "-m, as in 'db revision -m \"...\"'"
    )
    yield "revision -m two words", line
    yield "revision -m ..."


def nothing_for_sql(db):
    """A comparison has no SQL."""
    yield "upgrade"
    yield (
        "migrate --sql -m x",
        "'db migrate' compares with the database, so that --sql has nothing to print: leave it "
        "out; 'db upgrade --sql' prints the statements of revisions",
    )
    yield "upgrade --sql"
    yield "migrate -m x"


def no_environment(db):
    """env.py is not run for a new revision, unless the option of the line is set."""
    yield (
        "revision --sql -m x",
        "'db revision' runs no env.py, so that --sql has nothing to print: leave it out, or write "
        "'revision_environment = true' below [alembic] in 'migrations/alembic.ini'",
    )
    yield "revision -m x"
    configure(db, "revision_environment = true")
    yield "revision --sql -m x"


def no_backup_named(db):
    """One that the option has made."""
    yield "upgrade aaaa"
    backup = re.search(r"the database was copied to (.+)\n", db("upgrade", "--backup").err).group(1)
    yield "restore", "no file is named: 'db restore FILE' takes one that --backup has made"
    yield f"restore {backup} --yes"
    yield "upgrade +1"


def given_twice(db):
    """By an argument and an option."""
    yield "upgrade"
    yield (
        "downgrade bbbb --revision aaaa",
        "'db downgrade' got both 'bbbb' and 'aaaa': give one of them",
    )
    yield "downgrade bbbb"
    yield "downgrade --revision aaaa"


def purged_in_sql(db):
    """What --purge deletes is not known to --sql."""
    if "purge" not in command.stamp.__code__.co_varnames:
        pytest.skip("this Alembic has no --purge")
    yield "upgrade aaaa"
    yield (
        "stamp --purge --sql cccc",
        "'db stamp' got both '--purge' and '--sql': give one of them",
    )
    yield "stamp --sql cccc"
    yield "stamp --purge cccc"


def no_rows_to_count(db):
    """With --sql no table is read."""
    line = "--no-loss counts the rows of the database, which --sql leaves alone: give one of them"
    yield "upgrade --sql --no-loss", line
    yield "upgrade --sql"
    yield "upgrade --no-loss"


def bad_value(db):
    """An option without one, in the words of the release of Click."""
    yield (
        "upgrade --tag",
        "'db upgrade': Option '--tag' requires an argument: 'db upgrade --help' shows how",
        "'db upgrade': --tag option requires an argument: 'db upgrade --help' shows how",
    )
    yield "upgrade --help"
    yield "upgrade --tag x"


def bad_setting(db):
    """A word, or less than nothing."""
    yield "upgrade --lock-timeout x", "'lock_timeout' is 'x': give a number of seconds"
    yield "upgrade --lock-timeout 5"
    yield "downgrade --ddl-lock-timeout -1", "'ddl_lock_timeout' is '-1': give a number of seconds"
    yield "downgrade --ddl-lock-timeout 5"


CASES = [value for value in list(globals().values()) if getattr(value, "__code__", None)]
CASES = [case for case in CASES if case.__module__ == __name__]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_advice_is_a_cure(db, case):
    """What has a line fails with the status of a wrong command line; what that names succeeds."""
    follow(db, case(db), status=2)


# -- the launcher -----------------------------------------------------------------------------

LAUNCHER = "python -m migrate_script"


@pytest.fixture
def launched(project, url):
    """Run the launcher in a folder with a script and a revision: `launched(words)`."""
    new_project(project)
    revision(project, 1, BASE)

    def run(words):
        start = ["-W", "ignore", "-m", "migrate_script"]
        return project.process(*start, *words.split(), env={"PYTHONWARNINGS": "ignore"})

    return run


def test_nothing_to_run(launched, url):
    """Without arguments it shows two ways to name what is to be run."""
    advice = f"'{LAUNCHER}' without arguments says what it takes"
    failed = launched("-m")
    assert failed == (2, "", f"Error: -m takes the name of a module: {advice}\n")
    ways = re.findall(rf"^    {LAUNCHER} (.* db upgrade)$", launched("").out, re.M)
    assert ways == ["manage.py db upgrade", "-m package.manage db upgrade"]
    for words in ways:
        done = launched(words.replace("package.manage", "manage"))
        assert (done.status, version(url)) == (0, ["r1"]), done.err


@pytest.mark.parametrize("scripts", [["manage.py"], ["a.py", "b.py"]])
def test_the_script_is_left_out(project, launched, url, scripts):
    """The line has the whole command, or the names of which one is written before it."""
    manage = project.folder / "manage.py"
    if "manage.py" not in scripts:
        for name in scripts:
            project.write(name, MANAGE)
        manage.unlink()
    way_out = f"write '{LAUNCHER} manage.py db upgrade'"
    if len(scripts) > 1:
        way_out = "write one of a.py, b.py before it"
    failed = launched("db upgrade")
    reason = "there is no script 'db' to run: No such file or directory"
    assert failed == (2, "", f"Error: {reason}: {way_out}, if the script is missing\n")
    done = launched(f"{scripts[0]} db upgrade")
    assert (done.status, version(url)) == (0, ["r1"]), done.err


def test_a_script_that_runs_no_manager(project, launched, url):
    """The call of the line at its end runs it."""
    project.write("manage.py", MANAGE.replace("manager.run()", "pass"))
    failed = launched("manage.py db upgrade")
    assert failed == (
        2,
        "",
        "Error: nothing in 'manage.py' handled 'db upgrade': call the run() of its Manager at the "
        "end of the script\n",
    )
    project.write("manage.py", MANAGE.replace("manager.run()", "pass") + "\n    manager.run()\n")
    done = launched("manage.py db upgrade")
    assert (done.status, version(url)) == (0, ["r1"]), done.err


# -- the URL of the database ------------------------------------------------------------------

URI = "SQLALCHEMY_DATABASE_URI"
# the kind of database, how its URL begins and ends, the line, and how it is to begin and to end
URLS = {
    "unknown dialect": (
        "sqlite",
        ("sqllite://", ""),
        f"Can't load plugin: sqlalchemy.dialects:sqllite: check the part of {URI} before '://', "
        "and that its driver is installed",
        ("sqlite://", ""),
    ),
    "no URL": (
        "sqlite",
        ("", ""),
        f"{URI} is not a database URL: write it like sqlite:////folder/file.db or "
        "postgresql://user@host:5432/database",
        ("sqlite://", ""),
    ),
    "bad option": (
        "sqlite",
        ("sqlite://", "?timeout=soon"),
        "the application's engine cannot be made: ValueError: could not convert string to float: "
        f"'soon': check {URI}, SQLALCHEMY_BINDS and SQLALCHEMY_ENGINE_OPTIONS",
        ("sqlite://", "?timeout=5"),
    ),
    "of another era": (
        "postgresql",
        ("postgres://", ""),
        f"SQLAlchemy 1.4 and later do not know 'postgres://': begin {URI} with 'postgresql://'",
        ("postgresql://", ""),
    ),
    "missing driver": (
        "postgresql",
        ("postgresql+pg8000://", ""),
        f"the database driver 'pg8000' is not installed: install it, or name another driver in "
        f"{URI} (dialect+driver://...)",
        ("postgresql+psycopg2://", ""),
    ),
    "missing driver of PostgreSQL": (
        "postgresql",
        ("postgresql://", ""),
        "this SQLAlchemy connects to 'postgresql://' with psycopg, which is not installed: install "
        "psycopg, or write 'postgresql+psycopg2://' to go on with psycopg2",
        ("postgresql+psycopg2://", ""),
    ),
    "missing driver of MySQL": (
        "mysql",
        ("mysql://", ""),
        "this SQLAlchemy connects to 'mysql://' with mysqlclient, which is not installed: install "
        "mysqlclient, or write 'mysql+pymysql://' to go on with PyMySQL",
        ("mysql+pymysql://", ""),
    ),
}


@pytest.mark.parametrize("case", URLS)
def test_a_url_is_written_as_the_line_says(db, new_database, monkeypatch, case):
    """The line is all there is; with what it names, the database is upgraded."""
    kind, (begins, ends), line, (cure, end) = URLS[case]
    url = new_database(kind)
    _, _, rest = url.partition("://")
    for name in ("pg8000", "MySQLdb", *["psycopg"] * (case == "missing driver of PostgreSQL")):
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    db.project.write("shop.py", LATE_ENGINE.format(url=begins + rest + ends))
    done = db("upgrade")
    if done.status == 0:
        pytest.skip("this SQLAlchemy takes the URL")
    assert (done.status, done.out, done.error) == (1, "", one_line(line))
    db.project.write("shop.py", LATE_ENGINE.format(url=cure + rest + end))
    done = db("upgrade")
    assert (done.status, version(url)) == (0, ["cccc"]), done.err


def test_a_file_of_another_kind(db, new_database, monkeypatch):
    """Another URL is used, or a backup is restored in its place."""
    url = new_database("sqlite")
    monkeypatch.setenv("DATABASE_URL", url)
    assert db("upgrade", "aaaa").status == 0
    backup = re.search(r"the database was copied to (.+)\n", db("upgrade", "--backup").err).group(1)
    file = Path(file_of(url))
    file.write_bytes(b"something else\n" * 500)
    assert db("upgrade").error == one_line(
        f"'{file}' is not a database of SQLite: correct {URI}, or move the file away and restore a "
        "backup ('db restore FILE')"
    )
    monkeypatch.setenv("DATABASE_URL", new_database("sqlite"))
    assert db("upgrade").status == 0
    monkeypatch.setenv("DATABASE_URL", url)
    file.rename(f"{file}.away")
    assert db("restore", backup, "--yes").status == 0
    assert version(url) == ["aaaa"]
    assert db("upgrade").status == 0
