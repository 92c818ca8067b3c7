"""What README.rst and docs/ show is what happens; tests/documented.py says what a block is.

`MIGRATE_SCRIPT_RECORD=1 pytest -m docs tests/docs` writes what is printed into the pages.
"""

from __future__ import annotations

import pytest
from documented import PAGES, Page, page_id


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_the_blocks_of_a_page_do_what_it_shows(path, tmp_path, new_database):
    """Each command prints what is below it, and each file and program runs."""
    Page(path, tmp_path, new_database).run()
