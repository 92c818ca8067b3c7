"""A new revision that would drop most tables is refused; what others created is left alone."""

from __future__ import annotations

import json
import py_compile
import shutil
import textwrap
from pathlib import Path

import pytest
from alembic import command
from databases import rows, tables
from front_ends import FrontEnd
from projects import db as run
from projects import initialised
from shop_project import MANAGE, write_revision

from migrate_script.compat.sqlalchemy import BEFORE_1_4

APP = """
    import json
    import os

    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    from sqlalchemy import MetaData

    from migrate_script import Migrate

    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    if "SECOND_URL" in os.environ:
        app.config["SQLALCHEMY_BINDS"] = {"second": os.environ["SECOND_URL"]}
    db = SQLAlchemy(app, metadata=MetaData(**json.loads(os.environ.get("METADATA", "{}"))))
    options = json.loads(os.environ.get("MIGRATE_OPTIONS", "{}"))
    migrate = Migrate(app, db, **options)
"""
MODEL = """

class {title}(db.Model):
    __tablename__ = "{name}"
    {more}id = db.Column(db.Integer, primary_key=True)
"""
COLUMN = "    {} = db.Column(db.String(20))\n"


def execute(url, *statements):
    """Run statements on a database."""
    for statement in statements:
        rows(url, statement)


def write_models(project, module="models", more="", **columns):
    """Write a module of models: `user="name mail"` is a table with two columns beside its id."""
    text = "from shop import db\n"
    for name, given in columns.items():
        text += MODEL.format(title=name.title(), name=name, more=more)
        text += "".join(map(COLUMN.format, given.split()))
    project.write(f"{module}.py", text)


def use(project, *modules):
    """Write the application, which imports some modules of models."""
    project.write("shop.py", textwrap.dedent(APP) + "".join(f"import {each}\n" for each in modules))
    project.write("manage.py", MANAGE)


def begin(shop, *options, **columns):
    """Write the project, and bring its database to its first revision."""
    write_models(shop.project, **columns)
    use(shop.project, "models")
    initialised(shop.project, *options)
    for words in (["migrate", "--rev-id", "r1"], ["upgrade"]):
        done = shop(*words)
        assert (done.status, of_ours(done, " of 1: ")) == (0, []), done.err


def of_ours(done, *but):
    """The lines on standard error which are not Alembic's, nor about a machine that is slow."""
    but = ("[alembic", " took ", *but)
    return [each for each in done.err.splitlines() if not any(word in each for word in but)]


def body(project, revision):
    """What the upgrade of a revision does, without comments."""
    (path,) = (project.folder / "migrations/versions").glob(f"{revision}_*.py")
    text = path.read_text(encoding="utf-8").partition("def upgrade")[2].partition("def downgr")[0]
    return [each.strip() for each in text.splitlines()[1:] if each.strip(" ") and "###" not in each]


@pytest.fixture(params=["manage.py", "flask"])
def shop(request, project, database, monkeypatch):
    """An empty project on each kind of database, by each front end."""
    monkeypatch.setenv("DATABASE_URL", database)
    return FrontEnd(request.param, project)


@pytest.fixture
def one(project, url):
    """An empty project on SQLite."""
    return FrontEnd("manage.py", project)


# -- most of the tables ----------------------------------------------------------------------------

THREE = {"user": "name", "post": "title body", "tag": ""}
ADVICE = "where the application is made, or give --allow-drops"
NO_MODEL = (
    "Error: no model is loaded, so this revision would drop 'post', 'tag', 'user'; no file was "
    f"written: import 'models', which was never imported, {ADVICE}"
)
ALL = ["op.drop_table('user')", "op.drop_table('tag')", "op.drop_table('post')"]


