"""`manage.py db` and `flask db` are the same commands."""

from __future__ import annotations

import inspect
import os
import re
import textwrap

import alembic
import click
import pytest
from alembic import command
from databases import rows
from front_ends import FrontEnd, one_line
from projects import Project, Result, write_source
from shop_project import APP, write_shop

from migrate_script import commands
from migrate_script.cli import command_table as table
from migrate_script.state import Settings


def test_every_parameter_of_every_function_is_in_the_table():
    """The table names each option once, and no option that no function takes."""
    used = {
        name for row in table.ROWS.values() for name in inspect.signature(row.function).parameters
    }
    assert used == set(table.OPTIONS)


def test_every_command_takes_directory_and_x_arg():
    """-d and -x are everywhere."""
    for row in table.ROWS.values():
        assert {"directory", "x_arg"} <= set(inspect.signature(row.function).parameters), row.name


def test_every_public_function_of_commands_is_a_command():
    """What the Python API offers, the command line offers."""
    public = {
        function
        for name, function in vars(commands).items()
        if inspect.isfunction(function) and function.__module__ == commands.__name__
    }
    assert public == set(table.COMMANDS)


def test_every_parameter_names_its_flags_in_the_docstring():
    """A reader of the function finds how to type it, and the other way round."""
    for row in table.ROWS.values():
        documented = inspect.getdoc(row.function) or ""
        for parameter in row.parameters:
            line = re.search(rf":param {parameter.name}:(.*)", documented)
            assert line, (row.name, parameter.name)
            for flag in parameter.option.flags:
                assert f"`{flag}`" in line.group(1), (row.name, flag)


def test_db_alone_lists_all_commands(db):
    """Both list every command where Flask-Script and Click do, and leave with their status."""
    listing = db()
    if db.name == "flask" and not hasattr(click.exceptions, "NoArgsIsHelpError"):
        assert listing.status == 0
    else:
        assert listing.status == 2
    if db.name == "flask" and listing.status:
        assert listing.out == ""
    else:
        assert listing.err == ""
    text = " ".join((listing.out + listing.err).split())
    for row in table.ROWS.values():
        assert f"{row.name} {row.help}" in text


@pytest.mark.parametrize("flag", ["--help", "-?", "-h"])
def test_db_help_lists_all_commands(db, flag):
    """Asked for, the list comes with status 0."""
    listing = db(flag)
    assert (listing.status, listing.err) == (0, "")
    text = " ".join(listing.out.split())
    for row in table.ROWS.values():
        assert f"{row.name} {row.help}" in text


def test_help_among_other_flags(both):
    """`-vh` shows it, too."""
    manage, flask = (front_end("heads", "-vh") for front_end in both)
    assert (manage.status, manage.err) == (flask.status, flask.err) == (0, "")
    assert manage.out.splitlines()[2:] == flask.out.splitlines()[2:] != []


@pytest.mark.parametrize("command", table.ROWS)
@pytest.mark.parametrize("flag", ["--help", "-?", "-h"])
def test_help_of_a_command_is_the_same_text(both, command, flag):
    """Only the name of the program differs."""
    manage, flask = (front_end(command, flag) for front_end in both)
    assert manage.status == flask.status == 0
    assert manage.err == flask.err == ""
    usage = re.compile("^Usage: (.* )?db ")
    assert usage.sub("Usage: db ", manage.out) == usage.sub("Usage: db ", flask.out)
    assert table.ROWS[command].help in manage.out


