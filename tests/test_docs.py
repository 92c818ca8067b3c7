"""The documentation leaves nothing out."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import error_messages
import pytest

import migrate_script
from migrate_script.state import SET_BESIDE, Settings

pytestmark = pytest.mark.any_stack

ROOT = Path(__file__).resolve().parent.parent
DOCS, PACKAGE = ROOT / "docs", ROOT / "migrate_script"


def page(name: str) -> str:
    """The text of a page."""
    return (DOCS / f"{name}.rst").read_text(encoding="utf-8")


def test_each_message_has_a_heading():
    """Whatever builds the sentence of an error is called in a comment above one."""
    documented = {entry.constructor for entry in error_messages.entries(page("errors"))}
    assert error_messages.constructors() - documented == set()
    assert documented - error_messages.constructors() == {"create_engine"}


def test_each_setting_is_explained():
    """Of `Migrate`, and what belongs to a command."""
    text = page("settings")
    terms = set(re.findall(r"^``(\w+)``\n    ", text, re.M))
    parameters = set(inspect.signature(migrate_script.Migrate).parameters)
    wanted = parameters - {"app", "db", "kwargs"} | set(SET_BESIDE)
    assert wanted - terms == {"process_revision_directives"}
    of_commands = set(Settings.__annotations__) - wanted
    assert [name for name in sorted(of_commands) if f"``{name}``" not in text] == []


def test_each_public_name_is_in_the_reference():
    """By a directive, or as one of Flask-Script's."""
    text = page("api")
    named = set(re.findall(r"^\.\. auto\w+:: (\w+)$", text, re.M)) | set(
        re.findall(r"``(\w+)``", text)
    )
    assert set(migrate_script.__all__) - named == set()


def test_each_page_is_in_a_table_of_contents():
    """A reader finds it from the first page."""
    listed = set(re.findall(r"^   ([\w-]+)$", page("index"), re.M))
    assert {path.stem for path in DOCS.glob("*.rst")} == listed | {"index"}


def test_the_design_names_files_and_functions_that_are_there():
    """Relative to the package or to the repository; `DatabaseRun.open` in some module."""
    sources = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    everything = "\n".join(sources.values())
    files = {path.name for path in sources}
    for name in re.findall(r"``([\w./]+)``", page("design")):
        if "/" in name and name not in ("migrations/", "versions/"):
            assert any(PACKAGE.rglob(name.rstrip("/"))) or (ROOT / name).exists(), name
        elif name.endswith(".py"):
            assert name in files | {"manage.py", "setup.py", "env.py"}, name
        elif re.fullmatch(r"(DatabaseRun|Run|Backend|Statements)\.\w+", name):
            assert re.search(rf"\b{name.split('.')[1]}\b", everything), name


def test_the_design_names_each_module_of_a_run():
    """What is in running/, a reader finds in the list."""
    text = page("design")
    modules = [path.name for path in (PACKAGE / "running").glob("[a-z]*.py")]
    folders = [f"{path.parent.name}/" for path in (PACKAGE / "running").glob("*/__init__.py")]
    assert [name for name in [*modules, *folders] if f"``{name}``" not in text] == []