@pytest.mark.parametrize("words", ["migrate", "revision --autogenerate"])
def test_no_model_is_loaded(shop, database, words):
    """A forgotten import is refused, and its module named; --allow-drops writes the drops."""
    begin(shop, **THREE)
    execute(database, "INSERT INTO post (id) VALUES (1)", "INSERT INTO post (id) VALUES (2)")
    use(shop.project)
    before = shop.project.versions
    done = shop(*words.split())
    assert (done.status, done.out) == (1, "")
    assert of_ours(done) == [NO_MODEL]
    assert shop.project.versions == before

    done = shop(*words.split(), "--allow-drops", "--rev-id", "r2")
    assert done.status == 0, done.err
    assert of_ours(done) == [
        "WARNING [migrate_script] this script drops table post (2 rows), table tag (0 rows) "
        "and table user (0 rows)"
    ]
    assert body(shop.project, "r2") == ALL
    assert shop("upgrade").status == 0
    assert list(tables(database)) == ["alembic_version"]


def test_a_program_is_refused_as_well(one):
    """By an error of the family, and `allow_drops` has the same effect."""
    begin(one, **THREE)
    use(one.project)
    one.project.write(
        "program.py",
        """
        from migrate_script import migrate, revision
        from migrate_script.errors import NewFileError
        from shop import app

        with app.app_context():
            for function, options in ((migrate, {}), (revision, {"autogenerate": True})):
                try:
                    function(**options)
                except NewFileError as error:
                    print("Error:", error)
            (script,) = migrate(rev_id="r2", allow_drops=True)
            print(script.revision)
        """,
    )
    done = one.project.run("program.py")
    assert [line for line in done.out.splitlines() if "Generating" not in line] == [
        NO_MODEL,
        NO_MODEL,
        "r2",
    ]
    assert body(one.project, "r2") == ALL


def test_some_models_are_not_imported(shop):
    """Only the modules that were not imported are named, with the package they are in."""
    project = shop.project
    project.write("blog/__init__.py", "")
    project.write("blog/tests/test_models.py", "__tablename__ = 'of no use'")
    project.write("blog/words.py", "from shop import db")
    write_models(project, "blog/posts", post="title", comment="text")
    write_models(project, "blog/tags", tag="")
    write_models(project, user="name")
    use(project, "models", "blog.posts", "blog.tags")
    initialised(project)
    for words in ("migrate", "upgrade"):
        assert shop(words).status == 0
    use(project, "models")
    done = shop("migrate")
    assert done.status == 1
    assert of_ours(done) == [
        "Error: the models lack 3 of 4 tables, so this revision would drop 'comment', 'post', "
        "'tag'; no file was written: import 'blog.posts', 'blog.tags', which were never imported, "
        f"{ADVICE}"
    ]
    use(project, "models", "blog.posts", "blog.tags")
    done = shop("migrate")
    assert (done.status, of_ours(done)) == (0, [])


def test_the_models_are_gone_for_good(one):
    """There is no module to name."""
    begin(one, **THREE)
    (one.project.folder / "models.py").unlink()
    use(one.project)
    assert of_ours(one("migrate")) == [
        "Error: no model is loaded, so this revision would drop 'post', 'tag', 'user'; no file "
        f"was written: import the modules that define them {ADVICE}"
    ]


def test_many_tables_are_gone(one):
    """Five of them are named."""
    begin(one, **{f"t{number}": "" for number in range(8)})
    write_models(one.project, t7="")
    assert of_ours(one("migrate")) == [
        "Error: the models lack 7 of 8 tables, so this revision would drop 't0', 't1', 't2', "
        "'t3', 't4', ...; no file was written: import the modules that define them " + ADVICE
    ]


@pytest.mark.parametrize(
    ("dropped", "of", "refused"),
    [
        (1, 1, True), (1, 2, False), (2, 2, True), (2, 3, True), (2, 4, False), (3, 5, True),
        (3, 6, False),
    ],
)  # fmt: skip
def test_what_is_most(one, dropped, of, refused):
    """Two tables or more, and over half of them; or any when no model is left."""
    begin(one, **{f"t{number}": "" for number in range(of)})
    write_models(one.project, **{f"t{number}": "" for number in range(dropped, of)})
    done = one("migrate")
    assert done.status == refused
    assert len(one.project.versions) == 2 - refused


