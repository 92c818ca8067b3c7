"""A small blog; `manage.py` beside this folder runs it, and its migrations."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask

from migrate_script import Migrate

from .models import db
from .views import pages

HERE = Path(__file__).resolve().parent

# absolute paths, so that the commands work from every folder
migrate = Migrate(db=db, directory=HERE / "migrations")
SQLITE = f"sqlite:///{HERE.parent / 'blog.db'}"


def create_app() -> Flask:
    """Make the blog, on SQLite unless DATABASE_URL names another database."""
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ.get("DATABASE_URL", SQLITE)
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    db.init_app(app)
    migrate.init_app(app)
    app.register_blueprint(pages)
    return app
