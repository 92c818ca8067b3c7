"""What could be typed, or called, with a release of Flask-Migrate can be with this package.

The sources are read and not executed.
"""

from __future__ import annotations

import ast
import inspect

import old_releases
import pytest

import migrate_script
from migrate_script.cli import command_table as table

pytestmark = pytest.mark.slow

OURS = {
    name: {f for p in row.parameters for f in p.option.flags} for name, row in table.ROWS.items()
}
for (name, _), option in table.ALSO.items():
    OURS[name] |= set(option.flags)
GROUP = {flag for name in table.GROUP_OPTIONS for flag in table.OPTIONS[name].flags}


def functions(source, of=None):
    """The functions of a module, or of a class in it."""
    body = ast.parse(source).body
    if of is not None:
        body = [n for c in body if getattr(c, "name", None) == of for n in c.body]
    return [node for node in body if isinstance(node, ast.FunctionDef)]


def flags_of(function):
    """The options that a front end gives a function by `option(...)` decorators."""
    calls = [d for d in function.decorator_list if isinstance(d, ast.Call)]
    options = [call for call in calls if getattr(call.func, "attr", None) == "option"]
    words = [ast.literal_eval(word) for call in options for word in call.args]
    return {word for word in words if word.startswith("-")}


def parameters_of(function):
    """The names of the parameters, in order, but `self`."""
    names = [argument.arg for argument in function.args.args]
    return names[1:] if names[:1] == ["self"] else names


@pytest.mark.parametrize("release", old_releases.ALL)
@pytest.mark.parametrize("module", ["__init__.py", "cli.py"])
def test_every_option_is_known(fetched, release, module):
    """Those of Flask-Script, and those of Click; what they did not do they need not do here."""
    seen = 0
    for function in functions(old_releases.source_of(release, module)):
        flags = flags_of(function)
        known = GROUP if function.name == "db" else OURS.get(function.name.replace("_", "-"), set())
        assert flags - known == set(), function.name
        seen += len(flags)
    has_group = old_releases.ALL.index(release) >= old_releases.ALL.index("2.0.0")
    of_script = old_releases.ALL.index(release) < old_releases.ALL.index("3.0.0")
    assert (seen > 15) is (has_group if module == "cli.py" else of_script)


@pytest.mark.parametrize("release", old_releases.ALL)
def test_every_parameter_has_its_place(fetched, release):
    """The functions take what they took, by position too."""
    source = old_releases.source_of(release, "__init__.py")
    seen = 0
    for function in functions(source):
        ours = getattr(migrate_script, function.name, None)
        if ours is None or (function.name == "edit" and release.startswith("1.")):
            continue  # `edit` got its order in 2.0
        names = parameters_of(function)
        assert list(inspect.signature(ours).parameters)[: len(names)] == names, function.name
        seen += 1
    assert seen >= 8
    for method in functions(source, "Migrate"):
        if method.name == "configure":
            continue  # a decorator: nobody names its parameter
        ours = inspect.signature(getattr(migrate_script.Migrate, method.name))
        names = parameters_of(method)
        assert [n for n in ours.parameters if n != "self"][: len(names)] == names, method.name
