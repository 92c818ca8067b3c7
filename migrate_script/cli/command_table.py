"""The table of commands and options, of which both front ends are made; help is that of `commands`.

A command is a function of `commands`. Its parameters are its options and arguments, looked up by
name below; its defaults are those of the function, its help the first line of the docstring.
"""

from __future__ import annotations

import inspect
from typing import Any, Callable, NamedTuple

from .. import commands

VALUE, FLAG, LIST = "value", "flag", "list"


class Option(NamedTuple):
    """How a parameter is written on the command line: `flags` is empty for an argument."""

    flags: tuple[str, ...]
    kind: str
    help: str = ""
    value: str | None = None  # what the help calls it


OPTIONS: dict[str, Option] = {
    "directory": Option(
        ("-d", "--directory"),
        VALUE,
        "The migrations folder ('migrations' if nothing else is set).",
        "FOLDER",
    ),
    "x_arg": Option(
        ("-x", "--x-arg"),
        LIST,
        "An argument for env.py, often name=value; may be repeated.",
        "NAME=VALUE",
    ),
    "multidb": Option(("--multidb",), FLAG, "Support several databases (SQLALCHEMY_BINDS)."),
    "template": Option(
        ("-t", "--template"), VALUE, "The template to use: a name, or the path of a folder.", "NAME"
    ),
    "package": Option(("--package",), FLAG, "Add an __init__.py to the folder and its versions."),
    "message": Option(("-m", "--message"), VALUE, "What the revision does.", "TEXT"),
    "autogenerate": Option(
        ("--autogenerate",), FLAG, "Fill the file with the differences of models and database."
    ),
    "allow_drops": Option(
        ("--allow-drops",),
        FLAG,
        "Drop two or more tables that are over half of all, and those that no revision mentions.",
    ),
    "sql": Option(("--sql",), FLAG, "Print the SQL and leave the database alone."),
    "head": Option(("--head",), VALUE, "The revision to build on, or <branch>@head.", "REVISION"),
    "splice": Option(("--splice",), FLAG, "Allow to build on a revision that is not a head."),
    "branch_label": Option(
        ("--branch-label",), VALUE, "A label for the branch of the revision.", "LABEL"
    ),
    "version_path": Option(
        ("--version-path",),
        VALUE,
        "The versions folder to write to, where there are several.",
        "FOLDER",
    ),
    "rev_id": Option(("--rev-id",), VALUE, "The identifier to use instead of a random one.", "ID"),
    "depends_on": Option(
        ("--depends-on",),
        LIST,
        "A revision that must be applied first; may be repeated.",
        "REVISION",
    ),
    "tag": Option(("--tag",), VALUE, "Any word, for env.py to read.", "WORD"),
    "purge": Option(("--purge",), FLAG, "Delete the recorded revisions first, known or not."),
    "rev_range": Option(
        ("-r", "--rev-range"), VALUE, "[start]:[end], where either may be 'current'.", "START:END"
    ),
    "verbose": Option(("-v", "--verbose"), FLAG, "Show more of each revision."),
    "indicate_current": Option(
        ("-i", "--indicate-current"), FLAG, "Mark the revision that the database is at."
    ),
    "resolve_dependencies": Option(
        ("--resolve-dependencies",), FLAG, "Leave out what another head depends on."
    ),
    "head_only": Option(("--head-only",), FLAG, "Accepted for old scripts; without effect."),
    "check_heads": Option(("--check-heads",), FLAG, "Fail unless it is the newest revision."),
    "lock_timeout": Option(
        ("--lock-timeout",),
        VALUE,
        "How many seconds to wait for another migration (300).",
        "SECONDS",
    ),
    "ddl_lock_timeout": Option(
        ("--ddl-lock-timeout",),
        VALUE,
        "How many seconds a statement waits for a table that is in use (PostgreSQL).",
        "SECONDS",
    ),
    "backup": Option(("--backup",), FLAG, "Back up the database before the first step."),
    "file": Option((), VALUE),
    "bind": Option(
        ("--bind",),
        VALUE,
        "Which of several databases, if the name of the file does not show it.",
        "NAME",
    ),
    "dry_run": Option(
        ("--dry-run",), FLAG, "Run all, report how long slow ones take, and undo all."
    ),
    "verify": Option(
        ("--verify",),
        FLAG,
        "Compare the models and the database after the run; fail if they differ, and undo the run "
        "where the database can.",
    ),
    "clean_leftovers": Option(
        ("--clean-leftovers",),
        FLAG,
        "Drop the copies of whole tables that an earlier failure left (SQLite).",
    ),
    "yes": Option(("--yes",), FLAG, "Lose data without a question, whatever the settings."),
    "no_loss": Option(("--no-loss",), FLAG, "Refuse to run what drops data."),
    "revision": Option((), VALUE),
    "revisions": Option((), LIST),
}

# a second way to give a parameter, for one command
ALSO: dict[tuple[str, str], Option] = {
    ("downgrade", "revision"): Option(
        ("--revision",), VALUE, "The same as the argument.", "REVISION"
    ),
}

# what a function takes because Flask-Migrate's does, and can never do
UNLISTED = {("migrate", "sql"), ("revision", "sql")}

# for every command, and not for its function
TRACEBACK = Option(("--traceback",), FLAG, "Show where an error came from.")

GROUP_HELP = "Perform database migrations."
GROUP_OPTIONS = ("directory", "x_arg")

COMMANDS: tuple[Callable[..., Any], ...] = (
    commands.init,
    commands.revision,
    commands.migrate,
    commands.edit,
    commands.merge,
    commands.upgrade,
    commands.downgrade,
    commands.show,
    commands.history,
    commands.heads,
    commands.branches,
    commands.current,
    commands.stamp,
    commands.check,
    commands.list_templates,
    commands.restore,
)


# plain classes, which are made in a tenth of the time: every `--help` pays for it
class Parameter:
    """A parameter of one command, with the default of the function."""

    def __init__(self, name: str, option: Option, default: Any) -> None:
        self.name: str = name
        self.option: Option = option
        self.default: Any = default


class Row:
    """A command: its name on the command line, its help sentence, its function."""

    def __init__(self, name: str, help: str, function: Callable[..., Any]) -> None:
        self.name: str = name
        self.help: str = help
        self.function: Callable[..., Any] = function

    @property
    def parameters(self) -> list[Parameter]:
        """The options and arguments, in the order of the function."""
        parameters = inspect.signature(self.function).parameters.values()
        return [Parameter(p.name, OPTIONS[p.name], p.default) for p in parameters]


def _row(function: Callable[..., Any]) -> Row:
    # nothing where Python runs with -OO, which leaves docstrings out
    sentence = (function.__doc__ or "").partition("\n")[0]
    return Row(function.__name__.replace("_", "-"), sentence, function)


ROWS: dict[str, Row] = {row.name: row for row in map(_row, COMMANDS)}
