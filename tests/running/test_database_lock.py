"""The lock of a database, held by a `with`."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from databases import rows
from processes import eventually
from sqlalchemy.pool import NullPool

from migrate_script import MigrateError
from migrate_script.running import locking
from migrate_script.running.locking import database_lock


@pytest.fixture
def engine(database):
    """An engine of a database of each kind."""
    return sa.create_engine(database, poolclass=NullPool)


def lock_of(connection, timeout=5):
    """The lock of the database of a connection."""
    url = connection.engine.url
    file = url.database if connection.dialect.name == "sqlite" else None
    return database_lock(connection, timeout, file)


def test_the_second_bind_of_a_database_holds_the_lock_of_the_first(engine):
    """It checks that lock before its commits, and leaves it when it is done."""
    with engine.connect() as first, engine.connect() as second:
        with lock_of(first) as lock:
            with lock_of(second) as inner:
                assert inner is lock
            lock.check(first)
            assert "cannot be seen" not in lock.holder()


def test_the_lock_is_free_afterwards(engine):
    """Whether or not what it protected has failed."""
    with engine.connect() as connection:
        for _ in range(2):
            with pytest.raises(KeyError), lock_of(connection, 0):
                raise KeyError


def test_who_does_not_get_the_lock_leaves_no_connection(new_database, monkeypatch):
    """The one that would have held it is closed, even where the error is kept."""
    url = new_database("postgresql")
    engine = sa.create_engine(url, poolclass=NullPool)
    with engine.connect() as first, engine.connect() as second, lock_of(first):
        monkeypatch.setattr(locking, "_HELD", [])  # as another process sees it
        with pytest.raises(MigrateError, match="is still running") as kept:
            with lock_of(second, 0.2):
                pass
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        eventually(lambda: rows(url, others) == [(4,)])  # two, the holder's, and the one that asks
        assert kept
        monkeypatch.undo()
