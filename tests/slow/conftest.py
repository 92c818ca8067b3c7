"""Which of the tests that take long are run on every stack."""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Those on SQLite are; those on a server are where their file says so.

    What is repeated, since chance has a part in it, is repeated often on few stacks only.
    """
    for item in items:
        call = getattr(item, "callspec", None)
        if call and "sqlite" in call.params.values() and item.get_closest_marker("slow"):
            if call.params.get("repeat", 0) < 2:
                item.add_marker(pytest.mark.every_stack)
