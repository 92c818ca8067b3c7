"""Servers that take no writes, each started for its test alone."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import subprocess

import pytest
import sqlalchemy as sa
from databases import rows, tables
from processes import PATIENCE, eventually, free_port, reachable_folder
from projects import db
from revisions import begin, revision

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs the users of a POSIX system"),
]


def program(*patterns):
    """Find the program of a server, which is often not on the PATH."""
    for pattern in patterns:
        found = shutil.which(pattern) or (sorted(glob.glob(pattern)) or [None])[-1]
        if found:
            return found
    pytest.skip(f"there is no {patterns[0]} here")


def as_user(name):
    """Drop the rights of root, with which these servers do not start."""
    if os.geteuid() != 0:
        return None
    pwd = pytest.importorskip("pwd")
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        pytest.skip(f"there is no user {name} here")

    def give_up():
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)

    return give_up


@pytest.fixture
def tmp_path():
    """A folder that the user of a server reaches."""
    with reachable_folder() as folder:
        yield folder


@pytest.fixture
def place(tmp_path):
    """A folder for a server, and a port."""
    folder = tmp_path / "server"
    folder.mkdir()
    folder.chmod(0o777)
    return folder, free_port()


@contextlib.contextmanager
def server(command, user, log, url):
    """Run a server until the test is over."""
    with open(str(log), "ab") as file:
        running = subprocess.Popen(command, preexec_fn=as_user(user), stdout=file, stderr=file)
    try:

        def answers():
            try:
                return rows(url, "SELECT 1")
            except sa.exc.DBAPIError:
                assert running.poll() is None, log.read_text()

        eventually(answers)
        yield
    finally:
        running.send_signal(2)  # PostgreSQL's fast shutdown; of MariaDB, SIGTERM is
        running.terminate()
        running.wait(PATIENCE)


WORK = 'op.create_table("b", sa.Column("id", sa.Integer))'


def is_refused(project, url, expected):
    """No step begins; what only looks works."""
    refused = db(project, "upgrade")
    assert refused.status == 1
    assert refused.error == f"Error: {expected}; the database is at r1, as before\n"
    assert "Running upgrade" not in refused.err
    assert "r1" in db(project, "current").out
    assert db(project, "upgrade", "r1").status == 0
    assert sorted(tables(url)) == ["a", "alembic_version"]


def test_a_standby_is_told_apart(project, place, monkeypatch):
    """A server of PostgreSQL that follows another."""
    folder, port = place
    binaries = os.path.dirname(program("initdb", "/usr/lib/postgresql/*/bin/initdb"))
    data, user = folder / "data", as_user("postgres")
    make = [f"{binaries}/initdb", "-U", "postgres", "-A", "trust", "-N", "-D", str(data)]
    subprocess.run(make, preexec_fn=user, check=True, stdout=subprocess.DEVNULL)
    start = [f"{binaries}/postgres", "-D", str(data), "-p", str(port), "-h", "127.0.0.1"]
    start += ["-k", str(folder), "-c", "fsync=off"]
    url = f"postgresql+psycopg2://postgres@127.0.0.1:{port}/postgres"
    monkeypatch.setenv("DATABASE_URL", url)
    with server(start, "postgres", folder / "log", url):
        begin(project)
        revision(project, 2, WORK)
    (data / "standby.signal").touch()
    with server(start, "postgres", folder / "log", url):
        is_refused(
            project,
            url,
            "this server is a standby, which only reads: connect to the primary server",
        )
    (data / "standby.signal").unlink()
    with server(start, "postgres", folder / "log", url):
        assert db(project, "upgrade").status == 0


def test_a_server_that_is_read_only_is_told_apart(project, place, monkeypatch):
    """A server of MariaDB that only some users may write to."""
    folder, port = place
    # as it starts, it deletes the temporary tables that it finds, also those of another server
    monkeypatch.setenv("TMPDIR", str(folder))
    binary = program("mariadbd", "mysqld", "/usr/sbin/mariadbd")
    installer = program("mariadb-install-db", "mysql_install_db")
    data, user = folder / "data", as_user("mysql")
    make = [
        installer,
        "--no-defaults",
        f"--datadir={data}",
        "--auth-root-authentication-method=normal",
    ]
    make += ["--skip-test-db"]
    subprocess.run(make, preexec_fn=user, check=True, stdout=subprocess.DEVNULL)
    start = [binary, "--no-defaults", f"--datadir={data}", f"--port={port}"]
    start += ["--bind-address=127.0.0.1", f"--socket={folder}/socket", "--skip-log-bin"]
    root = f"mysql+pymysql://root@127.0.0.1:{port}/mysql"
    url = f"mysql+pymysql://app:x@127.0.0.1:{port}/app"
    monkeypatch.setenv("DATABASE_URL", url)
    with server(start, "mysql", folder / "log", root):
        rows(root, "CREATE DATABASE app")
        rows(root, "CREATE USER app@'%' IDENTIFIED BY 'x'")
        rows(root, "GRANT ALL ON app.* TO app@'%'")
        begin(project)
        revision(project, 2, WORK)
        rows(root, "SET GLOBAL read_only = 1")
        is_refused(
            project,
            url,
            "this connection to the database only reads (read_only): switch that off, or connect "
            "with a user who may write",
        )
        monkeypatch.setenv("DATABASE_URL", root.replace("/mysql", "/app"))
        assert db(project, "upgrade").status == 0  # whom the setting does not bind
        assert sorted(tables(url)) == ["a", "alembic_version", "b"]
