"""These tests need Sphinx, and the stack in whose words the pages are: `tox -e docs`."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("sphinx") else ["test_*.py"]
