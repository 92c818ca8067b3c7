"""What an upgrade checks before it begins: that it may write, and that there is room."""

from __future__ import annotations

import contextlib
import os
import sys

import pytest
from databases import picture, rows, tables, version
from processes import reachable_folder
from projects import db, new_project
from revisions import BASE, begin, revision

WORK = 'op.execute("UPDATE a SET n = n + 1")'


@pytest.fixture
def tmp_path():
    """A folder that a user without rights reaches."""
    with reachable_folder() as folder:
        yield folder


@pytest.fixture
def at_r1(project, new_database, monkeypatch):
    """Make a project whose database, of a kind, is at its only revision: project and URL."""

    def make(kind):
        url = new_database(kind)
        monkeypatch.setenv("DATABASE_URL", url)
        begin(project)
        return project, url

    return make


# -- SQLite -----------------------------------------------------------------------------------


@contextlib.contextmanager
def as_nobody(folder):
    """Do as a user whom rights to files bind, which root is not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


needs_rights = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")


@needs_rights
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_place_that_cannot_be_written_to_is_named(at_r1, tmp_path, what):
    """The file of the database, or its folder, where SQLite keeps what a rollback needs."""
    project, url = at_r1("sqlite")
    path = url[len("sqlite:///") :]
    before = picture(url)
    os.chmod(path, 0o444 if what == "file" else 0o666)
    tmp_path.chmod(0o777 if what == "file" else 0o555)
    revision(project, 2, WORK)
    with as_nobody(tmp_path):
        refused = db(project, "upgrade")
        looked = db(project, "current")
        shown = db(project, "upgrade", "--sql")
    assert refused.status == 1
    if what == "file":
        expected = f"the file '{path}' cannot be written to: let this user write to it"
    else:
        expected = (
            f"the folder '{tmp_path}' cannot be written to, where SQLite writes its "
            "journal: let this user write to it"
        )
    assert refused.error == f"Error: {expected}; the database is at r1, as before\n"
    assert looked.status == shown.status == 0
    assert picture(url) == before
    os.chmod(path if what == "file" else str(tmp_path), 0o777)
    with as_nobody(tmp_path):
        assert db(project, "upgrade").status == 0
    tmp_path.chmod(0o755)
    assert version(url) == ["r2"]


@needs_rights
def test_a_folder_is_not_asked_for_where_no_file_is_made(at_r1, tmp_path):
    """A journal in memory needs no room beside the database."""
    project, url = at_r1("sqlite")
    os.chmod(url[len("sqlite:///") :], 0o666)
    env = project.folder / "migrations/env.py"
    source = env.read_text(encoding="utf-8")
    pragma = 'connection.connection.execute("PRAGMA journal_mode=MEMORY")\n        configure('
    env.write_text(source.replace("configure(connection", pragma + "connection"))
    revision(project, 2, WORK)
    tmp_path.chmod(0o555)
    with as_nobody(tmp_path):
        done = db(project, "upgrade")
    tmp_path.chmod(0o755)
    assert done.status == 0, done.err
    assert version(url) == ["r2"]


@needs_rights
def test_nothing_to_do_needs_no_right_to_write(at_r1, tmp_path):
    """A database at its head is only read."""
    project, url = at_r1("sqlite")
    os.chmod(url[len("sqlite:///") :], 0o444)
    tmp_path.chmod(0o555)
    with as_nobody(tmp_path):
        done = db(project, "upgrade")
    tmp_path.chmod(0o755)
    assert done.status == 0, done.err
    assert version(url) == ["r1"]


# -- PostgreSQL -------------------------------------------------------------------------------


@pytest.fixture
def role(request):
    """A user without rights of its own: `role(url)` gives its name and its URL."""
    made = []

    def make(url, *options):
        name = f"u_{os.getpid()}_{len(made)}"
        rows(url, f"DROP ROLE IF EXISTS {name}")
        rows(url, f"CREATE ROLE {name} LOGIN PASSWORD 'x' {' '.join(options)}")
        made.append((url, name))
        return name, url.replace("//postgres@", f"//{name}:x@")

    yield make
    for url, name in made:
        rows(url, f"REASSIGN OWNED BY {name} TO postgres")
        rows(url, f"DROP OWNED BY {name}")
        rows(url, f"DROP ROLE {name}")


def test_the_right_to_note_the_version_is_asked_for_first(at_r1, role, monkeypatch):
    """No revision runs when its end could not be noted."""
    project, url = at_r1("postgresql")
    name, theirs = role(url)
    rows(url, f"GRANT ALL ON a TO {name}")
    rows(url, f"GRANT SELECT ON alembic_version TO {name}")
    monkeypatch.setenv("DATABASE_URL", theirs)
    revision(project, 2, "op.execute(\"SELECT setval('nothing', 1)\")")
    refused = db(project, "upgrade")
    assert refused.status == 1
    assert refused.error == (
        f"Error: the user '{name}' has no right to write to 'alembic_version': run the statement "
        f"GRANT INSERT, UPDATE, DELETE ON alembic_version TO {name} on the database as its owner; "
        "the database is at r1, as before\n"
    )
    rows(url, f"GRANT INSERT, UPDATE, DELETE ON alembic_version TO {name}")
    revision(project, 2, WORK)
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert version(url) == ["r2"]


def test_a_role_that_a_script_takes_counts(at_r1, role, monkeypatch):
    """Who may become the owner, and does so in the script, is not refused."""
    project, url = at_r1("postgresql")
    name, theirs = role(url, "NOINHERIT")
    rows(url, f"GRANT SELECT ON alembic_version TO {name}")
    rows(url, f"GRANT postgres TO {name}")
    monkeypatch.setenv("DATABASE_URL", theirs)
    revision(project, 2, f'op.execute("SET ROLE postgres")\n{WORK}')
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert version(url) == ["r2"]


def test_the_right_to_create_is_asked_for_where_the_version_table_is_missing(
    project, new_database, role, monkeypatch
):
    """In an empty database, the first thing to be made is the table of Alembic's."""
    url = new_database("postgresql")
    rows(url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    name, theirs = role(url)
    monkeypatch.setenv("DATABASE_URL", theirs)
    new_project(project)
    revision(project, 1, BASE)
    refused = db(project, "upgrade")
    assert refused.status == 1
    assert refused.error == (
        f"Error: the user '{name}' has no right to create tables in the schema 'public': run the "
        f"statement GRANT CREATE ON SCHEMA public TO {name} on the database as its owner; "
        "the database is at no revision, as before\n"
    )
    rows(url, f"GRANT CREATE ON SCHEMA public TO {name}")
    assert db(project, "upgrade").status == 0
    assert version(url) == ["r1"]


def test_a_schema_that_env_py_chooses_late_is_the_one_that_counts(
    project, new_database, role, monkeypatch
):
    """The right is looked for where the version table would be made in the end."""
    url = new_database("postgresql")
    rows(url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    name, theirs = role(url)
    rows(url, f"CREATE SCHEMA own AUTHORIZATION {name}")
    monkeypatch.setenv("DATABASE_URL", theirs)
    new_project(project)
    env = project.folder / "migrations/env.py"
    run = "            context.run_migrations()"
    late = '            context.execute("SET search_path TO own")\n' + run
    source = env.read_text(encoding="utf-8")
    start = source.index("def run_online")
    env.write_text(source[:start] + source[start:].replace(run, late), encoding="utf-8")
    revision(project, 1, BASE)
    done = db(project, "upgrade")
    assert done.status == 0, done.err
    assert rows(url, "SELECT version_num FROM own.alembic_version") == [("r1",)]


# -- a server that takes no writes ------------------------------------------------------------

READ_ONLY = {
    "postgresql": "options=-c%20default_transaction_read_only%3Don",
    "mysql": "init_command=SET%20SESSION%20TRANSACTION%20READ%20ONLY",
}


@pytest.mark.parametrize("kind", READ_ONLY)
def test_a_read_only_server_is_told_apart(at_r1, monkeypatch, kind):
    """No step begins; what only looks works, and so does an upgrade with nothing to do."""
    project, url = at_r1(kind)
    monkeypatch.setenv("DATABASE_URL", f"{url}?{READ_ONLY[kind]}")
    assert db(project, "upgrade").status == 0
    revision(project, 2, 'op.create_table("b", sa.Column("id", sa.Integer))')
    refused = db(project, "upgrade")
    assert refused.status == 1
    setting = "default_transaction_read_only" if kind == "postgresql" else "READ ONLY"
    assert refused.error.startswith(
        f"Error: this connection to the database only reads ({setting}): switch that off, or "
        "connect with a user who may write; the database is at r1, as before\n"
    )
    assert "Running upgrade" not in refused.err
    assert db(project, "current").status == 0
    assert sorted(tables(url)) == ["a", "alembic_version"]


def test_who_may_not_create_tables_has_no_journal(at_r1, monkeypatch):
    """On MySQL, rows can be changed by a user without the right to make the journal's table."""
    project, url = at_r1("mysql")
    name = f"u_{os.getpid()}"
    schema = url.rsplit("/", 1)[1]
    rows(url, f"CREATE USER {name}@'%' IDENTIFIED BY 'x'")
    try:
        rows(url, f"GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.* TO {name}@'%'")
        monkeypatch.setenv("DATABASE_URL", url.replace("//root@", f"//{name}:x@"))
        revision(project, 2, WORK)
        done = db(project, "upgrade")
        assert done.status == 0, done.err
        assert rows(url, "SELECT n FROM a") == [(101,), (101,)]
        assert version(url) == ["r2"]
    finally:
        rows(url, f"DROP USER {name}@'%'")
