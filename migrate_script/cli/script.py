"""`manage.py db` and `manage.py shell`: the commands as those of a Flask-Script Manager."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from functools import partial, wraps
from typing import Any, Callable, Iterable, Iterator, Sequence

import click
from flask_script import Command, Manager, Option

from .. import errors
from ..compat.flask_script import (
    AnyCommand,
    AnyShell,
    ClassManager,
    is_imported_by_flask,
    offer_in_shells,
    parser_when_needed,
)
from ..compat.flask_sqlalchemy import current_application, models
from ..compat.stdlib import actions_of, add_help_flag, flags_of, help_text, refuse_unknown_commands
from ..state import record
from . import console
from .command_table import GROUP_HELP, GROUP_OPTIONS, LIST, OPTIONS, ROWS, Row
from .parsing import HELP_FLAGS, RowCommand, with_group_values


class _Typed(argparse.Action):
    """Collects what was typed for our options and arguments, for Click to parse."""

    def __call__(
        self, parser: Any, namespace: Any, values: Any, option_string: str | None = None
    ) -> None:
        words = values if isinstance(values, list) else [] if values is None else [values]
        typed = [*getattr(namespace, self.dest, ()), *self.option_strings[:1], *words]
        setattr(namespace, self.dest, typed)


def _as_click(number: int, action: argparse.Action, parser: argparse.ArgumentParser) -> Any:
    """Return the Click parameter that shows what a user added."""
    if not action.option_strings:
        return click.Argument([f"added_{number}"], metavar=str(action.metavar or action.dest))
    names = [f"added_{number}", *action.option_strings]
    return click.Option(names, help=help_text(parser, action), is_flag=action.nargs == 0)


class _ShowHelp(argparse.Action):
    """`--help` of a command: the text of `flask db`, and what a user added."""

    def __init__(self, *args: Any, row: Row, **kwargs: Any) -> None:
        self.row = row
        kwargs.update(nargs=0, default=argparse.SUPPRESS)
        super().__init__(*args, **kwargs)

    def __call__(self, parser: argparse.ArgumentParser, *args: Any, **kwargs: Any) -> None:
        command = RowCommand(self.row)
        ours = (_Typed, _ShowHelp)
        added = [action for action in actions_of(parser) if not isinstance(action, ours)]
        command.params += [_as_click(*each, parser) for each in enumerate(added)]
        name = f"{os.path.basename(sys.argv[0])} {parser.prog}"
        context = click.Context(command, info_name=name, **command.context_settings)
        click.echo(command.get_help(context))
        parser.exit()


def _add_ours(parser: argparse.ArgumentParser, row: Row) -> None:
    known = flags_of(parser)
    for parameter in RowCommand(row).params:
        flags: list[str] = []
        nargs: Any = "*" if parameter.nargs == -1 else "?"
        if isinstance(parameter, click.Option):
            flags = [flag for flag in parameter.opts if flag not in known]
            if not flags:  # a user's option has precedence
                continue
            nargs = 0 if parameter.is_flag else None
        parser.add_argument(
            *flags, dest="typed", action=_Typed, nargs=nargs, default=argparse.SUPPRESS
        )
    # as with Flask-Migrate, ours come before what was added
    actions_of(parser).sort(key=lambda action: not isinstance(action, _Typed))


def _add_to_parser(parser: argparse.ArgumentParser, row: Row, added: bool) -> None:
    """Add `--help`, and our options beside those that a user added.

    Without them, argparse would treat their values as arguments of the user's, and their
    beginnings as options of the user's.
    """
    if added:
        _add_ours(parser, row)
    flags = [flag for flag in HELP_FLAGS if flag not in flags_of(parser)]
    parser.add_argument(*flags, action=_ShowHelp, row=row)


# from Click 7 on; before, Click ends the process itself
_EXIT: Any = getattr(click.exceptions, "Exit", ())


class MigrationCommand(AnyCommand):
    """One row of the table as a Flask-Script command.

    argparse passes on the arguments and Click parses them, so that they mean the same as with
    `flask db`, and `-1` or `-3:` are not options.
    """

    capture_all_args = True
    help_args: tuple[()] = ()

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.row = row
        self.help: str = row.help
        self.__doc__ = row.help
        self.manager: Any = None
        self.traceback: bool = False

    def __deepcopy__(self, memo: Any) -> MigrationCommand:
        """Copy what a user changed, without the application that the last run left."""
        copy = type(self)(self.row)
        left = ("manager", "parent", "parser")
        copy.__dict__.update((k, v) for k, v in self.__dict__.items() if k not in left)
        copy.option_list = list(self.option_list)
        return copy

    @parser_when_needed
    def create_parser(self, *args: Any, **kwargs: Any) -> argparse.ArgumentParser:
        """Make the argparse parser, with `--help` and the options that a user added."""
        self.manager = kwargs.get("parent")
        parser: argparse.ArgumentParser = super().create_parser(*args, **kwargs)
        _add_to_parser(parser, self.row, bool(self.option_list))
        return parser

    def __call__(self, app: Any = None, arguments: Any = (), typed: Any = (), **added: Any) -> Any:
        """Parse the arguments and run the command in a request context."""
        command = RowCommand(self.row)
        try:
            params = command.make_context(self.row.name, [*typed, *arguments]).params
        except _EXIT as done:  # the help was asked for by `-vh`
            console.leave(done.exit_code)
        params = with_group_values(params, getattr(self.manager, "given", {}))
        self.traceback = params.pop("traceback")
        params = self._for_run({**params, **added})
        return console.run(self.row.name, partial(super().__call__, app), params, self.traceback)

    def _for_run(self, params: dict[str, Any]) -> dict[str, Any]:
        """Omit defaults that a user's `run` does not accept."""
        taken = inspect.signature(self.run).parameters
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
            return params
        default = {parameter.name: parameter.default for parameter in self.row.parameters}
        return {k: v for k, v in params.items() if k in taken or v != default.get(k)}

    def run(self, *args: Any, **params: Any) -> None:
        console.run(self.row.name, partial(self.row.function, *args), params, self.traceback)


