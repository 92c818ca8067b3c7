"""`enable`: the old names in an environment for good, whatever starts the code base."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from environments import Environment, built_wheel, link_stack
from projects import OUTSIDE, write_source

pytestmark = [pytest.mark.slow, pytest.mark.any_stack]

COMMAND = "python -m migrate_script"
SHOP = """
    import sys

    from flask.ext.script import Manager
    from flask_migrate import Migrate, MigrateCommand
    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy

    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///" + app.root_path + "/shop.db"
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    db = SQLAlchemy(app)
    Migrate(app, db)
    manager = Manager(app)
    manager.add_command("db", MigrateCommand)


    class Item(db.Model):
        id = db.Column(db.Integer, primary_key=True)


    @app.route("/")
    def index():
        return str(Item.query.count())


    @manager.command
    def whose():
        print(sys.modules[Migrate.__module__].__name__.split(".")[0])


    if __name__ == "__main__":
        manager.run()
"""
MAIN = "from shop import manager\n\nmanager.run()\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of the package."""
    return built_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def environment(tmp_path_factory, wheel):
    """A virtual environment in which the package is installed."""
    return Environment(tmp_path_factory.mktemp("environment"), wheel)


@pytest.fixture
def off(environment, project):
    """The environment in which the old names are off, with a project to run."""
    project.write("shop.py", SHOP)
    project.write("manage.py", MAIN)
    environment.cwd = project.folder
    yield environment
    environment.cwd = environment.site_packages
    environment.unlink_release()
    assert environment.ours("disable").status == 0


@pytest.fixture
def on(off):
    """The environment in which they are on."""
    done = off.ours("enable")
    assert (done.status, done.err) == (0, "")
    return off


def names_file(environment):
    """The module that Python imports when it starts."""
    return environment.site_packages / "_migrate_script_names.py"


def on_text(environment, *notes):
    """What is said where it is on."""
    return "\n".join(
        [
            "On: flask_script, flask_migrate and flask.ext can be imported (installed by "
            f"{names_file(environment)})",
            *notes,
            f"Run 'python manage.py db upgrade' as before; run '{COMMAND} disable' to turn it off, "
            "and before 'pip uninstall'",
            "",
        ]
    )


# -- the commands ------------------------------------------------------------------------------


def test_on_and_off(off):
    """Each command says what it did; what was written is removed, and nothing else."""
    before = off.files()
    prefix = off.python.parent.parent
    is_off = f"Error: the old names are off in '{prefix}': '{COMMAND} enable' turns them on\n"
    assert off.ours("enable", "--check") == (1, "", is_off)
    assert off.ours("enable") == (0, on_text(off), "")
    assert off.ours("enable", "--check") == (0, on_text(off), "")
    first = names_file(off).stat()
    assert off.ours("enable") == (0, on_text(off), "")
    assert names_file(off).stat() == first  # it is not written again
    written = {"migrate_script_names.pth", "_migrate_script_names.py"}
    compiled = f"__pycache__/_migrate_script_names.{sys.implementation.cache_tag}.pyc"
    assert set(off.files()) - set(before) == {*written, compiled}
    removed = "Off: removed migrate_script_names.pth and _migrate_script_names.py from "
    assert off.ours("disable") == (0, f"{removed}{off.site_packages}\n", "")
    assert off.files() == before
    nothing = f"Off before: {off.site_packages} has no migrate_script_names.pth\n"
    assert off.ours("disable") == (0, nothing, "")
    assert off.ours("enable", "--check") == (1, "", is_off)
    done = off.run("manage.py", "db", "heads")
    assert done.status == 1
    assert "No module named" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["enable", "shop.py"],
            f"'{COMMAND} enable' does not take the argument 'shop.py': "
            f"'{COMMAND} enable --help' shows what it takes",
        ),
        (
            ["disable", "--check"],
            f"'{COMMAND} disable' has no option '--check': "
            f"'{COMMAND} disable --help' lists those it has",
        ),
    ],
    ids=["argument", "option"],
)
def test_a_wrong_command_line(off, words, said):
    """It is one line, and nothing is done."""
    before = off.files()
    assert off.ours(*words) == (2, "", f"Error: {said}\n")
    assert off.files() == before


def test_a_script_of_that_name(off, project):
    """The launcher runs it when its path is typed."""
    project.write("enable", MAIN)
    assert off.ours("./enable", "whose") == (0, "migrate_script\n", "")
    assert "is run as './enable'" in off.ours("enable", "--help").out