def test_a_folder_beside_the_current_one(db, tmp_path, monkeypatch):
    """Every command finds it by a path that leads out of the current folder."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("EDITOR", "true")
    project = db.project

    def run(command: str, *arguments: str) -> Result:
        words = ["db", command, "-d", "../project/migrations", *arguments]
        if db.name == "flask":
            return project.flask("../project/shop.py", *words)
        return project.run("manage.py", *words)

    for words in (
        "upgrade|downgrade --yes|upgrade|stamp head|check|migrate|current|show|edit cccc|heads"
        "|revision --rev-id dddd|revision --head cccc --splice --rev-id eeee|branches|history"
        "|merge -m both|upgrade"
    ).split("|"):
        if words == "check" and not hasattr(command, "check"):
            continue
        done = run(*words.split())
        if words == "edit cccc" and "without distutils" in done.error:
            assert done.error == one_line(
                f"Alembic {alembic.__version__} has no 'edit without distutils': "
                "install a newer Alembic to use it"
            )
            continue
        assert (done.status, done.error) == (0, ""), (words, done)
    assert len(project.versions) == 6


CONVERSATION = [
    ["heads"],
    ["heads", "-v"],
    ["branches"],
    ["current"],
    ["history"],
    ["history", "-v"],
    ["history", "-r", "aaaa:cccc"],
    ["history", "-r", "-2:"],
    ["history", "-r-2:"],
    ["show"],
    ["show", "bbbb"],
    ["upgrade", "+1"],
    ["current"],
    ["current", "--head-only"],
    ["current", "--check-heads"],
    ["upgrade", "aaa+2"],
    ["downgrade", "-1"],
    ["downgrade", "--revision", "aaaa"],
    ["downgrade"],
    ["upgrade", "--sql"],
    ["upgrade", "aaaa:bbbb", "--sql"],
    ["downgrade", "--sql"],
    ["downgrade", "cccc:-1", "--sql"],
    ["downgrade", "head:-1", "--sql"],
    ["stamp", "bbbb"],
    ["current", "-v"],
    ["stamp", "base"],
    ["upgrade", "--tag", "t", "-x", "a=1", "-x", "b=2"],
    ["-d", "migrations", "current"],
    ["current", "-d", "migrations"],
    ["downgrade", "cccc-2"],
    ["upgrade", "heads"],
    ["current", "--check-heads"],
    ["list-templates"],
    ["revision", "-m", "empty one", "--rev-id", "dddd"],
    ["merge", "-m", "nothing"],
]


def without_noise(project: Project, result: Result) -> tuple[int, str, str]:
    """A result without what differs from run to run: folders and times."""
    clean = [text.replace(str(project.folder), "<project>") for text in (result.out, result.err)]
    dates = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?")
    return result.status, dates.sub("<time>", clean[0]), clean[1]


def test_a_long_conversation_is_the_same(project, new_database, monkeypatch):
    """The same words give the same output, errors and status, command after command."""
    heard = []
    for name in ("manage.py", "flask"):
        monkeypatch.setenv("DATABASE_URL", new_database("sqlite"))
        write_shop(project)
        front_end = FrontEnd(name, project)
        results = [without_noise(project, front_end(*words)) for words in CONVERSATION]
        heard.append(
            [(w, s, out, _no_database(err)) for w, (s, out, err) in zip(CONVERSATION, results)]
        )
        heard[-1] = [(w, s, _no_database(out), err) for w, s, out, err in heard[-1]]
        _remove(project)
    for manage, flask in zip(*heard):
        assert manage == flask


def _no_database(text: str) -> str:
    text = re.sub(r"\(\d+\.\d\d s\)", "(<time>)", text)
    return re.sub(r"ms_[0-9a-f]{12}", "<database>", text)


def _remove(project: Project) -> None:
    for path in sorted(project.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def test_relative_revisions_reach_alembic(db, monkeypatch):
    """-1, +2, ae10+2 and the like are not taken for options."""

    url = os.environ["DATABASE_URL"]
    assert db("upgrade", "+2").status == 0
    assert rows(url, "SELECT version_num FROM alembic_version") == [("bbbb",)]
    assert db("upgrade", "bbbb+1").status == 0
    assert rows(url, "SELECT version_num FROM alembic_version") == [("cccc",)]
    assert "-- Running downgrade cccc -> bbbb" in db("downgrade", "head:-1", "--sql").out
    assert db("downgrade", "-2").status == 0
    assert rows(url, "SELECT version_num FROM alembic_version") == [("aaaa",)]
    assert db("downgrade", "--revision", "-1").status == 0
    assert rows(url, "SELECT * FROM alembic_version") == []
    assert "-- Running upgrade bbbb -> cccc" in db("upgrade", "bbbb:cccc", "--sql").out


def test_x_arguments_reach_env_py(db):
    """Each -x is there, in the order typed, wherever it was typed."""
    db.project.write(
        "migrations/env.py",
        """
        from alembic import context
        print(context.get_x_argument(), context.get_x_argument(as_dictionary=True))
        if context.config.cmd_opts.x is None:
            print("no argument")
        """,
    )
    assert db("current").out == "[] {}\nno argument\n"
    assert db("current", "-x", "a=1", "--x-arg", "b=2").out == (
        "['a=1', 'b=2'] {'a': '1', 'b': '2'}\n"
    )
    assert db("-x", "a=1", "current").out == "['a=1'] {'a': '1'}\n"


LACKING = [
    (["init", "-d", "other", "--package"], "package"),
    (["stamp", "--purge"], "purge"),
    (["history", "-i"], "indicate_current"),
    (["check"], None),
]


# what is done here, and not by Alembic
OURS = set(Settings.__annotations__) | {"directory", "x_arg", "multidb", "head_only", "check_heads"}


def test_no_other_option_is_lacking():
    """Every option of every command, on the Alembic of this stack."""
    lacking = set()
    for name, row in table.ROWS.items():
        if name in ("migrate", "list-templates", "restore"):
            continue  # Alembic's `revision`, and what is done without it
        function = getattr(command, name, None)
        if function is None:
            lacking.add((name, None))
            continue
        known = set(inspect.signature(function).parameters)
        wanted = {p.name for p in row.parameters if p.option.flags} - OURS
        lacking |= {(name, parameter) for parameter in wanted - known}
    assert lacking <= {(words[0], parameter) for words, parameter in LACKING}


@pytest.mark.parametrize(("words", "parameter"), LACKING)
def test_what_an_old_alembic_lacks(db, words, parameter):
    """One line names the option or the command, and the Alembic that is installed."""
    function = getattr(command, words[0], None)
    known = function and (parameter is None or parameter in inspect.signature(function).parameters)
    answer = db(*words)
    if known:
        assert "has no" not in answer.error
        return
    option = f" --{parameter.replace('_', '-')}" if parameter else ""
    name = words[0] + option if parameter else f"db {words[0]}"
    assert (answer.status, answer.out, answer.error) == (
        1,
        "",
        one_line(
            f"Alembic {alembic.__version__} has no '{name}': install a newer Alembic to use it"
        ),
    )
    assert not (db.project.folder / "other").exists()


OWN_COMMANDS = """

    @app.cli.command()
    def deploy():
        from migrate_script import upgrade

        upgrade(revision=os.environ["TARGET"])


    @migrate.configure
    def fail(config):
        return 1 / 0 if os.environ["TARGET"] == "fail" else config
