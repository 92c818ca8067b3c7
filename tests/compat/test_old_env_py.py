"""An env.py written years ago gets what it asks for, in the way it asks."""

from __future__ import annotations

import re
import textwrap
import warnings

import pytest
from alembic.config import Config
from databases import rows, tables
from flask_sqlalchemy import SQLAlchemy

OF_TODAY = hasattr(SQLAlchemy, "engines")  # Flask-SQLAlchemy 3
only_today = pytest.mark.skipif(not OF_TODAY, reason="Flask-SQLAlchemy 2 has one metadata for all")

SHOP = """
    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    from migrate_script import Manager, Migrate, MigrateCommand
    import sqlalchemy as sa

    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = {url!r}
    app.config["SQLALCHEMY_BINDS"] = {binds}
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    db = SQLAlchemy(app)


    class Item(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(20))


    def rename(context, revision, directives):
        directives[0].message = "reviewed"


    migrate = Migrate(app, db{options})
    manager = Manager(app)
    manager.add_command("db", MigrateCommand)
"""
VISIT = """

    class Visit(db.Model):
        __bind_key__ = "log"
        id = db.Column(db.Integer, primary_key=True)
"""
ITEMS = """

    class LogItem(db.Model):
        __bind_key__ = "log"
        __tablename__ = "item"
        id = db.Column(db.Integer, primary_key=True)


    class OldItem(db.Model):
        __bind_key__ = "old"
        __tablename__ = "item"
        id = db.Column(db.Integer, primary_key=True)
"""
MANAGE = """
    from shop import manager

    manager.run()
"""

# env.py as it was before Flask-Migrate 2.7: with an engine of its own, from a URL that it gets
# from the application in one way or another
ENV = """
    from alembic import context
    from flask import current_app
    from sqlalchemy import engine_from_config, pool

    config = context.config
    migrate = current_app.extensions["migrate"]
    config.set_main_option("sqlalchemy.url", {url})
    section = config.get_section(config.config_ini_section)
    engine = engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool)
    connection = engine.connect()
    context.configure(connection=connection, target_metadata=migrate.db.metadata{options})
    with context.begin_transaction():
        context.run_migrations()
    connection.close()
"""
CONFIGURED = 'current_app.config["SQLALCHEMY_DATABASE_URI"]'
AS_TEXT = "str(migrate.db.engine.url)"
WAYS = [CONFIGURED, AS_TEXT] + [f"{way}.replace('%', '%%')" for way in (CONFIGURED, AS_TEXT)]
HERE = "sqlite:///{folder}/shop.db"
READING = """
    from alembic import context
    from flask import current_app
    from sqlalchemy.engine.url import make_url

    config = context.config
    migrate = current_app.extensions["migrate"]
    {lines}
"""


@pytest.fixture
def shop(project):
    """Write a project with an env.py of its own: `shop(ENV, url=...)`."""

    def write(env=None, url="sqlite:///shop.db", binds="{}", options="", more="", multidb=False):
        url = url.format(folder=project.folder)
        text = SHOP.format(url=url, binds=binds, options=options)
        before, rename, after = text.partition("\n\n    def rename")
        project.write("shop/__init__.py", before + more + rename + after)
        project.write("manage.py", MANAGE)
        db(project, "init", *multidb * ["--multidb"])
        if env is not None:
            project.write("migrations/env.py", env)
        return project

    return write


def db(project, *arguments):
    """Run a command that must succeed."""
    result = project.run("manage.py", "db", *arguments, "--traceback")
    assert result.status == 0, result.err
    return result


def ask(project, *expressions, first="pass"):
    """Evaluate expressions where the application's context is, and give what they print."""
    lines = ["from shop import *", "state = app.extensions['migrate']", "with app.app_context():"]
    lines += [f"    {first}", *(f"    print({expression})" for expression in expressions)]
    project.write("ask.py", "\n".join(lines))
    return project.run("ask.py").out.splitlines()


def seen(project, *lines):
    """Return what an env.py of these lines prints."""
    project.write("migrations/env.py", READING.format(lines="\n    ".join(lines)))
    return db(project, "current").out.splitlines()


def execute(project, statement):
    """Run a statement on the project's database."""
    rows(HERE.format(folder=project.folder), statement)


def script(project):
    """The text of the only script."""
    (name,) = project.versions
    return (project.folder / "migrations/versions" / name).read_text()


