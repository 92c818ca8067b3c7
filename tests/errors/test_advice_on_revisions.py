"""What a line about a revision, or about the order of revisions, advises is done, and cures it."""

from __future__ import annotations

from itertools import permutations

import alembic
import pytest
from alembic.script import revision as script_revision
from front_ends import follow, one_line
from projects import write_source
from shop_project import write_revision

VERSIONS = "migrations/versions"


def several_begin(db):
    """Two identifiers begin alike."""
    write_revision(db.project, "cc11", "cccc", "more")
    yield (
        "upgrade cc",
        "several revisions begin with 'cc' (cc11, cccc): write more of one",
    )
    yield "upgrade cc1"


def missing_parent(db):
    """A parent is lost."""
    path = db.project.folder / VERSIONS / "bbbb_names.py"
    text = path.read_text(encoding="utf-8")
    child = db.project.folder / VERSIONS / "cccc_prices.py"
    path.unlink()
    line = (
        f"{child} refers to the revision 'bbbb', which no script in the folder has: restore that "
        "script, or correct the 'down_revision' or 'depends_on' that names it"
    )
    yield "upgrade", line
    before = child.read_text(encoding="utf-8")
    write_source(child, before.replace("'bbbb'", "'aaaa'"))
    yield "heads"
    write_source(child, before)
    write_source(path, text)
    yield "upgrade"


def not_a_range(db):
    """One revision for a range."""
    yield (
        "history -r bbbb",
        "'bbbb' is not a range: write '-r bbbb:' for what follows it, or '-r :bbbb' for what leads "
        "to it",
    )
    yield "history -r bbbb:"
    yield "history -r :bbbb"


def range_backwards(db):
    """The later one first."""
    yield (
        "history -r cccc:aaaa",
        "cccc does not come before aaaa on one branch: name the earlier one first, as in '-r "
        "aaaa:cccc'",
    )
    yield "history -r aaaa:cccc"


def range_without_sql(db):
    """A range for a command that runs."""
    yield (
        "upgrade aaaa:cccc",
        "'aaaa:cccc' is a range, which --sql takes: name the target alone, as in 'db upgrade cccc'"
        ", or add --sql",
    )
    yield "upgrade aaaa:cccc --sql"
    yield "upgrade cccc"


def range_without_a_step(db):
    """Where the database is does not matter."""
    yield "upgrade bbbb"
    begins = "as the SQL begins at aaaa"
    yield (
        "downgrade aaaa:cccc --sql",
        f"no downgrade leads to cccc, {begins}: 'db upgrade aaaa:cccc --sql' goes there",
    )
    yield "upgrade aaaa:cccc --sql"
    yield (
        "downgrade aaaa:+1 --sql",
        "'+1' leads on: 'db upgrade aaaa:+1 --sql' goes there",
    )
    yield "upgrade aaaa:+1 --sql"
    yield (
        "upgrade aaaa:-1 --sql",
        "'-1' leads back: 'db downgrade aaaa:-1 --sql' goes there",
    )
    yield "downgrade aaaa:-1 --sql"
    yield (
        "downgrade aaaa:-5 --sql",
        f"there are not 5 revisions to undo, {begins}: 'db downgrade aaaa:base --sql' prints those "
        "there are",
    )
    yield "downgrade aaaa:base --sql"
    yield (
        "upgrade aaaa:+5 --sql",
        f"there are not 5 revisions to run, {begins}: 'db upgrade aaaa:head --sql' prints those "
        "there are",
    )
    yield "upgrade aaaa:head --sql"
    yield "upgrade cccc:+1 --sql", "Nothing to upgrade: the SQL begins at cccc (head)"
    yield (
        "downgrade aaaa:cccc-1 --sql",
        f"cccc is not applied, {begins}: name a revision before that ('db history' lists them)",
    )
    yield "history"
    yield "downgrade aaaa:base --sql"


def sql_without_start(db):
    """A downgrade is to be written."""
    yield "upgrade"
    yield (
        "downgrade aaaa --sql",
        "--sql does not know where a downgrade to aaaa begins: write 'db downgrade head:aaaa "
        "--sql' to begin at the head",
    )
    yield "downgrade head:aaaa --sql"


def leads_back(db):
    """An upgrade by a negative number."""
    yield "upgrade"
    yield "upgrade -1", "'-1' leads back: 'db downgrade -1' goes there"
    yield "downgrade -1"
    yield "downgrade +1", "'+1' leads on: 'db upgrade +1' goes there"
    yield "upgrade +1"


def too_many_steps(db):
    """More of them than there are."""
    yield "upgrade bbbb"
    yield (
        "upgrade +3",
        "there are not 3 revisions to run, as the database is at bbbb: 'db upgrade' runs those "
        "there are",
    )
    yield "upgrade"
    yield (
        "downgrade -4",
        "there are not 4 revisions to undo, as the database is at cccc (head): 'db downgrade base' "
        "undoes those there are",
    )
    yield "downgrade base"


