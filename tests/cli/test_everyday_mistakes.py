"""What a new user types, and the one line that says what to type instead."""

from __future__ import annotations

import inspect
import re
import shlex

import pytest
from alembic import command
from front_ends import FrontEnd, note, one_line, without_alembic
from processes import GATE, UPGRADE, at_gate, background, open_gate
from projects import new_project
from revisions import revision
from shop_project import write_revision

# what was done before, what is typed, the status, and the line
MISTAKES = [
    (
        "",
        "upgarde",
        2,
        "there is no command 'upgarde': did you mean 'upgrade'? 'db --help' lists them all",
    ),
    (
        "",
        "upgrade headd",
        1,
        "there is no revision 'headd': did you mean 'head'? 'db history' lists those there are",
    ),
    (
        "",
        "upgrade HEAD",
        1,
        "there is no revision 'HEAD': did you mean 'head'? 'db history' lists those there are",
    ),
    (
        "",
        "show bbbbb",
        1,
        "there is no revision 'bbbbb': did you mean 'bbbb'? 'db history' lists those there are",
    ),
    ("", "edit zzz", 1, "there is no revision 'zzz': 'db history' lists those there are"),
    ("", "stamp zzz", 1, "there is no revision 'zzz': 'db history' lists those there are"),
    ("", "merge zzz", 1, "there is no revision 'zzz': 'db history' lists those there are"),
    (
        "",
        "revision --head zzz",
        1,
        "there is no revision 'zzz': 'db history' lists those there are",
    ),
    ("", "history -r zzz:", 1, "there is no revision 'zzz': 'db history' lists those there are"),
    (
        "",
        "upgrade bbbb cccc",
        2,
        "'db upgrade' does not take the argument 'cccc': 'db upgrade --help' shows what it takes",
    ),
    ("", "downgrade", 1, "Nothing to downgrade: the database is at no revision"),
    ("upgrade", "upgrade +1", 1, "Nothing to upgrade: the database is at cccc (head)"),
    (
        "upgrade",
        "downgrade -5",
        1,
        "there are not 5 revisions to undo, as the database is at cccc (head): "
        "'db downgrade base' undoes those there are",
    ),
    (
        "upgrade bbbb",
        "upgrade +2",
        1,
        "there are not 2 revisions to run, as the database is at bbbb: "
        "'db upgrade' runs those there are",
    ),
    ("upgrade bbbb", "upgrade -1", 1, "'-1' leads back: 'db downgrade -1' goes there"),
    ("upgrade bbbb", "downgrade +1", 1, "'+1' leads on: 'db upgrade +1' goes there"),
    (
        "upgrade bbbb",
        "downgrade cccc",
        1,
        "no downgrade leads to cccc, as the database is at bbbb: 'db upgrade cccc' goes there",
    ),
    (
        "upgrade",
        "downgrade cccc+1",
        1,
        "no downgrade leads to 'cccc+1', as the database is at cccc (head): "
        "'db history' lists the revisions there are",
    ),
    (
        "",
        "upgrade aaaa:bbbb",
        1,
        "'aaaa:bbbb' is a range, which --sql takes: name the target alone, as in "
        "'db upgrade bbbb', or add --sql",
    ),
    (
        "upgrade",
        "downgrade aaaa --sql",
        1,
        "--sql does not know where a downgrade to aaaa begins: write "
        "'db downgrade head:aaaa --sql' to begin at the head",
    ),
    (
        "",
        "history -r bbbb",
        1,
        "'bbbb' is not a range: write '-r bbbb:' for what follows it, or '-r :bbbb' for what leads "
        "to it",
    ),
    (
        "",
        "history -r cccc:aaaa",
        1,
        "cccc does not come before aaaa on one branch: name the earlier one first, as in "
        "'-r aaaa:cccc'",
    ),
    ("", "edit base", 1, "'base' has no file: name a revision ('db history' lists them)"),
    (
        "",
        "edit current",
        1,
        "the database is at no revision, so there is no file: name a revision",
    ),
    (
        "",
        "merge aaaa cccc",
        1,
        "aaaa is not a head and cannot be joined (cccc is): there is nothing to join",
    ),
    ("", "merge cccc cccc", 1, "a head is named twice: name each once"),
    (
        "",
        "revision -m x --head aaaa",
        1,
        "aaaa is not a head (cccc is): leave out --head, or add --splice to begin a branch there",
    ),
    (
        "upgrade",
        "migrate -m two words",
        2,
        "'db migrate' does not take the argument 'words': a message is written in quotes after -m, "
        "as in 'db migrate -m \"...\"'",
    ),
    (
        "upgrade",
        "migrate --sql -m x",
        2,
        "'db migrate' compares with the database, so that --sql has nothing to print: leave it "
        "out; 'db upgrade --sql' prints the statements of revisions",
    ),
    (
        "upgrade",
        "revision --autogenerate --sql -m x",
        2,
        "'db migrate' compares with the database, so that --sql has nothing to print: leave it "
        "out; 'db upgrade --sql' prints the statements of revisions",
    ),
    (
        "",
        "revision --sql -m x",
        2,
        "'db revision' runs no env.py, so that --sql has nothing to print: leave it out, or write "
        "'revision_environment = true' below [alembic] in 'migrations/alembic.ini'",
    ),
    ("", "restore", 2, "no file is named: 'db restore FILE' takes one that --backup has made"),
    ("upgrade", "upgrade --lock-timeout x", 2, "'lock_timeout' is 'x': give a number of seconds"),
    (
        "upgrade bbbb",
        "current --check-heads",
        1,
        "the database is at bbbb and the scripts are at cccc: run 'db upgrade'",
    ),
]
# what is advised only where it can be typed: a file of the user's, a choice
NOT_TO_FOLLOW = {"db restore FILE", "db upgrade --sql"}


