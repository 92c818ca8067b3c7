"""Scripts of old in a versions folder: the line that says why one cannot be used names it."""

from __future__ import annotations

import inspect
import re

import alembic.op
import pytest
from alembic.util import pyfiles
from databases import tables
from shop_project import write_shop

TOP = 'revision = "dddd"\ndown_revision = "cccc"\nimport sqlalchemy as sa\n'
AS_BEFORE = "; the database is at no revision, as before"
CORRECT = ": correct the file and run the command again"


@pytest.fixture
def shop(project, url):
    """The project of three revisions."""
    return write_shop(project)


def broken(shop, text, folder="migrations/versions"):
    """Put a fourth revision beside the three; give its path as errors show it."""
    return str(shop.write(f"{folder}/dddd_broken.py", text))


def error_of(shop, *arguments):
    """Run a command that fails, and give its only line on stderr."""
    answer = shop.run("manage.py", "db", *arguments)
    assert (answer.status, answer.out) == (1, "")
    (line,) = answer.error.splitlines()
    return line


def test_an_upgrade_that_wants_arguments(shop):
    """The script, which is one of sqlalchemy-migrate, is named, and not the env.py that ran it."""
    path = broken(shop, f"{TOP}def upgrade(migrate_engine):\n    pass\n")
    cause = "missing 1 required positional argument: 'migrate_engine'"
    assert error_of(shop, "upgrade") == f"Error: {path}: TypeError: upgrade() {cause}" + (
        AS_BEFORE + CORRECT
    )