@pytest.mark.parametrize("options", [[], ["--allow-drops"]])
def test_nothing_is_there_to_drop(one, options):
    """An empty database and no model: as ever, there is no difference."""
    use(one.project)
    initialised(one.project)
    done = one("migrate", *options)
    assert (done.status, of_ours(done)) == (0, [])
    assert one.project.versions == []


# -- drops that are written ------------------------------------------------------------------------


def test_a_model_and_a_column_are_removed(shop, database):
    """What a script drops is listed with how much is in it."""
    begin(shop, user="name mail", post="title", junk="")
    execute(
        database,
        "INSERT INTO junk (id) VALUES (1)",
        *[f"INSERT INTO post (id, title) VALUES ({number}, 'x')" for number in range(1, 1005)],
    )
    write_models(shop.project, user="name", post="")
    done = shop("migrate", "--rev-id", "r2")
    assert done.status == 0
    assert of_ours(done) == [
        "WARNING [migrate_script] this script drops table junk (1 row), column post.title "
        "(1,004 values) and column user.mail (0 values)"
    ]
    assert shop("upgrade").status == 0
    assert set(tables(database)) == {"alembic_version", "user", "post"}


def test_renames_are_shown(shop, database):
    """A drop beside an add of the same kind, with the statement that would keep the rows."""
    begin(shop, person="name", post="title body", tag="")
    execute(
        database,
        "INSERT INTO person (id, name) VALUES (1, 'ann')",
        "INSERT INTO post (id, title) VALUES (1, 'x')",
    )
    write_models(shop.project, person="fullname", article="title body", tag="")
    done = shop("migrate", "--rev-id", "r2")
    existing = ", existing_type=sa.String(length=20)" * database.startswith("mysql")
    column = f"op.alter_column('person', 'name', new_column_name='fullname'{existing})"
    table = "op.rename_table('post', 'article')"
    assert of_ours(done) == [
        "WARNING [migrate_script] this script drops table post (1 row) and column "
        "person.name (1 value)",
        f"WARNING [migrate_script] if 'post' was renamed to 'article', write {table} instead",
        f"WARNING [migrate_script] if 'person.name' was renamed to 'fullname', write {column} "
        "instead",
    ]
    (path,) = (shop.project.folder / "migrations/versions").glob("r2_*.py")
    path.unlink()
    write_revision(shop.project, "r2", "r1", "renames", f"{column}; {table}")
    assert shop("upgrade").status == 0
    assert rows(database, "SELECT fullname FROM person") == [("ann",)]
    assert rows(database, "SELECT title FROM article") == [("x",)]
    done = shop("migrate")
    assert (done.status, of_ours(done)) == (0, [])
    assert len(shop.project.versions) == 2


def test_what_a_renamed_column_had_is_kept(one, new_database, monkeypatch):
    """MariaDB loses what the statement does not say again: the type, NOT NULL, the default."""
    url = new_database("mysql")
    monkeypatch.setenv("DATABASE_URL", url)
    column = 'db.Column(db.Numeric(8, 2), nullable=False, server_default="1.5")'
    begin(one, post="title")
    write_models(one.project, more=f"price = {column}; ", post="title")
    for words in (["migrate", "--rev-id", "r2"], ["upgrade"]):
        assert one(*words).status == 0
    write_models(one.project, more=f"cost = {column}; ", post="title")
    done = one("migrate", "--rev-id", "r3")
    (told,) = of_ours(done, "this script drops")
    statement = told.partition("write ")[2].partition(" instead")[0]
    # that of the model where SQLAlchemy does not read it
    default = "'1.5'" if BEFORE_1_4 else "sa.text('1.50')"
    assert statement == (
        "op.alter_column('post', 'price', new_column_name='cost', existing_type="
        "sa.Numeric(precision=8, scale=2), existing_nullable=False, "
        f"existing_server_default={default})"
    )
    (path,) = (one.project.folder / "migrations/versions").glob("r3_*.py")
    path.unlink()
    write_revision(one.project, "r3", "r2", "renames", statement)
    wanted = "SELECT column_type, is_nullable, column_default FROM information_schema.columns"
    wanted += f" WHERE table_schema = '{url.rpartition('/')[2]}' AND column_name = '%s'"
    before = rows(url, wanted.replace("%s", "price"))
    assert one("upgrade").status == 0
    assert rows(url, wanted.replace("%s", "cost")) == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": "x", "b": ""}, {"a": "", "b": ""}),  # nothing is added
        ({"a": "x", "b": "x"}, {"a": "y", "b": "x y"}),  # of another table, too
    ],
)
def test_what_is_no_rename(one, before, after):
    """A column is renamed within its table, and each stands for one."""
    begin(one, **before)
    write_models(one.project, **after)
    told = of_ours(one("migrate"))
    assert [each for each in told if "renamed" in each] == (
        [
            "WARNING [migrate_script] if 'a.x' was renamed to 'y', write op.alter_column('a', 'x', "
            "new_column_name='y') instead"
        ]
        if "y" in after["a"]
        else []
    )


