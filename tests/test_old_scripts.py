"""Scripts of old in a versions folder: the line that says why one cannot be used names it."""

from __future__ import annotations

import inspect
import re

import pytest
from alembic.util import pyfiles
from helpers import tables
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


@pytest.mark.parametrize(
    ("head", "cause"),
    [
        ("upgrade(migrate_engine)", "missing 1 required positional argument: 'migrate_engine'"),
        ("upgrade(engine_name)", "missing 1 required positional argument: 'engine_name'"),
    ],
    ids=["of sqlalchemy-migrate", "of a multidb folder"],
)
def test_an_upgrade_that_wants_arguments(shop, head, cause):
    """The script is named, and not the env.py that ran it."""
    path = broken(shop, f"{TOP}def {head}:\n    pass\n")
    assert error_of(shop, "upgrade") == f"Error: {path}: TypeError: upgrade() {cause}" + (
        AS_BEFORE + CORRECT
    )


@pytest.mark.parametrize("argument", ["", "0", "3", "'enough'"])
@pytest.mark.parametrize("imported", [True, False])
def test_a_script_that_ends_the_process(shop, url, argument, imported):
    """It would end with nothing done, nothing said and perhaps the status of a success."""
    end = f"raise SystemExit({argument})\n"
    path = broken(shop, TOP + (end if imported else f"def upgrade():\n    {end}"))
    said = f": {argument}".strip("'").replace("'", "") if argument else ""
    outcome = "" if imported else AS_BEFORE
    assert error_of(shop, "upgrade") == (
        f"Error: {path}, line {4 if imported else 5}: SystemExit{said}{outcome}{CORRECT}"
    )
    assert "product" not in tables(url)


def test_an_env_py_that_ends_the_process(shop):
    """It has its own reasons and its own words."""
    shop.write("migrations/env.py", "import sys\n\nsys.exit('not on a Friday')\n")
    answer = shop.run("manage.py", "db", "upgrade")
    assert answer.status == 1
    assert answer.error == ""


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
        ("user:secret@host", r"what it takes for a database URL is none"),
        ("db://user:x@host:secret/", r"what it takes for a database URL is none"),
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
    )


REFUSALS = {
    "in upgrade": ("def upgrade():\n    raise CommandError('not on a Friday')\n", 7, AS_BEFORE),
    "imported": ("raise CommandError('not on a Friday')\n", 6, ""),
}


@pytest.mark.parametrize("where", REFUSALS)
def test_a_script_that_refuses_as_alembic_does(shop, where):
    """It is the script that does, so it is named."""
    text, line, outcome = REFUSALS[where]
    path = broken(shop, TOP + "from alembic.util import CommandError\n\n" + text)
    cause = "CommandError: not on a Friday"
    assert error_of(shop, "upgrade") == f"Error: {path}, line {line}: {cause}{outcome}{CORRECT}"


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
