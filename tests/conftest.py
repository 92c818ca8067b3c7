"""What the tests share: small projects in a temporary folder, and real databases."""

from __future__ import annotations

import os
import signal
import uuid
import warnings

import pytest
import sqlalchemy as sa
from helpers import Project

# what a shell runs in the background ignores Control-C, and so would the processes of the tests
signal.signal(signal.SIGINT, signal.default_int_handler)

SERVERS = {
    "postgresql": os.environ.get(
        "MIGRATE_SCRIPT_POSTGRESQL", "postgresql+psycopg2://postgres@127.0.0.1:5432/postgres"
    ),
    "mysql": os.environ.get("MIGRATE_SCRIPT_MYSQL", "mysql+pymysql://root@127.0.0.1:3306/mysql"),
}
REQUIRED = bool(os.environ.get("MIGRATE_SCRIPT_DATABASES_REQUIRED"))
_reachable: dict[str, str] = {}


def _why_not(kind: str) -> str:
    """Say why a server cannot be used; nothing when it can."""
    if kind not in _reachable:
        try:
            sa.create_engine(SERVERS[kind]).connect().close()
            _reachable[kind] = ""
        except Exception as error:  # no driver, no server, no rights: all are reasons to skip
            _reachable[kind] = f"{kind} cannot be reached: {' '.join(str(error).split())[:200]}"
    return _reachable[kind]


def _cannot_reflect() -> bool:
    """Tell whether this SQLAlchemy is too old for this PostgreSQL: 1.1 reads a dropped column."""
    engine = sa.create_engine(SERVERS["postgresql"])
    try:
        sa.inspect(engine).get_check_constraints("pg_class", schema="pg_catalog")
    except sa.exc.ProgrammingError:
        return True
    finally:
        engine.dispose()
    return False


def execute(url: str, *statements: str) -> None:
    """Run statements outside a transaction, on any SQLAlchemy."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    engine.dispose()


@pytest.fixture
def new_database(tmp_path):
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
        if kind == "postgresql" and _cannot_reflect():
            pytest.skip("this SQLAlchemy cannot read the catalog of PostgreSQL 12 and later")
        execute(SERVERS[kind], f"CREATE DATABASE {name}")
        made.append((kind, name))
        return SERVERS[kind].rsplit("/", 1)[0] + "/" + name

    yield make
    for kind, name in made:
        if kind == "postgresql":
            execute(
                SERVERS[kind],
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
            )
        execute(SERVERS[kind], f"DROP DATABASE {name}")


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def database(request, new_database):
    """An empty database of each kind, by its URL."""
    return new_database(request.param)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty folder to write a small project into, and to run it from."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Project(folder)


@pytest.fixture(autouse=True)
def quiet_old_libraries():
    """Let warnings of the libraries pass; those of this package are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", module=r"migrate_script(\.|$)")
        yield
