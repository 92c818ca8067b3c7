"""A command that finds nothing to do says so, and where the database is."""

from __future__ import annotations

import pytest
from databases import execute, rows, tables
from front_ends import FrontEnd, note, one_line, without_alembic
from processes import GATE, on_terminal, waits_for_another
from projects import db as manage
from projects import new_project
from revisions import BASE, revision
from shop_project import write_revision

from migrate_script.compat.alembic import COUNTS_BY_HISTORY


def says(db, words, sentence):
    """Run a command, of which the sentence is all that it says, as a success."""
    done = db(*words.split())
    if COUNTS_BY_HISTORY and "which contains" in sentence:  # Alembic before 1.6 refuses it
        assert (done.status, done.out, done.error) == (1, "", one_line(sentence.rstrip(".")))
        return
    assert (done.status, done.out, without_alembic(done)) == (0, "", note(sentence))


@pytest.mark.parametrize(
    ("first", "words", "sentence"),
    [
        ("upgrade", "upgrade", "Nothing to upgrade: the database is at cccc (head)."),
        ("upgrade", "upgrade heads", "Nothing to upgrade: the database is at cccc (head)."),
        ("upgrade", "upgrade aaaa+2", "Nothing to upgrade: the database is at cccc (head)."),
        ("upgrade", "upgrade --dry-run", "Nothing to upgrade: the database is at cccc (head)."),
        (
            "upgrade",
            "upgrade bbbb",
            "Nothing to upgrade: the database is at cccc (head), which contains bbbb.",
        ),
        ("upgrade bbbb", "upgrade bb", "Nothing to upgrade: the database is at bbbb."),
        ("upgrade", "downgrade cccc", "Nothing to downgrade: the database is at cccc (head)."),
        ("history", "downgrade base", "Nothing to downgrade: the database is at no revision."),
        ("stamp", "stamp", "Nothing to stamp: the database is at cccc (head)."),
        ("stamp aaaa", "stamp aaaa", "Nothing to stamp: the database is at aaaa."),
        ("history", "stamp base", "Nothing to stamp: the database is at no revision."),
        ("history", "merge", "Nothing to merge: there is one head, cccc."),
        ("history", "merge heads -m join", "Nothing to merge: there is one head, cccc."),
    ],
)
def test_nothing_to_do(db, first, words, sentence):
    """The line names the revision, whether it is the head, and what it contains."""
    if COUNTS_BY_HISTORY and "+2" in words:
        pytest.skip("this Alembic counts from where the database is")
    assert db(*first.split()).status == 0
    before = db.project.versions
    says(db, words, sentence)
    assert db.project.versions == before


def test_two_heads(db):
    """Both are named."""
    write_revision(db.project, "dddd", "bbbb", "other")
    assert db("upgrade", "heads").status == 0
    at = "the database is at cccc (head) and dddd (head)"
    says(db, "upgrade heads", f"Nothing to upgrade: {at}.")
    says(db, "upgrade dddd", f"Nothing to upgrade: {at}.")
    says(db, "upgrade bbbb", f"Nothing to upgrade: {at}, which contains bbbb.")
    says(db, "stamp heads", f"Nothing to stamp: {at}.")


@pytest.mark.parametrize("words", ["upgrade", "downgrade base", "stamp head"])
def test_a_folder_without_revisions(db, words):
    """The folder is named, and the command that writes the first; that cures it."""
    for path in (db.project.folder / "migrations/versions").glob("*.py"):
        path.unlink()
    command = words.split()[0]
    says(
        db,
        words,
        f"Nothing to {command}: the folder 'migrations' has no revision yet: "
        "'db migrate -m \"...\"' writes the first.",
    )
    says(db, "merge", "Nothing to merge: there is no revision.")
    assert db("migrate", "-m", "...").status == 0
    assert len(db.project.versions) == 1


