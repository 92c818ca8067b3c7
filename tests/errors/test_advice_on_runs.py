"""What the line of a run that was stopped says to do next, done literally, cures it."""

from __future__ import annotations

import re

import pytest
from databases import version
from processes import on_terminal
from projects import db
from revisions import begin, revision

ADD_X = 'op.add_column("a", sa.Column("x", sa.Integer))'


def stopped(project, front_end, *words, status=1):
    """Run a command that fails, and return the sentence of its only line."""
    done = project.forked(*front_end, *words)
    (line,) = done.error.splitlines()
    assert (done.status, done.out, line[:7]) == (status, "", "Error: ")
    return line[7:]


def works(project, front_end, *words):
    """Run a command that succeeds, and return its output."""
    done = project.forked(*front_end, *words)
    assert (done.status, done.error) == (0, "")
    return done.out


# -- LossRefused, NotAgreed -------------------------------------------------------------------


@pytest.fixture
def loses(project, url):
    """A database at r2, whose downgrades drop a column and a table with values."""
    begin(project, 'op.drop_table("a")')
    revision(project, 2, f"{ADD_X}\nop.execute('UPDATE a SET x = 1')", 'op.drop_column("a", "x")')
    assert db(project, "upgrade").status == 0
    return project


def test_a_loss_is_allowed_by_the_command_without_the_option(loses, url, front_end):
    """What the line names is left out, and the rest of the command stays."""
    words = ["downgrade", "base", "--no-loss"]
    line = stopped(loses, front_end, *words)
    assert line == (
        "this downgrade drops table a (2 rows), which --no-loss forbids: nothing was changed; back "
        "up what you need, then run the command again without --no-loss"
    )
    words.remove(re.search(r"run the command again without (\S+)$", line).group(1))
    works(loses, front_end, *words)
    assert version(url) == []


def test_a_loss_is_allowed_by_yes(loses, url, front_end, monkeypatch):
    """Where a setting of the application forbids it."""
    monkeypatch.setenv("MIGRATE_OPTIONS", '{"allow_loss": false}')
    line = stopped(loses, front_end, "downgrade", "r1")
    assert line == (
        "this downgrade drops column a.x (2 values), which Migrate(allow_loss=False) forbids: "
        "nothing was changed; back up what you need, then run the command again with --yes"
    )
    option = re.search(r"run the command again with (\S+)$", line).group(1)
    works(loses, front_end, "downgrade", "r1", option)
    assert version(url) == ["r1"]


@pytest.mark.parametrize("way", ["an answer", "an option"])
def test_a_no_becomes_a_yes(loses, url, front_end, way):
    """The line after it says both ways to go on."""
    status, said = on_terminal(loses, "downgrade", "base", typed=b"n\n", front_end=front_end)
    line = said.splitlines()[-1].rpartition("Error: ")[2]
    assert (status, version(url)) == (1, ["r2"])
    assert line == (
        "'db downgrade' was not confirmed: nothing was changed; answer 'y' to go on, or add --yes"
    )
    answer, option = re.search(r"answer '(.)' to go on, or add (\S+)$", line).groups()
    options, typed = ([], f"{answer}\n") if way == "an answer" else ([option], "")
    status, said = on_terminal(
        loses, "downgrade", "base", *options, typed=typed.encode(), front_end=front_end
    )
    assert (status, version(url)) == (0, []), said
