"""The reference has each command and option, and the messages of now."""

from __future__ import annotations

import os
import sys

import error_messages
from documented import RECORD, ROOT

from migrate_script.cli.command_table import ALSO, OPTIONS, ROWS
from migrate_script.running.database import DatabaseRun
from migrate_script.running.runner import Run

sys.path[:0] = [str(ROOT / "docs/extensions"), str(ROOT / "docs/pictures")]
import draw  # noqa: E402
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


def test_the_pictures_are_those_of_now():
    """`python docs/pictures/draw.py` draws them anew."""
    for name, picture in draw.PICTURES.items():
        path = ROOT / "docs/pictures" / name
        if RECORD in os.environ:
            path.write_text(picture(), encoding="utf-8")
        assert path.read_text(encoding="utf-8") == picture(), name


def test_the_places_in_the_picture_are_there():
    """Each step of the life of an upgrade names a function."""
    classes = {"DatabaseRun": DatabaseRun, "Run": Run}
    for step in draw.STEPS:
        name, _, attribute = step.where.partition(".")
        if name in classes:
            assert attribute in vars(classes[name]) or attribute == "stack", step.where