"""


def test_a_command_of_the_applications_own(both, monkeypatch):
    """Under `flask deploy`, a failure that nobody catches is one line, or an unknown one."""
    _, flask = both
    write_source(flask.project.folder / "shop.py", textwrap.dedent(APP + OWN_COMMANDS))
    monkeypatch.setenv("TARGET", "nosuch")
    failed = flask.project.flask("shop.py", "deploy")
    assert (failed.status, failed.out) == (1, "")
    assert failed.error == flask("upgrade", "nosuch").error
    monkeypatch.setenv("TARGET", "fail")
    failed = flask.project.flask("shop.py", "deploy")
    assert failed.status == 1
    assert "in fail" in failed.err
    monkeypatch.setenv("TARGET", "head")
    assert flask.project.flask("shop.py", "deploy").status == 0


UPGRADE_HELP = """\
Usage: manage.py db upgrade [OPTIONS] [REVISION]

  Upgrade the database to a later revision.

  REVISION is 'head' unless given.

Options:
"""


def test_the_help_of_upgrade(both):
    """It begins with what was typed; what the command alone has comes first."""
    manage, flask = (front_end("upgrade", "-h").out for front_end in both)
    assert manage.startswith(UPGRADE_HELP)
    assert flask.partition("db upgrade ")[2] == manage.partition("db upgrade ")[2]
    flags = re.findall(r"^  (-.*?)(?:  |$)", manage, re.M)
    assert flags[:-1] == [
        "--sql",
        "--tag WORD",
        "--lock-timeout SECONDS",
        "--dry-run",
        "--verify",
        "--ddl-lock-timeout SECONDS",
        "--backup",
        "--clean-leftovers",
        "--yes",
        "--no-loss",
        "-d, --directory FOLDER",
        "-x, --x-arg NAME=VALUE",
        "--traceback",
    ]
    assert sorted(flags[-1].split(", ")) == ["--help", "-?", "-h"]


def test_h_is_left_to_who_has_it(project, url):
    """An option -h of a manager, of a command, or of the server means what it did."""
    project.write(
        "manage.py",
        """
        from flask import Flask
        from migrate_script import Manager

        manager = Manager(Flask(__name__))
        team = Manager(usage="Manage the team.")
        team.add_option("-h", dest="host")
        manager.add_command("team", team)


        @team.command
        def hello():
            print("hello")


        @manager.option("-h", "--height", dest="height")
        def grow(height):
            print("to", height)


        if __name__ == "__main__":
            manager.run()
        """,
    )
    assert project.run("manage.py", "grow", "-h", "7").out == "to 7\n"
    assert "expected one argument" in project.run("manage.py", "team", "-h").err
    assert "expected one argument" in project.run("manage.py", "runserver", "-h").err
    assert project.run("manage.py", "-h").out.startswith("usage: manage.py")
