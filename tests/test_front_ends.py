"""`manage.py db` and `flask db` are the same commands."""

from __future__ import annotations

import inspect
import os
import re
import textwrap

import alembic
import pytest
from alembic import command
from helpers import Project, Result, rows, tables, write_source
from shop_project import APP, write_shop

from migrate_script import commands
from migrate_script.cli import table
from migrate_script.running.settings import Settings

HEAD = "Error: "


class FrontEnd:
    """One of the two ways to type a command."""

    def __init__(self, name: str, project: Project) -> None:
        self.name = name
        self.project = project

    def __call__(self, *arguments: str) -> Result:
        if self.name == "manage.py":
            return self.project.run("manage.py", "db", *arguments)
        return self.project.flask("shop.py", "db", *arguments)


@pytest.fixture(params=["manage.py", "flask"])
def db(request, project, new_database, monkeypatch):
    """The project of three revisions on an empty SQLite file, by each front end."""
    monkeypatch.setenv("DATABASE_URL", new_database("sqlite"))
    return FrontEnd(request.param, write_shop(project))


@pytest.fixture
def both(project, new_database, monkeypatch):
    """Both front ends, for the same words to both."""
    monkeypatch.setenv("DATABASE_URL", new_database("sqlite"))
    write_shop(project)
    return FrontEnd("manage.py", project), FrontEnd("flask", project)


