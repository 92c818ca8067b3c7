"""Which of the tests that take long are run on every stack."""

from __future__ import annotations

import pytest

# of what is repeated, since chance has a part in it, and of what comes in many kinds: this one
ONE_OF_MANY = {"repeat": 1, "theirs": "2.7.0", "release": "2.7.0"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Some of those on SQLite are; those on a server are where their file says so."""
    for item in items:
        call = getattr(item, "callspec", None)
        if not call or not item.get_closest_marker("slow") or "sqlite" not in call.params.values():
            continue
        chosen = all(call.params.get(name, one) == one for name, one in ONE_OF_MANY.items())
        # every third statement at which a command is killed
        if chosen and call.params.get("number", 0) % 3 == 0:
            item.add_marker(pytest.mark.every_stack)
