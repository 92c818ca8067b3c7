"""The first rows of a new blog."""

from __future__ import annotations

from datetime import date

from .models import Comment, Post, Role, Tag, User, db


def seed() -> None:
    """Write the first posts, unless there are some."""
    if Post.query.count():
        print("There are posts already.")
        return
    # the migrations made the roles
    author, reader = (Role.query.filter_by(name=name).one() for name in ("author", "reader"))
    ann, bob = User(name="ann", role=author), User(name="bob", role=reader)
    flask, sql = Tag(name="flask"), Tag(name="sql")
    posts = [
        Post(
            title="Hello",
            body="This is a blog.",
            published=date(2026, 3, 2),
            author=ann,
            tags=[flask],
            comments=[Comment(body="Welcome!", author=bob)],
        ),
        Post(
            title="A column that must not be empty, in a table that has rows already",
            body="Add it, fill it, and only then forbid that it is empty.",
            published=date(2026, 3, 9),
            author=ann,
            tags=[flask, sql],
            comments=[
                Comment(body="In three steps?", author=bob),
                Comment(body="In one revision.", author=ann),
            ],
        ),
    ]
    db.session.add_all([ann, bob, flask, sql, *posts])
    db.session.commit()
    print(f"Wrote {len(posts)} posts.")
