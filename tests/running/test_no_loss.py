"""`--no-loss` and `Migrate(allow_loss=False)`: what drops data is refused before it."""

from __future__ import annotations

import json
from random import Random

import pytest
from databases import picture, rows, tables, version
from processes import on_terminal
from projects import db, new_project
from revisions import revision

USERS = """
op.create_table("user", sa.Column("id", sa.Integer), sa.Column("name", sa.String(20)))
op.create_table("junk", sa.Column("id", sa.Integer))
op.execute("INSERT INTO junk VALUES (1)")
for number in range(1004):
    op.execute("INSERT INTO {} VALUES (%d, 'somebody')" % number)
"""
DROPS = """
with op.batch_alter_table("user") as batch_op:
    batch_op.drop_column("name")
op.drop_table("junk")
"""
RESTORES = """
op.add_column("user", sa.Column("name", sa.String(20)))
op.create_table("junk", sa.Column("id", sa.Integer))
"""
LOSS = "drops column user.name (1,004 values) and table junk (1 row)"
WARNING = f"WARNING [migrate_script] this upgrade {LOSS}"


@pytest.fixture(params=["manage.py", "flask"])
def typed(request, project):
    """A command as both front ends run it."""

    def run(*words):
        if request.param == "flask":
            return project.flask("manage.py", "db", *words)
        return db(project, *words)

    return run


@pytest.fixture
def filled(project, database, monkeypatch):
    """A database of each kind whose next revision drops a column and a table."""
    monkeypatch.setenv("DATABASE_URL", database)
    new_project(project)
    quoted = "`user`" if database.startswith("mysql") else '\\"user\\"'
    revision(project, 1, USERS.replace("{}", quoted), 'op.drop_table("junk")')
    revision(project, 2, DROPS, RESTORES)
    assert db(project, "upgrade", "r1").status == 0
    return project


def refusal(command, loss, by="--no-loss", way="without --no-loss"):
    """The line of a refusal."""
    return (
        f"Error: this {command} {loss}, which {by} forbids: nothing was changed; back up what you "
        f"need, then run the command again {way}\n"
    )


def test_an_upgrade_says_what_it_drops_and_goes_on(filled, database, typed):
    """One line before the first statement."""
    done = typed("upgrade")
    assert done.status == 0, done.err
    lines = [line for line in done.err.splitlines() if "r2" in line or "WARNING" in line]
    # of the revision, Alembic's line or ours
    assert lines[0] == WARNING
    assert len(lines) == 2
    assert version(database) == ["r2"]


def test_no_loss_refuses_both_directions(filled, database, typed):
    """Nothing is changed, and the version stays."""
    before = picture(database)
    refused = typed("upgrade", "--no-loss")
    assert (refused.status, refused.error) == (1, refusal("upgrade", LOSS))
    refused = typed("downgrade", "--no-loss")
    assert (refused.status, refused.error) == (1, refusal("downgrade", "drops table junk (1 row)"))
    assert picture(database) == before
    assert version(database) == ["r1"]


def test_no_loss_lets_pass_what_loses_nothing(filled, database, typed):
    """A column without a value and a table without a row are no loss."""
    user = "`user`" if database.startswith("mysql") else '"user"'
    rows(database, f"UPDATE {user} SET name = NULL")
    rows(database, "DELETE FROM junk")
    done = typed("upgrade", "--no-loss")
    assert done.status == 0, done.err
    assert "WARNING" not in done.err
    assert version(database) == ["r2"]


def test_a_setting_refuses_and_yes_overrides_it(filled, database, typed, monkeypatch):
    """`Migrate(allow_loss=False)` needs `--yes`, which does not override `--no-loss`."""
    monkeypatch.setenv("MIGRATE_OPTIONS", json.dumps({"allow_loss": False}))
    before = picture(database)
    refused = typed("upgrade")
    assert (refused.status, refused.error) == (
        1,
        refusal("upgrade", LOSS, "Migrate(allow_loss=False)", "with --yes"),
    )
    refused = typed("upgrade", "--yes", "--no-loss")
    assert (refused.status, refused.error) == (1, refusal("upgrade", LOSS))
    assert picture(database) == before
    done = typed("upgrade", "--yes")
    assert done.status == 0, done.err
    assert WARNING in done.err.splitlines()
    assert version(database) == ["r2"]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_dry_run_says_the_same(project, new_database, monkeypatch, kind):
    """What the real run prints, and that all was undone; `--no-loss` refuses here, too."""
    url = new_database(kind)
    monkeypatch.setenv("DATABASE_URL", url)
    new_project(project)
    revision(project, 1, USERS.replace("{}", '\\"user\\"'), 'op.drop_table("junk")')
    revision(project, 2, DROPS)
    assert db(project, "upgrade", "r1").status == 0
    before = picture(url)
    tried = db(project, "upgrade", "--dry-run")
    assert tried.status == 0, tried.err
    assert WARNING in tried.err.splitlines()
    assert tried.err.splitlines()[-1] == (
        "INFO  [migrate_script] Dry run: everything was rolled back."
    )
    refused = db(project, "upgrade", "--dry-run", "--no-loss")
    assert (refused.status, refused.error) == (1, refusal("upgrade", LOSS))
    status, said = on_terminal(project, "downgrade", "--dry-run", "base", typed=b"")
    assert status == 0, said
    assert "WARNING [migrate_script] this downgrade drops table junk (1 row)" in said
    assert "[y/N]" not in said  # nothing will be lost
    assert picture(url) == before


