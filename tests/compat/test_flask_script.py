"""Everything that a manage.py does with Flask-Script works, on any Flask and Python."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from urllib.request import urlopen

import pytest
from processes import serving
from projects import Project, Result

from migrate_script import Server

HAS_CERTIFICATES = hasattr(Server(), "ssl_crt")

MANAGE = """
    import functools
    import os
    import sys

    from flask import Flask, current_app, request
    from flask_sqlalchemy import SQLAlchemy

    import migrate_script
    from flask_script import Command, Group, Manager, Option, Server, Shell
    from flask_script import prompt, prompt_bool, prompt_choices, prompt_pass
    from flask_script.commands import Clean, ShowUrls

    app = Flask("shop")
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ.get("DATABASE_URL", "sqlite://")
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    db = SQLAlchemy(app)
    manager = Manager(app)


    class Item(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(20))


    @app.route("/")
    def index():
        return "Hello from " + current_app.name


    @manager.command
    def greet(name):
        "Say hello."
        print("hello", name)


    @manager.command
    def call(name="nobody", verbose=False):
        "Call somebody, 100% of the time."
        print(repr(name), verbose)


    @manager.command
    def lend(book: str, days: int = 14, *, to: str, renew: bool = False, note: "Nowhere" = None):
        "Lend a book."
        print(book, repr(days), to, renew, note)


    @manager.option("-s", "--size", dest="size", type=int, default=3)
    @manager.option("colour")
    def paint(colour, size):
        "Paint something."
        print(colour, size)


    class Report(Command):
        "Write a report."

        option_list = (
            Option("--title", dest="title", default="Report"),
            Group(
                Option("--html", dest="html", action="store_true"),
                Option("--text", dest="text", action="store_true"),
                exclusive=True,
            ),
        )

        def run(self, title, html, text):
            print(title, html, text, request.path, current_app.name)


    class PassOn(Command):
        "Pass everything on."

        capture_all_args = True

        def run(self, arguments):
            print(arguments)


    manager.add_command("report", Report())
    manager.add_command("pass-on", PassOn)


    @manager.command
    def leave(how):
        "Leave with status 3."
        if how == "exit":
            sys.exit(3)
        return 3


    team = Manager(usage="Manage the team.")
    roles = Manager(help="Manage the roles.")
    manager.add_command("team", team)
    team.add_command("roles", roles)


    @team.command
    def join(name):
        "Add a member."
        print(name, "joins", current_app.name)


    @roles.command
    def grant(name, role="author"):
        "Give a role."
        print(name, "is", role)


    @manager.command
    def fill():
        "Make the tables, and a row."
        db.create_all()
        db.session.add(Item(name="lamp"))
        db.session.commit()
        print([item.name for item in Item.query.all()])


    @manager.command
    def ask():
        "Ask three questions."
        answers = [prompt("Name", default="ann"), prompt_bool("Sure?", default=True)]
        answers.append(prompt_choices("Size", ["s", ("m", "middle")], default="m"))
        print(answers)


    @manager.command
    def login():
        "Ask for a password."
        print("read", prompt_pass("Password"))


    @manager.shell
    def make_context():
        return {"answer": 42, "db": db}


    class Till:
        def open(self, amount):
            "Open the till."
            print("open", amount)


    def total(currency, amount):
        print(amount, currency)


    manager.add_command("till", Command(Till().open))
    in_euro = Command(functools.partial(total, "EUR"))
    in_euro.help = "Show a total."
    manager.add_command("total", in_euro)
    manager.add_command("bare", Shell())
    manager.add_command("urls", ShowUrls())
    manager.add_command("clean", Clean())
    manager.add_command("server", Server(port=5005))

    if __name__ == "__main__":
        manager.run()
"""

FACTORY = """
    import migrate_script
    from flask import Flask, current_app
    from flask_script import Manager


    def create_app(config=None):
        app = Flask("factory")
        app.config["WHICH"] = config
        return app


    manager = Manager(create_app)
    manager.add_option("-c", "--config", dest="config", required=False)
    team = Manager(usage="Manage the team.")
    manager.add_command("team", team)


    @manager.command
    def which():
        "Say which configuration this is."
        print(current_app.config["WHICH"])


    @team.command
    def join(name):
        "Add a member."
        print(name, "joins", current_app.config["WHICH"])


    if __name__ == "__main__":
        manager.run()
