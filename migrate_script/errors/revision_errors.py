"""Errors of revisions that are named: there is none, or there are several."""

from __future__ import annotations

import re
from typing import Iterable, Sequence

from .family import MigrateError, meant, no_revision_yet

_NONE = "no revision"


def _place(at: Sequence[str], is_range: bool) -> str:
    """Return where the database is; of a range, which --sql takes, only its start is known."""
    return f"{'the SQL begins' if is_range else 'the database is'} at {' and '.join(at) or _NONE}"


class RevisionError(MigrateError):
    """A revision that does not exist, or is ambiguous."""

    @classmethod
    def not_resolved(cls, reason: str) -> RevisionError:
        return cls(f"{reason.rstrip('.')}: 'db history' lists the revisions there are")

    @classmethod
    def not_named(cls) -> RevisionError:
        return cls(
            "the revision that is named is an empty text: set the variable that holds it, or leave "
            "it out; 'db history' lists the revisions there are"
        )

    @classmethod
    def unknown(cls, name: str, known: Iterable[str]) -> RevisionError:
        guess = meant(name, known)
        return cls(f"there is no revision '{name}': {guess}'db history' lists those there are")

    @classmethod
    def too_far(
        cls, command: str, target: str, at: Sequence[str], heads: Sequence[str]
    ) -> RevisionError:
        """The error of a target, or of a range for --sql, to which no step of the command leads."""
        start, colon, target = target.rpartition(":")
        where = _place([f"{name} (head)" if name in heads else name for name in at], bool(colon))
        sql, runs, undoes = (" --sql", "prints", "prints") if colon else ("", "runs", "undoes")
        there = f"{start}{colon}{target}{sql}' goes there"
        number = target.lstrip("-+")
        if target == f"-{number}" and command == "upgrade":
            return cls(f"'{target}' leads back: 'db downgrade {there}")
        if target == f"+{number}" and command == "downgrade":
            return cls(f"'{target}' leads on: 'db upgrade {there}")
        if target[:1] in "-+" and (not at if command == "downgrade" else set(heads) <= set(at)):
            return cls(f"Nothing to {command}: {where}")
        if target[:1] == "-":
            return cls(
                f"there are not {number} revisions to undo, as {where}: "
                f"'db downgrade {start}{colon}base{sql}' {undoes} those there are"
            )
        if target[:1] == "+":
            every = f" {start}:head{sql}" if colon else ""
            return cls(
                f"there are not {number} revisions to run, as {where}: 'db upgrade{every}' {runs} "
                "those there are"
            )
        if re.search(r"[-+]\d+$", target):
            return cls.not_resolved(f"no {command} leads to '{target}', as {where}")
        if command == "upgrade":  # Alembic before 1.6
            return cls(f"Nothing to upgrade: {where}, which contains {target}")
        return cls(f"no downgrade leads to {target}, as {where}: 'db upgrade {there}")

    @classmethod
    def no_range(cls, text: str) -> RevisionError:
        if ":" in text:
            first, *_, last = text.split(":")
            return cls(f"'{text}' has more than two ends: write '-r {first}:{last}'")
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
            f"'db {command} {target.rpartition(':')[2] or 'head'}', or add --sql"
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
    def not_applied(
        cls, branch: str, heads: Sequence[str], is_range: bool = False
    ) -> RevisionError:
        way_out = "" if is_range else " ('db current -v' shows it)"
        return cls(
            f"nothing of the branch '{branch}' is applied, as {_place(heads, is_range)}: name a "
            f"branch that is{way_out}"
        )

    @classmethod
    def revision_not_applied(
        cls, revision: str, heads: Sequence[str], is_range: bool = False
    ) -> RevisionError:
        return cls(
            f"{revision} is not applied, as {_place(heads, is_range)}: name a revision before that "
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
        where = f"the database is at {' and '.join(at) or _NONE}"
        if len(heads) > 1:
            return cls(
                f"there are several heads ({', '.join(heads)}), and {where}, so it cannot be "
                "compared with the models: run 'db merge' and 'db upgrade' first"
            )
        return cls(
            f"{where} and the scripts are at {', '.join(heads)}, so it cannot be compared with the "
            "models: run 'db upgrade' first"
        )
