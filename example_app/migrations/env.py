"""Executed by every command that needs the database, to connect it with the revisions."""

import logging
from logging.config import fileConfig

from alembic import context
from flask import current_app

config = context.config
fileConfig(config.config_file_name, disable_existing_loggers=False)
log = logging.getLogger("alembic.env")

migrate = current_app.extensions["migrate"]
db = migrate.db

# for a file of SQL: values in place of parameters, and percent signs as they are
OFFLINE = {"literal_binds": True, "dialect_opts": {"paramstyle": "named"}}


def get_engine():
    """The engine of the application's database."""
    if getattr(db, "engines", None) is not None:  # Flask-SQLAlchemy since 3.0
        return db.engines[None]
    try:
        return db.get_engine()
    except TypeError:  # Flask-SQLAlchemy before 2.3
        return db.get_engine(current_app)


def get_url():
    """The URL of the database with its password, for --sql to find the dialect."""
    url = get_engine().url
    if hasattr(url, "render_as_string"):
        return url.render_as_string(hide_password=False)
    return str(url)


def get_metadata():
    """The tables that the models describe."""
    return db.metadatas[None] if hasattr(db, "metadatas") else db.metadata


def skip_empty(migration_context, revision, directives):
    """Write no file when --autogenerate finds no difference."""
    if getattr(config.cmd_opts, "autogenerate", False) and directives[0].upgrade_ops.is_empty():
        directives[:] = []
        log.info("No changes in schema detected: the models and the database agree.")


def configure(**options):
    """Tell Alembic what the application wants, and what env.py adds to it."""
    settings = {"process_revision_directives": skip_empty}
    settings.update(migrate.configure_args)
    settings.update(options, target_metadata=get_metadata())
    context.configure(**settings)


def run_offline():
    """Write the SQL of the revisions (--sql)."""
    configure(url=get_url(), **OFFLINE)
    with context.begin_transaction():
        context.run_migrations()


def run_online():
    """Run the revisions on the database."""
    with get_engine().connect() as connection:
        configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