@pytest.mark.parametrize("name", ["manage.py", "flask"])
def test_each_database(project, database, monkeypatch, name):
    """By the same words."""
    monkeypatch.setenv("DATABASE_URL", database)
    new_project(project)
    revision(project, 1, BASE, 'op.drop_table("a")')
    db = FrontEnd(name, project, "manage.py")
    assert db("upgrade").status == 0
    says(db, "upgrade", "Nothing to upgrade: the database is at r1 (head).")
    says(db, "stamp head", "Nothing to stamp: the database is at r1 (head).")
    assert db("downgrade", "--yes").status == 0
    says(db, "downgrade base", "Nothing to downgrade: the database is at no revision.")


def test_a_process_that_waited_for_another_one(project, url):
    """The other one did the work meanwhile."""
    new_project(project)
    revision(project, 1, GATE)
    second = waits_for_another(project)
    assert second.err.endswith(note("Nothing to upgrade: the database is at r1 (head)."))


@pytest.mark.parametrize("typed", [None, b""])
def test_on_a_terminal(db, typed):
    """By the same line, and no question."""
    assert db("upgrade").status == 0
    status, said = on_terminal(db.project, "upgrade", typed=typed)
    assert status == 0
    assert said.splitlines()[-1] == note(
        "Nothing to upgrade: the database is at cccc (head)."
    ).rstrip("\n")


def test_several_databases(project, url, new_database, monkeypatch):
    """Each line says which."""
    second = new_database("sqlite")
    monkeypatch.setenv("SECOND_URL", second)
    new_project(project, "--multidb")
    revision(project, 1, "pass", arguments="engine_name")
    assert manage(project, "upgrade").status == 0
    done = manage(project, "upgrade")
    assert without_alembic(done) == (
        note("Nothing to upgrade: the database 'default' is at r1 (head).")
        + note("Nothing to upgrade: the database 'second' is at r1 (head).")
    )
    rows(second, "DELETE FROM alembic_version")
    done = manage(project, "upgrade")
    assert note("Nothing to upgrade: the database 'default' is at r1 (head).") in done.err
    assert "Nothing to upgrade: the database 'second'" not in done.err


LOOP = """
    import os
    import sqlalchemy as sa
    from alembic import context

    for url, options, before in {each}:
        with sa.create_engine(url).connect() as connection:
            if before:
                connection.execute(sa.text(before))
                if hasattr(connection, "commit"):
                    connection.commit()
            context.configure(connection=connection, **options)
            with context.begin_transaction():
                context.run_migrations()
"""


def loop(project, *each):
    """Write an env.py that runs the revisions on one connection after the other, and run them."""
    new_project(project)
    project.write("migrations/env.py", LOOP.format(each=list(each)))
    revision(project, 1, "pass")
    assert manage(project, "upgrade").status == 0
    return without_alembic(manage(project, "upgrade"))


def test_two_databases_without_names(project, url, new_database):
    """Each is named by its URL."""
    second = new_database("sqlite")
    first_file, second_file = (each.split("sqlite:///")[1] for each in (url, second))
    assert loop(project, (url, {}, ""), (second, {}, "")) == (
        note(f"Nothing to upgrade: the database '{first_file}' is at r1 (head).")
        + note(f"Nothing to upgrade: the database '{second_file}' is at r1 (head).")
    )


def test_two_version_tables(project, url):
    """Each is named."""
    assert loop(
        project, (url, {"version_table": "va"}, ""), (url, {"version_table": "vb"}, "")
    ) == (
        note("Nothing to upgrade: the version table 'va' is at r1 (head).")
        + note("Nothing to upgrade: the version table 'vb' is at r1 (head).")
    )


def test_two_schemas(project, new_database, monkeypatch):
    """Each is named, by the search path or by an option."""
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    execute(url, "CREATE SCHEMA one", "CREATE SCHEMA two")
    assert loop(
        project,
        (url, {}, "SET SESSION search_path TO one"),
        (url, {"version_table_schema": "two"}, ""),
    ) == (
        note("Nothing to upgrade: the schema 'one' is at r1 (head).")
        + note("Nothing to upgrade: the schema 'two' is at r1 (head).")
    )
    assert tables(url) == {}
