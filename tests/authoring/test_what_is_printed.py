"""What `migrate`, `revision` and `list-templates` write and print, which people's scripts read."""

from __future__ import annotations

import re

import pytest
from projects import MANAGE, db, new_project

HEAD = '''\
"""{message}

Revision ID: {revision}
Revises:{parent}
Create Date: <time>
"""
{imports}import sqlalchemy as sa
from alembic import op
{more}
revision = '{revision}'
down_revision = {down!r}
branch_labels = None
depends_on = None


def upgrade('''


def head_of(project, revision):
    """The file of a revision up to its first function, without its time."""
    (path,) = (project.folder / "migrations/versions").glob(f"{revision}_*.py")
    text = path.read_text(encoding="utf-8")
    text = re.sub(
        r"(?m)^Create Date: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+$", "Create Date: <time>", text
    )
    return text[: text.index("def upgrade(") + len("def upgrade(")]


@pytest.mark.parametrize("options", [[], ["--multidb"]], ids=["one database", "several"])
def test_the_head_of_a_revision(project, url, options):
    """The usual fields, and one empty line below the imports."""
    new_project(project, *options)
    imports = "import re\n\n" if options else ""
    for revision, parent, message in (("r1", None, "first"), ("r2", "r1", "second")):
        done = db(project, "revision", "-m", message, "--rev-id", revision)
        assert done.status == 0, done.err
        assert head_of(project, revision) == HEAD.format(
            message=message,
            revision=revision,
            parent=f" {parent}" if parent else "",
            imports=imports,
            more="",
            down=parent,
        )
    shown = db(project, "show", "r2").out
    assert "Revision ID: r2\n" in shown
    assert "Revises: r1\n" in shown


def test_the_head_of_a_revision_with_an_import(project, new_database, monkeypatch):
    """One empty line below that too."""
    monkeypatch.setenv("DATABASE_URL", new_database("postgresql"))
    model = """
    from sqlalchemy.dialects.postgresql import JSONB
    class Item(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        data = db.Column(JSONB)
    """
    before, main = MANAGE.split("    if __name__")
    project.write("manage.py", before + model + "\n    if __name__" + main)
    for words in (["init"], ["migrate", "-m", "first", "--rev-id", "r1"]):
        done = db(project, *words)
        assert done.status == 0, done.err
    assert head_of(project, "r1") == HEAD.format(
        message="first",
        revision="r1",
        parent="",
        imports="",
        more="from sqlalchemy.dialects import postgresql\n",
        down=None,
    )


def test_the_templates(both):
    """With their heading."""
    for front_end in both:
        done = front_end("list-templates")
        assert (done.status, done.err) == (0, "")
        assert done.out == (
            "Available templates:\n"
            "\n"
            "flask - One database, that of the application.\n"
            "flask-multidb - Several databases: the application's, and one for each of "
            "SQLALCHEMY_BINDS.\n"
        )


def test_migrate_without_changes(db):
    """The words that scripts look for, and no file."""
    assert db("upgrade").status == 0
    before = db.project.versions
    done = db("migrate")
    assert (done.status, done.out) == (0, "")
    assert done.err.splitlines()[-1] == (
        "INFO  [alembic.env] No changes in schema detected: the models and the database agree."
    )
    assert db.project.versions == before
