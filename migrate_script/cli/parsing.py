"""Click commands of the command table: the group `flask db`, and the parsing of both front ends."""

from __future__ import annotations

from itertools import islice
from typing import Any, Callable, Iterator, NoReturn, Sequence

import click
from flask.cli import with_appcontext

from .. import errors
from . import console
from .command_table import (
    ALSO,
    FLAG,
    GROUP_HELP,
    GROUP_OPTIONS,
    LIST,
    OPTIONS,
    ROWS,
    TRACEBACK,
    UNLISTED,
    VALUE,
    Option,
    Row,
)

HELP_FLAGS = ["-h", "-?", "--help"]


class _Unlisted(click.Option):
    """An option that is not in the help."""

    def get_help_record(self, ctx: click.Context) -> None:
        return None


def _parameter(name: str, option: Option, default: Any, listed: bool = True) -> click.Parameter:
    if not option.flags:
        many = option.kind == LIST
        return click.Argument([name], required=False, nargs=-1 if many else 1, default=None)
    kinds: dict[str, dict[str, Any]] = {
        VALUE: {"default": default},
        FLAG: {"is_flag": True, "default": default},
        LIST: {"multiple": True},
    }
    return (click.Option if listed else _Unlisted)(
        [name, *option.flags], help=option.help, metavar=option.value, **kinds[option.kind]
    )


def group_parameters() -> list[click.Parameter]:
    """Make the options that may precede the name of a command."""
    return [_parameter(name, OPTIONS[name], None) for name in GROUP_OPTIONS]


def _defaults(row: Row) -> str:
    """Return what an argument is if it is not given."""
    default = {p.name: p.default for p in row.parameters if not p.option.flags and p.default}
    return " ".join(f"{name.upper()} is '{value}' unless given." for name, value in default.items())


def _is_relative(argument: str) -> bool:
    """Whether an argument is a revision such as `-1` and not an option."""
    return argument[1:2].isdigit()


class RowCommand(click.Command):
    """The Click command of a row; a usage error is one line."""

    def __init__(self, row: Row, callback: Callable[..., Any] | None = None) -> None:
        self.row = row
        self.typed: str = f"db {row.name}"  # what a message advises to type
        params = [
            _parameter(p.name, p.option, p.default, (row.name, p.name) not in UNLISTED)
            for p in row.parameters
            if p.name not in GROUP_OPTIONS
        ]
        params += [
            _parameter(f"also_{name}", option, None)
            for (command, name), option in ALSO.items()
            if command == row.name
        ]
        params += [*group_parameters(), _parameter("traceback", TRACEBACK, False)]
        super().__init__(
            row.name,
            # which leaves `-1` among the arguments
            context_settings={"help_option_names": HELP_FLAGS, "ignore_unknown_options": True},
            callback=callback,
            params=params,
            help=f"{row.help}\n\n{_defaults(row)}".strip(),
            short_help=row.help,
        )
        self.allow_extra_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments into `ctx.params`."""
        try:
            rest = super().parse_args(ctx, list(self._spelled_out(ctx, args)))
        except click.UsageError as error:
            console.fail(errors.UsageError.bad_value(self.typed, error.format_message()))
        if not ctx.resilient_parsing:
            self._check(ctx, rest)
            self._finish(ctx.params)
        return rest

    def _spelled_out(self, ctx: click.Context, args: Sequence[str]) -> Iterator[str]:
        """Rewrite for Click what argparse accepts: `-m=text`, an abbreviated option."""
        options = [p for p in self.get_params(ctx) if isinstance(p, click.Option)]
        flags = {flag: option for option in options for flag in option.opts}
        rest = iter(args)
        for argument in rest:
            name, equals, value = argument.partition("=")
            if name.startswith("--") and name not in flags:
                # Click before 8 makes another option for --help each time
                meant = {option.name: f for f, option in flags.items() if f.startswith(name)}
                name = meant.popitem()[1] if len(meant) == 1 and name != "--" else name
            option = flags.get(name)
            takes_value = option is not None and not option.is_flag
            if takes_value and equals and not name.startswith("--"):
                yield from (name, value)
            else:
                yield name + equals + value
                yield from islice(rest, 1 if takes_value and not equals else 0)

    def _check(self, ctx: click.Context, rest: list[str]) -> None:
        """Reject options and arguments that the command does not have."""
        given = [ctx.params.get(p.name) for p in self.row.parameters if not p.option.flags]
        for value in given:
            for argument in value if isinstance(value, tuple) else (value,):
                if argument and argument.startswith("-") and not _is_relative(argument):
                    self._refuse(argument)
        if rest:
            self._refuse(rest[0])

    def _refuse(self, argument: str) -> NoReturn:
        if argument.startswith("-") and not _is_relative(argument):
            known = [f for param in self.params for f in param.opts if f.startswith("--")]
            name = argument.split("=")[0]
            console.fail(errors.UsageError.no_option(self.typed, name, known))
        takes_message = any(param.name == "message" for param in self.params)
        console.fail(errors.UsageError.extra_argument(self.typed, argument, takes_message))

    def _finish(self, params: dict[str, Any]) -> None:
        """Fill in the defaults of the function, and join both spellings of a parameter."""
        for parameter in self.row.parameters:
            also = params.pop(f"also_{parameter.name}", None)
            value = params[parameter.name]
            if also is not None and value is not None:
                console.fail(errors.UsageError.given_twice(self.typed, value, also))
            value = also if value is None else value
            if isinstance(value, tuple):
                value = list(value)
            params[parameter.name] = parameter.default if value in (None, []) else value


def with_group_values(params: dict[str, Any], group: dict[str, Any]) -> dict[str, Any]:
    """Fill in the options given before the name of the command."""
    filled = {name: params.get(name) or list_or(group.get(name)) for name in GROUP_OPTIONS}
    return {**params, **filled}


def list_or(value: Any) -> Any:
    """Return a sequence as a list, or None if it is empty."""
    return (list(value) or None) if isinstance(value, (tuple, list)) else value


def _command(row: Row) -> click.Command:
    @with_appcontext
    def callback(traceback: bool = False, **params: Any) -> None:
        parent = click.get_current_context().parent
        group = parent.params if parent else {}
        console.run(row.name, row.function, with_group_values(params, group), traceback)

    return RowCommand(row, callback)


class CommandGroup(click.Group):
    """The group of `flask db`, which makes a command when it is looked up."""

    def __init__(self, name: str = "db") -> None:
        super().__init__(
            name,
            params=group_parameters(),
            help=GROUP_HELP,
            short_help=GROUP_HELP,
            context_settings={"help_option_names": HELP_FLAGS},
        )

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands of the table in its order, then those that the user added."""
        return [*ROWS, *(name for name in self.commands if name not in ROWS)]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.commands and name in ROWS:
            self.add_command(_command(ROWS[name]))
        return self.commands.get(name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None:
            console.fail(errors.UsageError.no_command(args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)
