"""Databases for the tests of an application: upgraded once, and copied for each test.

A copy of a SQLite file, or `CREATE DATABASE ... TEMPLATE` of PostgreSQL, takes the same time for
ten revisions as for a thousand. The template is kept for the next run of the tests, under a name
that changes with every file of the migrations folder. It gets that name when it is complete:
processes that begin at the same time, as those of pytest-xdist do, wait for the first of them or
make one each, and never copy half of one. MySQL and MariaDB cannot copy a database; there, each is
upgraded.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import tempfile
import time
import uuid
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Callable, ContextManager, Iterable, Iterator

import alembic
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from . import commands, errors
from .compat.flask_sqlalchemy import bind_names, engine_of
from .compat.sqlalchemy import url_of_database
from .inspecting import locations
from .project import Project
from .running.locking.file_lock import FileLock
from .state import current_state

NewDatabase = Callable[[], ContextManager[str]]


@contextmanager
def migrated_databases(
    create_app: Callable[[str], Any],
    url: str = "sqlite://",
    revision: str = "heads",
    watch: Iterable[str | os.PathLike[str]] = (),
    cache: str | os.PathLike[str] | None = None,
) -> Iterator[NewDatabase]:
    """Make databases that are at a revision, each a copy of one that was upgraded.

    What it yields is called without arguments, and returns a context manager: it yields the URL of
    a new database, and drops the database at the end.

    :param create_app: makes the application for the URL of a database, whose only database that is
    :param url: a database of the server to connect to while others are made, such as
        `postgresql://user@host/postgres`, as a user that may create databases; `sqlite://` for
        files
    :param revision: what they are upgraded to
    :param watch: files and folders outside the migrations folder that its scripts use, such as a
        module of models or a file of rows: if one changes, the template is made again
    :param cache: a folder for templates of SQLite and for locks; None for one in the user's cache
    :returns: a context manager
    :raises MigrateError: a revision failed, or the application has several databases
    """
    made = sa.engine.url.make_url(url)
    kind: Any = {"sqlite": _Files, "postgresql": _Copies}
    folder = Path(cache or os.path.join(os.path.expanduser("~"), ".cache", "migrate_script"))
    template = kind.get(made.get_backend_name(), _Upgrades)(create_app, url, revision)
    template.prepare(Path(os.path.abspath(str(folder))), watch)
    yield template.new


class _Upgrades:
    """Each database is upgraded, from the empty one: MySQL and MariaDB."""

    drop = "DROP DATABASE {}"

    def __init__(self, create_app: Callable[[str], Any], url: str, revision: str) -> None:
        self.create_app = create_app
        self.url = url
        self.revision = revision
        self.project = ""  # in the names of all databases of one migrations folder

    def prepare(self, folder: Path, watch: Iterable[str | os.PathLike[str]]) -> None:
        """Find out what the scripts are like."""
        app = self.create_app(self.url)
        with app.app_context():
            if bind_names(current_state().real_db):
                raise errors.UsageError.several_databases()
            project = Project()
            scripts = [project.directory, *locations(project.config)]
        place = f"{os.path.realpath(project.directory)} {self.url}"
        self.project = hashlib.sha1(place.encode()).hexdigest()[:8]
        facts = [alembic.__version__, sa.__version__, self.revision]
        self.fingerprint = _fingerprint([*scripts, *(os.fspath(path) for path in watch)], facts)
        self.folder = folder / f"templates-{self.project}"
        self.folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def new(self) -> Iterator[str]:
        name = f"migrated_{self.project}_{uuid.uuid4().hex[:12]}"
        self.on_server(f"CREATE DATABASE {name}")
        try:
            self.upgrade(url_of_database(self.url, name))
            yield url_of_database(self.url, name)
        finally:
            self.on_server(self.drop.format(name))

    def upgrade(self, url: str) -> None:
        """Upgrade an empty database, and leave no connection to it."""
        app = self.create_app(url)
        with app.app_context():
            engine = engine_of(current_state().real_db)
            asked = sa.engine.url.make_url(url).database
            if engine.url.database != asked:
                raise errors.UsageError.other_database(engine.url.database, asked)
            commands.upgrade(revision=self.revision)
            engine.dispose()

    def on_server(self, *statements: str) -> list[Any]:
        """Run statements outside a transaction; return the rows of the last one."""
        engine = sa.create_engine(self.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            results = [connection.execute(sa.text(statement)) for statement in statements]
            return list(results[-1]) if results[-1].returns_rows else []


class _Template(_Upgrades):
    """Each is a copy of one that was upgraded."""

    def prepare(self, folder: Path, watch: Iterable[str | os.PathLike[str]]) -> None:
        super().prepare(folder, watch)
        with self._alone():
            self.ensure()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let other processes of this machine wait, so that only one of them upgrades."""
        lock = FileLock(None, 0, str(self.folder / "template"))
        while not lock.try_acquire():
            time.sleep(0.05)
        try:
            yield
        finally:
            lock.release()

    def ensure(self) -> None:
        """Make the template, unless it is there; remove those of other scripts."""
        raise NotImplementedError


