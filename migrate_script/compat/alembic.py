"""Private names of Alembic, and what differs between its releases (0.8.4 to 1.20)."""

from __future__ import annotations

import gc
import inspect
import sys
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Dict, Iterator

from alembic import command, op, util
from alembic import context as context_module
from alembic.config import Config
from alembic.operations.schemaobj import SchemaObjects
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory, revision
from alembic.script.revision import RevisionMap
from sqlalchemy.sql.elements import conv

#: whether a number of steps is counted in the order of the history, whatever branch or revision is
#: named, and not by walking from there (`RevisionMap._relative_iterate`, before 1.6)
COUNTS_BY_HISTORY = hasattr(RevisionMap, "_relative_iterate")
HAS_AUTOCOMMIT_BLOCK = hasattr(MigrationContext, "autocommit_block")  # from 1.2 on

_READING = threading.RLock()


class _ThisThread(threading.local):
    """What `alembic.command` finds in a thread, by name; nothing where no command of ours runs."""

    environment: Any = None
    open_scripts: Any = None


_HERE = _ThisThread()
_INSTALLING = threading.Lock()
_installed = 0
_guards: list[Callable[..., None]] = []  # of the command that migrates, of which there is one
_NAMES: Any = command  # the names that its functions look up
_ENVIRONMENT, _DIRECTORY = _NAMES.EnvironmentContext, _NAMES.ScriptDirectory
_RUN_MIGRATIONS = MigrationContext.run_migrations


def _environment(*args: Any, **kwargs: Any) -> Any:
    """Stands for EnvironmentContext in `alembic.command`: other threads get Alembic's."""
    return (_HERE.environment or _ENVIRONMENT)(*args, **kwargs)


class _Directory(ScriptDirectory):
    """Stands for ScriptDirectory there."""

    @classmethod
    def from_config(cls, config: Any) -> Any:
        return (_HERE.open_scripts or _DIRECTORY.from_config)(config)


def _run_migrations(self: Any, **kwargs: Any) -> None:
    if _guards:
        _guards[-1](self, _RUN_MIGRATIONS, **kwargs)
    else:
        _RUN_MIGRATIONS(self, **kwargs)


@contextmanager
def substituted(environment: Any, open_scripts: Any, run_migrations: Any) -> Iterator[None]:
    """Let the commands of this thread call other functions under the names that they use.

    `alembic.command.EnvironmentContext` and `.ScriptDirectory`, and the public method
    `MigrationContext.run_migrations`; in every release.
    """
    global _installed
    before = (_HERE.environment, _HERE.open_scripts)
    _HERE.environment, _HERE.open_scripts = environment, open_scripts
    _guards.append(run_migrations)
    with _INSTALLING:
        _installed += 1
        _NAMES.EnvironmentContext, _NAMES.ScriptDirectory = _environment, _Directory
        MigrationContext.run_migrations = _run_migrations  # type: ignore[method-assign]
    try:
        yield
    finally:
        _HERE.environment, _HERE.open_scripts = before
        _guards.remove(run_migrations)
        with _INSTALLING:
            _installed -= 1
            if not _installed:
                _NAMES.EnvironmentContext, _NAMES.ScriptDirectory = _ENVIRONMENT, _DIRECTORY
                MigrationContext.run_migrations = _RUN_MIGRATIONS  # type: ignore[method-assign]


@contextmanager
def commands_of_others() -> Iterator[None]:
    """Let env.py and scripts call `alembic.command` as it is, and commands of this package.

    What `alembic.context` and `alembic.op` publish is put back afterwards: Alembic takes it away
    at the end of any command; `_proxy` in every release.
    """
    before = (_HERE.environment, _HERE.open_scripts)
    env_py = sys.modules.get("env_py")  # Alembic before 1.0 deletes it after loading the file
    modules = (context_module, op)
    published = (dict(vars(context_module)), dict(vars(op)))
    _HERE.environment = _HERE.open_scripts = None
    try:
        yield
    finally:
        _HERE.environment, _HERE.open_scripts = before
        if env_py is not None:
            sys.modules["env_py"] = env_py
        for module, kept in zip(modules, published):
            if kept.get("_proxy") is not None:
                vars(module).update(kept)


