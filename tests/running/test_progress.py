"""What a run shows while it goes on: a line for each revision, and long statements."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from databases import rows
from processes import Terminal, open_gate
from projects import write_source
from revisions import begin, revision

ALEMBIC = "INFO  [alembic.runtime.migration] "
CONTEXT = {
    "sqlite": ("SQLiteImpl", ""),
    "postgresql": ("PostgresqlImpl", ""),
    "mysql": ("M", "non-"),
}
# a statement that ends when the test lets it
WAITING = {
    "sqlite": """
        import os, time
        def waits():
            while not os.path.exists("open_gate"):
                time.sleep(0.02)
            return 1
        raw = op.get_bind().connection
        raw = getattr(raw, "dbapi_connection", None) or raw.connection
        raw.create_function("waits", 0, waits)
        op.execute("UPDATE a SET n = 0")
        op.execute("UPDATE a SET n = waits() WHERE id = 1 AND n < 1000000000 AND n > -1000000000")
    """,
    "postgresql": """
        op.execute("UPDATE a SET n = 0")
        op.execute(
            "UPDATE a SET n = 1 WHERE id = 1 AND n < 1000000000 AND n > -1000000000 AND "
            "pg_advisory_xact_lock(7) IS NOT NULL"
        )
    """,
    "mysql": """
        op.execute("UPDATE a SET n = 0")
        op.execute(
            "UPDATE a SET n = GET_LOCK('{name}', 600) WHERE id = 1 AND n < 1000000000 AND "
            "n > -1000000000"
        )
    """,
}
HELD = {"postgresql": "SELECT pg_advisory_lock(7)", "mysql": "SELECT GET_LOCK('{name}', 0)"}
TICK = re.compile(r"1 of 2: r2, (\d+) s, statement 2: (.*?)\x1b\[K\r")


def kind_of(url):
    """The kind of database that a URL names."""
    return url.split(":")[0].split("+")[0]


def screen(said):
    """The lines that a terminal shows in the end."""
    lines, column = [""], 0
    for part in re.findall(r"\x1b\[K|\r|\n|[^\x1b\r\n]+", said):
        if part == "\n":
            lines.append("")
        elif part == "\r":
            column = 0
        elif part == "\x1b[K":
            lines[-1] = lines[-1][:column]
        else:
            lines[-1] = lines[-1][:column] + part + lines[-1][column + len(part) :]
            column += len(part)
    return [line.rstrip() for line in lines if line]


@pytest.fixture
def at_r1(project, database, monkeypatch):
    """A project whose next revision takes as long as the test wants."""
    monkeypatch.setenv("DATABASE_URL", database)
    begin(project)
    revision(project, 2, WAITING[kind_of(database)].format(name=database[-20:]))
    revision(project, 3, 'op.execute("UPDATE a SET n = 7")')
    return project


@pytest.fixture
def let_go(at_r1, database):
    """End the statement for which the revision waits."""
    kind = kind_of(database)
    if kind == "sqlite":
        yield lambda: open_gate(at_r1)
        return
    engine = sa.create_engine(database)
    connection = engine.connect()
    connection.execute(sa.text(HELD[kind].format(name=database[-20:])))
    yield connection.invalidate
    connection.close()
    engine.dispose()


def ticked(terminal, times):
    """Wait until the line of the statement was updated."""
    terminal.until(lambda said: len(TICK.findall(said)) >= times)
    return TICK.findall(terminal.said)


def test_a_long_statement_ticks_on_a_terminal(at_r1, front_end, let_go, database):
    """Its beginning fits the line, which is gone when the statement has ended."""
    terminal = Terminal(at_r1, *front_end, "upgrade")
    ticks = ticked(terminal, 3)
    let_go()
    status, said = terminal.end()
    assert status == 0, said
    seconds = [int(second) for second, _ in ticks]
    assert seconds == sorted(seconds)
    assert seconds[0] >= 1
    for line in TICK.finditer(said):
        assert len(line.group().split("\x1b")[0]) == 79
    assert {text[:21] for _, text in ticks} == {"UPDATE a SET n = " + ticks[0][1][17:21]}
    assert [line for line in screen(said) if "Context" not in line and "assume" not in line] == [
        f"{ALEMBIC}Running upgrade r1 -> r2, step 2",
        *re.findall(r"INFO  \[migrate_script\] r2 took \d+\.\d s", said),
        f"{ALEMBIC}Running upgrade r2 -> r3, step 3",
    ]
    assert len(re.findall("r2 took", said)) == 1
    assert rows(database, "SELECT n FROM a WHERE id = 1") == [(7,)]


def test_nothing_of_the_line_is_left_before_an_error(at_r1, front_end, let_go, database):
    """The error has a line to itself, on which nothing is written afterwards."""
    text = (at_r1.folder / "migrations/versions/r2_.py").read_text(encoding="utf-8")
    text = text.replace("\n\ndef downgrade", '\n    op.execute("NONSENSE")\n\n\ndef downgrade')
    write_source(at_r1.folder / "migrations/versions/r2_.py", text)
    terminal = Terminal(at_r1, *front_end, "upgrade")
    ticked(terminal, 1)
    let_go()
    status, said = terminal.end()
    assert status == 1, said
    assert screen(said)[-2] == f"{ALEMBIC}Running upgrade r1 -> r2, step 2"
    assert screen(said)[-1].startswith("Error: revision r2 failed: ")
    assert said.endswith("\r\n")


THREADS = """
    import threading
    from manage import app
    from migrate_script import upgrade
    from migrate_script.cli import console

    with app.app_context():
        console.run("upgrade", upgrade, {})
    print([thread.name for thread in threading.enumerate()])
