"""An env.py of old with options that its owner added."""

from __future__ import annotations

from databases import rows, tables
from old_projects import MANAGE, SHOP

# the middle of an env.py of that time, with what its owner added
ENV = """
    from logging.config import fileConfig

    from alembic import context
    from flask import current_app
    from sqlalchemy import create_engine

    config = context.config
    fileConfig(config.config_file_name)
    url = current_app.config.get("SQLALCHEMY_DATABASE_URI")
    config.set_main_option("sqlalchemy.url", url)
    target_metadata = current_app.extensions["migrate"].db.metadata
    # added

    connection = create_engine(config.get_main_option("sqlalchemy.url")).connect()
    context.configure(
        connection=connection,
        target_metadata=target_metadata,
        OPTIONS,
        **current_app.extensions["migrate"].configure_args
    )
    try:
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.close()
"""


def own_env(shape, options, added="pass"):
    """Make a folder, and an env.py of the project's own in it."""
    shape.write("manage.py", MANAGE)
    shape.run("init")
    added = added.replace("\n", "\n    ")
    shape.write("migrations/env.py", ENV.replace("# added", added).replace("OPTIONS", options))


def test_env_py_leaves_tables_out(shape):
    """include_object with the names of an `exclude` section of alembic.ini."""
    rows(shape.url, "CREATE TABLE spatial_ref_sys (id INTEGER)")
    rows(shape.url, "CREATE TABLE kept (id INTEGER)")
    own_env(
        shape,
        "include_object=include_object",
        """
excluded = config.get_section("alembic:exclude").get("tables").split(",")


def include_object(object, name, type_, reflected, compare_to):
    return not (type_ == "table" and name in excluded)
""",
    )
    ini = shape.project.folder / "migrations/alembic.ini"
    ini.write_text(ini.read_text() + "\n[alembic:exclude]\ntables = spatial_ref_sys,kept\n")
    shape.run("migrate", "-m", "first")
    assert "drop_table('kept')" not in shape.script().split("def downgrade")[0]
    shape.run("upgrade")
    shape.run("downgrade")
    assert shape.tables() == ["kept", "spatial_ref_sys"]


def test_env_py_with_include_symbol(shape):
    """What Alembic took before 1.5 still leaves a table alone."""
    own_env(shape, "include_symbol=lambda name, schema: name != 'kept'")
    rows(shape.url, "CREATE TABLE kept (id INTEGER)")
    shape.run("migrate", "-m", "first")
    assert "'kept'" not in shape.script()
    shape.run("upgrade")
    shape.run("downgrade")
    assert shape.tables() == ["kept"]


def test_env_py_renders_its_own_types(shape):
    """render_item writes the name of a type, and what the script has to import for it."""
    shape.write(
        "types_of_mine.py",
        """
        from sqlalchemy import types


        class Money(types.TypeDecorator):
            impl = types.Integer
            cache_ok = True
        """,
    )
    shape.write(
        "shop.py",
        SHOP.replace("db.String(64)", "Money()").replace(
            "import os\n", "import os\n\n    from types_of_mine import Money\n"
        ),
    )
    own_env(
        shape,
        "render_item=render_item",
        """
def render_item(type_, obj, autogen_context):
    if type_ == "type" and type(obj).__name__ == "Money":
        autogen_context.imports.add("from types_of_mine import Money")
        return "Money()"
    return False
""",
    )
    shape.run_through(own_env=True)
    assert "Column('name', Money()" in shape.script()
    assert "from types_of_mine import Money\n" in shape.script()


def test_env_py_with_another_version_table(shape):
    """version_table names where the revision is noted."""
    own_env(shape, "version_table='schema_version'")
    shape.run("migrate", "-m", "first")
    shape.run("upgrade")
    assert sorted(tables(shape.url)) == ["schema_version", "users"]
    assert "(head)" in shape.run("current").out
    shape.run("downgrade")
    assert rows(shape.url, "SELECT * FROM schema_version") == []


def test_env_py_with_a_transaction_for_each_revision(shape):
    """transaction_per_migration, and a second revision on top of the first."""
    own_env(shape, "transaction_per_migration=True, compare_type=True")
    shape.run_through(own_env=True)
    shape.run("revision", "-m", "second")
    shape.run("upgrade")
    shape.run("downgrade", "base")
    assert shape.tables() == []
