"""Which of the tests that take long are run on every stack."""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Those on SQLite are; those on a server are where their file says so."""
    for item in items:
        call = getattr(item, "callspec", None)
        if call and "sqlite" in call.params.values() and item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.every_stack)
