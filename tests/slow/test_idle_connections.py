"""Servers that close a connection which does nothing for a while."""

from __future__ import annotations

import time

import pytest
from databases import execute, rows
from processes import open_gate, waits_for_another
from projects import db, new_project
from revisions import BASE, revision

pytestmark = pytest.mark.slow

# seconds: less, and a slow machine makes the connection that works wait for as long
PATIENCE = 5
IMPATIENT = {
    "postgresql": f"?options=-c%20idle_in_transaction_session_timeout%3D{PATIENCE}s"
    f"%20-c%20idle_session_timeout%3D{PATIENCE}s",
    "mysql": f"?init_command=SET%20SESSION%20wait_timeout%3D{PATIENCE}",
}
BUSY = """
    import os, time
    open("at_the_gate", "w").close()
    end = time.monotonic() + {seconds}
    while time.monotonic() < end or not os.path.exists("open_gate"):
        op.execute("SELECT 1")
        time.sleep(0.1)
"""


@pytest.fixture(params=["postgresql", "mysql"])
def impatient(request, project, new_database, monkeypatch):
    """A project on a server that is short of patience; gives project and URL."""
    kind = request.param
    url = new_database(kind)
    options = IMPATIENT[kind]
    try:
        execute(url + options, "SELECT 1")
    except Exception:
        pytest.skip("PostgreSQL before 14 does not close a session that is idle")
    monkeypatch.setenv("DATABASE_URL", url + options)
    new_project(project)
    revision(project, 1, BASE)
    return project, url


def test_the_lock_outlives_the_patience_of_the_server(impatient):
    """While the scripts are at work, the connection of the lock says nothing."""
    project, url = impatient
    open_gate(project)
    revision(project, 2, BUSY.format(seconds=PATIENCE + 1))
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, "SELECT version_num FROM alembic_version") == [("r2",)]


@pytest.mark.parametrize("begins", [False, True])
def test_who_waits_keeps_its_connection(impatient, begins):
    """It says nothing for the whole time, and goes on when the other one is done."""
    project, url = impatient
    if begins:
        path = project.folder / "migrations/env.py"
        text = path.read_text(encoding="utf-8")
        assert ".connect() as" in text
        path.write_text(text.replace(".connect() as", ".begin() as"), encoding="utf-8")
    revision(project, 2, BUSY.format(seconds=PATIENCE + 1))
    waits_for_another(project)
    assert rows(url, "SELECT version_num FROM alembic_version") == [("r2",)]


def test_a_copy_may_take_its_time(impatient, monkeypatch):
    """The connection of the upgrade says nothing while a program copies the database."""
    from migrate_script.running import backup

    project, url = impatient
    revision(project, 2, "pass")
    monkeypatch.setattr(backup, "_program", lambda *names: names[0])
    monkeypatch.setattr(backup, "_run", lambda *_: time.sleep(PATIENCE + 1))
    done = db(project, "upgrade", "--backup")
    assert done.status == 0, done.err
    assert rows(url, "SELECT version_num FROM alembic_version") == [("r2",)]
