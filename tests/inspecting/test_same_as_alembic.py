"""What the reading commands print, and what an upgrade would run, is what Alembic alone says."""

from __future__ import annotations

import io
import random
import sys
import unittest.mock
import warnings
from contextlib import redirect_stderr, redirect_stdout

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script import revision as revision_module
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_headers import TEMPLATE, in_order

import migrate_script
from migrate_script.compat.alembic import LinearRevisionMap
from migrate_script.inspecting.headers import headers_of, scripts_of
from migrate_script.running.logs import kept_loggers

#: older Alembic may follow a circle for ever
FINDS_CIRCLES = hasattr(revision_module, "CycleDetected")
#: before 1.6 it goes through sets of objects, in an order by chance
IN_ORDER = hasattr(revision_module.RevisionMap, "_topological_sort")


@st.composite
def graphs(draw):
    """Identifier, parents, dependencies and label of each script; some graphs are broken."""
    wrong = draw(st.sampled_from(["", "", "", "twice", "missing", "circle", "label", "letter"]))
    if wrong == "circle" and not FINDS_CIRCLES:
        wrong = ""
    scripts = []
    for number in range(draw(st.integers(1, 14))):
        earlier = [f"rev{n}" for n in range(number)]
        recent = earlier[-4:]
        parents = draw(st.lists(st.sampled_from(recent), max_size=3, unique=True)) if recent else []
        if recent and not parents and draw(st.integers(0, 4)):
            parents = [recent[-1]]
        depends = []
        if earlier and draw(st.integers(0, 7)) == 0:
            depends = draw(st.lists(st.sampled_from(earlier), max_size=2, unique=True))
        # older Alembic passes labels on in the order of a set, and may fail over them by chance
        has_label = FINDS_CIRCLES and draw(st.integers(0, 7)) == 0
        label = f"label{number}" if has_label else None
        scripts.append([f"rev{number}", parents, depends, label])
    some = draw(st.integers(0, len(scripts) - 1))
    if wrong == "twice":
        scripts.append([scripts[some][0], [], [], None])
    elif wrong == "missing":
        scripts[some][1] = ["nosuch"]
    elif wrong == "circle":
        # without a base: Alembic itself may follow one for ever that it reaches from a base
        for number, script in enumerate(scripts):
            script[1] = script[1] or [scripts[number - 1][0]]
    elif wrong == "label":
        scripts[some][3] = "label"
        scripts.append(["more", [], [], "label"])
    elif wrong == "letter":
        scripts[some][0] += "-x"
    # files are not in the order of the history
    draw(st.randoms(use_true_random=False)).shuffle(scripts)
    return scripts


def write(folder, scripts):
    """Write the scripts of a graph into the versions of a migrations folder."""
    for old in folder.glob("versions/*.py"):
        old.unlink()
    for number, (revision, parents, depends, label) in enumerate(scripts):
        text = TEMPLATE.format(
            doc=f"what {revision} does",
            revision=revision,
            parents=tuple(parents) if len(parents) > 1 else (parents[0] if parents else None),
            labels=(label,) if label else None,
            depends=tuple(depends) or None,
        )
        (folder / "versions" / f"x{number:02}.py").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """An application with a database and a migrations folder."""
    folder = tmp_path_factory.mktemp("shop")
    app = Flask("shop")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder}/app.db"
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    db = SQLAlchemy(app)
    app.folder = folder / "migrations"
    migrate_script.Migrate(app, db, str(app.folder))
    # Python takes bytecode for that of a script of the same size, written in the same second
    with unittest.mock.patch("sys.dont_write_bytecode", True), app.app_context(), redirect_stdout(
        io.StringIO()
    ):
        migrate_script.init()
        # the folder is listed in another order once it has got a __pycache__
        (app.folder / "versions" / "__pycache__").mkdir()
        yield app


