"""Run the demonstrations on both sides, and write or compare what they show.

`python docs/demos/run.py` writes docs/demos/output/; with `--check` it fails where that differs,
unless MIGRATE_SCRIPT_RECORD is in the environment.
Names of demonstrations leave out the others; `--environments FOLDER` keeps the environments.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import sessions  # noqa: E402

DEMOS = (
    "child_rows",
    "failure_sqlite",
    "failure_postgresql",
    "failure_mariadb",
    "eight_replicas",
    "old_folder",
    "dropped_column",
    "create_all",
)


def _of(name: str, side: sessions.Side, work: Path) -> str:
    """Return what a demonstration shows on one side."""
    module = importlib.import_module(name)
    session = sessions.Session(side, work / side.name / name)
    try:
        module.demo(session)
    finally:
        session.close()
    return "\n".join(session.lines) + "\n"


def main() -> int:
    """Run what the command line asks for, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", default=[])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--environments", type=Path)
    given = parser.parse_args()
    differ = 0
    with tempfile.TemporaryDirectory(prefix="ms_") as folder:
        work = Path(folder)
        both = sessions.sides(given.environments or work)
        jobs = [(name, side) for name in given.names or DEMOS for side in both]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            shown = list(pool.map(lambda job: _of(*job, work), jobs))
    for (name, side), text in zip(jobs, shown):
        path = HERE / "output" / f"{name}.{side.name}.txt"
        if not given.check or "MIGRATE_SCRIPT_RECORD" in os.environ:
            path.write_text(text, encoding="utf-8")
            continue
        before = path.read_text(encoding="utf-8").splitlines()
        changes = list(
            difflib.unified_diff(before, text.splitlines(), path.name, "now", lineterm="")
        )
        differ += bool(changes)
        print(*changes, sep="\n", end="\n" if changes else "")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