def test_another_type_is_no_rename(one):
    """A number does not become a text."""
    begin(one, a="x", b="")
    write_models(one.project, more="n = db.Column(db.Integer); ", a="", b="")
    assert of_ours(one("migrate")) == [
        "WARNING [migrate_script] this script drops column a.x (0 values)"
    ]


# -- tables that no revision mentions --------------------------------------------------------------

CELERY = "CREATE TABLE celery_taskmeta (id INTEGER NOT NULL PRIMARY KEY)"
LEFT = (
    "INFO  [migrate_script] table 'celery_taskmeta' is in the database but no revision mentions "
    "it: left alone; 'db migrate --allow-drops' drops it, include_object hides it"
)


def test_a_table_of_somebody_else(shop, database):
    """It is not dropped, whatever else changes, and mentioned once."""
    begin(shop, user="name", post="title")
    execute(database, CELERY, "CREATE INDEX ix_celery ON celery_taskmeta (id)")
    done = shop("migrate")
    assert done.status == 0
    assert of_ours(done) == [LEFT]
    assert len(shop.project.versions) == 1
    execute(database, "CREATE TABLE a (id INTEGER)")
    write_models(shop.project, user="", post="title", tag="")
    done = shop("migrate", "--rev-id", "r2")
    assert done.status == 0
    assert of_ours(done) == [
        "WARNING [migrate_script] this script drops column user.name (0 values)",
        "INFO  [migrate_script] tables 'a', 'celery_taskmeta' are in the database but no "
        "revision mentions them: left alone; 'db migrate --allow-drops' drops them, include_object "
        "hides them",
    ]
    assert [line for line in body(shop.project, "r2") if "drop" in line] == [
        "batch_op.drop_column('name')"
    ]


def test_a_table_of_somebody_else_may_be_dropped(one, url):
    """As before, with --allow-drops."""
    begin(one, user="name", post="title")
    execute(url, CELERY)
    done = one("migrate", "--rev-id", "r2", "--allow-drops")
    assert of_ours(done) == [
        "WARNING [migrate_script] this script drops table celery_taskmeta (0 rows)"
    ]
    assert body(one.project, "r2") == ["op.drop_table('celery_taskmeta')"]


def test_a_table_of_somebody_else_is_no_difference(one, url):
    """What `migrate` does not write, `check` and `upgrade --verify` do not find."""
    begin(one, user="name", post="title")
    execute(url, CELERY)
    if hasattr(command, "check"):
        done = one("check")
        assert (done.status, of_ours(done)) == (0, [LEFT])
    write_revision(one.project, "r2", "r1", "nothing")
    done = one("upgrade", "--verify")
    assert (done.status, of_ours(done, " of 1: ")) == (0, [LEFT])


def test_many_tables_of_somebody_else(one, url):
    """Five of them are named."""
    begin(one, user="name", post="title")
    execute(url, *[f"CREATE TABLE t{number} (id INTEGER)" for number in range(7)])
    assert of_ours(one("migrate")) == [
        "INFO  [migrate_script] tables 't0', 't1', 't2', 't3', 't4', ... are in the database but "
        "no revision mentions them: left alone; 'db migrate --allow-drops' drops them, "
        "include_object hides them"
    ]


