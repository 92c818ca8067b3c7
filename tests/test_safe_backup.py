"""A copy of the database before a run, and the way back."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess

import pytest
from helpers import rows
from safe import BASE, begin, db, new_project, picture, revision, version

PROGRAMS = {
    "postgresql": ("pg_dump", "pg_restore", "psql"),
    "mysql": ("mariadb-dump", "mariadb"),
}


@pytest.fixture
def at_r1(project, database, monkeypatch):
    """A project whose database, of each kind, is at its only revision."""
    for program in PROGRAMS.get(re.split(r"\W", database)[0], ()):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    monkeypatch.setenv("DATABASE_URL", database)
    begin(project)
    return project


def copy_of(result):
    """Read from the output where the copy is."""
    return re.search(r"the database was copied to (.+)\n", result.err).group(1)


def test_the_copy_brings_everything_back(at_r1, database):
    """What the upgrade made is gone, what it changed is as before, and it can run again."""
    before = picture(database)
    revision(
        at_r1,
        2,
        """
        op.create_table("b", sa.Column("id", sa.Integer))
        op.execute("DELETE FROM a WHERE id = 1")
        op.add_column("a", sa.Column("x", sa.Integer))
        """,
    )
    done = db(at_r1, "upgrade", "--backup")
    assert done.status == 0, done.err
    copy = copy_of(done)
    assert ".before-r1." in copy
    assert stat.S_IMODE(os.stat(copy).st_mode) & 0o077 in (0, 0o044)
    after = picture(database)
    assert after != before
    back = db(at_r1, "restore", copy)
    assert back.status == 0, back.err
    assert picture(database) == before
    assert db(at_r1, "upgrade").status == 0
    assert picture(database) == after


OBJECTS = """
    CREATE TYPE mood{n} AS ENUM ('sad', 'ok');
    CREATE DOMAIN small{n} AS integer CHECK (VALUE < 10);
    CREATE TYPE pair{n} AS (x integer, y integer);
    CREATE SEQUENCE numbers{n};
    CREATE TABLE t{n} (id serial PRIMARY KEY, m mood{n}, s small{n}, b integer GENERATED ALWAYS AS
        IDENTITY);
    CREATE TABLE child{n} (id integer PRIMARY KEY REFERENCES t{n} (id)) PARTITION BY RANGE (id);
    CREATE TABLE part{n} PARTITION OF child{n} FOR VALUES FROM (1) TO (9);
    CREATE VIEW v{n} AS SELECT * FROM t{n};
    CREATE MATERIALIZED VIEW mv{n} AS SELECT * FROM v{n};
    CREATE FUNCTION f{n}() RETURNS trigger AS 'BEGIN RETURN NEW; END' LANGUAGE plpgsql;
    CREATE FUNCTION plus{n}(integer, integer) RETURNS integer AS 'SELECT $1 + $2' LANGUAGE sql;
    CREATE AGGREGATE total{n} (integer) (SFUNC = plus{n}, STYPE = integer);
    CREATE PROCEDURE p{n}() AS 'SELECT 1' LANGUAGE sql;
    CREATE TRIGGER tr{n} BEFORE UPDATE ON t{n} FOR EACH ROW EXECUTE FUNCTION f{n}();
    CREATE SCHEMA "Other {n}";
    CREATE TABLE "Other {n}"."T" (m mood{n});
    INSERT INTO t{n} (m) VALUES ('ok');
"""


def dumped(url):
    """Write everything that is in a database of PostgreSQL as text."""
    command = ["pg_dump", "--inserts", "--dbname", url.replace("+psycopg2", "")]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    # newer programs draw a word anew for these lines
    return [line for line in done.stdout.splitlines() if "restrict" not in line]


def test_what_was_made_since_the_copy_goes(project, new_database, monkeypatch):
    """Whatever kind of object, and whatever schema: the database is as it was."""
    url = new_database("postgresql")
    for program in PROGRAMS["postgresql"]:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, f"{BASE}\n    op.execute({OBJECTS.format(n=1)!r})")
    assert db(project, "upgrade").status == 0
    before = dumped(url)
    later = "ALTER TABLE t1 ADD later mood2; ALTER TYPE pair1 ADD ATTRIBUTE later mood2"
    revision(project, 2, f"op.execute({OBJECTS.format(n=2) + later!r})")
    done = db(project, "upgrade", "--backup")
    assert done.status == 0, done.err
    assert dumped(url) != before
    back = db(project, "restore", copy_of(done))
    assert back.status == 0, back.err
    assert dumped(url) == before
    assert db(project, "upgrade").status == 0


def test_a_downgrade_can_be_copied_before_too(at_r1, database):
    """The rows that a downgrade drops come back."""
    before = picture(database)
    revision(at_r1, 1, BASE, 'op.drop_table("a")')
    done = db(at_r1, "downgrade", "base", "--backup")
    assert done.status == 0, done.err
    assert version(database) == []
    assert db(at_r1, "restore", copy_of(done)).status == 0
    assert picture(database) == before


def test_nothing_to_do_makes_no_copy(at_r1):
    """A database at its head is left alone."""
    done = db(at_r1, "upgrade", "--backup")
    assert done.status == 0
    assert "copied" not in done.err


def test_what_is_no_copy_is_refused(at_r1, database):
    """A missing file, a foreign one, or none: one line, nothing changed."""
    before = picture(database)
    missing = db(at_r1, "restore", "nowhere.bak")
    assert missing.error == (
        "Error: there is no file 'nowhere.bak': 'db restore FILE' takes what --backup has made\n"
    )
    header = b"PGDMP" if not database.startswith("postgresql") else b"SQLite format 3\0"
    (at_r1.folder / "foreign").write_bytes(header + b"rest")
    assert "is no copy of a" in db(at_r1, "restore", "foreign").error
    assert db(at_r1, "restore").status == 2
    assert picture(database) == before


def test_no_password_is_among_the_arguments(project, new_database, monkeypatch, tmp_path):
    """The server's own program gets the password by its environment."""
    url = new_database("postgresql")
    secret = "f:i@s/h%"
    user = f"u_{os.getpid()}"
    rows(url, f"DROP ROLE IF EXISTS {user}")
    rows(url, f"CREATE ROLE {user} SUPERUSER LOGIN PASSWORD '{secret}'".replace(":i", "\\:i"))
    try:
        from urllib.parse import quote_plus

        with_password = url.replace("//postgres@", f"//{user}:{quote_plus(secret)}@")
        monkeypatch.setenv("DATABASE_URL", with_password)
        fake = tmp_path / "bin"
        fake.mkdir()
        script = fake / "pg_dump"
        script.write_text(
            f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\necho "$PGPASSWORD" > {tmp_path}/word\n'
        )
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{fake}:{os.environ['PATH']}")
        new_project(project)
        revision(project, 1, BASE)
        done = db(project, "upgrade", "--backup")
        assert done.status == 0, done.err
        assert secret not in (tmp_path / "arguments").read_text()
        assert (tmp_path / "word").read_text() == secret + "\n"
        assert secret not in done.err
    finally:
        rows(url, f"REASSIGN OWNED BY {user} TO postgres")
        rows(url, f"DROP OWNED BY {user}")
        rows(url, f"DROP ROLE {user}")
