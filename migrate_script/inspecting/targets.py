"""Refuses targets that Alembic would misread: another branch, or steps of more than one."""

from __future__ import annotations

import re
from typing import Any, Iterable, Iterator, NamedTuple, Sequence

import alembic

from .. import errors
from ..compat.alembic import COUNTS_BY_HISTORY
from . import scripts_read

_RELATIVE = re.compile(r"(\w*)([-+]\d+)")


class _Target(NamedTuple):
    """A symbol such as `left@head`, `ae10-1` or `+2`, taken apart."""

    symbol: str
    branch: str  # what stands before an `@`, or nothing
    end: str
    start: str  # where steps begin: a revision, or nothing for that of the database
    number: int  # of steps; 0 for a target that is not relative


def _parsed(symbol: str) -> _Target:
    branch, _, end = symbol.rpartition("@")
    relative = _RELATIVE.fullmatch(end)
    start, number = relative.groups() if relative else ("", "0")
    return _Target(symbol, branch, end, start, int(number))


def _symbols(values: Iterable[Any]) -> Iterator[str]:
    """Yield the symbols among arguments: texts or lists of them, and both ends of a range."""
    for value in values:
        for text in [value] if isinstance(value, str) else value or ():
            yield from text.split(":")


def _revision(scripts: Sequence[Any], name: str) -> Any:
    """Return the script of an identifier or of the beginning of one, or None."""
    if name in ("", "base", "head", "heads"):
        return None
    found = [script for script in scripts if script.revision.startswith(name)]
    exact = [script for script in found if script.revision == name]
    if len(found) > 1 and not exact:
        raise errors.RevisionError.several_begin(name, [script.revision for script in found])
    return next(iter(exact or found), None)


def _parents(script: Any) -> tuple[str, ...]:
    parents = script.down_revision or ()
    return (parents,) if isinstance(parents, str) else tuple(parents)


def _with_ancestors(
    scripts: Sequence[Any], revisions: Iterable[str], depending: bool = True
) -> set[str]:
    """Return revisions with all that they follow or depend on, by whatever name."""
    known = {script.revision: script for script in scripts}
    found: set[str] = set()
    names = list(revisions)
    while names:
        name = names.pop()
        meant = [known[name]] if name in known else []
        for script in meant or scripts:
            is_meant = meant or script.revision.startswith(name) or name in script.branch_labels
            if is_meant and script.revision not in found:
                found.add(script.revision)
                needed = (depending and script.dependencies) or ()
                names += [*_parents(script), *([needed] if isinstance(needed, str) else needed)]
    return found


def _members(scripts: Sequence[Any], branch: str) -> set[str]:
    """Return the revisions of a branch: those with its label, or a revision and what follows it."""
    members = {script.revision for script in scripts if branch in script.branch_labels}
    if not members:
        script = _revision(scripts, branch)
        members = {script.revision} if script else set()
        for script in reversed(scripts):
            if not members.isdisjoint(_parents(script)):
                members.add(script.revision)
    return members


def _lineage(scripts: Sequence[Any], branch: str) -> set[str]:
    """Return the revisions of a branch and what its first ones follow; all if none is named."""
    if not branch:
        return {script.revision for script in scripts}
    members = _members(scripts, branch)
    of_branch = [script for script in scripts if script.revision in members]
    first = [script.revision for script in of_branch if members.isdisjoint(_parents(script))]
    return members | _with_ancestors(scripts, first, depending=False)


def _is_walk(command: str, asked: _Target) -> bool:
    """Whether a target is a number of steps, which lead in the direction of the command."""
    is_onward = asked.number > 0 if command == "upgrade" else asked.number < 0
    known = asked.start not in ("head", "heads")
    return known and (asked.number != 0 if asked.start else is_onward)


def _beginning(scripts: Sequence[Any], asked: _Target, heads: Sequence[str]) -> set[str]:
    """Return from where steps are counted; nothing for the base."""
    start = _revision(scripts, asked.start)
    if start is not None:
        return {start.revision}
    return set() if asked.start else set(heads) & _lineage(scripts, asked.branch)


def _ends(scripts: Sequence[Any], command: str, asked: _Target, heads: Sequence[str]) -> set[str]:
    """Return where steps lead: to nothing if too far, and to several before a merge."""
    at = _beginning(scripts, asked, heads)
    lineage = _lineage(scripts, asked.branch)
    following: dict[str, set[str]] = {}
    for script in scripts:
        for parent in _parents(script) or ("",):
            one, other = (
                (script.revision, parent) if asked.number < 0 else (parent, script.revision)
            )
            following.setdefault(one, set()).add(other)
    for left in reversed(range(abs(asked.number))):
        before = at
        at = {name for each in before or ("",) for name in following.get(each, ())} - {""}
        # Alembic since 1.6 does not ask for the branch on the way back
        if asked.number > 0 or COUNTS_BY_HISTORY:
            at &= lineage
        is_last = left == 0 and asked.number < 0 and COUNTS_BY_HISTORY
        if len(at) > 1 and not is_last:
            after = " and ".join(sorted(before)) or "no revision"
            raise errors.RevisionError.forks(command, asked.symbol, asked.number, after, at)
        if not at:
            break
    return at


