"""The project that many tests use: a manage.py, an application package, three revisions."""

from __future__ import annotations

from projects import Project, initialised

MANAGE = """
    from migrate_script import Manager, MigrateCommand
    from shop import app

    manager = Manager(app)
    manager.add_command("db", MigrateCommand)

    if __name__ == "__main__":
        manager.run()
"""

APP = """
    import os

    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy
    from migrate_script import Migrate

    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    app.config["SQLALCHEMY_TRACK_MODIFICATIONS"] = False
    db = SQLAlchemy(app)
    migrate = Migrate(app, db)


    class Product(db.Model):
        __tablename__ = "product"
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(64))
        price = db.Column(db.Integer)
"""

REVISION = '''
    """{message}"""
    import sqlalchemy as sa
    from alembic import op

    revision = "{revision}"
    down_revision = {parent!r}
    branch_labels = None
    depends_on = None


    def upgrade():
        {upgrade}


    def downgrade():
        {downgrade}
'''

STEPS = [
    (
        "aaaa",
        None,
        "products",
        'op.create_table("product", sa.Column("id", sa.Integer, primary_key=True))',
        'op.drop_table("product")',
    ),
    (
        "bbbb",
        "aaaa",
        "names",
        'op.add_column("product", sa.Column("name", sa.String(64)))',
        'with op.batch_alter_table("product") as batch: batch.drop_column("name")',
    ),
    (
        "cccc",
        "bbbb",
        "prices",
        'op.add_column("product", sa.Column("price", sa.Integer))',
        'with op.batch_alter_table("product") as batch: batch.drop_column("price")',
    ),
]


def write_revision(
    project: Project,
    revision: str,
    parent: str | None,
    message: str,
    upgrade: str = "pass",
    downgrade: str = "pass",
) -> None:
    """Write one revision file by hand, as a project would have it from long ago."""
    project.write(
        f"migrations/versions/{revision}_{message}.py",
        REVISION.format(
            message=message, revision=revision, parent=parent, upgrade=upgrade, downgrade=downgrade
        ),
    )


def write_shop(project: Project) -> Project:
    """Write the project, and make its folder with `db init`."""
    project.write("shop.py", APP)
    project.write("manage.py", MANAGE)
    initialised(project)
    for step in STEPS:
        write_revision(project, *step)
    return project
