"""Two pages: all posts, the newest first, and one post with its comments."""

from __future__ import annotations

from flask import Blueprint, render_template_string

from .models import Post

pages = Blueprint("pages", __name__)

POSTS = """<!doctype html>
<title>Blog</title>
<h1>Blog</h1>
{% for post in posts %}
<h2><a href="{{ url_for('pages.one_post', id=post.id) }}">{{ post.title }}</a></h2>
<p>{{ post.published }}, {{ post.author.name }} ({{ post.author.role.name }}).
Tags: {{ post.tags|map(attribute='name')|join(', ') }}. Comments: {{ post.comments|length }}.</p>
{% else %}
<p>No posts yet: run <code>python manage.py seed</code>.</p>
{% endfor %}
"""

ONE_POST = """<!doctype html>
<title>{{ post.title }}</title>
<h1>{{ post.title }}</h1>
<p>{{ post.body }}</p>
{% for comment in post.comments %}
<p>{{ comment.author.name }}: {{ comment.body }}</p>
{% endfor %}
<p><a href="{{ url_for('pages.all_posts') }}">All posts</a></p>
"""


@pages.route("/")
def all_posts() -> str:
    """Show every post."""
    posts = Post.query.order_by(Post.published.desc()).all()
    return render_template_string(POSTS, posts=posts)


@pages.route("/posts/<int:id>")
def one_post(id: int) -> str:
    """Show one post."""
    return render_template_string(ONE_POST, post=Post.query.filter_by(id=id).first_or_404())