def files_of(project: Project) -> dict[str, bytes]:
    """Every file of the project with its content, but what Python caches."""
    return {
        str(path.relative_to(project.folder)): path.read_bytes()
        for path in project.folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


# -- one table ------------------------------------------------------------------------------


def test_every_parameter_of_every_function_is_in_the_table():
    """The table names each option once, and no option that no function takes."""
    used = {
        name for row in table.ROWS.values() for name in inspect.signature(row.function).parameters
    }
    assert used == set(table.OPTIONS)


def test_every_command_takes_directory_and_x_arg():
    """-d and -x are everywhere."""
    for row in table.ROWS.values():
        assert {"directory", "x_arg"} <= set(inspect.signature(row.function).parameters), row.name


def test_every_public_function_of_commands_is_a_command():
    """What the Python API offers, the command line offers."""
    public = {
        function
        for name, function in vars(commands).items()
        if inspect.isfunction(function) and function.__module__ == commands.__name__
    }
    assert public == set(table.COMMANDS)


def test_every_parameter_names_its_flags_in_the_docstring():
    """A reader of the function finds how to type it, and the other way round."""
    for row in table.ROWS.values():
        documented = inspect.getdoc(row.function) or ""
        for parameter in row.parameters:
            line = re.search(rf":param {parameter.name}:(.*)", documented)
            assert line, (row.name, parameter.name)
            for flag in parameter.option.flags:
                assert f"`{flag}`" in line.group(1), (row.name, flag)


# -- the same words --------------------------------------------------------------------------


def test_db_alone_lists_all_commands(db):
    """Both list every command with its help sentence, and leave with status 2."""
    listing = db()
    assert (listing.status, listing.err) == (2, "")
    text = " ".join(listing.out.split())
    for row in table.ROWS.values():
        assert f"{row.name} {row.help}" in text


@pytest.mark.parametrize("flag", ["--help", "-?"])
def test_db_help_lists_all_commands(db, flag):
    """Asked for, the list comes with status 0."""
    listing = db(flag)
    assert (listing.status, listing.err) == (0, "")
    text = " ".join(listing.out.split())
    for row in table.ROWS.values():
        assert f"{row.name} {row.help}" in text


@pytest.mark.parametrize("command", table.ROWS)
@pytest.mark.parametrize("flag", ["--help", "-?"])
def test_help_of_a_command_is_the_same_text(both, command, flag):
    """Only the name of the program differs."""
    manage, flask = (front_end(command, flag) for front_end in both)
    assert manage.status == flask.status == 0
    assert manage.err == flask.err == ""
    usage = re.compile("^Usage: (.* )?db ")
    assert usage.sub("Usage: db ", manage.out) == usage.sub("Usage: db ", flask.out)
    assert table.ROWS[command].help in manage.out


CONVERSATION = [
    ["heads"],
    ["heads", "-v"],
    ["branches"],
    ["current"],
    ["history"],
    ["history", "-v"],
    ["history", "-r", "aaaa:cccc"],
    ["history", "-r", "-2:"],
    ["history", "-r-2:"],
    ["show"],
    ["show", "bbbb"],
    ["upgrade", "+1"],
    ["current"],
    ["current", "--head-only"],
    ["current", "--check-heads"],
    ["upgrade", "aaa+2"],
    ["downgrade", "-1"],
    ["downgrade", "--revision", "aaaa"],
    ["downgrade"],
    ["upgrade", "--sql"],
    ["upgrade", "aaaa:bbbb", "--sql"],
    ["downgrade", "--sql"],
    ["downgrade", "cccc:-1", "--sql"],
    ["downgrade", "head:-1", "--sql"],
    ["stamp", "bbbb"],
    ["current", "-v"],
    ["stamp", "base"],
    ["upgrade", "--tag", "t", "-x", "a=1", "-x", "b=2"],
    ["-d", "migrations", "current"],
    ["current", "-d", "migrations"],
    ["downgrade", "cccc-2"],
    ["upgrade", "heads"],
    ["current", "--check-heads"],
    ["list-templates"],
    ["revision", "-m", "empty one", "--rev-id", "dddd"],
    ["merge", "-m", "nothing"],
]


def without_noise(project: Project, result: Result) -> tuple[int, str, str]:
    """A result without what differs from run to run: folders and times."""
    clean = [text.replace(str(project.folder), "<project>") for text in (result.out, result.err)]
    dates = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?")
    return result.status, dates.sub("<time>", clean[0]), clean[1]


def test_a_long_conversation_is_the_same(project, new_database, monkeypatch):
    """The same words give the same output, errors and status, command after command."""
    heard = []
    for name in ("manage.py", "flask"):
        monkeypatch.setenv("DATABASE_URL", new_database("sqlite"))
        write_shop(project)
        front_end = FrontEnd(name, project)
        results = [without_noise(project, front_end(*words)) for words in CONVERSATION]
        heard.append(
            [(w, s, out, _no_database(err)) for w, (s, out, err) in zip(CONVERSATION, results)]
        )
        heard[-1] = [(w, s, _no_database(out), err) for w, s, out, err in heard[-1]]
        _remove(project)
    for manage, flask in zip(*heard):
        assert manage == flask


def _no_database(text: str) -> str:
    text = re.sub(r"\(\d+\.\d\d s\)", "(<time>)", text)
    return re.sub(r"ms_[0-9a-f]{12}", "<database>", text)


def _remove(project: Project) -> None:
    for path in sorted(project.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


# -- arguments reach Alembic untouched --------------------------------------------------------


def test_relative_revisions_reach_alembic(db, monkeypatch):
    """-1, +2, ae10+2 and the like are not taken for options."""
    import os

    url = os.environ["DATABASE_URL"]
    assert db("upgrade", "+2").status == 0
    assert rows(url, "SELECT version_num FROM alembic_version") == [("bbbb",)]
    assert db("upgrade", "bbbb+1").status == 0
    assert rows(url, "SELECT version_num FROM alembic_version") == [("cccc",)]
    assert db("downgrade", "-2").status == 0
    assert rows(url, "SELECT version_num FROM alembic_version") == [("aaaa",)]
    assert db("downgrade", "--revision", "-1").status == 0
    assert rows(url, "SELECT * FROM alembic_version") == []
    assert "-- Running upgrade bbbb -> cccc" in db("upgrade", "bbbb:cccc", "--sql").out
    assert "-- Running downgrade cccc -> bbbb" in db("downgrade", "head:-1", "--sql").out


def test_x_arguments_reach_env_py(db):
    """Each -x is there, in the order typed, wherever it was typed."""
    db.project.write(
        "migrations/env.py",
        """
        from alembic import context
        print(context.get_x_argument(), context.get_x_argument(as_dictionary=True))
        if context.config.cmd_opts.x is None:
            print("no argument")
        """,
    )
    assert db("current").out == "[] {}\nno argument\n"
    assert db("current", "-x", "a=1", "--x-arg", "b=2").out == (
        "['a=1', 'b=2'] {'a': '1', 'b': '2'}\n"
    )
    assert db("-x", "a=1", "current").out == "['a=1'] {'a': '1'}\n"


# -- what goes wrong --------------------------------------------------------------------------


def one_line(sentence: str) -> str:
    """The standard error of a command that fails with this sentence."""
    return HEAD + sentence + "\n"


def test_an_unknown_revision(db):
    """The revision is named, and how to see those there are."""
    assert db("upgrade", "nope")[0::2][0] == 1
    assert db("upgrade", "nope").error == one_line(
        "Can't locate revision identified by 'nope': 'db history' lists the revisions there are"
    )


def test_an_unknown_command(db):
    """One line and status 2."""
    assert db("upgrad") == (
        2,
        "",
        one_line("there is no command 'upgrad': 'db --help' lists them all"),
    )


@pytest.mark.parametrize("option", ["--sqll", "-z", "--foo=bar"])
def test_an_unknown_option(db, option):
    """One line, status 2, and nothing ran."""
    assert db("upgrade", option) == (
        2,
        "",
        one_line(
            f"'upgrade' has no option '{option.split('=')[0]}': 'upgrade --help' lists those it has"
        ),
    )


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["-m=a text"], "a text"),
        (["-m=-x=y"], "-x=y"),
        (["-m", "-d=z"], "-d=z"),
        (["--mess", "a text"], "a text"),
        (["--mess=--di=z"], "--di=z"),
        (["-ma text"], "a text"),
        (["--message", "--dir"], "--dir"),
    ],
)
def test_options_as_argparse_took_them(db, typed, message):
    """A short one with a `=`, and the beginning of a long one; a value is left as it is."""
    done = db("revision", "--rev", "dddd", *typed)
    assert done.status == 0, done.err
    (path,) = (db.project.folder / "migrations/versions").glob("dddd*.py")
    assert path.read_text(encoding="utf-8").startswith(f'"""{message}\n')


