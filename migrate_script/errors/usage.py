"""What is wrong with a command line, a setting or the installation."""

from __future__ import annotations

from .words import MigrateError


class UsageError(MigrateError):
    """The command line is wrong."""

    status = exit_code = 2


class NoSuchCommand(UsageError):
    """There is no command of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no command '{name}': 'db --help' lists them all")


class NoSuchOption(UsageError):
    """The command has no option of that name."""

    def __init__(self, command: str, option: str) -> None:
        super().__init__(
            f"'{command}' has no option '{option}': '{command} --help' lists those it has"
        )


class TooManyArguments(UsageError):
    """The command takes fewer arguments."""

    def __init__(self, command: str, extra: str) -> None:
        super().__init__(
            f"'{command}' does not take the argument '{extra}': "
            f"'{command} --help' shows what it takes"
        )


class GivenTwice(UsageError):
    """Two ways to say the same thing were used at once."""

    def __init__(self, command: str, one: str, other: str) -> None:
        super().__init__(f"'{command}' got both '{one}' and '{other}': give one of them")


class BadValue(UsageError):
    """An option or argument has a value that cannot be used."""

    def __init__(self, command: str, reason: str) -> None:
        super().__init__(f"'{command}': {reason.rstrip('.')}: '{command} --help' shows how")


class NothingToRun(UsageError):
    """The launcher was given no program that it could run."""

    def __init__(self, command: str, reason: str) -> None:
        super().__init__(f"{reason}: '{command}' without arguments says what it takes")


class BadSetting(UsageError):
    """A setting of this package has a value that cannot be used."""

    def __init__(self, name: str, value: object, wanted: str) -> None:
        super().__init__(f"'{name}' is '{value}': give {wanted}")


class NeedsNewerAlembic(MigrateError):
    """The installed Alembic lacks a command or an option."""

    def __init__(self, what: str, installed: str) -> None:
        super().__init__(f"Alembic {installed} has no '{what}': install a newer Alembic to use it")
