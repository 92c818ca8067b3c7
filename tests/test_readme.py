"""What README.rst shows is what happens."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import alembic.autogenerate
import pytest

README = (Path(__file__).resolve().parent.parent / "README.rst").read_text(encoding="utf-8")


def block(name: str) -> str:
    """The code block behind a comment of that name."""
    found = re.search(rf"^\.\. {name}\n\n\.\. code-block::.*\n\n((?:   .*\n|\n)+)", README, re.M)
    assert found, name
    return re.sub(r"^   ", "", found.group(1), flags=re.M).rstrip("\n") + "\n"


def without_ids(text: str) -> str:
    """Output without what differs each time."""
    text = re.sub(r"\(\d+\.\d\d s\)", "(<time>)", text)
    return re.sub(r"(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])", "<id>", text)


def test_the_manage_py_of_the_readme_fits_a_first_look():
    """It takes no scrolling."""
    assert len(block("manage.py").splitlines()) == 13


def test_flask_runs_the_commands_of_the_manage_py_as_well(project):
    """Flask imports the script, whose manager does not run then."""
    project.write("manage.py", block("manage.py"))
    for words in (["init"], ["migrate"], ["upgrade"], ["current"]):
        done = project.flask("manage.py", "db", *words)
        assert (done.status, done.error) == (0, ""), words
    assert project.run("manage.py", "db", "current").out == done.out


def test_the_output_of_the_readme_is_what_it_prints(project):
    """Each command gives what stands below it: to the letter, where Alembic's words are today's."""
    project.write("manage.py", block("manage.py"))
    newest = hasattr(alembic.autogenerate.compare, "tables")
    for part in re.split(r"^\$ ", block("its output"), flags=re.M)[1:]:
        command, _, shown = part.partition("\n")
        done = project.run(*shlex.split(command)[1:])
        assert done.status == 0, done.err
        # `init` says last what comes next, and not on the standard output
        printed = [done.err + done.out, done.out + done.err]
        printed = [without_ids(each.replace(str(project.folder), "/project")) for each in printed]
        if newest:
            assert without_ids(shown) in printed
        else:
            assert len(printed[0].splitlines()) == len(shown.splitlines())


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
