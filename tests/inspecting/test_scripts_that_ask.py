"""Scripts that ask the database while they are loaded: they are, where `op` is in place, once."""

from __future__ import annotations

import inspect

import pytest
from alembic import command
from databases import rows, tables
from front_ends import FrontEnd
from shop_project import write_shop

ASKS = {
    "op.get_bind": "conn = op.get_bind()\nassert conn.execute(sa.text('SELECT 1')).scalar() == 1\n",
    "an inspector": "inspector = sa.inspect(op.get_bind())\ninspector.get_table_names()\n",
    "the context": "dialect = context.get_context().dialect.name\n",
}


class Shop(FrontEnd):
    """The project of three revisions, by one front end."""

    def done(self, *arguments):
        """Run a command that succeeds, and give what it printed."""
        answer = self(*arguments)
        assert answer.status == 0, (arguments, answer.err)
        return answer.out

    def ask(self, revision, lines):
        """Put lines below the header of a script, which also counts how often it is loaded."""
        (path,) = (self.project.folder / "migrations/versions").glob(f"{revision}_*.py")
        text = path.read_text(encoding="utf-8")
        count = f"open('loaded.txt', 'a').write('{revision} ')\n"
        header, _, rest = text.partition("\n\n\n")
        imports = "from alembic import context\n"
        self.project.write(
            f"migrations/versions/{path.name}",
            f"{header}\n{imports}{lines}{count}\n\n{rest}",
        )

    @property
    def loaded(self):
        """The scripts that were loaded since this was asked last, in order."""
        path = self.project.folder / "loaded.txt"
        names = path.read_text().split() if path.exists() else []
        path.write_text("")
        return names


@pytest.fixture(params=["manage.py", "flask"])
def shop(request, project, database, monkeypatch):
    """The project by each front end, on each database."""
    monkeypatch.setenv("DATABASE_URL", database)
    return Shop(request.param, write_shop(project))


@pytest.mark.parametrize("asked", ASKS)
@pytest.mark.parametrize("revision", ["aaaa", "cccc"])
def test_up_and_down(shop, database, asked, revision):
    """The first revision may ask, and a later one, in each direction and for each purpose."""
    shop.ask(revision, ASKS[asked])
    if "mysql" not in database:
        shop.done("upgrade", "--dry-run")
        assert "product" not in tables(database)
        assert shop.loaded == [revision]
    shop.done("upgrade")
    assert tables(database)["product"] == ["id", "name", "price"]
    assert shop.loaded == [revision]
    shop.done("upgrade")
    assert shop.loaded == []
    shop.done("stamp", "bbbb")
    shop.done("stamp", "head")
    assert shop.loaded == []
    shop.done("downgrade", "base", "--yes")
    assert shop.loaded == [revision]
    assert "product" not in tables(database)


@pytest.mark.parametrize("revision", ["aaaa", "cccc"])
def test_reading_commands_need_its_header_only(shop, revision):
    """None of them loads the script."""
    shop.ask(revision, ASKS["op.get_bind"])
    assert shop.done("heads") == "cccc (head)\n"
    assert shop.done("history").splitlines() == [
        "bbbb -> cccc (head), prices",
        "aaaa -> bbbb, names",
        "<base> -> aaaa, products",
    ]
    assert f"{revision}_" in shop.done("show", revision)
    assert shop.done("branches") == ""
    shop.done("stamp", revision)
    assert f"Rev: {revision}" in shop.done("current", "-v")
    if "indicate_current" in inspect.signature(command.history).parameters:
        assert f"Rev: {revision}" in shop.done("history", "-v", "-i")
    shop.done("stamp", "head")
    shop.done("revision", "-m", "one")
    shop.done("revision", "-m", "two", "--head", "cccc", "--splice")
    shop.done("merge", "-m", "both")
    assert shop.loaded == []


def test_migrate_needs_its_header_only(shop, database):
    """The database is compared with the models as ever."""
    shop.done("upgrade")
    shop.ask("cccc", ASKS["op.get_bind"])
    app = (shop.project.folder / "shop.py").read_text()
    shop.project.write(
        "shop.py", app.replace("price =", "stock = db.Column(db.Integer)\n    price =")
    )
    shop.done("migrate", "-m", "stock")
    assert shop.loaded == []
    shop.done("upgrade")
    assert "stock" in tables(database)["product"]


def test_sql_is_printed(shop, database):
    """There is a context without a connection then."""
    shop.ask("bbbb", ASKS["the context"])
    assert "CREATE TABLE product" in shop.done("upgrade", "--sql")
    assert shop.loaded == ["bbbb"]
    if "sqlite" not in database:  # where a dropped column needs the table
        assert "DROP TABLE product" in shop.done("downgrade", "head:base", "--sql")


def test_what_it_writes_while_it_is_loaded_is_kept(shop, database):
    """It belongs to the run, and is undone and committed with it."""
    shop.ask("bbbb", "op.execute('INSERT INTO product (id) VALUES (7)')\n")
    shop.done("upgrade", "aaaa")
    assert shop.loaded == []
    shop.done("upgrade")
    assert rows(database, "SELECT id FROM product") == [(7,)]


def test_a_script_whose_header_is_computed(shop, database):
    """Its header cannot be known without running it, so it runs in the first plan, once."""
    shop.ask("cccc", "depends_on = None if True else 'x'\n" + ASKS["op.get_bind"])
    shop.done("upgrade")
    assert shop.loaded == ["cccc"]
    assert tables(database)["product"] == ["id", "name", "price"]
    shop.done("downgrade", "--yes")
    assert shop.loaded == ["cccc"]


def test_a_body_that_is_broken_stops_what_runs_it(shop, database):
    """The history can be read, and upgraded up to there; then the file is named."""
    shop.ask("cccc", "{}['FOO']\n")
    assert shop.done("heads") == "cccc (head)\n"
    shop.done("upgrade", "bbbb")
    failed = shop("upgrade")
    assert failed.status == 1
    assert "cccc_prices.py, line 10: KeyError: 'FOO'" in failed.error
    assert "the database is at bbbb, as before" in failed.error
    assert len(failed.error.splitlines()) == 1
