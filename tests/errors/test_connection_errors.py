"""A database that cannot be reached ends in one line without its password."""

from __future__ import annotations

import re
import secrets

import pytest
import sqlalchemy as sa
from databases import execute, rows
from front_ends import files_of, one_line
from projects import Result


def driver_words(url: str) -> str:
    """What the driver itself says about a URL, on one line."""
    import sqlalchemy as sa

    with pytest.raises(sa.exc.DBAPIError) as caught:
        sa.create_engine(url).connect()
    said = caught.value.orig.args
    if len(said) == 2:
        return f"{' '.join(str(said[1]).split()).rstrip('.:')} ({said[0]})"
    return " ".join(str(caught.value.orig).split()).rstrip(".:")


def without_charset(result: Result) -> Result:
    """A result without what Flask-SQLAlchemy adds to the URL of MySQL."""
    return result._replace(err=re.sub(r"\?charset=\w+", "", result.err))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg2://user:secret@127.0.0.1:1/shop",
        "mysql+pymysql://user:secret@127.0.0.1:1/shop",
        "postgresql+psycopg2://127.0.0.1:1/shop?password=secret",
        "postgresql+psycopg2://user@127.0.0.1:1/shop?connect_timeout=5&sslpassword=secret",
    ],
)
def test_a_database_that_is_down(db, monkeypatch, url):
    """The URL without its password, the driver's words, what to check; nothing is written."""
    before = files_of(db.project)
    monkeypatch.setenv("DATABASE_URL", url)
    shown = url.replace("secret", "***")
    answer = db("upgrade")
    assert without_charset(answer) == (
        1,
        "",
        one_line(
            f"cannot connect to {shown}: {driver_words(url)}: check that the server runs and that "
            "SQLALCHEMY_DATABASE_URI is right"
        ),
    )
    assert "secret" not in answer.err + answer.out
    assert "secret" not in db("upgrade", "--traceback").err
    assert files_of(db.project) == before


def test_a_wrong_password(db, new_database, monkeypatch, request):
    """MariaDB refuses the login, so nobody is sent to look whether it runs."""
    good = new_database("mysql")
    # for a name without an account the server picks the method of any account that it has
    name = f"ms_{secrets.token_hex(4)}"
    rows(good, f"CREATE USER {name}@'%' IDENTIFIED BY 'x'")
    request.addfinalizer(lambda: rows(good, f"DROP USER {name}@'%'"))
    bad = re.sub(r"//[^@]*@", f"//{name}:wrong-secret@", good)
    monkeypatch.setenv("DATABASE_URL", bad)
    shown = bad.replace("wrong-secret", "***")
    answer = db("upgrade")
    assert without_charset(answer) == (
        1,
        "",
        one_line(
            f"cannot connect to {shown}: {driver_words(bad)}: the server runs and refuses this: "
            "correct the user, the password or the database in SQLALCHEMY_DATABASE_URI, or create "
            "what is missing"
        ),
    )
    assert "(1045)" in answer.err


def test_a_url_without_a_database(db, new_database, monkeypatch):
    """MySQL has none then, and some releases of SQLAlchemy end in an AssertionError of theirs."""
    name = new_database("mysql").rpartition("/")[2]
    monkeypatch.setenv("DATABASE_URL", "mysql+pymysql://root@127.0.0.1/")
    answer = db("upgrade")
    line = one_line(
        "mysql+pymysql://root@127.0.0.1/ names no database: add its name after the host, as in "
        "127.0.0.1/NAME, and create that database if there is none"
    )
    # some releases look for the version table first, others later
    assert without_charset(answer).error.startswith(line.rstrip())
    assert len(answer.error.splitlines()) == 1
    assert answer.status == 1
    named = re.search(r"as in (\S+/NAME)", answer.error).group(1).replace("NAME", name)
    monkeypatch.setenv("DATABASE_URL", f"mysql+pymysql://root@{named}")
    assert db("upgrade").status == 0


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql+pymysql://user:secret@127.0.0.1:3306/shop?nosuch=1", "TypeError: .*nosuch"),
        ("mysql+pymysql://user:secret@127.0.0.1:3306/shop?charset=x", "AttributeError: .*encoding"),
    ],
)
def test_what_a_driver_raises_is_not_charged_to_env_py(db, monkeypatch, url, words):
    """Also where it is no database error: the URL is named."""
    monkeypatch.setenv("DATABASE_URL", url)
    answer = db("upgrade")
    shown = re.escape("cannot connect to mysql+pymysql://user:***@127.0.0.1:3306/shop?")
    assert re.match(f"Error: {shown}.*{words}.*: check that the server runs", answer.error)
    assert len(answer.error.splitlines()) == 1
    assert (answer.status, answer.out) == (1, "")


BAD_SETTINGS = """
    import os
    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    from migrate_script import Migrate

    app = Flask(__name__)
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    app.config.update({settings})
    migrate = Migrate(app, SQLAlchemy(app))
"""


