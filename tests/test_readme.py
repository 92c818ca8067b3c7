"""What README.rst says works on every stack; tests/docs/ compares what its blocks print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parent.parent / "README.rst").read_text(encoding="utf-8")


def block(name: str) -> str:
    """The code block behind a comment of that name."""
    found = re.search(rf"^\.\. {name}\n\n\.\. code-block::.*\n\n((?:   .*\n|\n)+)", README, re.M)
    assert found, name
    return re.sub(r"^   ", "", found.group(1), flags=re.M).rstrip("\n") + "\n"


def test_the_manage_py_of_the_readme_fits_a_first_look():
    """It takes no scrolling."""
    assert len(block("file: manage.py").splitlines()) == 13


def test_flask_runs_the_commands_of_the_manage_py_as_well(project):
    """Flask imports the script, whose manager does not run then."""
    project.write("manage.py", block("file: manage.py"))
    for words in (["init"], ["migrate"], ["upgrade"], ["current"]):
        done = project.flask("manage.py", "db", *words)
        assert (done.status, done.error) == (0, ""), words
    assert project.run("manage.py", "db", "current").out == done.out


def test_the_commands_of_the_readme_are_one_line_each():
    """Each can be pasted as it is."""
    for name in ("command 1", "command 2"):
        assert len(block(name).splitlines()) == 1
        assert block(name).startswith("$ python3 -m venv")


def test_what_the_readme_links_to_is_there():
    """Each situation of the comparison is a test of this package."""
    root = Path(__file__).resolve().parent.parent
    paths = re.findall(r"<(tests/\S+)>`__", README)
    assert len(paths) == 10
    for path in paths:
        assert (root / path).is_file(), path


OLD = """
    from flask import Flask
    {imports}
    from flask_sqlalchemy import SQLAlchemy

    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///app.db"
    db = SQLAlchemy(app)
    migrate = Migrate(app, db)
    manager = Manager(app)
    manager.add_command("db", MigrateCommand)

    if __name__ == "__main__":
        manager.run()
"""


@pytest.mark.parametrize("order", [1, -1])
def test_the_change_of_the_readme(project, order):
    """Both imports change, in any order of the lines."""
    lines = re.findall(r"^   ([-+])(.*)$", README, re.M)
    before, after = ([line for sign, line in lines if sign == mark] for mark in "-+")
    assert [line.split()[1] for line in before] == ["flask_script", "flask_migrate"]
    project.write("manage.py", OLD.format(imports="\n    ".join(after[::order])))
    for words in (["init"], ["migrate"], ["upgrade"], ["current"]):
        done = project.run("manage.py", "db", *words)
        assert (done.status, done.error) == (0, ""), words
