"""Control-C and SIGTERM while the database is at work on one long statement."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap

import pytest
import sqlalchemy as sa
from databases import SERVERS, execute, picture, rows, version
from processes import FRONT_ENDS, GATE, Terminal, at_gate, background, eventually, open_gate
from projects import db
from revisions import begin, revision

LONG = {
    "sqlite": """
        def started():
            open("at_the_gate", "w").close()
            return 1
        raw = op.get_bind().connection
        raw = getattr(raw, "dbapi_connection", None) or raw.connection
        raw.create_function("started", 0, started)
        op.execute(
            "WITH RECURSIVE c(x) AS (SELECT started() UNION ALL SELECT x + 1 FROM c) "
            "INSERT INTO a (n) SELECT count(*) FROM c"
        )
    """,
    "postgresql": 'op.execute("SELECT pg_sleep(600)")',
    "mysql": 'op.execute("UPDATE a SET n = SLEEP(600)")',
}
RUNNING = {
    "postgresql": "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND datname = "
    "current_database() AND pid <> pg_backend_pid() AND query {}",
    "mysql": "SELECT 1 FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND "
    "ID <> CONNECTION_ID() AND INFO {}",
}


def interrupted(project, url, number, pattern):
    """Upgrade, send a signal inside the statement, and give the last line."""
    kind = url.split(":")[0].split("+")[0]
    with background(project, "manage.py", "db", "upgrade") as running:
        if kind == "sqlite":
            at_gate(project, running)
        else:
            query = RUNNING[kind].format(f"LIKE '{pattern}'")
            running.until(lambda: rows(url, query))
        running.process.send_signal(number)
        assert running.status() == 128 + number
        lines = running.err.splitlines()
    assert not [line for line in lines[:-1] if not line.startswith("INFO")]
    if kind != "sqlite":
        # nothing goes on without us on the server
        assert rows(url, query) == []
    return lines[-1]


@pytest.fixture
def at_r1(project, database, monkeypatch):
    """A project whose database, of each kind, is at its only revision."""
    monkeypatch.setenv("DATABASE_URL", database)
    begin(project)
    return project


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_long_statement_is_stopped(at_r1, database, number):
    """Its end is not waited for, the server gives it up, and the next upgrade works."""
    before = picture(database)
    revision(at_r1, 2, LONG[database.split(":")[0].split("+")[0]])
    line = interrupted(at_r1, database, number, "%SLEEP(600)%" if "mysql" in database else "%600%")
    assert line == "Error: 'db upgrade' was interrupted; the database is at r1, as before"
    if "mysql" not in database:
        assert picture(database) == before
    revision(at_r1, 2, 'op.execute("UPDATE a SET n = 1")' if "mysql" not in database else "pass")
    again = db(at_r1, "upgrade")
    assert again.status == 0, again.err
    assert version(database) == ["r2"]


def test_a_signal_in_a_function_that_a_statement_calls(project, url):
    """The driver makes an error of its own of it."""
    begin(project)
    slow = LONG["sqlite"].replace("return 1", "while True: time.sleep(0.01)")
    revision(project, 2, "import time\n" + textwrap.dedent(slow))
    line = interrupted(project, url, signal.SIGTERM, "")
    assert line == "Error: 'db upgrade' was interrupted; the database is at r1, as before"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_waiting_for_a_table_is_stopped(project, new_database, monkeypatch, number):
    """A change of a table that somebody else uses."""
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    revision(project, 2, 'op.add_column("a", sa.Column("x", sa.Integer))')
    engine = sa.create_engine(url)
    with engine.connect() as reader, reader.begin():
        reader.execute(sa.text("SELECT n FROM a"))
        line = interrupted(project, url, number, "ALTER TABLE%")
    engine.dispose()
    assert line == "Error: 'db upgrade' was interrupted; the database is at r1, as before"
    assert db(project, "upgrade").status == 0


def test_where_the_database_is_can_be_asked_later(project, new_database, monkeypatch):
    """By the command of the line, where the database takes no connection at the end."""
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    revision(project, 2, LONG["postgresql"])
    allow = f"ALTER DATABASE {url.rpartition('/')[2]} ALLOW_CONNECTIONS {{}}"
    with background(project, "manage.py", "db", "upgrade") as running:
        query = RUNNING["postgresql"].format("LIKE '%600%'")
        running.until(lambda: rows(url, query))
        execute(SERVERS["postgresql"], allow.format("false"))
        try:
            running.process.send_signal(signal.SIGTERM)
            assert running.status() == 128 + signal.SIGTERM
        finally:
            execute(SERVERS["postgresql"], allow.format("true"))
        assert running.err.splitlines()[-1] == (
            "Error: 'db upgrade' was interrupted; 'db current' shows where the database is"
        )
    assert db(project, "current").out == "r1\n"
    revision(project, 2, "pass")
    assert db(project, "upgrade").status == 0


HANDLERS = """
    import signal
    import threading
    from manage import app
    from migrate_script import upgrade

    def picture():
        fd = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(fd)
        numbers = (signal.SIGINT, signal.SIGTERM)
        return fd, [signal.getsignal(number) for number in numbers], threading.active_count()

    before = picture()
    with app.app_context():
        upgrade()
    assert picture() == before, (picture(), before)
    print("as it was")
