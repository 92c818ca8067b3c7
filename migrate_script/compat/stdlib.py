"""Private names of Python's argparse and logging, which exist in 3.7 to 3.14."""

from __future__ import annotations

import argparse
from typing import Any, Callable


def actions_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the list of a parser's options and arguments, which may be changed."""
    return parser._actions


def flags_of(parser: argparse.ArgumentParser) -> set[str]:
    """Return the flags that a parser has options for."""
    return set(parser._option_string_actions)


def add_help_flag(parser: argparse.ArgumentParser, flag: str) -> None:
    """Let another flag show the help of a parser, unless it has an option of that name."""
    flags = parser._option_string_actions
    for action in actions_of(parser):
        if isinstance(action, argparse._HelpAction) and flag not in flags:
            action.option_strings = [*action.option_strings, flag]
            flags[flag] = action


def help_text(parser: argparse.ArgumentParser, action: argparse.Action) -> str | None:
    """Return the help of an option with its %(default)s and the like filled in."""
    return parser._get_formatter()._expand_help(action) if action.help else None


class _Commands(dict):  # type: ignore[type-arg]
    """The parsers of the sub-commands by name, in which argparse looks for what was typed."""

    refuse: Callable[[str], Any]

    def __contains__(self, name: object) -> bool:
        if not super().__contains__(name):
            self.refuse(str(name))
        return True


def refuse_unknown_commands(
    parser: argparse.ArgumentParser, refuse: Callable[[str], Any], metavar: str
) -> None:
    """Have a function called for the name of a sub-command that a parser does not have."""
    for action in actions_of(parser):
        if isinstance(action, argparse._SubParsersAction):
            commands = _Commands(action.choices)
            commands.refuse = refuse
            action.choices, action.metavar = commands, metavar


def file_config_beside(file_config: Callable[..., None], *args: Any, **kwargs: Any) -> None:
    """Call `logging.config.fileConfig` so that it closes no handler that exists."""
    import logging.config  # which an application that does not use it need not import

    names = vars(logging.config)
    clear = names["_clearExistingHandlers"]
    names["_clearExistingHandlers"] = bool  # which does nothing
    try:
        file_config(*args, **kwargs)
    finally:
        names["_clearExistingHandlers"] = clear