def test_the_beginning_of_several_options(db):
    """It is none of them."""
    assert db("upgrade", "--ver").status == 0
    assert db("upgrade", "--d").error == one_line(
        "'upgrade' has no option '--d': 'upgrade --help' lists those it has"
    )


def test_one_argument_too_many(db):
    """The first that is too many is named."""
    assert db("upgrade", "aaaa", "bbbb") == (
        2,
        "",
        one_line(
            "'upgrade' does not take the argument 'bbbb': 'upgrade --help' shows what it takes"
        ),
    )


def test_the_revision_given_twice(db):
    """downgrade takes the argument or --revision."""
    assert db("downgrade", "aaaa", "--revision", "bbbb") == (
        2,
        "",
        one_line("'downgrade' got both 'aaaa' and 'bbbb': give one of them"),
    )


def test_a_missing_folder(db):
    """The folder is named as typed, and where it was looked for."""
    before = files_of(db.project)
    assert db("upgrade", "-d", "elsewhere") == (
        1,
        "",
        one_line(
            "there is no migrations folder 'elsewhere' (looked for "
            f"{db.project.folder / 'elsewhere'}): create it with 'db init', "
            "or name another one with --directory"
        ),
    )
    assert files_of(db.project) == before


def test_a_missing_versions_folder(db):
    """Nothing to do is not the answer when the revisions are gone."""
    for path in (db.project.folder / "migrations/versions").iterdir():
        path.unlink() if path.is_file() else [
            *map(lambda p: p.unlink(), path.iterdir()),
            path.rmdir(),
        ]
    (db.project.folder / "migrations/versions").rmdir()
    before = files_of(db.project)
    assert db("upgrade") == (
        1,
        "",
        one_line(
            "the folder 'migrations/versions' is missing, so no revision can be found: restore it "
            "from version control, or create it empty if there was never a revision"
        ),
    )
    assert files_of(db.project) == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("env.py", "upgrade"),
        ("env.py", "history"),
        ("script.py.mako", "revision"),
        ("script.py.mako", "migrate"),
        ("script.py.mako", "merge aaaa"),
    ],
)
def test_a_missing_file_of_the_folder(db, name, words):
    """The file is named."""
    (db.project.folder / "migrations" / name).unlink()
    assert db(*words.split()) == (
        1,
        "",
        one_line(f"the file 'migrations/{name}' is missing: restore it from version control"),
    )


def test_a_folder_without_what_is_for_new_scripts(db):
    """Where an application is installed without them, its scripts run all the same."""
    for name in ("script.py.mako", "alembic.ini"):
        (db.project.folder / "migrations" / name).unlink()
    for words in ("upgrade", "current --check-heads", "history", "upgrade --sql", "downgrade base"):
        answer = db(*words.split())
        assert (answer.status, answer.error) == (0, ""), words


def test_a_second_init(db):
    """The folder stays as it is."""
    before = files_of(db.project)
    assert db("init") == (
        1,
        "",
        one_line(
            "the folder 'migrations' exists already and is not empty: "
            "remove it first, or name another one with --directory"
        ),
    )
    assert files_of(db.project) == before


