"""The stacks that are promised are the stacks that are tested."""

from __future__ import annotations

import configparser
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "stacks"))
import table  # noqa: E402

pytestmark = pytest.mark.any_stack


@pytest.fixture(scope="module")
def tox():
    """tox.ini as a whole."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(str(ROOT / "tox.ini"), encoding="utf-8")
    return parser


def test_tox_runs_every_stack_on_every_python_it_names(tox):
    """One environment for each, and none besides."""
    wanted = {
        (name.replace("-", ""), "py" + python.replace(".", ""))
        for name, (pythons, _) in table.stacks().items()
        for python in pythons
    }
    listed = set()
    for line in tox["tox"]["envlist"].split()[1:]:
        stack, pythons = line.split("-py")
        for number in pythons.strip("{}").split(","):
            listed.add((stack, "py" + number))
    assert listed == wanted


def test_ci_runs_every_environment_of_tox_once(tox):
    """Each has a line that says which of the tests it runs."""
    lines = (ROOT / ".ci/run").read_text(encoding="utf-8").partition("<<'END'\n")[2]
    named = [line.split()[0] for line in lines.partition("\nEND\n")[0].splitlines()]
    listed = []
    for line in tox["tox"]["envlist"].split()[1:]:
        stack, pythons = line.split("-py")
        listed += [f"{stack}-py{number}" for number in pythons.strip("{}").split(",")]
    assert sorted(named) == sorted(listed)


def test_tox_installs_the_file_of_each_stack(tox):
    """The file is named in the line of its factor."""
    lines = tox["testenv"]["deps"].strip().splitlines()
    files = dict(line.split(": -r ") for line in lines if " -r " in line)
    assert files == {name.replace("-", ""): f"stacks/{name}.txt" for name in table.stacks()}


def test_the_floors_of_setup_cfg_are_the_min_stack():
    """`min` has exactly what setup.cfg asks for at least."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(str(ROOT / "setup.cfg"), encoding="utf-8")
    required = re.findall(r"^([\w-]+)>=([\d.]+)$", parser["options"]["install_requires"], re.M)
    pins = table.stacks()["min"][1]
    assert len(required) == 5
    for name, floor in required:
        pinned, wanted = ([*map(int, v.split("."))] for v in (pins[name.lower()], floor))
        assert pinned[: len(wanted)] == wanted, name
        assert not any(pinned[len(wanted) :]), name


def test_the_readme_shows_the_table_of_the_stacks():
    """`python stacks/table.py` brings it up to date."""
    assert table.README.read_text(encoding="utf-8") == table.readme()
