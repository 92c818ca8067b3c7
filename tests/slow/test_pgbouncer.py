"""The lock behind PgBouncer in transaction mode, which lends connections by the transaction."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import textwrap

import pytest
import sqlalchemy as sa
from databases import rows, tables, version
from processes import (
    GATE,
    LOCKS,
    PATIENCE,
    UPGRADE,
    at_gate,
    background,
    eventually,
    free_port,
    open_gate,
    reachable_folder,
)
from projects import db, new_project
from revisions import BASE, revision

pytestmark = pytest.mark.slow


BOUNCER = """
    [databases]
    * = host={host} port={port} user={user}{password}{own}
    [pgbouncer]
    listen_addr = 127.0.0.1
    listen_port = {listen}
    unix_socket_dir =
    auth_type = any
    pool_mode = transaction
    default_pool_size = {size}
    query_wait_timeout = {patience}
    logfile = {folder}/pgbouncer.log
    ignore_startup_parameters = extra_float_digits
"""


@pytest.fixture
def tmp_path():
    """A folder that PgBouncer's user reaches."""
    with reachable_folder() as folder:
        yield folder


@pytest.fixture
def bouncer(new_database, tmp_path):
    """PgBouncer in transaction mode: `bouncer(3)` gives the URL through three connections."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    url = sa.engine.url.make_url(new_database("postgresql"))
    running = []

    def start(size, patience=3, own=""):
        listen = free_port()
        folder = tmp_path / "bouncer"
        folder.mkdir(exist_ok=True)
        config = folder / "pgbouncer.ini"
        text = BOUNCER.format(
            host=url.host, port=url.port or 5432, user=url.username,
            password=f" password={url.password}" if url.password else "",
            listen=listen, size=size, folder=folder, patience=patience, own=own,
        )  # fmt: skip
        config.write_text(textwrap.dedent(text), encoding="utf-8")
        as_user = []
        if os.geteuid() == 0:  # which it refuses to run as
            for path in (tmp_path, folder, config):
                shutil.chown(path, "nobody")
            as_user = ["-u", "nobody"]
        running.append(subprocess.Popen([program, "-q", *as_user, str(config)]))
        through = f"{url.drivername}://{url.username}@127.0.0.1:{listen}/{url.database}"

        def answers():
            try:
                return rows(through, "SELECT 1")
            except sa.exc.OperationalError:
                assert running[-1].poll() is None, (folder / "pgbouncer.log").read_text()

        eventually(answers)
        return through

    yield start
    for process in running:
        process.terminate()
        process.wait(PATIENCE)


@pytest.mark.every_stack
def test_pgbouncer_in_transaction_mode_keeps_the_lock(project, bouncer, monkeypatch):
    """A connection that belongs to each client for one transaction only still keeps the lock."""
    url = bouncer(4)
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, BASE)
    revision(project, 2, GATE)
    with background(project, *UPGRADE) as first:
        at_gate(project, first)
        for _ in range(5):
            late = db(project, "upgrade", "--lock-timeout", "0.1")
            assert late.status == 1
            assert f"migrate_script, process {first.pid} on" in late.error
        assert db(project, "current").status == 0
        with background(project, *UPGRADE) as second:
            second.until(lambda: "waiting for another migration" in second.err)
            first.kill()
            open_gate(project)
            assert second.status() == 0, second.err
    assert version(url) == ["r2"]
    eventually(lambda: rows(url, LOCKS) == [(0,)])


def test_pgbouncer_lets_one_of_many_through_at_a_time(project, bouncer, monkeypatch):
    """More processes than connections: all end with 0, and each revision ran once."""
    url = bouncer(3)
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, BASE)
    for number in range(2, 6):
        revision(project, number, "op.execute('UPDATE a SET n = n + 1')")
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(background(project, *UPGRADE)) for _ in range(6)]
        for process in processes:
            assert process.status() == 0, process.err
    assert rows(url, "SELECT n FROM a") == [(104,), (104,)]


@pytest.mark.parametrize("patience", [3, 0], ids=["the pooler gives up", "the pooler waits"])
def test_pgbouncer_with_one_connection_is_told_apart(project, bouncer, monkeypatch, patience):
    """One for the lock and one for the work are needed; with a single one it ends with a line."""
    url = bouncer(1, patience)
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, BASE)
    failed = db(project, "upgrade", "--lock-timeout", "5")
    assert failed.status == 1
    assert failed.error == (
        "Error: the pooler before this database gives one connection at a time, and two are "
        "needed, one of them for the lock; nothing was changed: let it have two connections to "
        "the server (default_pool_size or pool_size of PgBouncer), or connect to the server "
        "itself\n"
    )
    assert tables(url) == {}
    eventually(lambda: rows(url, LOCKS) == [(0,)])


@pytest.mark.parametrize("way", ["default_pool_size", "pool_size", "connect to the server itself"])
def test_pgbouncer_with_two_connections(project, bouncer, new_database, monkeypatch, way):
    """What the line advises is enough: each of the options, and the server without PgBouncer."""
    monkeypatch.setenv("DATABASE_URL", bouncer(1))
    new_project(project)
    revision(project, 1, BASE)
    line = db(project, "upgrade", "--lock-timeout", "5").error
    assert way in re.findall(r"\w*pool_size|connect to the server itself", line)
    if way == "default_pool_size":
        monkeypatch.setenv("DATABASE_URL", bouncer(2))
    elif way == "pool_size":
        monkeypatch.setenv("DATABASE_URL", bouncer(1, own=" pool_size=2"))
    else:
        monkeypatch.setenv("DATABASE_URL", new_database("postgresql"))
    done = db(project, "upgrade", "--lock-timeout", "5")
    assert done.status == 0, done.err
    assert version(os.environ["DATABASE_URL"]) == ["r1"]
