"""What a line about the folder, its scripts or a revision advises is done, and cures it."""

from __future__ import annotations

import os
import shutil
from itertools import permutations

import pytest
from alembic.script import revision as script_revision
from front_ends import one_line
from projects import write_source
from shop_project import write_revision
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


def several_begin(db):
    """Two identifiers begin alike."""
    write_revision(db.project, "cc11", "cccc", "more")
    yield (
        "upgrade cc",
        "several revisions begin with 'cc' (cc11, cccc): write more of one",
    )
    yield "upgrade cc1"


def missing_parent(db):
    """A parent is lost."""
    path = db.project.folder / VERSIONS / "bbbb_names.py"
    text = path.read_text(encoding="utf-8")
    child = db.project.folder / VERSIONS / "cccc_prices.py"
    path.unlink()
    line = (
        f"{child} refers to the revision 'bbbb', which no script in the folder has: restore that "
        "script, or correct the 'down_revision' or 'depends_on' that names it"
    )
    yield "upgrade", line
    before = child.read_text(encoding="utf-8")
    write_source(child, before.replace("'bbbb'", "'aaaa'"))
    yield "heads"
    write_source(child, before)
    write_source(path, text)
    yield "upgrade"


def not_a_range(db):
    """One revision for a range."""
    yield (
        "history -r bbbb",
        "'bbbb' is not a range: write '-r bbbb:' for what follows it, or '-r :bbbb' for what leads "
        "to it",
    )
    yield "history -r bbbb:"
    yield "history -r :bbbb"


def range_backwards(db):
    """The later one first."""
    yield (
        "history -r cccc:aaaa",
        "cccc does not come before aaaa on one branch: name the earlier one first, as in '-r "
        "aaaa:cccc'",
    )
    yield "history -r aaaa:cccc"


def range_without_sql(db):
    """A range for a command that runs."""
    yield (
        "upgrade aaaa:cccc",
        "'aaaa:cccc' is a range, which --sql takes: name the target alone, as in 'db upgrade cccc'"
        ", or add --sql",
    )
    yield "upgrade aaaa:cccc --sql"
    yield "upgrade cccc"


def sql_without_start(db):
    """A downgrade is to be written."""
    yield "upgrade"
    yield (
        "downgrade aaaa --sql",
        "--sql does not know where a downgrade to aaaa begins: write 'db downgrade head:aaaa "
        "--sql' to begin at the head",
    )
    yield "downgrade head:aaaa --sql"


def leads_back(db):
    """An upgrade by a negative number."""
    yield "upgrade"
    yield "upgrade -1", "'-1' leads back: 'db downgrade -1' goes there"
    yield "downgrade -1"
    yield "downgrade +1", "'+1' leads on: 'db upgrade +1' goes there"
    yield "upgrade +1"


def too_many_steps(db):
    """More of them than there are."""
    yield "upgrade bbbb"
    yield (
        "upgrade +3",
        "there are not 3 revisions to run, as the database is at bbbb: 'db upgrade' runs those "
        "there are",
    )
    yield "upgrade"
    yield (
        "downgrade -4",
        "there are not 4 revisions to undo, as the database is at cccc (head): 'db downgrade base' "
        "undoes those there are",
    )
    yield "downgrade base"


def downgrade_to_what_follows(db):
    """It is not applied yet."""
    yield "upgrade aaaa"
    yield (
        "downgrade cccc",
        "no downgrade leads to cccc, as the database is at aaaa: 'db upgrade cccc' goes there",
    )
    yield "upgrade cccc"


def not_a_head(db):
    """A new revision in the middle."""
    line = "bbbb is not a head (cccc is): leave out --head, or add --splice to begin a branch there"
    yield "revision -m x --head bbbb", line
    yield "revision -m x --head bbbb --splice --rev-id dddd"
    yield (
        "merge -m x bbbb cccc",
        ("bbbb is not a head and cannot be joined (cccc and dddd are): 'db merge' joins all heads"),
    )
    yield "merge -m x"
    yield "revision -m x"


def named_twice(db):
    """One head for a merge."""
    write_revision(db.project, "dddd", "bbbb", "left")
    yield "merge -m x cccc cccc", "a head is named twice: name each once"
    yield "merge -m x cccc dddd"


def no_file(db):
    """What an empty database is at."""
    yield (
        "edit current",
        "the database is at no revision, so there is no file: name a revision",
    )
    yield "edit cccc"
    yield "edit base", "'base' has no file: name a revision ('db history' lists them)"
    yield "history"
    yield "edit aaaa"


def several_heads(db):
    """Each command has its own way out."""
    write_revision(db.project, "dddd", "bbbb", "left")
    yield (
        "revision -m x",
        "there are several heads (cccc, dddd): join them with 'db merge', or name one with --head",
    )
    yield "revision -m x --head dddd --rev-id eeee"
    yield (
        "upgrade",
        "there are several heads (cccc, eeee): join them with 'db merge', or name one, or all with "
        "'heads'",
    )
    yield "upgrade eeee"
    yield "upgrade heads"
    yield "merge -m x"
    yield "upgrade"


