"""What the tests share: small projects in a temporary folder, and real databases."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import uuid
import warnings
import zlib

import pytest
import sqlalchemy as sa
from databases import SERVERS, execute, foreign_keys, rows
from front_ends import FrontEnd
from old_projects import OldProject
from processes import FRONT_ENDS
from projects import Project, new_project
from shop_project import write_shop

# what a shell runs in the background ignores Control-C, and so would the processes of the tests
signal.signal(signal.SIGINT, signal.default_int_handler)

# what takes time in every process and at every connection, and is not what the tests are about:
# looking for translations of argparse's words, and encrypting what never leaves this machine
os.environ["LANGUAGE"] = "C"
os.environ.setdefault("PGSSLMODE", "disable")
os.environ["SSL_CERT_FILE"] = os.environ["SSL_CERT_DIR"] = os.devnull
REQUIRED = bool(os.environ.get("MIGRATE_SCRIPT_DATABASES_REQUIRED"))
_reachable: dict[str, str] = {}


# which tests `.ci/run` has run where, by their folder
FOLDERS = {
    "authoring": "any_python",
    "docs": "docs",
    "downstream": "downstream",
    "inspecting": "any_python",
    "running": "any_python",
    "sqlite_alter": "any_python",
}


def pytest_addoption(parser):
    """Let a run on one of many stacks take a part of the cases."""
    parser.addoption(
        "--one-case",
        metavar="WORD",
        help="run one case of each parametrized test, another one for another WORD",
    )


@pytest.hookimpl(hookwrapper=True)
def pytest_collection_modifyitems(config, items):
    """Mark the tests of some folders, and leave out cases once -m has left out tests."""
    for item in items:
        mark = FOLDERS.get(item.path.parent.name)
        if mark:
            item.add_marker(mark)
    yield
    word = config.getoption("--one-case")
    if word:
        cases = {}
        for item in items:
            # each case of these is another env.py
            is_env_py = item.get_closest_marker("downstream")
            test = item.nodeid if is_env_py else item.nodeid.partition("[")[0]
            cases.setdefault(test, []).append(item)
        taken = {
            each[zlib.crc32((word + test).encode()) % len(each)] for test, each in cases.items()
        }
        config.hook.pytest_deselected(items=[item for item in items if item not in taken])
        items[:] = [item for item in items if item in taken]


def pytest_collection_finish():
    """Leave what is imported by now out of later garbage collections."""
    gc.collect()
    gc.freeze()


def _why_not(kind: str) -> str:
    """Return why a server cannot be used; nothing when it can."""
    if kind not in _reachable:
        try:
            sa.create_engine(SERVERS[kind]).connect().close()
            _reachable[kind] = ""
        except Exception as error:  # no driver, no server, no rights: all are reasons to skip
            _reachable[kind] = f"{kind} cannot be reached: {' '.join(str(error).split())[:200]}"
    return _reachable[kind]


# what a database of PostgreSQL's has when it is new, in a tenth of the time that making one takes
_EMPTY = """
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT nspname FROM pg_namespace
            WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema' LOOP
            EXECUTE format('DROP SCHEMA %I CASCADE', name);
        END LOOP;
        CREATE SCHEMA public;
        GRANT USAGE ON SCHEMA public TO PUBLIC;
    END $$
"""
_ALONE = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


_CONNECTIONS = "SELECT id FROM information_schema.processlist"


@pytest.fixture(scope="session")
def emptied():
    """Emptied databases of PostgreSQL that the next test can use."""
    names: list[str] = []
    yield names
    for name in names:
        execute(SERVERS["postgresql"], f"DROP DATABASE {name}")


@pytest.fixture
def new_database(tmp_path, emptied):
    """Make empty databases: `new_database("sqlite")` gives the URL of one."""
    made = []

    def make(kind: str) -> str:
        name = f"ms_{uuid.uuid4().hex[:12]}"
        if kind == "sqlite":
            return f"sqlite:///{tmp_path / name}.db"
        reason = _why_not(kind)
        if reason and REQUIRED:
            pytest.fail(reason)
        if reason:
            pytest.skip(reason)
        if kind == "postgresql" and emptied:
            name = emptied.pop()
        else:
            execute(SERVERS[kind], f"CREATE DATABASE {name}")
        url = SERVERS[kind].rsplit("/", 1)[0] + "/" + name
        made.append((kind, name, url))
        return url

    yield make
    for kind, name, url in made:
        if kind == "postgresql":
            execute(url, _ALONE, _EMPTY)
            emptied.append(name)
        else:
            # engines of applications that wait for the garbage collector keep their connections
            for (number,) in rows(SERVERS[kind], f"{_CONNECTIONS} WHERE db = '{name}'"):
                with contextlib.suppress(sa.exc.DBAPIError):  # it has ended meanwhile
                    execute(SERVERS[kind], f"KILL {number}")
            execute(SERVERS[kind], f"DROP DATABASE {name}")


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def database(request, new_database):
    """An empty database of each kind, by its URL."""
    return new_database(request.param)


@pytest.fixture(params=["manage.py", "flask"])
def front_end(request, monkeypatch):
    """Each of the two ways to type a command, for a process: the arguments of Python."""
    monkeypatch.setenv("FLASK_APP", "manage.py")
    return FRONT_ENDS[request.param]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty folder to write a small project into, and to run it from."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Project(folder)


@pytest.fixture
def url(new_database, monkeypatch):
    """An empty SQLite database, which manage.py uses."""
    url = new_database("sqlite")
    monkeypatch.setenv("DATABASE_URL", url)
    return url


@pytest.fixture(params=[True, False], ids=["on", "off"])
def enforced(request):
    """Foreign keys enforced, or not."""
    with foreign_keys(request.param):
        yield request.param


@pytest.fixture
def folder(project, monkeypatch):
    """A folder of migrations without revisions, for any database."""
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    new_project(project)


@pytest.fixture(params=["manage.py", "flask"])
def db(request, project, new_database, monkeypatch):
    """The project of three revisions on an empty SQLite file, by each front end."""
    monkeypatch.setenv("DATABASE_URL", new_database("sqlite"))
    return FrontEnd(request.param, write_shop(project))


@pytest.fixture
def both(project, new_database, monkeypatch):
    """Both front ends, for the same words to both."""
    monkeypatch.setenv("DATABASE_URL", new_database("sqlite"))
    write_shop(project)
    return FrontEnd("manage.py", project), FrontEnd("flask", project)


@pytest.fixture(params=["launched", "imported"])
def shape(request, project, new_database, monkeypatch):
    """A project with the old names, and with the new one."""
    url = new_database("sqlite")
    monkeypatch.setenv("DATABASE_URL", url)
    return OldProject(project, url, request.param == "launched")


@pytest.fixture(autouse=True)
def quiet_old_libraries():
    """Let warnings of the libraries pass; those of this package are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", module=r"migrate_script(\.|$)")
        yield