"""

NAMES = (
    "greet,call,lend,paint,report,pass-on,leave,team,fill,ask,login,shell,till,total,bare,urls,"
    "clean,server,runserver"
)

HELP = f"""\
usage: manage.py [-?] {{{NAMES}}} ...

positional arguments:
  {{{NAMES}}}
    greet               Say hello.
    call                Call somebody, 100% of the time.
    lend                Lend a book.
    paint               Paint something.
    report              Write a report.
    pass-on             Pass everything on.
    leave               Leave with status 3.
    team                Manage the team.
    fill                Make the tables, and a row.
    ask                 Ask three questions.
    login               Ask for a password.
    shell               Runs a Python shell inside Flask application context.
    till                Open the till.
    total               Show a total.
    bare                Runs a Python shell inside Flask application context.
    urls                Displays all of the url matching routes for the project
    clean               Remove *.pyc and *.pyo files recursively starting at current directory
    server              Runs the Flask development server i.e. app.run()
    runserver           Runs the Flask development server i.e. app.run()

options:
  -?, --help, -h        show this help message and exit
"""

GREET_HELP = """\
usage: manage.py greet [-?] name

Say hello.

positional arguments:
  name

options:
  -?, --help  show this help message and exit
"""

TEAM_HELP = """\
usage: Manage the team.

Manage the team.

positional arguments:
  {roles,join}
    roles         Manage the roles.
    join          Add a member.

options:
  -?, --help, -h  show this help message and exit
"""


def of_any_python(text: str) -> str:
    """A text of argparse in the words of Python 3.10 and later, without what changed since."""
    text = text.replace("optional arguments:", "options:").replace("'", "")
    return text.replace(f"argument {{{NAMES}}}: ", "")


@pytest.fixture
def shop(project, monkeypatch):
    """The project of manage.py and factory.py, on a terminal that is wide and has no colour."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    project.write("manage.py", MANAGE)
    project.write("factory.py", FACTORY)
    return project


@pytest.fixture
def manage(shop):
    """`manage("greet", "ann")` does what `python manage.py greet ann` does."""

    def run(*arguments: str) -> Result:
        return shop.run("manage.py", *arguments)

    return run


# -- help ------------------------------------------------------------------------------------


def test_flask_script_can_be_imported(shop):
    """One import of ours, and Flask-Script's own names import as they always did."""
    words = "import migrate_script, flask_script; print(flask_script.Manager.__module__)"
    assert shop.process("-c", words).out == "flask_script\n"


def test_no_arguments_show_the_help(manage):
    """manage.py alone lists the commands, and leaves with status 2."""
    listing = manage()
    assert (listing.status, of_any_python(listing.out), listing.err) == (2, HELP, "")


@pytest.mark.parametrize("flag", ["--help", "-?", "-h"])
def test_asked_for_the_help_is_no_mistake(manage, flag):
    """--help and -? list the commands, and leave with status 0."""
    listing = manage(flag)
    assert (listing.status, of_any_python(listing.out), listing.err) == (0, HELP, "")


@pytest.mark.parametrize("flag", ["--help", "-?"])
def test_help_of_a_command(manage, flag):
    """A command shows its docstring and its arguments."""
    shown = manage("greet", flag)
    assert (shown.status, of_any_python(shown.out), shown.err) == (0, GREET_HELP, "")


def test_help_of_the_server(manage):
    """Server shows all its options, and starts nothing."""
    shown = manage("server", "--help")
    assert (shown.status, shown.err) == (0, "")
    assert shown.out.startswith("usage: manage.py server [-?] [-h HOST] [-p PORT] [--threaded]")
    for option in ("--host", "--port", "--processes", "--debug", "--no-debug", "--no-reload"):
        assert option in shown.out