@pytest.mark.parametrize("way", WAYS)
def test_a_relative_path_is_that_of_the_applications_file(shop, way):
    """Flask-SQLAlchemy starts from a folder of the application, an engine from the current one."""
    project = shop(ENV.format(url=way, options=""))
    db(project, "migrate")
    db(project, "upgrade")
    home = project.folder / ("instance" if OF_TODAY else "shop")
    assert list(project.folder.rglob("*.db")) == [home / "shop.db"]
    assert "item" in tables(f"sqlite:///{home}/shop.db")


@pytest.mark.parametrize("way", WAYS)
def test_a_percent_sign_passes_through_the_ini_file(shop, way):
    """It needs no escape in an env.py that has none, and does no harm in one that has."""
    project = shop(ENV.format(url=way, options=""), url="sqlite:///{folder}/100% off.db")
    db(project, "migrate")
    db(project, "upgrade")
    assert [path.name for path in project.folder.rglob("*.db")] == ["100% off.db"]
    assert "item" in tables(f"sqlite:///{project.folder}/100% off.db")


@pytest.mark.parametrize("way", WAYS)
def test_a_password_is_what_it_was(shop, way):
    """Neither `***` nor another password comes out of the ini file."""
    pytest.importorskip("pymysql")
    project = shop(url="mysql+pymysql://ann:100%25%3A%40home%2Fb%2541@server/shop")
    printed = seen(
        project,
        f"config.set_main_option('sqlalchemy.url', {way})",
        "print(make_url(config.get_main_option('sqlalchemy.url')).password)",
    )
    assert printed == ["100%:@home/b%41"]


def test_a_url_of_env_pys_own_stays_its_own(shop):
    """Only what stands for the application's database is replaced."""
    project = shop(ENV.format(url="'sqlite:///elsewhere.db'", options=""))
    db(project, "revision")
    db(project, "upgrade")
    assert [path.name for path in project.folder.rglob("*.db")] == ["elsewhere.db"]


@pytest.mark.parametrize("where", ["if True", "with Flask('other').app_context()"])
def test_a_config_for_a_database_that_is_not_the_applications(shop, where):
    """Whoever makes a Config may point it elsewhere, with any application at hand or none."""
    project = shop()
    project.write(
        "story.py",
        f"""
        from flask import Flask
        from shop import migrate

        config = migrate.get_config("migrations")
        {where}:
            config.set_main_option("sqlalchemy.url", "sqlite:///%.db")
        print(config.get_main_option("sqlalchemy.url"))
        """,
    )
    done = project.run("story.py")
    assert (done.status, done.out) == (0, "sqlite:///%.db\n"), done.err


BINDS = {
    "text": "{'log': 'sqlite:///log.db'}",
    "options": "{'log': {'url': 'sqlite:///log.db', 'echo': False}}",
    "URL": "{'log': sa.engine.url.make_url('sqlite:///log.db')}",
}


@pytest.mark.parametrize("form", ["text"] + OF_TODAY * ["options", "URL"])
def test_a_bind_is_configured_in_any_form(shop, form):
    """A section of the ini file takes text only, and Flask-SQLAlchemy 3 takes more."""
    project = shop(binds=BINDS[form], more=VISIT)
    printed = seen(
        project,
        "for name, value in current_app.config['SQLALCHEMY_BINDS'].items():",
        "    config.set_section_option(name, 'sqlalchemy.url', value)",
        "    print(config.get_section(name)['sqlalchemy.url'])",
        "    print(config.get_section_option(name, 'sqlalchemy.url'))",
    )
    home = project.folder / ("instance" if OF_TODAY else "shop")
    assert printed == [f"sqlite:///{home}/log.db"] * 2


def test_a_template_may_lie_beside_the_project(shop):
    """What `init` copies is one's own folder, wherever that is."""
    project = shop()
    (project.folder / "migrations/alembic.ini").unlink()
    (project.folder / "migrations").rename(project.folder.parent / "own")
    project.write("../own/script.py.mako", "# own")
    project.write("../own/alembic.ini.mako", "# own\n[alembic]")
    db(project, "init", "-t", "../own")
    assert (project.folder / "migrations/script.py.mako").read_text() == "# own"
    assert (project.folder / "migrations/alembic.ini").read_text() == "# own\n[alembic]"