@pytest.mark.parametrize(("first", "words", "status", "line"), MISTAKES)
def test_an_everyday_mistake(db, monkeypatch, first, words, status, line):
    """Nothing is done, and each command that the line names does what it says."""
    monkeypatch.setenv("EDITOR", "true")
    if first:
        assert db(*first.split()).status == 0
    before = db.project.versions
    done = db(*words.split())
    assert (done.status, done.error) == (status, one_line(line))
    assert db.project.versions == before
    for advised in re.findall(r"'db (.*?)'(?!.*lists)", line.replace('"..."\'', '"..." \'')):
        if f"db {advised}" not in (*NOT_TO_FOLLOW, f"db {words.split()[0]}"):
            followed = db(*shlex.split(advised))
            assert followed.status == 0, (advised, followed.err)
    for advised in re.findall(r"'(-r .*?)'", line):
        assert db("history", *advised.split()).status == 0


def test_a_head_that_is_none_among_several(db):
    """The heads are named; merge alone joins them."""
    write_revision(db.project, "dddd", "bbbb", "other")
    assert db("merge", "aaaa", "cccc").error == one_line(
        "aaaa is not a head and cannot be joined (cccc and dddd are): 'db merge' joins all heads"
    )
    done = db("merge")
    assert done.status == 0, done.err
    (path,) = (db.project.folder / "migrations/versions").glob("*merge_cccc_and_dddd.py")
    assert path.read_text(encoding="utf-8").startswith('"""merge cccc and dddd\n')
    assert db("upgrade").status == 0


ALL = "join them with 'db merge', or name one, or all with 'heads'"
ONE = "join them with 'db merge', or name one with --head"


@pytest.mark.parametrize(
    ("words", "way_out", "cure"),
    [
        ("upgrade", ALL, "upgrade heads"),
        ("stamp", ALL, "stamp heads"),
        ("show", ALL, "show heads"),
        ("edit", ALL, "edit cccc"),
        ("revision -m x", ONE, "revision --head cccc"),
    ],
)
def test_two_heads_are_named(db, monkeypatch, words, way_out, cure):
    """And what is advised does it."""
    monkeypatch.setenv("EDITOR", "true")
    write_revision(db.project, "dddd", "bbbb", "other")
    refused = db(*words.split())
    assert (refused.status, refused.out, refused.error) == (
        1,
        "",
        one_line(f"there are several heads (cccc, dddd): {way_out}"),
    )
    done = db(*cure.split())
    assert done.status == 0 or "without distutils" in done.err, done.err
    assert db("merge").status == 0
    assert db("upgrade").status == 0


def test_a_number_of_steps_from_two_heads(db):
    """Both are named, and what to type goes back on one of them."""
    write_revision(db.project, "dddd", "bbbb", "other")
    assert db("upgrade", "bbbb").status == 0
    forward = db("upgrade", "+1")
    assert forward.status == 1
    assert "cccc and dddd" in forward.error
    assert db("upgrade", "heads").status == 0
    for words in ("downgrade", "downgrade -1"):
        assert db(*words.split()).error == one_line(
            "the database is at cccc and dddd, so it is not clear which of them to undo: "
            "write 'db downgrade cccc@-1' or 'db downgrade dddd@-1'"
        )
    assert db("downgrade", "head").error == one_line(
        "there are several heads (cccc, dddd): name the revision to go to"
    )
    assert db("current", "--check-heads").status == 0
    assert db("downgrade", "bbbb").status == 0
    assert db("current", "--check-heads").error == one_line(
        "the database is at bbbb and the scripts are at cccc and dddd: run 'db upgrade heads'"
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("show base", "'base' is no revision"),
        ("show current", "the database is at no revision"),
        ("current", "the database is at no revision"),
        ("branches", "no revision is followed by several"),
    ],
)
def test_nothing_to_show(db, words, reason):
    """An empty answer has a reason."""
    done = db(*words.split())
    assert (done.status, done.out) == (0, "")
    assert without_alembic(done) == note(f"Nothing to show: {reason}.")