# -- commands --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "output"),
    [
        pytest.param("greet ann", "hello ann", id="positional"),
        pytest.param("call", "'nobody' False", id="defaults"),
        pytest.param("call --name x -v", "'x' True", id="options"),
        pytest.param("call -n x --verbose", "'x' True", id="short and long options"),
        pytest.param("paint red", "red 3", id="@option"),
        pytest.param("paint red --size 5", "red 5", id="@option with a type"),
        pytest.param("report", "Report False False / shop", id="class in a request context"),
        pytest.param("report --title T --html", "T True False / shop", id="Option and Group"),
        pytest.param("pass-on a --b -c=1", "['a', '--b', '-c=1']", id="capture_all_args"),
        pytest.param("lend emma ann", "emma 14 ann False None", id="annotated"),
        pytest.param("lend emma ann -d 3 -r -n x", "emma '3' ann True x", id="keyword-only"),
        pytest.param("till 3", "open 3", id="bound method"),
        pytest.param("total 3", "3 EUR", id="partial"),
        pytest.param("team join bob", "bob joins shop", id="sub-manager"),
        pytest.param("team roles grant bob -r chief", "bob is chief", id="nested sub-manager"),
    ],
)
def test_a_command_gets_its_arguments(manage, words, output):
    """Every way to write a command gets what stands behind its name."""
    assert manage(*words.split()) == (0, output + "\n", "")


@pytest.mark.parametrize("how", ["exit", "return"])
def test_a_command_leaves_with_its_own_status(manage, how):
    """What a command returns, or leaves with, is the status of the process."""
    assert manage("leave", how) == (3, "", "")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            "report --html --text",
            "manage.py report: error: argument --text: not allowed with argument --html",
        ),
        ("greet ann bob", "manage.py: error: too many arguments"),
        (
            "nope",
            f"manage.py: error: invalid choice: nope (choose from {NAMES.replace(',', ', ')})",
        ),
        ("greet", "manage.py greet: error: the following arguments are required: name"),
        ("paint red -s x", "manage.py paint: error: argument -s/--size: invalid int value: x"),
    ],
)
def test_wrong_arguments_are_refused(manage, words, line):
    """The last line says what is wrong, and the status is 2."""
    refused = manage(*words.split())
    assert (refused.status, refused.out) == (2, "")
    assert of_any_python(refused.err).splitlines()[-1] == line


def test_a_sub_manager_alone_shows_its_help(manage):
    """Without a command, a sub-manager lists its own, with status 2."""
    listing = manage("team")
    assert (listing.status, of_any_python(listing.out), listing.err) == (2, TEAM_HELP, "")


def test_help_of_a_sub_manager(manage):
    """Asked for, the list comes with status 0."""
    listing = manage("team", "--help")
    assert (listing.status, of_any_python(listing.out), listing.err) == (0, TEAM_HELP, "")


def test_a_command_uses_the_database(manage, new_database, monkeypatch):
    """db.create_all() and a query work without a word about contexts."""
    monkeypatch.setenv("DATABASE_URL", new_database("sqlite"))
    assert manage("fill").out == "['lamp']\n"


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are evaluated at once")
def test_an_annotation_may_name_what_is_not_there(shop):
    """A name that only a type checker sees is never looked up."""
    shop.write("manage.py", MANAGE.replace('"Nowhere"', "Nowhere"))
    assert shop.run("manage.py", "lend", "emma", "ann").out == "emma 14 ann False None\n"


# -- a factory -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "output"),
    [
        ("which", "None"),
        ("-c dev.cfg which", "dev.cfg"),
        ("--config=dev.cfg which", "dev.cfg"),
        ("-c dev.cfg team join bob", "bob joins dev.cfg"),
    ],
)
def test_a_factory_gets_the_options_of_the_manager(shop, words, output):
    """What stands before the command makes the application, for sub-managers too."""
    assert shop.run("factory.py", *words.split()) == (0, output + "\n", "")


# -- prompts ---------------------------------------------------------------------------------


