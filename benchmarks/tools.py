"""The tools that are compared: what each is installed with, its project, and its commands.

``TOOLS`` has one line for each. The environments are made with venv and pip, once, in the folder
that MIGRATE_SCRIPT_CACHE names, or in the user's cache.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, NamedTuple

from histories import django_models, models, write_alembic, write_django

ROOT = Path(__file__).resolve().parent.parent
# what a shell has set for its own Python, or for the commands of one project
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("PYTHON", "FLASK", "DJANGO", "ALEMBIC")) and name != "DATABASE_URL"
}
ENVIRONMENT.update(PYTHONWARNINGS="ignore", PYTHONHASHSEED="0", FLASK_APP="app", LANGUAGE="C")


class Failed(Exception):
    """A command that was to be measured has failed."""


class NotMeasured(Exception):
    """Something that a tool does not have, or this machine."""


def cache() -> Path:
    """Return the folder of environments, projects and results."""
    default = os.path.join(os.path.expanduser("~"), ".cache", "migrate_script")
    return Path(os.environ.get("MIGRATE_SCRIPT_CACHE", default)) / "benchmarks"


def call(arguments: list[str], cwd: Path) -> str:
    """Run what is not measured; return its output."""
    done = subprocess.run(
        arguments,
        cwd=str(cwd),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failed(f"{' '.join(arguments)}\n{done.stdout}")
    return done.stdout


# -- projects --------------------------------------------------------------------------------------

APP = """
import os

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = {url!r}
app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
db = SQLAlchemy(app)
{models}
{extension}
"""
EXTENSION = "from {0} import Migrate\n\nmigrate = Migrate(app, db)"
MANAGE = """
from {managers} import Manager
from {commands} import MigrateCommand

from app import app

manager = Manager(app)
manager.add_command("db", MigrateCommand)


@manager.command
def hello():
    print("hello")


if __name__ == "__main__":
    manager.run()
"""
HELLO = """

@app.cli.command("hello")
def hello():
    print("hello")
"""
CREATE = "from app import app, db\n\nwith app.app_context():\n    db.create_all()\n"
BARE = """
from sqlalchemy import *
from sqlalchemy.orm import declarative_base

Base = declarative_base()
"""
CREATE_BARE = """
import sqlalchemy

from models import Base

Base.metadata.create_all(sqlalchemy.create_engine({0!r}))
"""
SETTINGS = """
SECRET_KEY = "benchmark"
INSTALLED_APPS = ["shop"]
USE_TZ = True
DATABASES = {{"default": {0!r}}}
"""
MANAGE_DJANGO = """
import os
import sys

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
"""


class Case(NamedTuple):
    """What a project holds."""

    url: str
    length: int
    tables: int
    merges: bool = False


def _flask(python: str, folder: Path, case: Case, manage: str, extension: str) -> Path:
    texts = models(case.tables, "db.Model", "db.")
    app = APP.format(url=case.url, models=texts, extension=extension)
    (folder / "app.py").write_text(app + ("" if manage else HELLO), encoding="utf-8")
    (folder / "create.py").write_text(CREATE, encoding="utf-8")
    if manage:
        (folder / "manage.py").write_text(manage, encoding="utf-8")
    return folder / "migrations" / "versions"


def flask_script(managers: str, commands: str) -> Callable[[str, Path, Case], None]:
    """Return what writes the project of a tool that `manage.py` runs."""

    def write(python: str, folder: Path, case: Case) -> None:
        manage = MANAGE.format(managers=managers, commands=commands)
        versions = _flask(python, folder, case, manage, EXTENSION.format(commands))
        call([python, "manage.py", "db", "init"], folder)
        write_alembic(versions, case.length, case.merges)

    return write


def flask_migrate(python: str, folder: Path, case: Case) -> None:
    """Write the project of Flask-Migrate's `flask db`."""
    versions = _flask(python, folder, case, "", EXTENSION.format("flask_migrate"))
    call([python, "-m", "flask", "db", "init"], folder)
    write_alembic(versions, case.length, case.merges)


