"""The Alembic configuration of one migrations folder."""

from __future__ import annotations

import argparse
import configparser
import os
import re
import sys
from operator import methodcaller
from pathlib import Path
from typing import Any, Callable, Iterable, Optional, Sequence

from alembic.config import Config as AlembicConfig

from . import errors
from .compat.alembic import ConfigWithTemplates

# takes the name of a bind (None: the default one) and a value for `sqlalchemy.url`; returns the URL
# that the application connects to, or None for another database
UrlOf = Callable[[Optional[str], Any], Optional[str]]

TEMPLATES = Path(__file__).parent / "templates"
_LONE_PERCENT = re.compile(r"%(?!\()")


def template_names() -> list[str]:
    """List the templates of the package."""
    return sorted(path.name for path in TEMPLATES.iterdir() if path.is_dir())


def print_templates() -> None:
    """Print the templates, each with the first line of its README."""
    config = Config(stdout=sys.stdout)
    config.print_stdout("Available templates:\n")
    for name in template_names():
        with open(TEMPLATES / name / "README", encoding="utf-8") as readme:
            config.print_stdout("%s - %s", name, readme.readline().strip())


#: doubles the percent signs of a value, for ConfigParser
escape: Callable[[str], str] = methodcaller("replace", "%", "%%")


class Config(ConfigWithTemplates):
    """Alembic's Config with our templates, which accepts `%` in paths and URLs."""

    template_directory: Path = TEMPLATES
    #: see `UrlOf`
    real_url: UrlOf = staticmethod(lambda key, value: None)
    #: removes what an earlier env.py has left in the application's settings
    forget_env_py: Callable[[], None] = staticmethod(lambda: None)
    #: where the application is, beside which its models may be
    application_folder: str = os.curdir

    def use_template(self, template: str) -> str:
        """Choose the template, ours or a folder, and return its name for Alembic."""
        separators = [each for each in ("/", os.sep, os.altsep) if each]
        if any(each in template for each in separators):
            path = Path(template).resolve()
            for name in ("env.py", "script.py.mako", "alembic.ini.mako"):
                if not (path / name).exists():
                    raise errors.FolderError.unusable_template(template, str(path / name))
            # absolute, as Mako accepts no path out of the current folder
            self.template_directory = path.parent
            template = path.name
        elif not (Path(self.get_template_directory()) / template).is_dir():
            raise errors.FolderError.no_template(template, template_names())
        return template

    def get_template_directory(self) -> str:
        """Return the folder of the templates."""
        return str(self.template_directory)

    def print_stdout(self, text: str, *arg: Any) -> None:
        """Print a text; Alembic before 1.0.1 would treat it as a format.

        `current -v` prints a URL, in whose query Alembic leaves a password.
        """
        shown = tuple(errors.url_without_passwords(a) if "://" in str(a) else a for a in arg)
        super().print_stdout("%s", str(text) % shown if shown else str(text))

    def set_section_option(self, section: str, name: str, value: Any) -> None:
        """Set an option, in which a `%` need not be doubled, as in old env.py files."""
        key = None if section == self.config_ini_section else section
        url = self.real_url(key, value) if name == "sqlalchemy.url" else None
        if url is not None:
            value = escape(url)
        elif isinstance(value, str) and _LONE_PERCENT.search(value.replace("%%", "")):
            value = escape(value)
        super().set_section_option(section, name, value)


def ours(config: AlembicConfig, url_of: UrlOf) -> Config:
    """Convert a Config that an application made to ours."""
    if not isinstance(config, Config):
        made = Config()
        vars(made).update(vars(config))
        config = made
    config.real_url = url_of
    return config


def build(
    directory: str,
    url_of: UrlOf,
    callbacks: Sequence[Callable[[Any], Any]],
    x_arg: str | Iterable[str] | None = None,
    opts: Iterable[str] | None = None,
    new: bool = False,
) -> Config:
    """Make the Config of a folder, completed by the callbacks of the application."""
    ini = os.path.join(directory, "alembic.ini")
    # the default is the stdout of the time when Alembic was imported
    config = Config(None if new else ini, stdout=sys.stdout)
    config.real_url = url_of
    x = [x_arg] if isinstance(x_arg, str) else list(x_arg or ())
    config.cmd_opts = argparse.Namespace(x=x or None, autogenerate=False)
    for name in opts or ():
        setattr(config.cmd_opts, name, True)
    try:
        defaults: Any = config.file_config.defaults()
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        raise errors.FolderError.bad_ini(ini, errors.cause_of(error)) from error
    defaults["here"] = escape(defaults["here"])  # the path of the folder may contain a `%`
    config.config_file_name = ini
    # Mako accepts no path out of the current folder
    location = os.path.abspath(directory) if os.pardir in Path(directory).parts else directory
    config.set_main_option("script_location", escape(location))
    finished: AlembicConfig = config
    for callback in callbacks:
        finished = callback(finished)
    return config if finished is config else ours(finished, url_of)


def _location(config: AlembicConfig) -> Path | None:
    """Return the folder of a Config; None for "package:folder", which Alembic finds."""
    folder = Path(config.get_main_option("script_location") or "")
    return None if ":" in str(folder) and not folder.is_absolute() else folder


def check_file(config: AlembicConfig, name: str) -> None:
    """Check that a folder has a file."""
    folder = _location(config)
    if folder is not None and not (folder / name).exists():
        raise errors.FolderError.no_file(str(folder / name))


def _others(missing: Path) -> list[str]:
    """Find folders of the same name in and below the folder of the script and the current one."""
    found: dict[str, None] = {}
    for root in (Path.cwd(), Path(sys.argv[0]).resolve().parent):
        for pattern in (f"{missing.name}/env.py", f"*/{missing.name}/env.py"):
            found.update(dict.fromkeys(os.path.relpath(str(p.parent)) for p in root.glob(pattern)))
    return sorted(found)


def check_folder(config: AlembicConfig, directory: str) -> None:
    """Check that a folder has what every command but `init` needs."""
    folder = _location(config)
    if folder is None:
        return
    if not folder.is_dir():
        absolute = folder.resolve()
        raise errors.FolderError.missing(directory, str(absolute), _others(absolute))
    if not (folder / "env.py").exists():
        raise errors.FolderError.no_file(str(folder / "env.py"))
    try:
        locations = config.get_main_option("version_locations")
    except configparser.InterpolationError as error:
        raise errors.FolderError.bad_option(
            str(config.config_file_name), error.section, error.option
        ) from error
    if not locations and not (folder / "versions").is_dir():
        raise errors.FolderError.no_versions(str(folder / "versions"))