INCLUDE = """
    def include_object(item, name, kind, reflected, compare_to):
        if kind == "table":
            print("asked for", name)
        return name not in ("celery_taskmeta", "legacy")


    migrate = Migrate(app, db, include_object=include_object)
"""


def test_what_the_application_leaves_out(one, url):
    """Its own include_object is asked, and what it leaves out is neither dropped nor mentioned."""
    begin(one, user="name", post="title")
    execute(url, CELERY, "CREATE TABLE other (id INTEGER)", "CREATE TABLE legacy (id INTEGER)")
    # the model of a table that was there before, and is left out as well
    write_models(one.project, user="name", post="title", legacy="")
    app = textwrap.dedent(APP).partition("migrate = ")[0] + textwrap.dedent(INCLUDE)
    one.project.write("shop.py", app + "import models\n")
    done = one("migrate")
    assert done.status == 0
    assert of_ours(done) == [LEFT.replace("celery_taskmeta", "other")]
    assert {"asked for celery_taskmeta", "asked for other", "asked for user"} <= set(
        done.out.splitlines()
    )


# how a revision may create the table without mentioning it
COMPUTED = {
    "a name": 'op.create_table("celery_" + "taskmeta", sa.Column("id", sa.Integer))',
    "SQL": 'op.execute("CREATE TABLE %s_taskmeta (id INTEGER)" % "celery")',
    "a file": 'op.execute(open("more.sql").read())',
    "metadata": "import words; words.Base.metadata.create_all(op.get_bind())",
}
WORDS = """
    import sqlalchemy as sa
    try:
        from sqlalchemy.orm import declarative_base
    except ImportError:  # before 1.4
        from sqlalchemy.ext.declarative import declarative_base

    Base = declarative_base()


    class Task(Base):
        __tablename__ = "celery_taskmeta"
        id = sa.Column(sa.Integer, primary_key=True)
"""
# what mentions the table, if only as a word
MENTIONED = {
    "a quoted name": """op.execute('ALTER TABLE "celery_taskmeta" ADD COLUMN x INTEGER')""",
    "large letters": 'op.execute("CREATE TABLE IF NOT EXISTS CELERY_TASKMETA (id INTEGER)")',
    "a schema": 'op.execute("ALTER TABLE main.celery_taskmeta ADD COLUMN x INTEGER")',
    "an index": 'op.drop_index("ix_celery", table_name="celery_taskmeta")',
    "rows": "op.execute(\"UPDATE user SET name = 'celery_taskmeta'\")",
    "a comment": "pass  # celery_taskmeta belongs to another program",
}
PARTS = 'op.execute("SELECT 1 AS celery, 2 AS taskmeta, 3 AS ix_celery_taskmeta")'


def after_revision(one, url, code, *before):
    """Run a second revision; then `migrate` finds a table for which there is no model."""
    begin(one, user="name", post="title")
    one.project.write("words.py", WORDS)
    one.project.write("more.sql", "CREATE TABLE celery_taskmeta (id INTEGER)")
    execute(url, *before)
    write_revision(one.project, "r2", "r1", "more", code)
    done = one("upgrade")
    assert done.status == 0, done.err
    assert "celery_taskmeta" in tables(url)
    done = one("migrate", "--rev-id", "r3")
    assert done.status == 0, done.err
    return of_ours(done)


@pytest.mark.parametrize("case", COMPUTED)
def test_a_name_that_a_revision_computes(one, url, case):
    """Its table is treated as that of somebody else; --allow-drops writes the drop."""
    assert after_revision(one, url, COMPUTED[case]) == [LEFT]
    assert one.project.versions == ["r1_.py", "r2_more.py"]
    done = one("migrate", "--rev-id", "r3", "--allow-drops")
    assert of_ours(done) == [drops("celery_taskmeta")]
    assert body(one.project, "r3") == ["op.drop_table('celery_taskmeta')"]


