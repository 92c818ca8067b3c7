"""The same commands in two environments: one with Flask-Migrate, one with this package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
import uuid
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
PINS = ROOT / "stacks/current.txt"
FLASK_MIGRATE = "Flask-Migrate==4.1.0"
SERVERS = {
    "postgresql": os.environ.get(
        "MIGRATE_SCRIPT_POSTGRESQL", "postgresql+psycopg2://postgres@127.0.0.1:5432/postgres"
    ),
    "mysql": os.environ.get("MIGRATE_SCRIPT_MYSQL", "mysql+pymysql://root@127.0.0.1:3306/mysql"),
}

APP = """
    import os

    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    from {package} import Migrate

    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    db = SQLAlchemy(app)
    Migrate(app, db)
"""
REVISION = '''
    """{message}"""
    import sqlalchemy as sa
    from alembic import op

    revision = "{revision}"
    down_revision = {parent!r}


    def upgrade():
{upgrade}


    def downgrade():
        pass
'''


class Side(NamedTuple):
    """One of the two: what it is called, its folder, the package that `Migrate` comes from."""

    name: str
    folder: Path
    package: str


def _pip(folder: Path) -> list[str]:
    """Return the command that installs into an environment."""
    return [str(folder / "bin/python"), *"-m pip install -q --disable-pip-version-check".split()]


def _install(folder: Path, package: str) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([*_pip(folder), "-r", str(PINS), package], check=True)


def sides(folder: Path) -> list[Side]:
    """Make both environments, unless they are there."""
    both = [
        Side("flask-migrate", folder / "theirs", "flask_migrate"),
        Side("migrate_script", folder / "ours", "migrate_script"),
    ]
    for side, package in zip(both, (FLASK_MIGRATE, str(ROOT))):
        if not side.folder.exists():
            _install(side.folder, package)
    return both


class Session:
    """What a terminal shows on one side, in a folder of its own."""

    def __init__(self, side: Side, folder: Path) -> None:
        self.side = side
        self.folder = folder
        self.folder.mkdir(parents=True)
        self.lines: list[str] = []
        self._server = ""
        self.url = f"sqlite:///{folder}/app.db"
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PYTHON")},
            "PATH": os.pathsep.join([str(side.folder / "bin"), os.environ["PATH"]]),
            "PYTHONUNBUFFERED": "1",
            "DATABASE_URL": self.url,
            "FLASK_APP": "app.py",
        }
        self.write("app.py", APP.replace("{package}", side.package))

    # -- the project -------------------------------------------------------------------------------

    def write(self, name: str, text: str) -> None:
        """Write a file of the project, its indentation taken off."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")

    def append(self, name: str, text: str) -> None:
        """Add lines to a file of the project."""
        before = (self.folder / name).read_text(encoding="utf-8")
        self.write(name, before + "\n\n" + textwrap.dedent(text).lstrip("\n"))

    def revision(self, revision: str, parent: str | None, message: str, *upgrade: str) -> None:
        """Write a revision, each argument one line of `upgrade`."""
        lines = "\n".join(f"        {line}" for line in upgrade)
        self.write(
            f"migrations/versions/{revision}_{message}.py",
            REVISION.format(message=message, revision=revision, parent=parent, upgrade=lines),
        )

    def on(self, kind: str) -> None:
        """Use a database of a server from here on."""
        self._server, name = SERVERS[kind], f"ms_{uuid.uuid4().hex[:12]}"
        self.url = self._server.rsplit("/", 1)[0] + "/" + name
        self.env["DATABASE_URL"] = self.url
        self._on_server(f"CREATE DATABASE {name}")

    def close(self) -> None:
        """Drop the database of a server."""
        if self._server:
            self._on_server(f"DROP DATABASE {self.url.rsplit('/', 1)[1]}")

    def _on_server(self, statement: str) -> None:
        self._ask(
            self._server, "connection.execution_options(isolation_level='AUTOCOMMIT')", statement
        )

    def _ask(self, url: str, connection: str, statement: str) -> str:
        """Run a statement, and return its rows, each on a line."""
        code = f"""
            import sqlalchemy as sa

            with sa.create_engine({url!r}).connect() as connection:
                connection = {connection}
                result = connection.execute(sa.text({statement!r}))
                if result.returns_rows:
                    print(*(" ".join(map(str, row)) for row in result), sep="\\n")
                connection.commit()
        """
        return self._python(textwrap.dedent(code)).strip()

    def _python(self, code: str) -> str:
        done = subprocess.run(
            ["python", "-c", code],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout

    def query(self, sql: str) -> str:
        """Return the rows of a query, each on a line."""
        return self._ask(self.url, "connection", sql)

    def tables(self) -> str:
        """Return the names of the tables."""
        names = f"sa.inspect(sa.create_engine({self.url!r})).get_table_names()"
        return self._python(f"import sqlalchemy as sa; print(*sorted({names}))").strip() or "none"

    # -- the terminal ------------------------------------------------------------------------------

    def quietly(self, command: str) -> None:
        """Run what a reader does not need to see."""
        done = self._run(command)
        assert done.returncode == 0, done.stdout

    def run(self, command: str) -> None:
        """Run a command, and show it with its output and exit status."""
        done = self._run(command)
        self.lines += [
            f"$ {command}",
            *self._shown(done.stdout),
            f"(exit status {done.returncode})",
        ]

    def say(self, sentence: str, fact: str) -> None:
        """Show what is found afterwards."""
        self.lines.append(f"-- {sentence}: {' / '.join(fact.splitlines())}")

    def at_once(self, command: str, number: int) -> list[tuple[int, str]]:
        """Run a command several times at once, and return exit statuses and outputs."""
        running = [self._start(command) for _ in range(number)]
        outputs = [process.communicate()[0] for process in running]
        return [(process.returncode, output) for process, output in zip(running, outputs)]

    def _start(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        process = self._start(command)
        output = process.communicate()[0]
        return subprocess.CompletedProcess(command, process.returncode, output)

    def _shown(self, output: str) -> list[str]:
        """Shorten a traceback, and leave out what differs each time."""
        output = output.replace(str(self.folder), "/project")
        output = re.sub(r"ms_[0-9a-f]{12}", "shop", output)
        output = re.sub(r"\(\d+\.\d\d s\)", "(0.01 s)", output)
        before, trace, rest = output.partition("Traceback (most recent call last):")
        if trace:
            *_, error = re.findall(r"^[\w.]+(?:Error|Exception)\b.*$", rest, re.M)
            output = f"{before}{trace} ...\n{error}\n"
        lines = [line for line in output.splitlines() if line.strip()]
        # Alembic's, and how long a revision took on a machine that is busy
        beside = ("Context impl", "Will assume", "[alembic.runtime.plugins]", " took ")
        return [line for line in lines if not any(words in line for words in beside)]


def template_of(release: str, side: Side) -> Path:
    """Return the template for one database that a release of Flask-Migrate has."""
    target = side.folder / f"flask-migrate-{release}"
    if not target.exists():
        options = ["--no-deps", "--target", str(target)]
        subprocess.run([*_pip(side.folder), *options, f"Flask-Migrate=={release}"], check=True)
    return target / "flask_migrate/templates/flask"


def copy_template(template: Path, folder: Path) -> None:
    """Make a migrations folder of a template, as `db init` of its time did."""
    (folder / "versions").mkdir(parents=True)
    for name in ("env.py", "script.py.mako"):
        shutil.copy(str(template / name), str(folder / name))
    shutil.copy(str(template / "alembic.ini.mako"), str(folder / "alembic.ini"))
