"""The env.py of every generation of Flask-Migrate, with failures and kills half-way.

The templates come out of the releases on PyPI when the test runs.
"""

from __future__ import annotations

import shutil

import pytest
from databases import picture, tables, version
from old_releases import templates_of
from processes import ended, mortal
from projects import db, new_project
from revisions import BASE, HALF_WAY, fail_then_cure, revision

pytestmark = pytest.mark.slow
RELEASES = ("1.8.0", "2.7.0", "3.1.0", "4.1.0")
KILLS = ("before 2", "after 2", "after 3")
BODY = """
    op.create_table("b", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("UPDATE a SET n = n + 1")
    op.add_column("a", sa.Column("x", sa.Integer))
    op.execute("UPDATE a SET x = n")
"""


@pytest.fixture(params=RELEASES)
def theirs(request, project, database, monkeypatch):
    """A project whose env.py is that of a release of Flask-Migrate."""
    monkeypatch.setenv("DATABASE_URL", database)
    new_project(project)
    source = templates_of(request.param) / "flask"
    folder = project.folder / "migrations"
    shutil.copy(str(source / "env.py"), str(folder / "env.py"))
    shutil.copy(str(source / "alembic.ini.mako"), str(folder / "alembic.ini"))
    mortal(project)
    revision(project, 1, BASE)
    first = db(project, "upgrade")
    assert first.status == 0, first.err
    return project


@pytest.mark.parametrize("case", HALF_WAY)
def test_a_failure_half_way(theirs, database, case):
    """Nothing is left behind where that is possible, and a plain re-run works everywhere."""
    fail_then_cure(case, theirs, database)


@pytest.mark.parametrize("when", KILLS)
def test_a_kill_half_way(theirs, database, when):
    """A plain re-run ends as an undisturbed run does."""
    revision(theirs, 2, BODY)
    killed = ended(theirs, "manage.py", "db", "upgrade", DIE=when)
    assert killed.status() == -9, killed.err
    again = db(theirs, "upgrade")
    assert again.status == 0, again.err
    assert picture(database)["a"] == (["id", "n", "x"], [(1, 101, 101), (2, 101, 101)])


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mysql"])
def test_the_second_of_two_databases_fails(project, new_database, monkeypatch, release, kind):
    """Their multidb env.py: both databases stay as they were where that is possible."""
    first, second = new_database(kind), new_database(kind)
    monkeypatch.setenv("DATABASE_URL", first)
    monkeypatch.setenv("SECOND_URL", second)
    new_project(project, "--multidb")
    folder = project.folder / "migrations"
    source = templates_of(release) / "flask-multidb"
    shutil.copy(str(source / "env.py"), str(folder / "env.py"))
    shutil.copy(str(source / "alembic.ini.mako"), str(folder / "alembic.ini"))
    up = """
        if engine_name == "second":
            op.create_table("b", sa.Column("id", sa.Integer))
            {}
        else:
            op.create_table("a", sa.Column("id", sa.Integer))
    """
    revision(project, 1, up.replace("{}", 'op.drop_table("missing")'), arguments="engine_name")
    failed = db(project, "upgrade")
    assert failed.status == 1
    assert "missing" in failed.error
    if kind != "mysql":
        assert tables(first) == tables(second) == {}
    revision(project, 1, up.replace("{}", "pass"), arguments="engine_name")
    again = db(project, "upgrade")
    assert again.status == 0, again.err
    assert version(first) == version(second) == ["r1"]
