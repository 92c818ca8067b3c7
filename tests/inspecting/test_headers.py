"""The header of a script, read without running it: the same answers and errors as Alembic's own."""

from __future__ import annotations

import io
import re
import shutil
import tempfile
import unittest.mock
import warnings
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script import revision as revision_module
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projects import write_source
from shop_project import write_shop

from migrate_script.inspecting import walk
from migrate_script.inspecting.headers import ScriptModule
from migrate_script.inspecting.headers import scripts_of as read_scripts

TEMPLATE = '''"""{doc}

Revision ID: {revision}

"""
from alembic import op
import sqlalchemy as sa


# revision identifiers, used by Alembic.
revision = {revision!r}
down_revision = {parents!r}
branch_labels = {labels!r}
depends_on = {depends!r}


def upgrade():
    pass


def downgrade():
    pass
'''
ANNOTATED = '''"""{doc}"""
from typing import Sequence, Union

revision: str = {revision!r}
down_revision: Union[str, None] = {parents!r}
branch_labels: Union[str, Sequence[str], None] = {labels!r}
depends_on: Union[str, Sequence[str], None] = {depends!r}

def upgrade() -> None:
    revision = down_revision = None
'''
#: what a script may look like, and whether its header is known from its text
SHAPES = {
    "of the template": (TEMPLATE, True),
    "annotated": (ANNOTATED, True),
    "without a docstring": (TEMPLATE[TEMPLATE.index("from") :], True),
    "in other quotes": (TEMPLATE.replace('"""', "'''"), True),
    "with a function in the docstring": (TEMPLATE.replace("{doc}", "{doc}\ndef x:\n    '"), True),
    "with more in the docstring": (TEMPLATE.replace("{doc}", '{doc} "é" \\d\\n  x\n    y'), True),
    "with more around": (
        "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n\n"
        + TEMPLATE.replace(
            "from alembic",
            "x = [i for i in 'ab']\nclass C:\n    revision = 1\n"
            "try:\n    import json\nexcept ImportError:\n    pass\nfrom alembic",
        ),
        True,
    ),
    "with lines of Windows": (TEMPLATE.replace("\n", "\r\n"), True),
    "in brackets": (TEMPLATE.replace("= {parents!r}", "= ({parents!r})"), True),
    "after a star": (TEMPLATE.replace("import op", "import op\nfrom os.path import *"), True),
    "computed": (TEMPLATE.replace("= {revision!r}", "= ''.join([{revision!r}])"), False),
    "assigned twice": (
        TEMPLATE.replace("revision = {rev", "revision = 'no'\nrevision = {rev", 1),
        False,
    ),
    "assigned below": (TEMPLATE + "\ndepends_on = None\n", False),
    "in a condition": (TEMPLATE.replace("depends_on", "if True:\n    depends_on"), False),
    "before a star": (TEMPLATE + "\nfrom os.path import *\n", False),
    "in a loop": (TEMPLATE + "\nfor branch_labels in [None]:\n    pass\n", False),
    "imported": (
        TEMPLATE.replace("branch_labels =", "from os import name as branch_labels\nx ="),
        False,
    ),
    "made global": (
        TEMPLATE + "\ndef f():\n    global depends_on\n    depends_on = None\nf()\n",
        False,
    ),
    "without parents": (TEMPLATE.replace("down_revision =", "x ="), False),
    "without an identifier": (TEMPLATE.replace("\nrevision =", "\nx ="), False),
    "of another kind": (TEMPLATE.replace("= {revision!r}", "= [{revision!r}]"), False),
    "broken": (TEMPLATE.replace("depends_on =", "depends_on = ="), False),
    "in Latin-1": (TEMPLATE.replace("{doc}", "{doc} \udce9"), False),
}
#: older Alembic may follow a circle for ever
FINDS_CIRCLES = hasattr(revision_module, "CycleDetected")
EVERY_DAY = ["of the template", "annotated", "without a docstring", "with more in the docstring"]


def scripts_of(folder, ours, **options):
    """Open a folder, by Alembic alone or by this package."""
    config = Config()
    config.set_main_option("script_location", str(folder))
    for name, value in options.items():
        config.set_main_option(name, value)
    return (read_scripts if ours else ScriptDirectory.from_config)(config)


