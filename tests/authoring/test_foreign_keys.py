"""A revision of autogenerate runs on every database, whatever its tables refer to."""

from __future__ import annotations

import json
import re
import warnings

import alembic
import pytest
from alembic import command
from databases import foreign_keys, inspected, tables
from projects import MANAGE, db, new_project

TABLE = """
    class {name}(db.Model):
        __tablename__ = "{table}"
        {key}id = db.Column(db.Integer, primary_key=True, autoincrement=False)
{columns}
"""
COLUMN = "        {name}_id = db.Column(db.Integer, db.ForeignKey('{name}.id'{options}){index})"
PAIR = {"album": ["photo"], "photo": ["album"]}
RING = {"album": ["photo"], "photo": ["place"], "place": ["album"]}
MODELS = {
    "a pair": {**PAIR, "a_row": ["a_row"]},
    "a ring of three": RING,
    "a pair and what it refers to": {"album": ["photo", "zone"], "photo": ["album"], "zone": []},
    "with names and options": {
        "album": ["photo name='fk_cover', ondelete='CASCADE'"],
        "photo": ["album ondelete='SET NULL'"],
    },
    "with indexes": {"album": ["photo indexed"], "photo": ["album indexed"]},
    "by use_alter": {
        "album": ["photo use_alter=True", "album use_alter=True"],
        "photo": ["album"],
        "zone": ["album use_alter=True"],
    },
}


def model(table, referred=(), bind=""):
    """The class of a table that refers to others."""
    columns = []
    for name in referred:
        name, _, options = name.partition(" ")
        index = ", index=True" if options == "indexed" else ""
        options = f", {options}" if options and not index else ""
        columns.append(COLUMN.format(name=name, options=options, index=index))
    key = f'__bind_key__ = "{bind}"\n        ' if bind else ""
    return TABLE.format(name=table.title(), table=table, key=key, columns="\n".join(columns))


def write(project, models, of_second=()):
    """Let the application have these models, and others in its second database."""
    classes = [model(*one) for one in models.items()]
    classes += [model(*one, bind="second") for one in dict(of_second).items()]
    source = "".join(classes)
    project.write("manage.py", MANAGE.replace("    manager =", f"{source}\n    manager =", 1))


def succeeds(project, *arguments):
    """Run a command that must succeed, and warn of nothing."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        done = db(project, *arguments)
    assert done.status == 0, done.err
    assert [str(one.message) for one in caught if "sort" in str(one.message)] == []
    return done


def references(url):
    """The foreign keys of a database: the table, the table it refers to, what a DELETE does."""
    with inspected(url) as inspector:
        return {
            (table, key["referred_table"], key.get("options", {}).get("ondelete"))
            for table in inspector.get_table_names()
            for key in inspector.get_foreign_keys(table)
        }


def wanted(models):
    """The foreign keys that the models ask for."""
    return {
        (table, name.split()[0], (re.findall("ondelete='(.*)'", name) or [None])[0])
        for table, referred in models.items()
        for name in referred
    }


def cannot_check(project):
    """Whether this Alembic cannot check several databases, and says so."""
    failed = db(project, "check")
    return failed.error == (
        f"Error: Alembic {alembic.__version__} has no 'check of several databases': install a "
        "newer Alembic to use it\n"
    )


def agrees(project):
    """Neither `check` nor `migrate` finds a difference."""
    if hasattr(command, "check") and not cannot_check(project):
        succeeds(project, "check")
    before = project.versions
    succeeds(project, "migrate")
    assert project.versions == before


def goes_there_and_back(project, url, before, after):
    """Write a revision from one set of models to another, and run it both ways."""
    write(project, after)
    succeeds(project, "migrate", "--rev-id", "step", "--allow-drops")
    for way, models in (("upgrade", after), ("downgrade", before), ("upgrade", after)):
        succeeds(project, way)
        assert references(url) == wanted(models)
        assert set(tables(url)) - {"alembic_version"} == set(models)
    agrees(project)


@pytest.fixture
def shop(project, database, monkeypatch):
    """A project without models, on each database; it enforces foreign keys."""
    monkeypatch.setenv("DATABASE_URL", database)
    if database.startswith("sqlite"):
        with foreign_keys(True):
            yield new_project(project)
    else:
        yield new_project(project)


@pytest.mark.parametrize("case", MODELS)
def test_new_tables_may_refer_to_each_other(shop, database, case):
    """The script creates the tables with all of their foreign keys, and drops them."""
    goes_there_and_back(shop, database, {}, MODELS[case])


LINE = {"album": [], "photo": ["album"], "place": ["photo"], "zone": ["place"]}
CHANGES = {
    "a pair goes": (PAIR, {}),
    "a line of four goes": (LINE, {}),
    "one of a pair comes": ({"album": []}, PAIR),
    "one of a pair goes": (PAIR, {"album": []}),
    "an indexed one goes": (
        {"album": ["zone indexed"], "photo": ["zone indexed"], "zone": []},
        {"album": []},
    ),
    "a pair takes the place of another": (PAIR, {"place": ["zone"], "zone": ["place"]}),
}


@pytest.mark.parametrize("case", CHANGES)
def test_old_tables_may_refer_to_each_other(shop, database, case):
    """The script drops what refers to a table before the table, and creates it after."""
    before, after = CHANGES[case]
    write(shop, before)
    succeeds(shop, "migrate", "--rev-id", "start")
    succeeds(shop, "upgrade")
    goes_there_and_back(shop, database, before, after)


@pytest.mark.parametrize("batch", [True, False])
def test_a_script_of_sqlite_runs_on_a_server(project, new_database, monkeypatch, batch):
    """Teams develop on SQLite and deploy on PostgreSQL, in batch mode or without."""
    monkeypatch.setenv("MIGRATE_OPTIONS", json.dumps({"render_as_batch": batch}))
    monkeypatch.setenv("DATABASE_URL", new_database("sqlite"))
    new_project(project)
    write(project, {})
    steps = [("first", PAIR), ("second", {**RING, "zone": ["album"]}), ("third", {})]
    for rev_id, models in steps:
        write(project, models)
        succeeds(project, "migrate", "--rev-id", rev_id, "--allow-drops")
        succeeds(project, "upgrade")
    for kind in ("postgresql", "mysql"):
        url = new_database(kind)
        monkeypatch.setenv("DATABASE_URL", url)
        for rev_id, models in steps:
            succeeds(project, "upgrade", rev_id)
            assert references(url) == wanted(models)
        for _, models in [*steps[1::-1], ("", {})]:
            succeeds(project, "downgrade")
            assert references(url) == wanted(models)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mysql"])
def test_two_databases(project, new_database, monkeypatch, kind):
    """Each has circles of its own; a name may be long."""
    urls = [new_database(kind) for _ in range(2)]
    monkeypatch.setenv("DATABASE_URL", urls[0])
    monkeypatch.setenv("SECOND_URL", urls[1])
    new_project(project, "--multidb")
    long = [f"a_rather_long_name_of_a_table_with_{name}" for name in ("photos", "albums")]
    models = [PAIR, {long[0]: [long[1]], long[1]: [long[0]]}]
    write(project, *models)
    succeeds(project, "migrate")
    succeeds(project, "upgrade")
    assert [references(url) for url in urls] == [wanted(each) for each in models]
    agrees(project)
    succeeds(project, "downgrade")
    assert [references(url) for url in urls] == [set(), set()]
