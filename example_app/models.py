"""Users have a role and write posts and comments; posts have tags."""

from __future__ import annotations

from datetime import date

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData

# a constraint that has a name can be dropped again, on every database
NAMES = {
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
}

db = SQLAlchemy(metadata=MetaData(naming_convention=NAMES))


class Role(db.Model):
    """What a user may do."""

    __tablename__ = "roles"
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(32), nullable=False, unique=True)
    users = db.relationship("User", backref="role")


class User(db.Model):
    """Somebody who writes."""

    __tablename__ = "users"
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(64), nullable=False, unique=True)
    role_id = db.Column(db.Integer, db.ForeignKey("roles.id"), nullable=False)
    posts = db.relationship("Post", backref="author")
    comments = db.relationship("Comment", backref="author")


post_tags = db.Table(
    "post_tags",
    db.Column("post_id", db.Integer, db.ForeignKey("posts.id"), primary_key=True),
    db.Column("tag_id", db.Integer, db.ForeignKey("tags.id"), primary_key=True),
)


class Post(db.Model):
    """A page of the blog."""

    __tablename__ = "posts"
    id = db.Column(db.Integer, primary_key=True)
    title = db.Column(db.String(200), nullable=False)
    body = db.Column(db.Text, nullable=False)
    published = db.Column(db.Date, nullable=False, default=date.today, index=True)
    author_id = db.Column(db.Integer, db.ForeignKey("users.id"), nullable=False)
    comments = db.relationship("Comment", backref="post", order_by="Comment.id")
    tags = db.relationship("Tag", secondary=post_tags, backref="posts", order_by="Tag.name")


class Comment(db.Model):
    """An answer to a post."""

    __tablename__ = "comments"
    id = db.Column(db.Integer, primary_key=True)
    body = db.Column(db.Text, nullable=False)
    post_id = db.Column(db.Integer, db.ForeignKey("posts.id"), nullable=False)
    author_id = db.Column(db.Integer, db.ForeignKey("users.id"), nullable=False)


class Tag(db.Model):
    """A word that posts have in common."""

    __tablename__ = "tags"
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(32), nullable=False, unique=True)
