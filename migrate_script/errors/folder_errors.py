"""Errors of the application, the migrations folder or a script in it."""

from __future__ import annotations

import re
from subprocess import CalledProcessError
from typing import Iterable, Sequence

from .family import (
    MigrateError,
    cause_of,
    cause_text,
    meant,
    no_revision_yet,
    one_line,
    place_text,
)


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
            "write '%%' for each '%' in it"
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
    def no_location(cls, folder: str) -> FolderError:
        return cls(
            f"there is no folder '{folder}', which 'version_locations' in alembic.ini names: "
            f"create it (mkdir -p {folder}), or take it out there"
        )

    @classmethod
    def other_location(cls, path: str, known: Sequence[str]) -> FolderError:
        return cls(
            f"'{path}' is none of the version locations, which are {', '.join(known)}: give "
            "--version-path one of them, or add it to 'version_locations' in alembic.ini"
        )

    @classmethod
    def refused_option(cls, path: str, section: str, option: str, reason: str) -> FolderError:
        return cls(f"'{path}', option '{option}' of [{section}]: {reason}: correct it")

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


class RevisionError(MigrateError):
    """A revision that does not exist, or is ambiguous."""

    @classmethod
    def not_resolved(cls, reason: str) -> RevisionError:
        return cls(f"{reason.rstrip('.')}: 'db history' lists the revisions there are")

    @classmethod
    def unknown(cls, name: str, known: Iterable[str]) -> RevisionError:
        guess = meant(name, known)
        return cls(f"there is no revision '{name}': {guess}'db history' lists those there are")

    @classmethod
    def too_far(
        cls, command: str, target: str, at: Sequence[str], heads: Sequence[str]
    ) -> RevisionError:
        """The error of a target to which no step of the command leads."""
        where = " and ".join(f"{name} (head)" if name in heads else name for name in at)
        number = target.lstrip("-+")
        if target == f"-{number}" and command == "upgrade":
            return cls(f"'{target}' leads back: 'db downgrade {target}' goes there")
        if target == f"+{number}" and command == "downgrade":
            return cls(f"'{target}' leads on: 'db upgrade {target}' goes there")
        if target[:1] in "-+" and (not at if command == "downgrade" else set(heads) <= set(at)):
            return cls(f"Nothing to {command}: the database is at {where or 'no revision'}")
        if target[:1] == "-":
            return cls(
                f"there are not {number} revisions to undo, as the database is at {where}: "
                "'db downgrade base' undoes those there are"
            )
        if target[:1] == "+":
            return cls(
                f"there are not {number} revisions to run, as the database is at "
                f"{where or 'no revision'}: 'db upgrade' runs those there are"
            )
        if re.search(r"[-+]\d+$", target):
            return cls.not_resolved(f"'{target}' leads to no revision")
        return cls(
            f"no downgrade leads to {target}, as the database is at {where or 'no revision'}: "
            f"'db upgrade {target}' goes there"
        )

    @classmethod
    def no_range(cls, text: str) -> RevisionError:
        return cls(
            f"'{text}' is not a range: write '-r {text}:' for what follows it, or "
            f"'-r :{text}' for what leads to it"
        )

    @classmethod
    def not_on_a_line(cls, text: str) -> RevisionError:
        first, _, second = text.partition(":")
        return cls(
            f"{first} does not come before {second} on one branch: name the earlier one first, as "
            f"in '-r {second}:{first}'"
        )

    @classmethod
    def range_without_sql(cls, command: str, target: str) -> RevisionError:
        return cls(
            f"'{target}' is a range, which --sql takes: name the target alone, as in "
            f"'db {command} {target.rpartition(':')[2]}', or add --sql"
        )

    @classmethod
    def sql_without_start(cls, target: str) -> RevisionError:
        return cls(
            f"--sql does not know where a downgrade to {target} begins: write "
            f"'db downgrade head:{target} --sql' to begin at the head"
        )

    @classmethod
    def not_a_head(cls, command: str, name: str, heads: Sequence[str]) -> RevisionError:
        found = f"{' and '.join(heads)} {'are' if heads[1:] else 'is'}"
        if command == "merge":
            way_out = "'db merge' joins all heads" if heads[1:] else "there is nothing to join"
            return cls(f"{name} is not a head and cannot be joined ({found}): {way_out}")
        return cls(
            f"{name} is not a head ({found}): leave out --head, or add --splice to begin a branch "
            "there"
        )

    @classmethod
    def head_twice(cls) -> RevisionError:
        return cls("a head is named twice: name each once")

    @classmethod
    def no_file(cls, symbol: str, folder: str) -> RevisionError:
        if symbol in ("head", "heads"):
            return cls(no_revision_yet(folder))
        if symbol == "current":
            return cls("the database is at no revision, so there is no file: name a revision")
        return cls(f"'{symbol}' has no file: name a revision ('db history' lists them)")

    @classmethod
    def no_branch(cls, branch: str, labels: Sequence[str]) -> RevisionError:
        known = "no revision has a label: name a revision without '@'"
        if labels:
            known = f"the labels are {', '.join(labels)}: write one of them before the '@'"
        return cls(f"there is no branch '{branch}': {known}")

    @classmethod
    def not_on_branch(cls, revision: str, branch: str) -> RevisionError:
        return cls(f"{revision} is not on the branch '{branch}': name it without '{branch}@'")

    @classmethod
    def not_applied(cls, branch: str, heads: Sequence[str]) -> RevisionError:
        at = " and ".join(heads) or "no revision"
        return cls(
            f"nothing of the branch '{branch}' is applied, as the database is at {at}: name a "
            "branch that is ('db current -v' shows it)"
        )

    @classmethod
    def revision_not_applied(cls, revision: str, heads: Sequence[str]) -> RevisionError:
        at = " and ".join(heads) or "no revision"
        return cls(
            f"{revision} is not applied, as the database is at {at}: name a revision before that "
            "('db history' lists them)"
        )

    @classmethod
    def several_begin(cls, name: str, revisions: Sequence[str]) -> RevisionError:
        names = sorted(revisions)
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        return cls(f"several revisions begin with '{name}' ({shown}): write more of one")

    @classmethod
    def shared(cls, target: str, revision: str, below: str) -> RevisionError:
        return cls(
            f"'{target}' would undo {revision} as well, which follows {below} on another branch: "
            "name the revision to go to"
        )

    @classmethod
    def misread(cls, target: str, installed: str) -> RevisionError:
        return cls(
            f"Alembic {installed} counts the steps of '{target}' along other branches, too: "
            "name the revision to go to"
        )

    @classmethod
    def forks(
        cls, command: str, target: str, number: int, at: str, ways: Iterable[str]
    ) -> RevisionError:
        first, *_ = ways = sorted(ways)
        names = " and ".join(ways)
        what = f"{at} joins {names}" if number < 0 else f"{names} follow {at}"
        return cls(
            f"{what}, so '{target}' is not clear: name the revision to go to, such as "
            f"'db {command} {first}'"
        )

    @classmethod
    def other_branch(cls, revision: str, branch: str, installed: str) -> RevisionError:
        return cls(
            f"Alembic {installed} would undo {revision}, which is not on the branch '{branch}': "
            "install Alembic 1.6 or later to go back on one branch alone"
        )

    @classmethod
    def several_applied(cls, heads: Sequence[str], ways: Sequence[str]) -> RevisionError:
        commands = " or ".join(f"'db downgrade {way}'" for way in ways)
        return cls(
            f"the database is at {' and '.join(heads)}, so it is not clear which of them to undo: "
            f"write {commands}"
        )

    @classmethod
    def ambiguous(cls, at: Sequence[str], heads: Sequence[str]) -> RevisionError:
        start = " and ".join(at) or "the beginning"
        ends = f" (to {' and '.join(heads)})" if heads[1:] else ""
        return cls(
            f"several ways lead on from {start}{ends}, so a number of steps is not clear: "
            "name the revision to go to ('db history' lists them)"
        )

    @classmethod
    def unknown_in_database(cls, revision: str, purge: bool) -> RevisionError:
        # --purge came with Alembic 1.2
        way_out = (
            "'db stamp --purge REVISION'"
            if purge
            else "delete it from the version table and run 'db stamp REVISION'"
        )
        return cls(
            f"the database is at revision '{revision}', which no script in the folder has: bring "
            f"the script back (from version control or the release that ran it), or, if the schema "
            f"is known to match, {way_out}"
        )

    @classmethod
    def circle(cls, reason: str) -> RevisionError:
        return cls(
            f"{reason.rstrip('.')}: correct the 'down_revision' or 'depends_on' of one, "
            "so that each comes after those it names"
        )

    @classmethod
    def label_taken(cls, reason: str) -> RevisionError:
        return cls(f"{reason.rstrip('.')}: take it out of the 'branch_labels' of one")

    @classmethod
    def several_heads(cls, heads: Sequence[str], command: str | None) -> RevisionError:
        way_out = "join them with 'db merge', or name one, or all with 'heads'"
        if command == "downgrade":
            way_out = "name the revision to go to"
        elif command == "revision":
            way_out = "join them with 'db merge', or name one with --head"
        return cls(f"there are several heads ({', '.join(heads)}): {way_out}")

    @classmethod
    def several_files(cls, revision: str, paths: Sequence[str]) -> RevisionError:
        return cls(
            f"several files have the same revision '{revision}' ({', '.join(paths)}): give all but "
            "one an identifier of its own, and correct the 'down_revision' of what comes after it"
        )

    @classmethod
    def missing_parent(cls, revision: str, path: str | None) -> RevisionError:
        return cls(
            f"{path or 'a script'} refers to the revision '{revision}', which no script in the "
            "folder has: restore that script, or correct the 'down_revision' or 'depends_on' that "
            "names it"
        )

    @classmethod
    def not_up_to_date(cls, at: Sequence[str], heads: Sequence[str]) -> RevisionError:
        where = f"the database is at {' and '.join(at) or 'no revision'}"
        if len(heads) > 1:
            return cls(
                f"there are several heads ({', '.join(heads)}), and {where}, so it cannot be "
                "compared with the models: run 'db merge' and 'db upgrade' first"
            )
        return cls(
            f"{where} and the scripts are at {', '.join(heads)}, so it cannot be compared with the "
            "models: run 'db upgrade' first"
        )


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
