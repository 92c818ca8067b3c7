"""How long a table of SQLite takes to be altered, beside the bare copy of its rows.

``python benchmarks/rebuild.py [rows] [repeats] [--on]``, with the package installed; ``--on``
enforces foreign keys. All are done in turns on copies of one file, so that a busy machine slows
all of them down; the medians are compared.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event
from sqlalchemy.engine import Engine

from migrate_script import Migrate, init, upgrade

TABLE = """
    CREATE TABLE {} (
        id INTEGER NOT NULL, a INTEGER, b VARCHAR(40) NOT NULL, c TEXT, p_id INTEGER,
        PRIMARY KEY (id), FOREIGN KEY(p_id) REFERENCES p (id)
    )
"""
INDEXES = ["CREATE INDEX ix_{0}a ON {1} (a)", "CREATE INDEX ix_{0}b ON {1} (b, a)"]
REVISION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "r1", None


def upgrade():
    op.alter_column("t", "a", existing_type=sa.Integer(), type_=sa.BigInteger())
    op.create_check_constraint("ck_a", "t", "a >= 0")
"""


def fill(path: Path, rows: int) -> None:
    """Make the database that both begin with."""
    connection = sqlite3.connect(str(path))
    connection.execute("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    connection.executemany("INSERT INTO p VALUES (?)", ((n,) for n in range(1000)))
    connection.execute(TABLE.format("t"))
    made = ((n, n * 7919 % rows, f"name {n % 977:05}", "text " * 8, n % 1000) for n in range(rows))
    connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", made)
    for index in INDEXES:
        connection.execute(index.format("", "t"))
    connection.execute("CREATE TABLE child (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t (id))")
    connection.execute("INSERT INTO child SELECT id, id FROM t WHERE id % 10 = 0")
    connection.commit()
    connection.close()


def bare(path: Path, drops: bool) -> float:
    """Copy the rows to a new table and build its indexes; drop the old one as well, or leave it."""
    connection = sqlite3.connect(str(path), isolation_level=None)
    start = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(TABLE.format("new"))
    connection.execute("INSERT INTO new SELECT * FROM t")
    if drops:
        connection.execute("DROP TABLE t")
    for index in INDEXES:
        connection.execute(index.format("new_", "new"))
    connection.execute("COMMIT")
    seconds = time.perf_counter() - start
    connection.close()
    return seconds


def altered(app: Flask) -> float:
    """Upgrade to the revision, as a command does."""
    with app.app_context():
        start = time.perf_counter()
        assert upgrade() == ["r1"]
        return time.perf_counter() - start


def application(folder: Path, path: Path) -> Flask:
    """Make an application whose one revision alters the table."""
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{path}"
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    Migrate(app, SQLAlchemy(app), directory=str(folder / "migrations"))
    with app.app_context():
        init()
    (folder / "migrations/versions/r1_.py").write_text(REVISION)
    return app


def main(rows: int, repeats: int) -> None:
    """Do both in turns, and print the ratio of the medians."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, path = folder / "first.db", folder / "app.db"
        fill(first, rows)
        app = application(folder, path)
        times: dict[str, list[float]] = {"copy": [], "copy and drop": [], "altered": []}
        for _ in range(repeats):
            for kind in times:
                shutil.copyfile(str(first), str(path))
                os.sync() if hasattr(os, "sync") else None
                seconds = altered(app) if kind == "altered" else bare(path, kind != "copy")
                times[kind].append(seconds)
        medians = {kind: statistics.median(seconds) for kind, seconds in times.items()}
        for kind, of_all in times.items():
            ratio = medians["altered"] / medians[kind]
            listed = " ".join(f"{seconds:.2f}" for seconds in of_all)
            print(f"{kind:13} {medians[kind]:.2f} s of {listed}; altered is {ratio:.2f} times that")


if __name__ == "__main__":
    if "--on" in sys.argv:
        sys.argv.remove("--on")
        event.listen(Engine, "connect", lambda c, _: c.execute("PRAGMA foreign_keys = ON"))
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*(numbers + [1_000_000, 5][len(numbers) :]))
