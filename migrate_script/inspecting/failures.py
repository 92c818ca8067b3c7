"""Exceptions of Alembic, SQLAlchemy and scripts become errors of our family.

Where Alembic fails over what a script does not have, or has of another kind, the literals of all
scripts are compared. `origins.py` finds the file that is to blame.
"""

from __future__ import annotations

import configparser
import errno
import inspect
import os
import re
import traceback
from contextlib import suppress
from typing import Any, Optional

import alembic
import click
from alembic import command
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy import exc
from sqlalchemy.engine import Connection, Engine

from .. import errors
from ..compat.sqlalchemy import engine_of
from .differences import described
from .headers import is_right, scripts_of
from .origins import OTHER_ARGUMENTS, PACKAGE, Origin, Place

# a URL may hold a password, and the folder is a part of many messages
_NOT_TO_BLAME = ("here", "script_location", "sqlalchemy.url", "version_locations")
# what to write for an option of which Alembic cannot use every value
_WANTED = {
    "file_template": "fields, such as %%(rev)s_%%(slug)s",
    "output_encoding": "an encoding, such as utf-8",
    "path_separator": "os, or take it out",
    "revision_environment": "true or false",
    "timezone": "the name of a time zone, such as UTC",
    "truncate_slug_length": "a number, such as 40",
    "version_path_separator": "os, or take it out",
}
# Click has one of its own from 7.0 on
_EXITS = (SystemExit, getattr(click.exceptions, "Exit", SystemExit))
_NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_NO_DATABASE = 1046  # of MySQL
# the classes that stand for a connection and its rows in `running/offline.py`
_OF_SQL_FILE = re.compile(r"\b(MockConnection|NoRows)\b")

Worded = Optional[errors.MigrateError]