@pytest.mark.skipif(
    hasattr(sa.engine, "CursorResult"), reason="Flask-SQLAlchemy 3 makes its engines at once"
)
@pytest.mark.parametrize(
    "settings",
    [
        "SQLALCHEMY_DATABASE_URI=7",
        "SQLALCHEMY_DATABASE_URI=None",
        "SQLALCHEMY_DATABASE_URI='sqlite:///shop.db?timeout=soon'",
        "SQLALCHEMY_DATABASE_URI='mysql+pymysql://u@127.0.0.1/shop?connect_timeout=soon'",
    ],
)
def test_a_setting_of_the_engine_is_not_charged_to_env_py(db, settings):
    """The library's words, and the settings to look at."""
    db.project.write("shop.py", BAD_SETTINGS.format(settings=settings))
    answer = db("upgrade")
    assert answer.status == 1
    assert "env.py" not in answer.error
    assert re.fullmatch(
        r"Error: the application's engine cannot be made: \w+Error: .*: check "
        r"SQLALCHEMY_DATABASE_URI, SQLALCHEMY_BINDS and SQLALCHEMY_ENGINE_OPTIONS\n",
        answer.error,
    )
    good = "SQLALCHEMY_DATABASE_URI=os.environ['DATABASE_URL']"
    db.project.write("shop.py", BAD_SETTINGS.format(settings=good))
    assert db("upgrade").status == 0


def test_an_assertion_of_a_library_is_not_charged_to_env_py(db, monkeypatch):
    """One of env.py is."""
    env_py = db.project.folder / "migrations" / "env.py"
    text = env_py.read_text(encoding="utf-8")
    env_py.write_text("import asserting\nasserting.wrongly()\n" + text, encoding="utf-8")
    db.project.write("asserting.py", "def wrongly():\n    assert 1 == 2, 'one is not two'\n")
    line = one_line("AssertionError: one is not two: --traceback shows where it came from")
    assert db("upgrade").error == line
    env_py.write_text("assert 1 == 2, 'one is not two'\n" + text, encoding="utf-8")
    assert "env.py, line 1: AssertionError: one is not two: correct the file" in db("upgrade").err


@pytest.mark.parametrize("kind", ["postgresql+psycopg2", "mysql+pymysql"])
@pytest.mark.parametrize(
    "password", ["p@ssw0rd", "p@ss/w#0rd", "p:ass/w0rd?x", "p ss'w\"0rd", "pa%ss", "pass%40w0rd"]
)
def test_no_part_of_a_password_is_shown(db, monkeypatch, kind, password):
    """Where it breaks its URL, the line says how its characters are written."""
    monkeypatch.setenv("DATABASE_URL", f"{kind}://user:{password}@127.0.0.1:1/shop")
    answer = db("upgrade")
    for text in (answer.out + answer.err, db("upgrade", "--traceback").err):
        for part in re.findall("[a-z0-9]{3,}", password):
            assert part not in text
    assert f"{kind}://user:***@127.0.0.1:1/shop" in answer.error
    assert answer.status == 1


@pytest.mark.parametrize(
    "password", ["p@ssw0rd", "p@ss/w#0rd", "p ss'w0rd", "p:ass@w0rd:x", "p ss]@w0rd"]
)
def test_no_part_of_a_password_in_a_query_is_shown(db, password):
    """An '@' in it makes SQLAlchemy take what is before it for a user and a password."""
    url = f"postgresql+psycopg2://127.0.0.1:1/shop?user=u&password={password}"
    db.project.write("shop.py", LATE_ENGINE.format(url=url))
    answer = db("upgrade")
    assert answer.status == 1
    assert answer.error.count("\n") == 1
    for part in re.findall("[a-z0-9]{3,}", password):
        assert part not in answer.out + answer.err


@pytest.mark.parametrize("password", ["p4ssword", "p4ss%20word", "p4ss%40word"])
def test_the_password_in_a_query_is_not_printed(db, monkeypatch, new_database, password):
    """`current -v` prints the URL, of which Alembic hides the password of the user only."""
    url = new_database("postgresql") + f"?connect_timeout=9&password={password}"
    monkeypatch.setenv("DATABASE_URL", url)
    answer = db("current", "-v")
    assert answer.status == 0
    assert "password=***" in answer.out
    assert "p4ss" not in answer.out + answer.err
    assert "word:" not in answer.out