CALLS = {
    None: ["engine", "get_engine()", "get_engine(app)", "get_engine(current_app)"]
    + ["get_engine(app=app)", "get_engine(bind=None)", "get_engine(bind_key=None)"],
    "log": ["get_engine('log')", "get_engine(app, 'log')", "get_engine(current_app, 'log')"]
    + ["get_engine(bind='log')", "get_engine(bind_key='log')", "get_engine(app=app, bind='log')"],
}


@pytest.mark.parametrize("key", CALLS)
def test_an_engine_is_asked_for_in_every_way_there_was(shop, key):
    """The arguments of `get_engine` changed four times; none of them warns."""
    project = shop(binds=BINDS["text"], more=VISIT)
    first = "import warnings; warnings.simplefilter('error'); from flask import current_app"
    names = ask(project, *(f"state.db.{call}.url.database" for call in CALLS[key]), first=first)
    assert [name[-7:] for name in names] == ["/log.db" if key else "shop.db"] * len(CALLS[key])


def test_the_database_object_is_still_the_applications(shop):
    """Code that takes it from the extension finds its session, its models and its class."""
    project = shop()
    first = "db.create_all(); state.db.session.add(Item(name='pen')); state.db.session.commit()"
    assert ask(
        project,
        "isinstance(state.db, SQLAlchemy)",
        "state.db.session.query(Item).one().name",
        "state.db.metadata is db.metadata is state.metadata",
        "state.db.get_app() is app",
        first=first,
    ) == ["True", "pen", "True", "True"]


BESIDE = """,
        compare_type={0},
        process_revision_directives=lambda context, revision, directives: None,
        **migrate.configure_args"""


@pytest.mark.parametrize(("own", "settings"), [("True", "False"), ("lambda *_: False", "True")])
def test_settings_of_both_sides_meet(shop, own, settings):
    """An env.py that passes settings beside the application's gets none twice; its own count."""
    env = ENV.format(url=CONFIGURED, options=BESIDE.format(own))
    options = f", compare_type={settings}, process_revision_directives=rename"
    project = shop(env, url=HERE, options=options + ", version_table='shop_version'")
    execute(project, "CREATE TABLE item (id INTEGER NOT NULL PRIMARY KEY, name INTEGER, x TEXT)")
    db(project, "migrate", "-m", "as typed")
    assert script(project).startswith('"""reviewed')
    assert ("alter_column" in script(project)) is (own == "True")
    db(project, "upgrade")
    assert "shop_version" in tables(HERE.format(folder=project.folder))


def test_tables_kept_out_of_sight_are_not_dropped(shop):
    """`include_symbol` is obeyed, also by an Alembic that no longer knows it."""
    options = ", include_symbol=lambda name, schema: name != 'legacy'"
    project = shop(ENV.format(url=CONFIGURED, options=options), url=HERE)
    execute(project, "CREATE TABLE legacy (id INTEGER)")
    execute(project, "CREATE TABLE forgotten (id INTEGER)")
    db(project, "migrate")
    assert "forgotten" in script(project)
    assert "legacy" not in script(project)


OLD_INI = """
    [alembic]
    version_locations = %(here)s/versions %(here)s/more
    prepend_sys_path = shared one
"""


@pytest.mark.parametrize("logging", [False, True])
def test_an_old_alembic_ini_is_taken_as_it_is(shop, logging):
    """It names no path separator and no logger of today, and nothing complains."""
    project = shop()
    project.write("migrations/more/README", "more revisions")
    project.write("shared/colours.py", "")
    ini = (project.folder / "migrations/alembic.ini").read_text()
    sections = ini[ini.index("[loggers]") :] if logging else ""
    project.write("migrations/alembic.ini", textwrap.dedent(OLD_INI) + sections)
    if hasattr(Config, "get_prepend_sys_paths_list"):
        env = (project.folder / "migrations/env.py").read_text()
        project.write("migrations/env.py", "import colours\n" + env)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "No path_separator")
        db(project, "revision", "-m", "first", "--version-path", "migrations/more")
        upgraded = db(project, "upgrade")
    assert len(list((project.folder / "migrations/more").glob("*_first.py"))) == 1
    assert "Running upgrade" in upgraded.err