def test_init_with_an_unknown_template(db):
    """The templates there are are named, and no folder is made."""
    assert db("init", "-d", "other", "-t", "nope") == (
        1,
        "",
        one_line(
            "there is no template 'nope': there are flask, flask-multidb, "
            "or give the path of a folder of your own"
        ),
    )
    assert not (db.project.folder / "other").exists()


def driver_words(url: str) -> str:
    """What the driver itself says about a URL, on one line."""
    import sqlalchemy as sa

    with pytest.raises(sa.exc.DBAPIError) as caught:
        sa.create_engine(url).connect()
    said = caught.value.orig.args
    if len(said) == 2:
        return f"{' '.join(str(said[1]).split()).rstrip('.:')} ({said[0]})"
    return " ".join(str(caught.value.orig).split()).rstrip(".:")


def without_charset(result: Result) -> Result:
    """A result without what Flask-SQLAlchemy adds to the URL of MySQL."""
    return result._replace(err=re.sub(r"\?charset=\w+", "", result.err))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg2://user:secret@127.0.0.1:1/shop",
        "mysql+pymysql://user:secret@127.0.0.1:1/shop",
        "postgresql+psycopg2://127.0.0.1:1/shop?password=secret",
        "postgresql+psycopg2://user@127.0.0.1:1/shop?connect_timeout=5&sslpassword=secret",
        "sqlite:////nowhere/at/all/shop.db",
    ],
)
def test_a_database_that_is_down(db, monkeypatch, url):
    """The URL without its password, the driver's words, what to check; nothing is written."""
    before = files_of(db.project)
    monkeypatch.setenv("DATABASE_URL", url)
    shown = url.replace("secret", "***")
    answer = db("upgrade")
    assert without_charset(answer) == (
        1,
        "",
        one_line(
            f"cannot connect to {shown}: {driver_words(url)}: check that the server runs and that "
            "SQLALCHEMY_DATABASE_URI is right"
        ),
    )
    assert "secret" not in answer.err + answer.out
    assert "secret" not in db("upgrade", "--traceback").err
    assert files_of(db.project) == before


def test_a_wrong_password(db, new_database, monkeypatch):
    """As with a database that is down: MariaDB refuses the login."""
    good = new_database("mysql")
    bad = re.sub(r"//[^@]*@", "//nobody_here:wrong-secret@", good)
    monkeypatch.setenv("DATABASE_URL", bad)
    shown = bad.replace("wrong-secret", "***")
    answer = db("upgrade")
    assert without_charset(answer) == (
        1,
        "",
        one_line(
            f"cannot connect to {shown}: {driver_words(bad)}: check that the server runs and that "
            "SQLALCHEMY_DATABASE_URI is right"
        ),
    )
    assert "(1045)" in answer.err


LATE_ENGINE = """
    import sqlalchemy as sa
    from flask import Flask
    from migrate_script import Migrate


    class Database:
        '''A database object that makes its engine when it is asked for.'''

        metadata = sa.MetaData()

        @property
        def engine(self):
            return sa.create_engine({url!r})


    app = Flask(__name__)
    migrate = Migrate(app, Database())
"""


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (
            "oracel://user:secret@host/shop",
            "Can't load plugin: sqlalchemy.dialects:oracel: check the part of "
            "SQLALCHEMY_DATABASE_URI before '://', and that its driver is installed",
        ),
        (
            "mssql+pymssql://user:secret@host/shop",
            "the database driver 'pymssql' is not installed: install it, or name another driver "
            "in SQLALCHEMY_DATABASE_URI (dialect+driver://...)",
        ),
        (
            "user:secret@host/shop",
            "SQLALCHEMY_DATABASE_URI is not a database URL: "
            "write it like sqlite:////folder/file.db or postgresql://user@host:5432/database",
        ),
        (
            "postgresql://user:secret@host:port/shop",
            "SQLALCHEMY_DATABASE_URI is not a database URL: "
            "write it like sqlite:////folder/file.db or postgresql://user@host:5432/database",
        ),
    ],
    ids=["unknown dialect", "missing driver", "no URL", "bad port"],
)
def test_a_url_that_cannot_be_used(db, url, sentence):
    """The cause is named in one line, and never the password."""
    db.project.write("shop.py", LATE_ENGINE.format(url=url))
    answer = db("upgrade")
    assert answer == (1, "", one_line(sentence))
    assert "secret" not in db("upgrade", "--traceback").err