def has_begun_transaction(context: Any) -> bool:
    """Whether env.py has begun the transaction of the run.

    `MigrationContext._transaction` and `._in_external_transaction` from 1.5 on, which a connection
    that begins by itself (SQLAlchemy 2) needs; before, the connection knows.
    """
    if hasattr(context, "_in_external_transaction"):
        return bool(context._transaction is not None or context._in_external_transaction)
    return bool(context.connection.in_transaction())


def begins_each_step(context: Any) -> bool:
    """`MigrationContext._transaction_per_migration`, in every release."""
    return bool(context._transaction_per_migration)


def never_create_version_table(context: Any) -> None:
    """Keep a command that reads from creating the version table.

    `MigrationContext._ensure_version_table`, in every release; needed before 1.5.8, where no
    command says `dont_mutate`.
    """
    context._ensure_version_table = lambda *_, **__: None


def commit_autobegun(context: Any) -> None:
    """Commit what SQLAlchemy began after a script had committed Alembic's transaction.

    `MigrationContext._transaction`, 1.5.0 and later.
    """
    transaction, connection = getattr(context, "_transaction", None), context.connection
    if transaction is not None and not transaction.is_active:
        if hasattr(connection, "commit") and connection.in_transaction():
            connection.commit()


def quoted_version_table(context: Any) -> str:
    """Return the name of the version table as it is written in a statement (all releases)."""
    return str(context.dialect.identifier_preparer.format_table(context._version))


def _then_raise(scripts: list[Any], failure: Exception) -> Iterator[Any]:
    yield from scripts
    raise failure


class _SetInOrder(Dict[Any, None]):
    """A set in the order of insertion, whose `discard` does not search a list."""

    add = dict.setdefault

    def discard(self, value: Any) -> None:
        self.pop(value, None)


def _expects(name: str, *parameters: str) -> bool:
    """Whether Alembic has a method with exactly these parameters."""
    method = vars(RevisionMap).get(name)
    return method is not None and [*inspect.signature(method).parameters] == ["self", *parameters]


_SORTS = _expects("_topological_sort", "revisions", "heads")


class LinearRevisionMap(RevisionMap):
    """Alembic's map of revisions, without what takes the square of their number.

    Each method overrides one of Alembic's and steps aside where that is not as expected. The
    reports for Alembic are in `docs/upstream/`.
    """

    @util.memoized_property
    def _revision_map(self) -> Any:
        """The name in all releases. Scripts are read first: one may run code of the user's."""
        generator = self._generator
        scripts: list[Any] = []
        failure = None
        try:
            scripts.extend(generator())
        except Exception as error:
            failure = error  # Alembic knows the scripts before it
        self._generator = (
            partial(_then_raise, scripts, failure) if failure else partial(iter, scripts)
        )
        with _READING:
            # `OrderedSet.discard` searches a list; in all releases, and nothing where it is gone
            original = vars(revision).get("sqlautil")
            if hasattr(original, "OrderedSet"):
                seen = ModuleType("sqlautil")
                vars(seen).update(OrderedSet=_SetInOrder, __getattr__=partial(getattr, original))
                vars(revision)["sqlautil"] = seen
            # of the objects that are made none is garbage, and no code of the user's runs
            collects = gc.isenabled()
            gc.disable()
            try:
                made = super()._revision_map
            finally:
                if collects:
                    gc.enable()
                self._generator = generator
                if original is not None:
                    vars(revision)["sqlautil"] = original
        for script in scripts if _SORTS else ():
            if len(script._normalized_down_revisions) > 1:
                vars(self)["_topological_sort"] = self._sorted
                break
        return made

    def _filter_into_branch_heads(self, targets: Any) -> Any:
        """`get_all_current`, 0.8.10 to 1.20, which looks at all that follows each of them."""
        chosen = set(targets)
        names = {script.revision for script in chosen}
        if not all(names.issuperset(script._versioned_down_revisions) for script in chosen):
            return super()._filter_into_branch_heads(targets)
        # whatever follows one of them, and is among them, is reached by way of others
        return {script for script in chosen if names.isdisjoint(script.nextrev)}

    def _sorted(self, revisions: Any, heads: Any) -> list[str]:
        """`_topological_sort`, 1.6 to 1.20, which collects all ancestors anew at each merge.

        Lines are followed from the heads, one as far as no other line leads to the same revision.
        """
        known: Any = self._revision_map
        left = {script.revision for script in revisions}
        places = {name: number for number, name in enumerate(known)}
        lines = sorted({h.revision for h in heads if h.revision in left}, key=places.__getitem__)
        bits, masks = self._joints(lines)
        if not masks:
            return super()._topological_sort(revisions, heads)
        found: list[str] = []
        at = 0
        while lines:
            name = lines[at]
            bit = bits.get(name, 0)
            others = (n for n, other in enumerate(lines) if n != at and masks[other] & bit)
            first = next(others, None) if bit else None
            if first is not None:  # that line comes before
                at = first
                continue
            if name in left:
                left.remove(name)
                found.append(name)
            parents = known[name]._normalized_down_revisions
            following = [each for each in parents if each in left and each not in lines]
            if following:
                lines[at] = following[0]
                lines += following[1:]
            else:
                del lines[at]
                at = max(at - 1, 0)
        assert not left
        return found

    def _joints(self, lines: list[str]) -> tuple[dict[str, int], dict[str, int]]:
        """Give a bit to each revision on several lines, and each revision the bits it leads to.

        A line meets another one only there: what one revision alone follows is on the line of that.
        """
        known: Any = self._revision_map
        bits: dict[str, int] = {}
        masks: dict[str, int] = {}
        entered: set[str] = set()
        todo = list(lines)
        while todo:
            name = todo[-1]
            parents = known[name]._normalized_down_revisions
            missing = [parent for parent in parents if parent not in masks]
            if missing and name in entered:
                return {}, {}  # a circle, of which Alembic does not find every one
            entered.add(name)
            todo += missing
            if not missing:
                todo.pop()
            if missing or name in masks:
                continue
            mask = 0
            for parent in parents:
                mask |= masks[parent]
            if len(known[name]._all_nextrev) > 1 or name in lines:
                mask |= bits.setdefault(name, 1 << len(bits))
            masks[name] = mask
        return bits, masks


