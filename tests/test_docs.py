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

DOCS = Path(__file__).resolve().parent.parent / "docs"


def page(name: str) -> str:
    """The text of a page."""
    return (DOCS / f"{name}.rst").read_text(encoding="utf-8")


def test_each_message_has_a_heading():
    """Whatever builds the sentence of an error is called in a comment above one."""
    documented = {entry.call.partition("(")[0] for entry in error_messages.entries(page("errors"))}
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