def several_files(db):
    """A copy with the identifier of the other."""
    if not hasattr(script_revision, "CycleDetected"):
        pytest.skip("this Alembic takes one of them, and warns")
    versions = db.project.folder / VERSIONS
    text = (versions / "cccc_prices.py").read_text(encoding="utf-8")
    copy = db.project.write(f"{VERSIONS}/dddd_copy.py", text)
    yield (
        "upgrade",
        f"several files have the same revision 'cccc' ({versions / 'cccc_prices.py'}, {copy}): "
        "give all but one an identifier of its own, and correct the 'down_revision' of what comes "
        "after it",
    )
    text = text.replace("'cccc'", "'dddd'").replace('"cccc"', '"dddd"').replace("'bbbb'", "'cccc'")
    write_source(copy, text.replace('sa.Column("price"', 'sa.Column("price_2"'))
    yield "upgrade"


def behind_its_scripts(db):
    """Two ways, by the number of heads."""
    yield (
        "migrate -m x",
        "the database is at no revision and the scripts are at cccc, so it cannot be compared with "
        "the models: run 'db upgrade' first",
    )
    yield "upgrade"
    yield "migrate -m x"
    write_revision(db.project, "dddd", "bbbb", "left")
    yield (
        "migrate -m x",
        "there are several heads (cccc, dddd), and the database is at cccc, so it cannot be "
        "compared with the models: run 'db merge' and 'db upgrade' first",
    )
    yield "merge -m x"
    yield "upgrade"
    yield "migrate -m x"


def ahead_on_a_branch(db):
    """A number of steps where two follow."""
    write_revision(db.project, "dddd", "bbbb", "left")
    yield "upgrade bbbb"
    yield (
        "upgrade +1",
        "cccc and dddd follow bbbb, so '+1' is not clear: name the revision to go to, such as 'db "
        "upgrade cccc'",
        "several ways lead on from bbbb (to cccc and dddd), so a number of steps is not clear: "
        "name the revision to go to ('db history' lists them)",
    )
    yield "history"
    yield "upgrade cccc"
    yield (
        "downgrade dddd",
        "no downgrade leads to dddd, as the database is at cccc (head): 'db upgrade dddd' goes "
        "there",
    )
    yield "upgrade dddd"


def in_a_circle(db):
    """The first revision follows the last."""
    if not hasattr(script_revision, "CycleDetected"):
        pytest.skip("this Alembic finds no circle")
    path = db.project.folder / VERSIONS / "aaaa_products.py"
    text = path.read_text(encoding="utf-8")
    write_source(path, text.replace("down_revision = None", "down_revision = 'cccc'"))
    yield (
        "upgrade",
        *(
            f"Cycle is detected in revisions ({', '.join(names)}): correct the 'down_revision' or "
            "'depends_on' of one, so that each comes after those it names"
            for names in permutations(["aaaa", "bbbb", "cccc"])
        ),
    )
    write_source(path, text)
    yield "upgrade"


def label_taken(db):
    """Two branches of one label."""
    for revision in ("dddd", "eeee"):
        write_revision(db.project, revision, "bbbb", "x")
        path = db.project.folder / f"{VERSIONS}/{revision}_x.py"
        text = path.read_text(encoding="utf-8")
        write_source(path, text.replace("branch_labels = None", "branch_labels = 'new'"))
    yield (
        "upgrade cccc",
        *(
            f"Branch name 'new' in revision {one} already used by revision {other}: take it out of "
            "the 'branch_labels' of one"
            for one, other in (("dddd", "eeee"), ("eeee", "dddd"))
        ),
    )
    write_source(path, text)
    yield "upgrade new@head"


def on_another_branch(db):
    """A revision, and a step back, of a branch that is not the one."""
    for revision, label in (("dddd", "left"), ("eeee", "right")):
        write_revision(db.project, revision, "cccc", label)
        path = db.project.folder / f"{VERSIONS}/{revision}_{label}.py"
        text = path.read_text(encoding="utf-8")
        write_source(path, text.replace("branch_labels = None", f"branch_labels = '{label}'"))
    yield "upgrade left@eeee", "eeee is not on the branch 'left': name it without 'left@'"
    yield "upgrade eeee"
    yield (
        "downgrade left@-1",
        "nothing of the branch 'left' is applied, as the database is at eeee: name a branch that "
        "is ('db current -v' shows it)",
    )
    yield "current -v"
    yield "downgrade right@-1"
    yield (
        "downgrade dddd-1",
        "dddd is not applied, as the database is at cccc: name a revision before that ('db "
        "history' lists them)",
    )
    yield "history"
    yield "downgrade bbbb"


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
    for step in case(db):
        words, *lines = [step] if isinstance(step, str) else step
        done = db(*words.split())
        assert done.status == bool(lines), (words, done.err)
        if not lines:
            assert done.error == ""
        elif len(lines) == 1:
            assert done.error == one_line(lines[0])
        else:
            assert done.error in list(map(one_line, lines))
