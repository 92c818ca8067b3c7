"""What a long run shows on a terminal."""

from __future__ import annotations

import re

import pytest
from processes import on_terminal
from revisions import begin, revision

# a clock that nothing but a revision moves
CLOCK = """
    import os
    import time

    now = 0.0
    if "STOP_THE_CLOCK" in os.environ:  # not in the process of the tests
        time.monotonic = lambda: now
"""
SLOW = """
    import clock
    op.execute("UPDATE a SET n = 0")
    clock.now += 1.02
    op.execute("UPDATE a SET n = 1")
"""


def at_r1(project, monkeypatch):
    """A project whose next revision takes its time."""
    project.write("clock.py", CLOCK)
    path = project.folder / "manage.py"
    begin(project)
    path.write_text("import clock\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setenv("STOP_THE_CLOCK", "1")
    revision(project, 2, SLOW)
    revision(project, 3, 'op.execute("UPDATE a SET n = 7")')
    return project


def test_a_long_revision_counts_its_statements_on_a_terminal(project, database, monkeypatch):
    """The line is written over itself, and gone when the revision is over."""
    monkeypatch.setenv("DATABASE_URL", database)
    status, said = on_terminal(at_r1(project, monkeypatch), "upgrade")
    assert status == 0, said
    counts = re.findall(r"1 of 2: r2, (\d+) statement\(s\), (\d+) s\x1b\[K\r", said)
    assert counts, said
    assert [int(count) for count, _ in counts] == sorted({int(count) for count, _ in counts})
    over = r"\r\x1b\[KINFO  \[migrate_script\] 1 of 2: r2, step 2 \(\d\.\d\d s\)\r\n"
    assert re.search(over, said), said
    assert "2 of 2: r3, 1 " not in said


@pytest.mark.usefixtures("url")
def test_nothing_is_counted_without_a_terminal(project, monkeypatch):
    """A log file gets whole lines only."""
    done = at_r1(project, monkeypatch).forked("manage.py", "db", "upgrade")
    assert done.status == 0, done.err
    assert "statement" not in done.err
    assert "\r" not in done.err
    assert "\x1b" not in done.err