def flask_alembic(python: str, folder: Path, case: Case) -> None:
    """Write the project of Flask-Alembic."""
    extension = "from flask_alembic import Alembic\n\nalembic = Alembic(app)"
    _flask(python, folder, case, "", extension)
    call([python, "-m", "flask", "db", "mkdir"], folder)
    write_alembic(folder / "migrations", case.length, case.merges)


def alembic(python: str, folder: Path, case: Case) -> None:
    """Write the project of Alembic alone, without Flask."""
    text = BARE + models(case.tables, "Base", "")
    (folder / "models.py").write_text(text, encoding="utf-8")
    (folder / "create.py").write_text(CREATE_BARE.format(case.url), encoding="utf-8")
    call([python, "-m", "alembic", "init", "migrations"], folder)
    ini = (folder / "alembic.ini").read_text(encoding="utf-8").splitlines()
    ini = [f"sqlalchemy.url = {case.url}" if "sqlalchemy.url =" in line else line for line in ini]
    (folder / "alembic.ini").write_text("\n".join(ini), encoding="utf-8")
    env_py = (folder / "migrations/env.py").read_text(encoding="utf-8")
    env_py = env_py.replace("= None\n", "= Base.metadata\n", 1)
    env_py = "from models import Base\n" + env_py
    (folder / "migrations/env.py").write_text(env_py, encoding="utf-8")
    write_alembic(folder / "migrations/versions", case.length, case.merges)


