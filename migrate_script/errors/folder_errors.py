"""Errors of the application, the migrations folder or a script in it, and of the environment."""

from __future__ import annotations

from subprocess import CalledProcessError
from typing import Sequence

from .family import MigrateError, cause_of, cause_text, one_line, place_text


class NotConfigured(MigrateError):
    """There is no application, or it has no database to migrate."""

    @classmethod
    def no_context(cls) -> NotConfigured:
        return cls("there is no application here: call this inside 'with app.app_context():'")

    @classmethod
    def no_migrate(cls, app_name: str) -> NotConfigured:
        return cls(
            f"the application '{app_name}' has no database to migrate: "
            "add 'Migrate(app, db)', or 'migrate.init_app(app, db)' where the application is made"
        )


class FolderError(MigrateError):
    """The migrations folder is missing, in the way or unreadable."""

    @classmethod
    def missing(cls, directory: str, absolute: str, others: Sequence[str]) -> FolderError:
        reason = f"there is no migrations folder '{directory}' (looked for {absolute})"
        if others:
            ways = " or ".join(f"'-d {path}'" for path in others)
            return cls(f"{reason}, but there is {' and '.join(others)}: add {ways}")
        return cls(f"{reason}: create it with 'db init', or name another one with -d")

    @classmethod
    def no_versions(cls, versions: str) -> FolderError:
        return cls(
            f"the folder '{versions}' is missing, so no revision can be found: restore it from "
            "version control, or create it empty if there was never a revision"
        )

    @classmethod
    def no_file(cls, path: str) -> FolderError:
        return cls(
            f"the file '{path}' is missing: restore it from version control, or copy it from a new "
            "folder (db init -d FOLDER)"
        )

    @classmethod
    def exists(cls, directory: str) -> FolderError:
        return cls(
            f"the folder '{directory}' exists already and is not empty: "
            "remove it first, or name another one with -d"
        )

    @classmethod
    def bad_ini(cls, path: str, reason: str) -> FolderError:
        return cls(f"'{path}' cannot be read: {reason}: correct it or restore it")

    @classmethod
    def bad_option(cls, path: str, section: str, option: str) -> FolderError:
        # not shown, as it may hold a password
        return cls(
            f"'{path}', option '{option}' of [{section}]: the value cannot be read: "
            "write '%%' for each '%' in it, except in '%(here)s'"
        )

    @classmethod
    def no_template(cls, template: str, known: Sequence[str]) -> FolderError:
        return cls(
            f"there is no template '{template}': there are {', '.join(known)}, "
            f"or give the path of a folder of your own, such as './{template}'"
        )

    @classmethod
    def unusable_template(cls, template: str, missing: str) -> FolderError:
        return cls(
            f"the folder '{template}' is no template, as there is no '{missing}': "
            "'db list-templates' lists those of the package"
        )

    @classmethod
    def bad_template(cls, path: str, reason: str) -> FolderError:
        return cls(f"'{path}' cannot be used: {reason}: correct it or restore it")

    @classmethod
    def no_location(cls, folder: str) -> FolderError:
        return cls(
            f"there is no folder '{folder}', which 'version_locations' in alembic.ini names: "
            f"create it (mkdir -p {folder}), or take it out there"
        )

    @classmethod
    def other_location(cls, path: str, known: Sequence[str]) -> FolderError:
        return cls(
            f"'{path}' is not one of the version locations ({', '.join(known)}): give "
            "--version-path one of them, or add it to 'version_locations' in alembic.ini"
        )

    @classmethod
    def refused_option(cls, path: str, section: str, option: str, reason: str) -> FolderError:
        return cls(f"'{path}', option '{option}' of [{section}]: {reason}: correct it")

    @classmethod
    def unusable_option(cls, path: str, option: str, value: str, wanted: str) -> FolderError:
        return cls(f"'{path}', option '{option}' of [alembic] is '{value}': write {wanted}")

    @classmethod
    def not_writable(cls, path: str, reason: str) -> FolderError:
        return cls(
            f"cannot write '{path}': {reason}; nothing was changed: let this user write there, or "
            "make room"
        )


CORRECT_AND_REPEAT = ": correct the file and run the command again"


