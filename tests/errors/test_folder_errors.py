"""A folder of migrations that lacks something, or holds what cannot be used, ends in one line."""

from __future__ import annotations

import inspect
import re
import shutil

import pytest
from alembic.script import ScriptDirectory
from front_ends import files_of, one_line

from migrate_script.config import TEMPLATES


def test_a_missing_folder(db):
    """The folder is named as typed, and where it was looked for."""
    before = files_of(db.project)
    assert db("upgrade", "-d", "elsewhere") == (
        1,
        "",
        one_line(
            "there is no migrations folder 'elsewhere' (looked for "
            f"{db.project.folder / 'elsewhere'}): create it with 'db init', "
            "or name another one with -d"
        ),
    )
    assert files_of(db.project) == before


def test_a_missing_versions_folder(db):
    """Nothing to do is not the answer when the revisions are gone."""
    for path in (db.project.folder / "migrations/versions").iterdir():
        path.unlink() if path.is_file() else [
            *map(lambda p: p.unlink(), path.iterdir()),
            path.rmdir(),
        ]
    (db.project.folder / "migrations/versions").rmdir()
    before = files_of(db.project)
    assert db("upgrade") == (
        1,
        "",
        one_line(
            "the folder 'migrations/versions' is missing, so no revision can be found: restore it "
            "from version control, or create it empty if there was never a revision"
        ),
    )
    assert files_of(db.project) == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("env.py", "upgrade"),
        ("env.py", "history"),
        ("script.py.mako", "revision"),
        ("script.py.mako", "migrate"),
        ("script.py.mako", "merge aaaa"),
    ],
)
def test_a_missing_file_of_the_folder(db, name, words):
    """The file is named."""
    (db.project.folder / "migrations" / name).unlink()
    assert db(*words.split()) == (
        1,
        "",
        one_line(
            f"the file 'migrations/{name}' is missing: restore it from version control, or copy it "
            "from a new folder (db init -d FOLDER)"
        ),
    )


def test_a_folder_without_what_is_for_new_scripts(db):
    """Where an application is installed without them, its scripts run all the same."""
    for name in ("script.py.mako", "alembic.ini"):
        (db.project.folder / "migrations" / name).unlink()
    for words in ("upgrade", "current --check-heads", "history", "upgrade --sql", "downgrade base"):
        answer = db(*words.split())
        assert (answer.status, answer.error) == (0, ""), words


def test_a_second_init(db):
    """The folder stays as it is."""
    before = files_of(db.project)
    assert db("init") == (
        1,
        "",
        one_line(
            "the folder 'migrations' exists already and is not empty: "
            "remove it first, or name another one with -d"
        ),
    )
    assert files_of(db.project) == before


def test_init_with_an_unknown_template(db):
    """The templates there are are named, and no folder is made."""
    assert db("init", "-d", "other", "-t", "nope") == (
        1,
        "",
        one_line(
            "there is no template 'nope': there are flask, flask-multidb, "
            "or give the path of a folder of your own, such as './nope'"
        ),
    )
    assert not (db.project.folder / "other").exists()


@pytest.mark.parametrize(
    "content",
    [b"this is no ini file", b"[alembic", b"\xff\xfe\x00\x01", b"[alembic]\na\nb = %(c)s\n"],
)
def test_a_garbage_alembic_ini(db, content):
    """The file is named on one line."""
    (db.project.folder / "migrations/alembic.ini").write_bytes(content)
    answer = db("upgrade")
    assert (answer.status, answer.out) == (1, "")
    assert re.fullmatch(
        r"Error: 'migrations/alembic.ini' cannot be read: .*: correct it or restore it\n",
        answer.err,
    )


def test_a_folder_without_revisions(db):
    """There is nothing to do, and that is no failure."""
    for path in (db.project.folder / "migrations/versions").glob("*.py"):
        path.unlink()
    for words in (
        "upgrade",
        "downgrade base",
        "stamp base",
        "current",
        "heads",
        "branches",
        "history",
        "history -r base:",
    ):
        answer = db(*words.split())
        assert (answer.status, answer.out, answer.error) == (0, "", ""), words


def test_a_template_that_writes_nonsense(db):
    """The new script is removed again, and the folder stays usable."""
    before = files_of(db.project)
    mako = db.project.folder / "migrations/script.py.mako"
    mako.write_text(mako.read_text() + "\ndef broken(:\n")
    answer = db("revision", "-m", "x", "--rev-id", "dddd")
    assert answer.status == 1
    assert re.match(
        r"Error: the new revision '.*dddd_x.py' would not load \(SyntaxError: .*\) and was removed",
        answer.error,
    )
    mako.write_bytes(before["migrations/script.py.mako"])
    assert files_of(db.project) == before


