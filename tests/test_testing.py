"""The databases that `migrate_script.testing` makes for the tests of an application."""

from __future__ import annotations

import importlib
import os
import sys

import pytest
from databases import SERVERS, execute, rows, tables, version
from projects import write_source

from migrate_script import MigrateError
from migrate_script.testing import migrated_databases

APP = """
    import os

    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    from migrate_script import Migrate

    db = SQLAlchemy()
    migrate = Migrate(db=db)


    class Item(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(9))


    def create_app(url):
        app = Flask(__name__)
        app.config["SQLALCHEMY_DATABASE_URI"] = url
        app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
        db.init_app(app)
        migrate.init_app(app)
        return app
"""
CONFTEST = """
    import os

    import pytest
    from migrate_script.testing import migrated_databases
    from shop import create_app


    @pytest.fixture(scope="session")
    def new_database():
        with migrated_databases(
            create_app, os.environ["TEST_SERVER"], watch=["items.txt"], cache="cache"
        ) as new_database:
            yield new_database


    @pytest.fixture
    def app(new_database):
        with new_database() as url:
            app = create_app(url)
            with app.app_context():
                yield app
"""
TESTS = """
    import pytest
    from shop import Item, db


    @pytest.mark.parametrize("number", range(6))
    def test_an_item(app, number):
        assert [item.name for item in Item.query.order_by(Item.id)] == ["first"]
        db.session.add(Item(name="other"))
        db.session.commit()
        assert Item.query.count() == 2
"""
REVISION = """
import os
import sqlalchemy as sa
from alembic import op

revision, down_revision = "r1", None


def upgrade():
    op.create_table(
        "item", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(9))
    )
    with open("ran.txt", "a") as file:
        file.write("ran\\n")
    if os.environ.get("DIE"):
        os._exit(9)
    op.execute("INSERT INTO item (name) VALUES ('first')")
"""


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def kind(request):
    """A kind of database."""
    return request.param


@pytest.fixture
def server(kind, new_database, project, monkeypatch):
    """The URL of a server, or of SQLite; what is left on the server is dropped."""
    if kind != "sqlite":
        new_database(kind)  # skips where there is none
    url = "sqlite://" if kind == "sqlite" else SERVERS[kind]
    monkeypatch.setenv("TEST_SERVER", url)
    yield url
    # those of other tests that run at the same time have other names
    names = [path.name.split("-")[1] for path in project.folder.glob("cache/templates-*")]
    for name in names if kind == "postgresql" else ():
        query = f"SELECT datname FROM pg_database WHERE datname LIKE 'migrated\\_{name}\\_%'"
        for (made,) in rows(url, query):
            execute(url, f"DROP DATABASE {made}")


@pytest.fixture
def shop(project, monkeypatch):
    """A small application with a revision and tests that change its rows."""
    project.write("shop.py", APP)
    project.write("conftest.py", CONFTEST)
    project.write("test_shop.py", TESTS)
    project.write("items.txt", "first")
    make = "import shop, migrate_script\nwith shop.create_app('sqlite://').app_context():\n"
    done = project.process("-W", "ignore", "-c", make + "    migrate_script.init()")
    assert done.status == 0, done.err
    (project.folder / "migrations/versions/r1_.py").write_text(REVISION, encoding="utf-8")
    return project


def run_tests(shop, *options, **env):
    """Run the tests of the application; return the exit status and the output."""
    words = ["-W", "ignore", "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    return shop.process(*words, env={"PYTHONPATH": str(shop.folder), **env})


def runs(shop):
    """How often the revision ran."""
    path = shop.folder / "ran.txt"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_parallel_workers_upgrade_once(shop, kind, server):
    """Each test has rows of its own; later runs upgrade nothing until a script changes."""
    done = run_tests(shop, "-n", "2")
    assert done.status == 0, done.out
    assert "6 passed" in done.out
    of_each = 6 if kind == "mysql" else 0  # they cannot copy a database
    assert runs(shop) == (of_each or 1)
    assert run_tests(shop).status == 0
    assert runs(shop) == (of_each * 2 or 1)
    path = shop.folder / "migrations/versions/r1_.py"
    write_source(path, REVISION.replace("'first'", "'other'"))
    done = run_tests(shop, "-x")
    assert done.status == 1  # the row is another one
    assert "['other'] == ['first']" in done.out


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"], indirect=True)
def test_a_file_that_the_scripts_read_is_watched(shop, server):
    """Only what is named can be watched outside the migrations folder."""
    assert run_tests(shop).status == 0
    assert runs(shop) == 1
    shop.write("items.txt", "second")
    assert run_tests(shop).status == 0
    assert runs(shop) == 2


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"], indirect=True)
def test_half_a_template_is_never_copied(shop, server):
    """A run that is killed while it upgrades leaves nothing that the next would copy."""
    assert run_tests(shop, DIE="1").status == 9
    done = run_tests(shop)
    assert done.status == 0, done.out
    assert runs(shop) == 2


@pytest.fixture
def create_app(shop, monkeypatch):
    """The factory of the application, in this process."""
    monkeypatch.syspath_prepend(str(shop.folder))
    yield importlib.import_module("shop").create_app
    del sys.modules["shop"]


def test_what_was_made_is_dropped(create_app, kind, server):
    """A copy is at the head, is a database of its own, and is gone afterwards."""
    with migrated_databases(create_app, server, cache="cache") as new_database:
        with new_database() as url, new_database() as other:
            assert url != other
            assert version(url) == version(other) == ["r1"]
            assert tables(url)["item"] == ["id", "name"]
            assert rows(url, "SELECT name FROM item") == [("first",)]
        if kind == "sqlite":
            assert not os.path.exists(url.partition("///")[2])
        else:
            with pytest.raises(Exception, match=r"(?i)does not exist|unknown database"):
                tables(url)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"], indirect=True)
def test_a_template_that_is_gone_is_made_again(create_app, shop, server):
    """Tests of another state of the scripts may have replaced it in the middle of a run."""
    with migrated_databases(create_app, server, cache="cache") as first:
        path = shop.folder / "migrations/versions/r1_.py"
        write_source(path, REVISION + "# changed\n")
        with migrated_databases(create_app, server, cache="cache") as second, second() as url:
            assert version(url) == ["r1"]
        assert runs(shop) == 2
        with first() as url:
            assert version(url) == ["r1"]
    assert runs(shop) == 3


def test_an_application_that_ignores_the_url_is_refused(create_app, tmp_path):
    """It would upgrade another database than the one that is copied."""
    other = f"sqlite:///{tmp_path / 'other.db'}"
    with pytest.raises(MigrateError) as caught:
        with migrated_databases(lambda url: create_app(other), cache="cache"):
            pass
    assert str(caught.value).endswith(
        f"and made an application of '{tmp_path / 'other.db'}': let its argument be "
        "SQLALCHEMY_DATABASE_URI"
    )
    with migrated_databases(create_app, cache="cache") as new_database, new_database() as url:
        assert version(url) == ["r1"]


def test_an_application_of_several_databases_is_refused(create_app):
    """Only one would be copied."""

    def two(url):
        app = create_app(url)
        app.config["SQLALCHEMY_BINDS"] = {"other": "sqlite://"}
        return app

    with pytest.raises(MigrateError) as caught:
        with migrated_databases(two, cache="cache"):
            pass
    assert str(caught.value) == (
        "migrated_databases() makes one database, and the application has several: let "
        "create_app() make it without SQLALCHEMY_BINDS"
    )
    with migrated_databases(create_app, cache="cache") as new_database, new_database() as url:
        assert version(url) == ["r1"]