def downgrade_to_what_follows(db):
    """It is not applied yet."""
    yield "upgrade aaaa"
    yield (
        "downgrade cccc",
        "no downgrade leads to cccc, as the database is at aaaa: 'db upgrade cccc' goes there",
    )
    yield "upgrade cccc"


def not_a_head(db):
    """A new revision in the middle."""
    line = "bbbb is not a head (cccc is): leave out --head, or add --splice to begin a branch there"
    yield "revision -m x --head bbbb", line
    yield "revision -m x --head bbbb --splice --rev-id dddd"
    yield (
        "merge -m x bbbb cccc",
        ("bbbb is not a head and cannot be joined (cccc and dddd are): 'db merge' joins all heads"),
    )
    yield "merge -m x"
    yield "revision -m x"


def named_twice(db):
    """One head for a merge."""
    write_revision(db.project, "dddd", "bbbb", "left")
    yield "merge -m x cccc cccc", "a head is named twice: name each once"
    yield "merge -m x cccc dddd"


def no_file(db):
    """What an empty database is at."""
    yield (
        "edit current",
        "the database is at no revision, so there is no file: name a revision",
    )
    yield "edit cccc"
    yield "edit base", "'base' has no file: name a revision ('db history' lists them)"
    yield "history"
    yield "edit aaaa"


def several_heads(db):
    """Each command has its own way out."""
    write_revision(db.project, "dddd", "bbbb", "left")
    yield (
        "revision -m x",
        "there are several heads (cccc, dddd): join them with 'db merge', or name one with --head",
    )
    yield "revision -m x --head dddd --rev-id eeee"
    yield (
        "upgrade",
        "there are several heads (cccc, eeee): join them with 'db merge', or name one, or all with "
        "'heads'",
    )
    yield "upgrade eeee"
    yield "upgrade heads"
    yield "merge -m x"
    yield "upgrade"


def several_files(db):
    """A copy with the identifier of the other."""
    if not hasattr(script_revision, "CycleDetected"):
        pytest.skip("this Alembic takes one of them, and warns")
    versions = db.project.folder / VERSIONS
    text = (versions / "cccc_prices.py").read_text(encoding="utf-8")
    copy = db.project.write(f"{VERSIONS}/dddd_copy.py", text)
    yield (
        "upgrade",
        f"several files have the same revision 'cccc' ({versions / 'cccc_prices.py'}, {copy}): "
        "give all but one an identifier of its own, and correct the 'down_revision' of what comes "
        "after it",
    )
    text = text.replace("'cccc'", "'dddd'").replace('"cccc"', '"dddd"').replace("'bbbb'", "'cccc'")
    write_source(copy, text.replace('sa.Column("price"', 'sa.Column("price_2"'))
    yield "upgrade"


def behind_its_scripts(db):
    """Two ways, by the number of heads."""
    yield (
        "migrate -m x",
        "the database is at no revision and the scripts are at cccc, so it cannot be compared with "
        "the models: run 'db upgrade' first",
    )
    yield "upgrade"
    yield "migrate -m x"
    write_revision(db.project, "dddd", "bbbb", "left")
    yield (
        "migrate -m x",
        "there are several heads (cccc, dddd), and the database is at cccc, so it cannot be "
        "compared with the models: run 'db merge' and 'db upgrade' first",
    )
    yield "merge -m x"
    yield "upgrade"
    yield "migrate -m x"


def ahead_on_a_branch(db):
    """A number of steps where two follow."""
    write_revision(db.project, "dddd", "bbbb", "left")
    yield "upgrade bbbb"
    yield (
        "upgrade +1",
        "cccc and dddd follow bbbb, so '+1' is not clear: name the revision to go to, such as 'db "
        "upgrade cccc'",
        "several ways lead on from bbbb (to cccc and dddd), so a number of steps is not clear: "
        "name the revision to go to ('db history' lists them)",
    )
    yield "history"
    yield "upgrade cccc"
    yield (
        "downgrade dddd",
        "no downgrade leads to dddd, as the database is at cccc (head): 'db upgrade dddd' goes "
        "there",
    )
    yield "upgrade dddd"


def in_a_circle(db):
    """The first revision follows the last."""
    if not hasattr(script_revision, "CycleDetected"):
        pytest.skip("this Alembic finds no circle")
    path = db.project.folder / VERSIONS / "aaaa_products.py"
    text = path.read_text(encoding="utf-8")
    write_source(path, text.replace("down_revision = None", "down_revision = 'cccc'"))
    yield (
        "upgrade",
        *(
            f"Cycle is detected in revisions ({', '.join(names)}): correct the 'down_revision' or "
            "'depends_on' of one, so that each comes after those it names"
            for names in permutations(["aaaa", "bbbb", "cccc"])
        ),
    )
    write_source(path, text)
    yield "upgrade"