@pytest.mark.parametrize("case", MENTIONED)
def test_a_name_that_a_revision_mentions(one, url, case):
    """Its table may be that of a revision, and is dropped, which is listed."""
    before = [CELERY, "CREATE INDEX ix_celery ON celery_taskmeta (id)"]
    assert after_revision(one, url, MENTIONED[case], *before) == [drops("celery_taskmeta")]
    assert "op.drop_table('celery_taskmeta')" in body(one.project, "r3")


def test_a_name_inside_another_name(one, url):
    """Whole names count."""
    assert after_revision(one, url, PARTS, CELERY) == [LEFT]


def test_an_empty_history(one, url):
    """A table that is there before the first revision may be of the application: as before."""
    write_models(one.project, user="name")
    use(one.project, "models")
    initialised(one.project)
    execute(url, CELERY, "CREATE TABLE user (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(20))")
    done = one("migrate", "--rev-id", "r1")
    assert of_ours(done) == [
        "WARNING [migrate_script] this script drops table celery_taskmeta (0 rows)"
    ]
    assert body(one.project, "r1") == ["op.drop_table('celery_taskmeta')"]


def test_a_history_that_began_later(one, url):
    """The tables of the first models were made by hand: one of these may be another of them."""
    write_models(one.project, user="name")
    use(one.project, "models")
    initialised(one.project)
    execute(url, CELERY, "CREATE TABLE user (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(20))")
    write_revision(one.project, "r1", None, "squashed")
    assert one("stamp").status == 0
    write_models(one.project, user="name", tag="")
    create = 'op.create_table("tag", sa.Column("id", sa.Integer, primary_key=True))'
    write_revision(one.project, "r2", "r1", "tags", create)
    assert one("upgrade").status == 0
    done = one("migrate", "--rev-id", "r3")
    assert of_ours(done) == [
        "WARNING [migrate_script] this script drops table celery_taskmeta (0 rows)"
    ]


def test_a_script_without_source(one, url):
    """Nobody knows what it mentions."""
    begin(one, user="name", post="title")
    write_revision(one.project, "r2", "r1", "more")
    assert one("upgrade").status == 0
    path = one.project.folder / "migrations/versions/r2_more.py"
    compiled = str(path.with_suffix(".pyc"))
    py_compile.compile(str(path), cfile=compiled)
    path.unlink()
    ini = one.project.folder / "migrations/alembic.ini"
    ini.write_text(ini.read_text().replace("[alembic]", "[alembic]\nsourceless = true", 1))
    execute(url, CELERY)
    assert of_ours(one("migrate")) == [
        "WARNING [migrate_script] this script drops table celery_taskmeta (0 rows)"
    ]


# -- histories in which nothing is wrong -----------------------------------------------------------


def drops(*names):
    """The line that lists what is dropped; all of it is empty."""
    kinds = {False: "table {} (0 rows)", True: "column {} (0 values)"}
    *most, last = [kinds["." in name].format(name) for name in names]
    listed = " and ".join(filter(None, [", ".join(most), last]))
    return f"WARNING [migrate_script] this script drops {listed}"


def renames(name, new, statement):
    """The line that shows what renames."""
    return (
        f"WARNING [migrate_script] if '{name}' was renamed to '{new}', write op.{statement} instead"
    )


