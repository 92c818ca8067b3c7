"""Eight processes upgrade an empty PostgreSQL at once."""

from __future__ import annotations

from sessions import Session

NUMBER = 8


def demo(session: Session) -> None:
    """Count those that end with 0; the revision takes a second."""
    session.on("postgresql")
    session.quietly("flask db init")
    # however slow the machine is, all of them begin at the same time
    session.append(
        "app.py",
        f"""
        import glob
        import time

        open(f"ready-{{os.getpid()}}", "w").close()
        while len(glob.glob("ready-*")) < {NUMBER}:
            time.sleep(0.01)
        """,
    )
    session.revision(
        "1a1a1a1a1a1a",
        None,
        "users",
        'op.create_table("person", sa.Column("id", sa.Integer, primary_key=True))',
        'op.execute("SELECT pg_sleep(1)")',
    )
    session.lines.append(f"$ flask db upgrade   # {NUMBER} processes at once")
    done = session.at_once("flask db upgrade", NUMBER)
    failed = sum(status != 0 for status, _ in done)
    traces = sum("Traceback" in output for _, output in done)
    session.say("processes that failed", "some" if failed else "none")
    session.say("tracebacks", "some" if traces else "none")
    session.say("tables", session.tables())