class ScriptError(MigrateError):
    """A file of the migrations folder cannot be used; `path` names it."""

    def __init__(self, sentence: str, path: str) -> None:
        super().__init__(sentence)
        self.path = path

    @classmethod
    def failed(cls, path: str, line: int | None, cause: BaseException) -> ScriptError:
        return cls(f"{place_text(path, line)}: {cause_of(cause)}{CORRECT_AND_REPEAT}", path)

    @classmethod
    def ended(cls, path: str, line: int | None, words: str) -> ScriptError:
        return cls(f"{place_text(path, line)}: {words}", path)

    @classmethod
    def ended_silently(cls, path: str, line: int | None, how: str) -> ScriptError:
        return cls(
            f"{place_text(path, line)}: it ended the command by {how}: take that out of the file, "
            "or let it say what to do, as in sys.exit('...')",
            path,
        )

    @classmethod
    def no_metadata(cls, path: str) -> ScriptError:
        return cls(
            f"{path}: it passes no models to compare the database with: write "
            "'target_metadata=db.metadata' in its context.configure(), with the db of the "
            "application",
            path,
        )

    @classmethod
    def version_table(cls, path: str) -> ScriptError:
        return cls(
            f"{path}: the version table was changed while this revision ran: do not write "
            "to it, and run the command again",
            path,
        )

    @classmethod
    def bad_url(cls, path: str, line: int | None) -> ScriptError:
        # not shown, as what cannot be parsed may hold a password anywhere
        reason = "its database URL cannot be parsed"
        return cls(f"{place_text(path, line)}: {reason}{CORRECT_AND_REPEAT}", path)

    @classmethod
    def caught(cls, path: str, line: int | None, cause: object, statement: str) -> ScriptError:
        return cls(
            f"{place_text(path, line)}: {cause_text(cause)} [statement: "
            f"{one_line(statement)[:500]}] was caught, and the transaction takes no statement "
            f"after it: execute it inside 'with op.get_bind().begin_nested():'{CORRECT_AND_REPEAT}",
            path,
        )

    @classmethod
    def no_revision(cls, path: str) -> ScriptError:
        return cls(
            f"{path}: the file has no 'revision': give it the identifier it had, "
            "or move the file out of the folder",
            path,
        )

    @classmethod
    def no_function(cls, path: str, name: str) -> ScriptError:
        return cls(f"{path}: the file has no '{name}()': write one (it may be 'pass')", path)

    @classmethod
    def other_databases(cls, path: str, name: str, of_one: bool) -> ScriptError:
        if of_one:
            return cls(
                f"{path}: its {name}() is of a folder for one database, and this env.py passes the "
                f"name of each: write 'def {name}(engine_name):' with 'if engine_name: return' as "
                "its first line, which leaves it to the application's own database",
                path,
            )
        return cls(
            f"{path}: its {name}() is of a folder for several databases, and this env.py passes no "
            f"name: write 'def {name}(engine_name=\"\"):', or take the env.py of a folder that "
            "'db init --multidb' makes",
            path,
        )

    @classmethod
    def editor(cls, path: str, cause: BaseException | None) -> ScriptError:
        reason = cause_text(cause).partition(". ")[0]  # and not its advice
        if isinstance(cause, CalledProcessError):
            reason = f"'{cause.cmd[0]}' ended with status {cause.returncode}"
        return cls(
            f"no editor has opened {path} ({reason}): set EDITOR to one, as in "
            "'EDITOR=nano', or open the file yourself",
            path,
        )

    @classmethod
    def other_kind(cls, path: str, name: str, kind: str, value: object) -> ScriptError:
        return cls(f"{path}: '{name}' is {value!r}, not {kind}{CORRECT_AND_REPEAT}", path)


def _some(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:5]) + (", ..." if names[5:] else "")


class NewFileError(MigrateError):
    """A new revision cannot be written as asked; no file is left."""

    @classmethod
    def bad_id(cls, rev_id: str) -> NewFileError:
        return cls(
            f"'{rev_id}' cannot be a revision id: --rev-id takes 1 to 32 letters, digits, '_' and, "
            "after the first, '.'"
        )

    @classmethod
    def id_taken(cls, rev_id: str, path: str) -> NewFileError:
        return cls(f"the revision id '{rev_id}' is taken by {path}: give another --rev-id")

    @classmethod
    def not_loadable(cls, path: str, cause: BaseException) -> NewFileError:
        return cls(
            f"the new revision '{path}' would not load ({cause_of(cause)}) and was removed: "
            "correct what it was made from (script.py.mako, render_item, the message)"
        )

    @classmethod
    def drops_most(
        cls, tables: Sequence[str], count: int, no_model: bool, modules: Sequence[str], of: str
    ) -> NewFileError:
        lack = f"the models{of} lack {len(tables)} of {count} tables"
        why = f"no model{of} is loaded" if no_model else lack
        what = "the modules that define them"
        if modules:
            what = f"{_some(modules)}, which {'were' if modules[1:] else 'was'} never imported,"
        return cls(
            f"{why}, so this revision would drop {_some(tables)}; no file was written: import "
            f"{what} where the application is made, or give --allow-drops"
        )


class EnablingError(MigrateError):
    """The old names cannot be turned on or off, or are off where `--check` asks."""

    @classmethod
    def cannot_write(cls, folder: object, error: OSError, command: str) -> EnablingError:
        return cls(
            f"cannot write to '{folder}': {error.strerror or error}: do it as the owner of that "
            f"folder, or run '{command} manage.py ...', which writes nothing"
        )

    @classmethod
    def cannot_remove(cls, error: OSError) -> EnablingError:
        return cls(
            f"cannot remove '{error.filename}': {error.strerror}: do it as the owner of that folder"
        )

    @classmethod
    def not_installed(cls, prefix: str) -> EnablingError:
        return cls(
            f"migrate_script is not installed in '{prefix}', but only in the working directory: "
            "type 'python -m pip install .' first"
        )

    @classmethod
    def does_not_start(cls, python: str, status: int) -> EnablingError:
        return cls(
            f"'{python}' ends with status {status} when it starts: correct what stops it first "
            f"('{python} -c pass' shows where)"
        )

    @classmethod
    def not_read(cls, folder: object, command: str) -> EnablingError:
        return cls(
            f"this Python does not execute the .pth files of '{folder}': run '{command} manage.py "
            "...' instead"
        )

    @classmethod
    def is_off(cls, prefix: str, command: str) -> EnablingError:
        return cls(f"the old names are off in '{prefix}': '{command} enable' turns them on")

    @classmethod
    def still_on(cls, hook: str, command: str) -> EnablingError:
        return cls(
            f"the old names are still on, by '{hook}': type '{command} disable' with the Python "
            "of that folder"
        )
