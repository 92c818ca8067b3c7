"""What a line about the folder, or about a new file in it, advises is done, and cures it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from front_ends import follow
from processes import FRONT_ENDS, without_rights
from projects import write_source
from test_folder_errors import configure

from migrate_script.config import TEMPLATES

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
        f"'users' is not one of the version locations ({versions}): give --version-path one "
        "of them, or add it to 'version_locations' in alembic.ini",
    )
    yield f"revision -m x --rev-id dddd --version-path {VERSIONS}"
    configure(db, f"version_locations = {versions} {db.project.folder / 'users'}")
    yield "revision -m y --version-path users"


def bad_id(db):
    """A path as the identifier."""
    yield (
        "revision --rev-id a/b",
        "'a/b' cannot be a revision id: --rev-id takes 1 to 32 letters, digits, '_' and, after the "
        "first, '.'",
    )
    yield "revision --rev-id a_1.b"


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


def bad_template(db):
    """What new revisions are made from cannot be read, or not be filled in."""
    mako = db.project.folder / "migrations/script.py.mako"
    text = mako.read_text(encoding="utf-8")
    mako.write_text(text + "% if up_revision:\n", encoding="utf-8")
    number = len(text.splitlines()) + 1
    yield (
        "revision -m x",
        "'migrations/script.py.mako' cannot be used: SyntaxException: Unterminated control "
        f"keyword: 'if' in file 'migrations/script.py.mako' at line: {number} char: 1: correct it "
        "or restore it",
    )
    mako.write_text(text + "% if up_revision:\n% endif\n", encoding="utf-8")
    yield "revision -m x"
    mako.write_text(text, encoding="utf-8")
    yield "revision -m y"


CASES = [value for value in list(globals().values()) if getattr(value, "__code__", None)]
CASES = [case for case in CASES if case.__module__ == __name__]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_advice_is_a_cure(db, case, monkeypatch):
    """What has a line, or one of two by the release of Alembic, fails; what that names succeeds."""
    monkeypatch.setenv("EDITOR", "true")
    follow(db, case(db))


MADE_FROM = re.compile(
    r"the new revision '(.*)' would not load \(SyntaxError: .*\) and was removed: correct what it "
    r"was made from \(script.py.mako, render_item, the message\)"
)


def refused(db, *words):
    """Run a command that writes a file which does not load, and is removed."""
    failed = db(*words)
    assert failed.status == 1
    path = MADE_FROM.fullmatch(failed.error.splitlines()[-1][len("Error: ") :]).group(1)
    assert not os.path.exists(path)


def test_what_a_new_revision_is_made_from(db):
    """The template, the message where the template has it as it is, and a function of env.py's."""
    mako = db.project.folder / "migrations/script.py.mako"
    text = mako.read_text(encoding="utf-8")
    mako.write_text(f"{text}\nnumber = ${{message}}\n", encoding="utf-8")
    refused(db, "revision", "-m", "1 2")
    assert db("revision", "-m", "12").status == 0
    mako.write_text(text, encoding="utf-8")
    assert db("revision", "-m", "1 2").status == 0
    assert db("upgrade").status == 0
    app = db.project.folder / "shop.py"
    source = app.read_text(encoding="utf-8") + "    stock = db.Column(db.Integer)\n"
    renders = (
        "Migrate(app, db, render_item=lambda kind, item, _: '1 2' * (kind == 'type') or False)"
    )
    assert "Migrate(app, db)" in source
    write_source(app, source.replace("Migrate(app, db)", renders))
    refused(db, "migrate", "-m", "x")
    write_source(app, source)
    assert db("migrate", "-m", "x").status == 0


@pytest.mark.skipif(os.name == "nt", reason="there are no such rights")
@pytest.mark.parametrize("words", ["revision --rev-id dddd -m x", "init -d migrations/versions/x"])
def test_a_folder_that_may_not_be_written_to(db, words):
    """The owner of the folder gives the right."""
    versions = db.project.folder / VERSIONS
    (versions / "__pycache__").mkdir(exist_ok=True)
    typed = without_rights(*FRONT_ENDS[db.name], *words.split())
    options = {"cwd": str(db.project.folder), "capture_output": True, "text": True}
    options["env"] = {**os.environ, "FLASK_APP": db.app}
    versions.chmod(0o555)
    try:
        failed = subprocess.run(typed, **options)
    finally:
        versions.chmod(0o755)
    path = words.split()[-1] if "init" in words else str(versions / "dddd_x.py")
    assert (failed.returncode, failed.stderr.splitlines()[-1]) == (
        1,
        f"Error: cannot write '{path}': Permission denied; nothing was changed: let this user "
        "write there, or make room",
    )
    assert subprocess.run(typed, **options).returncode == 0


def test_a_template_of_ones_own_that_cannot_be_filled_in(db):
    """What else Alembic refuses is shown with where it came from."""
    shutil.copytree(str(TEMPLATES / "flask"), str(db.project.folder / "own"))
    ini = db.project.folder / "own/alembic.ini.mako"
    text = ini.read_text(encoding="utf-8")
    ini.write_text(text + "${nope.x}\n", encoding="utf-8")
    words = ["init", "-d", "made", "-t", "./own"]
    failed = db(*words)
    if "Template rendering failed" not in failed.error:
        pytest.skip("this Alembic does not look at how it is filled in")
    found = re.fullmatch(
        r"Error: Template rendering failed; see (\S+) for a template-oriented traceback: "
        r"(--traceback) shows where it came from\n",
        failed.error,
    )
    report = Path(found.group(1))
    assert "nope.x" in report.read_text(encoding="utf-8")
    report.unlink()
    shown = db(*words, found.group(2))
    assert "alembic.ini.mako" in shown.err or "CommandError" in shown.err
    ini.write_text(text, encoding="utf-8")
    assert db(*words).status == 0