# -- what the configuration names --------------------------------------------------------------


@pytest.mark.parametrize("path", ["./own", "{}/own", "own/", "../{name}/own"])
def test_a_path_of_a_template(db, path):
    """What has a separator is a path, and the folder is used."""
    shutil.copytree(str(TEMPLATES / "flask"), str(db.project.folder / "own"))
    path = path.format(db.project.folder, name=db.project.folder.name)
    made = db("init", "-d", "made", "-t", path)
    assert made.status == 0, made.err
    assert (db.project.folder / "made" / "env.py").is_file()


@pytest.mark.parametrize("missing", ["", "script.py.mako", "alembic.ini.mako"])
def test_a_path_that_is_no_template(db, missing):
    """The file is named that a template needs."""
    if missing:
        shutil.copytree(str(TEMPLATES / "flask"), str(db.project.folder / "own"))
        (db.project.folder / "own" / missing).unlink()
    path = db.project.folder / "own" / (missing or "env.py")
    assert db("init", "-d", "made", "-t", "./own") == (
        1,
        "",
        one_line(
            f"the folder './own' is no template, as there is no '{path}': "
            "'db list-templates' lists those of the package"
        ),
    )
    assert not (db.project.folder / "made").exists()


def configure(db, text, section="alembic"):
    """Add options to a section of alembic.ini."""
    ini = db.project.folder / "migrations" / "alembic.ini"
    before = ini.read_text(encoding="utf-8")
    if f"[{section}]" not in before:
        before += f"\n[{section}]\n"
    ini.write_text(before.replace(f"[{section}]\n", f"[{section}]\n{text}\n"), encoding="utf-8")


@pytest.fixture
def two_locations(db):
    """A folder of migrations with a second one for its scripts, outside of it."""
    configure(db, "version_locations = %(here)s/versions %(here)s/../users/migrations")
    folder = db.project.folder / "users" / "migrations"
    folder.mkdir(parents=True)
    return db, folder


@pytest.mark.parametrize(
    "path", ["users/migrations", "./users/migrations/", "link", "users/../link"]
)
def test_a_location_by_another_path(two_locations, path):
    """It is the same folder, however it is written."""
    db, folder = two_locations
    (db.project.folder / "link").symlink_to(folder)
    made = db("revision", "--version-path", path, "--head", "base", "--rev-id", "eeee", "-m", "x")
    assert made.status == 0, made.err
    assert [path.name for path in folder.glob("*.py")] == ["eeee_x.py"]
    assert "eeee" in db("heads").out


def test_another_location(two_locations):
    """The locations are listed, and nothing is written."""
    db, folder = two_locations
    before = files_of(db.project)
    known = f"{db.project.folder / 'migrations/versions'}, {folder}"
    assert db("revision", "--version-path", "elsewhere", "--head", "base", "-m", "x") == (
        1,
        "",
        one_line(
            f"'elsewhere' is not one of the version locations ({known}): give "
            "--version-path one of them, or add it to 'version_locations' in alembic.ini"
        ),
    )
    assert files_of(db.project) == before


@pytest.mark.parametrize("words", ["upgrade", "heads", "history", "revision -m x", "stamp head"])
def test_a_location_that_is_not_there(two_locations, words):
    """Its revisions would be left out without a word."""
    db, folder = two_locations
    folder.rmdir()
    before = files_of(db.project)
    assert db(*words.split()) == (
        1,
        "",
        one_line(
            f"there is no folder '{folder}', which 'version_locations' in alembic.ini names: "
            f"create it (mkdir -p {folder}), or take it out there"
        ),
    )
    assert files_of(db.project) == before
    made = db("revision", "--version-path", "users/migrations", "--head", "base", "-m", "x")
    assert made.status == 0, made.err  # the first one in it
    assert len(list(folder.glob("*.py"))) == 1


def has_option(name):
    """Whether the installed Alembic knows an option."""
    return name in inspect.signature(ScriptDirectory.__init__).parameters


HOOK = "hooks = one\none.type = {}"