LATE_ENGINE = """
    import sqlalchemy as sa
    from flask import Flask
    from migrate_script import Migrate


    class Database:
        '''A database object that makes its engine when it is asked for.'''

        metadata = sa.MetaData()

        @property
        def engine(self):
            return sa.create_engine({url!r})


    app = Flask(__name__)
    migrate = Migrate(app, Database())
"""


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (
            "oracel://user:secret@host/shop",
            "Can't load plugin: sqlalchemy.dialects:oracel: check the part of "
            "SQLALCHEMY_DATABASE_URI before '://', and that its driver is installed",
        ),
        (
            "mssql+pymssql://user:secret@host/shop",
            "the database driver 'pymssql' is not installed: install it, or name another driver "
            "in SQLALCHEMY_DATABASE_URI (dialect+driver://...)",
        ),
        (
            "user:secret@host/shop",
            "SQLALCHEMY_DATABASE_URI is not a database URL: "
            "write it like sqlite:////folder/file.db or postgresql://user@host:5432/database",
        ),
        (
            "postgresql://user:secret@host:port/shop",
            "SQLALCHEMY_DATABASE_URI is not a database URL: "
            "write it like sqlite:////folder/file.db or postgresql://user@host:5432/database",
        ),
    ],
    ids=["unknown dialect", "missing driver", "no URL", "bad port"],
)
def test_a_url_that_cannot_be_used(db, url, sentence):
    """The cause is named in one line, and never the password."""
    db.project.write("shop.py", LATE_ENGINE.format(url=url))
    answer = db("upgrade")
    assert answer == (1, "", one_line(sentence))
    assert "secret" not in db("upgrade", "--traceback").err


def test_a_url_of_another_era(db):
    """postgres:// was an alias until SQLAlchemy 1.4."""
    db.project.write("shop.py", LATE_ENGINE.format(url="postgres://user:secret@127.0.0.1:1/shop"))
    answer = db("upgrade")
    assert answer.status == 1
    assert len(answer.error.splitlines()) == 1
    assert "secret" not in answer.err
    if "do not know" in answer.error:
        assert answer.error == one_line(
            "SQLAlchemy 1.4 and later do not know 'postgres://': "
            "begin SQLALCHEMY_DATABASE_URI with 'postgresql://'"
        )
    else:
        assert "cannot connect to postgres://user:***@127.0.0.1:1/shop" in answer.error


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("no/such/shop.db", "there is no folder '{}/no/such': create it (mkdir -p {}/no/such)"),
        ("", "that is a folder: add the name of a file to it"),
    ],
)
@pytest.mark.parametrize("words", ["upgrade", "current", "stamp head", "migrate"])
def test_a_file_of_sqlite_that_cannot_be_there(db, monkeypatch, path, reason, words):
    """The path is named, and what is missing of it; there is no server to look at."""
    folder = db.project.folder / "data"
    folder.mkdir()
    before = files_of(db.project)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{folder}/{path}")
    said = reason.format(folder, folder)
    assert db(*words.split()) == (
        1,
        "",
        one_line(
            f"SQLite cannot open '{folder / path}': {said}, or correct SQLALCHEMY_DATABASE_URI"
        ),
    )
    assert files_of(db.project) == before


def test_a_file_of_sqlite_in_a_folder(db, monkeypatch):
    """Its name is added, as the line says."""
    (db.project.folder / "data").mkdir()
    url = f"sqlite:///{db.project.folder}/data"
    monkeypatch.setenv("DATABASE_URL", url)
    assert "that is a folder: add the name of a file to it" in db("upgrade").error
    monkeypatch.setenv("DATABASE_URL", f"{url}/shop.db")
    assert db("upgrade").status == 0


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_schema_for_the_version_table_that_is_not_there(db, monkeypatch, new_database, kind):
    """The statement that creates it is told, and cures."""
    url = new_database(kind)
    schema = url.rpartition("/")[2] + "_x"
    monkeypatch.setenv("DATABASE_URL", url)
    env_py = db.project.folder / "migrations" / "env.py"
    source = env_py.read_text(encoding="utf-8")
    assert "target_metadata=" in source
    changed = source.replace(
        "target_metadata=", f'version_table_schema="{schema}", target_metadata='
    )
    env_py.write_text(changed, encoding="utf-8")
    what = "SCHEMA" if kind == "postgresql" else "DATABASE"
    refused = db("upgrade")
    assert refused.status == 1
    assert refused.error == one_line(
        f"there is no schema '{schema}', in which env.py keeps the version table "
        f"(version_table_schema): run the statement CREATE {what} {schema} on the database; "
        "the database is at no revision, as before"
    )
    execute(url, f"CREATE {what} {schema}")
    try:
        assert db("upgrade").status == 0
        assert rows(url, f"SELECT count(*) FROM {schema}.alembic_version") == [(1,)]
    finally:
        execute(url, f"DROP {what} {schema}" + (" CASCADE" if what == "SCHEMA" else ""))


def test_what_is_said_of_a_missing_database_creates_it(db, new_database, monkeypatch):
    """The server runs: it is the database that is to be made."""
    url = new_database("postgresql")
    name = url.rsplit("/", 1)[1]
    missing = url.replace(name, f"{name}_x")
    monkeypatch.setenv("DATABASE_URL", missing)
    answer = db("upgrade")
    assert answer.error == one_line(
        f"cannot connect to {missing}: {driver_words(missing)}: the server runs and refuses this: "
        "correct the user, the password or the database in SQLALCHEMY_DATABASE_URI, or create what "
        "is missing"
    )
    execute(url, f"CREATE DATABASE {name}_x")
    try:
        assert db("upgrade").status == 0
    finally:
        execute(url, f"DROP DATABASE {name}_x WITH (FORCE)")