@pytest.mark.parametrize("at", ["migrate_script_names.pth", "_migrate_script_names.py"])
def test_a_folder_where_nothing_can_be_written(off, at):
    """It is refused in one line, and nothing is left behind."""
    (off.site_packages / at / "in_the_way").mkdir(parents=True)
    before = off.files()
    try:
        done = off.ours("enable")
        assert off.files() == before
    finally:
        (off.site_packages / at / "in_the_way").rmdir()
        (off.site_packages / at).rmdir()
    way_out = f"do it as the owner of that folder, or run '{COMMAND} manage.py ...', which writes"
    reason = os.strerror(21)  # that it is a folder
    said = f"Error: cannot write to '{off.site_packages}': {reason}: {way_out} nothing\n"
    assert done == (1, "", said)


def test_a_package_that_is_not_installed(off, project):
    """In the working directory only, it would not be found elsewhere, until pip installs it."""
    shutil.copytree(
        str(off.site_packages / "migrate_script"), str(project.folder / "migrate_script")
    )
    off.uninstall()
    before = off.files()
    try:
        assert off.ours("enable") == (
            1,
            "",
            f"Error: migrate_script is not installed in '{off.python.parent.parent}', but only in "
            "the working directory: type 'python -m pip install .' first\n",
        )
        assert off.files() == before
    finally:
        off.install()  # of a wheel that was built from such a directory
    assert off.ours("enable").status == 0


def test_another_release_wrote_it(on):
    """It is written anew when the package was upgraded."""
    with open(str(names_file(on)), "a") as file:
        file.write("# of old\n")
    assert on.ours("enable").status == 0
    assert "# of old" not in names_file(on).read_text()


# -- an untouched code base --------------------------------------------------------------------


SPAWNING = """
    import multiprocessing

    from flask.ext.script import Manager
    from flask_migrate import MigrateCommand


    def seen(number):
        return isinstance(MigrateCommand, Manager), number


    if __name__ == "__main__":
        pool = multiprocessing.get_context("spawn").Pool(1)
        print(pool.map(seen, [1, 2]))
        pool.close()
        pool.join()
"""
SERVER = """
    import importlib

    app = importlib.import_module("shop").app
    print(app.test_client().get("/").data.decode())
"""


def test_every_front_door(on, project):
    """A script, a module, an isolated Python, a server that imports, processes that spawn."""
    for words in ("init", "migrate", "upgrade"):
        done = on.run("manage.py", "db", words)
        assert done.status == 0, done.err
    assert (project.folder / "shop.db").exists()
    head = on.run("manage.py", "db", "heads").out
    assert head.endswith(" (head)\n")
    assert on.run("-m", "manage", "db", "current").out == head
    assert on.run("-I", "shop.py", "db", "current").out == head
    assert on.run("-E", "-B", "-OO", "shop.py", "db", "current").out == head
    assert on.run("-c", SERVER.replace("\n    ", "\n")) == (0, "0\n", "")
    project.write("spawning.py", SPAWNING)
    assert on.run("spawning.py") == (0, "[(True, 1), (True, 2)]\n", "")
    assert on.ours("manage.py", "whose") == (0, "migrate_script\n", "")


@pytest.mark.parametrize(
    "first",
    [
        "import flask_script",
        "import flask_migrate.cli",
        "from flask.ext.migrate import MigrateCommand",
        "from flask.ext.script.commands import Server",
        "from flask.exthook import ExtDeprecationWarning",
        "import migrate_script",
        "import flask_sqlalchemy",
    ],
)
def test_whatever_is_imported_first(on, first):
    """Each name is one module, in whatever order they are imported."""
    words = f"""
{first}
from flask_migrate import Migrate, MigrateCommand
import flask.ext.migrate, flask.ext.script, flask_script, flask_migrate, migrate_script
assert flask_script is flask.ext.script
assert flask_migrate is flask.ext.migrate
assert flask_script.Manager is migrate_script.Manager
assert Migrate is migrate_script.Migrate
assert isinstance(MigrateCommand, migrate_script.MigrateCommand)
"""
    assert on.run("-c", words) == (0, "", "")


@pytest.mark.parametrize(
    ("release", "owner", "note"),
    [
        (
            "4.1.0",
            "migrate_script",
            "flask_migrate is this package for every program of this environment, instead of the "
            "installed Flask-Migrate, which has no MigrateCommand",
        ),
        ("2.7.0", "flask_migrate", "flask_migrate is the installed one, which has MigrateCommand"),
    ],
)
def test_an_installed_flask_migrate(off, project, release, owner, note):
    """It is replaced if it has no MigrateCommand; otherwise it is left alone."""
    off.link_release(release)
    assert off.ours("enable") == (0, on_text(off, note), "")
    assert off.run("manage.py", "whose") == (0, f"{owner}\n", "")
    words = f"import flask_migrate.cli as cli; print({owner!r} in type(cli.db).__module__)"
    if owner == "migrate_script":
        assert off.run("-c", words) == (0, "True\n", "")
    else:
        words = "import flask_migrate as m; print(m.__file__, m.cli.__file__)"
        files = off.run("-c", "import flask_migrate.cli; " + words).out.split()
        assert [Path(file).parent.name for file in files] == ["flask_migrate"] * 2
    for command in ("init", "migrate", "upgrade"):
        done = off.run("manage.py", "db", command)
        assert done.status == 0, done.err
    assert (project.folder / "shop.db").exists()
    # the launcher is asked for by name, and is always this package
    assert off.ours("manage.py", "whose") == (0, "migrate_script\n", "")


