"""Times commands of several tools side by side, as whole processes.

``python benchmarks/compare.py [options]``; ``--help`` lists them. All tools run one command in
turns, and then again, so that a busy machine slows all of them down; compared are the medians of
the ratios within one round. SQLite is on disk, and bytecode is written. ``--suite --docs FOLDER``
measures what the documentation shows, and writes its table and its plots.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import report
from tools import ENVIRONMENT, TOOLS, Case, Failed, NotMeasured, cache, call, environment

COMMANDS = {
    "help": "``db --help``",
    "hello": "a command of the application",
    "upgrade": "``upgrade``, nothing to do",
    "heads": "``heads``",
    "current": "``current``",
    "history": "``history``",
    "empty": "``upgrade`` of an empty database",
    "sql": "``upgrade --sql``",
    "check": "``check``, no difference",
    "migrate": "``migrate``, one new column",
    "first": "``migrate``, all tables new",
}
# of these, the growth with the number of revisions on SQLite
PLOTTED = ("upgrade", "empty")
OF_TABLES = ("check", "migrate", "first")
SERVERS = {
    "postgresql": os.environ.get(
        "MIGRATE_SCRIPT_POSTGRESQL", "postgresql+psycopg2://postgres@127.0.0.1:5432/postgres"
    ),
    "mysql": os.environ.get("MIGRATE_SCRIPT_MYSQL", "mysql+pymysql://root@127.0.0.1:3306/mysql"),
}
EXECUTE = """
import sys, sqlalchemy
engine = sqlalchemy.create_engine(sys.argv[1], isolation_level="AUTOCOMMIT")
for statement in sys.argv[2:]:
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(statement))
"""
# what the documentation shows: commands, database, lengths or numbers of tables
DOCS: list[tuple[str, str, list[int]]] = [
    ("help hello heads current history", "sqlite", [10]),
    ("upgrade", "sqlite", [10, 100, 1000, 5000, 10000]),
    ("heads history", "sqlite", [1000, 5000]),
    ("empty", "sqlite", [10, 100, 1000]),
    ("empty", "postgresql", [100, 1000]),
    ("empty", "mysql", [100]),
    ("sql", "postgresql", [100, 1000]),
    ("check migrate first", "sqlite", [10, 500]),
    ("check migrate first", "postgresql", [500]),
    ("check", "mysql", [100]),
]


class Sample(NamedTuple):
    """One run of a command: seconds, megabytes, millions of instructions."""

    cpu: float
    wall: float
    memory: float
    instructions: float = 0


class Project:
    """A project of one tool in a folder, with its database."""

    def __init__(self, name: str, command: str, database: str, size: int, merges: bool) -> None:
        self.tool, self.command, self.database = TOOLS[name], command, database
        self.words = self.tool.commands.get(command, "").split()
        if not self.words:
            raise NotMeasured(f"{self.tool.title} has no such command")
        self.python = environment(self.tool)
        of_tables = command in OF_TABLES
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=str(cache())))
        self.name = f"ms_bench_{os.getpid()}_{self.folder.name[-8:].lower()}"
        try:
            self._make(
                Case(self._url(), 0 if of_tables else size, size if of_tables else 10, merges)
            )
        except BaseException:
            self.remove()
            raise

    def _url(self) -> str:
        if self.database == "sqlite":
            return f"sqlite:///{self.folder / 'app.db'}"
        return SERVERS[self.database].rpartition("/")[0] + "/" + self.name

    def _make(self, case: Case) -> None:
        self._new_database()
        self.tool.write(self.python, self.folder, case)
        if self.command in ("check", "migrate"):
            call([self.python, "create.py"], self.folder)
        elif self.command not in ("empty", "first"):
            call([self.python, *self.tool.commands["stamp"].split()], self.folder)
        if self.command == "migrate":
            (source,) = (
                p
                for n in ("app.py", "models.py", "shop/models.py")
                for p in [self.folder / n]
                if p.exists()
            )
            text = source.read_text(encoding="utf-8")
            column = re.search(r"^    note = .*$", text, re.M)
            new = column.group().replace("note", "remark", 1)
            source.write_text(text.replace(column.group(), column.group() + "\n" + new, 1))
        self.before = set(self.folder.glob("**/*.py"))

    def _new_database(self) -> None:
        if self.database == "sqlite":
            for path in self.folder.glob("app.db*"):
                path.unlink()
        else:
            self._on_server(f"DROP DATABASE IF EXISTS {self.name}", f"CREATE DATABASE {self.name}")

    def _on_server(self, *statements: str) -> None:
        python = environment(TOOLS["ours"])
        call([python, "-c", EXECUTE, SERVERS[self.database], *statements], self.folder)

    def run(self, count: bool) -> Sample:
        """Run the command once, from the state in which it was found."""
        if self.command in ("empty", "first"):
            self._new_database()
        sample = measured([self.python, *self.words], self.folder)
        if count:
            sample = sample._replace(instructions=self._instructions())
        if self.command in OF_TABLES:
            new = set(self.folder.glob("**/*.py")) - self.before
            assert bool(new) == (self.command != "check"), f"{self.words}: {new}"
            for path in new:
                path.unlink()
        return sample

    def _instructions(self) -> float:
        if self.command in ("empty", "first"):
            self._new_database()
        valgrind = [
            "valgrind",
            "--tool=cachegrind",
            "--cache-sim=no",
            "--cachegrind-out-file=/dev/null",
        ]
        said = call([*valgrind, self.python, *self.words], self.folder)
        found = re.search(r"I +refs: +([\d,]+)", said)
        assert found, said
        return int(found.group(1).replace(",", "")) / 1e6

    def remove(self) -> None:
        """Remove the folder and the database."""
        if self.database != "sqlite":
            self._on_server(f"DROP DATABASE IF EXISTS {self.name}")
        shutil.rmtree(str(self.folder), ignore_errors=True)


def measured(arguments: list[str], cwd: Path) -> Sample:
    """Run a process to its end; fail if it fails."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            arguments, cwd=str(cwd), env=ENVIRONMENT, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = status
        if status:
            output.seek(0)
            said = output.read().decode(errors="replace")[-2000:]
            raise Failed(f"{' '.join(arguments)}: {status}\n{said}")
    megabytes = usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    return Sample(usage.ru_utime + usage.ru_stime, wall, megabytes)


