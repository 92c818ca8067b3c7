"""Write the table of stacks into README.rst, from the files beside this one.

`python stacks/table.py` writes it; tests/test_stacks.py fails when it is not up to date.
"""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.rst"
COLUMNS = ("Flask", "Flask-SQLAlchemy", "SQLAlchemy", "Alembic", "Flask-Script")
BEGIN, END = ".. stacks\n", ".. stacks end\n"


def stacks() -> dict[str, tuple[list[str], dict[str, str]]]:
    """Read every stack: its Pythons, and the version of each package.

    :raises OSError: a file cannot be read
    """
    found: dict[str, tuple[list[str], dict[str, str]]] = {}
    for path in HERE.glob("*.txt"):
        text = path.read_text(encoding="utf-8")
        pythons = re.match(r"# python: (.+)", text)
        pins = re.findall(r"^([\w-]+)==([\w.]+)", text, re.MULTILINE)
        found[path.stem] = (
            pythons.group(1).split() if pythons else [],
            {name.lower(): version for name, version in pins},
        )
    return dict(sorted(found.items(), key=lambda item: _age(item[1][1]["alembic"])))


def _age(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def table() -> str:
    """Give the table as reStructuredText.

    :raises OSError: a file cannot be read
    """
    lines = [("stack", "Python", *COLUMNS)]
    for name, (pythons, pins) in stacks().items():
        lines.append((name, ", ".join(pythons), *(pins[column.lower()] for column in COLUMNS)))
    widths = [max(map(len, column)) for column in zip(*lines)]
    rule = "  ".join("=" * width for width in widths)
    rows = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths)).rstrip() for line in lines]
    return "\n".join([rule, rows[0], rule, *rows[1:], rule])


def readme() -> str:
    """Give README.rst with the table in it.

    :raises OSError: a file cannot be read
    """
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    README.write_text(readme(), encoding="utf-8")