def test_flask_script_stays_the_installed_one(on):
    """It is executed by its own loader, imports nothing of ours, and can be loaded again."""
    words = """
import importlib, inspect, json, sys
import importlib.util
found = importlib.util.find_spec("flask_script")
import flask_script
loader, same = flask_script.__spec__.loader, flask_script.__loader__
first = flask_script.Manager
again = importlib.reload(flask_script)
again.Manager(lambda: None).create_parser("manage.py")
print(json.dumps([
    found.origin == flask_script.__file__ == inspect.getsourcefile(first),
    type(loader).__name__,
    loader is same,
    again is flask_script and again.Manager is not first,
    [name for name in sys.modules if name.startswith("migrate_script")],
]))
"""
    done = on.run("-c", words)
    assert (done.status, done.err) == (0, "")
    assert json.loads(done.out) == [True, "SourceFileLoader", True, True, []]


def test_a_shell_that_is_made_before_the_package_is_imported(on):
    """It has the models, as under this package's own import of Flask-Script."""
    words = """
import flask_script
shell = flask_script.Shell()
import shop
with shop.app.test_request_context():
    print(sorted(shell.get_context()))
"""
    assert on.run("-c", words) == (0, "['Item', 'app', 'db']\n", "")


def test_modules_of_the_project_with_such_names(on, project):
    """A flask_script.py or flask_migrate.py of the project is the one that is imported."""
    project.write("flask_script.py", "mine = 1")
    project.write("flask_migrate.py", "mine = 2")
    words = "import flask_script, flask_migrate; print(flask_script.mine, flask_migrate.mine)"
    assert on.run("-c", words) == (0, "1 2\n", "")


# -- what it costs, and what is left of it -----------------------------------------------------

MODULES = "import sys; names = sorted(sys.modules); import json; print(json.dumps(names))"


def test_a_start_imports_one_module(off):
    """Until one of the names is imported, nothing else is."""
    before = set(json.loads(off.run("-c", MODULES).out))
    off.ours("enable")
    after = set(json.loads(off.run("-c", MODULES).out))
    # Python 3.13 reads any .pth file by this codec
    assert after - before - {"encodings.utf_8_sig"} == {"_migrate_script_names"}
    compiled = list(off.site_packages.glob("__pycache__/_migrate_script_names.*.pyc"))
    assert len(compiled) == 1


def test_finding_a_name_imports_nothing(on):
    """Python locks all imports meanwhile: waiting for another thread's would be forever."""
    words = """
import sys
hook = next(each for each in sys.meta_path if type(each).__module__ == "_migrate_script_names")
before = set(sys.modules)
for name in ("flask_script", "flask_migrate", "flask.ext", "flask.exthook"):
    assert hook.find_spec(name) is not None, name
first = sys.meta_path[:2]
for name in ("flask.ext.script", "flask.ext.migrate", "flask.ext.nosuch", "flask_migrate.cli"):
    [finder.find_spec(name) for finder in first]
print(set(sys.modules) - before)
"""
    assert on.run("-c", words) == (0, "set()\n", "")


def test_a_package_that_was_uninstalled(on):
    """Python starts in silence, and the names are what they were."""
    on.uninstall()
    try:
        assert on.run("-c", "print(1)") == on.run("-I", "-c", "print(1)") == (0, "1\n", "")
        done = on.run("-c", "import flask_migrate")
        assert done.err.endswith("No module named 'flask_migrate'\n")
    finally:
        on.install()
    assert on.ours("enable", "--check") == (0, on_text(on), "")


