"""Whatever a table is and whatever a revision does to it, all that it does not name stays."""

from __future__ import annotations

import re
import uuid

import pytest
from databases import everything, file_of, foreign_keys, read, script
from hypothesis import given, note, settings
from hypothesis import strategies as st
from projects import db
from random_alterations import revisions
from random_tables import EACH_RUN_THE_SAME, count, schemas, words
from revisions import revision


def database(project, monkeypatch, statements):
    """Make a database for one example."""
    url = f"sqlite:///{project.folder}/{uuid.uuid4().hex}.db"
    monkeypatch.setenv("DATABASE_URL", url)
    script(url, statements)
    return url


def run(project, command):
    """Run a command that is to succeed."""
    done = db(project, command)
    assert done.status == 0, done.err


def whole(url):
    """Return everything in a form in which neither quotes nor the order of clauses count."""
    found = everything(url)
    definitions = found.pop("schema")
    found["schema"] = {key: sorted(words(sql or "")) for key, sql in definitions.items()}
    for kind, name in definitions:
        if kind == "table":
            indexes = read(url, f'SELECT * FROM pragma_index_list("{name}")')
            found["indexes", name] = sorted(
                (*row[2:], tuple(read(url, f'SELECT * FROM pragma_index_xinfo("{row[1]}")')))
                for row in indexes
            )
            keys = 'SELECT "table", "from", "to", on_update, on_delete, "match" FROM'
            found["foreign_key_list", name] = sorted(
                read(url, f'{keys} pragma_foreign_key_list("{name}")'), key=repr
            )
    return found


def lost(before, between):
    """Count the words that a definition has no more."""
    return count(before) - count(between)


def definition(url, name):
    """Return the text of a table."""
    return read(url, f"SELECT sql FROM sqlite_master WHERE name = '{name}'")[0][0]


def columns(url, table):
    """Return the rows of a table, without the columns that came or have another name."""
    known = [row[1] for row in read(url, f"PRAGMA table_xinfo({table})")]
    kept = [name for name in known if not re.match("new|renamed", name)]
    listed = ", ".join(f'"{name}"' for name in kept)
    return kept, sorted(read(url, f"SELECT {listed} FROM {table}"), key=repr)


def others(found):
    """Return the objects that no operation names."""
    return {
        key: value
        for key, value in found["schema"].items()
        if key not in {("table", name) for name in "tpc"}
        and not key[1].startswith(("ix_new", "sqlite_autoindex_"))
    }


def check_between(url, before, tables, first, drawn):
    """Look at what the upgrade made of the database."""
    between = whole(url)
    if "*" not in drawn.loses:
        assert others(between) == others(before)
        gone = sum((lost(tables[name], definition(url, name)) for name in "tpc"), count(""))
        assert gone - count(drawn.loses) == count("")
    for name in "tpc":
        kept, rows = columns(url, name)
        old, old_rows = first[name]
        places = [old.index(column) for column in kept]
        assert rows == sorted((tuple(row[at] for at in places) for row in old_rows), key=repr)
    for name in ("log", "sqlite_sequence"):
        assert between.get(name) == before.get(name)
    return between


def there_and_back(project, monkeypatch, data, most):
    """Draw a database and a revision; go up, down and up again."""
    schema = data.draw(schemas())
    drawn = data.draw(revisions(schema, most))
    note(schema.statements)
    note(drawn.up + "\n--\n" + drawn.down)
    url = database(project, monkeypatch, schema.statements)
    before = whole(url)
    tables = {name: definition(url, name) for name in "tpc"}
    first = {name: columns(url, name) for name in "tpc"}
    revision(project, 1, drawn.up, drawn.down)
    with foreign_keys(data.draw(st.booleans(), "enforced")):
        run(project, "upgrade")
        between = check_between(url, before, tables, first, drawn)
        run(project, "downgrade")
        assert whole(url) == before
        run(project, "upgrade")
        assert whole(url) == between
    assert read(url, "PRAGMA integrity_check") == [("ok",)]
    (project.folder / file_of(url)).unlink()


@settings(EACH_RUN_THE_SAME, max_examples=20)
@given(data=st.data())
@pytest.mark.usefixtures("folder")
def test_anything_goes_up_and_down_and_up(project, monkeypatch, data):
    """Definitions, rows, numbers and everything beside the table are as before."""
    there_and_back(project, monkeypatch, data, most=3)


@pytest.mark.slow
@pytest.mark.for_long
@settings(EACH_RUN_THE_SAME, max_examples=1500)
@given(data=st.data())
@pytest.mark.usefixtures("folder")
def test_anything_goes_up_and_down_and_up_for_long(project, monkeypatch, data):
    """The same with more tables, and more operations on each."""
    there_and_back(project, monkeypatch, data, most=7)
