"""What commands cost, in counts that do not vary: modules, statements, instructions."""

from __future__ import annotations

import collections
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script.revision import RevisionMap
from projects import OUTSIDE, db, new_project
from sqlalchemy import event
from sqlalchemy.pool import Pool

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
MODULES = (
    "import atexit, json, sys\natexit.register(lambda: print(json.dumps(sorted(sys.modules))))\n"
)


@pytest.fixture
def ten(project, new_database, monkeypatch):
    """A project of ten revisions, as the benchmarks write it, on an empty SQLite file."""
    monkeypatch.setenv("DATABASE_URL", new_database("sqlite"))
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import histories

    new_project(project)
    histories.write_alembic(project.folder / "migrations/versions", 10, False)
    return project


def test_help_imports_little_of_the_package(ten):
    """`db --help` needs the front end, and nothing of what runs, reads or writes revisions."""
    path = ten.folder / "manage.py"
    path.write_text(MODULES + path.read_text(encoding="utf-8"), encoding="utf-8")
    done = ten.process("-W", "ignore", "manage.py", "db", "--help")
    assert done.status == 0, done.err
    names = json.loads(done.out.splitlines()[-1])
    ours = [name for name in names if name.startswith("migrate_script.")]
    assert not {"alembic", "mako", "migrate_script.running.runner"} & set(names)
    assert len(ours) <= 26, ours


def statements_of_upgrade(project):
    """What `db upgrade` has SQLite run, by the first word, and how often it begins and commits."""
    seen = []

    def trace(connection, record):
        connection.set_trace_callback(lambda text: seen.append(text))

    event.listen(Pool, "connect", trace)
    try:
        done = db(project, "upgrade")
    finally:
        event.remove(Pool, "connect", trace)
    assert done.status == 0, done.err
    return collections.Counter(re.match(r"\W*(\w+)", text).group(1).upper() for text in seen)


def test_ten_revisions_run_in_one_transaction(ten):
    """All of them, with their rows in the version table, are committed once."""
    words = statements_of_upgrade(ten)
    assert (words["BEGIN"], words["COMMIT"]) == (1, 1)
    # four tables and alembic_version, three indexes; three columns; the version, inserted once
    assert (words["CREATE"], words["ALTER"], words["INSERT"]) == (8, 3, 1)
    most = {"UPDATE": 9, "SELECT": 10, "PRAGMA": 11}
    assert {word: words[word] for word in most if words[word] > most[word]} == {}


def test_nothing_to_do_writes_nothing(ten):
    """`db upgrade` of a database at its head reads the version and is done."""
    statements_of_upgrade(ten)
    words = statements_of_upgrade(ten)
    assert set(words) <= {"PRAGMA", "SELECT"}
    assert sum(words.values()) <= 4


def test_nothing_to_do_builds_no_map_of_revisions(ten, monkeypatch):
    """The heads are compared by what the headers of the scripts show."""
    assert db(ten, "upgrade").status == 0
    built = []
    monkeypatch.setattr(RevisionMap, "_revision_map", property(lambda self: built.append(1)))
    done = db(ten, "upgrade")
    assert (done.status, built) == (0, [])
    assert "Nothing to upgrade: the database is at 00000000000a (head)." in done.err


INSTRUCTIONS = [
    "valgrind",
    "--tool=cachegrind",
    "--cache-sim=no",
    "--cachegrind-out-file=/dev/null",
]


@pytest.mark.slow
@pytest.mark.any_stack
@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed")
def test_the_package_adds_little_to_the_libraries(ten):
    """`db heads` takes a tenth more instructions than the start of the application and Alembic."""

    def instructions(*arguments):
        done = subprocess.run(
            [*INSTRUCTIONS, sys.executable, "-W", "ignore", *arguments],
            cwd=str(ten.folder),
            env={**OUTSIDE, "PYTHONHASHSEED": "0", "DATABASE_URL": "sqlite://"},
            capture_output=True,
            text=True,
            check=True,
        )
        return int(re.search(r"I +refs: +([\d,]+)", done.stderr).group(1).replace(",", ""))

    path = ten.folder / "floor.py"
    text = (ten.folder / "manage.py").read_text(encoding="utf-8")
    path.write_text(text.replace("manager.run()", "import alembic.command"), encoding="utf-8")
    for _ in range(2):  # the first time compiles
        ratio = instructions("manage.py", "db", "heads") / instructions("floor.py")
    assert ratio <= 1.1
