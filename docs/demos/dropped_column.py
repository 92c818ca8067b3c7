"""A revision drops a column that holds data."""

from __future__ import annotations

from sessions import Session


def demo(session: Session) -> None:
    """As `migrate` writes it where a column was renamed in the models."""
    session.quietly("flask db init")
    session.revision(
        "1a1a1a1a1a1a",
        None,
        "users",
        'op.execute("CREATE TABLE user (id INTEGER PRIMARY KEY, nick VARCHAR(20))")',
        """op.execute("INSERT INTO user VALUES (1, 'ann'), (2, 'bob')")""",
    )
    session.quietly("flask db upgrade")
    session.revision(
        "2b2b2b2b2b2b",
        "1a1a1a1a1a1a",
        "names",
        'with op.batch_alter_table("user") as batch:',
        '    batch.add_column(sa.Column("name", sa.String(20)))',
        '    batch.drop_column("nick")',
    )
    if session.side.package == "migrate_script":
        session.run("flask db upgrade --no-loss")
    session.run("flask db upgrade")
    session.say("rows", session.query("SELECT * FROM user"))
