"""`python -m migrate_script manage.py ...`: the script runs as under Python itself."""

from __future__ import annotations

import multiprocessing
import os
import sys
import zipfile

import pytest
import sqlalchemy as sa
from processes import free_port

import migrate_script

pytestmark = pytest.mark.any_stack

# what the interpreter and old libraries say of themselves is not what is compared
QUIET = {"PYTHONWARNINGS": "ignore"}

PROBE = """
    import __main__
    import builtins
    import inspect
    import pickle
    import sys


    class Thing:
        pass


    def function():
        return "result"


    known = ["__builtins__", "__cached__", "__doc__", "__file__", "__package__"]
    print(__name__, [vars(__main__)[name] for name in known], type(__loader__))
    print(__spec__ and (__spec__.name, __spec__.origin, __spec__.parent))
    print(sorted(vars(__main__)))
    print(vars(__main__) is globals(), sys.modules["__main__"] is __main__)
    print(pickle.loads(pickle.dumps(function))(), type(pickle.loads(pickle.dumps(Thing()))))
    print(inspect.getsource(function))
    print(sys.argv, sys.path, sys.stdin.read())
    if __name__ == "__main__":
        print("main")
"""


def under_both(project, *arguments, **options):
    """Run a program under Python itself and under the launcher; they must not differ."""
    options["env"] = {**QUIET, **options.get("env", {})}
    alone = project.process(*arguments, **options)
    launched = project.process("-m", "migrate_script", *arguments, **options)
    assert launched == alone
    return launched


@pytest.fixture
def probe(project):
    """A project whose program tells what it sees, by several names."""
    project.write("probe.py", PROBE)
    project.write("script", PROBE)
    project.write("sub/folder/probe.py", PROBE)
    project.write("package/__init__.py", "")
    project.write("package/probe.py", PROBE)
    project.write("package/__main__.py", PROBE)
    os.symlink(str(project.folder / "sub/folder/probe.py"), str(project.folder / "link.py"))
    with zipfile.ZipFile("archive.zip", "w") as archive:
        archive.write("probe.py", "__main__.py")
    return project


@pytest.mark.parametrize(
    "program",
    [
        ["probe.py"],
        ["./probe.py"],
        ["script"],
        ["sub/folder/probe.py"],
        ["link.py"],
        ["-m", "probe"],
        ["-m", "package.probe"],
        ["-m", "package"],
        ["package"],
    ],
    ids=" ".join,
)
def test_a_program_sees_what_python_shows_it(probe, program):
    """Names of the module, argv, sys.path, stdin, pickling: nothing tells the launcher."""
    done = under_both(probe, *program, "db", "-m", "--help", "a b", input="piped\n")
    assert done.status == 0
    assert done.out.endswith("'db', '-m', '--help', 'a b'] " + done.out.split("'a b'] ")[1])
    assert done.out.endswith("piped\n\nmain\n")


def test_an_absolute_path(probe):
    """The folder of the script is on the path, not the working directory."""
    done = under_both(probe, str(probe.folder / "sub/folder/probe.py"), input="")
    assert str(probe.folder / "sub/folder") in done.out


def test_a_zip_file(project):
    """A zip file with a __main__.py is a program, too."""
    project.write("main.py", "import inside, sys\n\nprint(__file__, __spec__.name, sys.path[0])")
    project.write("inside.py", "print('inside')")
    with zipfile.ZipFile("archive.zip", "w") as archive:
        archive.write("main.py", "__main__.py")
        archive.write("inside.py")
    assert under_both(project, "archive.zip").out.startswith("inside\n")


@pytest.mark.parametrize("flag", ["-I", "-P"])
def test_python_told_to_keep_the_folder_off_the_path(project, flag):
    """-I and -P mean the same to a launched script."""
    if flag == "-P" and not hasattr(sys.flags, "safe_path"):
        pytest.skip("this Python has no -P")
    project.write("manage.py", "import sys\n\nprint(sys.path)")
    options = [flag, "-W", "ignore"]
    alone = project.process(*options, "manage.py")
    assert project.process(*options, "-m", "migrate_script", "manage.py") == alone


def test_a_compiled_script(project):
    """manage.pyc runs, as it does under Python."""
    import py_compile

    source = project.write("source.py", "import sys\n\nprint(__name__, type(__loader__), sys.argv)")
    py_compile.compile(str(source), cfile="manage.pyc")
    assert "SourcelessFileLoader" in under_both(project, "manage.pyc", "x").out


