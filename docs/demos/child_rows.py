"""SQLite with foreign keys on: a batch changes a table whose rows others refer to."""

from __future__ import annotations

from sessions import Session


def demo(session: Session) -> None:
    """Change `user.name`, while five posts belong to a user, with ON DELETE CASCADE."""
    session.append(
        "app.py",
        """
        from sqlalchemy import event
        from sqlalchemy.engine import Engine


        @event.listens_for(Engine, "connect")
        def enforce(connection, record):
            connection.execute("PRAGMA foreign_keys = ON")
        """,
    )
    session.quietly("flask db init")
    session.revision(
        "1a1a1a1a1a1a",
        None,
        "users",
        'op.execute("CREATE TABLE user (id INTEGER PRIMARY KEY, name VARCHAR(20))")',
        'op.execute("CREATE TABLE post (id INTEGER PRIMARY KEY,"',
        '           " author INTEGER REFERENCES user ON DELETE CASCADE)")',
    )
    session.quietly("flask db upgrade")
    session.query("INSERT INTO user VALUES (1, 'ann')")
    session.query("INSERT INTO post VALUES (1, 1), (2, 1), (3, 1), (4, 1), (5, 1)")
    session.revision(
        "2b2b2b2b2b2b",
        "1a1a1a1a1a1a",
        "names",
        'with op.batch_alter_table("user") as batch:',
        '    batch.alter_column("name", type_=sa.String(64), existing_type=sa.String(20))',
    )
    session.say("posts before", session.query("SELECT count(*) FROM post"))
    session.run("flask db upgrade")
    session.say("posts after", session.query("SELECT count(*) FROM post"))