def test_an_alembic_ini_without_the_logger_of_plugins(shop):
    """Autogenerate does not list each of its plugins."""
    project = shop()
    path = project.folder / "migrations/alembic.ini"
    before, _, rest = path.read_text().replace("alembic,plugins", "alembic").partition("[logger_p")
    path.write_text(before + rest.partition("\n\n")[2])
    assert "plugin" not in path.read_text()
    written = db(project, "migrate")
    assert "alembic.runtime.migration" in written.err
    assert "plugin" not in written.err


def tables_by_bind(project):
    """The tables that an env.py of Flask-Migrate before 4.0 finds for each bind."""
    first = "found = state.db.metadata.tables.values()"
    return ask(
        project, "sorted((t.name, t.info.get('bind_key') or '') for t in found)", first=first
    )


def test_the_tables_of_all_binds_are_found_by_their_bind_key(shop):
    """The metadata of the application is not changed for it."""
    project = shop(binds=BINDS["text"], more=VISIT)
    assert tables_by_bind(project) == ["[('item', ''), ('visit', 'log')]"]
    if OF_TODAY:
        assert ask(
            project, "list(db.metadata.tables)", "db.metadatas['log'].tables['visit'].info"
        ) == [
            "['item']",
            "{}",
        ]


@only_today
def test_two_binds_have_tables_of_one_name(shop):
    """Each bind gets its own."""
    binds = "{'log': 'sqlite:///log.db', 'old': 'sqlite:///old.db'}"
    project = shop(binds=binds, more=ITEMS)
    assert tables_by_bind(project) == ["[('item', ''), ('item', 'log'), ('item', 'old')]"]


@only_today
def test_an_env_py_for_one_database_sees_its_tables_only(shop):
    """Those of another bind are neither created nor dropped in it."""
    project = shop(
        ENV.format(url=CONFIGURED, options=""), url=HERE, binds=BINDS["text"], more=VISIT
    )
    db(project, "migrate")
    assert "'item'" in script(project)
    assert "visit" not in script(project)


@only_today
def test_the_metadata_with_all_binds_is_else_the_default_one(shop):
    """What an env.py does with it beyond looking for binds concerns the default database."""
    project = shop(binds=BINDS["text"], more=VISIT)
    assert ask(
        project,
        "isinstance(m, sa.MetaData)",
        "list(m.tables), len(m.tables), 'visit' in m.tables, 'visit' in m, 'item' in m",
        "[t.name for t in m.sorted_tables]",
        "m.create_all(db.engines['log']) or sa.inspect(db.engines['log']).get_table_names()",
        first="m = state.db.metadata",
    ) == ["True", "['item'] 1 False False True", "['item']", "['item']"]


OWN_SQL = """context.configure(url=current_app.config["SQLALCHEMY_DATABASE_URI"])
    with context.begin_transaction():
        context.run_migrations()"""
PERCENT = """
    import sqlalchemy as sa
    from alembic import op

    revision = "a1"
    down_revision = None


    def upgrade():
        op.create_table("offer", sa.Column("rate", sa.String(9), server_default="5%"))
        op.execute("UPDATE offer SET rate = '7%%' WHERE rate LIKE '6%'")
"""


@pytest.mark.parametrize("env", [READING.format(lines=OWN_SQL), None], ids=["old", "ours"])
def test_sql_has_percent_signs_as_they_are(shop, env):
    """A driver that needs them doubled is not there when the file is read."""
    pytest.importorskip("pymysql")
    project = shop(env, url="mysql+pymysql://ann@server/shop")
    project.write("migrations/versions/a1.py", PERCENT)
    sql = db(project, "upgrade", "--sql").out
    assert "DEFAULT '5%'" in sql
    assert "SET rate = '7%%' WHERE rate LIKE '6%';" in sql