class _Failure(Origin):
    """An exception of a command, and the error that says the same in words."""

    def translated(self) -> Worded:
        """Choose the error of our family; None where there is nothing to add to the exception."""
        error, place = self.error, self.place()
        in_script = place if place and os.path.basename(place[0]) != "env.py" else None
        if isinstance(error, errors.AlterError):
            if self.script:
                where = errors.place_text(*(in_script or (str(self.script.path), None)))
                error.args = (f"{where}: {error}",)
            return error
        if isinstance(error, exc.DBAPIError):
            return self._of_driver(error, in_script)
        if self.script and in_script and self.run.offline and _OF_SQL_FILE.search(self.text):
            return self._of_sql_file(in_script)
        worded = self._of_connection()
        if worded:
            return worded
        if isinstance(error, ImportError) and error.name == "distutils":  # `edit` before 1.6
            return errors.NeedsNewerAlembic("edit without distutils", alembic.__version__)
        if self.of_library and "upgrade_ops_list" in self.text:  # `check` of 1.9 to 1.12
            return errors.NeedsNewerAlembic("check of several databases", alembic.__version__)
        if isinstance(error, (CommandError, RevisionError)):
            if not (in_script and self.step):
                worded = self._of_alembic()
        else:
            worded = self._of_step() if self.script else self._of_symbol() or self._of_header()
        if worded is None and place:
            worded = self._of_end(place)
        if worded is None and in_script:
            worded = _of_script(in_script, error)
        if worded is None and place is None:
            worded = self._of_option()
        if worded is None and isinstance(error, CommandError):
            worded = errors.AlembicError(self.text)
        return worded or self._of_folder(place)

    def _of_sql_file(self, place: Place) -> errors.MigrateError:
        """Translate what a script does with a connection or with rows that --sql has not."""
        run, revision = self.run, self.script.revision
        revisions = list(run.revisions)
        start = next(iter(run.heads), "base")
        at = revisions.index(revision)
        where, typed = errors.place_text(*place), run.name
        if run.name == "downgrade":
            typed = f"downgrade {str(run.target).rpartition(':')[2]}"
        return errors.NeedsDatabase(typed, revisions, at, start, self.text, where)

    def _of_driver(self, error: exc.DBAPIError, place: Place | None) -> errors.MigrateError:
        """Translate what the database refuses: a connection, or a statement."""
        engine = engine_of(error, Engine) if error.statement is None else None
        if engine is not None:
            return errors.DatabaseError.no_connection(engine.url, errors.cause_text(error.orig))
        if getattr(error.orig, "args", ())[:1] == (_NO_DATABASE,):
            return errors.DatabaseError.no_database(engine_of(error, Connection).url)
        if str(error.orig) == "file is not a database":
            return errors.DatabaseError.other_file(engine_of(error, Connection).url)
        statement = error.statement or "COMMIT"
        of_line = errors.place_text(*place) if place else ""
        where, is_full = "the database refused", str(error.orig) == "database or disk is full"
        if self.script:
            where = f"revision {self.script.revision} failed"
        elif place:
            where, of_line = of_line, ""
        if is_full:
            file = engine_of(error, Connection).url.database
            return errors.DatabaseError.disk_full(where, statement, error.orig, of_line, file)
        if self.script and re.match(r"\s*CREATE TABLE\b", statement) and _exists(error.orig):
            return errors.DatabaseError.table_exists(where, statement, error.orig, of_line)
        return errors.DatabaseError.statement(where, statement, error.orig, of_line)

    def _of_connection(self) -> Worded:
        """Translate what SQLAlchemy or a driver raises about a URL, and not as a DBAPIError."""
        connects = any("/sqlalchemy/pool" in f.filename.replace("\\", "/") for f in self.frames)
        engine = engine_of(self.error, Engine) if connects else None
        if engine is not None:
            return errors.DatabaseError.no_connection(engine.url, errors.cause_of(self.error))
        # SQLAlchemy takes it for granted that a URL of MySQL names one
        is_theirs = "/sqlalchemy/" in self.frames[-1].filename.replace("\\", "/")
        is_surprise = isinstance(self.error, (AssertionError, AttributeError)) and is_theirs
        engine = engine_of(self.error, Connection) if is_surprise else None
        if engine is not None and engine.url.host and not engine.url.database:
            return errors.DatabaseError.no_database(engine.url)
        return None

    def _of_alembic(self) -> Worded:
        """Translate what Alembic refuses, with the facts that its cause holds."""
        text, cause = self.text, self.error.__cause__ or self.error
        kind = type(cause).__name__
        behind = text.startswith("Target database is not up to date")
        if type(self.error).__name__ == "AutogenerateDiffsDetected":
            # the error itself has them from Alembic 1.17 on
            (directive,) = self.run.revision_context.generated_revisions[-1:]
            found, lines = [], []
            for ops in directive.upgrade_ops_list:
                differences = ops.as_diffs()
                found += differences
                lines += described(differences, ops.upgrade_token)
            return errors.DifferencesFound(found, lines)
        several = ("overlaps with other requested", "is not a head revision")
        if kind == "MultipleHeads" or behind or any(words in text for words in several):
            # several files of one revision are several heads to Alembic
            paths: dict[str, list[str]] = {}
            for path, header in self.headers():
                paths.setdefault(str(header.get("revision", path)), []).append(path)
            for revision, files in paths.items():
                if len(files) > 1:
                    return errors.RevisionError.several_files(revision, files)
        if behind:
            return errors.RevisionError.not_up_to_date(sorted(self.run.heads), self.heads())
        if kind == "MultipleHeads":
            heads = sorted(map(str, cause.heads))  # type: ignore[attr-defined]
            return errors.RevisionError.several_heads(heads, self.run and self.run.name)
        if kind.endswith(("CycleDetected", "LoopDetected")):
            return errors.RevisionError.circle(text)
        if "already used by revision" in text:
            return errors.RevisionError.label_taken(text)
        if "not allowed in revision identifier" in text:
            for path, header in self.headers():
                if f"identifier '{header.get('revision')}'" in text:
                    return errors.ScriptError.failed(path, None, cause)
        if text.startswith("Could not determine revision id from filename"):
            name = text.split("filename ")[1].split(".py")[0] + ".py"
            found = [path for path in self.files if os.path.basename(path) == name]
            return errors.ScriptError.no_revision(found[0] if found else name)
        if kind in ("ResolutionError", "RevisionError", "RangeNotAncestorError"):
            revision = str(getattr(cause, "argument", None))
            if self.run and revision in self.run.heads and "locate" in text:
                purge = "purge" in inspect.signature(command.stamp).parameters
                return errors.RevisionError.unknown_in_database(revision, purge)
            if text.startswith("Ambiguous "):  # walk, or upgrade from several heads
                return errors.RevisionError.ambiguous(self.run.heads, self.heads())
            if str(cause).startswith("Multiple revisions start with"):
                known = [str(header.get("revision")) for _, header in self.headers()]
                found = [each for each in known if each.startswith(revision)]
                return errors.RevisionError.several_begin(revision, found)
            return self._of_target(text)
        return self._of_request(text)

    def _of_target(self, text: str) -> errors.MigrateError:
        """Translate what leads to no revision."""
        name = self.run.name if self.run else ""
        unknown = re.search(r"(?:identified by|No such revision or branch) '(.*?)'", text)
        if unknown and unknown.group(1) == "base":  # Alembic before 1.6
            reason = f"Alembic {alembic.__version__} counts no steps from 'base'"
            return errors.RevisionError.not_resolved(reason)
        if unknown:
            known = {"head", "heads", "base"}
            for _, header in self.headers():
                known |= {str(header.get("revision")), *_several(header.get("branch_labels"))}
            return errors.RevisionError.unknown(unknown.group(1), sorted(known))
        if name in ("upgrade", "downgrade"):
            target = str(self.run.target)
            return errors.RevisionError.too_far(name, target, self.run.heads, self.heads())
        if name == "history" and "does not refer to ancestor" in text:
            return errors.RevisionError.not_on_a_line(text.partition("range ")[2].split()[0])
        return errors.RevisionError.not_resolved(text)

    def _of_symbol(self) -> Worded:
        """Translate what Alembic from 1.6 on asserts, or takes for granted, of what is typed."""
        name, target = (self.run.name, str(self.run.target)) if self.run else ("", "")
        if isinstance(self.error, AssertionError) and self.of_order:
            if name in ("upgrade", "downgrade") and re.search(r"\w[-+]\d+$", target):
                return errors.RevisionError.too_far(name, target, self.run.heads, self.heads())
            return errors.RevisionError.not_resolved(f"no revision is meant by '{target}'")
        if isinstance(self.error, ValueError) and name == "history" and target.count(":") > 1:
            return errors.RevisionError.no_range(target)
        return None

    def _of_request(self, text: str) -> Worded:
        """Translate what a command refuses before it begins."""
        name, target = (self.run.name, str(self.run.target)) if self.run else ("", "")
        not_head = re.match(r"Revision (\S+) is not a head revision", text)
        if not_head:
            return errors.RevisionError.not_a_head(name, not_head.group(1), self.heads())
        if text.startswith("Duplicate head revisions"):
            return errors.RevisionError.head_twice()
        if text.startswith("History range requires"):
            return errors.RevisionError.no_range(target)
        if text.startswith("Range revision not allowed"):
            return errors.RevisionError.range_without_sql(name, target)
        if text.startswith("downgrade with --sql requires"):
            return errors.RevisionError.sql_without_start(target)
        if text.startswith(("No current revisions", "No revision files indicated")):
            folder = str(self.config.get_main_option("script_location"))
            return errors.RevisionError.no_file(target, folder)
        if text.startswith("Error executing editor"):
            return errors.ScriptError.editor(
                str([*self.run.scripts][-1].path), self.error.__context__
            )
        if "does not provide a MetaData object" in text:
            env_py = os.path.join(str(self.config.get_main_option("script_location")), "env.py")
            return errors.ScriptError.no_metadata(env_py)
        rendering = re.match(r"Template rendering failed; see (\S+)", text)
        if rendering and name != "init":
            return self._of_template(f"{rendering.group(1)} shows in which line it fails")
        if self.script and text.startswith("Online migration expected to match one row"):
            return errors.ScriptError.version_table(str(self.script.path))
        if "--purge with --sql" in text:
            return errors.UsageError.given_twice("db stamp", "--purge", "--sql")
        if "revision_environment is not configured" in text:
            return errors.UsageError.no_environment(str(self.config.config_file_name))
        return None

    def _of_template(self, reason: str) -> errors.FolderError:
        folder = str(self.config.get_main_option("script_location"))
        return errors.FolderError.bad_template(os.path.join(folder, "script.py.mako"), reason)

    def heads(self) -> list[str]:
        """Return the newest revision of each branch."""
        return sorted(map(str, scripts_of(self.config).get_heads()))

    def _of_step(self) -> Worded:
        """Translate the call of an `upgrade` or `downgrade` that cannot be called so."""
        name = "upgrade" if self.step.is_upgrade else "downgrade"
        if self.of_library and OTHER_ARGUMENTS.match(self.text) and "'engine_name'" in self.text:
            of_one = "unexpected" in self.text
            return errors.ScriptError.other_databases(str(self.script.path), name, of_one)
        function = getattr(self.script.module, name, None)
        if callable(function) or not isinstance(self.error, TypeError):
            return None
        return errors.ScriptError.other_kind(str(self.script.path), name, "a function", function)

    def _of_header(self) -> Worded:
        """Translate what Alembic runs into where a script lacks what it expects."""
        lacking = self.lacking()
        if lacking and lacking[1] in ("upgrade", "downgrade"):
            return errors.ScriptError.no_function(*lacking)
        if not (self.of_order and isinstance(self.error, (AttributeError, KeyError, TypeError))):
            return None
        for path, header in self.headers():
            for name, value in header.items():
                if not is_right(name, value):
                    several = "" if name == "revision" else ", several of them in brackets, or None"
                    return errors.ScriptError.other_kind(path, name, f"a text{several}", value)
        if not isinstance(self.error, KeyError):
            return None
        missing = str(self.error.args[0])
        for path, header in self.headers():
            for names in (header.get("down_revision"), header.get("depends_on")):
                if missing in _several(names):
                    return errors.RevisionError.missing_parent(missing, path)
        return errors.RevisionError.missing_parent(missing, None)

    def _of_option(self) -> Worded:
        """Name the option of alembic.ini whose value the scripts cannot be read or written with."""
        ini, text, key = self.config.file_config, self.text, None
        if isinstance(self.error, configparser.InterpolationError):
            return None  # see `_of_folder`
        if isinstance(self.error, KeyError):
            key, text = f"%({self.error.args[0]})", f"there is no field {self.text}"
        found: list[tuple[int, str, str]] = []
        for section in ("alembic", "post_write_hooks"):
            for option, value in ini.items(section, raw=True) if ini.has_section(section) else ():
                place = value.find(key) if key else text.rfind(value)
                if place >= 0 and len(value) > 2 and option not in _NOT_TO_BLAME:
                    found.append((place, section, option))
        cause = getattr(self.error.__cause__, "__traceback__", None)
        frames = [*self.frames, *traceback.extract_tb(cause)]
        if not found and any("write_hooks" in frame.filename for frame in frames):
            found.append((0, "post_write_hooks", "hooks"))  # some releases say nothing else
        if not found and any(frame.name == "_rev_path" for frame in frames):
            found.append((0, "alembic", "file_template"))
        if not found:
            return None
        path = str(self.config.config_file_name)
        _, section, option = max(found)
        if option in _WANTED:
            value = ini.get(section, option, raw=True, fallback="")
            return errors.FolderError.unusable_option(path, option, value, _WANTED[option])
        return errors.FolderError.refused_option(path, section, option, text)

    def _of_end(self, place: Place) -> Worded:
        """Translate what a file raises to end the command, with words of its own for the user."""
        error, words = self.error, self.text
        if isinstance(error, _EXITS):
            if os.path.basename(place[0]) == "env.py" and isinstance(error, SystemExit):
                return None  # the process ends as it asks for
            code = getattr(error, "exit_code", getattr(error, "code", None))
            if not isinstance(code, str):
                shown = "" if code is None else code
                return errors.ScriptError.ended_silently(*place, f"sys.exit({shown})")
            words = code
        elif isinstance(error, click.Abort):
            return errors.ScriptError.ended_silently(*place, "click.Abort")
        elif isinstance(error, CommandError):
            if self.frames[-1].filename != place[0]:
                return None
        elif not isinstance(error, click.ClickException):
            return None
        return errors.ScriptError.ended(*place, words)

    def _of_folder(self, place: Place | None) -> Worded:
        """Translate what has nothing to do with a script."""
        error, worded = self.error, errors.why_no_engine(self.error)
        if worded is not None or isinstance(error, SystemExit):
            return worded
        if isinstance(error, RuntimeError) and "StopIteration" in str(error):
            # Alembic before 1.6 on Python 3.7 and later, when a relative revision leads nowhere
            return self._of_target("there is no revision that far")
        if isinstance(error, configparser.InterpolationError):
            ini = str(self.config.config_file_name)
            return errors.FolderError.bad_option(ini, error.section, error.option)
        if any(f.name == "engine_of" and f.filename.startswith(PACKAGE) for f in self.frames):
            # of the application, which env.py asks for
            return errors.DatabaseError.no_engine(error)
        raised_in = self.frames[-1].filename
        # what a library takes for granted is not up to env.py
        if place is not None and not (isinstance(error, AssertionError) and raised_in != place[0]):
            return errors.ScriptError.failed(*place, error)
        if type(error).__module__.startswith("mako.") and "script.py.mako" in self.text:
            return self._of_template(errors.cause_of(error))
        if isinstance(error, OSError) and (error.filename or error.errno in _NO_ROOM):
            # to write a file that is open has no name
            path = error.filename or self.config.get_main_option("script_location")
            return errors.FolderError.not_writable(str(path), error.strerror or str(error))
        return None


