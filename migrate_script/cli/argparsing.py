"""What argparse knows of a command: its help, and where a user added to it, its own options."""

from __future__ import annotations

import argparse
from typing import Any

import click

from .parsing import HELP_FLAGS, RowCommand
from .table import Row


class _Typed(argparse.Action):
    """What was typed for one of our options or arguments, kept as it is for Click to read."""

    def __call__(
        self, parser: Any, namespace: Any, values: Any, option_string: str | None = None
    ) -> None:
        words = values if isinstance(values, list) else [] if values is None else [values]
        typed = [*getattr(namespace, self.dest, ()), *self.option_strings[:1], *words]
        setattr(namespace, self.dest, typed)


def _as_click(number: int, action: argparse.Action, parser: argparse.ArgumentParser) -> Any:
    """Give what a user added as it is shown."""
    if not action.option_strings:
        return click.Argument([f"added_{number}"], metavar=str(action.metavar or action.dest))
    text = parser._get_formatter()._expand_help(action) if action.help else None
    names = [f"added_{number}", *action.option_strings]
    return click.Option(names, help=text, is_flag=action.nargs == 0)


class _ShowHelp(argparse.Action):
    """`--help` of a command: the same text as with `flask db`, and what a user added."""

    def __init__(self, *args: Any, row: Row, **kwargs: Any) -> None:
        self.row = row
        kwargs.update(nargs=0, default=argparse.SUPPRESS)
        super().__init__(*args, **kwargs)

    def __call__(self, parser: argparse.ArgumentParser, *args: Any, **kwargs: Any) -> None:
        command = RowCommand(self.row)
        ours = (_Typed, _ShowHelp)
        added = [action for action in parser._actions if not isinstance(action, ours)]
        command.params += [_as_click(*each, parser) for each in enumerate(added)]
        context = click.Context(command, info_name=parser.prog, **command.context_settings)
        click.echo(command.get_help(context))
        parser.exit()


def _add_ours(parser: argparse.ArgumentParser, row: Row) -> None:
    known = vars(parser)["_option_string_actions"]
    for parameter in RowCommand(row).params:
        flags: list[str] = []
        nargs: Any = "*" if parameter.nargs == -1 else "?"
        if isinstance(parameter, click.Option):
            flags = [flag for flag in parameter.opts if flag not in known]
            if not flags:  # a user's own comes first
                continue
            nargs = 0 if parameter.is_flag else None
        parser.add_argument(
            *flags, dest="typed", action=_Typed, nargs=nargs, default=argparse.SUPPRESS
        )
    # those of Flask-Migrate stood before what was added to them
    parser._actions.sort(key=lambda action: not isinstance(action, _Typed))


def let_know(parser: argparse.ArgumentParser, row: Row, added: bool) -> None:
    """Let argparse know `--help`, and the options and arguments beside those that a user added.

    Without, it would take their values for arguments of the user's, and their beginnings for
    options of the user's.

    :param parser: the parser of a command
    :param row: the command
    :param added: whether a user added any
    :raises: nothing
    """
    if added:
        _add_ours(parser, row)
    parser.add_argument(*HELP_FLAGS, action=_ShowHelp, row=row)
