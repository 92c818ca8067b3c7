"""A command ends with what to type next, which works as it is written."""

from __future__ import annotations

import re
import shlex

import pytest
from front_ends import FrontEnd, note
from shop_project import APP, MANAGE


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize("name", ["manage.py", "flask"])
@pytest.mark.parametrize(
    ("words", "option"), [("init", ""), ("init --multidb", ""), ("init -d other", " -d other")]
)
def test_what_comes_after_init(project, name, words, option):
    """And no advice to edit a file that needs none."""
    project.write("shop.py", APP)
    project.write("manage.py", MANAGE)
    db = FrontEnd(name, project)
    done = db(*words.split())
    assert (done.status, done.err) == (
        0,
        note(
            f"next: 'db migrate{option} -m \"...\"' writes the first revision, and "
            f"'db upgrade{option}' runs it"
        ),
    )
    lines = done.out.splitlines()
    assert len(lines) == 6
    assert all(line.split()[0] in ("Creating", "Generating") for line in lines)
    for advised in re.findall("'db (.*?)'", done.err):
        assert db(*shlex.split(advised)).status == 0, advised