PIPED = """
import __main__
import sys

known = ["__builtins__", "__cached__", "__doc__", "__file__", "__loader__", "__package__"]
print(__name__, __spec__, [vars(__main__)[name] for name in known], sorted(vars(__main__)))
print(sys.argv, sys.path, [sys.stdin.read()])
"""


def test_a_script_that_is_piped_in(project):
    """`- db upgrade < manage.py`: the script is what stands on stdin."""
    done = under_both(project, "-", "db", "-m", input=PIPED)
    assert done.status == 0
    assert done.out.splitlines()[1].startswith("['-', 'db', '-m'] ['', ")


@pytest.mark.parametrize("source", ["1 / 0\n", "x = = 1\n", "import sys; sys.exit(3)\n", ""])
def test_a_script_that_is_piped_in_ends_as_under_python(project, source):
    """Its traceback is that of Python, as far as there is one."""
    done = under_both(project, "-", input=source)
    assert done.status == {"1": 1, "x": 1, "i": 3, "": 0}[source[:1]]


ENDINGS = {
    "nothing": "pass",
    "a number": "import sys; sys.exit(3)",
    "none": "import sys; sys.exit(None)",
    "text": "import sys; sys.exit('cannot go on')",
    "a big number": "import sys; sys.exit(2 ** 40 + 7)",
    "a negative number": "raise SystemExit(-1)",
    "a tuple": "raise SystemExit(1, 2)",
    "os._exit": "import os; os._exit(5)",
    "an exception": "def f():\n    return 1 / 0\n\n\nf()",
    "a chain": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise OSError('x') from e",
    "in an imported module": "import broken",
    "a missing module": "import no.such.module",
    "a syntax error": "x = 1\nif True print(x)",
    "a syntax error elsewhere": "import unreadable",
    "an encoding": "# coding: latin-1\nprint(ascii('\xe4\xf6'))\n",
    "a hook": (
        "import sys, traceback\n"
        "sys.excepthook = lambda *e: print('hook', traceback.format_exception(*e))\n"
        "raise ValueError('x')"
    ),
    "at exit": "import atexit\natexit.register(lambda: print('at exit'))\nraise ValueError('x')",
    "a thread": (
        "import threading, __main__\n"
        "left = threading.Event()\n"
        "def work():\n"
        "    threading.main_thread().join()\n"
        "    print('work', __main__.left)\n"
        "left = 'done'\n"
        "threading.Thread(target=work).start()\n"
        "raise SystemExit(4)"
    ),
    "Ctrl-C": (
        "import atexit, os, signal, time\n"
        "atexit.register(lambda: print('at exit'))\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "time.sleep(60)"
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_script_ends_as_under_python(project, ending):
    """Status, output and traceback are Python's own: no frame stands above the script's."""
    project.write("broken.py", "def f():\n    raise KeyError('k')\n\n\nf()")
    project.write("unreadable.py", "def f(:\n    pass\n")
    project.write("manage.py", ENDINGS[ending])
    under_both(project, "manage.py")


@pytest.mark.parametrize("ending", ["a number", "an exception", "a syntax error", "Ctrl-C"])
def test_a_module_ends_as_a_script(project, ending):
    """The traceback is that of the file, without the part that shows how Python found it."""
    project.write("package/__init__.py", "")
    path = str(project.write("package/manage.py", ENDINGS[ending]))
    assert project.process("-m", "migrate_script", "-m", "package.manage", env=QUIET) == (
        project.process(path, env=QUIET)
    )


def test_the_package_around_a_module_cannot_be_imported(project):
    """The traceback begins in the package, and the status is 1: the program was found."""
    init = project.write("package/__init__.py", "import not_there\n")
    project.write("package/manage.py", "")
    done = project.process("-m", "migrate_script", "-m", "package.manage", env=QUIET)
    assert (done.status, done.out) == (1, "")
    assert done.err.splitlines() == [
        "Traceback (most recent call last):",
        f'  File "{init}", line 1, in <module>',
        "    import not_there",
        "ModuleNotFoundError: No module named 'not_there'",
    ]


def test_the_future_of_the_launcher_is_not_that_of_the_script(project):
    """A script is compiled by itself: its annotations are values unless it says otherwise."""
    project.write("manage.py", "def f(x: int):\n    pass\n\n\nprint(f.__annotations__)")
    assert under_both(project, "manage.py").out == "{'x': <class 'int'>}\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nosuch.py", "db"], "there is no script 'nosuch.py' to run: No such file or directory"),
        (["-m", "nosuch"], "there is no module 'nosuch' to run"),
        (["-m", "package.nosuch", "db"], "there is no module 'package.nosuch' to run"),
        (["-m", "nosuch.manage"], "there is no module 'nosuch.manage' to run"),
        (["-m", "package"], "there is no module 'package' to run"),
        (["-m", ".package"], "there is no module '.package' to run"),
        (["-m", ""], "there is no module '' to run"),
        (["-m", "sys"], "there is no module 'sys' to run"),
        (["-m"], "-m takes the name of a module"),
        (["package"], "there is no '__main__.py' in 'package'"),
    ],
)
def test_nothing_to_run(project, arguments, reason):
    """One line on stderr, and the status of a wrong command line."""
    project.write("package/__init__.py", "")
    done = project.process("-m", "migrate_script", *arguments, env=QUIET)
    advice = "'python -m migrate_script' without arguments says what it takes"
    assert done == (2, "", f"Error: {reason}: {advice}\n")


