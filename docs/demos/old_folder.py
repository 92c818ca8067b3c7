"""A folder that Flask-Migrate 2.4 made, with two heads."""

from __future__ import annotations

from sessions import Session, copy_template, template_of


def demo(session: Session) -> None:
    """Its alembic.ini names no logger for the errors of Flask-Migrate, and switches that off."""
    template = template_of("2.4.0", session.side)
    copy_template(template, session.folder / "migrations")
    make = 'op.create_table("{}", sa.Column("id", sa.Integer, primary_key=True))'
    session.revision("1a1a1a1a1a1a", None, "first", make.format("a"))
    session.revision("2b2b2b2b2b2b", "1a1a1a1a1a1a", "ours", make.format("b"))
    session.revision("3c3c3c3c3c3c", "1a1a1a1a1a1a", "theirs", make.format("c"))
    session.run("flask db upgrade")
