"""The blog in example_app: its migrations forward, a look at it, back, and forward again."""

from __future__ import annotations

import importlib
import io
import shutil
import sys
from pathlib import Path

import pytest
from databases import rows, tables
from projects import Project

import migrate_script

pytestmark = pytest.mark.any_python

ROOT = Path(__file__).resolve().parent.parent
REVISIONS = ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009"]
LONG_TITLE = "A column that must not be empty, in a table that has rows already"

FRONT_PAGE = f"""\
<!doctype html>
<title>Blog</title>
<h1>Blog</h1>

<h2><a href="/posts/2">{LONG_TITLE}</a></h2>
<p>2026-03-09, ann (author).
Tags: flask, sql. Comments: 2.</p>

<h2><a href="/posts/1">Hello</a></h2>
<p>2026-03-02, ann (author).
Tags: flask. Comments: 1.</p>
"""

SECOND_POST = f"""\
<!doctype html>
<title>{LONG_TITLE}</title>
<h1>{LONG_TITLE}</h1>
<p>Add it, fill it, and only then forbid that it is empty.</p>

<p>bob: In three steps?</p>

<p>ann: In one revision.</p>

<p><a href="/">All posts</a></p>"""

HISTORY = """\
0008 -> 0009 (head), longer titles
0007 -> 0008, drop categories
0006 -> 0007, categories become tags
0004, 0005 -> 0006 (mergepoint), comments and tags
0003 -> 0004, comments
0003 -> 0005, tags
0002 -> 0003 (branchpoint), index posts by date
0001 -> 0002, users have a role
<base> -> 0001, users and posts
"""


