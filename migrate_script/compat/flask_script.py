"""Imports Flask-Script, and a Manager whose commands belong to the class."""

from __future__ import annotations

import sys
from collections import OrderedDict
from types import MethodType
from typing import TYPE_CHECKING, Any, Callable, Iterable

import click

from . import flask_script_patches
from .flask_script_patches import parser_when_needed as parser_when_needed
from .launcher import aliases


def load() -> None:
    """Import Flask-Script as `aliases.FlaskScript` finds it, which others do not meet."""
    finder = aliases.FlaskScript(flask_script_patches.exec_module)
    sys.meta_path.insert(0, finder)
    try:
        import flask_script
    finally:
        sys.meta_path.remove(finder)
    # where it works, it may have been imported before
    flask_script_patches.apply(flask_script)


load()


from flask_script import Command, Manager, Shell  # noqa: E402

if TYPE_CHECKING:

    class AnyClass:
        """What a class of Flask-Script, which has no annotations, is to a type checker."""

        def __init__(self, *args: Any, **kwargs: Any) -> None: ...

        # Any: what they take and return differs between releases, and by what a user adds
        option_list: Any

        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
        def create_parser(self, *args: Any, **kwargs: Any) -> Any: ...
        def __getattr__(self, name: str) -> Any: ...

    class AnyCommand(AnyClass): ...

    class AnyManager(AnyClass): ...

    class AnyShell(AnyClass): ...

else:
    AnyCommand, AnyManager, AnyShell = Command, Manager, Shell


def offer_in_shells(names: Callable[[], dict[str, Any]]) -> None:
    """Let a Shell offer more than the application, where it has no `make_context` of its own."""
    Shell.__init__.offered.append(names)


def is_imported_by_flask() -> bool:
    """Whether `flask` imports the application (`ScriptInfo._loaded_app`, Flask 0.11 to 3.1)."""
    context = click.get_current_context(silent=True)
    if context is None:
        return False
    from flask.cli import ScriptInfo  # a manage.py does not need it

    info = context.find_object(ScriptInfo)
    return info is not None and info._loaded_app is None


class _OnClassToo:
    """A method of Manager that can be called on the class as well, for all its instances."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __get__(self, instance: Any, owner: Any) -> Any:
        return MethodType(self.function, owner if instance is None else instance)


class ClassManager(AnyManager):
    """A Manager whose commands and options belong to the class and not to the instance.

    Code written for an instance can use the class. `Manager._commands` and `Manager._options`
    exist in 2.0.5 and 2.0.6.
    """

    add_command: _OnClassToo = _OnClassToo(Manager.add_command)
    add_option: _OnClassToo = _OnClassToo(Manager.add_option)
    command: _OnClassToo = _OnClassToo(Manager.command)
    option: _OnClassToo = _OnClassToo(Manager.option)
    shell: _OnClassToo = _OnClassToo(Manager.shell)

    _commands: dict[str, Any]
    _options: list[Any]

    def __init_subclass__(cls, commands: Iterable[tuple[str, Any]] | None = None) -> None:
        if commands is not None:
            cls._commands = OrderedDict(commands)
            cls._options = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._commands = type(self)._commands
        self._options = type(self)._options