def test_on_a_terminal_an_upgrade_does_not_ask(filled, database):
    """It says what it drops, as a reviewed script that worked yesterday works today."""
    status, said = on_terminal(filled, "upgrade", typed=b"")
    assert status == 0, said
    assert WARNING in said.splitlines()
    assert "[y/N]" not in said


def test_no_loss_is_for_a_database_and_not_for_sql(filled, typed):
    """`--sql` has no rows to count."""
    refused = typed("upgrade", "--sql", "--no-loss")
    assert (refused.status, refused.out, refused.err) == (
        2,
        "",
        "Error: --no-loss counts the rows of the database, which --sql leaves alone: give one of "
        "them\n",
    )


def test_what_the_run_makes_itself_is_no_loss(project, url):
    """A new database has nothing to lose, though the history drops what it has made."""
    new_project(project)
    revision(project, 1, USERS.replace("{}", '\\"user\\"'))
    revision(project, 2, DROPS)
    done = db(project, "upgrade", "--no-loss")
    assert done.status == 0, done.err
    assert "WARNING" not in done.err


def test_a_table_of_somebody_else_counts_at_the_first_upgrade(project, url):
    """A database without a version can have tables that the first revision drops."""
    rows(url, "CREATE TABLE legacy (id INTEGER)")
    rows(url, "INSERT INTO legacy VALUES (1)")
    new_project(project)
    revision(project, 1, 'op.drop_table("legacy")')
    before = picture(url)
    refused = db(project, "upgrade", "--no-loss")
    assert refused.error == refusal("upgrade", "drops table legacy (1 row)")
    assert picture(url) == before
    done = db(project, "upgrade")
    assert "WARNING [migrate_script] this upgrade drops table legacy (1 row)" in done.err


def test_the_refusal_of_a_second_database_leaves_the_first(project, new_database, monkeypatch):
    """What was done to the first in the same run is rolled back, and the line says where it is."""
    urls = [new_database("sqlite"), new_database("sqlite")]
    monkeypatch.setenv("DATABASE_URL", urls[0])
    monkeypatch.setenv("SECOND_URL", urls[1])
    new_project(project, "--multidb")
    revision(project, 1, "globals()['upgrade_' + engine_name]()", "pass", "engine_name")
    path = project.folder / "migrations/versions/r1_.py"
    text = path.read_text(encoding="utf-8")
    text += '\n\ndef upgrade_():\n    op.create_table("a", sa.Column("id", sa.Integer))\n'
    text += '\n\ndef upgrade_second():\n    op.drop_table("old")\n'
    path.write_text(text, encoding="utf-8")
    rows(urls[1], "CREATE TABLE old (id INTEGER)")
    rows(urls[1], "INSERT INTO old VALUES (1)")
    before = [picture(url) for url in urls]
    refused = db(project, "upgrade", "--no-loss")
    assert refused.status == 1
    assert refused.error.startswith(
        "Error: this upgrade drops table old (1 row) of the database 'second', which --no-loss "
        "forbids"
    )
    assert [picture(url) for url in urls] == before


@pytest.mark.parametrize("seed", range(10))
def test_the_warnings_of_a_history_are_its_drops(project, url, seed):
    """Over a history of revisions that add, rename and drop: neither a false nor a missing one."""
    random = Random(seed)
    new_project(project)
    columns = {"a": ["x"], "b": ["x"]}
    made = [f'op.create_table("{name}", sa.Column("x", sa.Integer))' for name in columns]
    revision(project, 1, "\n".join(made))
    expected = []
    for number in range(2, 9):
        table, new = random.choice(sorted(columns)), f"n{number}"
        kind = random.choice(["add", "rename", "drop", "table", "index"])
        loss = None
        if kind == "drop" and len(columns[table]) > 1:
            name = random.choice(columns[table])
            columns[table].remove(name)
            body, loss = f'op.drop_column("{table}", "{name}")', f"column {table}.{name} (3 values)"
        elif kind == "rename":
            name = columns[table].pop()
            columns[table].append(new)
            body = f'op.alter_column("{table}", "{name}", new_column_name="{new}")'
        elif kind == "table" and len(columns) > 1:
            del columns[table]
            columns[new] = ["x"]
            body = f'op.create_table("{new}", sa.Column("x", sa.Integer))\nop.drop_table("{table}")'
            loss = f"table {table} (3 rows)"
        elif kind == "index":
            body = f'op.create_index("ix_{number}", "{table}", ["{columns[table][0]}"])'
        else:
            columns[table].append(new)
            body = f'op.add_column("{table}", sa.Column("{new}", sa.Integer))'
        revision(project, number, body)
        expected.append(loss)
    for number in range(1, 9):
        done = db(project, "upgrade", "+1")
        assert done.status == 0, done.err
        said = [line for line in done.err.splitlines() if "WARNING" in line]
        loss = expected[number - 2] if number > 1 else None
        assert said == ([f"WARNING [migrate_script] this upgrade drops {loss}"] if loss else [])
        for name in tables(url):
            if name != "alembic_version":
                fill(url, name)


def fill(url, table):
    """Leave three rows without a NULL in a table."""
    with_columns = rows(url, f'PRAGMA table_info("{table}")')
    values = ", ".join("1" for _ in with_columns)
    rows(url, f'DELETE FROM "{table}"')
    rows(url, f'INSERT INTO "{table}" VALUES ({values}), ({values}), ({values})')
