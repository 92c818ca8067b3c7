"""The names of old, under the launcher: one module object each, whatever it is called."""

from __future__ import annotations

import importlib
import importlib.util
import sys

import flask
import pytest
from old_projects import old_names

import migrate_script

QUIET = {"PYTHONWARNINGS": "ignore"}


@pytest.fixture
def launched():
    """The old names, while a test runs."""
    with old_names():
        yield


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("flask.ext.script", "flask_script"),
        ("flask.ext.script.commands", "flask_script.commands"),
        ("flask.ext.script._compat", "flask_script._compat"),
        ("flask.ext.sqlalchemy", "flask_sqlalchemy"),
        ("flask.ext.migrate", "flask_migrate"),
        ("flask.ext.migrate.cli", "flask_migrate.cli"),
        ("flask_script.__init__", "flask_script"),
        ("flask_migrate.__init__", "flask_migrate"),
        ("flask.ext.script.__init__", "flask_script"),
    ],
)
@pytest.mark.parametrize("old_first", [True, False])
def test_two_names_of_one_module(launched, old, new, old_first):
    """It does not matter which is imported first; the module keeps its own name."""
    first, second = [importlib.import_module(n) for n in ((old, new) if old_first else (new, old))]
    assert first is second
    assert sys.modules[old] is sys.modules[new]
    assert first.__name__ == first.__spec__.name == new


def test_every_form_of_the_import_statement(launched):
    """`import a.b.c`, `from a.b import c` and `import a.b as c` find the same."""
    names = {}
    exec(
        "import flask.ext.script\n"
        "import flask.ext.script.commands as commands\n"
        "from flask.ext import script, migrate\n"
        "from flask.ext.script import Manager, Server, commands as again\n"
        "from flask.ext.migrate import Migrate, MigrateCommand\n"
        "from flask_script._compat import text_type\n",
        names,
    )
    import flask_script

    assert names["script"] is names["flask"].ext.script is flask_script
    assert names["commands"] is names["again"] is flask_script.commands
    assert names["Manager"] is flask_script.Manager is migrate_script.Manager
    assert names["Migrate"] is migrate_script.Migrate
    assert names["text_type"] is str


def test_a_package_of_the_user_with_submodules(launched, project, monkeypatch):
    """Any flask_<name> has its flask.ext name, and each file of it is executed once."""
    monkeypatch.syspath_prepend(str(project.folder))
    project.write("flask_tea/__init__.py", "import builtins\n\nbuiltins.brewed.append(__name__)")
    project.write("flask_tea/pot/__init__.py", "import builtins\n\nbuiltins.brewed += [__name__]")
    project.write("flask_tea/pot/lid.py", "import builtins\n\nbuiltins.brewed.append(__name__)")
    monkeypatch.setattr("builtins.brewed", [], raising=False)
    try:
        lid = importlib.import_module("flask.ext.tea.pot.lid")
        assert importlib.import_module("flask_tea.pot.lid") is lid
        assert importlib.import_module("flask.ext.tea").pot.lid is lid
        assert sys.modules["flask.ext.tea.pot"] is sys.modules["flask_tea.pot"]
        assert vars(importlib.import_module("builtins"))["brewed"] == [
            "flask_tea",
            "flask_tea.pot",
            "flask_tea.pot.lid",
        ]
    finally:
        for name in [name for name in sys.modules if name.startswith("flask_tea")]:
            del sys.modules[name]


def test_the_namespace_of_the_oldest_extensions(launched, project, monkeypatch):
    """flask.ext.x is flaskext.x where there is no flask_x."""
    monkeypatch.syspath_prepend(str(project.folder))
    project.write("flaskext/__init__.py", "")
    project.write("flaskext/coffee.py", "strong = True")
    assert importlib.import_module("flask.ext.coffee").strong
    assert importlib.import_module("flask.ext.coffee") is sys.modules["flaskext.coffee"]


@pytest.mark.parametrize(
    "name",
    [
        "flask.ext.nosuch",
        "flask.ext.nosuch.sub",
        "flask.ext.script.nosuch",
        "flask_migrate.nosuch",
        "flask_migrate.cli.nosuch",
    ],
)
def test_what_there_is_not(launched, name):
    """The error is that of any missing module, and names the one that was asked for."""
    with pytest.raises(ImportError) as raised:
        importlib.import_module(name)
    missing = "flask.ext.nosuch" if name.startswith("flask.ext.nosuch") else name
    assert missing in str(raised.value)
    # the finder of Flask before 1.0 raises less, where Python still asks it
    if importlib.util.find_spec("flask.exthook") is None:
        assert isinstance(raised.value, ModuleNotFoundError)
        assert raised.value.name == missing


def test_an_extension_that_cannot_be_imported(launched, project, monkeypatch):
    """The module that is missing is named, not the one that misses it."""
    monkeypatch.syspath_prepend(str(project.folder))
    project.write("flask_milk.py", "import cow_that_is_not_there")
    with pytest.raises(ModuleNotFoundError, match="cow_that_is_not_there"):
        importlib.import_module("flask.ext.milk")


def test_what_flask_migrate_offers(launched):
    """Everything that public code imports from releases 1 and 2."""
    import flask_migrate
    from alembic import command
    from alembic.config import Config

    for name in set(migrate_script.__all__) - {"MigrateCommand"}:
        assert getattr(flask_migrate, name) is getattr(migrate_script, name)
    assert flask_migrate.command is command
    assert flask_migrate.AlembicConfig is Config
    assert issubclass(flask_migrate.Config, Config)
    assert issubclass(flask_migrate.CommandError, Exception)
    assert flask_migrate.alembic_version == flask_migrate.__alembic_version__ >= (0, 8)
    assert flask_migrate.catch_errors(len) is len
    with pytest.raises(ImportError, match="nosuch"):
        exec("from flask_migrate import nosuch")
    names = {}
    exec("from flask_migrate import *", names)
    assert {"Config", "Manager", "MigrateCommand", "command", "current_app", "os"} <= set(names)


