"""The Alembic configuration of one migrations folder."""

from __future__ import annotations

import argparse
import configparser
import copy
import os
import re
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Sequence

from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory

from . import errors

TEMPLATES = Path(__file__).parent / "templates"
_LONE_PERCENT = re.compile(r"%(?!\()")


def template_names() -> list[str]:
    """Name the templates that come with the package.

    :raises: nothing
    """
    return sorted(path.name for path in TEMPLATES.iterdir() if path.is_dir())


def print_templates() -> None:
    """Print the templates, each with the first line of its README.

    :raises: nothing
    """
    config = Config(stdout=sys.stdout)
    for name in template_names():
        with open(TEMPLATES / name / "README", encoding="utf-8") as readme:
            config.print_stdout("%s - %s", name, readme.readline().strip())


def escape(value: str) -> str:
    """Double the percent signs of a value on its way into an ini section.

    :param value: a path or a URL
    :raises: nothing
    """
    return value.replace("%", "%%")


def _tolerant(value: str) -> str:
    """Let a value through ConfigParser, whether its percent signs are escaped or not."""
    without_escapes = value.replace("%%", "")
    return escape(value) if _LONE_PERCENT.search(without_escapes) else value


@contextmanager
def _no_advice() -> Iterator[None]:
    """Keep quiet about `path_separator`, which Alembic 1.16 wants in files written before it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


class Config(AlembicConfig):
    """Alembic's Config, with our templates, and at ease with `%` in paths and URLs."""

    template_directory = TEMPLATES
    #: from the name of a bind (None: the default one) and a value for `sqlalchemy.url` to the URL
    #: that the application connects to; None where the value has nothing to do with it
    real_url: Callable[[str | None, Any], str | None] = staticmethod(lambda key, value: None)
    #: drops what an env.py that ran before has left in the application's settings
    forget_env_py: Callable[[], None] = staticmethod(lambda: None)

    _scripts: ScriptDirectory | None = None

    def scripts(self) -> ScriptDirectory:
        """Open the folder of scripts; whoever asks again gets those that are loaded.

        A script is executed once in a command, as under Flask-Migrate: it may define a model.

        :raises Exception: the folder cannot be opened
        """
        if self._scripts is None:
            self._scripts = ScriptDirectory.from_config(self)
        return copy.copy(self._scripts)

    def use_template(self, template: str) -> str:
        """Choose what `init` copies.

        :param template: the name of one of ours, or the path of a folder
        :returns: the name to hand to Alembic
        :raises MigrateError: there is no such template
        """
        path = Path(template)
        if len(path.parts) > 1:
            # absolute, as Mako takes no path that leads out of the current folder
            self.template_directory, template = path.resolve().parent, path.resolve().name
        if not (self._get_template_path() / template).is_dir():
            raise errors.FolderError.no_template(str(path), template_names())
        return template

    def get_template_directory(self) -> str:
        """Name the folder that `init` copies a template from.

        :raises: nothing
        """
        return str(self.template_directory)

    def _get_template_path(self) -> Path:
        # Alembic from 1.16 on asks here and not above, which a script may have put its own in for
        return Path(self.get_template_directory())

    def print_stdout(self, text: str, *arg: Any) -> None:
        """Print a text, in which a `%` is one; before 1.0.1 Alembic takes it for a format.

        :param text: the text, or a format where there are arguments
        :param arg: what to put in
        :raises: nothing
        """
        super().print_stdout("%s", str(text) % arg if arg else str(text))

    def set_section_option(self, section: str, name: str, value: Any) -> None:
        """Set an option; a `%` need not be doubled, as in old env.py files it is not.

        :param section: the section of the ini file
        :param name: the option
        :param value: its value; a URL of the application's is set as the application uses it
        :raises configparser.Error: the section cannot be made
        :raises TypeError: the value is neither text nor a URL of the application's
        """
        key = None if section == self.config_ini_section else section
        url = self.real_url(key, value) if name == "sqlalchemy.url" else None
        if url is not None:
            value = escape(url)
        elif isinstance(value, str):
            value = _tolerant(value)
        super().set_section_option(section, name, value)

    def get_version_locations_list(self) -> list[str] | None:
        """List the folders of `version_locations`; an older alembic.ini names no separator.

        :raises: nothing
        """
        with _no_advice():
            return super().get_version_locations_list()

    def get_prepend_sys_paths_list(self) -> list[str] | None:
        """List the paths of `prepend_sys_path`; an older alembic.ini names no separator.

        :raises: nothing
        """
        with _no_advice():
            return super().get_prepend_sys_paths_list()

    def escape_here(self) -> None:
        """Let `%(here)s` stand for a path with `%` in it.

        :raises MigrateError: alembic.ini cannot be read
        """
        try:
            defaults: Any = self.file_config.defaults()
        except (configparser.Error, UnicodeDecodeError, OSError) as error:
            raise errors.FolderError.bad_ini(
                str(self.config_file_name), errors.cause_of(error)
            ) from error
        defaults["here"] = escape(defaults["here"])