def parts(sql):
    """Split what --sql printed into the statements for each database, by the headings."""
    sections = re.findall(r"^-- database: (\w+)\n(.*?)(?=^-- database: |\Z)", sql, re.S | re.M)
    return {
        name: [
            statement
            for statement in re.split(r";\s*", re.sub(r"^--.*\n", "", text, flags=re.M))
            if statement not in ("", "BEGIN", "COMMIT")
        ]
        for name, text in sections
    }


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mysql"])
def test_sql_for_two_databases_is_one_text(shop, new_database, kind):
    """Under the name of each database is what makes its tables, and nothing of the other's."""
    main, log = new_database(kind), new_database(kind)
    project = shop(None, main, repr({"log": log}), more=VISIT, multidb=True)
    db(project, "migrate")
    fresh = {"default": new_database(kind), "log": new_database(kind)}
    both_ways = {"upgrade": "head", "downgrade": f"{project.versions[0].split('_')[0]}:base"}
    for command, span in both_ways.items():
        sql = parts(db(project, command, span, "--sql").out)
        assert list(sql) == ["default", "log"]
        for name, url in fresh.items():
            for statement in sql[name]:
                rows(url, statement)
            model = {"item" if name == "default" else "visit"} if command == "upgrade" else set()
            assert set(tables(url)) - {"alembic_version"} == model


FACTORY = """
    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    from migrate_script import Manager, Migrate, MigrateCommand

    db = SQLAlchemy()


    class Item(db.Model):
        id = db.Column(db.Integer, primary_key=True)


    def create_app():
        app = Flask(__name__)
        app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///shop.db"
        app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
        db.init_app(app)
        return app


    migrate = Migrate(create_app)
    manager = Manager(create_app)
    manager.add_command("db", MigrateCommand)
"""


def test_migrate_gets_a_factory_and_no_database(project):
    """The database that the application registered is migrated, with the usual settings."""
    project.write("shop.py", FACTORY)
    project.write("manage.py", MANAGE)
    for command in ("init", "migrate", "upgrade"):
        db(project, command)
    assert "create_table('item'" in script(project)


LATE = """
    import os

    import sqlalchemy as sa
    from flask import Flask
    from migrate_script import Manager, Migrate, MigrateCommand


    class Database:
        "As Alchemical has it: the engines are made when one is asked for."

        urls = {{None: {main!r}, "log": {log!r}}}
        metadatas = {{None: sa.MetaData(), "log": sa.MetaData()}}
        engines = None

        @property
        def metadata(self):
            return self.metadatas[None]

        def get_engine(self, bind=None):
            if self.engines is None:
                self.engines = {{key: sa.create_engine(url) for key, url in self.urls.items()}}
            return self.engines.get(bind)

        def bind_names(self):
            return [key for key in self.engines if key is not None]


    db = Database()
    sa.Table("item", db.metadatas[None], sa.Column("id", sa.Integer, primary_key=True))
    sa.Table("visit", db.metadatas["log"], sa.Column("id", sa.Integer, primary_key=True))
    app = Flask(__name__)
    migrate = Migrate(app, db)
    manager = Manager(app)
    manager.add_command("db", MigrateCommand)
"""
# what the templates of Flask-Migrate since 3.1 ask such an object for, in another order
ASKING = """
    from alembic import context
    from flask import current_app

    db = current_app.extensions["migrate"].db
    context.config.set_main_option("sqlalchemy.url", "sqlite://")
    print(db.get_engine().url.database[-7:], db.get_engine(bind="log").url.database[-7:])
    print(list(db.bind_names()), list(db.metadata.tables), list(db.metadatas["log"].tables))
"""


@pytest.mark.parametrize("multidb", [False, True])
def test_a_database_object_that_makes_its_engines_late(project, multidb):
    """What is no Flask-SQLAlchemy is asked for engines in its own way."""
    main, log = (f"sqlite:///{project.folder}/{name}.db" for name in ("main", "log"))
    project.write("shop.py", LATE.format(main=main, log=log))
    project.write("manage.py", MANAGE)
    db(project, "init", *multidb * ["--multidb"])
    db(project, "migrate", "--rev-id", "first")
    db(project, "upgrade")
    assert "item" in tables(main)
    assert ("visit" in tables(log)) is multidb
    db(project, "migrate")
    assert len(project.versions) == 1
    db(project, "revision", "--rev-id", "second")
    assert (
        "def upgrade_log" in (project.folder / "migrations/versions/second_.py").read_text()
    ) is multidb
    sql = db(project, "upgrade", "base:head", "--sql").out
    assert "CREATE TABLE item" in sql
    assert ("CREATE TABLE visit" in sql) is multidb
    db(project, "downgrade", "base")
    assert "item" not in tables(main)
    project.write("migrations/env.py", ASKING)
    assert db(project, "current").out.splitlines() == [
        "main.db /log.db",
        "['log'] ['item'] ['visit']",
    ]
