"""A copy of the database before a run, and the way back."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess

import pytest
from databases import picture, rows, version
from projects import db, new_project
from revisions import BASE, begin, revision

PROGRAMS = {
    "postgresql": ("pg_dump", "pg_restore"),
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
    """Read from the output where the backup is."""
    return re.search(r"the database was copied to (.+)\n", result.err).group(1)


def bring_back(project, result):
    """Restore a backup as the output says: by a command of the server's, or `db restore`."""
    found = re.search(r"to restore it, run: (.+)\n", result.err)
    if found:
        subprocess.run(found.group(1), shell=True, check=True)
        return
    back = db(project, "restore", copy_of(result), "--yes")
    assert back.status == 0, back.err


def test_the_backup_brings_everything_back(at_r1, database):
    """What the upgrade changed is as before, and it can run again."""
    before = picture(database)
    made = 'op.create_table("b", sa.Column("id", sa.Integer))'
    revision(
        at_r1,
        2,
        f"""
        op.execute("DELETE FROM a WHERE id = 1")
        op.add_column("a", sa.Column("x", sa.Integer))
        {made if database.startswith("sqlite") else ""}
        """,
    )
    done = db(at_r1, "upgrade", "--backup")
    assert done.status == 0, done.err
    copy = copy_of(done)
    assert ".before-r1." in copy
    assert stat.S_IMODE(os.stat(copy).st_mode) & 0o077 in (0, 0o044)
    after = picture(database)
    assert after != before
    bring_back(at_r1, done)
    assert picture(database) == before
    assert db(at_r1, "upgrade").status == 0
    assert picture(database) == after


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_dump_is_restored_by_the_program_of_the_server(project, new_database, monkeypatch, kind):
    """`db restore` changes nothing and shows the command; what was made since is kept."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    before = picture(url)
    revision(project, 2, 'op.create_table("b", sa.Column("id", sa.Integer))\nop.drop_table("a")')
    done = db(project, "upgrade", "--backup")
    after = picture(url)
    refused = db(project, "restore", copy_of(done), "--yes")
    command = re.search(r"to restore it, run: (.+)\n", done.err).group(1)
    assert (refused.status, refused.error) == (
        1,
        f"Error: 'db restore' restores SQLite files only: run: {command}\n",
    )
    assert picture(url) == after
    subprocess.run(command, shell=True, check=True)
    assert picture(url) == {**before, "b": (["id"], [])}


def test_a_downgrade_can_be_backed_up_too(at_r1, database):
    """The rows that a downgrade drops come back."""
    before = picture(database)
    revision(at_r1, 1, BASE, 'op.drop_table("a")')
    done = db(at_r1, "downgrade", "base", "--backup")
    assert done.status == 0, done.err
    assert version(database) == []
    bring_back(at_r1, done)
    assert picture(database) == before


def test_nothing_to_do_makes_no_backup(at_r1):
    """A database at its head is left alone."""
    done = db(at_r1, "upgrade", "--backup")
    assert done.status == 0
    assert "copied" not in done.err


def test_what_is_no_backup_is_refused(at_r1, database):
    """A missing file, a foreign one, or none: one line, nothing changed."""
    before = picture(database)
    missing = db(at_r1, "restore", "nowhere.bak")
    assert missing.error == (
        "Error: there is no file 'nowhere.bak': 'db restore FILE' takes a file made by --backup\n"
    )
    header = b"PGDMP" if not database.startswith("postgresql") else b"SQLite format 3\0"
    (at_r1.folder / "foreign").write_bytes(header + b"rest")
    assert "is not a backup of a" in db(at_r1, "restore", "foreign").error
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
        assert f"--username={user}" in re.search(r"to restore it, run: (.+)\n", done.err).group(1)
    finally:
        rows(url, f"REASSIGN OWNED BY {user} TO postgres")
        rows(url, f"DROP OWNED BY {user}")
        rows(url, f"DROP ROLE {user}")