def test_a_url_of_another_era(db):
    """postgres:// was an alias until SQLAlchemy 1.4."""
    db.project.write("shop.py", LATE_ENGINE.format(url="postgres://user:secret@127.0.0.1:1/shop"))
    answer = db("upgrade")
    assert answer.status == 1
    assert len(answer.error.splitlines()) == 1
    assert "secret" not in answer.err
    if "do not know" in answer.error:
        assert answer.error == one_line(
            "SQLAlchemy 1.4 and later do not know 'postgres://': "
            "begin SQLALCHEMY_DATABASE_URI with 'postgresql://'"
        )
    else:
        assert "cannot connect to postgres://user:***@127.0.0.1:1/shop" in answer.error


def broken(db, text: str) -> str:
    """Put a broken revision into the folder; give its path as errors show it."""
    path = db.project.write("migrations/versions/dddd_broken.py", text)
    return str(path)


def test_a_revision_with_a_syntax_error(db):
    """File and line, and what Python says."""
    path = broken(db, 'revision = "dddd"\ndown_revision = "cccc"\ndef upgrade(:\n    pass\n')
    answer = db("upgrade")
    assert (answer.status, answer.out) == (1, "")
    assert re.fullmatch(
        re.escape(f"Error: {path}, line 3: SyntaxError: ")
        + r"invalid syntax.*: correct the file and run the command again\n",
        answer.error,
    )
    assert not (db.project.folder / "shop.db").exists()


def test_a_revision_that_does_not_import(db):
    """The line of the file that Python stopped at."""
    path = broken(db, 'revision = "dddd"\ndown_revision = "cccc"\nimport nowhere_at_all\n')
    assert db("upgrade").error == one_line(
        f"{path}, line 3: ModuleNotFoundError: No module named 'nowhere_at_all': "
        "correct the file and run the command again"
    )


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("from sqlalchemy import nosuchthing", "ImportError: cannot import name 'nosuchthing'"),
        ("from of_2014 import thing", "ModuleNotFoundError: No module named 'of_2014'"),
        (
            "import shop.models_of_2014",
            "ModuleNotFoundError: No module named 'shop.models_of_2014'",
        ),
        ("sa.NoSuchType()", "AttributeError: module 'sqlalchemy' has no attribute 'NoSuchType'"),
        ("sa.String(length=5, nosuch=True)", "TypeError: "),
        ("op.create_index('a')", "TypeError: "),
        ("print 'python 2'", "SyntaxError: "),
    ],
)
def test_a_script_of_an_older_stack(db, line, cause):
    """What its time had and ours has not is named with file and line."""
    top = 'revision = "dddd"\ndown_revision = "cccc"\n'
    top += "import sqlalchemy as sa\nfrom alembic import op\n"
    imports = "import" in line
    path = broken(db, top + (f"{line}\n" if imports else f"def upgrade():\n    {line}\n"))
    answer = db("upgrade")
    assert (answer.status, answer.out) == (1, "")
    assert answer.error.startswith(f"Error: {path}, line {5 if imports else 6}: {cause}")
    assert answer.error.endswith(": correct the file and run the command again\n")
    assert len(answer.error.splitlines()) == 1


TOP = 'revision = "dddd"\ndown_revision = "cccc"\n'


@pytest.mark.parametrize(
    ("content", "place", "cause"),
    [
        (TOP.encode("utf-16"), "", r"(ValueError|SyntaxError): source code .* null bytes"),
        (TOP.encode() + b"\0", "", r"(ValueError|SyntaxError): source code .* null bytes"),
        (
            TOP.encode() + b'name = "caf\xe9"\n',
            ", line 3",
            r"SyntaxError: .*(can't decode|Non-UTF-8 code) .*",
        ),
        (b"# coding: klingon\n" + TOP.encode(), "", r"SyntaxError: unknown encoding: klingon.*"),
        (b'revision = "dddd"\n', "", r"AttributeError: .* has no attribute 'down_revision'"),
    ],
    ids=["UTF-16", "a null byte", "Latin-1", "an unknown encoding", "no parent"],
)
def test_a_file_that_is_no_script(db, content, place, cause):
    """The file is named, and not the env.py that was about to use it."""
    path = db.project.folder / "migrations/versions/dddd_broken.py"
    path.write_bytes(content)
    answer = db("upgrade")
    assert (answer.status, answer.out) == (1, "")
    assert re.fullmatch(
        rf"Error: {re.escape(str(path))}{place}: {cause}: "
        r"correct the file and run the command again\n",
        answer.error,
    )


