"""Which of several databases a line is about."""

from __future__ import annotations

import re

import pytest
from databases import tables
from processes import GATE, UPGRADE, at_gate, background, on_terminal, open_gate
from projects import new_project
from revisions import line_of, revision

FIRST, SECOND = "the database 'default'", "the database 'second'"
TABLE = 'op.create_table("a", sa.Column("id", sa.Integer, primary_key=True))'
ROW = 'op.execute("INSERT INTO a (id) VALUES (1)")'


def kind_of(url):
    """The kind of database that a URL names."""
    return url.split(":")[0].split("+")[0]


@pytest.fixture
def several(project, database, new_database, monkeypatch):
    """A project of two databases of one kind, with one revision that is due."""
    second = new_database(kind_of(database))
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("SECOND_URL", second)
    new_project(project, "--multidb")
    revision(project, 1, f"{TABLE}\n{ROW}", 'op.drop_table("a")', "engine_name")
    return project, database, second


def lines_of(err):
    """What was said, without Alembic's own lines and the headings of them."""
    lines = [line for line in err.splitlines() if "[alembic." not in line]
    return [line for line in lines if not line.endswith(" revision to run")]


def test_a_failure_says_in_which_database(several, front_end):
    """And where each of them is now."""
    project, _, second = several
    assert project.forked(*front_end, "upgrade").status == 0
    fails = 'if engine_name == "second": op.execute("INSERT INTO missing VALUES (1)")'
    revision(project, 2, f"pass\n{fails}", "pass", "engine_name")
    done = project.forked(*front_end, "upgrade")
    assert done.status == 1
    (line,) = lines_of(done.err)
    is_mysql = second.startswith("mysql")
    at = "r2, after 1 of 1 revisions" if is_mysql else "r1, as before"
    assert line.startswith(f"Error: {SECOND}: revision r2 failed: ")
    assert line.endswith(
        f" [statement: INSERT INTO missing VALUES (1)] ({line_of(project, 2, 11)}); {FIRST} is at "
        f"{at}; {SECOND} is at r1, as before: remove the cause and run 'db upgrade' again"
    )
    revision(project, 2, "pass", "pass", "engine_name")
    again = project.forked(*front_end, "upgrade")
    done = f"INFO  [migrate_script] Nothing to upgrade: {FIRST} is at r2 (head)."
    assert (again.status, lines_of(again.err)) == (0, [done] if is_mysql else [])


def test_what_was_applied_is_said_of_its_database(several, front_end):
    """On MariaDB, and on PostgreSQL of what a script commits."""
    project, first, _ = several
    if first.startswith("sqlite"):
        pytest.skip("all of it is undone")
    commit = "pass" if first.startswith("mysql") else "op.execute('COMMIT')"
    body = """
        op.create_table("b", sa.Column("id", sa.Integer))
        {}
        if engine_name == "second": op.execute("INSERT INTO missing VALUES (1)")
    """
    revision(project, 1, body.format(commit), "pass", "engine_name")
    done = project.forked(*front_end, "upgrade")
    assert done.status == 1
    assert f"; {SECOND} is at no revision, as before; {SECOND}: 1 statement was " in done.err


def test_notes_say_of_which_database(several, front_end):
    """A copy of each, whatever it is called."""
    project, first, _ = several
    if not first.startswith("sqlite"):
        pytest.skip("the client programs may be missing")
    done = project.forked(*front_end, "upgrade", "--backup")
    assert done.status == 0, done.err
    said = [re.sub(r"/.*", "...", line) for line in lines_of(done.err)]
    assert said == [
        f"INFO  [migrate_script] {place}: the database was copied to ..."
        for place in (FIRST, SECOND)
    ]


def test_what_is_lost_says_of_which_database(several, front_end):
    """Each is asked about, and the answer no leaves both as they were."""
    project, first, second = several
    assert project.forked(*front_end, "upgrade").status == 0
    warnings = [
        f"WARNING [migrate_script] this downgrade drops table a (1 row) of {place}"
        for place in (FIRST, SECOND)
    ]
    status, said = on_terminal(project, "downgrade", "base", typed=b"n\n", front_end=front_end)
    assert (status, warnings[0] in said, warnings[1] in said) == (1, True, False)
    assert said.endswith(
        "Go on? [y/N] Error: 'db downgrade' was not confirmed: nothing was changed; answer 'y' to "
        "go on, or add --yes\r\n"
    )
    assert "a" in tables(first)
    done = project.forked(*front_end, "downgrade", "base")
    assert (done.status, lines_of(done.err)) == (0, warnings)
    assert "a" not in tables(second)


def test_whoever_waits_says_for_which_database(several, front_end):
    """The first is held, or the second where the first was committed."""
    project, url, _ = several
    held = SECOND if url.startswith("mysql") else FIRST
    body = GATE + '    op.create_table("b", sa.Column("id", sa.Integer))'
    gate = f'if engine_name == "second":{body}'
    revision(project, 1, gate.replace("\n    ", "\n        "), "pass", "engine_name")
    with background(project, *UPGRADE) as first:
        at_gate(project, first)
        late = project.forked(*front_end, "upgrade", "--lock-timeout", "0.1")
        assert late.status == 1
        assert re.match(
            rf"Error: {held}: another migration of this database is still running after 0\.1 s",
            lines_of(late.err)[0],
        )
        open_gate(project)
        assert first.status() == 0, first.err


def test_a_revision_is_told_apart_where_alembic_is_silent(several, front_end):
    """One line for each revision and database."""
    project, _, _ = several
    env = project.folder / "migrations/env.py"
    text = env.read_text(encoding="utf-8")
    env.write_text(re.sub(r"(?m)^fileConfig.*$", "", text), encoding="utf-8")
    done = project.forked(*front_end, "upgrade")
    assert done.status == 0, done.err
    said = [re.sub(r" \(\d\.\d s\)$", "", line) for line in lines_of(done.err)]
    assert said == [f"INFO  [migrate_script] {p}: 1 of 1: r1, step 1" for p in (FIRST, SECOND)]


def test_alembics_lines_follow_a_heading(several, front_end):
    """What Alembic reports does not name the database: a line before it does."""
    project, _, _ = several
    done = project.forked(*front_end, "upgrade")
    said = [line for line in done.err.splitlines() if "Context" not in line]
    said = [line for line in said if "assume" not in line and " took " not in line]
    running = "INFO  [alembic.runtime.migration] Running upgrade  -> r1, step 1"
    expected = []
    for place in (FIRST, SECOND):
        expected += [f"INFO  [migrate_script] {place}: 1 revision to run", running]
    assert said == expected
