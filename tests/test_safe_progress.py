"""What a long run shows on a terminal."""

from __future__ import annotations

import re

import pytest
from safe import begin, on_terminal, revision

SLOW = """
    import time
    for number in range(2):
        op.execute(f"UPDATE a SET n = {number}")
        time.sleep(1.02 * (1 - number))
"""


def at_r1(project):
    """A project whose next revision takes its time."""
    begin(project)
    revision(project, 2, SLOW)
    revision(project, 3, 'op.execute("UPDATE a SET n = 7")')
    return project


def test_a_long_revision_counts_its_statements_on_a_terminal(project, database, monkeypatch):
    """The line is written over itself, and gone when the revision is over."""
    monkeypatch.setenv("DATABASE_URL", database)
    status, said = on_terminal(at_r1(project), "upgrade")
    assert status == 0, said
    counts = re.findall(r"1 of 2: r2, (\d+) statement\(s\), (\d+) s\x1b\[K\r", said)
    assert counts, said
    assert [int(count) for count, _ in counts] == sorted({int(count) for count, _ in counts})
    over = r"\r\x1b\[KINFO  \[migrate_script\] 1 of 2: r2, step 2 \(\d\.\d\d s\)\r\n"
    assert re.search(over, said), said
    assert "2 of 2: r3, 1 " not in said


@pytest.mark.usefixtures("url")
def test_nothing_is_counted_without_a_terminal(project):
    """A log file gets whole lines only."""
    done = at_r1(project).process("manage.py", "db", "upgrade")
    assert done.status == 0, done.err
    assert "statement" not in done.err
    assert "\r" not in done.err
    assert "\x1b" not in done.err