def label_taken(db):
    """Two branches of one label."""
    for revision in ("dddd", "eeee"):
        write_revision(db.project, revision, "bbbb", "x")
        path = db.project.folder / f"{VERSIONS}/{revision}_x.py"
        text = path.read_text(encoding="utf-8")
        write_source(path, text.replace("branch_labels = None", "branch_labels = 'new'"))
    yield (
        "upgrade cccc",
        *(
            f"Branch name 'new' in revision {one} already used by revision {other}: take it out of "
            "the 'branch_labels' of one"
            for one, other in (("dddd", "eeee"), ("eeee", "dddd"))
        ),
    )
    write_source(path, text)
    yield "upgrade new@head"


def on_another_branch(db):
    """A revision, and a step back, of a branch that is not the one."""
    for revision, label in (("dddd", "left"), ("eeee", "right")):
        write_revision(db.project, revision, "cccc", label)
        path = db.project.folder / f"{VERSIONS}/{revision}_{label}.py"
        text = path.read_text(encoding="utf-8")
        write_source(path, text.replace("branch_labels = None", f"branch_labels = '{label}'"))
    yield "upgrade left@eeee", "eeee is not on the branch 'left': name it without 'left@'"
    yield "upgrade eeee"
    yield (
        "downgrade left@-1",
        "nothing of the branch 'left' is applied, as the database is at eeee: name a branch that "
        "is ('db current -v' shows it)",
    )
    yield (
        "downgrade eeee:left@-1 --sql",
        "nothing of the branch 'left' is applied, as the SQL begins at eeee: name a branch that is",
    )
    yield "downgrade eeee:right@-1 --sql"
    yield "current -v"
    yield "downgrade right@-1"
    yield (
        "downgrade dddd-1",
        "dddd is not applied, as the database is at cccc: name a revision before that ('db "
        "history' lists them)",
    )
    yield "history"
    yield "downgrade bbbb"


def unknown(db):
    """A letter is missing, or all of them are others."""
    yield (
        "upgrade ccc1",
        "there is no revision 'ccc1': did you mean 'cccc'? 'db history' lists those there are",
    )
    yield "upgrade cccc"
    yield "show zz", "there is no revision 'zz': 'db history' lists those there are"
    yield "history"
    yield "show aaaa"


def steps_from_the_base(db):
    """Some releases count none."""
    if hasattr(script_revision, "CycleDetected"):
        pytest.skip("this Alembic counts them")
    yield (
        "upgrade base+1",
        f"Alembic {alembic.__version__} counts no steps from 'base': 'db history' lists the "
        "revisions there are",
    )
    yield "history"
    yield "upgrade aaaa"


def steps_from_a_revision(db):
    """More than there are."""
    yield "upgrade bbbb"
    yield (
        "upgrade aaaa+9",
        "no upgrade leads to 'aaaa+9', as the database is at bbbb: 'db history' lists the "
        "revisions there are",
    )
    yield "history"
    yield "upgrade cccc"


def no_symbol(db):
    """A range with one end, which Alembic takes for a revision without a name."""
    yield (
        "upgrade :cccc --sql",
        "no revision is meant by ':cccc': 'db history' lists the revisions there are",
        "several revisions begin with '' (aaaa, bbbb, cccc): write more of one",
    )
    yield "history"
    yield "upgrade aaaa:cccc --sql"


def no_revision_yet(db):
    """The folder is as `init` makes it."""
    for path in (db.project.folder / VERSIONS).glob("*.py"):
        path.unlink()
    yield (
        "edit head",
        "the folder 'migrations' has no revision yet: 'db migrate -m \"...\"' writes the first",
    )
    yield "migrate -m ..."
    yield "edit head"


def three_ends(db):
    """A range has two."""
    yield (
        "history -r aaaa:bbbb:cccc",
        "'aaaa:bbbb:cccc' has more than two ends: write '-r aaaa:cccc'",
    )
    yield "history -r aaaa:cccc"


CASES = [value for value in list(globals().values()) if getattr(value, "__code__", None)]
CASES = [case for case in CASES if case.__module__ == __name__]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_advice_is_a_cure(db, case, monkeypatch):
    """What has a line, or one of two by the release of Alembic, fails; what that names succeeds."""
    monkeypatch.setenv("EDITOR", "true")
    follow(db, case(db))


@pytest.mark.parametrize(
    ("words", "as_well"),
    [
        (("upgrade", ""), ("upgrade",)),
        (("downgrade", ""), ("downgrade",)),
        (("stamp", ""), ("stamp",)),
        (("show", ""), ("show",)),
        (("revision", "-m", "x", "--head", ""), ("revision", "-m", "x")),
    ],
)
def test_a_variable_of_the_shell_that_is_not_set(db, words, as_well):
    """Each way out of the line works."""
    assert db("upgrade", "bbbb").status == 0
    failed = db(*words)
    assert (failed.status, failed.out, failed.err) == (
        1,
        "",
        one_line(
            "the revision that is named is an empty text: set the variable that holds it, or leave "
            "it out; 'db history' lists the revisions there are"
        ),
    )
    assert db("history").status == 0
    assert db(*(word or "cccc" for word in words)).status == (words[0] == "downgrade")
    assert db(*as_well).status == 0