def test_the_warning_about_the_old_names(launched):
    """Scripts import it to silence it, whether this Flask has it or not."""
    names = {}
    exec("import warnings\nfrom flask.exthook import ExtDeprecationWarning\n", names)
    assert issubclass(names["ExtDeprecationWarning"], DeprecationWarning)


def test_the_templates_of_flask_migrate(launched):
    """`flask_migrate.__file__` stands beside a folder of templates, as it did."""
    import flask_migrate

    template = flask_migrate.Config().get_template_directory()
    assert template == flask_migrate.__file__.replace("__init__.py", "templates")


def test_the_click_group_of_flask_migrate(launched, project):
    """`flask_migrate.cli.db` has its commands from the start, and takes more."""
    from flask_migrate import cli

    assert {"init", "migrate", "upgrade", "stamp"} <= set(cli.db.commands)
    assert cli.upgrade is cli.db.commands["upgrade"]

    @cli.db.command("seed")
    def seed():
        """Fill the database."""

    assert list(cli.db.list_commands(None))[-1] == "seed"


def test_migrate_command_is_an_instance(launched):
    """What a script does to it is not done to the class of this package."""
    from flask_migrate import Manager, MigrateCommand

    assert isinstance(MigrateCommand, Manager)
    assert isinstance(MigrateCommand, migrate_script.MigrateCommand)
    assert MigrateCommand.usage is None
    assert "migrations" in MigrateCommand.help
    del MigrateCommand._commands["downgrade"]
    MigrateCommand._commands["upgrade"].run = None
    MigrateCommand.add_option("--extra", dest="extra")

    @MigrateCommand.command
    def seed():
        """Fill the database."""

    assert "downgrade" in migrate_script.MigrateCommand._commands
    assert callable(migrate_script.MigrateCommand._commands["upgrade"].run)
    assert "seed" not in migrate_script.MigrateCommand._commands
    assert not migrate_script.MigrateCommand._options


def test_the_config_as_it_was_made_before(launched, project, new_database):
    """`_get_config(None)` is the Config of the application's folder."""
    from flask_migrate import Migrate, _get_config
    from flask_sqlalchemy import SQLAlchemy

    app = flask.Flask("app", root_path=str(project.folder))
    app.config["SQLALCHEMY_DATABASE_URI"] = new_database("sqlite")
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    Migrate(app, SQLAlchemy(app), directory="elsewhere")
    with app.app_context():
        assert _get_config(None).get_main_option("script_location") == "elsewhere"
        assert _get_config("there", "a=1").cmd_opts.x == ["a=1"]


def test_alembic_is_not_imported_for_the_names(project):
    """A command that is not about migrations starts without Alembic."""
    project.write(
        "manage.py",
        """
        import sys

        from flask_migrate import Migrate, MigrateCommand, upgrade
        from flask_migrate.cli import db

        print([name for name in sys.modules if name.split(".")[0] in ("alembic", "mako")])
        """,
    )
    assert project.process("-m", "migrate_script", "manage.py", env=QUIET).out == "[]\n"


def test_a_process_without_the_launcher(project):
    """Importing the package puts nothing under the old names."""
    project.write(
        "manage.py",
        """
        import sys

        finders = list(sys.meta_path)
        import migrate_script
        import migrate_script.compat.launcher.aliases

        assert sys.meta_path == finders
        assert "flask_migrate" not in sys.modules
        assert "flask.ext" not in sys.modules
        try:
            import flask_migrate
        except ImportError:
            pass
        else:
            assert "migrate_script" not in flask_migrate.__file__
        try:
            import flask.ext.migrate.cli
        except ImportError:
            pass
        else:
            assert "migrate_script" not in flask.ext.migrate.__file__
        print("done")
        """,
    )
    assert project.process("manage.py", env=QUIET).out == "done\n"


def test_an_installed_flask_migrate(project):
    """It is not imported and not touched; what looks for installed packages finds it."""
    site = project.folder / "site"
    project.write("site/flask_migrate/__init__.py", "raise ImportError('this one is real')")
    project.write("site/flask_migrate/other.py", "real = True")
    project.write(
        "site/Flask_Migrate-99.0.dist-info/METADATA",
        """
        Metadata-Version: 2.1
        Name: Flask-Migrate
        Version: 99.0
        """,
    )
    project.write("site/flask_third.py", "import flask_migrate\n\ncommand = flask_migrate.upgrade")
    project.write(
        "manage.py",
        """
        import sys

        import flask_third
        import flask_migrate
        import migrate_script

        assert flask_third.command is flask_migrate.upgrade is migrate_script.upgrade
        try:
            import flask_migrate.other
        except ImportError:
            pass
        else:
            raise AssertionError("a part of the other package")
        try:
            from importlib.metadata import version
        except ImportError:
            print("99.0")
        else:
            print(version("Flask-Migrate"))
        """,
    )
    before = sorted((path, path.stat().st_mtime) for path in site.glob("*/*"))
    done = project.process(
        "-m",
        "migrate_script",
        "manage.py",
        env={**QUIET, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done == (0, "99.0\n", "")
    assert sorted((path, path.stat().st_mtime) for path in site.glob("*/*")) == before
