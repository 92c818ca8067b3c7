"""Private names of other packages are used in compat only, and exist on the installed stack."""

from __future__ import annotations

import argparse
import ast
import importlib
import logging.config
import re
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple

import alembic
import flask
import flask.cli
import pytest
import sqlalchemy
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.orm import Session

import migrate_script
from migrate_script import Manager
from migrate_script.compat.sqlalchemy import engine_of

ROOT = Path(migrate_script.__file__).parent
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in ROOT.rglob("*.py")
    if path.relative_to(ROOT).parts[0] not in ("compat", "templates")
)
COMPAT = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("compat/**/*.py"))

# files that are rewritten, and then leave this list
NOT_YET: set[str] = set()

# the documented interface of a named tuple, whose names begin with an underscore
NAMED_TUPLE = {"_asdict", "_field_defaults", "_fields", "_make", "_replace"}


def tree_of(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"), module)


def is_private(name: object) -> bool:
    return isinstance(name, str) and re.match(r"_(?!_)\w+$", name) is not None


def is_own(node: ast.expr) -> bool:
    """Whether this is `self`, `cls`, `type(self)`, `super()`, or a class of the module itself."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in ("super", "type")
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def private_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every private name that a module asks of an object which is not its own."""
    defined = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and is_own(node.value)
    }
    defined |= {
        node.name for node in ast.walk(tree) if isinstance(node, (ast.ClassDef, ast.FunctionDef))
    }
    for node in ast.walk(tree):
        names: list[Any] = []
        if isinstance(node, ast.Attribute) and not is_own(node.value):
            names = [node.attr]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in ("delattr", "getattr", "hasattr", "setattr"):
                names = [getattr(a, "value", None) or getattr(a, "s", None) for a in node.args[1:2]]
        elif isinstance(node, ast.Import):
            names = [part for alias in node.names for part in alias.name.split(".")]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
        for name in names:
            if is_private(name) and name not in NAMED_TUPLE | defined:
                yield node.lineno, name


def mechanisms(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every use of code objects, of frames and of classes that are made or changed at run time."""
    forbidden = {"FunctionType", "_getframe", "f_locals", "co_names", "co_consts"}
    for node in ast.walk(tree):
        names = [getattr(node, attribute, None) for attribute in ("id", "attr", "name")]
        yield from ((node.lineno, name) for name in names if name in forbidden)
        if isinstance(node, ast.Attribute) and node.attr == "__class__":
            if isinstance(node.ctx, ast.Store):
                yield node.lineno, "__class__ ="
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "type":
            if len(node.args) == 3:
                yield node.lineno, "type() with three arguments"


@pytest.mark.parametrize("found_in", [private_names, mechanisms])
def test_only_compat_depends_on_the_inside_of_other_packages(found_in):
    """Neither a private name of somebody else's object, nor code objects, frames or new classes."""
    found = {
        module: [f"{module}, line {line}: {name}" for line, name in found_in(tree_of(module))]
        for module in MODULES
    }
    wrong = [line for module, lines in found.items() if module not in NOT_YET for line in lines]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("context._version", ["_version"]),
        ("getattr(context, '_version', None)", ["_version"]),
        ("import werkzeug._reloader", ["_reloader"]),
        ("from flask import _app_ctx_stack as stack", ["_app_ctx_stack"]),
        ("row._replace(id=1)", []),
        ("class A:\n  def _f(self): self._x = super()._x\ndef g(a): a._f(a._x)", []),
        ("context.__class__", []),
    ],
)
def test_the_rule_finds_what_it_is_for(source, found):
    """Own private names and named tuples are no concern of it."""
    assert [name for _, name in private_names(ast.parse(source))] == found


@pytest.mark.parametrize(
    "source", ["x.__class__ = y", "type('A', (B,), {})", "frame.f_locals", "sys._getframe(1)"]
)
def test_the_rule_finds_each_mechanism(source):
    """One line of each."""
    assert len(list(mechanisms(ast.parse(source)))) == 1


# -- each name exists --------------------------------------------------------------------------


def context() -> MigrationContext:
    """A context as Alembic makes it."""
    return MigrationContext.configure(sqlalchemy.create_engine("sqlite://").connect())


class Private(NamedTuple):
    """A name, the object that has it, and the first release of a package that does."""

    name: str
    owner: Callable[[], Any]
    package: Any = None
    since: tuple[int, ...] = ()


