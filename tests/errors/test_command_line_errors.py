"""What is typed wrongly ends in one line: commands, options, arguments, identifiers."""

from __future__ import annotations

import re

import pytest
from front_ends import files_of, one_line
from shop_project import write_shop


def test_an_unknown_revision(db):
    """The revision is named, and how to see those there are."""
    assert db("upgrade", "nope")[0::2][0] == 1
    assert db("upgrade", "nope").error == one_line(
        "there is no revision 'nope': 'db history' lists those there are"
    )


def test_an_unknown_command(db):
    """One line and status 2."""
    assert db("upgrad") == (
        2,
        "",
        one_line(
            "there is no command 'upgrad': did you mean 'upgrade'? 'db --help' lists them all"
        ),
    )


@pytest.mark.parametrize("name", ["xyz", ""])
def test_a_command_that_resembles_none(db, name):
    """Nothing is guessed."""
    assert db(name).error == one_line(f"there is no command '{name}': 'db --help' lists them all")


@pytest.mark.parametrize(
    ("option", "meant"),
    [("--sqll", "did you mean '--sql'? "), ("-z", ""), ("--foo=bar", "")],
)
def test_an_unknown_option(db, option, meant):
    """One line, status 2, and nothing ran."""
    name = option.split("=")[0]
    assert db("upgrade", option) == (
        2,
        "",
        one_line(
            f"'db upgrade' has no option '{name}': {meant}'db upgrade --help' lists those it has"
        ),
    )


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["-m=a text"], "a text"),
        (["-m=-x=y"], "-x=y"),
        (["-m", "-d=z"], "-d=z"),
        (["--mess", "a text"], "a text"),
        (["--mess=--di=z"], "--di=z"),
        (["-ma text"], "a text"),
        (["--message", "--dir"], "--dir"),
    ],
)
def test_options_as_argparse_took_them(db, typed, message):
    """A short one with a `=`, and the beginning of a long one; a value is left as it is."""
    done = db("revision", "--rev", "dddd", *typed)
    assert done.status == 0, done.err
    (path,) = (db.project.folder / "migrations/versions").glob("dddd*.py")
    assert path.read_text(encoding="utf-8").startswith(f'"""{message}\n')


def test_the_beginning_of_several_options(db):
    """It is none of them."""
    assert db("upgrade", "--ver").status == 0
    assert db("upgrade", "--d").error == one_line(
        "'db upgrade' has no option '--d': 'db upgrade --help' lists those it has"
    )


def test_one_argument_too_many(db):
    """The first that is too many is named."""
    assert db("upgrade", "aaaa", "bbbb") == (
        2,
        "",
        one_line(
            "'db upgrade' does not take the argument 'bbbb': "
            "'db upgrade --help' shows what it takes"
        ),
    )


def test_the_revision_given_twice(db):
    """downgrade takes the argument or --revision."""
    assert db("downgrade", "aaaa", "--revision", "bbbb") == (
        2,
        "",
        one_line("'db downgrade' got both 'aaaa' and 'bbbb': give one of them"),
    )


@pytest.mark.parametrize("rev_id", ["a/b", "a-b", "x" * 33, "", "ä b", ".a"])
def test_a_revision_id_that_cannot_be_used(db, rev_id):
    """It is refused before a file is written."""
    before = files_of(db.project)
    assert db("revision", "--rev-id", rev_id) == (
        1,
        "",
        one_line(
            f"'{rev_id}' cannot be a revision id: --rev-id takes 1 to 32 letters, digits, '_' and, "
            "after the first, '.'"
        ),
    )
    assert files_of(db.project) == before


def test_revisions_numbered_like_releases(db):
    """1.2.0 is an identifier as good as any."""
    for words in ("revision --rev-id 1.2.0", "revision --rev-id 1.10.0_rc1 -m next"):
        assert db(*words.split()).status == 0
    assert db("upgrade", "1.2.0").status == 0
    assert db("current").out == "1.2.0\n"
    assert db("upgrade").status == 0
    assert db("downgrade").status == 0
    assert db("current").out == "1.2.0\n"
    assert "1.2.0 -> 1.10.0_rc1 (head), next" in db("history").out
    assert db("revision", "--rev-id", "1.2.0").status == 1


def test_a_revision_id_that_is_taken(db):
    """The file that has it is named."""
    before = files_of(db.project)
    path = db.project.folder / "migrations/versions/bbbb_names.py"
    answer = db("revision", "--rev-id", "bbbb")
    assert answer.error == one_line(
        f"the revision id 'bbbb' is taken by {path}: give another --rev-id"
    )
    assert files_of(db.project) == before


@pytest.mark.parametrize(
    "message", ['say """hello"""', "back\\slash \\N \\u12 \\x", "two\nlines", "5% or %s or %(a)s"]
)
def test_a_message_with_quotes_and_backslashes(db, message):
    """The new script loads, and its message reads as it was typed."""
    assert db("revision", "-m", message, "--rev-id", "dddd").status == 0
    for words in ("history", "history -v", "show", "heads -v"):
        assert " ".join(message.split()) in db(*words.split()).out


def test_the_traceback_comes_when_asked_for(db):
    """--traceback shows where an error came from, and the line still ends it."""
    answer = db("upgrade", "nope", "--traceback")
    assert answer.status == 1
    assert "Traceback (most recent call last):" in answer.err
    assert answer.err.endswith(
        one_line("there is no revision 'nope': 'db history' lists those there are")
    )


def test_a_failure_of_the_applications_own(db):
    """A @migrate.configure function that raises is no exception to the one line."""
    shop = db.project.folder / "shop.py"
    shop.write_text(
        shop.read_text() + "\n\n@migrate.configure\ndef fail(config):\n    return 1 / 0\n"
    )
    answer = db("upgrade")
    assert answer == (
        1,
        "",
        one_line("ZeroDivisionError: division by zero: --traceback shows where it came from"),
    )
    assert "in fail" in db("upgrade", "--traceback").err


def test_an_application_without_migrate(db):
    """The missing call is named."""
    db.project.write("shop.py", "from flask import Flask\napp = Flask('shop')\n")
    if db.name == "flask":
        return  # without Migrate there is no `flask db`
    assert db("upgrade") == (
        1,
        "",
        one_line(
            "the application 'shop' has no database to migrate: add 'Migrate(app, db)', "
            "or 'migrate.init_app(app, db)' where the application is made"
        ),
    )


@pytest.mark.parametrize("words", [["db", "upgrade"], ["db"], ["run"], ["--help"]])
def test_a_manager_that_runs_when_flask_imports_the_script(project, url, words):
    """Nothing of the command line is the manager's, and the script lacks a line."""
    write_shop(project)
    text = (project.folder / "manage.py").read_text(encoding="utf-8")
    before, guard, _ = text.partition("if __name__")
    assert guard
    project.write("manage.py", before + "manager.run()\n")
    done = project.flask("manage.py", *words)
    assert done.status == 2
    assert done.error == (
        "Error: the script runs its Manager while 'flask' imports it: write "
        "'if __name__ == \"__main__\":' above 'manager.run()'\n"
    )
    (above,) = re.findall("write '(.*)' above", done.error)
    project.write("manage.py", f"{before}{above}\n    manager.run()\n")
    done = project.flask("manage.py", "db", "upgrade")
    assert done.status == 0, done.err