@pytest.mark.skipif(os.name == "nt", reason="its folders have other names there")
def test_a_package_in_the_folder_of_the_user(wheel, tmp_path, project):
    """After `pip install --user` it is on for this user, and said not to be for -I."""
    python = Path(sys.base_prefix) / "bin" / "python{}.{}".format(*sys.version_info)
    environment = {k: v for k, v in OUTSIDE.items() if not k.startswith("PYTHON")}
    environment.update(PYTHONUSERBASE=str(tmp_path / "user"), PYTHONWARNINGS="ignore")

    def run(*arguments):
        return subprocess.run(
            [str(python), *arguments],
            cwd=str(project.folder),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    folder = Path(run("-c", "import site; print(site.getusersitepackages())").stdout.strip())
    folder.mkdir(parents=True)
    link_stack(folder)
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(folder)], check=True)
    on = run("-m", "migrate_script", "enable")
    assert on.returncode == 0, on.stdout
    assert (folder / "migrate_script_names.pth").exists()
    assert "\nNot with 'python -I' or 'python -s', which leave out the user's packages\n" in (
        on.stdout
    )
    assert run("-c", "from flask_migrate import MigrateCommand").returncode == 0
    assert run("-m", "migrate_script", "disable").returncode == 0
    assert not (folder / "migrate_script_names.pth").exists()


# -- what the lines advise ---------------------------------------------------------------------


def without_rights(environment, *words):
    """Run a command as a user who may write where the folders let anybody."""
    python = str(environment.python)
    words = [python, "-m", "migrate_script", *words]
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root writes everywhere")
        words = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", *words]
    outside = {k: v for k, v in OUTSIDE.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        words, cwd=str(environment.cwd), env=outside, capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def locked(off):
    """The environment, into which nobody may write who is not its owner."""
    folder = off.site_packages
    mode = folder.stat().st_mode

    def lock():
        folder.chmod(0o555)

    yield lock
    folder.chmod(mode)


@pytest.mark.skipif(os.name == "nt", reason="there are no such rights")
def test_a_folder_of_another_owner(off, locked):
    """The command without files works as it is, and both others as the owner."""
    locked()
    reason = os.strerror(errno.EACCES)
    assert without_rights(off, "enable") == (
        1,
        "",
        f"Error: cannot write to '{off.site_packages}': {reason}: do it as the owner of that "
        f"folder, or run '{COMMAND} manage.py ...', which writes nothing\n",
    )
    assert without_rights(off, "manage.py", "whose") == (0, "migrate_script\n", "")
    off.site_packages.chmod(0o755)  # which the owner may do
    assert off.ours("enable").status == 0
    locked()
    assert without_rights(off, "disable") == (
        1,
        "",
        f"Error: cannot remove '{off.site_packages / 'migrate_script_names.pth'}': {reason}: do it "
        "as the owner of that folder\n",
    )
    off.site_packages.chmod(0o755)
    assert off.ours("disable").status == 0


def test_a_python_that_does_not_start(off, project):
    """The last line of its traceback is what stops it."""
    path = project.write("paths/sitecustomize.py", "import sys\n\nsys.exit(3)\n")
    paths = {"PYTHONPATH": str(path.parent)}
    python, status = str(off.python), off.run("-c", "pass", **paths).status
    # as by `-E`, this process leaves out what stops the next
    done = off.run("-E", "-m", "migrate_script", "enable", **paths)
    assert (done.status, done.out, done.err.splitlines()[-1]) == (
        1,
        "",
        f"Error: '{python}' ends with status {status} when it starts: correct what stops it first "
        f"('{python} -c pass' shows where)",
    )
    shown = off.run("-c", "pass", **paths)
    places = [line for line in shown.err.splitlines() if line.startswith("  File ")]
    assert shown.status == status != 0
    assert places[-1] == f'  File "{path}", line 3, in <module>'
    write_source(path, "")
    assert off.run("-E", "-m", "migrate_script", "enable", **paths).status == 0


def test_a_python_without_pth_files(off):
    """The launcher needs none."""
    pth = off.site_packages / "aaa.pth"
    pth.write_text("import site; site.addpackage = lambda *args, **keywords: None\n")
    try:
        done = off.ours("enable")
        assert done == (
            1,
            "",
            f"Error: this Python does not execute the .pth files of '{off.site_packages}': run "
            f"'{COMMAND} manage.py ...' instead\n",
        )
        assert off.ours("manage.py", "whose") == (0, "migrate_script\n", "")
    finally:
        pth.unlink()


def test_another_environment_turned_it_on(off, tmp_path_factory, wheel):
    """`disable` by the Python of the folder in the line turns it off for both."""
    other = Environment(tmp_path_factory.mktemp("other"), wheel)
    assert other.ours("enable").status == 0
    pth = off.site_packages / "other.pth"
    pth.write_text(f"import site; site.addsitedir({str(other.site_packages)!r})\n")
    try:
        assert off.ours("disable") == (
            1,
            "",
            f"Error: the old names are still on, by '{names_file(other)}': type '{COMMAND} "
            "disable' with the Python of that folder\n",
        )
        assert other.ours("disable").status == 0
        assert off.ours("disable").status == 0
    finally:
        pth.unlink()