def _exists(refusal: Any) -> bool:
    """Whether a driver says that what a statement creates is there (PostgreSQL, MySQL, SQLite)."""
    codes = {getattr(refusal, name, None) for name in ("pgcode", "sqlstate")}
    is_known = "42P07" in codes or getattr(refusal, "args", ())[:1] == (1050,)
    return is_known or str(refusal).endswith("already exists")


def _several(names: Any) -> tuple[str, ...]:
    """Return the names of a header, of which there may be one or none."""
    return (names,) if isinstance(names, str) else tuple(names or ())


def _of_script(place: Place, error: BaseException) -> errors.MigrateError:
    """Translate what goes wrong in a script: a URL there is not that of the application."""
    of_driver = isinstance(error, (exc.NoSuchModuleError, ModuleNotFoundError))
    if not of_driver and errors.why_no_engine(error):
        return errors.ScriptError.bad_url(*place)
    return errors.ScriptError.failed(*place, error)


def _reported(error: BaseException) -> BaseException:
    """Return what Mako was to report, where its own report of it does not compile (1.0 on 3.9)."""
    frames = traceback.extract_tb(error.__traceback__)
    by_mako = any(re.search(r"mako[/\\]exceptions\.py$", frame.filename) for frame in frames)
    return error.__context__ or error if by_mako and isinstance(error, SyntaxError) else error


def translate(error: BaseException, config: Any, run: Any = None) -> BaseException:
    """Return the error of our family for an exception; that itself if env.py ends the process."""
    is_ours = isinstance(error, errors.MigrateError)
    if is_ours and not isinstance(error, errors.AlterError):
        return error
    worded = None
    with suppress(Exception):  # an error in here must not hide the one that is translated
        error = _reported(error)
        worded = _Failure(error, config, run).translated()
    # a script that ends the process would end it with nothing done, and perhaps as a success
    keeps = is_ours or isinstance(error, SystemExit)
    return worded or (error if keeps else errors.Unexpected(error))
