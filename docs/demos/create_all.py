"""The application has made its tables by db.create_all() before the first upgrade."""

from __future__ import annotations

from sessions import Session


def demo(session: Session) -> None:
    """Record the revision instead of running it, as the message or a search says."""
    session.append(
        "app.py",
        """
        class User(db.Model):
            id = db.Column(db.Integer, primary_key=True)
        """,
    )
    session.quietly("flask db init")
    make = 'op.create_table("user", sa.Column("id", sa.Integer, primary_key=True))'
    session.revision("1a1a1a1a1a1a", None, "users", make)
    session.quietly("python -c 'import app; app.app.app_context().push(); app.db.create_all()'")
    session.run("flask db upgrade")
    session.run("flask db stamp head")
    session.run("flask db check")