def _x_arguments(x_arg: str | Iterable[str] | None) -> list[str] | None:
    """Give the list of `-x` arguments; None where there is none, as on Alembic's command line."""
    arguments = [x_arg] if isinstance(x_arg, str) else list(x_arg or ())
    return arguments or None


def ours(config: AlembicConfig) -> Config:
    """Make a Config of ours of what an application made by itself.

    :param config: any Config of Alembic's
    :raises: nothing
    """
    if not isinstance(config, Config):
        made = Config()
        vars(made).update(vars(config))
        config = made
    return config


def build(
    directory: str,
    callbacks: Sequence[Callable[[Any], Any]],
    x_arg: str | Iterable[str] | None = None,
    opts: Iterable[str] | None = None,
    new: bool = False,
) -> Config:
    """Make the Config of a folder, finished by the application's `@migrate.configure` callbacks.

    :param directory: the migrations folder
    :param callbacks: functions that take a Config and return it, or another
    :param x_arg: what env.py reads with `context.get_x_argument()`
    :param opts: names that env.py finds true in `config.cmd_opts`, such as `autogenerate`
    :param new: the folder is about to be created, so its alembic.ini is not read
    :raises MigrateError: alembic.ini cannot be read
    """
    ini = os.path.join(directory, "alembic.ini")
    # Alembic's own default for stdout is the one of the time it was imported
    config = Config(None if new else ini, stdout=sys.stdout)
    config.cmd_opts = argparse.Namespace(x=_x_arguments(x_arg), autogenerate=False)
    for name in opts or ():
        setattr(config.cmd_opts, name, True)
    config.escape_here()
    config.config_file_name = ini
    config.set_main_option("script_location", escape(directory))
    finished: AlembicConfig = config
    for callback in callbacks:
        finished = callback(finished)
    made = ours(finished)
    if made is not finished:
        made.real_url, made.forget_env_py = config.real_url, config.forget_env_py
    return made


def _location(config: AlembicConfig) -> Path | None:
    """Give the folder of a Config; None for "package:folder", which is Alembic's to find."""
    folder = Path(config.get_main_option("script_location") or "")
    return None if ":" in str(folder) and not folder.is_absolute() else folder


def check_file(config: AlembicConfig, name: str) -> None:
    """Make sure that a folder has a file.

    :param config: its Config
    :param name: the name of the file
    :raises MigrateError: it is missing
    """
    folder = _location(config)
    if folder is not None and not (folder / name).exists():
        raise errors.FolderError.no_file(str(folder / name))


def check_folder(config: AlembicConfig, directory: str) -> None:
    """Make sure that a folder has what every command but `init` needs.

    :param config: its Config
    :param directory: the folder, as the user named it
    :raises MigrateError: the folder or a part of it is missing
    """
    folder = _location(config)
    if folder is None:
        return
    if not folder.is_dir():
        raise errors.FolderError.missing(directory, str(folder.resolve()))
    check_file(config, "env.py")
    if not config.get_main_option("version_locations") and not (folder / "versions").is_dir():
        raise errors.FolderError.no_versions(str(folder / "versions"))
