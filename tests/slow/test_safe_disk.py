"""The disk is full in the middle of a command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from safe import BASE, db, new_project, picture, revision

pytestmark = [
    pytest.mark.slow,
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
    subprocess.run(["umount", str(folder)], check=True)


def test_the_disk_is_full_during_an_upgrade(project, small_disk, monkeypatch):
    """The database is as before, and the next upgrade works once there is room."""
    url = f"sqlite:///{small_disk}/app.db"
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, BASE)
    assert project.process("manage.py", "db", "upgrade").status == 0
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
    failed = project.process("manage.py", "db", "upgrade")
    assert failed.status == 1
    assert "database or disk is full" in failed.error
    assert len(failed.error.splitlines()) == 1
    assert picture(url) == before
    assert sorted(os.listdir(str(small_disk))) == ["app.db", "stuffing"]
    stuffing.unlink()
    assert project.process("manage.py", "db", "upgrade").status == 0


def test_the_disk_is_full_during_a_revision(project, new_database, small_disk, monkeypatch):
    """No empty file is left in the folder."""
    monkeypatch.setenv("DATABASE_URL", new_database("sqlite"))
    new_project(project)
    shutil.move(str(project.folder / "migrations"), str(small_disk / "migrations"))
    os.symlink(str(small_disk / "migrations"), str(project.folder / "migrations"))
    revision(project, 1, BASE)
    before = sorted(os.listdir(str(small_disk / "migrations/versions")))
    stuffing = small_disk / "stuffing"
    with open(str(stuffing), "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    failed = db(project, "revision", "-m", "no room")
    assert failed.status == 1
    after = [n for n in os.listdir(str(small_disk / "migrations/versions")) if n != "__pycache__"]
    assert sorted(after) == [n for n in before if n != "__pycache__"]
    stuffing.unlink()
    assert db(project, "history").status == 0