B_TO_D = renames("b", "d", "rename_table('b', 'd')")
# the models of each step, and what is said of it
HISTORIES = {
    "the first models": [({"a": "x y", "b": ""}, [])],
    "one model": [({"a": "x"}, []), ({"a": "x y"}, []), ({"a": "y"}, [drops("a.x")])],
    "a model more each time": [({"a": ""}, []), ({"a": "", "b": "x"}, []), ({**THREE, "a": ""}, [
        drops("b")])],
    "one of two models goes": [({"a": "x", "b": "y"}, []), ({"a": "x"}, [drops("b")])],
    "a model goes, and another is renamed": [
        ({"a": "x", "b": "y z", "c": ""}, []),
        ({"c": "", "d": "y z"}, [drops("a", "b"), B_TO_D]),
    ],
    "all models are renamed": [
        ({"a": "x", "b": "y z"}, []),
        ({"c": "x", "d": "y z"}, [drops("a", "b"), renames("a", "c", "rename_table('a', 'c')"),
            B_TO_D]),
    ],
    "the oldest model goes each time": [
        ({"a": "x", "b": "y"}, []), ({"b": "y", "c": "z"}, [drops("a")]),
        ({"c": "z", "d": "v"}, [drops("b")]),
    ],
    "a model comes back": [
        ({"a": "x", "b": "y"}, []), ({"a": "x"}, [drops("b")]), ({"a": "x", "b": "y"}, []),
        ({"a": "x"}, [drops("b")]),
    ],
    "half of the models go": [
        ({"a": "x", "b": "y", "c": "z", "d": ""}, []), ({"a": "x", "b": "y"}, [drops("c", "d")]),
    ],
    "a column moves to another table": [
        ({"a": "x y", "b": ""}, []), ({"a": "y", "b": "x"}, [drops("a.x")]),
    ],
}  # fmt: skip
OPTIONS = {
    "as ever": {},
    "as Flask-Migrate 2": {"render_as_batch": False, "compare_type": False},
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("case", HISTORIES)
def test_nothing_is_refused_or_said_without_reason(one, url, monkeypatch, case, options):
    """Models come, go and are renamed; each script runs, and what is lost is listed."""
    monkeypatch.setenv("MIGRATE_OPTIONS", json.dumps(OPTIONS[options]))
    write_models(one.project)
    use(one.project, "models")
    initialised(one.project)
    for number, (models, told) in enumerate(HISTORIES[case]):
        write_models(one.project, **models)
        done = one("migrate", "--rev-id", f"r{number}")
        # the other one came after the first revision
        assert (done.status, of_ours(done)) == (0, told + [LEFT] * bool(number))
        assert one("upgrade").status == 0
        if not number:
            execute(url, CELERY)
        assert set(tables(url)) == {"alembic_version", "celery_taskmeta", *models}
    done = one("migrate")
    assert (done.status, of_ours(done)) == (0, [LEFT])


def test_the_example(project, database, monkeypatch):
    """Its history is known, and a table of somebody else is left alone."""
    root = Path(__file__).resolve().parent.parent.parent
    monkeypatch.setenv("DATABASE_URL", database)
    shutil.copy(str(root / "manage.py"), str(project.folder))
    shutil.copytree(str(root / "example_app"), str(project.folder / "example_app"))
    versions = project.folder / "example_app/migrations/versions"
    before = sorted(path.name for path in versions.glob("*.py"))
    assert run(project, "upgrade").status == 0
    done = run(project, "migrate")
    assert (done.status, of_ours(done)) == (0, [])
    execute(database, CELERY)
    done = run(project, "migrate")
    assert (done.status, of_ours(done)) == (0, [LEFT])
    assert sorted(path.name for path in versions.glob("*.py")) == before


def test_a_naming_convention(one, url, monkeypatch):
    """Constraints have names, of the models and of the database."""
    names = {"ix": "ix_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s"}
    monkeypatch.setenv("METADATA", json.dumps({"naming_convention": names}))
    begin(one, user="name", post="title", tag="")
    execute(url, CELERY)
    write_models(one.project, user="name", article="title")
    assert of_ours(one("migrate")) == [
        drops("post", "tag"),
        renames("post", "article", "rename_table('post', 'article')"),
        LEFT,
    ]


# -- several databases, schemas, old folders -------------------------------------------------------


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mysql"])
def test_each_of_several_databases(project, new_database, monkeypatch, kind):
    """Each is looked at by itself, and named."""
    urls = [new_database(kind) for _ in range(2)]
    monkeypatch.setenv("DATABASE_URL", urls[0])
    monkeypatch.setenv("SECOND_URL", urls[1])
    one = FrontEnd("manage.py", project)
    second = '__bind_key__ = "second"; '
    write_models(project, "logs", more=second, visit="path", error="", event="")
    write_models(project, user="name", post="title", tag="", item="")
    use(project, "models", "logs")
    initialised(project, "--multidb")
    for words in (["migrate", "--rev-id", "r1"], ["upgrade"]):
        done = one(*words)
        assert (done.status, of_ours(done, " of 1: ", "1 revision to run")) == (0, [])
    execute(urls[0], "CREATE TABLE guest (id INTEGER)")
    execute(urls[1], CELERY, "INSERT INTO event (id) VALUES (1)")
    done = one("migrate")
    assert (done.status, of_ours(done)) == (
        0,
        [
            "INFO  [migrate_script] tables 'celery_taskmeta' of the database 'second', 'guest' "
            "are in the database but no revision mentions them: left alone; 'db migrate "
            "--allow-drops' drops them, include_object hides them"
        ],
    )
    write_models(project, "logs", more=second, visit="path", error="")
    done = one("migrate", "--rev-id", "r2")
    assert of_ours(done, "left alone") == [
        "WARNING [migrate_script] this script drops table event (1 row) of the database 'second'"
    ]
    (path,) = (project.folder / "migrations/versions").glob("r2_*.py")
    path.unlink()
    write_models(project, "logs", more=second, visit="path")
    assert of_ours(one("migrate")) == [
        "Error: the models of the database 'second' lack 2 of 3 tables, so this revision would "
        "drop 'error', 'event'; no file was written: import the modules that define them " + ADVICE
    ]
    use(project, "models")
    assert of_ours(one("migrate")) == [
        "Error: no model of the database 'second' is loaded, so this revision would drop 'error', "
        f"'event', 'visit'; no file was written: import 'logs', which was never imported, {ADVICE}"
    ]
    assert project.versions == ["r1_.py"]


def test_schemas(project, new_database, monkeypatch):
    """A table is shown by its schema and name, on PostgreSQL."""
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("MIGRATE_OPTIONS", '{"include_schemas": true}')
    execute(url, "CREATE SCHEMA app", "CREATE SCHEMA other")
    one = FrontEnd("manage.py", project)
    schema = '__table_args__ = {"schema": "app"}; '
    begin(one, user="name", post="title")
    write_models(project, "more", more=schema, event="a", visit="", tag="b")
    use(project, "models", "more")
    for words in (["migrate", "--rev-id", "r2"], ["upgrade"]):
        done = one(*words)
        assert (done.status, of_ours(done, " of 1: ")) == (0, [])
    execute(url, "CREATE TABLE other.guest (id INTEGER)", "INSERT INTO app.tag VALUES (1, 'x')")
    write_models(project, "more", more=schema, event="c", visit="")
    done = one("migrate")
    assert (done.status, of_ours(done)) == (
        0,
        [
            "WARNING [migrate_script] this script drops table app.tag (1 row) and column "
            "app.event.a (0 values)",
            "WARNING [migrate_script] if 'app.event.a' was renamed to 'c', write "
            "op.alter_column('event', 'a', new_column_name='c', schema='app') instead",
            LEFT.replace("celery_taskmeta", "other.guest"),
        ],
    )


def test_a_table_that_may_not_be_read(project, new_database, monkeypatch):
    """Its rows are not counted; the others are."""
    url = new_database("postgresql")
    monkeypatch.setenv("DATABASE_URL", url)
    one = FrontEnd("manage.py", project)
    begin(one, a="", b="", c="", d="")
    role = f"ms_{url.rpartition('_')[2]}"
    execute(
        url,
        f"CREATE ROLE {role} LOGIN",
        f"GRANT SELECT ON b, c, alembic_version TO {role}",
        "INSERT INTO b (id) VALUES (1)",
    )
    try:
        monkeypatch.setenv("DATABASE_URL", url.replace("postgres@", f"{role}@"))
        write_models(one.project, c="", d="")
        done = one("migrate")
        assert (done.status, of_ours(done)) == (
            0,
            ["WARNING [migrate_script] this script drops table a and table b (1 row)"],
        )
    finally:
        execute(url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