def _no_such_command(known: Iterable[str], name: str) -> None:
    console.fail(errors.UsageError.no_command(name, known))


def _group_options(added: Sequence[Any]) -> Iterator[Option]:
    """Yield the options of the group, without flags that a user's option has."""
    taken = {flag for option in added for flag in getattr(option, "args", ())}
    for name in GROUP_OPTIONS:
        option = OPTIONS[name]
        flags = [flag for flag in option.flags if flag not in taken]
        action = "append" if option.kind == LIST else "store"
        if flags:
            yield Option(
                *flags,
                dest=name,
                action=action,
                default=None,
                help=option.help,
                metavar=option.value,
            )


class MigrateCommand(ClassManager, commands=zip(ROWS, map(MigrationCommand, ROWS.values()))):
    """Perform database migrations.

    A class, which `add_command('db', MigrateCommand)` instantiates. The commands belong to the
    class, for code that was written when `MigrateCommand` was an instance.

    :param args: as for Manager
    :param kwargs: as for Manager
    """

    name = "db"
    usage = None
    help = description = GROUP_HELP

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("help", self.help)
        kwargs.setdefault("description", self.description)
        super().__init__(*args, **kwargs)
        self.given: dict[str, Any] = {}

    @parser_when_needed
    def create_parser(self, *args: Any, **kwargs: Any) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().create_parser(*args, **kwargs)
        refuse_unknown_commands(parser, partial(_no_such_command, list(self._commands)), "COMMAND")
        return parser

    def get_options(self) -> list[Any]:
        """Return the options that may precede the name of a command."""
        return [*_group_options(self._options), *self._options]

    def __call__(self, app: Any = None, **options: Any) -> Any:
        """Keep the options of the group for its command."""
        self.given = {name: options.pop(name, None) for name in GROUP_OPTIONS}
        return super().__call__(app, **options)


def model_names() -> dict[str, Any]:
    """Return the names of a shell besides `app`: `db`, and every model by its class name."""
    state = record()
    db = state.real_db if state else None
    if db is None:
        return {}
    return {**{model.__name__: model for model in models(db)}, "db": db}


class Shell(AnyShell):
    """A Python shell with `app`, `db` and every model; `make_context` has precedence.

    :param banner: what to show first
    :param make_context: a function that gives more names
    :param options: as for Flask-Script's Shell
    """

    help = description = "Run a Python shell with the application, its database and its models."

    def __init__(
        self,
        banner: str | None = None,
        make_context: Callable[[], dict[str, Any]] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(banner=banner, make_context=make_context or dict, **options)

    def get_context(self) -> dict[str, Any]:
        """Return the names of the shell."""
        return {"app": current_application(), **model_names(), **self.make_context()}


HANDLED: list[Manager] = []  # the managers that were given a command line


def _handle(handle: Callable[..., Any]) -> Callable[..., Any]:
    """Let a user's command call our functions as those of Flask-Migrate.

    With `return upgrade()` the list is no exit status. An error is one line, except `Unexpected`,
    which needs its traceback.
    """

    @wraps(handle)
    def handle_ours(self: Manager, *args: Any, **kwargs: Any) -> Any:
        HANDLED.append(self)
        try:
            result = handle(self, *args, **kwargs)
        except errors.Unexpected:
            raise
        except errors.MigrateError as error:
            console.fail(error)
        return None if getattr(result, "is_done", False) else result

    return handle_ours


def _run(run: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse the command line of `flask`, which imports a script that runs its manager at once."""

    @wraps(run)
    def run_ours(self: Manager, *args: Any, **kwargs: Any) -> Any:
        if is_imported_by_flask():
            console.fail(errors.UsageError.runs_when_imported())
        return run(self, *args, **kwargs)

    return run_ours


def _create_parser(create_parser: Callable[..., Any]) -> Callable[..., Any]:
    """Let `-h` show the help of every manager that has no such option."""

    @wraps(create_parser)
    def create_parser_with_h(*args: Any, **kwargs: Any) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = create_parser(*args, **kwargs)
        add_help_flag(parser, "-h")
        return parser

    return create_parser_with_h


def _init(init: Callable[..., None]) -> Callable[..., None]:
    """Let `Command(upgrade)` work with our functions, as with Flask-Migrate's.

    Flask-Script makes a short option of the first letter of each parameter; of those with the
    same letter, the first gets it.
    """

    @wraps(init)
    def init_with_flags_once(self: Command, func: Any = None) -> None:
        init(self, func)
        row = next((row for row in ROWS.values() if row.function is func), None)
        if row is not None:
            self.__doc__ = row.help
            taken: set[str] = set()
            for option in self.option_list:
                option.args = tuple(flag for flag in option.args if flag not in taken)
                taken.update(option.args)

    return init_with_flags_once


Manager.handle = _handle(Manager.handle)
Manager.run = _run(Manager.run)
Manager.create_parser = parser_when_needed(_create_parser(Manager.create_parser))
Command.__init__ = _init(Command.__init__)
offer_in_shells(model_names)
