"""The disk is full in the middle of a command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from databases import picture, rows, version
from projects import db, new_project
from revisions import BASE, begin, revision

pytestmark = [
    pytest.mark.slow,
    pytest.mark.every_stack,
    pytest.mark.skipif(
        not sys.platform.startswith("linux") or os.geteuid() != 0, reason="only root may mount"
    ),
]


@pytest.fixture
def small_disk(tmp_path):
    """A folder with room for one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_the_disk_is_full_during_an_upgrade(project, small_disk, monkeypatch):
    """The database is as before, and the next upgrade works once there is room."""
    url = f"sqlite:///{small_disk}/app.db"
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, BASE)
    assert project.forked("manage.py", "db", "upgrade").status == 0
    before = picture(url)
    revision(
        project,
        2,
        """
        op.create_table("b", sa.Column("t", sa.Text))
        op.execute("INSERT INTO b (t) VALUES (hex(zeroblob(300000)))")
        op.create_table("c", sa.Column("id", sa.Integer))
        """,
    )
    stuffing = small_disk / "stuffing"
    stuffing.write_bytes(b"x" * 600_000)
    failed = project.forked("manage.py", "db", "upgrade")
    assert (failed.status, failed.error) == (
        1,
        "Error: the database refused: database or disk is full [statement: COMMIT]; the database "
        f"is at r1, as before: make room on the disk of '{small_disk}' and run 'db upgrade' "
        "again\n",
    )
    assert picture(url) == before
    assert sorted(os.listdir(str(small_disk))) == ["app.db", "stuffing"]
    stuffing.unlink()
    assert project.forked("manage.py", "db", "upgrade").status == 0


def fill(folder, left=0):
    """Leave so many bytes of a disk free."""
    with open(str(folder / "stuffing"), "ab", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            file.truncate(max(0, file.tell() - left))


@pytest.fixture
def at_r1(project, small_disk, monkeypatch):
    """A project whose database is on the small disk, with a revision to run."""
    url = f"sqlite:///{small_disk}/app.db"
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    revision(project, 2, 'op.create_table("b", sa.Column("t", sa.Text))')
    return project, url


def test_no_step_begins_without_room(at_r1, small_disk):
    """A disk with nothing left is told before; then it works."""
    project, url = at_r1
    before = picture(url)
    fill(small_disk)
    refused = db(project, "upgrade")
    assert refused.error == (
        f"Error: the disk of '{small_disk}' has 0 bytes left and 4096 are needed: make room; "
        "the database is at r1, as before\n"
    )
    assert "Running upgrade" not in refused.err
    assert picture(url) == before
    (small_disk / "stuffing").unlink()
    assert db(project, "upgrade").status == 0


def test_little_room_is_told_and_tried(at_r1, small_disk):
    """What may do is not refused, and what a change of all rows takes is told."""
    project, url = at_r1
    rows(url, "CREATE TABLE big (t TEXT)")
    rows(url, "INSERT INTO big VALUES (hex(zeroblob(200000)))")
    fill(small_disk, 100_000)
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert (
        f"INFO  [migrate_script] the disk of '{small_disk}' has 0.1 MB left: a change of all rows "
        "of the database takes up to 0.4 MB; without room it is undone\n"
    ) in done.err


@pytest.mark.parametrize("way", ["make room", "leave out --backup"])
def test_a_copy_needs_as_much_room_as_the_database(at_r1, small_disk, way):
    """--backup is refused before anything is written."""
    project, url = at_r1
    rows(url, "CREATE TABLE big (t TEXT)")
    rows(url, "INSERT INTO big VALUES (hex(zeroblob(200000)))")
    before = picture(url)
    fill(small_disk, 100_000)
    refused = db(project, "upgrade", "--backup")
    assert refused.status == 1
    assert refused.error.startswith(
        f"Error: the backup needs 0.4 MB and the disk of '{small_disk}' has 0.1 MB left: make "
        "room, or leave out --backup; nothing was changed\n"
    )
    assert picture(url) == before
    assert sorted(os.listdir(str(small_disk))) == ["app.db", "stuffing"]
    # what the line says
    if way == "make room":
        (small_disk / "stuffing").unlink()
    assert db(project, "upgrade", *["--backup"] * (way == "make room")).status == 0
    assert version(url) == ["r2"]


def test_the_disk_is_full_during_a_revision(project, new_database, small_disk, monkeypatch):
    """No empty file is left in the folder."""
    monkeypatch.setenv("DATABASE_URL", new_database("sqlite"))
    new_project(project)
    shutil.move(str(project.folder / "migrations"), str(small_disk / "migrations"))
    os.symlink(str(small_disk / "migrations"), str(project.folder / "migrations"))
    revision(project, 1, BASE)
    before = sorted(os.listdir(str(small_disk / "migrations/versions")))
    stuffing = small_disk / "stuffing"
    fill(small_disk)
    failed = db(project, "revision", "-m", "no room")
    assert (failed.status, failed.error) == (
        1,
        "Error: cannot write 'migrations': No space left on device; nothing was changed: let this "
        "user write there, or make room\n",
    )
    after = [n for n in os.listdir(str(small_disk / "migrations/versions")) if n != "__pycache__"]
    assert sorted(after) == [n for n in before if n != "__pycache__"]
    stuffing.unlink()
    assert db(project, "revision", "-m", "no room").status == 0
