"""What the line of a run that got no lock, or lost it, says to do next cures it."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from textwrap import dedent

import pytest
import sqlalchemy as sa
from databases import file_of, rows, tables, version
from front_ends import stopped, works
from processes import GATE, UPGRADE, at_gate, background, open_gate
from revisions import begin, revision

ADD_X = 'op.add_column("a", sa.Column("x", sa.Integer))'


@pytest.mark.parametrize("way", ["wait", "more seconds"])
def test_another_migration_ends(project, url, front_end, way):
    """The one that was refused runs after it, or waits for it."""
    begin(project)
    revision(project, 2, GATE)
    with background(project, *UPGRADE) as first:
        at_gate(project, first)
        line = stopped(project, front_end, "upgrade", "--lock-timeout", "0.2")
        assert re.fullmatch(
            r"another migration of this database is still running after 0.2 s \(.*\); nothing was "
            r"changed: wait for it to end, or give --lock-timeout more seconds",
            line,
        )
        option = re.search(r"give (\S+) more seconds$", line).group(1)
        with background(project, *front_end, "upgrade", option, "600") as second:
            if way == "more seconds":
                second.until(lambda: "waiting for another migration" in second.err)
            open_gate(project)
            assert (first.status(), second.status()) == (0, 0), second.err
    works(project, front_end, "upgrade")
    assert version(url) == ["r2"]


THREADS = """
    import os
    import sys
    import threading
    import time

    from manage import app
    from migrate_script import MigrateError, upgrade


    def run():
        with app.app_context():
            upgrade()


    first = threading.Thread(target=run)
    first.start()
    while not os.path.exists("at_the_gate"):
        time.sleep(0.02)
    options = {"lock_timeout": 0.2}
    with app.app_context():
        try:
            upgrade(**options)
        except MigrateError as error:
            print(error)
            words = str(error).partition("nothing was changed: ")[2]
            wait, option = words.split(", or give ")
        open("open_gate", "w").close()
        if sys.argv[1] == wait:
            first.join()
        else:
            options[option.split()[0]] = 600
        upgrade(**options)
        first.join()
"""


@pytest.mark.parametrize("way", ["wait for it to end", "give lock_timeout more seconds"])
def test_another_thread_ends(project, url, way):
    """A program has an argument where a command has an option."""
    begin(project)
    revision(project, 2, GATE)
    project.write("threads.py", THREADS)
    done = project.forked("threads.py", way)
    assert (done.status, done.error) == (0, "")
    assert re.fullmatch(
        r"another migration is still running in this process after 0.2 s \(.*\); nothing was "
        r"changed: wait for it to end, or give lock_timeout more seconds\n",
        done.out,
    )
    assert version(url) == ["r2"]


PROGRAM = """
    import sys

    from manage import app, db
    from migrate_script import MigrateError, upgrade

    with app.app_context():
        db.session.execute(db.text("UPDATE a SET n = n + 1"))
        try:
            upgrade()
        except MigrateError as error:
            print(error)
        db.session.commit() if sys.argv[1] == "commit them" else eval(sys.argv[1])
        upgrade()
"""


@pytest.mark.parametrize(("way", "n"), [("commit them", 101), ("db.session.remove()", 100)])
def test_changes_of_the_same_process_are_ended(project, url, way, n):
    """Committed or not, they are in nobody's way then."""
    begin(project)
    revision(project, 2, ADD_X)
    project.write("program.py", PROGRAM)
    done = project.forked("program.py", way)
    assert (done.status, done.error, done.out) == (
        0,
        "",
        f"another connection of this process has changes of '{file_of(url)}' that are not "
        "committed, so that the migration would wait for ever: commit them, or call "
        "db.session.remove(), before the migration; the database is at r1\n",
    )
    assert version(url) == ["r2"]
    assert rows(url, "SELECT n, x FROM a") == [(n, None), (n, None)]


# ends the connection of the lock, the only other one to the database of the test
LOSE = {
    "postgresql": """
        import os
        if os.path.exists("losing"):
            op.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
    """,
    "mysql": """
        import os
        others = "FROM information_schema.processlist WHERE db = DATABASE() AND id <> "
        if os.path.exists("losing"):
            run = op.get_bind().execute
            for number, in run(sa.text(f"SELECT id {others} CONNECTION_ID()")).fetchall():
                run(sa.text(f"KILL {number}"))
            while run(sa.text(f"SELECT count(*) {others} CONNECTION_ID()")).scalar():
                pass
    """,
}
LOST = re.compile(
    r"the lock of this migration was lost before its commit(: .*)?: run the command again; if it "
    r"is lost again, connect to the server itself, without the proxy or firewall that ends idle "
    r"connections(; .*)?"
)


@pytest.mark.parametrize("kind", LOSE)
def test_a_run_that_lost_its_lock_runs_again(project, new_database, monkeypatch, kind, front_end):
    """The connection is ended once."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    revision(project, 2, dedent(LOSE[kind]) + ADD_X)
    losing = project.folder / "losing"
    losing.touch()
    assert LOST.fullmatch(stopped(project, front_end, "upgrade"))
    assert version(url) == ["r1"]
    losing.unlink()
    works(project, front_end, "upgrade")
    assert (version(url), tables(url)["a"]) == (["r2"], ["id", "n", "x"])


class Proxy:
    """A proxy before a server, which can end the connections that have been idle for longest."""

    def __init__(self, host, port):
        self._server = (host, port)
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(5)
        self.port = self._listener.getsockname()[1]
        self._pairs = []  # by the time of their last byte, the newest last
        self._lock = threading.Lock()
        self._threads = []
        self._start(self._accept)

    def _start(self, *call):
        thread = threading.Thread(target=call[0], args=call[1:], daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):  # it is closed
            while True:
                pair = [self._listener.accept()[0], socket.create_connection(self._server)]
                self._pairs.append(pair)
                for source, target in (pair, pair[::-1]):
                    self._start(self._pass_on, pair, source, target)

    def _pass_on(self, pair, source, target):
        with contextlib.suppress(OSError):
            while True:
                part = source.recv(65536)
                with self._lock:
                    if not part or pair not in self._pairs:
                        break
                    self._pairs.remove(pair)
                    self._pairs.append(pair)
                target.sendall(part)
        self._end(pair)

    def _end(self, pair):
        for each in pair:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def end_idle(self):
        with self._lock:
            *idle, last = self._pairs
            self._pairs[:] = [last]
        assert idle
        for pair in idle:
            self._end(pair)

    def close(self):
        """Leave no thread: the run of another test would take it for one of the application."""
        with contextlib.suppress(OSError):  # on Linux, this ends the wait for a connection
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in list(self._pairs):
            self._end(pair)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()


def test_a_run_without_the_proxy_keeps_its_lock(project, new_database, monkeypatch, front_end):
    """It ended the connection of the lock, which says nothing while a revision runs."""
    url = new_database("postgresql")
    server = sa.engine.url.make_url(url)
    proxy = Proxy(server.host, server.port or 5432)
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    revision(project, 2, GATE)
    through = re.sub(r"@[^/]+/", f"@127.0.0.1:{proxy.port}/", url)
    with background(project, *front_end, "upgrade", DATABASE_URL=through) as running:
        at_gate(project, running)
        proxy.end_idle()
        open_gate(project)
        assert running.status() == 1
    proxy.close()
    assert LOST.fullmatch(running.err.splitlines()[-1].partition("Error: ")[2])
    assert version(url) == ["r1"]
    works(project, front_end, "upgrade")
    assert version(url) == ["r2"]
