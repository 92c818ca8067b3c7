"""What a line about a script, or about env.py, advises is done, and cures it."""

from __future__ import annotations

import os
import re
import shutil
from importlib.util import find_spec

import pytest
from front_ends import follow
from projects import write_source
from shop_project import write_revision

AT_NONE = "; the database is at no revision, as before"
VERSIONS = "migrations/versions"


def no_revision(db):
    """A file of another kind is in the folder."""
    text = "down_revision = 'cccc'\ndef upgrade(): pass\n"
    path = db.project.write(f"{VERSIONS}/helpers.py", text)
    line = (
        f"{path}: the file has no 'revision': give it the identifier it had, or move the file out "
        "of the folder"
    )
    yield "upgrade", line
    write_source(path, f"revision = 'dddd'\n{text}")
    yield "upgrade"
    yield "stamp cccc"
    write_source(path, text)
    yield "upgrade", line
    path.rename(db.project.folder / "helpers.py")
    yield "upgrade"


def other_kind(db):
    """The parent is a number."""
    text = "revision = 'dddd'\ndown_revision = {}\ndef upgrade(): pass\n"
    path = db.project.write(f"{VERSIONS}/dddd_x.py", text.format(17))
    yield (
        "upgrade",
        f"{path}: 'down_revision' is 17, not a text, several of them in brackets, or None: correct "
        "the file and run the command again",
    )
    write_source(path, text.format("('cccc',)"))
    yield "upgrade"


def of_several_databases(db):
    """A script from a folder for several databases."""
    text = "revision = 'dddd'\ndown_revision = 'cccc'\ndef upgrade({}): pass\n"
    path = db.project.write(f"{VERSIONS}/dddd_x.py", text.format("engine_name"))
    yield (
        "upgrade",
        f"{path}: its upgrade() is of a folder for several databases, and this env.py passes no "
        "name: write 'def upgrade(engine_name=\"\"):', or take the env.py of a folder that 'db "
        f"init --multidb' makes{AT_NONE}",
    )
    write_source(path, text.format('engine_name=""'))
    yield "upgrade"


def no_editor(db):
    """The one that is set fails."""
    if find_spec("alembic.util.editor") is None:
        pytest.skip("this Alembic does not look at how the editor ended")
    path = db.project.folder / VERSIONS / "cccc_prices.py"
    os.environ["EDITOR"] = "false"
    line = (
        f"no editor has opened {path} ('{shutil.which('false')}' ended with status 1): set EDITOR "
        "to one, as in 'EDITOR=nano', or open the file yourself"
    )
    yield "edit cccc", line
    os.environ["EDITOR"] = "true"
    yield "edit cccc"


def script_that_fails(db):
    """Its line is named."""
    text = "revision = 'dddd'\ndown_revision = 'cccc'\ndef upgrade():\n    {}\n"
    path = db.project.write(f"{VERSIONS}/dddd_x.py", text.format("1 / 0"))
    yield (
        "upgrade",
        f"{path}, line 4: ZeroDivisionError: division by zero{AT_NONE}: correct the file and run "
        "the command again",
    )
    write_source(path, text.format("pass"))
    yield "upgrade"


def script_that_ends(db):
    """It says nothing, and then what to do."""
    text = "import os, sys\nrevision = 'dddd'\ndown_revision = 'cccc'\ndef upgrade():\n    {}\n"
    path = db.project.write(f"{VERSIONS}/dddd_x.py", text.format("sys.exit(3)"))
    yield (
        "upgrade",
        f"{path}, line 5: it ended the command by sys.exit(3): take that out of the file, or let "
        f"it say what to do, as in sys.exit('...'){AT_NONE}",
    )
    said = "sys.exit('run: db upgrade cccc')"
    write_source(path, text.format(f"os.path.exists('ready') or {said}"))
    yield "upgrade", f"{path}, line 5: run: db upgrade cccc{AT_NONE}"
    yield "upgrade cccc"
    (db.project.folder / "ready").touch()
    yield "upgrade"


def bad_url(db):
    """Of a script that has a database of its own."""
    text = "import sqlalchemy as sa\nrevision = 'dddd'\ndown_revision = 'cccc'\n"
    text += "def upgrade():\n    sa.create_engine({!r})\n"
    path = db.project.write(f"{VERSIONS}/dddd_x.py", text.format("user:secret@host"))
    yield (
        "upgrade",
        f"{path}, line 5: its database URL cannot be parsed{AT_NONE}: correct the file and run the "
        "command again",
    )
    write_source(path, text.format("sqlite://"))
    yield "upgrade"


def no_metadata(db):
    """The env.py of `alembic init` passes None."""
    env = db.project.folder / "migrations/env.py"
    text = env.read_text(encoding="utf-8")
    plain = """
from alembic import context
from shop import db

with db.engine.connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""
    write_source(env, plain)
    yield "upgrade"
    line = (
        "migrations/env.py: it passes no models to compare the database with: write "
        "'target_metadata=db.metadata' in its context.configure(), with the db of the application"
    )
    yield "migrate -m x", line
    advised = re.search("'(target_metadata=.*?)'", line).group(1)
    write_source(env, plain.replace("target_metadata=None", advised))
    yield "migrate -m x"
    write_source(env, text)


def version_table(db):
    """A script deletes what Alembic updates after it."""
    delete = 'op.execute("DELETE FROM alembic_version")'
    write_revision(db.project, "dddd", "cccc", "x", delete)
    path = db.project.folder / VERSIONS / "dddd_x.py"
    yield (
        "upgrade",
        f"{path}: the version table was changed while this revision ran: do not write to it, "
        f"and run the command again{AT_NONE}",
    )
    text = path.read_text(encoding="utf-8")
    write_source(path, text.replace(delete, "pass"))
    yield "upgrade"


CASES = [value for value in list(globals().values()) if getattr(value, "__code__", None)]
CASES = [case for case in CASES if case.__module__ == __name__]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_advice_is_a_cure(db, case, monkeypatch):
    """What has a line, or one of two by the release of Alembic, fails; what that names succeeds."""
    monkeypatch.setenv("EDITOR", "true")
    follow(db, case(db))
