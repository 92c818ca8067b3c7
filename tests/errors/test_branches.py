"""What stands before an `@`, and going back where several branches are applied."""

from __future__ import annotations

import re

import alembic
import pytest
from databases import tables
from front_ends import one_line

REVISION = """
    import sqlalchemy as sa
    from alembic import op

    revision = {0!r}
    down_revision = {1!r}
    branch_labels = {2!r}
    depends_on = {3!r}


    def upgrade():
        op.create_table("of_{0}", sa.Column("id", sa.Integer, primary_key=True))


    def downgrade():
        op.drop_table("of_{0}")
"""


@pytest.fixture
def branches(db, monkeypatch):
    """A folder with two branches, `left` and `right`, that begin at one base."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{db.project.folder / 'shop.db'}")
    for old in (db.project.folder / "migrations" / "versions").glob("*.py"):
        old.unlink()

    def add(revision, parent=None, label=None, depends_on=None):
        text = REVISION.format(revision, parent, label, depends_on)
        db.project.write(f"migrations/versions/{revision}.py", text)

    add("r1")
    add("l2", "r1", "left")
    add("l3", "l2")
    add("m2", "r1", "right")
    db.add = add
    return db


def state(db):
    """What the database has."""
    url = f"sqlite:///{db.project.folder / 'shop.db'}"
    return sorted(name for name in tables(url) if name.startswith("of_"))


@pytest.mark.parametrize(
    "command",
    [
        "upgrade {}@head",
        "upgrade {}@+1",
        "downgrade {}@base",
        "downgrade {}@-1",
        "downgrade l2:{}@base --sql",
        "stamp {}@head",
        "show {}@head",
        "history -r {}@base:l3",
        "history -r r1:{}@head",
        "merge -m x {}@head right@head",
        "revision -m x --head {}@head",
        "revision -m x --head l3 --depends-on {}@head",
    ],
)
def test_a_branch_that_is_not_there(branches, command):
    """It is refused in every command, by its name, and nothing is done."""
    assert branches("upgrade", "heads").status == 0
    before = state(branches)
    files = sorted((branches.project.folder / "migrations" / "versions").iterdir())
    answer = branches(*command.format("lfet").split())
    assert (answer.status, answer.out) == (1, "")
    assert answer.error == one_line(
        "there is no branch 'lfet': the labels are left, right: write one of them before the '@'"
    )
    assert state(branches) == before
    assert sorted((branches.project.folder / "migrations" / "versions").glob("*.py")) == [
        file for file in files if file.suffix == ".py"
    ]
    if "+1" not in command:
        assert branches(*command.format("left").split()).status == 0


@pytest.mark.parametrize("end", ["base", "-1", "r1", "m2"])
def test_going_back_on_a_branch_that_is_not_applied(branches, end):
    """Nothing of another branch is undone."""
    assert branches("upgrade", "left@head").status == 0
    answer = branches("downgrade", f"right@{end}")
    assert (answer.status, answer.out) == (1, "")
    assert answer.error == one_line(
        "nothing of the branch 'right' is applied, as the database is at l3: name a branch that is "
        "('db current -v' shows it)"
    )
    assert state(branches) == ["of_l2", "of_l3", "of_r1"]


def test_a_branch_that_another_depends_on_is_applied(branches):
    """By its label, too: it can be undone by its name."""
    branches.add("n1", None, "below")
    branches.add("o1", None, "above", "below")
    assert branches("upgrade", "above@head").status == 0
    assert state(branches) == ["of_n1", "of_o1"]
    assert branches("downgrade", "below@base").status == 0
    assert state(branches) == []


@pytest.mark.parametrize("command", ["upgrade left@m2", "downgrade left@m2", "stamp left@m2"])
def test_a_revision_of_another_branch(branches, command):
    """It is not taken for one of the branch that is named."""
    assert branches("upgrade", "heads").status == 0
    answer = branches(*command.split())
    assert (answer.status, answer.out) == (1, "")
    assert answer.error == one_line("m2 is not on the branch 'left': name it without 'left@'")


# what Alembic before 1.6 gets wrong: it counts steps in the order of the history
ALONE = tuple(map(int, alembic.__version__.split(".")[:2])) >= (1, 6)


def undone(branches, target, revision):
    """Go back on one branch; Alembic before 1.6 may only want to undo another, which is refused."""
    before = state(branches)
    answer = branches("downgrade", target)
    if answer.status:
        assert not ALONE  # the release that the line names, and where the command works
        branch = target.partition("@")[0]
        (other,) = re.findall(r"would undo (\w+),", answer.error)
        assert answer.error == one_line(
            f"Alembic {alembic.__version__} would undo {other}, which is not on the branch "
            f"'{branch}': install Alembic 1.6 or later to go back on one branch alone"
        )
        assert state(branches) == before
    else:
        assert state(branches) == [name for name in before if name != f"of_{revision}"]


def test_one_step_back_from_two_heads(branches):
    """It could undo either: the line names both ways, which undo nothing else."""
    assert branches("upgrade", "heads").status == 0
    before = state(branches)
    answer = branches("downgrade")
    assert (answer.status, answer.out) == (1, "")
    assert answer.error == one_line(
        "the database is at l3 and m2, so it is not clear which of them to undo: write "
        "'db downgrade left@-1' or 'db downgrade right@-1'"
    )
    assert state(branches) == before
    undone(branches, "left@-1", "l3")
    undone(branches, "right@-1", "m2")


@pytest.mark.parametrize(("target", "revision"), [("right@r1", "m2"), ("left@l2", "l3")])
def test_back_to_a_revision_of_a_branch(branches, target, revision):
    """The other branch stays."""
    assert branches("upgrade", "heads").status == 0
    undone(branches, target, revision)


def test_the_way_back_of_branches_without_labels(branches):
    """They are named by their revisions."""
    for revision, parent in [("l2", "r1"), ("l3", "l2"), ("m2", "r1")]:
        branches.add(revision, parent)
    assert branches("upgrade", "heads").status == 0
    error = branches("downgrade", "-1").error
    assert "write 'db downgrade l3@-1' or 'db downgrade m2@-1'" in error
    undone(branches, "m2@-1", "m2")
    undone(branches, "l2@-1", "l3")


@pytest.fixture
def merged(branches):
    """The two branches joined by `g4`, which `h5` follows."""
    branches.add("g4", ("l3", "m2"))
    branches.add("h5", "g4")
    return branches


def done(branches, command):
    """Run a command; return the revisions whose tables came or went, and its line."""
    before = set(state(branches))
    answer = branches(*command.split())
    changed = before.symmetric_difference(state(branches))
    assert not (changed and answer.status)
    return sorted(name[3:] for name in changed), answer.error


@pytest.mark.parametrize("steps", ["-1", "left@-1", "g4-1"])
def test_one_step_back_from_a_merge(merged, steps):
    """It undoes the merge alone, or the line says how to do that."""
    assert merged("upgrade", "g4").status == 0
    changed, line = done(merged, f"downgrade {steps}")
    if ALONE:
        assert line == one_line(
            f"g4 joins l3 and m2, so '{steps}' is not clear: name the revision to go to, such as "
            "'db downgrade l3'"
        )
        changed, line = done(merged, "downgrade l3")
    assert (changed, line) == (["g4"], "")


@pytest.mark.parametrize(("start", "steps"), [("g4", "-2"), ("h5", "-3"), ("h5", "h5-3")])
def test_steps_back_beyond_a_merge(merged, start, steps):
    """They do not go on along the branch that comes first in the history."""
    assert merged("upgrade", start).status == 0
    assert done(merged, f"downgrade {steps}") == (
        [],
        one_line(
            f"g4 joins l3 and m2, so '{steps}' is not clear: name the revision to go to, such as "
            "'db downgrade l3'"
        ),
    )
    assert done(merged, "downgrade l3") == (["g4", "h5"] if start == "h5" else ["g4"], "")


@pytest.mark.parametrize("command", ["upgrade +1", "upgrade +2", "upgrade r1+1"])
def test_steps_onward_where_branches_part(merged, command):
    """They do not go on along the branch that comes first in the history."""
    assert merged("upgrade", "r1").status == 0
    changed, line = done(merged, command)
    assert changed == []
    assert "so a number of steps is not clear" in line or line == one_line(
        f"l2 and m2 follow r1, so '{command[8:]}' is not clear: name the revision to go to, such "
        "as 'db upgrade l2'"
    )
    assert done(merged, "upgrade l2") == (["l2"], "")


@pytest.mark.parametrize(
    ("start", "steps", "revisions"),
    [
        ("r1", "left@+1", ["l2"]),
        ("r1", "right@+1", ["m2"]),
        ("r1", "l2+1", ["l2", "l3"]),
        ("l2", "+1", ["l3"]),
    ],
)
def test_steps_onward_on_one_branch(merged, start, steps, revisions):
    """Alembic before 1.6 may take those of the other branch, which is refused."""
    assert merged("upgrade", start).status == 0
    changed, line = done(merged, f"upgrade {steps}")
    if line:
        assert not ALONE
        assert line == one_line(
            f"Alembic {alembic.__version__} counts the steps of '{steps}' along other branches, "
            "too: name the revision to go to"
        )
        changed, line = done(merged, f"upgrade {revisions[-1]}")
    assert (changed, line) == (revisions, "")


@pytest.mark.parametrize("steps", ["l3-1", "m2-1"])
def test_steps_back_from_what_is_not_applied(branches, steps):
    """Nothing else is undone in its place."""
    assert branches("upgrade", "l2").status == 0
    assert done(branches, f"downgrade {steps}") == (
        [],
        one_line(
            f"{steps[:2]} is not applied, as the database is at l2: name a revision before that "
            "('db history' lists them)"
        ),
    )


def test_steps_back_to_what_branches_have_in_common(branches):
    """What follows it on another branch is not undone unasked."""
    assert branches("upgrade", "heads").status == 0
    assert done(branches, "downgrade right@-2") == (
        [],
        one_line(
            "'right@-2' would undo l3 as well, which follows r1 on another branch: name the "
            "revision to go to"
        ),
    )
    assert done(branches, "downgrade r1") == (["l2", "l3", "m2"], "")


def test_a_label_of_two_heads(branches):
    """A step back could undo either."""
    branches.add("l4", "l2")
    assert branches("upgrade", "left@heads").status == 0
    assert done(branches, "downgrade left@-1") == (
        [],
        one_line(
            "the database is at l3 and l4, so it is not clear which of them to undo: write "
            "'db downgrade l3@-1' or 'db downgrade l4@-1'"
        ),
    )


@pytest.mark.parametrize(
    "command",
    [
        "upgrade abcd@head",
        "downgrade abcd@base",
        "stamp abcd@head",
        "show abcd@head",
        "history -r abcd@base:",
        "merge -m x abcd@head m2",
        "revision -m x --head abcd@head",
        "upgrade right@abcd",
        "upgrade abcd",
        "show abcd",
    ],
)
def test_the_beginning_of_several_revisions(branches, command):
    """They are named, and nothing is done."""
    branches.add("abcd12", "m2")
    branches.add("abcd34", "abcd12")
    assert branches("upgrade", "heads").status == 0
    assert done(branches, command) == (
        [],
        one_line("several revisions begin with 'abcd' (abcd12, abcd34): write more of one"),
    )


def test_a_label_of_several_words(branches):
    """It is one label."""
    branches.add("w1", None, "two words")
    assert branches("upgrade", "two words@head").status == 0
    assert state(branches) == ["of_w1"]
