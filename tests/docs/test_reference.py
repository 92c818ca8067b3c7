"""The reference has each command and option, and the messages of now."""

from __future__ import annotations

import os
import sys

import error_messages
from documented import RECORD, ROOT

from migrate_script.cli.command_table import ALSO, OPTIONS, ROWS

sys.path.insert(0, str(ROOT / "docs/extensions"))
import reference  # noqa: E402


def test_the_messages_of_the_page_are_those_of_now():
    """Each sentence is what the call in the comment above it makes, its heading the beginning."""
    text = error_messages.PAGE.read_text(encoding="utf-8")
    if RECORD in os.environ:
        error_messages.PAGE.write_text(error_messages.recorded(text), encoding="utf-8")
        return
    shown = {entry.call: entry for entry in error_messages.entries(text)}
    now = {entry.call: entry for entry in error_messages.entries(error_messages.recorded(text))}
    assert shown == now


def test_each_command_and_option_is_in_the_reference():
    """With all of its flags."""
    for name, row in ROWS.items():
        lines = list(reference.command_lines(row))
        assert f"db {name}" in lines
        options = [p.option for p in row.parameters if p.name not in reference.GROUP_OPTIONS]
        options += [option for (command, _), option in ALSO.items() if command == name]
        for flag in (flag for option in options for flag in option.flags):
            assert any(line.startswith(".. option::") and flag in line for line in lines), flag
    assert all(OPTIONS[name].flags for name in reference.GROUP_OPTIONS)