def test_answers_are_read_from_standard_input(manage, monkeypatch):
    """An empty answer takes the default, and a useless one is asked for again."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("\nmaybe\nn\nlarge\nS\n"))
    asked = manage("ask")
    assert (asked.status, asked.err) == (0, "")
    assert asked.out == (
        "Name [ann]: Sure? [y] Sure? [y] "
        "Size - (s, middle [m]) [m]: Size - (s, middle [m]) [m]: ['ann', False, 's']\n"
    )


def test_a_password_is_not_shown(shop):
    """prompt_pass reads from the terminal without echo."""
    import pty

    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "manage.py", "login"],
        cwd=str(shop.folder),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    screen = b""
    while b"Password: " not in screen:
        screen += os.read(master, 1000)
    os.write(master, b"secret-7\n")
    with contextlib.suppress(OSError):  # Linux ends a terminal that nobody writes to like this
        while True:
            more = os.read(master, 1000)
            if not more:
                break
            screen += more
    os.close(master)
    assert process.wait(60) == 0
    assert screen == b"Password: \r\nread secret-7\r\n"


# -- shell, server, the small commands ---------------------------------------------------------


@pytest.mark.parametrize("options", [(), ("--no-ipython",), ("--no-ipython", "--no-bpython")])
def test_the_shell_reads_a_pipe(shop, options):
    """What is piped in is executed, with the names that @manager.shell gives."""
    session = shop.forked("manage.py", "shell", *options, input="print('answer', answer)\n")
    assert session.status == 0
    assert "answer 42" in session.out


def test_the_plain_shell_has_the_application(shop):
    """A Shell() without a context of its own knows app."""
    session = shop.forked("manage.py", "bare", input="print('app', app.name)\n")
    assert session.status == 0
    assert "app shop" in session.out


@pytest.mark.parametrize("command", ["runserver", "server"])
def test_the_server_answers(shop, command):
    """runserver serves the application on the port that was asked for."""
    with serving(shop, "manage.py", command) as address:
        assert urlopen(address).read() == b"Hello from shop"


def test_urls_are_listed(manage):
    """ShowUrls lists every rule with its endpoint."""
    listing = manage("urls")
    assert [line.rstrip() for line in listing.out.splitlines()] == [
        "Rule                     Endpoint",
        "---------------------------------",
        "/                        index",
        "/static/<path:filename>  static",
    ]
    assert (listing.status, listing.err) == (0, "")


def test_a_url_is_matched(manage):
    """ShowUrls tells which rule answers a URL."""
    listing = manage("urls", "/static/logo.png")
    assert [line.rstrip() for line in listing.out.splitlines()] == [
        "Rule                     Endpoint  Arguments",
        "-" * 59,
        "/static/<path:filename>  static    {'filename': 'logo.png'}",
    ]
    assert (listing.status, listing.err) == (0, "")


def test_compiled_files_are_removed(shop, manage):
    """Clean removes .pyc and .pyo files in every folder, and nothing else."""
    for name in ("old.pyc", "deep/er/old.pyo", "deep/kept.py"):
        shop.write(name, "")
    cleaned = manage("clean")
    assert sorted(cleaned.out.splitlines()) == ["Removing ./deep/er/old.pyo", "Removing ./old.pyc"]
    assert sorted(path.name for path in shop.folder.rglob("*.py*")) == [
        "factory.py",
        "kept.py",
        "manage.py",
    ]


# what 2.0.5 runs, and 2.0.6 with its options for certificates and further shells does not
WRITTEN_FOR_2_0_5 = """
    from flask import Flask
    from flask_script import Manager, Server, Shell


    class App(Flask):
        def run(self, **options):
            print(sorted(item for item in options.items() if item[0] in ("port", "ssl_context")))


    class OwnServer(Server):
        def __call__(self, app, host, port, use_debugger, use_reloader, threaded, processes,
                     passthrough_errors):
            print("own server at", port)


    class OwnShell(Shell):
        def run(self, no_ipython, no_bpython):
            print("own shell", no_ipython, no_bpython)


    manager = Manager(App(__name__))
    manager.add_command("files", Server(ssl_context=("a.crt", "a.key")))
    manager.add_command("adhoc", Server(port=1, ssl_context="adhoc"))
    manager.add_command("plain", Server())
    manager.add_command("server", OwnServer())
    manager.add_command("shell", OwnShell())
    manager.run()
