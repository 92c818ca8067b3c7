"""Flask-Migrate's own templates, and a count of what was done with them."""

from __future__ import annotations

from typing import Any

import old_releases
import pytest


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Record the template of each cell for the report."""
    for item in items:
        template = getattr(item, "callspec", None) and item.callspec.params.get("template")
        if isinstance(template, old_releases.Template):
            # in a form that reaches the main process of pytest-xdist
            item.user_properties.append(("template", tuple(template)))


def _cells(terminalreporter: Any) -> dict[str, tuple[str, old_releases.Template, Any]]:
    """Return the outcome of each cell, its template, and what is to be said about it."""
    cells = {}
    for outcome in ("passed", "skipped", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, ()):
            template = dict(getattr(report, "user_properties", ())).get("template")
            if template is not None:
                template = old_releases.Template(*template)
                cells[report.nodeid] = (outcome, template, report.longrepr)
    return cells


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Count the templates and the cells."""
    cells = _cells(terminalreporter).values()
    if not cells:
        return
    outcomes = [outcome for outcome, _, _ in cells]
    templates = {template for _, template, _ in cells}
    env_files = {old_releases.picture(t.release, t.kind)[0] for t in templates}
    others = [f"{outcomes.count(o)} {o}" for o in ("skipped", "failed", "error") if o in outcomes]
    terminalreporter.write_line(
        f"downstream: {len(templates)} templates ({len(env_files)} different env.py), "
        f"{len(cells)} cells, {', '.join(others) or 'all green'}"
    )
    for reason in sorted({what[2] for outcome, _, what in cells if outcome == "skipped"}):
        terminalreporter.write_line(f"downstream: {reason}")
    terminalreporter.write_line(
        f"downstream: left out are {', '.join(sorted(old_releases.LEFT_OUT))}"
    )


@pytest.fixture(scope="session")
def fetched():
    """Every release of Flask-Migrate from 1.0.0 to 4.1.0, unpacked."""
    return {release: old_releases.templates_of(release) for release in old_releases.ALL}
