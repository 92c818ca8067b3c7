"""Revisions that cannot be loaded or run, and databases that are elsewhere, end in one line."""

from __future__ import annotations

import inspect
import os
import re

import pytest
from alembic import command
from alembic.script import revision as script_revision
from databases import rows, tables
from front_ends import one_line
from projects import write_source


def broken(db, text: str) -> str:
    """Put a broken revision into the folder; give its path as errors show it."""
    path = db.project.write("migrations/versions/dddd_broken.py", text)
    return str(path)


def test_a_revision_with_a_syntax_error(db):
    """File and line, and what Python says."""
    path = broken(db, 'revision = "dddd"\ndown_revision = "cccc"\ndef upgrade(:\n    pass\n')
    answer = db("upgrade")
    assert (answer.status, answer.out) == (1, "")
    assert re.fullmatch(
        re.escape(f"Error: {path}, line 3: SyntaxError: ")
        + r"invalid syntax.*: correct the file and run the command again\n",
        answer.error,
    )
    assert not (db.project.folder / "shop.db").exists()


def test_a_revision_that_does_not_import(db):
    """The line of the file that Python stopped at."""
    path = broken(db, 'revision = "dddd"\ndown_revision = "cccc"\nimport nowhere_at_all\n')
    assert db("upgrade").error == one_line(
        f"{path}, line 3: ModuleNotFoundError: No module named 'nowhere_at_all'; "
        "the database is at no revision, as before: correct the file and run the command again"
    )


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("from sqlalchemy import nosuchthing", "ImportError: cannot import name 'nosuchthing'"),
        ("from of_2014 import thing", "ModuleNotFoundError: No module named 'of_2014'"),
        (
            "import shop.models_of_2014",
            "ModuleNotFoundError: No module named 'shop.models_of_2014'",
        ),
        ("sa.NoSuchType()", "AttributeError: module 'sqlalchemy' has no attribute 'NoSuchType'"),
        ("sa.String(length=5, nosuch=True)", "TypeError: "),
        ("op.create_index('a')", "TypeError: "),
        ("print 'python 2'", "SyntaxError: "),
    ],
)
def test_a_script_of_an_older_stack(db, line, cause):
    """What its time had and ours has not is named with file and line."""
    top = 'revision = "dddd"\ndown_revision = "cccc"\n'
    top += "import sqlalchemy as sa\nfrom alembic import op\n"
    imports = "import" in line
    path = broken(db, top + (f"{line}\n" if imports else f"def upgrade():\n    {line}\n"))
    answer = db("upgrade")
    assert (answer.status, answer.out) == (1, "")
    assert answer.error.startswith(f"Error: {path}, line {5 if imports else 6}: {cause}")
    assert answer.error.endswith(": correct the file and run the command again\n")
    assert len(answer.error.splitlines()) == 1


TOP = 'revision = "dddd"\ndown_revision = "cccc"\n'


@pytest.mark.parametrize(
    ("content", "place", "cause"),
    [
        (TOP.encode("utf-16"), "", r"(ValueError|SyntaxError): source code .* null bytes"),
        (TOP.encode() + b"\0", "", r"(ValueError|SyntaxError): source code .* null bytes"),
        (
            TOP.encode() + b'name = "caf\xe9"\n',
            ", line 3",
            r"SyntaxError: .*(can't decode|Non-UTF-8 code) .*",
        ),
        (b"# coding: klingon\n" + TOP.encode(), "", r"SyntaxError: unknown encoding: klingon.*"),
        (b'revision = "dddd"\n', "", r"AttributeError: .* has no attribute 'down_revision'"),
    ],
    ids=["UTF-16", "a null byte", "Latin-1", "an unknown encoding", "no parent"],
)
def test_a_file_that_is_no_script(db, content, place, cause):
    """The file is named, and not the env.py that was about to use it."""
    path = db.project.folder / "migrations/versions/dddd_broken.py"
    path.write_bytes(content)
    answer = db("upgrade")
    assert (answer.status, answer.out) == (1, "")
    assert re.fullmatch(
        rf"Error: {re.escape(str(path))}{place}: {cause}: "
        r"correct the file and run the command again\n",
        answer.error,
    )


def test_a_revision_without_its_id(db):
    """The file is named, and what it lacks."""
    path = broken(db, "def upgrade():\n    pass\n")
    assert db("upgrade").error == one_line(
        f"{path}: the file has no 'revision': give it the identifier it had, "
        "or move the file out of the folder"
    )


