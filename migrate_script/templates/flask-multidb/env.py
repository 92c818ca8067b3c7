"""Executed by every command that needs the databases, to connect them with the revisions."""

import logging
from logging.config import fileConfig

from alembic import context
from flask import current_app
from sqlalchemy import MetaData

config = context.config
fileConfig(config.config_file_name, disable_existing_loggers=False)
log = logging.getLogger("alembic.env")

migrate = current_app.extensions["migrate"]
db = migrate.db

# for a file of SQL: values in place of parameters, and percent signs as they are
OFFLINE = {"literal_binds": True, "dialect_opts": {"paramstyle": "named"}}


def get_engine(name):
    """The engine of a database."""
    if getattr(db, "engines", None) is not None:  # Flask-SQLAlchemy since 3.0
        return db.engines[name or None]
    try:
        return db.get_engine(bind=name or None)
    except TypeError:  # Flask-SQLAlchemy before 2.3
        return db.get_engine(current_app, name or None)


def get_names():
    """The application's own database is called "" here, the others as in SQLALCHEMY_BINDS."""
    named = current_app.config.get("SQLALCHEMY_BINDS")
    if named is None:  # perhaps not Flask-SQLAlchemy; it may have no names before an engine
        get_engine("")
        named = getattr(db, "bind_names", list)()
    return [""] + [name for name in named if name]


NAMES = get_names()


def get_url(name):
    """The URL of a database with its password, for --sql to find the dialect."""
    url = get_engine(name).url
    if hasattr(url, "render_as_string"):
        return url.render_as_string(hide_password=False)
    return str(url)


def get_metadata(name):
    """The tables that the models describe for a database."""
    metadatas = getattr(db, "metadatas", None)
    if metadatas is not None:
        return metadatas.get(name or None, MetaData())
    metadata = MetaData()
    for table in db.metadata.tables.values():
        if (table.info.get("bind_key") or "") == name:
            copy = table.to_metadata if hasattr(table, "to_metadata") else table.tometadata
            copy(metadata)
    return metadata


def skip_empty(migration_context, revision, directives):
    """Write no file when --autogenerate, done with the last database, finds no difference."""
    if not getattr(config.cmd_opts, "autogenerate", False):
        return
    operations = directives[0].upgrade_ops_list
    if len(operations) == len(NAMES) and all(ops.is_empty() for ops in operations):
        directives[:] = []
        log.info("No changes in schema detected: the models and the databases agree.")


def configure(name, **options):
    """Tell Alembic what the application wants, and what env.py adds to it."""
    settings = {"process_revision_directives": skip_empty}
    settings.update(migrate.configure_args)
    settings.update(
        options,
        target_metadata=get_metadata(name),
        upgrade_token=name + "_upgrades",
        downgrade_token=name + "_downgrades",
    )
    context.configure(**settings)


def run_offline():
    """Write the SQL of the revisions (--sql), each database under a heading."""
    for name in NAMES:
        configure(name, url=get_url(name), **OFFLINE)
        context.static_output("-- database: " + (name or "default"))
        with context.begin_transaction():
            context.run_migrations(engine_name=name)


def run_online():
    """Run the revisions on all databases, and commit when all of them succeeded."""
    connections = {}
    transactions = []
    try:
        for name in NAMES:
            connections[name] = get_engine(name).connect()
            transactions.append(connections[name].begin())
        for name in NAMES:
            configure(name, connection=connections[name])
            context.run_migrations(engine_name=name)
        for transaction in transactions:
            transaction.commit()
    except BaseException:
        for transaction in transactions:
            transaction.rollback()
        raise
    finally:
        for connection in connections.values():
            connection.close()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