@pytest.mark.parametrize("folder", [True, False], ids=["a folder of that name", "no such file"])
@pytest.mark.parametrize(
    ("scripts", "way_out"),
    [
        (["a.py", "manage.py"], "write 'python -m migrate_script manage.py db upgrade'"),
        (["hello.py"], "write 'python -m migrate_script hello.py db upgrade'"),
        (["a.py", "b.py"], "write one of a.py, b.py before it"),
    ],
)
def test_the_script_is_left_out(project, scripts, way_out, folder):
    """The line says which scripts are here."""
    for name in scripts:
        project.write(name, "")
    reason = "there is no script 'db' to run: No such file or directory"
    if folder:
        (project.folder / "db").mkdir()
        reason = "there is no '__main__.py' in 'db'"
    done = project.process("-m", "migrate_script", "db", "upgrade", env=QUIET)
    assert done == (2, "", f"Error: {reason}: {way_out}, if the script is missing\n")


def test_the_version(project):
    """It is that of the package."""
    done = project.process("-m", "migrate_script", "--version", env=QUIET)
    assert done == (0, f"migrate_script {migrate_script.__version__}\n", "")


def test_an_option_of_nobody(project):
    """An option before the script is for the launcher, which has none."""
    done = project.process("-m", "migrate_script", "-c", "pass", env=QUIET)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("Error: 'python -m migrate_script' has no option '-c': ")
    assert done.err.count("\n") == 1


def test_help(project):
    """Without arguments it says what it is for, with the status of a wrong command line."""
    asked = project.process("-m", "migrate_script", "--help", env=QUIET)
    alone = project.process("-m", "migrate_script", env=QUIET)
    assert (asked.status, alone.status) == (0, 2)
    assert asked.out == alone.out
    assert asked.err == alone.err == ""
    for words in ("manage.py db upgrade", "enable", "enable --check", "disable"):
        assert f"\n    python -m migrate_script {words}\n" in asked.out
    assert len(asked.out.splitlines()) < 18


SERVER = """
    import os
    import sys

    from flask import Flask
    from flask.ext.script import Manager
    from flask_migrate import MigrateCommand

    manager = Manager(Flask(__name__))
    manager.add_command("db", MigrateCommand)

    print(os.environ.get("WERKZEUG_RUN_MAIN", "first"), sys.argv[1:], flush=True)
    if "WERKZEUG_RUN_MAIN" in os.environ:
        os._exit(0)
    manager.run()
"""


@pytest.mark.parametrize("form", [["sub/manage.py"], ["-m", "sub.manage"], ["sub"]], ids=" ".join)
def test_the_reloader_starts_the_launcher_again(project, form):
    """`runserver -r` makes a second process, which has the old names too."""
    project.write("sub/__init__.py", "")
    project.write("sub/manage.py", SERVER)
    project.write("sub/__main__.py", SERVER)
    arguments = ["runserver", "-r", "-h", "127.0.0.1", "-p", str(free_port())]
    done = project.process("-m", "migrate_script", *form, *arguments, env=QUIET)
    assert done.status == 0, done.err
    lines = [line for line in done.out.splitlines() if line.startswith(("first", "true"))]
    assert lines == [f"first {arguments}", f"true {arguments}"]