def test_a_revision_without_its_id(db):
    """The file is named, and what it lacks."""
    path = broken(db, "def upgrade():\n    pass\n")
    assert db("upgrade").error == one_line(
        f"{path}: the file has no 'revision': give it the identifier it had, "
        "or move the file out of the folder"
    )


def test_a_revision_without_upgrade(db, monkeypatch):
    """It is found before the first revision runs."""
    import os

    path = broken(db, 'revision = "dddd"\ndown_revision = "cccc"\n')
    answer = db("upgrade")
    assert answer.error == one_line(
        f"{path}: the file has no 'upgrade()': write one (it may be 'pass')"
    )
    assert "product" not in tables(os.environ["DATABASE_URL"])


@pytest.mark.parametrize(
    "line",
    [
        'down_revision = "nowhere"',
        'down_revision = ("cccc", "nowhere")',
        'down_revision = "cccc"; depends_on = "nowhere"',
        'down_revision = "cccc"; depends_on = ["nowhere", "aaaa"]',
    ],
)
def test_a_revision_whose_parent_is_missing(db, line):
    """The identifier that nobody has is named, and the file that refers to it."""
    path = broken(db, f'revision = "dddd"\n{line}\ndef upgrade():\n    pass\n')
    assert db("upgrade").error == one_line(
        f"{path} refers to the revision 'nowhere', which no script in the folder has: restore that "
        "script, or correct the 'down_revision' or 'depends_on' that names it"
    )


def test_a_revision_that_raises(db):
    """File, line and the exception's own words."""
    path = broken(
        db,
        'revision = "dddd"\ndown_revision = "cccc"\ndef upgrade():\n    raise ValueError("boom")\n',
    )
    assert db("upgrade").error == one_line(
        f"{path}, line 4: ValueError: boom; the database is at no revision, as before: "
        "correct the file and run the command again"
    )


@pytest.mark.parametrize(
    "content",
    [b"this is no ini file", b"[alembic", b"\xff\xfe\x00\x01", b"[alembic]\na\nb = %(c)s\n"],
)
def test_a_garbage_alembic_ini(db, content):
    """The file is named on one line."""
    (db.project.folder / "migrations/alembic.ini").write_bytes(content)
    answer = db("upgrade")
    assert (answer.status, answer.out) == (1, "")
    assert re.fullmatch(
        r"Error: 'migrations/alembic.ini' cannot be read: .*: correct it or restore it\n",
        answer.err,
    )


def test_the_traceback_comes_when_asked_for(db):
    """--traceback shows where an error came from, and the line still ends it."""
    answer = db("upgrade", "nope", "--traceback")
    assert answer.status == 1
    assert "Traceback (most recent call last):" in answer.err
    assert answer.err.endswith(
        one_line(
            "Can't locate revision identified by 'nope': 'db history' lists the revisions there are"
        )
    )


def test_several_heads(db):
    """Both heads are named, and the way out works."""
    broken(db, 'revision = "dddd"\ndown_revision = "bbbb"\ndef upgrade():\n    pass\n')
    answer = db("upgrade")
    assert answer.status == 1
    assert re.fullmatch(
        r"Error: there are several heads \((cccc, dddd|dddd, cccc)\): join them with 'db merge', "
        r"or name one, or all with 'heads'\n",
        answer.error,
    )
    assert db("merge", "-m", "join").status == 0
    assert db("upgrade").status == 0


@pytest.mark.parametrize("command", ["upgrade", "migrate"])
@pytest.mark.parametrize("revision", ["bbbb", "cccc"])
def test_two_files_of_one_revision(db, revision, command):
    """A copy of a script is no second head to merge; some Alembics take one, and warn."""
    if command == "migrate":
        assert db("upgrade").status == 0
    (path,) = (db.project.folder / "migrations/versions").glob(f"{revision}_*.py")
    copy = broken(db, path.read_text())
    answer = db(command)
    if answer.status:
        assert answer.error == one_line(
            f"several files have the same revision '{revision}' ({path}, {copy}): give all but one "
            "an identifier of its own, and correct the 'down_revision' of what comes after it"
        )


def test_revisions_in_a_circle(db):
    """The scripts are named, and what to correct; the oldest Alembics find no head, and no work."""
    (path,) = (db.project.folder / "migrations/versions").glob("aaaa_*.py")
    write_source(path, path.read_text().replace("down_revision = None", 'down_revision = "cccc"'))
    answer = db("upgrade")
    if answer.status:
        assert re.fullmatch(
            r"Error: Cycle is detected in revisions \(.*\): correct the 'down_revision' or "
            r"'depends_on' of one, so that each comes after those it names\n",
            answer.error,
        )


