"""Directives that write the reference from the code."""

from __future__ import annotations

import configparser
import importlib
import sys
import textwrap
from pathlib import Path
from typing import Any, Iterator

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from migrate_script.cli.command_table import (
    ALSO,
    FLAG,
    GROUP_OPTIONS,
    OPTIONS,
    ROWS,
    TRACEBACK,
    Row,
)

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "stacks"))
import table  # noqa: E402


def option_lines(option: Any) -> Iterator[str]:
    """Write an option, with what it takes."""
    value = "" if option.kind == FLAG else f" {option.value}"
    flags = ", ".join(f"{flag}{value}" for flag in option.flags)
    yield from (f".. option:: {flags}", "", f"   {option.help}", "")


def command_lines(row: Row) -> Iterator[str]:
    """Write a command: a heading, what is typed, its sentence, its options."""
    own = [p for p in row.parameters if p.name not in GROUP_OPTIONS]
    arguments = [p for p in own if not p.option.flags]
    typed = " ".join(f"[{p.name.upper()}]" for p in arguments)
    yield from (f".. _command-{row.name}:", "", f"db {row.name}", "-" * (len(row.name) + 3), "")
    yield from (f".. program:: db {row.name}", "", row.help, "")
    yield from (f"``python manage.py db {row.name} {typed}".rstrip() + "``", "")
    for parameter in arguments:
        if parameter.default:
            yield from (f"{parameter.name.upper()} is ``{parameter.default}`` unless given.", "")
    for parameter in own:
        if parameter.option.flags:
            yield from option_lines(parameter.option)
    for (command, _), option in ALSO.items():
        if command == row.name:
            yield from option_lines(option)


class Commands(SphinxDirective):
    """The commands and options, from `cli/command_table.py`."""

    def run(self) -> list[nodes.Node]:
        """Return a section for the options of all, and one for each command."""
        lines = ["Options of every command", "-" * 24, "", ".. program:: db", ""]
        for option in (*(OPTIONS[name] for name in GROUP_OPTIONS), TRACEBACK):
            lines += option_lines(option)
        for row in ROWS.values():
            lines += command_lines(row)
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


class ErrorTree(SphinxDirective):
    """The family of exceptions, as the docstring of a module draws it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return a block with the drawing."""
        text = importlib.import_module(self.arguments[0]).__doc__ or ""
        drawing = text.partition("::\n\n")[2].partition("\n\n")[0]
        return [nodes.literal_block(drawing, textwrap.dedent(drawing))]


class SupportedVersions(SphinxDirective):
    """The table of `stacks/`, and what tox.ini runs of it."""

    def run(self) -> list[nodes.Node]:
        """Return a table and a sentence."""
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(str(ROOT / "tox.ini"), encoding="utf-8")
        names = parser["tox"]["envlist"].split()[1:]
        tox = ", ".join(f"``{name}``" for name in names)
        text = f"{table.table()}\n\nThe environments of ``tox``: {tox}.\n"
        return self.parse_text_to_nodes(text)


def setup(app: Any) -> dict[str, Any]:
    """Register the directives.

    :param app: Sphinx
    """
    app.add_directive("commands", Commands)
    app.add_directive("error-tree", ErrorTree)
    app.add_directive("supported-versions", SupportedVersions)
    return {"parallel_read_safe": True}