def stamp(*revisions):
    """Write revisions into the version table."""
    from sqlalchemy import text

    engine = migrate_script.state.current_state().db.engine
    with engine.connect() as connection, connection.begin():
        connection.execute(
            text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL)")
        )
        connection.execute(text("DELETE FROM alembic_version"))
        for revision in revisions:
            connection.execute(text(f"INSERT INTO alembic_version VALUES ('{revision}')"))


def config_of(folder):
    """A Config of Alembic's own."""
    config = Config(str(folder / "alembic.ini"), stdout=sys.stdout)
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config


def said_by_alembic(name, folder, **keywords):
    """What a command of Alembic's own printed."""
    # its env.py sets up logging, for all tests that follow
    with kept_loggers():
        return said(lambda: getattr(command, name)(config_of(folder), **keywords))


def said(function, **keywords):
    """What a command printed on standard output, or that it failed."""
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            function(**keywords)
        except (Exception, SystemExit):
            return "failed"
    return in_order(out.getvalue())


def plan(scripts, target, heads):
    """The revisions that Alembic would run, or that it refuses."""
    try:
        return [step.revision.revision for step in scripts._upgrade_revs(target, heads)]
    except Exception as error:
        return type(error).__name__ if FINDS_CIRCLES else "refused"


EVERY = [
    ("heads", {}, {}),
    ("heads", {"verbose": True}, {"verbose": True}),
    ("history", {}, {}),
    ("history", {"verbose": True}, {"verbose": True}),
    ("history", {"rev_range": "rev2:"}, {"rev_range": "rev2:"}),
    ("history", {"rev_range": ":rev5"}, {"rev_range": ":rev5"}),
    ("history", {"indicate_current": True}, {"indicate_current": True}),
    ("branches", {"verbose": True}, {"verbose": True}),
    ("show", {"revision": "heads"}, {"rev": "heads"}),
    ("show", {"revision": "rev1"}, {"rev": "rev1"}),
]
NEWER = "indicate_current"