def test_a_revision_without_upgrade(db, monkeypatch):
    """It is found before the first revision runs."""
    import os

    path = broken(db, 'revision = "dddd"\ndown_revision = "cccc"\n')
    answer = db("upgrade")
    assert answer.error == one_line(
        f"{path}: the file has no 'upgrade()': write one (it may be 'pass'); "
        "the database is at no revision, as before"
    )
    assert "product" not in tables(os.environ["DATABASE_URL"])


@pytest.mark.parametrize(
    "line",
    [
        'down_revision = "nowhere"',
        'down_revision = ("cccc", "nowhere")',
        'down_revision = "cccc"; depends_on = "nowhere"',
        'down_revision = "cccc"; depends_on = ["nowhere", "aaaa"]',
    ],
)
def test_a_revision_whose_parent_is_missing(db, line):
    """The identifier that nobody has is named, and the file that refers to it."""
    path = broken(db, f'revision = "dddd"\n{line}\ndef upgrade():\n    pass\n')
    assert db("upgrade").error == one_line(
        f"{path} refers to the revision 'nowhere', which no script in the folder has: restore that "
        "script, or correct the 'down_revision' or 'depends_on' that names it"
    )


def test_a_revision_that_raises(db):
    """File, line and the exception's own words."""
    path = broken(
        db,
        'revision = "dddd"\ndown_revision = "cccc"\ndef upgrade():\n    raise ValueError("boom")\n',
    )
    assert db("upgrade").error == one_line(
        f"{path}, line 4: ValueError: boom; the database is at no revision, as before: "
        "correct the file and run the command again"
    )


def test_several_heads(db):
    """Both heads are named, and the way out works."""
    broken(db, 'revision = "dddd"\ndown_revision = "bbbb"\ndef upgrade():\n    pass\n')
    answer = db("upgrade")
    assert answer.status == 1
    assert re.fullmatch(
        r"Error: there are several heads \((cccc, dddd|dddd, cccc)\): join them with 'db merge', "
        r"or name one, or all with 'heads'\n",
        answer.error,
    )
    assert db("merge", "-m", "join").status == 0
    assert db("upgrade").status == 0


@pytest.mark.parametrize("command", ["upgrade", "migrate"])
@pytest.mark.parametrize("revision", ["bbbb", "cccc"])
def test_two_files_of_one_revision(db, revision, command):
    """A copy of a script is no second head to merge; some Alembics take one, and warn."""
    if command == "migrate":
        assert db("upgrade").status == 0
    (path,) = (db.project.folder / "migrations/versions").glob(f"{revision}_*.py")
    copy = broken(db, path.read_text())
    answer = db(command)
    if answer.status:
        assert answer.error == one_line(
            f"several files have the same revision '{revision}' ({path}, {copy}): give all but one "
            "an identifier of its own, and correct the 'down_revision' of what comes after it"
        )


@pytest.mark.parametrize("command", ["upgrade", "upgrade +1", "downgrade -1", "show aaaa@head"])
def test_revisions_in_a_circle(db, command):
    """The scripts are named, and what to correct; the oldest Alembics find no head, and no work."""
    (path,) = (db.project.folder / "migrations/versions").glob("aaaa_*.py")
    write_source(path, path.read_text().replace("down_revision = None", 'down_revision = "cccc"'))
    answer = db(*command.split())
    if hasattr(script_revision, "CycleDetected"):
        assert re.fullmatch(
            r"Error: Cycle is detected in revisions \(.*\): correct the 'down_revision' or "
            r"'depends_on' of one, so that each comes after those it names\n",
            answer.error,
        )


def test_a_database_that_is_ahead_of_the_scripts(db):
    """The advice is to bring the script back; the one after it works as it says."""
    assert db("upgrade").status == 0
    (db.project.folder / "migrations/versions/cccc_prices.py").unlink()
    purge = ["--purge"] if "purge" in inspect.signature(command.stamp).parameters else []
    way_out = "'db stamp --purge REVISION'"
    if not purge:
        way_out = "delete it from the version table and run 'db stamp REVISION'"
    assert db("upgrade").error == one_line(
        "the database is at revision 'cccc', which no script in the folder has: bring the script "
        f"back (from version control or the release that ran it), or, if the schema is known to "
        f"match, {way_out}"
    )
    if not purge:
        rows(os.environ["DATABASE_URL"], "DELETE FROM alembic_version")
    assert db("stamp", *purge, "bbbb").status == 0
    assert db("upgrade").status == 0


def test_a_database_that_is_behind(db):
    """current --check-heads is a gate for scripts."""
    assert db("upgrade", "aaaa").status == 0
    answer = db("current", "--check-heads")
    assert answer.status == 1
    assert answer.error == one_line(
        "the database is at aaaa and the scripts are at cccc: run 'db upgrade'"
    )
    assert db("upgrade").status == 0
    assert db("current", "--check-heads").status == 0