class _Files(_Template):
    """Copies of a SQLite file."""

    def ensure(self) -> None:
        self.template = self.folder / f"{self.fingerprint}.db"
        if self.template.exists():
            return
        with tempfile.TemporaryDirectory(prefix="making-", dir=str(self.folder)) as name:
            made, complete = Path(name) / "made.db", Path(name) / "complete.db"
            self.upgrade(f"sqlite:///{made}")
            # what the journal of a database in WAL mode holds is copied as well
            with closing(sqlite3.connect(str(made))) as source:
                with closing(sqlite3.connect(str(complete))) as target:
                    source.backup(target)
            os.replace(str(complete), str(self.template))
        for path in self.folder.glob("*.db"):
            if path != self.template:
                with suppress(OSError):  # Windows, where another process copies it
                    path.unlink()

    @contextmanager
    def new(self) -> Iterator[str]:
        with tempfile.TemporaryDirectory(prefix="migrated-") as folder:
            path = os.path.join(folder, "test.db")
            try:
                shutil.copyfile(str(self.template), path)
            except FileNotFoundError:  # a process with other scripts has removed it
                with self._alone():
                    self.ensure()
                    shutil.copyfile(str(self.template), path)
            yield f"sqlite:///{path}"


class _Copies(_Template):
    """Copies of a database of PostgreSQL."""

    def ensure(self) -> None:
        start = f"migrated_{self.project}_t_"
        self.template = f"{start}{self.fingerprint}"
        like = start.replace("_", r"\_") + "%"
        query = f"SELECT datname FROM pg_database WHERE datname LIKE '{like}'"
        names = [name for (name,) in self.on_server(query)]
        if self.template in names:
            return
        name = f"migrated_{self.project}_{uuid.uuid4().hex[:12]}"
        self.on_server(f"CREATE DATABASE {name}")
        try:
            self.upgrade(url_of_database(self.url, name))
            self._end_connections(name)
            self.on_server(f"ALTER DATABASE {name} RENAME TO {self.template}")
        except BaseException:
            self._drop(name)
            raise
        for other in names:
            self._drop(other)

    @contextmanager
    def new(self) -> Iterator[str]:
        name = f"migrated_{self.project}_{uuid.uuid4().hex[:12]}"
        copy = f"CREATE DATABASE {name} TEMPLATE {self.template}"
        try:
            self.on_server(copy)
        except sa.exc.DBAPIError:  # a process with other scripts has removed it
            with self._alone():
                self.ensure()
                self.on_server(copy)
        try:
            yield url_of_database(self.url, name)
        finally:
            self._drop(name)

    def _end_connections(self, name: str) -> None:
        """End what engines that nobody disposed of still have open."""
        self.on_server(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )

    def _drop(self, name: str) -> None:
        self._end_connections(name)
        self.on_server(f"DROP DATABASE IF EXISTS {name}")


def _fingerprint(places: Iterable[str], facts: Iterable[str]) -> str:
    """Return a digest of the names and bytes of all files in some places."""
    digest = hashlib.sha1("\n".join(facts).encode())
    for place in places:
        files = sorted(Path(place).glob("**/*")) if os.path.isdir(place) else [Path(place)]
        for path in files:
            if path.is_file() and path.suffix != ".pyc":
                content = path.read_bytes()
                digest.update(f"\n{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]
