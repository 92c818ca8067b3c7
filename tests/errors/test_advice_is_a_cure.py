"""What each kind of error advises is followed to the letter, and cures it."""

from __future__ import annotations

import inspect
import re
import shutil

import alembic
import pytest
from front_ends import FrontEnd, one_line
from projects import write_source
from shop_project import APP, MANAGE, write_revision

from migrate_script import errors
from migrate_script.errors import family, folder_errors, revision_errors


def not_configured(db):
    """The application has no Migrate."""
    path = db.project.folder / "shop.py"
    source = path.read_text(encoding="utf-8")
    assert "migrate = Migrate(app, db)" in source
    without = source.replace("migrate = Migrate(app, db)", "").replace("db = SQLAlchemy(app)", "")
    write_source(path, re.sub(r"(?s)\n\nclass Product.*", "\n", without))
    if db.name == "flask":
        db.name = "manage.py"  # `flask db` is registered by Migrate
    yield (
        ["upgrade"],
        "the application 'shop' has no database to migrate: add 'Migrate(app, db)', or "
        "'migrate.init_app(app, db)' where the application is made",
    )
    write_source(path, source.replace("migrate = Migrate(app, db)", "Migrate(app, db)"))
    yield ["upgrade"]


def folder_error(db):
    """A file of the folder is lost."""
    path = db.project.folder / "migrations/script.py.mako"
    path.unlink()
    yield (
        ["revision", "-m", "x"],
        "the file 'migrations/script.py.mako' is missing: restore it from version control, or copy "
        "it from a new folder (db init -d FOLDER)",
    )
    yield ["init", "-d", "FOLDER"]
    shutil.copy(str(db.project.folder / "FOLDER/script.py.mako"), str(path))
    yield ["revision", "-m", "x"]


def script_error(db):
    """A revision lacks a function."""
    text = 'revision = "dddd"\ndown_revision = "cccc"\n'
    path = db.project.write("migrations/versions/dddd_.py", text)
    yield (
        ["upgrade"],
        f"{path}: the file has no 'upgrade()': write one (it may be 'pass'); "
        "the database is at no revision, as before",
    )
    write_source(path, text + "def upgrade(): pass\n")
    yield ["upgrade"]


def revision_error(db):
    """A branch is written wrongly."""
    write_revision(db.project, "dddd", "cccc", "left")
    path = db.project.folder / "migrations/versions/dddd_left.py"
    text = path.read_text(encoding="utf-8")
    write_source(path, text.replace("branch_labels = None", 'branch_labels = "left"'))
    yield (
        ["upgrade", "lfet@head"],
        "there is no branch 'lfet': the labels are left: write one of them before the '@'",
    )
    yield ["upgrade", "left@head"]


def new_file_error(db):
    """An identifier is taken."""
    path = db.project.folder / "migrations/versions/aaaa_products.py"
    yield (
        ["revision", "--rev-id", "aaaa"],
        f"the revision id 'aaaa' is taken by {path}: give another --rev-id",
    )
    yield ["revision", "--rev-id", "another"]


def usage_error(db):
    """An option is not there."""
    yield (
        ["upgrade", "--sqll"],
        "'db upgrade' has no option '--sqll': did you mean '--sql'? "
        "'db upgrade --help' lists those it has",
    )
    yield ["upgrade", "--sql"]
    yield ["upgrade", "--help"]


def unexpected(db):
    """The application's own code fails."""
    path = db.project.folder / "shop.py"
    source = path.read_text(encoding="utf-8")
    fails = "\n\n@migrate.configure\ndef configure(config):\n    return 1 / 0\n"
    write_source(path, source + fails)
    yield (
        ["upgrade"],
        "ZeroDivisionError: division by zero: --traceback shows where it came from",
    )
    write_source(path, source)
    yield ["upgrade", "--traceback"]


CASES = {
    errors.NotConfigured: not_configured,
    errors.FolderError: folder_error,
    errors.ScriptError: script_error,
    errors.RevisionError: revision_error,
    errors.NewFileError: new_file_error,
    errors.UsageError: usage_error,
    errors.Unexpected: unexpected,
}
# without advice that can be followed here: whatever else Alembic says, and to install another one
WITHOUT = {errors.MigrateError, errors.AlembicError, errors.NeedsNewerAlembic}


def test_every_class_has_a_case():
    """Of the modules about folders and about what is typed."""
    found = {
        value
        for module in (family, folder_errors, revision_errors)
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, errors.MigrateError)
    }
    elsewhere = {errors.EnablingError}  # in tests/compat/test_enable.py
    assert found == {*CASES, *WITHOUT, *elsewhere}


@pytest.mark.parametrize("kind", list(CASES), ids=lambda kind: kind.__name__)
def test_the_advice_is_a_cure(db, kind):
    """The line to the letter; then the words that it says succeed."""
    steps = CASES[kind](db)
    words, line = next(steps)
    done = db(*words)
    assert (done.status, done.out, done.error) == (kind.status, "", one_line(line))
    for words in steps:
        done = db(*words)
        assert done.status == 0, (words, done.err)


def test_outside_of_an_application(project, url):
    """A function that is called without one says what to write around it."""
    project.write("shop.py", APP)
    project.write("manage.py", MANAGE)
    assert FrontEnd("manage.py", project)("init").status == 0
    code = "from migrate_script import upgrade\nfrom shop import app\n{}upgrade()\n"
    project.write("deploy.py", code.format(""))
    failed = project.forked("deploy.py")
    assert failed.status == 1
    assert failed.err.endswith(
        "there is no application here: call this inside 'with app.app_context():'\n"
    )
    project.write("deploy.py", code.format("with app.app_context():\n    "))
    assert project.forked("deploy.py").status == 0


def test_an_alembic_that_is_too_old():
    """Both are named: what is missing, and what is installed."""
    assert str(errors.NeedsNewerAlembic("db check", alembic.__version__)) == (
        f"Alembic {alembic.__version__} has no 'db check': install a newer Alembic to use it"
    )
