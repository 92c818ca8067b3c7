"""ALTER TABLE for SQLite: Alembic's operations by table rebuilds that lose nothing.

SQLite cannot change a column, add or drop a constraint, and drops few columns. Alembic's batch
copies what SQLAlchemy reflects, which leaves out triggers, CHECKs, collations, partial indexes and
more, and where foreign keys are enforced, dropping the old table deletes the rows that refer to it.
Here the CREATE TABLE is changed and everything else is kept, in a batch and outside.

A complete `env.py` of plain Alembic::

    from alembic import context
    from sqlalchemy import engine_from_config, pool

    from migrate_script import sqlite_alter

    config = context.config
    target_metadata = None


    def run_migrations_offline():
        url = config.get_main_option("sqlalchemy.url")
        context.configure(url=url, target_metadata=target_metadata)
        sqlite_alter.install(context.get_context(), url)
        with context.begin_transaction():
            context.run_migrations()


    def run_migrations_online():
        section = config.get_section(config.config_ini_section)
        engine = engine_from_config(section, poolclass=pool.NullPool)
        with engine.connect() as connection:
            context.configure(connection=connection, target_metadata=target_metadata)
            sqlite_alter.install(context.get_context())
            with context.begin_transaction():
                with sqlite_alter.checked(context.get_context(), "of this run"):
                    context.run_migrations()


    if context.is_offline_mode():
        run_migrations_offline()
    else:
        run_migrations_online()

An operation is done when it is called, each by a rebuild of its own; several changes of one table
cost one rebuild in `op.batch_alter_table()`. `rebuild()` changes a table without Alembic's
operations. Each operation is undone alone if it fails; for the whole of a revision to be undone,
the connection must be in a transaction that the `sqlite3` module does not end (see "Serializable
isolation / Savepoints / Transactional DDL" in SQLAlchemy's documentation of SQLite).
"""

from __future__ import annotations

from .changes import TableChanges as TableChanges
from .changes import rebuild as rebuild
from .errors import BrokenReferences as BrokenReferences
from .errors import ForeignImplementation as ForeignImplementation
from .errors import SQLiteAlterError as SQLiteAlterError
from .impl import after_statement as after_statement
from .impl import before_statement as before_statement
from .impl import checked as checked
from .impl import checked_run as checked_run
from .impl import install as install
from .impl import take_over as take_over
from .schema import clean_leftovers as clean_leftovers
from .schema import leftovers as leftovers