"""


def test_no_thread_is_left(at_r1, let_go, database):
    """What ticks ends with the revision."""
    at_r1.write("story.py", THREADS)
    terminal = Terminal(at_r1, "story.py", typing=True)
    ticked(terminal, 1)
    let_go()
    status, said = terminal.end()
    assert status == 0, said
    assert screen(said)[-1] == "['MainThread']"


def test_what_a_script_asks_is_not_written_over(at_r1, database, let_go):
    """Between two statements nothing ticks."""
    path = at_r1.folder / "migrations/versions/r2_.py"
    text = path.read_text(encoding="utf-8")
    asks = '\n    assert input("Sure? ") == "yes"\n\n\ndef downgrade'
    write_source(path, text.replace("\n\ndef downgrade", asks))
    terminal = Terminal(at_r1, "manage.py", "db", "upgrade", typing=True)
    ticked(terminal, 1)
    let_go()
    terminal.until(lambda said: "Sure? " in said)
    before = len(TICK.findall(terminal.said))
    terminal.type(b"yes\n")
    status, said = terminal.end()
    assert status == 0, said
    assert len(TICK.findall(said)) == before
    assert "Sure? yes" in screen(said)


# -- without a terminal -----------------------------------------------------------------------

OLD_INI = """
[alembic]

[loggers]
keys = root,alembic

[handlers]
keys = console

[formatters]
keys = generic

[logger_root]
level = WARN
handlers = console
qualname =

[logger_alembic]
level = INFO
handlers =
qualname = alembic

[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = generic

[formatter_generic]
format = %(levelname)-5.5s [%(name)s] %(message)s
"""
LOGGINGS = {
    "the template's": (None, ALEMBIC),
    "an old alembic.ini": ("old", ALEMBIC),
    "no alembic.ini": ("none", ALEMBIC),
    "an env.py without logging": ("silent", "INFO  [migrate_script] "),
}


@pytest.mark.parametrize("logging", LOGGINGS)
def test_each_revision_is_one_line_without_a_terminal(
    project, database, monkeypatch, front_end, logging
):
    """Alembic's where it is shown, and ours where it is not; short times are not shown."""
    monkeypatch.setenv("DATABASE_URL", database)
    begin(project)
    revision(project, 2, 'op.execute("UPDATE a SET n = 0")')
    revision(project, 3, 'op.execute("UPDATE a SET n = 7")')
    # a clock that stands still
    path = project.folder / "manage.py"
    clock = "import os, time\nif 'STOPPED' in os.environ:\n    time.monotonic = lambda: 0.0\n"
    write_source(path, clock + path.read_text(encoding="utf-8"))
    change, start = LOGGINGS[logging]
    ini, env = project.folder / "migrations/alembic.ini", project.folder / "migrations/env.py"
    if change == "old":
        ini.write_text(OLD_INI, encoding="utf-8")
    elif change == "none":
        ini.unlink()
    elif change == "silent":
        text = env.read_text(encoding="utf-8")
        write_source(env, re.sub(r"(?m)^fileConfig.*$", "", text))
    done = project.forked(*front_end, "upgrade", env={"STOPPED": "1"})
    assert done.status == 0, done.err
    lines = done.err.splitlines()
    if start == ALEMBIC:
        name, non = CONTEXT[kind_of(database)]
        assert re.fullmatch(rf"{re.escape(ALEMBIC)}Context impl {name}\w*\.", lines.pop(0))
        assert lines.pop(0) == f"{ALEMBIC}Will assume {non}transactional DDL."
        assert lines == [
            f"{ALEMBIC}Running upgrade r1 -> r2, step 2",
            f"{ALEMBIC}Running upgrade r2 -> r3, step 3",
        ]
    else:
        assert lines == [f"{start}1 of 2: r2, step 2", f"{start}2 of 2: r3, step 3"]
