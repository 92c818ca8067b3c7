"""What a line about the folder or its scripts advises is done, and cures it."""

from __future__ import annotations

import os
import shutil

import pytest
from alembic.script import revision as script_revision
from front_ends import follow
from projects import write_source
from test_folder_errors import configure

AT_NONE = "; the database is at no revision, as before"
VERSIONS = "migrations/versions"


def no_folder(db):
    """It is in another one."""
    (db.project.folder / "back").mkdir()
    (db.project.folder / "migrations").rename(db.project.folder / "back/migrations")
    yield (
        "upgrade",
        f"there is no migrations folder 'migrations' (looked for {db.project.folder / 'migrations'}"
        "), but there is back/migrations: add '-d back/migrations'",
    )
    yield "upgrade -d back/migrations"


def no_folder_at_all(db):
    """There is none, or it is elsewhere."""
    folder = db.project.folder / "migrations"
    folder.rename(db.project.folder.parent / "elsewhere")
    yield (
        "heads",
        f"there is no migrations folder 'migrations' (looked for {folder}): create it with 'db "
        "init', or name another one with -d",
    )
    yield "heads -d ../elsewhere"
    yield "init"
    yield "heads"


def folder_is_there(db):
    """A second `init`."""
    line = (
        "the folder 'migrations' exists already and is not empty: remove it first, or name another "
        "one with -d"
    )
    yield "init", line
    yield "init -d another"
    shutil.rmtree(str(db.project.folder / "migrations"))
    yield "init"


def no_versions(db):
    """The folder of the revisions is lost."""
    versions = db.project.folder / VERSIONS
    versions.rename(db.project.folder / "kept")
    line = (
        f"the folder '{VERSIONS}' is missing, so no revision can be found: restore it from version "
        "control, or create it empty if there was never a revision"
    )
    yield "upgrade", line
    versions.mkdir()
    yield "revision -m first"
    shutil.rmtree(str(versions))
    (db.project.folder / "kept").rename(versions)
    yield "upgrade"


def bad_ini(db):
    """It does not begin with a section."""
    ini = db.project.folder / "migrations/alembic.ini"
    text = ini.read_text(encoding="utf-8")
    ini.write_text("[alembic", encoding="utf-8")
    yield (
        "upgrade",
        *(
            "'migrations/alembic.ini' cannot be read: MissingSectionHeaderError: File contains no "
            f"section headers. file: {file}, line: 1 '[alembic': correct it or restore it"
            for file in ("PosixPath('migrations/alembic.ini')", "'migrations/alembic.ini'")
        ),
    )
    ini.write_text(text, encoding="utf-8")
    yield "upgrade"


def unusable_option(db):
    """A word for a number."""
    configure(db, "truncate_slug_length = many")
    yield (
        "revision -m x",
        "'migrations/alembic.ini', option 'truncate_slug_length' of [alembic] is 'many': write a "
        "number, such as 40",
    )
    ini = db.project.folder / "migrations/alembic.ini"
    ini.write_text(ini.read_text(encoding="utf-8").replace("many", "20"), encoding="utf-8")
    yield "revision -m x"


def bad_option(db):
    """A percent sign that is not doubled, in what env.py reads."""
    configure(db, "own = 100%")
    env = db.project.folder / "migrations/env.py"
    read = "from alembic import context\n\ncontext.config.get_main_option('own')\n"
    write_source(env, read + env.read_text(encoding="utf-8").replace("from __future__", "# from"))
    yield (
        "upgrade",
        "'migrations/alembic.ini', option 'own' of [alembic]: the value cannot be read: write '%%' "
        "for each '%' in it, except in '%(here)s'",
    )
    ini = db.project.folder / "migrations/alembic.ini"
    ini.write_text(ini.read_text(encoding="utf-8").replace("100%", "100%%"), encoding="utf-8")
    yield "upgrade"


def no_template(db):
    """It is a folder."""
    shutil.copytree(str(db.project.folder / "migrations"), str(db.project.folder / "own"))
    own = db.project.folder / "own"
    (own / "alembic.ini").rename(own / "alembic.ini.mako")
    shutil.rmtree(str(own / "versions"))
    yield (
        "init -d made -t own",
        "there is no template 'own': there are flask, flask-multidb, or give the path of a folder "
        "of your own, such as './own'",
    )
    yield "init -d made -t flask"
    yield "init -d made_2 -t ./own"


def unusable_template(db):
    """It lacks a file."""
    shutil.copytree(str(db.project.folder / "migrations"), str(db.project.folder / "own"))
    yield (
        "init -d made -t ./own",
        "the folder './own' is no template, as there is no "
        f"'{db.project.folder / 'own/alembic.ini.mako'}': 'db list-templates' lists those of the "
        "package",
    )
    yield "list-templates"
    yield "init -d made -t flask"


def no_location(db):
    """A second folder for scripts is missing."""
    configure(db, "version_locations = %(here)s/versions %(here)s/../users")
    users = db.project.folder / "users"
    line = (
        f"there is no folder '{users}', which 'version_locations' in alembic.ini names: create it "
        f"(mkdir -p {users}), or take it out there"
    )
    yield "upgrade", line
    users.mkdir()
    yield "upgrade aaaa"
    users.rmdir()
    yield "upgrade", line
    ini = db.project.folder / "migrations/alembic.ini"
    ini.write_text(ini.read_text(encoding="utf-8").replace(" %(here)s/../users", ""))
    yield "upgrade"


def other_location(db):
    """A file for a folder that is no location."""
    versions = db.project.folder / VERSIONS
    (db.project.folder / "users").mkdir()
    yield (
        "revision -m x --version-path users",
        f"'users' is none of the version locations, which are {versions}: give --version-path one "
        "of them, or add it to 'version_locations' in alembic.ini",
    )
    yield f"revision -m x --rev-id dddd --version-path {VERSIONS}"
    configure(db, f"version_locations = {versions} {db.project.folder / 'users'}")
    yield "revision -m y --version-path users"


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


def bad_id(db):
    """A path as the identifier."""
    yield (
        "revision --rev-id a/b",
        "'a/b' cannot be a revision id: --rev-id takes 1 to 32 letters, digits, '_' and, after the "
        "first, '.'",
    )
    yield "revision --rev-id a_1.b"


def no_editor(db):
    """The one that is set fails."""
    if not hasattr(script_revision, "CycleDetected"):
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


def no_models(db):
    """The module with the model is not imported."""
    path = db.project.folder / "shop.py"
    text = path.read_text(encoding="utf-8")
    app, model = text.split("\n\nclass Product")
    yield "upgrade"
    write_source(path, app)
    models = db.project.write("models.py", f"from shop import db\n\n\nclass Product{model}")
    line = (
        "no model is loaded, so this revision would drop 'product'; no file was written: import "
        "'models', which was never imported, where the application is made, or give "
        "--allow-drops"
    )
    yield "migrate -m x", line
    write_source(path, f"{app}\nimport models\n")
    yield "migrate -m x"
    write_source(path, app)
    models.rename(db.project.folder / "other.txt")
    yield "migrate -m x --allow-drops"


CASES = [value for value in list(globals().values()) if getattr(value, "__code__", None)]
CASES = [case for case in CASES if case.__module__ == __name__]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_advice_is_a_cure(db, case, monkeypatch):
    """What has a line, or one of two by the release of Alembic, fails; what that names succeeds."""
    monkeypatch.setenv("EDITOR", "true")
    follow(db, case(db))