TAKE_OUT = ": take that out of the file, or let it say what to do, as in sys.exit('...')"
ENDS = {
    "raise SystemExit": f"it ended the command by sys.exit(){TAKE_OUT}",
    "raise SystemExit(0)": f"it ended the command by sys.exit(0){TAKE_OUT}",
    "raise SystemExit(3)": f"it ended the command by sys.exit(3){TAKE_OUT}",
    "raise SystemExit('run flask fix first')": "run flask fix first",
    "click.Context(click.Command(None)).exit(2)": f"it ended the command by sys.exit(2){TAKE_OUT}",
    "raise click.Abort": f"it ended the command by click.Abort{TAKE_OUT}",
    "raise click.ClickException('run flask fix first')": "run flask fix first",
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("imported", [True, False])
def test_a_script_that_ends_the_command(shop, url, end, imported):
    """It has words of its own, and no mistake to correct; where the database is comes after."""
    text = TOP + "import click\n"
    text += f"{end}\n" if imported else f"def upgrade():\n    {end}\n"
    path = broken(shop, text)
    assert error_of(shop, "upgrade") == (
        f"Error: {path}, line {5 if imported else 6}: {ENDS[end]}{AS_BEFORE}"
    )
    assert "product" not in tables(url)


def test_an_env_py_that_ends_the_process(shop):
    """It has its own reasons and its own words."""
    shop.write("migrations/env.py", "import sys\n\nsys.exit('not on a Friday')\n")
    answer = shop.run("manage.py", "db", "upgrade")
    assert answer.status == 1
    assert answer.error == ""
    raising = "import click\n\nraise click.ClickException('not on a Friday')\n"
    shop.write("migrations/env.py", raising)
    assert re.fullmatch(
        r"Error: (.*/)?migrations/env.py, line 3: not on a Friday", error_of(shop, "upgrade")
    )


def test_an_env_py_with_a_null_byte(shop):
    """Python does not say which file has it."""
    env = shop.folder / "migrations/env.py"
    env.write_bytes(env.read_bytes() + b"\0")
    error = error_of(shop, "upgrade")
    assert re.fullmatch(
        r"Error: (.*/)?migrations/env.py: \w+Error: source code .* null bytes" + CORRECT, error
    )


def test_a_generator_of_a_script_that_ends_early(shop):
    """Alembic of old has an error of the same kind, when there is no revision that far."""
    path = broken(
        shop,
        TOP + "def rows():\n    yield next(iter([]))\n\ndef upgrade():\n    list(rows())\n",
    )
    assert error_of(shop, "upgrade") == (
        f"Error: {path}, line 8: RuntimeError: generator raised StopIteration{AS_BEFORE}{CORRECT}"
    )


@pytest.mark.parametrize(
    ("address", "cause"),
    [
        ("nosuch://host/db", r"NoSuchModuleError: Can't load plugin: sqlalchemy.dialects:nosuch"),
        ("oracle://host/db", r"ModuleNotFoundError: No module named '(cx_Oracle|oracledb)'"),
        ("user:secret@host", r"its database URL cannot be parsed"),
        ("db://user:x@host:secret/", r"its database URL cannot be parsed"),
    ],
)
def test_a_script_with_a_database_of_its_own(shop, address, cause):
    """SQLALCHEMY_DATABASE_URI has nothing to do with it; a password is not shown."""
    path = broken(shop, f"{TOP}def upgrade():\n    sa.create_engine('{address}')\n")
    line = error_of(shop, "upgrade")
    assert re.fullmatch(f"Error: {re.escape(path)}, line 5: {cause}{AS_BEFORE}{CORRECT}", line)


@pytest.mark.parametrize("place", ["plugins/versions", "pkg/migrations/versions"])
def test_a_script_outside_the_folder(shop, place):
    """version_locations names folders anywhere, and script_location one of a package."""
    option = "version_locations" if "plugins" in place else "script_location"
    value = "migrations/versions plugins/versions" if "plugins" in place else "pkg:migrations"
    if "pkg" in place:
        if "pkg_resources" in inspect.getsource(pyfiles):  # Alembic before 1.14 finds it with that
            pytest.importorskip("pkg_resources")
        shop.write("pkg/__init__.py", "")
        (shop.folder / "migrations").rename(shop.folder / "pkg/migrations")
    ini = next(shop.folder.rglob("alembic.ini"))
    ini.write_text(ini.read_text().replace("path_separator", "# path_separator"))
    app = (shop.folder / "shop.py").read_text()
    shop.write(
        "shop.py",
        f"{app}\n@migrate.configure\ndef places(config):\n"
        f"    config.set_main_option({option!r}, {value!r})\n    return config\n",
    )
    broken(shop, TOP + "def upgrade():\n    import of_2014\n", place)
    folder = place.replace("plugins", "migrations").rpartition("/")[0]
    line = error_of(shop, "upgrade", "-d", folder)
    assert re.fullmatch(
        rf"Error: (.*/)?{place}/dddd_broken.py, line 5: ModuleNotFoundError: No module named "
        rf"'of_2014'{AS_BEFORE}{CORRECT}",
        line,
    )


def test_a_column_renamed_as_alembic_before_1_5_had_it(shop, url):
    """It goes on to work there; elsewhere the operation is named, and nothing of this package."""
    rename = 'op.alter_column("product", "price", name="cost")'
    path = broken(shop, f"{TOP}from alembic import op\ndef upgrade():\n    {rename}\n")
    answer = shop.run("manage.py", "db", "upgrade")
    if answer.status == 0:
        assert "cost" in tables(url)["product"]
    else:
        assert re.fullmatch(
            rf"Error: {re.escape(path)}, line 6: TypeError: [\w.]*alter_column\(\) got multiple "
            rf"values for keyword argument 'name'{AS_BEFORE}{CORRECT}\n",
            answer.error,
        )


def test_a_script_that_asks_the_database_while_it_is_imported(shop):
    """No revision runs yet that could be named."""
    path = broken(
        shop,
        TOP + "from shop import db\n\n"
        "with db.engine.connect() as connection:\n"
        '    connection.execute(sa.text("SELECT name FROM nosuch"))\n',
    )
    assert error_of(shop, "upgrade") == (
        f"Error: {path}, line 7: no such table: nosuch [statement: SELECT name FROM nosuch]"
        f"{AS_BEFORE}: remove the cause and run 'db upgrade' again"
    )


REFUSALS = {
    "in upgrade": ("def upgrade():\n    raise CommandError('not on a Friday')\n", 7),
    "imported": ("raise CommandError('not on a Friday')\n", 6),
}


@pytest.mark.parametrize("where", REFUSALS)
def test_a_script_that_refuses_as_alembic_does(shop, where):
    """It is the script that does, so it is named."""
    text, line = REFUSALS[where]
    path = broken(shop, TOP + "from alembic.util import CommandError\n\n" + text)
    said = f"Error: {path}, line {line}: not on a Friday{AS_BEFORE}"
    assert error_of(shop, "upgrade") == said


NAMES = "a text, several of them in brackets, or None"
OTHER_KINDS = {
    "revision = ['dddd']": ("'revision' is ['dddd'], not a text", ""),
    "down_revision = 7": (f"'down_revision' is 7, not {NAMES}", ""),
    "depends_on = [5]": (f"'depends_on' is [5], not {NAMES}", ""),
    "upgrade = None": ("'upgrade' is None, not a function", AS_BEFORE),
}


@pytest.mark.parametrize("line", OTHER_KINDS)
def test_a_script_whose_names_are_something_else(shop, line):
    """The script is named, and not the env.py that loads it."""
    path = broken(shop, f"{TOP}\n\ndef upgrade():\n    pass\n\n\n{line}\n")
    cause, outcome = OTHER_KINDS[line]
    assert error_of(shop, "upgrade") == f"Error: {path}: {cause}{outcome}{CORRECT}"


MODEL = """
from shop import db


class Old(db.Model):
    __tablename__ = "old_table"
    id = db.Column(db.Integer, primary_key=True)


def upgrade():
    pass
"""


def test_a_script_with_a_model_of_its_own(shop, url):
    """It can be executed once in a process, and a command does so once."""
    broken(shop, TOP + MODEL)
    for words in (["stamp", "cccc"], ["current", "--check-heads"], ["upgrade", "head"]):
        done = shop.forked("manage.py", "db", *words)
        assert "already defined" not in done.err, words
        assert done.status == ("--check-heads" in words), done.err
    shop.write(
        "migrations/versions/eeee.py", "revision = 'eeee'\ndown_revision = 'cccc'\nupgrade = id\n"
    )
    heads = shop.forked("manage.py", "db", "upgrade")
    assert heads.error.startswith("Error: there are several heads (")
    assert shop.forked("manage.py", "db", "merge", "-m", "join").status == 0


@pytest.mark.parametrize("other", ["None", "'irreversible'"])
def test_a_script_without_the_other_direction(shop, other):
    """What goes wrong on the way up has nothing to do with it."""
    path = broken(shop, f"{TOP}downgrade = {other}\ndef upgrade():\n    {{}}['FOO']\n")
    assert error_of(shop, "upgrade") == (
        f"Error: {path}, line 6: KeyError: 'FOO'{AS_BEFORE}{CORRECT}"
    )


@pytest.mark.parametrize("line", ["{}['FOO']", "raise KeyError", "None.revision"])
def test_a_folder_that_is_called_alembic(shop, line):
    """Its files are the user's, and not those of the library."""
    (shop.folder / "migrations").rename(shop.folder / "alembic")
    path = broken(shop, f"{TOP}{line}\n", "alembic/versions")
    answer = shop.run("manage.py", "db", "upgrade", "-d", "alembic")
    assert answer.error.startswith(f"Error: {path}, line 4: ")
    assert answer.error.count("\n") == 1


def test_an_env_py_that_looks_through_the_scripts(shop):
    """Its own mistake is not that of the script that a variable happens to hold."""
    shop.write(
        "migrations/env.py",
        """
        from alembic import context
        from alembic.script import ScriptDirectory

        for revision in ScriptDirectory.from_config(context.config).walk_revisions():
            pass
        revision.nothing_of_the_kind()
        """,
    )
    assert "migrations/env.py, line 6: AttributeError: " in error_of(shop, "upgrade")


@pytest.mark.parametrize(
    "line",
    [
        "op.get_context().script.get_revision('zzz')",
        "raise CommandError('Target database is not up to date: run the seed first')",
    ],
)
def test_what_alembic_refuses_to_a_script(shop, line):
    """The script that asked is named, and says what it wants to."""
    head = "from alembic import op\nfrom alembic.util import CommandError\n"
    path = broken(shop, f"{TOP}{head}def upgrade():\n    {line}\n")
    error = error_of(shop, "upgrade")
    place = "" if "script" in line and not hasattr(alembic.op, "get_context") else ", line 7"
    assert error.startswith(f"Error: {path}{place}: "), error
    assert error.endswith(AS_BEFORE if "raise" in line else CORRECT)


def test_an_identifier_that_alembic_does_not_allow(shop):
    """One that does names its file; one that takes it runs."""
    path = broken(shop, "revision = 'dd-dd'\ndown_revision = 'cccc'\ndef upgrade():\n    pass\n")
    answer = shop.run("manage.py", "db", "upgrade")
    if answer.status:
        assert answer.error.startswith(f"Error: {path}: ")
        assert answer.error.endswith(f"{CORRECT}\n")


def test_a_label_of_two_branches(shop):
    """The line says what to change, and not to ask a command that fails in the same way."""
    for name in ("dddd", "eeee"):
        shop.write(
            f"migrations/versions/{name}.py",
            f"revision = '{name}'\ndown_revision = 'cccc'\nbranch_labels = ('x',)\nupgrade = id\n",
        )
    error = error_of(shop, "upgrade", "heads")
    assert "dddd" in error
    assert "eeee" in error
    assert error.endswith(": take it out of the 'branch_labels' of one")


def test_a_percent_sign_in_alembic_ini(shop):
    """The option is named; its value, which has a password in it, is not shown."""
    ini = shop.folder / "migrations/alembic.ini"
    text = "[alembic]\nsqlalchemy.url = postgresql://ann:se%40cret@host/db\n"
    ini.write_text(text, encoding="utf-8")
    shop.write(
        "migrations/env.py",
        "from alembic import context\n\ncontext.config.get_main_option('sqlalchemy.url')\n",
    )
    error = error_of(shop, "upgrade")
    assert error == (
        "Error: 'migrations/alembic.ini', option 'sqlalchemy.url' of [alembic]: the value cannot "
        "be read: write '%%' for each '%' in it, except in '%(here)s'"
    )


def test_a_server_that_is_gone_is_at_no_revision_that_is_known(shop):
    """Nothing is said of where the database is, when nobody can tell."""
    broken(
        shop,
        TOP
        + "from alembic import op\n\n\ndef gone(*_):\n    raise OSError('no route')\n\n\n"
        + "def upgrade():\n    op.get_bind().engine.pool._creator = gone\n"
        + "    op.get_bind().engine.pool._invoke_creator = gone\n    raise ValueError('x')\n",
    )
    assert "ValueError: x" in error_of(shop, "upgrade")
    assert "at no revision" not in error_of(shop, "upgrade")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE USER x PASSWORD 'top;secret'",
        "ALTER ROLE x WITH LOGIN PASSWORD = 'it''s secret'",
        "CREATE USER x IDENTIFIED WITH plugin BY 'secret'",
    ],
)
def test_a_password_in_a_statement_is_not_shown(shop, statement):
    """Neither in the line, nor in the traceback."""
    broken(shop, f'{TOP}from alembic import op\ndef upgrade():\n    op.execute("{statement}")\n')
    for words in (["upgrade"], ["upgrade", "--traceback"]):
        answer = shop.run("manage.py", "db", *words)
        assert answer.status == 1
        assert "secret" not in answer.err
        assert "'***'" in answer.error.splitlines()[-1]