def told(function, *arguments, **keywords):
    """What a function returned or raised."""
    try:
        return function(*arguments, **keywords)
    except (Exception, SystemExit) as error:
        # which of several revisions a message of Alembic's names differs from one run to the next
        return type(error), sorted(re.sub(r"\b(r\d|nosuch|label\d?)\b", "x", str(error)).split())


def in_order(text):
    """Sort the labels in a text: Alembic keeps them in a set, whose order is by chance."""

    def sorted_list(match):
        return ", ".join(sorted(match.group().split(", ")))

    return re.sub(r"\blabel\d*(, label\d*)+", sorted_list, text)


def picture(folder, ours, **options):
    """All that can be asked about a folder, and the warnings that come with it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scripts = told(scripts_of, folder, ours, **options)
        if isinstance(scripts, tuple):
            return scripts
        found = {"heads": told(scripts.get_heads), "bases": told(scripts.get_bases)}
        walked = told(lambda: [str(script.revision) for script in walk(scripts)])
        names = walked if isinstance(walked, list) else []
        # the older Alembic goes through sets of objects, whose order is by chance
        found["walk"] = walked if FINDS_CIRCLES or not names else sorted(names)
        for name in [*names, "head", "heads", "base", "r0", "r1@head", "zz"]:
            found[f"show {name}"] = told(
                lambda name=name: [
                    each
                    and (
                        in_order(each.log_entry),
                        in_order(str(each)),
                        each.path,
                        each.dependencies,
                    )
                    for each in scripts.get_revisions(name)
                ]
            )
    # Python warns of a text when it compiles it, which is when it is run
    ignored = (SyntaxWarning, DeprecationWarning, ResourceWarning)
    told_of = [str(w.message) for w in caught if not issubclass(w.category, ignored)]
    # Alembic warns up to the script that it cannot take, and again at each question
    if not isinstance(found["heads"], tuple):
        found["warnings"] = sorted(told_of)
    return found


def write(folder, name, shape, revision, parents=None, depends=None, labels=None):
    """Write a script in one of the shapes."""
    text = SHAPES[shape][0].format(
        doc=f"what {revision} does",
        revision=revision,
        parents=parents,
        depends=depends,
        labels=labels,
    )
    path = folder / "versions" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


@st.composite
def histories(draw):
    """Scripts that come after each other, join, depend on each other; and some that are wrong."""
    count = draw(st.integers(0, 7))
    wrong = draw(st.booleans())
    scripts = []
    for number in range(count):
        own = draw(st.integers(0, number)) if wrong else number
        # also of a revision that is there twice
        earlier = [f"r{n}" for n in range(number if FINDS_CIRCLES else own)]
        known = earlier + (["nosuch"] if wrong else [])
        if wrong and FINDS_CIRCLES:
            known += [f"r{number}", f"r{number + 1}"]
        some = st.lists(st.sampled_from(known), max_size=2, unique=True) if known else st.just([])
        parents = draw(some)
        if earlier and draw(st.integers(0, 3)):
            parents = parents or [earlier[-1]]
        depends = draw(some) if draw(st.integers(0, 3)) == 0 else []
        labels = draw(st.sampled_from([None, None, None, (f"label{number}",), ("label",)]))
        shape = draw(st.sampled_from(sorted(SHAPES) if wrong else EVERY_DAY))
        place = draw(st.sampled_from(["", "", "", "deep/", "../more/"]))
        name = draw(
            st.sampled_from(
                ["x_{}.py", "{}.py", "ab{}.py", "__init__{}.py", "x{}.pyc"][: 5 if wrong else 1]
            )
        )
        scripts.append(
            (
                place + name.format(number),
                shape,
                f"r{own}",
                tuple(parents) if len(parents) > 1 else (parents[0] if parents else None),
                tuple(depends) or None,
                labels,
            )
        )
    return scripts


OPTIONS = [
    {},
    {"sourceless": "true"},
    {"recursive_version_locations": "true"},
    {"version_locations": "%(here)s/versions %(here)s/more"},
    {"version_locations": "%(here)s/versions %(here)s/versions/../versions"},
]


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(histories(), st.sampled_from(OPTIONS))
def test_the_same_answers_as_alembic(history, options):
    """Heads, bases, order, texts, errors and warnings are those of Alembic alone."""
    # a folder is listed in another order once it has got a __pycache__
    with unittest.mock.patch(
        "sys.dont_write_bytecode", True
    ), tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        (folder / "versions").mkdir()
        (folder / "more").mkdir()  # a location that is missing is refused here
        for script in history:
            write(folder, *script)
        options = {key: value.replace("%(here)s", name) for key, value in options.items()}
        assert picture(folder, True, **options) == picture(folder, False, **options)


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_known_from_the_text(tmp_path, shape):
    """A header that is plainly literal; all others are loaded as Alembic does."""
    write(tmp_path, "r0.py", shape, "r0")
    known = SHAPES[shape][1]
    assert picture(tmp_path, True) == picture(tmp_path, False)
    found = told(lambda: scripts_of(tmp_path, True).get_revision("r0").module)
    assert isinstance(found, ScriptModule) == known


def test_a_script_without_text(tmp_path):
    """Compiled scripts are Alembic's to load."""
    import py_compile

    path = write(tmp_path, "x0.py", "of the template", "r0")
    py_compile.compile(str(path), str(path) + "c")
    path.unlink()
    shutil.rmtree(str(path.parent / "__pycache__"), ignore_errors=True)
    assert picture(tmp_path, True, sourceless="true")["heads"] == ["r0"]
    assert picture(tmp_path, True, sourceless="true") == picture(tmp_path, False, sourceless="true")
    assert picture(tmp_path, True) == picture(tmp_path, False)


