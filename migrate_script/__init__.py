"""Database migrations for Flask applications that are run with `python manage.py ...`."""

# first of all: it makes Flask-Script importable
from .compat import flask_script as _flask_script  # noqa: F401

# isort: split
from flask_script import Command as Command
from flask_script import Group as Group
from flask_script import Manager as Manager
from flask_script import Option as Option
from flask_script import Server as Server
from flask_script import prompt as prompt
from flask_script import prompt_bool as prompt_bool
from flask_script import prompt_choices as prompt_choices
from flask_script import prompt_pass as prompt_pass

from .cli.script import MigrateCommand as MigrateCommand
from .cli.script import Shell as Shell
from .commands import branches as branches
from .commands import check as check
from .commands import current as current
from .commands import downgrade as downgrade
from .commands import edit as edit
from .commands import heads as heads
from .commands import history as history
from .commands import init as init
from .commands import list_templates as list_templates
from .commands import merge as merge
from .commands import migrate as migrate
from .commands import restore as restore
from .commands import revision as revision
from .commands import show as show
from .commands import stamp as stamp
from .commands import upgrade as upgrade
from .errors import MigrateError as MigrateError
from .extension import Migrate as Migrate

__version__ = "0.1.0"

__all__ = [
    "Command",
    "Group",
    "Manager",
    "Migrate",
    "MigrateCommand",
    "MigrateError",
    "Option",
    "Server",
    "Shell",
    "branches",
    "check",
    "current",
    "downgrade",
    "edit",
    "heads",
    "history",
    "init",
    "list_templates",
    "merge",
    "migrate",
    "prompt",
    "prompt_bool",
    "prompt_choices",
    "prompt_pass",
    "restore",
    "revision",
    "show",
    "stamp",
    "upgrade",
]