@pytest.mark.parametrize("words", ["show", "history", "heads", "branches", "current"])
def test_nothing_to_show_in_an_empty_folder(db, words):
    """What writes the first revision is named."""
    for path in (db.project.folder / "migrations/versions").glob("*.py"):
        path.unlink()
    done = db(words)
    assert (done.status, done.out) == (0, "")
    assert without_alembic(done) == note(
        "Nothing to show: the folder 'migrations' has no revision yet: "
        "'db migrate -m \"...\"' writes the first."
    )
    assert db("migrate", "-m", "...").status == 0
    assert db("heads").out


@pytest.mark.skipif(
    "open_in_editor" not in inspect.getsource(command), reason="another library starts the editor"
)
@pytest.mark.parametrize(
    ("name", "path", "reason"),
    [
        ("false", "/bin:/usr/bin", "'{false}' ended with status 1"),
        ("nowhere", "/nowhere", "No suitable editor found"),
    ],
)
def test_an_editor_that_fails(db, monkeypatch, name, path, reason):
    """One line, with the file; another editor opens it."""
    import shutil

    monkeypatch.setenv("EDITOR", name)
    monkeypatch.setenv("PATH", path)
    monkeypatch.delenv("VISUAL", raising=False)
    file = db.project.folder / "migrations/versions/cccc_prices.py"
    reason = reason.format(false=shutil.which("false"))
    assert db("edit") == (
        1,
        "",
        one_line(
            f"no editor has opened {file} ({reason}): set EDITOR to one, as in 'EDITOR=nano', or "
            "open the file yourself"
        ),
    )
    monkeypatch.setenv("PATH", "/bin:/usr/bin")
    monkeypatch.setenv("EDITOR", "true")
    assert db("edit").status == 0


def test_sql_is_not_offered_where_it_can_print_nothing(db):
    """Neither is in the help; upgrade, downgrade and stamp have it."""
    for name in ("migrate", "revision"):
        assert "--sql" not in db(name, "--help").out
    for name in ("upgrade", "downgrade", "stamp"):
        assert "--sql" in db(name, "--help").out


def test_a_folder_that_is_elsewhere(db):
    """Where it was looked for, and where there is one; -d with that works."""
    folder = db.project.folder
    (folder / "blog").mkdir()
    (folder / "migrations").rename(folder / "blog" / "migrations")
    reason = f"there is no migrations folder 'migrations' (looked for {folder / 'migrations'})"
    assert db("upgrade") == (
        1,
        "",
        one_line(f"{reason}, but there is blog/migrations: add '-d blog/migrations'"),
    )
    assert db("upgrade", "-d", "blog/migrations").status == 0


@pytest.mark.parametrize("words", ["upgrade", "current", "migrate"])
def test_a_file_that_is_no_database(db, monkeypatch, words):
    """It is named, and left as it is."""
    path = db.project.folder / "notes.txt"
    path.write_text("not a database, but a text of some length\n" * 50, encoding="utf-8")
    before = path.read_bytes()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
    done = db(words)
    assert (done.status, done.out, done.error) == (
        1,
        "",
        one_line(
            f"'{path}' is not a database of SQLite: correct SQLALCHEMY_DATABASE_URI, or move the "
            "file away and restore a backup ('db restore FILE')"
        ),
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize("words", ["upgrade", "current", "migrate"])
def test_a_folder_of_the_database_that_is_missing(db, monkeypatch, words):
    """Where it was looked for, and no word about a server; what is advised cures it."""
    folder = db.project.folder / "data"
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{folder}/shop.db")
    assert db(words).error == one_line(
        f"SQLite cannot open '{folder}/shop.db': there is no folder '{folder}': create it (mkdir "
        f"-p {folder}), or correct SQLALCHEMY_DATABASE_URI"
    )
    folder.mkdir(parents=True)
    assert db("upgrade").status == 0
    assert db(words).status == 0


@pytest.mark.parametrize("name", ["manage.py", "flask"])
def test_a_lock_that_is_not_free_in_time(project, url, name):
    """One line, and the other run goes on."""
    new_project(project)
    revision(project, 1, GATE)
    with background(project, *UPGRADE) as first:
        at_gate(project, first)
        done = FrontEnd(name, project, "manage.py")("upgrade", "--lock-timeout", "0.1")
        assert (done.status, done.out) == (1, "")
        assert re.fullmatch(
            r"Error: another migration of this database is still running after 0.1 s \(.*\); "
            r"nothing was changed: wait for it to end, or give --lock-timeout more seconds\n",
            done.error,
        )
        open_gate(project)
        assert first.status() == 0, first.err
    assert FrontEnd(name, project, "manage.py")("upgrade").status == 0