@pytest.mark.parametrize(
    ("section", "text", "option", "reason"),
    [
        (
            "post_write_hooks",
            HOOK.format("console_scripts") + "\none.entrypoint = nope",
            "",  # Alembic before 1.11 does not say more
            "",
        ),
        ("post_write_hooks", HOOK.format("nope"), "one.type", "'nope'"),
    ],
)
def test_a_hook_that_cannot_be_used(db, section, text, option, reason):
    """The option is named, and no file is left."""
    if not (has_option("hooks") or has_option("hook_config")):
        pytest.skip("this Alembic has no hooks")
    configure(db, text, section)
    before = files_of(db.project)
    failed = db("revision", "-m", "x")
    assert failed.status == 1
    assert failed.error.startswith(f"Error: 'migrations/alembic.ini', option '{option}")
    assert f" of [{section}]: " in failed.error
    assert reason in failed.error
    assert failed.error.endswith(": correct it\n")
    assert len(failed.error.splitlines()) == 1
    assert files_of(db.project) == before


# what reads an option, and with which value it fails
READ = {
    "the folder": ["current", "history", "heads", "upgrade", "revision -m x", "migrate -m x"],
    "what a file is written with": ["revision -m x"],
}
TEMPLATE = "fields, such as %%(rev)s_%%(slug)s"
UNUSABLE = {
    "truncate_slug_length = many": ("the folder", "a number, such as 40"),
    "file_template = %%(rev)s_%%(slug)": ("what a file is written with", TEMPLATE),
    "file_template = %%(nope)s_%%(rev)s": ("what a file is written with", TEMPLATE),
    "file_template = %%(rev)d": ("what a file is written with", TEMPLATE),
    "output_encoding = latin-99": ("what a file is written with", "an encoding, such as utf-8"),
    "timezone = Mars/North": (
        "what a file is written with",
        "the name of a time zone, such as UTC",
    ),
    "version_path_separator = tab": ("the folder", "os, or take it out"),
    "path_separator = tab": ("the folder", "os, or take it out"),
    "revision_environment = maybe": ("what a file is written with", "true or false"),
}


@pytest.mark.parametrize("text", UNUSABLE)
def test_a_value_that_cannot_be_used(db, text):
    """The option, its value and the file are named by each command, and no file is left."""
    option, _, value = text.partition(" = ")
    what, wanted = UNUSABLE[text]
    configure(db, text)
    if "separator" in option:
        configure(db, "version_locations = migrations/versions")
    before = files_of(db.project)
    for words in READ[what]:
        failed = db(*words.split())
        if failed.status == 0 or "python-dateutil" in failed.error:
            assert option not in ("truncate_slug_length", "file_template", "output_encoding")
            pytest.skip("this Alembic does not read the option, or needs a library")
        assert (failed.status, failed.error) == (
            1,
            f"Error: 'migrations/alembic.ini', option '{option}' of [alembic] is '{value}': write "
            f"{wanted}\n",
        )
    assert files_of(db.project) == before


@pytest.mark.parametrize("words", ["current", "history", "heads", "upgrade", "revision -m x"])
@pytest.mark.parametrize(
    "text", ["version_locations = %(here)s/100%", "file_template = %(rev)s", "sourceless = 100%"]
)
def test_a_percent_sign_that_is_not_doubled(db, text, words):
    """Each command names the option; the value may hold a password."""
    configure(db, text)
    failed = db(*words.split())
    assert (failed.status, failed.error) == (
        1,
        f"Error: 'migrations/alembic.ini', option '{text.split()[0]}' of [alembic]: the value "
        "cannot be read: write '%%' for each '%' in it, except in '%(here)s'\n",
    )


def folders_of(project):
    """Name the folders that a project has."""
    folders = {path for path in project.folder.rglob("*") if path.is_dir()}
    return {str(path) for path in folders if path.name != "__pycache__"}


@pytest.mark.skipif(
    not has_option("recursive_version_locations"), reason="this Alembic reads no sub-folders"
)
@pytest.mark.parametrize("words", ["revision", "migrate", "merge aaaa -m x --rev-id ffff"])
@pytest.mark.parametrize("fault", ["hook", "nonsense", "template"])
def test_nothing_is_left_in_a_sub_folder(db, words, fault):
    """A file there would be what the next revision builds on."""
    text = "recursive_version_locations = true\nfile_template = %%(year)d/%%(rev)s_%%(slug)s"
    configure(db, text)
    if fault == "hook":
        configure(
            db, HOOK.format("console_scripts") + "\none.entrypoint = nope", "post_write_hooks"
        )
    else:
        mako = db.project.folder / "migrations" / "script.py.mako"
        wrong = "def (\n" if fault == "nonsense" else "${nope(\n"
        mako.write_text(mako.read_text(encoding="utf-8") + wrong, encoding="utf-8")
    before, folders = files_of(db.project), folders_of(db.project)
    failed = db(*words.split())
    assert failed.status == 1, failed
    assert len(failed.error.splitlines()) == 1
    assert files_of(db.project) == before
    assert folders_of(db.project) == folders