@pytest.mark.parametrize(
    ("url", "cause", "way_out"),
    [
        ("postgresql:", "psycopg", "write 'postgresql+psycopg2://'"),
        ("mysql:", "No module named 'MySQLdb'", "write 'mysql+pymysql://'"),
        ("postgres:", "Can't load plugin", "begin SQLALCHEMY_DATABASE_URI with 'postgresql://'"),
        ("sqllite:", "Can't load plugin", "the part of SQLALCHEMY_DATABASE_URI before '://'"),
        ("mssql+pymssql:", "No module named", "the database driver 'pymssql' is not installed"),
        ("", "Could not parse", "SQLALCHEMY_DATABASE_URI is not a database URL"),
    ],
)
def test_a_script_that_dies_of_its_database_url(project, monkeypatch, url, cause, way_out):
    """Below its traceback, a line says how to go on; the password is in neither."""
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as if it were not installed
    url += "//ann:secret@localhost/db"
    try:
        sa.create_engine(url)
        pytest.skip("this stack can use such a URL")
    except Exception as error:
        if cause not in str(error):
            pytest.skip(f"this stack fails for another reason: {error}")
    hidden = "sys.modules['psycopg'] = None"
    project.write(
        "manage.py", f"import sqlalchemy, sys\n\n{hidden}\nsqlalchemy.create_engine({url!r})"
    )
    alone = project.process("manage.py", env=QUIET)
    done = project.process("-m", "migrate_script", "manage.py", env=QUIET)
    assert done.status == 1
    *trace, line = done.err.splitlines()
    assert trace[:2] == alone.err.splitlines()[:2]
    assert line.startswith("Error: ")
    assert way_out in line
    assert "secret" not in done.err


DIES = """
    import sys

    import {module}
    import sqlalchemy

    print(sys.excepthook is sys.__excepthook__)
    sqlalchemy.create_engine("mssql+pymssql://localhost/db")
"""


def test_a_script_that_dies_after_it_has_imported_us(project):
    """Our line is the last word, below the traceback as Python shows it."""
    project.write("manage.py", DIES.format(module="json"))
    alone = project.process("manage.py", env=QUIET)
    project.write("manage.py", DIES.format(module="migrate_script"))
    done = project.process("manage.py", env=QUIET)
    *trace, line = done.err.splitlines()
    assert "".join(trace) == "".join(alone.err.splitlines()).replace("json", "migrate_script")
    assert line.startswith("Error: the database driver 'pymssql' is not installed: ")
    assert (done.status, done.out) == (1, "True\n")


@pytest.mark.parametrize(
    "caught",
    ["try:\n    {}\nexcept ImportError:\n    pass", "import code; code.interact(local=globals())"],
)
def test_an_error_that_does_not_end_the_script(project, caught):
    """It is the script's own, or that of whoever types into a shell."""
    line = "sqlalchemy.create_engine('mssql+pymssql://localhost/db')"
    text = "import migrate_script, sqlalchemy\n" + caught.format(line)
    project.write("manage.py", text)
    done = project.process("manage.py", input=f"{line}\n", env=QUIET)
    assert done.status == 0
    assert "pymssql' is not installed" not in done.err
    assert ("No module named 'pymssql'" in done.err) == ("interact" in caught)


def test_no_way_out_is_offered_for_an_import_of_the_script(project):
    """A module that the script itself asks for is no driver."""
    project.write("manage.py", "import sqlalchemy\nimport pymssql_of_mine")
    under_both(project, "manage.py")


SPAWNING = """
    import multiprocessing
    import sys

    from flask_migrate import MigrateCommand
    from flask_script import Manager


    def seen(number):
        return isinstance(MigrateCommand, Manager), number


    if __name__ == "__main__":
        context = multiprocessing.get_context(sys.argv[1])
        pool = context.Pool(1)
        print(pool.map(seen, [1, 2]), context.get_start_method())
        pool.close()
        pool.join()
"""


