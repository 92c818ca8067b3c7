"""What the line of a run that was stopped says to do next, done literally, cures it."""

from __future__ import annotations

import re
import shutil

import pytest
from alembic import command
from databases import file_of, picture, tables, version
from front_ends import stopped, works
from processes import on_terminal
from projects import MANAGE, db
from revisions import begin, revision

AT_R1 = "; the database is at r1, as before"
AT_NONE = "; the database is at no revision, as before"
ADD_X = 'op.add_column("a", sa.Column("x", sa.Integer))'


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


# -- CannotDryRun -----------------------------------------------------------------------------

CANNOT = "--dry-run stopped revision r2 before [{}, which could not be undone: {}run it on a copy "
SQL = "use --sql to read the statements, or "
ELSEWHERE = f"""
import os
{ADD_X}
with sa.create_engine(os.environ["DATABASE_URL"]).begin() as other:
    other.execute(sa.text("CREATE TABLE b (id INTEGER)"))
"""


def copied(project, url, new_database, monkeypatch):
    """Make a copy of the database, and return its URL."""
    copy = new_database(url.split(":")[0].split("+")[0])
    if url.startswith("sqlite"):
        shutil.copy(file_of(url), file_of(copy))
    else:
        monkeypatch.setenv("DATABASE_URL", copy)
        assert db(project, "upgrade", "r1").status == 0
    monkeypatch.setenv("DATABASE_URL", copy)
    return copy


@pytest.mark.parametrize("way", ["--sql", "a copy"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mysql"])
def test_what_cannot_be_undone_is_read_or_run_elsewhere(
    project, new_database, monkeypatch, kind, way, front_end
):
    """The option of the line prints it; a copy of the database shows what it does."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    before = picture(url)
    revision(project, 2, f'{ADD_X}\nop.execute("COMMIT")')
    line = stopped(project, front_end, "upgrade", "--dry-run")
    assert line == (
        "--dry-run cannot undo what it does on mysql, which commits every change of the schema at "
        f"once: {SQL}run it on a copy of the database"
        if kind == "mysql"
        else f"{CANNOT.format('COMMIT]', SQL)}of the database{AT_R1}"
    )
    if way == "--sql":
        shown = works(
            project, front_end, "upgrade", re.search(r"use (--\w+) to read", line).group(1)
        )
        assert "ALTER TABLE a ADD COLUMN x INTEGER" in shown
        assert "COMMIT" in shown
    else:
        copy = copied(project, url, new_database, monkeypatch)
        works(project, front_end, "upgrade")
        assert (version(copy), tables(copy)["a"]) == (["r2"], ["id", "n", "x"])
    assert picture(url) == before


def test_what_runs_on_another_connection_is_run_on_a_copy(
    project, new_database, monkeypatch, front_end
):
    """--sql, which has no connection, is not offered."""
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    begin(project)
    revision(project, 2, ELSEWHERE)
    what = "CREATE TABLE b (id INTEGER)] on another connection"
    line = stopped(project, front_end, "upgrade", "--dry-run")
    assert line == f"{CANNOT.format(what, '')}of the database{AT_R1}"
    copy = copied(project, url, new_database, monkeypatch)
    works(project, front_end, "upgrade")
    assert (version(copy), "b" in tables(copy), "b" in tables(url)) == (["r2"], True, False)


# -- DifferencesFound -------------------------------------------------------------------------

MODEL = """
    class A(db.Model):
        __tablename__ = "a"
        id = db.Column(db.Integer, primary_key=True)
        n = db.Column(db.Integer)
        x = db.Column(db.Integer)

    manager =
"""


@pytest.mark.parametrize(
    ("words", "due"), [("check", False), ("upgrade --verify", False), ("upgrade --verify", True)]
)
def test_differences_become_a_revision(project, url, front_end, words, due):
    """By the commands of the line, in their order."""
    if words == "check" and not hasattr(command, "check"):
        pytest.skip("this Alembic has no check")
    begin(project)
    project.write("manage.py", MANAGE.replace("    manager =", MODEL.rstrip(), 1))
    if due:
        revision(project, 2, "pass")
    *lines, line = project.forked(*front_end, *words.split()).error.splitlines()
    assert lines == ["a.x: not in the database"]
    if due:
        assert line == (
            "Error: the models and the database would differ after the last step (1 difference): "
            "run 'db upgrade' without --verify, then 'db migrate' writes them into a revision"
            f"{AT_R1}"
        )
    else:
        assert line == (
            "Error: the models and the database differ (1 difference): 'db migrate' writes them "
            "into a revision"
        )
    for advised in re.findall("'db (.*?)'", line):
        works(project, front_end, advised)
    works(project, front_end, "upgrade")
    works(project, front_end, *words.split())
    assert tables(url)["a"] == ["id", "n", "x"]
