"""The shell has the application's models at hand."""

from __future__ import annotations

import importlib.util
import inspect

import pytest

from migrate_script import Shell

APP = """
    import os

    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    from migrate_script import Manager, Migrate, MigrateCommand, Shell

    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    db = SQLAlchemy(app)
    Migrate(app, db)


    class Base(db.Model):
        __abstract__ = True


    class User(Base):
        id = db.Column(db.Integer, primary_key=True)
        kind = db.Column(db.String(10))
        __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "user"}


    class Admin(User):
        __mapper_args__ = {"polymorphic_identity": "admin"}


    manager = Manager(app)
    manager.add_command("db", MigrateCommand)
    # shell

    if __name__ == "__main__":
        manager.run()
"""

# Flask-Script 2.0.5 knows the last two only
KNOWN = inspect.signature(Shell.__mro__[1]).parameters
ORDER = [name for name in ("ptipython", "ptpython", "bpython", "ipython") if f"use_{name}" in KNOWN]
PLAIN = [f"--no-{name}" for name in ORDER]

PLAIN_SHELL = "import flask_script; manager.add_command('shell', flask_script.Shell"
NAMES = "print(*sorted(n for n in dir() if not n.startswith('_')))\n"


@pytest.fixture
def shell(project):
    """Write the project with a line about its shell, and type something into it."""

    def type_in(line: str, typed: str) -> str:
        project.write("app.py", APP.replace("# shell", line))
        done = project.forked("app.py", "shell", *PLAIN, input=typed)
        assert done.status == 0, done.err
        return done.out

    return type_in


def test_it_offers_app_db_and_every_model(shell):
    """Models by class name, subclasses of models too, abstract ones not."""
    out = shell('manager.add_command("shell", Shell())', NAMES)
    assert "Admin User app db\n" in out


def test_what_it_offers_is_the_application(shell):
    """The names stand for the real things, inside an application context."""
    typed = "print(app.name, db.engine.name, User.query.filter_by(id=1).whereclause is None)\n"
    assert "app sqlite False\n" in shell('manager.add_command("shell", Shell())', typed)


@pytest.mark.parametrize(
    "line",
    ["", f"{PLAIN_SHELL}())"],
    ids=["none of the script's own", "one of Flask-Script's"],
)
def test_the_shell_that_every_manager_has(shell, line):
    """It offers the same, where the script says nothing about it."""
    assert "Admin User app db\n" in shell(line, NAMES)


def test_a_shell_of_flask_script_with_a_context_of_its_own(shell):
    """It offers what the script says, and nothing else."""
    assert "only\n" in shell(PLAIN_SHELL + "(None, lambda: {'only': 1}))", NAMES)


def test_names_of_ones_own_are_added_and_win(shell):
    """make_context adds names, and a name of its own replaces one of ours."""
    line = 'manager.add_command("shell", Shell(make_context=lambda: {"db": 7, "mine": 8}))'
    assert "Admin User app db mine\n" in shell(line, NAMES)
    assert "7 8\n" in shell(line, "print(db, mine)\n")


def test_a_shell_decorator_wins(shell):
    """@manager.shell is the user's own shell, and offers what it says."""
    line = "manager.shell(lambda: {'only': 1})"
    assert "only\n" in shell(line, NAMES)


def test_the_banner_is_shown(project):
    """banner= is the first thing one sees."""
    project.write("app.py", APP.replace("# shell", 'manager.add_command("sh", Shell("Hello."))'))
    done = project.forked("app.py", "sh", *PLAIN, input="\n")
    assert done.err.splitlines()[0] == "Hello."


def test_flask_shell_offers_the_same(project):
    """The names are there without a manage.py."""
    project.write("app.py", APP)
    done = project.process("-m", "flask", "shell", input=NAMES, env={"FLASK_APP": "app.py"})
    assert done.status == 0, done.err
    names = [line for line in done.out.splitlines() if "Admin" in line][0].split()
    assert {"Admin", "User", "app", "db"} <= set(names)


FAKE_SHELLS = {
    "ptpython/__init__.py": "",
    "ptpython/ipython.py": "def embed(**kw): print('ptipython', sorted(kw['user_ns']))",
    "ptpython/repl.py": "def embed(**kw): print('ptpython', sorted(kw['globals']))",
    "bpython.py": "def embed(**kw): print('bpython', sorted(kw['locals_']))",
    "IPython.py": "def embed(**kw): print('ipython', sorted(kw['user_ns']))",
}


@pytest.mark.parametrize("declined", range(len(ORDER)))
def test_the_best_shell_that_is_installed_is_used(project, declined):
    """ptipython, ptpython, bpython, ipython; each can be declined on the command line."""
    for name, text in FAKE_SHELLS.items():
        project.write(name, text)
    project.write("app.py", APP.replace("# shell", 'manager.add_command("shell", Shell())'))
    options = [f"--no-{name}" for name in ORDER[:declined]]
    done = project.forked("app.py", "shell", *options)
    assert done.out == f"{ORDER[declined]} ['Admin', 'User', 'app', 'db']\n"


def test_a_real_ipython(project, tmp_path):
    """With the real thing, the names arrive as well."""
    if importlib.util.find_spec("IPython") is None:
        pytest.skip("IPython is not installed")
    project.write("app.py", APP.replace("# shell", 'manager.add_command("shell", Shell())'))
    done = project.forked(
        "app.py",
        "shell",
        input="print(db.engine.name, User.__name__, Admin.__name__)\nexit\n",
        env={"IPYTHONDIR": str(tmp_path / "ipython"), "NO_COLOR": "1"},
    )
    assert "sqlite User Admin" in done.out
