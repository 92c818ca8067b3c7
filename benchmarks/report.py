"""What `compare.py` has measured, as lines, as a table of reStructuredText and as a plot."""

from __future__ import annotations

import math
from typing import Any, Iterator

DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MariaDB"}


def lines(result: dict[str, Any]) -> Iterator[str]:
    """Return the figures of one command, a line for each tool."""
    yield "{command}, {database}, {size}".format(**result) + (", merges" * result["merges"])
    for name, row in result["tools"].items():
        line = (
            f"    {name:14} {row['cpu']:7.3f} s CPU  {row['wall']:7.3f} s  {row['memory']:5.0f} MB"
        )
        line += "   ratios {cpu_ratio:.2f} {wall_ratio:.2f} {memory_ratio:.2f}".format(**row)
        if row["instructions"]:
            line += f"  {row['instructions']:8.0f} M instructions"
        yield line


def table(results: list[dict[str, Any]], titles: dict[str, str], commands: dict[str, str]) -> str:
    """Return a table of CPU seconds; in parentheses, how many times those of the first tool."""
    names = [name for name in titles if any(name in result["tools"] for result in results)]
    rows = [["command", "size", "database", *(titles[name] for name in names)]]
    for result in results:
        what = "tables" if result["command"] in ("check", "migrate", "first") else "revisions"
        row = [commands[result["command"]], f"{result['size']} {what}"]
        row.append(DATABASES[result["database"]])
        for name in names:
            figures = result["tools"].get(name)
            cell = "–" if figures is None else f"{figures['cpu']:.2f} s"
            if figures is not None and name != names[0]:
                cell += f" ({1 / figures['cpu_ratio']:.2f})"
            row.append(cell)
        rows.append(row)
    text = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        text += [f"   {'* -' if not number else '  -'} {cell}" for number, cell in enumerate(row)]
    return "\n".join(text) + "\n"


COLOURS = ["#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#8c564b", "#7f7f7f"]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 420, 70, 190, 40, 50


def growth(results: list[dict[str, Any]], titles: dict[str, str], command: str, title: str) -> str:
    """Plot the CPU seconds of one command on SQLite against the size, both logarithmic."""
    points: dict[str, list[tuple[int, float]]] = {}
    for result in sorted(results, key=lambda result: int(result["size"])):
        if (result["command"], result["database"]) == (command, "sqlite") and not result["merges"]:
            for name, row in result["tools"].items():
                points.setdefault(name, []).append((result["size"], row["cpu"]))
    sizes = sorted({size for of_tool in points.values() for size, _ in of_tool})
    seconds = [value for of_tool in points.values() for _, value in of_tool]
    low, high = math.log10(min(seconds) / 1.3), math.log10(max(seconds) * 1.3)

    def x(size: float) -> float:
        first, last = math.log10(sizes[0]), math.log10(sizes[-1])
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log10(size) - first) / ((last - first) or 1)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (math.log10(value) - low) / (high - low)

    def text(at: tuple[float, float], words: str, anchor: str, colour: str = "#444") -> str:
        return (
            f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}" fill="{colour}">'
            f"{words}</text>"
        )

    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        text((LEFT, 22), f"CPU seconds on SQLite: {title}", "start"),
        text(((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10), "revisions in the folder", "middle"),
    ]
    for size in sizes:
        drawn.append(
            f'<line x1="{x(size):.1f}" x2="{x(size):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" '
            'stroke="#ddd"/>'
        )
        drawn.append(text((x(size), HEIGHT - BOTTOM + 18), f"{size:,}", "middle"))
    for value in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100):
        if low <= math.log10(value) <= high:
            drawn.append(
                f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
                'stroke="#ddd"/>'
            )
            drawn.append(text((LEFT - 8, y(value) + 4), f"{value:g} s", "end"))
    ends: list[float] = []
    in_order = sorted(points, key=lambda name: -points[name][-1][1])
    colours = dict(zip(titles, COLOURS))
    for name in in_order:
        line = " ".join(f"{x(size):.1f},{y(value):.1f}" for size, value in points[name])
        width = 3 if name == next(iter(titles)) else 1.6
        drawn.append(
            f'<polyline points="{line}" fill="none" stroke="{colours[name]}" '
            f'stroke-width="{width}"/>'
        )
        drawn += [
            f'<circle cx="{x(size):.1f}" cy="{y(value):.1f}" r="3" fill="{colours[name]}"/>'
            for size, value in points[name]
        ]
        size, value = points[name][-1]
        end = max([y(value) + 4] + [other + 15 for other in ends[-1:]])  # one below the other
        ends.append(end)
        drawn.append(text((x(size) + 10, end), titles[name], "start", colours[name]))
    return "\n".join([*drawn, "</svg>"]) + "\n"
