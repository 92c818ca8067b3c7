"""A revision that fails half-way, is corrected, and runs again."""

from __future__ import annotations

from sessions import Session

_BEFORE = (
    'op.create_table("person", sa.Column("id", sa.Integer, primary_key=True))',
    """op.execute("INSERT INTO person VALUES (1)")""",
)


def fails_and_runs_again(session: Session) -> None:
    """Insert into a table that is not there; then, with its name corrected, again."""
    session.quietly("flask db init")
    wrong = 'op.execute("INSERT INTO persons VALUES (2)")'
    session.revision("1a1a1a1a1a1a", None, "people", *_BEFORE, wrong)
    session.run("flask db upgrade")
    session.say("tables", session.tables())
    session.revision("1a1a1a1a1a1a", None, "people", *_BEFORE, wrong.replace("persons", "person"))
    session.say("the script is corrected", "persons -> person")
    session.run("flask db upgrade")
    session.say("rows", session.query("SELECT count(*) FROM person"))
