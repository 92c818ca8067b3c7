"""A new revision that would drop most tables is refused, and any other drop is listed."""

from __future__ import annotations

import textwrap

import pytest
from databases import rows, tables
from front_ends import FrontEnd
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
    """The lines on standard error which are not Alembic's."""
    lines = done.err.splitlines()
    return [
        each for each in lines if "[alembic" not in each and not any(word in each for word in but)
    ]


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