@settings(
    max_examples=60,
    phases=[Phase.generate],
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(graphs(), st.randoms(use_true_random=False))
def test_the_same_as_alembic(shop, graph, chance):
    """Each reading command prints the same bytes, and an upgrade runs the same revisions."""
    write(shop.folder, graph)
    names = sorted({revision for revision, *_ in graph})
    at = chance.sample(names, chance.choice([0, 1, 1, 2]) if len(names) > 1 else 0)
    stamp(*at)
    theirs, ours = ScriptDirectory.from_config(config_of(shop.folder)), None
    for name, keywords, original in EVERY:
        if NEWER in original and NEWER not in command.history.__code__.co_varnames:
            continue
        alone = said_by_alembic(name, shop.folder, **original)
        here = said(getattr(migrate_script, name), **keywords)
        if not IN_ORDER:
            alone, here = sorted(alone), sorted(here)
        assert here == alone, (name, keywords)
    # Alembic has them in a set
    alone = said_by_alembic("current", shop.folder).splitlines()
    here = said(migrate_script.current).splitlines()
    # older Alembic does not look at the scripts where the database has no revision
    assert sorted(here) == sorted(alone) or (not FINDS_CIRCLES and here == ["failed"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        heads = plan_heads(theirs)
        for start in ([], at, heads):
            for target in ("head", "heads"):
                config = config_of(shop.folder)
                ours = scripts_of(config)
                alone = plan(theirs, target, tuple(start))
                here = plan(ours, target, tuple(start))
                assert here == alone or not IN_ORDER and sorted(here) == sorted(alone)
                if headers_of(config).are_at(target, start):
                    assert alone == [], (target, start)


def plan_heads(scripts):
    """The heads, or nothing where the history is broken."""
    try:
        return scripts.get_heads()
    except Exception:
        return []


@pytest.mark.parametrize("target", ["head", "heads"])
def test_headers_show_that_a_database_is_at_the_head(shop, target):
    """No map of revisions is made for a database at the head of a history with merges."""
    write(shop.folder, line(50))
    config = config_of(shop.folder)
    assert headers_of(config).are_at(target, ["rev49"])
    assert not headers_of(config).are_at(target, ["rev48"])
    assert not headers_of(config).are_at(target, ["rev49", "rev48"])
    assert not headers_of(config).are_at(target, [])
    assert not headers_of(config).are_at("rev49", ["rev49"])
    assert "_revision_map" not in vars(scripts_of(config).revision_map)


@pytest.mark.skipif(not FINDS_CIRCLES, reason="older Alembic may follow a circle for ever")
def test_a_circle_that_alembic_does_not_find_ends(shop):
    """It is reached from a base, and Alembic follows it for ever: here each is listed once."""
    circle = [["b", ["base1"], [], None], ["c", ["b", "d"], [], None], ["d", ["c"], [], None]]
    write(shop.folder, [["base1", [], [], None], *circle, ["e", ["d"], [], None]])
    stamp()
    said_here = said(migrate_script.history)
    listed = [line.partition(" (")[0] for line in said_here.splitlines()]
    # a release that finds it refuses it
    assert said_here == "failed" or sorted(line.partition(", what ")[0] for line in listed) == [
        "<base> -> base1",
        "b, d -> c",
        "base1 -> b",
        "c -> d",
        "d -> e",
    ]


def line(count):
    """A history with a diamond at every tenth revision."""
    scripts = []
    for number in range(count):
        parents = [f"rev{number - 1}"] if number else []
        if number % 10 == 8:
            parents = [f"rev{number - 2}"]
        elif number % 10 == 9:
            parents = [f"rev{number - 1}", f"rev{number - 2}"]
        scripts.append([f"rev{number}", parents, [], None])
    random.Random(1).shuffle(scripts)
    return scripts


# -- growth ------------------------------------------------------------------------------------


class Scripts:
    """A history in memory, and the calls that a look at it takes."""

    def __init__(self, count):
        self.count = count

    def __enter__(self):
        self.map = LinearRevisionMap(
            lambda: [
                revision_module.Revision(name, tuple(parents))
                for name, parents, *_ in line(self.count)
            ]
        )
        self.calls = 0
        sys.setprofile(self._called)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)

    def _called(self, frame, event, argument):
        self.calls += event in ("call", "c_call")


def read(scripts):
    """`heads`: the map of all revisions."""
    assert scripts.map.heads == (f"rev{scripts.count - 1}",)


def walk(scripts):
    """`history`, and the plan of an upgrade from nothing."""
    found = list(scripts.map.iterate_revisions("heads", "base"))
    assert len(found) == scripts.count


def ask_current(scripts):
    """`current`, of a database at the head."""
    top = set(scripts.map.get_revisions("heads"))
    top.update(scripts.map._get_ancestor_nodes(list(top)))
    assert [r.revision for r in scripts.map._filter_into_branch_heads(top)] == [
        f"rev{scripts.count - 1}"
    ]


@pytest.mark.skipif(not IN_ORDER, reason="Alembic before 1.6 walks in another way")
@pytest.mark.parametrize("look", [read, walk, ask_current])
def test_a_history_takes_time_by_its_length(look):
    """Ten times as many revisions, with merges, take ten times as many calls and not more."""
    calls = []
    for count in (1000, 10000):
        with Scripts(count) as scripts:
            look(scripts)
        calls.append(scripts.calls)
    assert calls[1] < 10.5 * calls[0], calls


def test_the_heads_are_not_searched_for_each_revision(monkeypatch):
    """To leave a revision out of the heads compares it with no other."""
    compared = []

    def equal(one, other):
        compared.append(one)
        return one is other

    monkeypatch.setattr(revision_module.Revision, "__eq__", equal, raising=False)
    monkeypatch.setattr(revision_module.Revision, "__hash__", object.__hash__)
    with Scripts(200) as scripts:
        read(scripts)
    # sets compare where two hashes are equal
    assert len(compared) < 200
