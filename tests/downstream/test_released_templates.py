"""Every env.py that a release of Flask-Migrate wrote, used through this package's commands.

The templates of aioflask are left out: they need an asyncio engine and a Flask of another kind.
"""

from __future__ import annotations

import re
import uuid
from urllib.parse import quote

import old_releases
import pytest
import sqlalchemy as sa
from databases import rows
from old_releases import Template
from shops import Shop

pytestmark = pytest.mark.slow

PASSWORD = "100%:@home/b%41"
GENERATIONS = ["1.0.0", "1.8.0", "2.0.4", "2.5.3", "2.7.0", "3.1.0", "4.0.3", "4.1.0"]
ON_SERVERS = [
    Template.of(kind, release)
    for kind in old_releases.CHANGED
    for release in GENERATIONS
    if old_releases.ALL.index(release) >= old_releases.ALL.index(old_releases.CHANGED[kind][0])
]


@pytest.fixture
def shop(project, template, fetched, monkeypatch):
    """The application, and a template for its folder of migrations."""
    monkeypatch.setenv("MIGRATE", "migrate_script")
    return Shop(project, template.multidb)


def named(templates):
    """Return arguments of parametrize that name the templates after the releases that have them."""
    return {"argvalues": templates, "ids": [str(template) for template in templates]}


def there_and_back(shop, template, urls):
    """Follow a schema through the commands, from nothing to the models and back to nothing."""
    source = old_releases.templates_of(template.release) / template.kind
    shop.db("init", "-t", str(source))
    env = shop.project.folder / "migrations/env.py"
    assert env.read_bytes() == (source / "env.py").read_bytes()

    shop.db("migrate", "-m", "first")
    shop.assert_script()
    shop.db("upgrade")
    shop.assert_tables(True, urls)
    finds_nothing(shop)
    writes_sql(shop)
    shop.db("downgrade", "base")
    shop.assert_tables(False, urls)


def finds_nothing(shop):
    """No script is written, also where a release before 1.5.1 would write an empty one."""
    before = shop.project.versions
    shop.db("migrate", "-m", "second")
    assert shop.project.versions == before


def writes_sql(shop):
    """A multidb env.py writes the SQL of each database to a file, the others print it."""
    printed = shop.db("upgrade", "base:head", "--sql").out
    if shop.multidb:
        printed = (shop.project.folder / ".sql").read_text()
        assert "CREATE TABLE visits" in (shop.project.folder / "log.sql").read_text()
    assert "CREATE TABLE users" in printed
    assert "visits" not in printed


@pytest.mark.parametrize("group", **named(old_releases.TEMPLATES))
def test_the_releases_named_have_the_same_template(group, fetched):
    """A name such as `flask-2.0.4..2.3.0` says which releases it stands for, and no other does."""
    like_this = old_releases.picture(group.release, group.kind)
    having = [name for name in old_releases.ALL if (fetched[name] / group.kind).exists()]
    assert [r for r in having if old_releases.picture(r, group.kind) == like_this] == group.releases


def test_no_template_is_forgotten(fetched):
    """The releases have these templates, and the asyncio ones."""
    kinds = {folder.name for release in fetched.values() for folder in release.iterdir()}
    assert kinds == set(old_releases.CHANGED) | old_releases.LEFT_OUT


@pytest.mark.parametrize("template", **named(old_releases.TEMPLATES))
def test_on_sqlite(shop, template, monkeypatch):
    """A relative URL is that of the application's own file, and of no other."""
    monkeypatch.setenv("DATABASE_URL", "sqlite:///main.db")
    monkeypatch.setenv("LOG_URL", "sqlite:///log.db" if shop.multidb else "")
    there_and_back(shop, template, shop.urls)
    files = sorted(f"sqlite:///{path}" for path in shop.project.folder.rglob("*.db"))
    assert files == sorted(shop.urls)


@pytest.fixture
def somebody(new_database):
    """Make databases for a user with a password, and that user: gives a pair of URLs of each."""
    name, made = f"ms_{uuid.uuid4().hex[:12]}", []

    def make(kind, count):
        urls = [new_database(kind) for _ in range(count)]
        made.extend((kind, url) for url in urls)
        password = PASSWORD.replace(":", "\\:")  # not a parameter
        if kind == "mysql":
            rows(urls[0], f"CREATE USER {name}@'%' IDENTIFIED BY '{password}'")
        else:
            rows(urls[0], f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        for url in urls:
            what = f"{url.rsplit('/')[-1]}.*" if kind == "mysql" else "SCHEMA public"
            rows(url, f"GRANT ALL ON {what} TO {name}")
        login = f"://{name}:{quote(PASSWORD, safe='')}@"
        return [(url, re.sub("://[^@]*@", lambda _: login, url)) for url in urls]

    make.name = name
    yield make
    for kind, url in made:
        if kind == "postgresql":
            rows(url, f"DROP OWNED BY {name} CASCADE")
    if made:
        kind, url = made[0]
        rows(url, f"DROP ROLE {name}" if kind == "postgresql" else f"DROP USER {name}@'%'")


@pytest.fixture
def passwords(somebody):
    """The passwords that drivers are given for the user: a server may trust local connections."""
    given = []

    def note(dialect, record, arguments, parameters):
        if parameters.get("user") == somebody.name:
            given.append(parameters.get("password", parameters.get("passwd")))

    sa.event.listen(sa.engine.Engine, "do_connect", note)
    yield given
    sa.event.remove(sa.engine.Engine, "do_connect", note)


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
@pytest.mark.parametrize("template", **named(ON_SERVERS))
def test_on_a_server(shop, template, kind, somebody, passwords, monkeypatch):
    """A password of any characters reaches the server unchanged, and is never shown."""
    urls = somebody(kind, 1 + shop.multidb)
    monkeypatch.setenv("DATABASE_URL", urls[0][1])
    monkeypatch.setenv("LOG_URL", urls[1][1] if shop.multidb else "")
    there_and_back(shop, template, [mine for mine, _ in urls])
    assert set(passwords) == {PASSWORD}
    assert not [text for text in shop.said if PASSWORD in text or quote(PASSWORD, safe="") in text]
