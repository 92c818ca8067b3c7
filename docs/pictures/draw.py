"""Draw the pictures of the documentation: `python docs/pictures/draw.py` writes them.

session.svg shows the first session of README.rst, whose output is compared by a test, and
upgrade.svg the life of one upgrade. tests/docs/test_reference.py fails when they are out of date.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

HERE = Path(__file__).resolve().parent
README = HERE.parent.parent / "README.rst"
MONOSPACE = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
SANS = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"


def _svg(width: int, height: int, *parts: str) -> str:
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', *parts, "</svg>", ""])


# -- a terminal -----------------------------------------------------------------------------------

COLUMNS, LINE, LETTER = 100, 19, 8.0


def _console(text: str) -> list[str]:
    """Return the lines of the first console session that begins with `db init`."""
    found = re.search(
        r"\.\. code-block:: console\n\n(   \$ python manage\.py db init\n(?:   .*\n)+)", text
    )
    assert found
    return textwrap.dedent(found.group(1)).splitlines()


def session() -> str:
    """Draw the session."""
    lines: list[tuple[str, str]] = []
    for line in _console(README.read_text(encoding="utf-8")):
        kind = "command" if line.startswith("$ ") else "log" if line.startswith("INFO") else "out"
        lines += [(kind, part) for part in textwrap.wrap(line, COLUMNS, subsequent_indent="  ")]
    width, height = round(COLUMNS * LETTER + 40), len(lines) * LINE + 56
    colors = {"command": "#ffffff", "log": "#8fa1b3", "out": "#c0c5ce"}
    parts = [
        f'<rect width="{width}" height="{height}" rx="8" fill="#1d232b"/>',
        *(
            f'<circle cx="{20 + 18 * place}" cy="18" r="5" fill="{color}"/>'
            for place, color in enumerate(("#ff5f56", "#ffbd2e", "#27c93f"))
        ),
        f'<g font-family="{MONOSPACE}" font-size="13" xml:space="preserve">',
    ]
    for number, (kind, text) in enumerate(lines):
        weight = ' font-weight="bold"' if kind == "command" else ""
        parts.append(
            f'<text x="20" y="{50 + number * LINE}" fill="{colors[kind]}"{weight} '
            f'textLength="{round(len(text) * LETTER, 1)}">{escape(text)}</text>'
        )
    return _svg(width, height, *parts, "</g>")


# -- the life of one upgrade ----------------------------------------------------------------------


class Step(NamedTuple):
    """What happens, where it is written, and what a failure there leaves."""

    title: str
    where: str
    failure: str


STEPS = (
    Step("read the heads, plan the steps", "DatabaseRun.open", "nothing was changed"),
    Step("at the target? then end", "DatabaseRun.open", ""),
    Step("say what is lost; ask, or refuse", "DatabaseRun.open", "nothing was changed"),
    Step("take the lock, or wait; plan again", "DatabaseRun._lock", "nothing was changed"),
    Step("back up (--backup)", "DatabaseRun._lock", "nothing was changed"),
    Step("begin; check rights, room, writes", "DatabaseRun.migrate", "nothing was changed"),
    Step(
        "run each revision, check foreign keys", "DatabaseRun.steps", "undone; or goes on (MySQL)"
    ),
    Step("compare the models (--verify)", "DatabaseRun._finish", "undone (not on MySQL)"),
    Step("is the lock still held? commit", "env.py, Statements", "undone"),
    Step("release the lock", "Run.stack", "ends with the process"),
)


def upgrade() -> str:
    """Draw the steps from top to bottom, with the place in the code and what a failure leaves."""
    box, gap, top = 40, 18, 44
    width, height = 760, top + len(STEPS) * (box + gap) + 6
    line = 'stroke="#64748b"'
    parts = [
        f'<rect width="{width}" height="{height}" rx="8" fill="#ffffff"/>',
        f'<g font-family="{SANS}" font-size="14" fill="#1d232b">',
        '<text x="30" y="28" font-weight="bold">one upgrade</text>',
        '<text x="370" y="28" font-weight="bold">where</text>',
        '<text x="560" y="28" font-weight="bold">after a failure there</text>',
    ]
    for number, step in enumerate(STEPS):
        y = top + number * (box + gap)
        fill = "#dbeafe" if number in (6, 8) else "#f1f5f9"
        parts += [
            f'<rect x="20" y="{y}" width="320" height="{box}" rx="6" fill="{fill}" {line}/>',
            f'<text x="36" y="{y + 25}">{escape(step.title)}</text>',
            f'<text x="370" y="{y + 25}" font-family="{MONOSPACE}" font-size="12">'
            f"{escape(step.where)}</text>",
            f'<text x="560" y="{y + 25}">{escape(step.failure)}</text>',
        ]
        if number:
            arrow = f"M180 {y - gap} v{gap - 4} m-4 -5 l4 5 l4 -5"
            parts.append(f'<path d="{arrow}" fill="none" {line}/>')
    return _svg(width, height, *parts, "</g>")


PICTURES = {"session.svg": session, "upgrade.svg": upgrade}

if __name__ == "__main__":
    for name, draw in PICTURES.items():
        (HERE / name).write_text(draw(), encoding="utf-8")
