"""`manage.py db`: the commands as a Flask-Script sub-manager."""

from __future__ import annotations

import argparse
import inspect
from collections import OrderedDict
from functools import partial, wraps
from types import MethodType
from typing import Any, Callable, Iterator, Sequence

from flask_script import Command, Manager, Option

from .. import errors
from . import console
from .argparsing import let_know
from .parsing import RowCommand, with_group_values
from .table import GROUP_HELP, GROUP_OPTIONS, LIST, OPTIONS, ROWS, Row


class _Commands(argparse._SubParsersAction):  # type: ignore[type-arg]
    """The choice of a command, with one line for a name that there is not."""

    @classmethod
    def take_over(cls, parser: argparse.ArgumentParser) -> None:
        """Stand in for the choice that Flask-Script made, which 2.0.5 does not let one name."""
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                action.__class__ = cls
                action.metavar = "COMMAND"
                # argparse would refuse the name before __call__ sees it
                vars(action)["choices"] = None

    def __call__(self, parser: Any, namespace: Any, values: Any, *args: Any) -> None:
        if values[0] not in self._name_parser_map:
            console.fail(errors.NoSuchCommand(values[0]))
        super().__call__(parser, namespace, values, *args)


class MigrationCommand(Command):  # type: ignore[misc]
    """One row of the table as a Flask-Script command.

    argparse hands over what stands behind the name as it is, and Click reads it: so the same
    words mean the same as with `flask db`, and `-1` or `-3:` are not taken for options.

    :param row: the row
    :raises: nothing
    """

    capture_all_args = True
    help_args = ()

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.row = row
        self.help = self.__doc__ = row.help
        self.manager: Any = None
        self.traceback = False

    def __deepcopy__(self, memo: Any) -> MigrationCommand:
        """Copy what a user changed, and not what the last run left: it leads to the application."""
        copy = type(self)(self.row)
        left = ("manager", "parent", "parser")
        copy.__dict__.update((k, v) for k, v in self.__dict__.items() if k not in left)
        copy.option_list = list(self.option_list)
        return copy

    def create_parser(self, *args: Any, **kwargs: Any) -> argparse.ArgumentParser:
        """Make the argparse parser, which knows `--help` and the options a user added.

        :param args: as in Flask-Script
        :param kwargs: as in Flask-Script
        :raises: nothing
        """
        self.manager = kwargs.get("parent")
        parser: argparse.ArgumentParser = super().create_parser(*args, **kwargs)
        let_know(parser, self.row, bool(self.option_list))
        return parser

    def __call__(self, app: Any = None, arguments: Any = (), typed: Any = (), **added: Any) -> Any:
        """Read the arguments and run the command in a request context, as Flask-Script does.

        :param app: the application
        :param arguments: the command line behind the name of the command
        :param typed: the part of it that argparse knew
        :param added: values of options that a user added
        :raises SystemExit: it failed
        """
        params = RowCommand(self.row).make_context(self.row.name, [*typed, *arguments]).params
        params = with_group_values(params, getattr(self.manager, "given", {}))
        self.traceback = params.pop("traceback")
        params = self._for_run({**params, **added})
        return console.run(partial(super().__call__, app), params, self.traceback)

    def _for_run(self, params: dict[str, Any]) -> dict[str, Any]:
        """Leave out what was not typed and a `run` that a user put here does not take."""
        taken = inspect.signature(self.run).parameters
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
            return params
        default = {parameter.name: parameter.default for parameter in self.row.parameters}
        return {k: v for k, v in params.items() if k in taken or v != default.get(k)}

    def run(self, *args: Any, **params: Any) -> None:
        """Run the command.

        :param args: the first parameters of its function
        :param params: others
        :raises SystemExit: it failed
        """
        console.run(partial(self.row.function, *args), params, self.traceback)


class _OnClassToo:
    """A method of Manager that can be called on the class as well, for all its instances."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __get__(self, instance: Any, owner: Any) -> Any:
        return MethodType(self.function, owner if instance is None else instance)


def _group_options(added: Sequence[Any]) -> Iterator[Option]:
    """Give the options of the group, without the flags that a user gave to another one."""
    taken = {flag for option in added for flag in getattr(option, "args", ())}
    for name in GROUP_OPTIONS:
        option = OPTIONS[name]
        flags = [flag for flag in option.flags if flag not in taken]
        action = "append" if option.kind == LIST else "store"
        if flags:
            yield Option(*flags, dest=name, action=action, default=None, help=option.help)


class MigrateCommand(Manager):  # type: ignore[misc]
    """Perform database migrations.

    A class, for `add_command('db', MigrateCommand)` to make its own instance. The commands belong
    to the class: code written when this was an instance adds to it, or takes from it, here.

    :param args: as for Manager
    :param kwargs: as for Manager
    :raises: nothing
    """

    name = "db"
    usage = None
    help = description = GROUP_HELP
    _commands: dict[str, Any] = OrderedDict(zip(ROWS, map(MigrationCommand, ROWS.values())))
    _options: list[Any] = []

    add_command = _OnClassToo(Manager.add_command)
    add_option = _OnClassToo(Manager.add_option)
    command = _OnClassToo(Manager.command)
    option = _OnClassToo(Manager.option)
    shell = _OnClassToo(Manager.shell)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("help", self.help)
        kwargs.setdefault("description", self.description)
        super().__init__(*args, **kwargs)
        self._commands = type(self)._commands
        self._options = type(self)._options
        self.given: dict[str, Any] = {}

    def create_parser(self, *args: Any, **kwargs: Any) -> argparse.ArgumentParser:
        """Make the argparse parser, with a parser for each command.

        :param args: as in Flask-Script
        :param kwargs: as in Flask-Script
        :raises: nothing
        """
        parser: argparse.ArgumentParser = super().create_parser(*args, **kwargs)
        _Commands.take_over(parser)
        return parser

    def get_options(self) -> list[Any]:
        """Give the options that may stand before the name of a command.

        :raises: nothing
        """
        return [*_group_options(self._options), *self._options]

    def __call__(self, app: Any = None, **options: Any) -> Any:
        """Note the options of the group, and pass the application on.

        :param app: the application, or what makes it
        :param options: values of the options of the group
        :raises Exception: there is no application
        """
        self.given = {name: options.pop(name, None) for name in GROUP_OPTIONS}
        return super().__call__(app, **options)


def _handle(handle: Callable[..., Any]) -> Callable[..., Any]:
    """Let a user's command call our functions as it called those of Flask-Migrate.

    It may end in `return upgrade()`: what they return is no exit status. What they raise is shown
    in one line, but for an error whose cause only a traceback shows.
    """

    @wraps(handle)
    def handle_and_tell(self: Manager, *args: Any, **kwargs: Any) -> Any:
        try:
            result = handle(self, *args, **kwargs)
        except errors.Unexpected:
            raise
        except errors.MigrateError as error:
            console.fail(error)
        return None if getattr(result, "is_done", False) else result

    return handle_and_tell


def _init(init: Callable[..., None]) -> Callable[..., None]:
    """Let one of our functions be a command by itself, as those of Flask-Migrate could.

    Flask-Script makes a short option of each first letter, and ours have more parameters than
    letters: the first of each letter gets it, in the order that Flask-Migrate's had.
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
Command.__init__ = _init(Command.__init__)