if not _expects("_filter_into_branch_heads", "targets"):
    del LinearRevisionMap._filter_into_branch_heads


def load_as_alembic(directory: Any, path: str) -> Any:
    """Return the Script of a file that is run, or None for no script (`Script._from_path`)."""
    return Script._from_path(directory, path)


def all_scripts(directory: Any) -> Iterator[Any]:
    """Run and return all scripts of a directory, as Alembic does (`_load_revisions`)."""
    return iter(directory._load_revisions())


def current_operations(context: Any) -> Any:
    """Return the Operations behind `alembic.op`, if they are those of a context.

    `alembic.op._proxy`, in every release; nobody may have entered `Operations.context`.
    """
    operations = vars(op).get("_proxy")
    return operations if getattr(operations, "migration_context", None) is context else None


class UnnamedSchemaObjects(SchemaObjects):
    """Makes a constraint without a name although a naming convention would name it by its columns.

    `schemaobj` is in Alembic 0.7 to 1.20.
    """

    def generic_constraint(self, name: Any, *args: Any, **kwargs: Any) -> Any:
        parent: Any = super()
        constraint = parent.generic_constraint(conv("") if name is None else name, *args, **kwargs)
        if name is None:
            constraint.name = None
        return constraint


def schema_objects(context: Any = None) -> Any:
    """Return Alembic's factory of tables and constraints (0.7 to 1.20)."""
    return SchemaObjects(context)


@contextmanager
def no_advice_to_edit() -> Iterator[None]:
    """Leave out the last line of `alembic.command.init` (`alembic.util.msg`, in every release)."""
    module: Any = util
    original = module.msg

    def msg(text: str, *args: Any, **kwargs: Any) -> None:
        if not text.startswith("Please edit configuration"):
            original(text, *args, **kwargs)

    module.msg = msg
    try:
        yield
    finally:
        module.msg = original


def version_locations(scripts: Any) -> list[str]:
    """Return the folders of a ScriptDirectory that hold scripts (all releases)."""
    return list(map(str, scripts._version_locations))


class ConfigWithTemplates(Config):
    """A Config whose `get_template_directory` is called by every release."""

    def _get_template_path(self) -> Path:  # what 1.16 and later call
        return Path(self.get_template_directory())
