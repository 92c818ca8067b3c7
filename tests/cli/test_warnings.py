"""What Alembic and SQLAlchemy warn of is a line like others, or left out where it is wrong."""

from __future__ import annotations

import contextlib
import warnings

import pytest
from front_ends import without_alembic
from projects import write_source


@contextlib.contextmanager
def none_of_python():
    """Expect that no warning is printed by Python itself, with the path of a library."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("default")
        yield
    assert [str(each.message) for each in found if each.category is UserWarning] == []


def test_a_lost_file(db):
    """The error says it all."""
    (db.project.folder / "migrations/versions/bbbb_names.py").unlink()
    path = db.project.folder / "migrations/versions/cccc_prices.py"
    for words in ("history", "heads", "upgrade", "current", "merge"):
        with none_of_python():
            done = db(words)
        assert done.status == 1
        assert without_alembic(done) == (
            f"Error: {path} refers to the revision 'bbbb', which no script in the folder has: "
            "restore that script, or correct the 'down_revision' or 'depends_on' that names it\n"
        )


def test_a_file_that_is_there_twice(db):
    """Where the command can do its work all the same, it is a line, and else an error."""
    original = db.project.folder / "migrations/versions/bbbb_names.py"
    copy = original.with_name("bbbb_copy.py")
    write_source(copy, original.read_text(encoding="utf-8"))
    for words in ("heads", "history", "show cccc", "upgrade", "merge"):
        with none_of_python():
            done = db(*words.split())
        last = without_alembic(done).splitlines()[-1]
        if done.status == 0:
            assert last == (
                "WARNING [migrate_script] Revision bbbb is present more than once: "
                "correct it, or remove a file"
            )
        else:
            assert last == (
                f"Error: several files have the same revision 'bbbb' ({copy}, {original}): give "
                "all but one an identifier of its own, and correct the 'down_revision' of what "
                "comes after it"
            )
            assert "WARNING" not in done.err
    copy.unlink()
    for words in ("heads", "history", "show cccc", "upgrade"):
        done = db(*words.split())
        assert (done.status, "WARNING" in done.err) == (0, False)


def test_a_constraint_without_a_name(db):
    """Alembic says that its downgrade will fail, which it does not."""
    assert db("upgrade").status == 0
    path = db.project.folder / "shop.py"
    source = path.read_text(encoding="utf-8")
    write_source(path, source + '    __table_args__ = (db.UniqueConstraint("name"),)\n')
    with none_of_python():
        done = db("migrate", "-m", "unique")
    assert (done.status, without_alembic(done)) == (0, "")
    for words in ("upgrade", "downgrade", "upgrade"):
        done = db(words)
        assert done.status == 0, done.err


def test_what_cannot_be_compared(db):
    """What SQLAlchemy or Alembic passes over stays known, on one line."""
    path = db.project.folder / "shop.py"
    source = path.read_text(encoding="utf-8")
    index = '    __table_args__ = (db.Index("ix_lower", db.text("lower(name)")),)\n'
    write_source(path, source + index)
    for words in ("upgrade", "migrate -m index", "upgrade", "migrate"):
        with none_of_python():
            done = db(*words.split())
        if "KeyError: None" in done.err or "cannot be associated with table" in done.err:
            pytest.skip("this SQLAlchemy cannot read such an index")
        assert done.status == 0, done.err
        for line in without_alembic(done).splitlines():
            assert line.startswith(("INFO  [migrate_script] ", "WARNING [migrate_script] "))


@pytest.mark.usefixtures("url")
def test_warnings_of_the_user_stay_as_they_are(db):
    """Those of a revision are Python's."""
    path = db.project.folder / "migrations/versions/aaaa_products.py"
    text = path.read_text(encoding="utf-8")
    warn = 'def upgrade():\n    import warnings\n    warnings.warn("mine")'
    write_source(path, text.replace("def upgrade():", warn))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("default")
        done = db("upgrade")
    assert [str(each.message) for each in found if each.filename == str(path)] == ["mine"]
    assert "mine" not in done.err