def test_a_folder_without_revisions(db):
    """There is nothing to do, and that is no failure."""
    for path in (db.project.folder / "migrations/versions").glob("*.py"):
        path.unlink()
    for words in (
        "upgrade",
        "downgrade base",
        "stamp base",
        "current",
        "heads",
        "branches",
        "history",
        "history -r base:",
    ):
        answer = db(*words.split())
        assert (answer.status, answer.out, answer.error) == (0, "", ""), words


def test_steps_back_from_a_merge(db):
    """Alembics that cannot choose a way say which words do not leave a choice."""
    broken(
        db, 'revision = "dddd"\ndown_revision = "bbbb"\ndef upgrade(): pass\ndowngrade = upgrade'
    )
    assert db("merge", "--rev-id", "eeee").status == 0
    assert db("upgrade").status == 0
    answer = db("downgrade", "-1")
    if answer.status:
        assert answer.error == one_line(
            "several ways lead on from here, so a number of steps is not clear: "
            "name the revision to go to ('db history' lists them)"
        )
        assert db("downgrade", "dddd").status == 0


def test_a_database_that_is_ahead_of_the_scripts(db):
    """The advice is to bring the script back; the one after it works as it says."""
    assert db("upgrade").status == 0
    (db.project.folder / "migrations/versions/cccc_prices.py").unlink()
    purge = ["--purge"] if "purge" in inspect.signature(command.stamp).parameters else []
    way_out = "'db stamp --purge REVISION'"
    if not purge:
        way_out = "delete it from the version table and run 'db stamp REVISION'"
    assert db("upgrade").error == one_line(
        "the database is at revision 'cccc', which no script in the folder has: bring the script "
        f"back (from version control or the release that ran it), or, if the schema is known to "
        f"match, {way_out}"
    )
    if not purge:
        rows(os.environ["DATABASE_URL"], "DELETE FROM alembic_version")
    assert db("stamp", *purge, "bbbb").status == 0
    assert db("upgrade").status == 0


def test_a_database_that_is_behind(db):
    """current --check-heads is a gate for scripts."""
    assert db("upgrade", "aaaa").status == 0
    answer = db("current", "--check-heads")
    assert answer.status == 1
    assert answer.error == one_line(
        "the database is at aaaa and the scripts are at cccc: run 'db upgrade'"
    )
    assert db("upgrade").status == 0
    assert db("current", "--check-heads").status == 0


@pytest.mark.parametrize("rev_id", ["a/b", "a-b", "x" * 33, "", "ä b", ".a"])
def test_a_revision_id_that_cannot_be_used(db, rev_id):
    """It is refused before a file is written."""
    before = files_of(db.project)
    assert db("revision", "--rev-id", rev_id) == (
        1,
        "",
        one_line(
            f"'{rev_id}' cannot be a revision id: --rev-id takes 1 to 32 letters, digits, '_' and, "
            "behind the first, '.'"
        ),
    )
    assert files_of(db.project) == before


def test_revisions_numbered_like_releases(db):
    """1.2.0 is an identifier as good as any."""
    for words in ("revision --rev-id 1.2.0", "revision --rev-id 1.10.0_rc1 -m next"):
        assert db(*words.split()).status == 0
    assert db("upgrade", "1.2.0").status == 0
    assert db("current").out == "1.2.0\n"
    assert db("upgrade").status == 0
    assert db("downgrade").status == 0
    assert db("current").out == "1.2.0\n"
    assert "1.2.0 -> 1.10.0_rc1 (head), next" in db("history").out
    assert db("revision", "--rev-id", "1.2.0").status == 1


def test_a_revision_id_that_is_taken(db):
    """The file that has it is named."""
    before = files_of(db.project)
    path = db.project.folder / "migrations/versions/bbbb_names.py"
    answer = db("revision", "--rev-id", "bbbb")
    assert answer.error == one_line(
        f"the revision id 'bbbb' is taken by {path}: give another --rev-id"
    )
    assert files_of(db.project) == before


@pytest.mark.parametrize(
    "message", ['say """hello"""', "back\\slash \\N \\u12 \\x", "two\nlines", "5% or %s or %(a)s"]
)
def test_a_message_with_quotes_and_backslashes(db, message):
    """The new script loads, and its message reads as it was typed."""
    assert db("revision", "-m", message, "--rev-id", "dddd").status == 0
    for words in ("history", "history -v", "show", "heads -v"):
        assert " ".join(message.split()) in db(*words.split()).out