def django(python: str, folder: Path, case: Case) -> None:
    """Write the project of Django."""
    if case.url.startswith("mysql"):
        raise NotMeasured("Django is not measured on MySQL")
    scheme, _, rest = case.url.partition("://")
    place = {"ENGINE": "django.db.backends." + scheme.split("+")[0], "NAME": rest[1:]}
    if place["ENGINE"].endswith("postgresql"):
        user, _, host = rest.rpartition("/")[0].rpartition("@")
        name, _, port = host.partition(":")
        place.update(NAME=rest.rpartition("/")[2], USER=user, HOST=name, PORT=port)
    else:
        place["ENGINE"] = "django.db.backends.sqlite3"
    for name in ("shop", "shop/migrations"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("", encoding="utf-8")
    (folder / "shop/management/commands").mkdir(parents=True)
    hello = "from django.core.management.base import BaseCommand\n\n\nclass Command(BaseCommand):\n"
    hello += "    def handle(self, **options):\n        print('hello')\n"
    (folder / "shop/management/commands/hello.py").write_text(hello, encoding="utf-8")
    (folder / "settings.py").write_text(SETTINGS.format(place), encoding="utf-8")
    (folder / "manage.py").write_text(MANAGE_DJANGO, encoding="utf-8")
    text = "from django.db import models\n" + django_models(case.tables)
    (folder / "shop/models.py").write_text(text, encoding="utf-8")
    write_django(folder / "shop/migrations", case.length, case.merges)
    create = "import os\n\nfor words in ('makemigrations shop', 'migrate'):\n"
    create += f"    assert not os.system({python!r} + ' manage.py ' + words)\n"
    (folder / "create.py").write_text(create, encoding="utf-8")


# -- tools -----------------------------------------------------------------------------------------

MANAGER = {
    "help": "manage.py db --help",
    "hello": "manage.py hello",
    "stamp": "manage.py db stamp head",
    "upgrade": "manage.py db upgrade",
    "empty": "manage.py db upgrade",
    "heads": "manage.py db heads",
    "current": "manage.py db current",
    "history": "manage.py db history",
    "sql": "manage.py db upgrade --sql",
    "check": "manage.py db check",
    "migrate": "manage.py db migrate",
    "first": "manage.py db migrate",
}
FLASK = {name: words.replace("manage.py", "-m flask") for name, words in MANAGER.items()}
# before 4.0 there was no `check`: `migrate` writes nothing where nothing has changed
OLD_MANAGER = {**MANAGER, "check": "manage.py db migrate"}
FLASK_ALEMBIC = {
    **FLASK,
    "history": "-m flask db log",
    "sql": "",
    "migrate": "-m flask db revision autogenerated",
    "first": "-m flask db revision autogenerated",
}
ALEMBIC = {
    **{name: words.replace("manage.py db", "-m alembic") for name, words in MANAGER.items()},
    "hello": "",
    "sql": "-m alembic upgrade head --sql",
    "upgrade": "-m alembic upgrade head",
    "empty": "-m alembic upgrade head",
    "migrate": "-m alembic revision --autogenerate",
    "first": "-m alembic revision --autogenerate",
}
DJANGO = {
    "help": "manage.py migrate --help",
    "hello": "manage.py hello",
    "stamp": "manage.py migrate --fake",
    "upgrade": "manage.py migrate",
    "empty": "manage.py migrate",
    "current": "manage.py showmigrations",
    "history": "manage.py showmigrations",
    "check": "manage.py makemigrations --check --dry-run",
    "migrate": "manage.py makemigrations",
    "first": "manage.py makemigrations shop",
}


class Tool(NamedTuple):
    """One of those compared."""

    title: str
    python: str
    requirements: str
    write: Callable[[str, Path, Case], None]
    commands: dict[str, str]


NOW = "-r stacks/current.txt"
TOOLS = {
    "ours": Tool("migrate_script", "3.11", NOW, flask_script(*["migrate_script"] * 2), MANAGER),
    "fm4": Tool("Flask-Migrate 4.1", "3.11", NOW + " Flask-Migrate==4.1.0", flask_migrate, FLASK),
    "fm2": Tool(
        "Flask-Migrate 2.7, 2020",
        "3.8",
        "-r stacks/era-2020.txt Flask-Migrate==2.7.0 setuptools<81",
        flask_script("flask_script", "flask_migrate"),
        OLD_MANAGER,
    ),
    "flask-alembic": Tool(
        "Flask-Alembic 3.3", "3.11", NOW + " Flask-Alembic==3.3.0", flask_alembic, FLASK_ALEMBIC
    ),
    "alembic": Tool("Alembic 1.20", "3.11", NOW, alembic, ALEMBIC),
    "django": Tool("Django 5.2", "3.11", "Django==5.2.19 psycopg2-binary", django, DJANGO),
}


def _interpreter(version: str) -> str:
    """Find a Python, on the path or where pyenv keeps its own."""
    pyenv = Path(os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))) / "versions"
    found = [sys.executable, shutil.which(f"python{version}")]
    found += map(str, sorted(pyenv.glob(f"{version}.*/bin/python")))
    tell = "import sys; print(sys.version_info[:2] == {})".format(
        tuple(map(int, version.split(".")))
    )
    for path in filter(None, found):
        try:
            if call([path, "-c", tell], ROOT) == "True\n":
                return path
        except Failed:  # a stand-in of pyenv's, for a version that is not in use
            continue
    raise NotMeasured(f"Python {version} is not installed")


def environment(tool: Tool) -> str:
    """Return the interpreter of an environment with a tool; make it where there is none."""
    words = tool.requirements.split()
    texts = [(ROOT / word).read_text() if word.endswith(".txt") else word for word in words]
    key = hashlib.sha1("\n".join([str(ROOT), tool.python, *texts]).encode()).hexdigest()[:10]
    folder = cache() / f"env-{tool.python}-{key}"
    bin = folder / ("Scripts" if os.name == "nt" else "bin")
    if not (folder / "done").exists():
        shutil.rmtree(str(folder), ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        call([_interpreter(tool.python), "-m", "venv", str(folder)], ROOT)
        call([str(bin / "python"), "-m", "pip", "install", "-q", *words], ROOT)
        # the package as it is in this tree; nothing else of an environment knows of it
        where = [
            str(bin / "python"),
            "-c",
            "import sysconfig; print(sysconfig.get_path('purelib'))",
        ]
        (Path(call(where, ROOT).strip()) / "migrate_script_tree.pth").write_text(f"{ROOT}\n")
        (folder / "done").touch()
    return str(bin / "python")