@pytest.mark.parametrize("how", ["program", "module"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing_have_the_old_names(project, method, how):
    """However they are started: on Python 3.14 and on other systems they are not forked."""
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("this system has no such method")
    project.write("program.py", SPAWNING)
    script = ["program.py"] if how == "program" else ["-m", "program"]
    done = project.process("-m", "migrate_script", *script, method, env=QUIET)
    expected = [(True, number) for number in (1, 2)]
    assert done == (0, f"{expected} {method}\n", "")


def test_multiprocessing_is_imported_by_who_needs_it(project):
    """The launcher only waits for it, and leaves the module as it would be."""
    project.write(
        "program.py",
        """
        import sys

        print("multiprocessing" in sys.modules)
        import multiprocessing.spawn as spawn

        print(spawn.__spec__.loader is spawn.__loader__, type(spawn.__loader__).__name__)
        """,
    )
    assert under_both(project, "program.py").out == "False\nTrue SourceFileLoader\n"


AGAIN = """
    import os
    import sys

    from flask_migrate import MigrateCommand

    if not os.environ.get("AGAIN"):
        os.environ["AGAIN"] = "1"
        python = {python}
        os.{call}
    print(sys.argv, type(MigrateCommand).__name__)
"""


@pytest.mark.skipif(os.name == "nt", reason="a process is not replaced there")
@pytest.mark.parametrize("how", ["program", "module"])
@pytest.mark.parametrize(
    ("python", "call"),
    [
        ("sys.executable", "execvp(python, [python] + sys.argv)"),
        ("sys.executable", "execv(python, ['python'] + sys.argv)"),
        ("sys.executable", "execle(python, 'python', *(sys.argv + [os.environ]))"),
        ("'python'", "execvpe(python, [python] + sys.argv, os.environ)"),
    ],
)
def test_a_script_that_starts_itself_again_has_the_old_names(project, python, call, how):
    """The new process goes through the launcher, too."""
    project.write("program.py", AGAIN.format(python=python, call=call))
    script = ["program.py"] if how == "program" else ["-m", "program"]
    folder = os.path.dirname(sys.executable)
    the_same = os.path.join(folder, os.pardir, os.path.basename(folder))
    env = {**QUIET, "PATH": os.pathsep.join([the_same, os.environ["PATH"]])}
    done = project.process("-m", "migrate_script", *script, "-v", env=env)
    argv = "program.py" if how == "program" else str(project.folder / "program.py")
    assert done == (0, f"{[argv, '-v']} MigrateCommand\n", "")


def test_other_programs_are_started_as_they_are(project):
    """What a script starts instead of itself is not launched."""
    project.write("other.py", "import sys; print(sys.argv, 'migrate_script' in sys.modules)")
    project.write(
        "program.py",
        """
        import os
        import sys

        os.execv(sys.executable, ["python", "other.py", *sys.argv])
        """,
    )
    assert under_both(project, "program.py").out == "['other.py', 'program.py'] False\n"


WITHOUT_RUN = """
    from flask import Flask
    from flask_migrate import Migrate, MigrateCommand
    from flask_script import Manager
    from flask_sqlalchemy import SQLAlchemy

    app = Flask(__name__)
    app.config.update(SQLALCHEMY_DATABASE_URI="sqlite://", SQLALCHEMY_TRACK_MODIFICATIONS=False)
    Migrate(app, SQLAlchemy(app))
"""
MANAGER = """
    manager = Manager(app)
    manager.add_command("db", MigrateCommand)
"""


@pytest.mark.parametrize(
    ("end", "words", "is_handled"),
    [
        ("", "db upgrade", False),
        (MANAGER, "db upgrade", False),
        (MANAGER, "runserver -p 1", False),
        (MANAGER + "    def main(): manager.run()\n", "db heads", False),
        (MANAGER + "    if __name__ == 'manage': manager.run()\n", "db heads", False),
        (MANAGER + "    manager.run()\n", "db --help", True),
        (MANAGER + "    print(manager.handle('manage.py', ['db', 'list-templates']))\n", "x", True),
        (MANAGER + "    import migrate_script; migrate_script.list_templates()\n", "x", True),
        (MANAGER, "", True),
        ("    print('a script of another kind')\n", "some words", True),
    ],
)
def test_a_script_that_runs_no_manager_says_so(project, end, words, is_handled):
    """With status 2; a script that takes its words in another way is left alone."""
    project.write("manage.py", WITHOUT_RUN + end)
    for program in ("manage.py", "-m manage"):
        done = project.process("-m", "migrate_script", *program.split(), *words.split(), env=QUIET)
        if is_handled:
            assert done.status == 0
        else:
            name = "manage.py" if program == "manage.py" else str(project.folder / "manage.py")
            assert (done.status, done.err) == (
                2,
                f"Error: nothing in '{name}' handled '{words}': call the run() of its Manager at "
                "the end of the script\n",
            )