"""


def test_nothing_of_it_is_left(at_r1):
    """The handlers of signals, and what wakes for them, are as they were."""
    revision(at_r1, 2, 'op.execute("UPDATE a SET n = 1")')
    at_r1.write("story.py", HANDLERS)
    done = at_r1.forked("story.py")
    assert done.out.endswith("as it was\n"), done.err


SIGNALS = {"SIGINT": (signal.SIGINT, 130), "SIGTERM": (signal.SIGTERM, 143)}


@pytest.fixture(params=list(SIGNALS))
def stopped_by(request):
    """A signal, and the exit status that a shell sees after it."""
    return SIGNALS[request.param]


@pytest.mark.parametrize("way", FRONT_ENDS)
def test_the_exit_status_is_that_of_the_signal(project, url, monkeypatch, way, stopped_by):
    """A shell, and what watches a deployment, can tell an interruption from a failure."""
    monkeypatch.setenv("FLASK_APP", "manage.py")
    number, status = stopped_by
    begin(project)
    revision(project, 2, GATE)
    with background(project, *FRONT_ENDS[way], "upgrade") as running:
        at_gate(project, running)
        running.process.send_signal(number)
        assert running.status() == status
        assert running.err.splitlines()[-1] == (
            "Error: 'db upgrade' was interrupted; the database is at r1, as before"
        )
    assert version(url) == ["r1"]


@pytest.mark.skipif(not os.path.exists("/bin/sh"), reason="there is no shell")
def test_a_shell_sees_the_exit_status(project, url, stopped_by):
    """`$?` after the command, in a process that no test has prepared."""
    number, status = stopped_by
    begin(project)
    revision(project, 2, GATE + "import os; open('pid', 'w').write(str(os.getpid()))\n")
    revision(
        project, 2, "import os; open('pid', 'w').write(str(os.getpid()))\n" + textwrap.dedent(GATE)
    )
    command = f"'{sys.executable}' manage.py db upgrade; echo $?"
    with subprocess.Popen(
        ["/bin/sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as shell:
        eventually((project.folder / "at_the_gate").exists)
        os.kill(int((project.folder / "pid").read_text()), number)
        assert shell.communicate()[0] == f"{status}\n"


def test_an_interrupted_wait_changes_nothing(project, database, monkeypatch, front_end, stopped_by):
    """Whoever waits for the lock of another migration can stop waiting."""
    monkeypatch.setenv("DATABASE_URL", database)
    begin(project)
    number, status = stopped_by
    revision(project, 2, GATE)
    with background(project, *front_end, "upgrade") as first:
        at_gate(project, first)
        with background(project, *front_end, "upgrade") as second:
            second.until(lambda: "waiting for another migration" in second.err)
            second.process.send_signal(number)
            assert second.status() == status
            assert second.err.splitlines()[-1] == (
                "Error: 'db upgrade' was interrupted: nothing was changed"
            )
        open_gate(project)
        assert first.status() == 0, first.err


def test_an_interrupted_question_is_no_answer(
    project, database, monkeypatch, front_end, stopped_by
):
    """Neither yes nor no: nothing is changed, and the status is that of the signal."""
    monkeypatch.setenv("DATABASE_URL", database)
    number, status = stopped_by
    begin(project, 'op.drop_table("a")')
    terminal = Terminal(project, *front_end, "downgrade", "base", typing=True)
    terminal.until(lambda said: "[y/N]" in said)
    # Python does not hear of a signal in the moment before it reads
    while terminal.process.poll() is None:
        terminal.process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            terminal.process.wait(5)
    ended, said = terminal.end()
    assert ended == status, said
    assert said.splitlines()[-1] == "Error: 'db downgrade' was interrupted: nothing was changed"
    assert version(database) == ["r1"]


@pytest.mark.usefixtures("url")
def test_an_interruption_before_the_database_is_one_line(project, front_end, stopped_by):
    """Also of a command that writes a file: none is left."""
    number, status = stopped_by
    begin(project)
    env = project.folder / "migrations/env.py"
    env.write_text(textwrap.dedent(GATE) + env.read_text(encoding="utf-8"), encoding="utf-8")
    for command, more in (("upgrade", []), ("migrate", ["-m", "two"])):
        with background(project, *front_end, command, *more) as running:
            at_gate(project, running)
            running.process.send_signal(number)
            assert running.status() == status
            assert running.err == f"Error: 'db {command}' was interrupted: nothing was changed\n"
        (project.folder / "at_the_gate").unlink()
    assert project.versions == ["r1_.py"]
