"""`flask db`: the commands as a Click group, registered with the application."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import with_appcontext

from .. import errors
from . import console
from .command_table import GROUP_HELP, ROWS, Row
from .parsing import HELP_FLAGS, RowCommand, group_parameters, with_group_values


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