def compare(
    tools: list[str], command: str, database: str, size: int, rounds: int, merges: bool, count: bool
) -> dict[str, list[Sample]]:
    """Run one command of several tools in turns; a first round, not measured, compiles."""
    projects: dict[str, Project] = {}
    samples: dict[str, list[Sample]] = {}
    try:
        for name in tools:
            try:
                projects[name] = Project(name, command, database, size, merges)
            except NotMeasured as reason:
                print(f"{command}, {database}, {size}: {reason}", file=sys.stderr)
                continue
            projects[name].run(False)
            samples[name] = []
        names = list(samples)
        for number in range(rounds):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                samples[name].append(projects[name].run(count and not number))
    finally:
        for project in projects.values():
            project.remove()
    return samples


def ratio(ours: list[Sample], theirs: list[Sample], what: str) -> float:
    """Return the median of the ratios within a round."""
    return statistics.median(getattr(a, what) / getattr(b, what) for a, b in zip(ours, theirs))


def summary(samples: dict[str, list[Sample]]) -> Iterator[tuple[str, dict[str, float]]]:
    """Return the medians of each tool, and how the first of the tools compares with it."""
    first = next(iter(samples.values()))
    for name, of_tool in samples.items():
        row = {
            what: statistics.median(getattr(s, what) for s in of_tool) for what in Sample._fields
        }
        row["instructions"] = max(s.instructions for s in of_tool)
        row.update((f"{what}_ratio", ratio(first, of_tool, what)) for what in Sample._fields[:3])
        yield name, row


def suite(options: Any) -> Iterator[tuple[str, str, int]]:
    """Return the commands, databases and sizes to measure."""
    if options.suite:
        for commands, database, sizes in DOCS:
            for command in commands.split():
                for size in sizes:
                    if size <= options.longest:
                        yield command, database, size
        return
    for command in options.commands:
        for database in options.databases:
            for size in options.tables if command in OF_TABLES else options.lengths:
                yield command, database, size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--tools", nargs="+", choices=list(TOOLS), default=list(TOOLS), help="the first is ours")
    add("--commands", nargs="+", choices=list(COMMANDS), default=list(COMMANDS))
    add("--databases", nargs="+", choices=["sqlite", *SERVERS], default=["sqlite"])
    add("--lengths", nargs="+", type=int, default=[10], metavar="N", help="revisions")
    add("--tables", nargs="+", type=int, default=[10], metavar="T", help="of check and migrate")
    add("--rounds", type=int, default=5)
    add("--merges", action="store_true", help="histories with a merge every forty revisions")
    add("--instructions", action="store_true", help="count them too, once, with valgrind")
    add("--suite", action="store_true", help="measure what the documentation shows")
    add("--docs", type=Path, metavar="FOLDER", help="write a table and plots of all results")
    add("--longest", type=int, default=10000, metavar="N", help="leave out what is longer")
    add(
        "--results", type=Path, metavar="FILE", help="keep the medians; add to those that are there"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and remove what was made
    cache().mkdir(parents=True, exist_ok=True)
    results: list[dict[str, Any]] = []
    if options.results and options.results.exists():
        results = json.loads(options.results.read_text())
    for command, database, size in suite(options):
        key = {"command": command, "database": database, "size": size, "merges": options.merges}
        samples = compare(
            options.tools,
            command,
            database,
            size,
            options.rounds,
            options.merges,
            options.instructions,
        )
        tools = dict(summary(samples))
        results = [each for each in results if any(each[k] != v for k, v in key.items())]
        results.append({**key, "tools": tools})
        print("\n".join(report.lines(results[-1])), flush=True)
        if options.results:
            options.results.write_text(json.dumps(results, indent=1) + "\n")
    if options.docs:
        options.docs.mkdir(parents=True, exist_ok=True)
        titles = {name: tool.title for name, tool in TOOLS.items()}
        (options.docs / "table.rst").write_text(report.table(results, titles, COMMANDS))
        for command in PLOTTED:
            if any(result["command"] == command for result in results):
                title = COMMANDS[command].replace("`", "")
                plot = report.growth(results, titles, command, title)
                (options.docs / f"{command}.svg").write_text(plot)


if __name__ == "__main__":
    main()