def test_the_module_of_a_script(tmp_path):
    """Whoever asks for more than the header gets the module, which is executed once."""
    path = write(tmp_path, "x0.py", "of the template", "r0")
    write_source(
        path, path.read_text() + f"\nopen({str(tmp_path / 'n')!r}, 'a').write('x')\nN = 1\n"
    )
    module = scripts_of(tmp_path, True).get_revision("r0").module
    assert (module.revision, module.depends_on, module.__file__) == ("r0", None, str(path))
    assert not (tmp_path / "n").exists()
    assert module.N == 1
    assert callable(module.upgrade)
    assert vars(module)["upgrade"] is module.upgrade
    assert "downgrade" in dir(module)
    module.N = module.down_revision = "new"
    assert (module.N, vars(module)["N"], module.down_revision) == ("new", "new", "new")
    with pytest.raises(AttributeError):
        module.nosuch  # noqa: B018
    assert (tmp_path / "n").read_text() == "x"


def test_the_output_of_alembic(project, url):
    """What the commands print about branches, merges, labels and dependencies."""
    shop = write_shop(project)
    folder = shop.folder / "migrations"
    for name, revision, parents, depends, labels in [
        ("d.py", "dddd", "bbbb", None, ("side",)),
        ("e.py", "eeee", ("cccc", "dddd"), None, None),
        ("f.py", "ffff", None, ("bbbb",), ("other", "another")),
        ("g.py", "a1a1", "ffff", "dddd", None),
    ]:
        write(folder, name, "of the template", revision, parents, depends, labels)
    for words, function, options in [
        (["heads"], "heads", {}),
        (["heads", "-v"], "heads", {"verbose": True}),
        (["history"], "history", {}),
        (["history", "-v"], "history", {"verbose": True}),
        (["history", "-r", "bbbb:eeee"], "history", {"rev_range": "bbbb:eeee"}),
        (["branches", "-v"], "branches", {"verbose": True}),
        (["show", "eeee"], "show", {"rev": "eeee"}),
        (["show", "other@head"], "show", {"rev": "other@head"}),
    ]:
        out = io.StringIO()
        config = Config(stdout=out)
        config.set_main_option("script_location", "migrations")
        getattr(command, function)(config, **options)
        answer = shop.run("manage.py", "db", *words)
        assert (answer.status, answer.out) == (0, out.getvalue()), words