def check_branches(config: Any, arguments: Iterable[Any]) -> None:
    """Refuse what stands before an `@` and is neither a label nor one revision."""
    scripts = scripts_read(config)
    for symbol in _symbols(arguments):
        branch = _parsed(symbol).branch
        if branch and not _members(scripts, branch):
            labels = {label for script in scripts for label in script.branch_labels}
            raise errors.RevisionError.no_branch(branch, sorted(labels))


def check_target(
    config: Any, command: str, target: Any, heads: Sequence[str], start: str = ""
) -> None:
    """Refuse a target that is not on its branch, and steps that can mean several revisions.

    `start` is where a range for --sql starts.
    """
    scripts = scripts_read(config)
    applied = _with_ancestors(scripts, heads)
    if not applied.issuperset(heads):
        return  # Alembic names a revision that no script has
    for asked in map(_parsed, _symbols([target])):
        if asked.branch:
            _check_branch(scripts, command, asked, heads, bool(start))
        if command != "stamp" and asked.number and not asked.start:
            if (asked.number < 0) != (command == "downgrade"):  # Alembic before 1.6 goes back
                typed = f"{start}:{asked.symbol}" if start else asked.symbol
                raise errors.RevisionError.too_far(command, typed, heads, [])
        if command == "stamp" or not _is_walk(command, asked):
            continue
        begins = _beginning(scripts, asked, heads)
        if command == "downgrade" and not begins <= applied:
            raise errors.RevisionError.revision_not_applied(min(begins), heads, bool(start))
        if command == "downgrade" and len(begins) > 1:
            ways = [f"{_name(scripts, head)}@{asked.end}" for head in sorted(begins)]
            raise errors.RevisionError.several_applied(sorted(begins), ways)
        _ends(scripts, command, asked, heads)


def _check_branch(
    scripts: Sequence[Any], command: str, asked: _Target, heads: Sequence[str], is_range: bool
) -> None:
    members = _members(scripts, asked.branch)
    end = _revision(scripts, asked.end)
    if end is not None and end.revision not in _with_ancestors(scripts, members):
        raise errors.RevisionError.not_on_branch(end.revision, asked.branch)
    if command == "downgrade" and members.isdisjoint(_with_ancestors(scripts, heads)):
        raise errors.RevisionError.not_applied(asked.branch, heads, is_range)


def check_steps(
    config: Any, command: str, target: Any, heads: Sequence[str], steps: Sequence[Any]
) -> None:
    """Refuse steps that are not those which a target names.

    Alembic before 1.6 counts in the order of the history, whatever branch or revision is named.
    """
    scripts, asked = scripts_read(config), _parsed(str(target).rpartition(":")[2])
    revisions = {step.revision.revision for step in steps}
    if command == "downgrade" and asked.branch and asked.end != "base":
        _check_undone(scripts, asked, heads, [step.revision.revision for step in steps])
    if COUNTS_BY_HISTORY and revisions and _is_walk(command, asked):
        ends = _ends(scripts, command, asked, heads)
        meant = _with_ancestors(scripts, ends)
        if command == "downgrade":
            is_meant = meant.isdisjoint(revisions)
        else:
            is_meant = revisions <= meant and ends <= revisions.union(heads)
        if not is_meant:
            raise errors.RevisionError.misread(asked.symbol, alembic.__version__)


def _check_undone(
    scripts: Sequence[Any], asked: _Target, heads: Sequence[str], revisions: Sequence[str]
) -> None:
    """Refuse to undo what is not on the branch of a target."""
    lineage = _lineage(scripts, asked.branch)
    of_branch = lineage.intersection(revisions)
    if COUNTS_BY_HISTORY and _is_walk("downgrade", asked):
        begins = _with_ancestors(scripts, _beginning(scripts, asked, heads))
        ends = _ends(scripts, "downgrade", asked, heads)
        of_branch = lineage & (begins - _with_ancestors(scripts, ends))
    for revision in revisions:
        if revision not in lineage:
            # else Alembic before 1.6 goes back in the order of the history
            follows = of_branch & _with_ancestors(scripts, [revision])
            if follows:
                raise errors.RevisionError.shared(asked.symbol, revision, max(follows))
            raise errors.RevisionError.other_branch(revision, asked.branch, alembic.__version__)


def _name(scripts: Sequence[Any], head: str) -> str:
    """Return a label that only this head has, or else the revision itself."""
    labels = {
        script.revision: set(script.branch_labels)
        for script in scripts
        if script.is_head or script.revision == head
    }
    own = labels.pop(head, set()).difference(*labels.values())
    return min(own, default=head)