"""


@pytest.mark.parametrize(
    ("words", "output"),
    [
        ("files", "[('port', 5000), ('ssl_context', ('a.crt', 'a.key'))]"),
        ("adhoc -p 2", "[('port', 2), ('ssl_context', 'adhoc')]"),
        ("server -p 2", "own server at 2"),
        ("shell --no-ipython", "own shell True False"),
    ],
)
def test_what_was_written_for_the_release_before(project, words, output):
    """A server with an `ssl_context`, a server and a shell that override the method which runs."""
    project.write("manage.py", WRITTEN_FOR_2_0_5)
    assert project.run("manage.py", *words.split()) == (0, output + "\n", "")


@pytest.mark.skipif(not HAS_CERTIFICATES, reason="Flask-Script 2.0.5 has no such options")
def test_a_certificate_of_the_command_line_goes_first(project):
    """As every option does before what the script says."""
    project.write("manage.py", WRITTEN_FOR_2_0_5)
    words = ("--ssl-crt", "b.crt", "--ssl-key", "b.key")
    assert "('b.crt', 'b.key')" in project.run("manage.py", "adhoc", *words).out
    assert "('b.crt', 'b.key')" in project.run("manage.py", "plain", *words).out


# -- the newest Pythons ------------------------------------------------------------------------

# argparse as in CPython 3.12.8, 3.13.1 and 3.14: what parses has the name that Flask-Script uses
CLASH = """
    import argparse

    parser = argparse.ArgumentParser

    if not hasattr(parser, "_parse_known_args2"):
        parse, inner = parser.parse_known_args, parser._parse_known_args

        def parse_known_args(self, args=None, namespace=None):
            return self._parse_known_args2(args, namespace, intermixed=False)

        def _parse_known_args2(self, args, namespace, intermixed):
            return parse(self, args, namespace)

        def _parse_known_args(self, arg_strings, namespace, intermixed=False):
            return inner(self, arg_strings, namespace)

        parser.parse_known_args = parse_known_args
        parser._parse_known_args2 = _parse_known_args2
        parser._parse_known_args = _parse_known_args
"""

UNCURED = """
    import clash

    # imported while there is no clash to see, Flask-Script stays as it is
    clashing = clash.parser._parse_known_args2
    del clash.parser._parse_known_args2
    import migrate_script

    clash.parser._parse_known_args2 = clashing
"""

EACH = """
    import contextlib
    import io
    import json
    import runpy
    import sys

    __import__(sys.argv[1])
    results = []
    for words in json.loads(sys.argv[2]):
        out, err = io.StringIO(), io.StringIO()
        sys.argv = ["manage.py", *words]
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                runpy.run_path("manage.py", run_name="__main__")
        except SystemExit as leaving:
            end = leaving.code
        except Exception as error:
            end = type(error).__name__ + ": " + str(error)
        results.append([words, end, out.getvalue(), err.getvalue()])
    print(json.dumps(results))
"""

COMMANDS = [
    [],
    ["greet", "ann"],
    ["call", "--name", "x", "-v"],
    ["pass-on", "a", "--b"],
    ["team"],
    ["team", "join", "bob"],
    ["team", "roles", "grant", "bob"],
    ["db"],
    ["db", "list-templates"],
    ["db", "-d", "elsewhere", "list-templates"],
]
REFUSED = [["nope"], ["greet", "ann", "bob"], ["team", "nope"], ["db", "nope"]]
HELPS = [["--help"], ["greet", "--help"], ["team", "--help"], ["db", "--help"]]


def results_of(shop: Project, first: str, sentences: list[list[str]]) -> list[list[object]]:
    """What each sentence leaves, in a process that imports a module first."""
    shop.write("clash.py", CLASH)
    shop.write("uncured.py", UNCURED)
    shop.write("each.py", EACH)
    with_db = "    manager.add_command('db', migrate_script.MigrateCommand)\n\n    if __name__"
    shop.write("manage.py", MANAGE.replace("    if __name__", with_db))
    done = shop.process("-W", "ignore", "each.py", first, json.dumps(sentences))
    assert done.status == 0, done.err
    return json.loads(done.out)


def test_where_argparse_took_the_name_every_command_would_die(shop):
    """The clash is real: with Flask-Script's own method, no command runs."""
    for words, end, out, _ in results_of(shop, "uncured", COMMANDS):
        assert "Error: " in str(end), words
        assert out == "", words


def test_where_argparse_took_the_name_nothing_changes(shop):
    """With the clash, every sentence is answered as it is without."""
    sentences = COMMANDS + REFUSED + HELPS
    results = results_of(shop, "clash", sentences)
    assert results == results_of(shop, "argparse", sentences)
    assert [end for _, end, _, _ in results[: len(COMMANDS)]] == [2, 0, 0, 0, 2, 0, 0, 2, 0, 0]
    assert [end for _, end, _, _ in results[len(COMMANDS) :]] == [2, 2, 2, 2, 0, 0, 0, 0]