def connection() -> Any:
    """A connection of SQLAlchemy."""
    return sqlalchemy.create_engine("sqlite://").connect()


def boolean_check() -> Any:
    """The CHECK constraint of a Boolean column."""
    kind = sqlalchemy.Boolean(create_constraint=True, name="c")
    table = sqlalchemy.Table("t", sqlalchemy.MetaData(), sqlalchemy.Column("a", kind))
    return next(c for c in table.constraints if isinstance(c, sqlalchemy.CheckConstraint))


def werkzeug() -> Any:
    """Werkzeug, with its reloader imported."""
    importlib.import_module("werkzeug._reloader")
    return importlib.import_module("werkzeug")


PRIVATE: tuple[Private, ...] = (
    Private("_version", context),
    Private("_migrations_fn", context),
    Private("_ensure_version_table", context),
    Private("_transaction_per_migration", context),
    Private("_transaction", context, alembic, (1, 5)),
    Private("_in_external_transaction", context, alembic, (1, 5)),
    Private("_load_revisions", lambda: ScriptDirectory),
    Private("_from_path", lambda: Script),
    Private("_versioned_down_revisions", lambda: Script),
    Private("_normalized_down_revisions", lambda: Script, alembic, (1, 6)),
    Private("_all_nextrev", lambda: Script),
    Private("_version_locations", lambda: ScriptDirectory),
    Private("_get_template_path", Config, alembic, (1, 16)),
    Private("_connection_record", lambda: connection().connection),
    Private("_execution_options", connection),
    Private("_create_rule", boolean_check),
    Private("_type_bound", boolean_check),
    Private("_column_flag", lambda: sqlalchemy.Index("i"), sqlalchemy, (1, 2)),
    Private("_transaction", Session, sqlalchemy, (1, 4)),
    Private("_get_table_pragma", lambda: SQLiteDialect),
    Private("_get_table_sql", lambda: SQLiteDialect),
    Private("_show_create_table", lambda: MySQLDialect),
    Private("_operation_context", lambda: Inspector, sqlalchemy, (1, 4)),
    Private("_actions", argparse.ArgumentParser),
    Private("_option_string_actions", argparse.ArgumentParser),
    Private("_get_formatter", argparse.ArgumentParser),
    Private("_parse_known_args", argparse.ArgumentParser),
    Private("_expand_help", lambda: argparse.HelpFormatter("")),
    Private("_SubParsersAction", lambda: argparse),
    Private("_HelpAction", lambda: argparse),
    Private("_clearExistingHandlers", lambda: logging.config),
    Private("_commands", Manager),
    Private("_options", Manager),
    Private("_patch_argparser", Manager),
    Private("_get_current_object", lambda: flask.current_app),
    Private("_reloader", werkzeug),
    Private("_loaded_app", flask.cli.ScriptInfo),
)
# looked for, and used where they are: argparse._parse_known_args2 clashes with a name of
# Flask-Script, flask._request_ctx_stack is gone from Flask 3 on, RevisionMap._relative_iterate
# from Alembic 1.6 on, and a session of SQLAlchemy 1.3 asks for MockConnection._contextual_connect
OPTIONAL = {
    "_contextual_connect",
    "_parse_known_args2",
    "_relative_iterate",
    "_request_ctx_stack",
}


@pytest.mark.parametrize("private", PRIVATE, ids=lambda private: private.name)
def test_a_private_name_exists_in_the_releases_that_compat_says(private):
    """A new release that drops it breaks this test, and no application."""
    installed = tuple(map(int, re.findall(r"\d+", getattr(private.package, "__version__", "0"))))
    if installed >= private.since:
        assert hasattr(private.owner(), private.name)


def test_every_private_name_of_compat_is_listed():
    """What compat begins to use is written into the list above."""
    used = {name for module in COMPAT for _, name in private_names(tree_of(module))}
    assert used - {private.name for private in PRIVATE} - OPTIONAL == set()


def test_the_engine_of_a_failed_connection_is_found():
    """It is in the frames of the exception that the driver's error became."""
    engine = sqlalchemy.create_engine("sqlite:////nowhere/at/all.db")
    with pytest.raises(sqlalchemy.exc.DBAPIError) as caught:
        engine.connect()
    assert engine_of(caught.value, type(engine)) is engine
