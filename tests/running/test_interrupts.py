"""Control-C and SIGTERM while the database is at work on one long statement."""

from __future__ import annotations

import signal
import textwrap

import pytest
import sqlalchemy as sa
from databases import picture, rows, version
from processes import at_gate, background
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
        assert running.status() == 1
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