@pytest.fixture
def clone(project, monkeypatch):
    """A copy of the example without a database, as a fresh clone has it."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    shutil.copy(str(ROOT / "manage.py"), str(project.folder))
    shutil.copytree(
        str(ROOT / "example_app"),
        str(project.folder / "example_app"),
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return project


@pytest.fixture
def blog(clone, database, monkeypatch):
    """The copy, on each kind of database."""
    monkeypatch.setenv("DATABASE_URL", database)
    return clone


@pytest.fixture
def make_app(clone, monkeypatch):
    """The `create_app` of the copy."""
    monkeypatch.syspath_prepend(str(clone.folder))
    yield lambda: importlib.import_module("example_app").create_app()
    for name in [name for name in sys.modules if name.split(".")[0] == "example_app"]:
        del sys.modules[name]


def picture(url):
    """Return every row of every table of the blog, each row with the names of its columns."""
    found = {}
    for table, names in tables(url).items():
        columns = sorted(names, key=lambda name: (name != "id", name))
        statement = f"SELECT {', '.join(columns)} FROM {table}"
        found[table] = [dict(zip(columns, row)) for row in sorted(rows(url, statement))]
    found.pop("alembic_version", None)
    return found


class Journey:
    """Steps from revision to revision, each of which may change what it names and nothing else."""

    def __init__(self, blog, url):
        self.blog, self.url = blog, url
        self.rows = picture(url)

    def go(self, command, target, gone=(), **changed):
        """Run one command, and compare all rows with what they were and what is to change."""
        result = self.blog.run("manage.py", "db", command, target)
        assert result.status == 0, result.err
        expected = {**self.rows, **changed}
        for table in gone:
            del expected[table]
        self.rows = picture(self.url)
        assert self.rows == expected

    def each(self, table, **values):
        """Return the rows of a table with some values replaced or added."""
        return [{**row, **values} for row in self.rows[table]]

    def without(self, table, column):
        """Return the rows of a table without a column."""
        return [
            {name: value for name, value in row.items() if name != column}
            for row in self.rows[table]
        ]


def differences(make_app):
    """Let `migrate` write what differs between the models and the database."""
    with make_app().app_context():
        return migrate_script.migrate()


def test_a_fresh_clone_gets_tables_rows_and_pages(blog, database, make_app):
    """`upgrade` runs every revision, `seed` writes rows once, and the pages show them."""
    upgraded = blog.run("manage.py", "db", "upgrade")
    assert upgraded.status == 0, upgraded.err
    assert sorted(
        line.split(" -> ")[1].split(",")[0]
        for line in upgraded.err.splitlines()
        if "Running upgrade" in line
    ) == REVISIONS  # fmt: skip
    assert differences(make_app) == []

    assert blog.run("manage.py", "seed").out == "Wrote 2 posts.\n"
    seeded = picture(database)
    assert {table: len(found) for table, found in seeded.items()} == {
        "comments": 3, "post_tags": 3, "posts": 2, "roles": 2, "tags": 2, "users": 2,
    }  # fmt: skip
    assert blog.run("manage.py", "seed").out == "There are posts already.\n"
    assert picture(database) == seeded

    browser = make_app().test_client()
    assert browser.get("/").data.decode() == FRONT_PAGE
    assert browser.get("/posts/2").data.decode() == SECOND_POST
    assert browser.get("/posts/3").status_code == 404


def test_back_and_forth_step_by_step_keeps_the_rows(blog, database, make_app):
    """Each step changes the rows it is about, down to the beginning and up again."""
    assert blog.run("manage.py", "db", "upgrade").status == 0
    assert blog.run("manage.py", "seed").status == 0
    journey = Journey(blog, database)
    go, each, without = journey.go, journey.each, journey.without

    cut = [{**post, "title": post["title"][:64]} for post in journey.rows["posts"]]
    assert cut != journey.rows["posts"]
    go("downgrade", "0008", posts=cut)
    go("downgrade", "0007", posts=each("posts", category=None))
    second_tag = [{"post_id": 2, "tag_id": 2}]
    go("downgrade", "0006", posts=each("posts", category="flask"), post_tags=second_tag)
    go("downgrade", "0004")
    assert sorted(blog.run("manage.py", "db", "current").out.split()) == ["0004", "0005"]
    go("downgrade", "0003", gone=["comments", "post_tags", "tags"])
    go("downgrade", "0002")
    go("downgrade", "0001", gone=["roles"], users=without("users", "role_id"))

    rows(database, "INSERT INTO users (name) VALUES ('cid')")
    rows(
        database,
        "INSERT INTO posts (title, body, category, published, author_id) "
        "SELECT 'Old', 'No category.', NULL, '2020-01-01', id FROM users WHERE name = 'cid'",
    )
    journey.rows = picture(database)
    assert (len(journey.rows["users"]), len(journey.rows["posts"])) == (3, 3)

    roles = [{"id": 1, "name": "author"}, {"id": 2, "name": "reader"}]
    go("upgrade", "0002", roles=roles, users=each("users", role_id=1))
    go("upgrade", "0003")
    go("upgrade", "0004", comments=[])
    go("upgrade", "0005", tags=[], post_tags=[])
    go("upgrade", "0006")
    first_tag = [{"post_id": 1, "tag_id": 1}, {"post_id": 2, "tag_id": 1}]
    go("upgrade", "0007", tags=[{"id": 1, "name": "flask"}], post_tags=first_tag)
    go("upgrade", "0008", posts=without("posts", "category"))
    go("upgrade", "head")
    assert differences(make_app) == []
    assert make_app().test_client().get("/").status_code == 200

    assert blog.run("manage.py", "db", "downgrade", "base").status == 0
    assert tables(database) == {"alembic_version": ["version_num"]}
    assert blog.run("manage.py", "db", "upgrade").status == 0
    assert differences(make_app) == []


def test_a_category_joins_the_tags_that_are_there(blog, database):
    """The data migration, done again, finds the tags of the first time and doubles none."""
    assert blog.run("manage.py", "db", "upgrade").status == 0
    assert blog.run("manage.py", "seed").status == 0
    before = picture(database)
    for target in (["downgrade", "0006"], ["upgrade", "0007"], ["upgrade", "0008"]):
        assert blog.run("manage.py", "db", *target).status == 0
    after = picture(database)
    assert {table: after[table] for table in ("post_tags", "tags")} == {
        table: before[table] for table in ("post_tags", "tags")
    }


def test_history_shows_the_branch_and_its_merge(clone):
    """Two revisions follow 0003, and 0006 follows both."""
    history = clone.run("manage.py", "db", "history")
    assert history.status == 0
    # which of the two branches comes first differs from Alembic to Alembic
    assert sorted(history.out.splitlines()) == sorted(HISTORY.splitlines())


def test_it_runs_from_any_folder_without_a_setting(clone, tmp_path):
    """The migrations and the SQLite file are found beside manage.py, not where one stands."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    upgraded = Project(elsewhere).process(str(clone.folder / "manage.py"), "db", "upgrade")
    assert upgraded.status == 0, upgraded.err
    for revision in REVISIONS:
        assert f"-> {revision}, " in upgraded.err
    assert list(elsewhere.iterdir()) == []
    assert "posts" in tables(f"sqlite:///{clone.folder / 'blog.db'}")


def test_the_shell_knows_the_models(clone, monkeypatch):
    """`manage.py shell` has the application, the database and every model at hand."""
    assert clone.run("manage.py", "db", "upgrade").status == 0
    assert clone.run("manage.py", "seed").status == 0
    question = "print(app.name, db.session.query(Tag).count(), User.query.first().name)"
    monkeypatch.setattr(sys, "stdin", io.StringIO(question + "\n"))
    assert "example_app 2 ann" in clone.run("manage.py", "shell", "--no-ipython").out


def test_the_folder_is_what_init_writes(clone):
    """Nobody has to wonder what was changed in the folder by hand: nothing."""
    assert clone.run("manage.py", "db", "init", "-d", "fresh").status == 0
    for name in ("README", "alembic.ini", "env.py", "script.py.mako"):
        committed = clone.folder / "example_app" / "migrations" / name
        assert committed.read_bytes() == (clone.folder / "fresh" / name).read_bytes()