def test_a_template_that_writes_nonsense(db):
    """The new script is removed again, and the folder stays usable."""
    before = files_of(db.project)
    mako = db.project.folder / "migrations/script.py.mako"
    mako.write_text(mako.read_text() + "\ndef broken(:\n")
    answer = db("revision", "-m", "x", "--rev-id", "dddd")
    assert answer.status == 1
    assert re.match(
        r"Error: the new revision '.*dddd_x.py' would not load \(SyntaxError: .*\) and was removed",
        answer.error,
    )
    mako.write_bytes(before["migrations/script.py.mako"])
    assert files_of(db.project) == before


LACKING = [
    (["init", "-d", "other", "--package"], "package"),
    (["stamp", "--purge"], "purge"),
    (["history", "-i"], "indicate_current"),
    (["check"], None),
]
# what is done here, and not by Alembic
OURS = set(Settings._fields) | {"directory", "x_arg", "multidb", "head_only", "check_heads"}


def test_no_other_option_is_lacking():
    """Every option of every command, on the Alembic of this stack."""
    lacking = set()
    for name, row in table.ROWS.items():
        if name in ("migrate", "list-templates", "restore"):
            continue  # Alembic's `revision`, and what is done without it
        function = getattr(command, name, None)
        if function is None:
            lacking.add((name, None))
            continue
        known = set(inspect.signature(function).parameters)
        wanted = {p.name for p in row.parameters if p.option.flags} - OURS
        lacking |= {(name, parameter) for parameter in wanted - known}
    assert lacking <= {(words[0], parameter) for words, parameter in LACKING}


@pytest.mark.parametrize(("words", "parameter"), LACKING)
def test_what_an_old_alembic_lacks(db, words, parameter):
    """One line names the option or the command, and the Alembic that is installed."""
    function = getattr(command, words[0], None)
    known = function and (parameter is None or parameter in inspect.signature(function).parameters)
    answer = db(*words)
    if known:
        assert "has no" not in answer.error
        return
    option = f" --{parameter.replace('_', '-')}" if parameter else ""
    name = words[0] + option if parameter else f"db {words[0]}"
    assert (answer.status, answer.out, answer.error) == (
        1,
        "",
        one_line(
            f"Alembic {alembic.__version__} has no '{name}': install a newer Alembic to use it"
        ),
    )
    assert not (db.project.folder / "other").exists()


def test_a_failure_of_the_applications_own(db):
    """A @migrate.configure function that raises is no exception to the one line."""
    shop = db.project.folder / "shop.py"
    shop.write_text(
        shop.read_text() + "\n\n@migrate.configure\ndef fail(config):\n    return 1 / 0\n"
    )
    answer = db("upgrade")
    assert answer == (
        1,
        "",
        one_line("ZeroDivisionError: division by zero: --traceback shows where it came from"),
    )
    assert "in fail" in db("upgrade", "--traceback").err


OWN_COMMANDS = """

    @app.cli.command()
    def deploy():
        from migrate_script import upgrade

        upgrade(revision=os.environ["TARGET"])


    @migrate.configure
    def fail(config):
        return 1 / 0 if os.environ["TARGET"] == "fail" else config
"""


def test_a_command_of_the_applications_own(both, monkeypatch):
    """Under `flask deploy`, a failure that nobody catches is one line, or an unknown one."""
    _, flask = both
    write_source(flask.project.folder / "shop.py", textwrap.dedent(APP + OWN_COMMANDS))
    monkeypatch.setenv("TARGET", "nosuch")
    failed = flask.project.flask("shop.py", "deploy")
    assert (failed.status, failed.out) == (1, "")
    assert failed.error == flask("upgrade", "nosuch").error
    monkeypatch.setenv("TARGET", "fail")
    failed = flask.project.flask("shop.py", "deploy")
    assert failed.status == 1
    assert "in fail" in failed.err
    monkeypatch.setenv("TARGET", "head")
    assert flask.project.flask("shop.py", "deploy").status == 0


def test_an_application_without_migrate(db):
    """The missing call is named."""
    db.project.write("shop.py", "from flask import Flask\napp = Flask('shop')\n")
    if db.name == "flask":
        return  # without Migrate there is no `flask db`
    assert db("upgrade") == (
        1,
        "",
        one_line(
            "the application 'shop' has no database to migrate: add 'Migrate(app, db)', "
            "or 'migrate.init_app(app, db)' where the application is made"
        ),
    )
