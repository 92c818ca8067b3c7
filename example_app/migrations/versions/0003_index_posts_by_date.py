"""index posts by date

Revision ID: 0003
Revises: 0002
Create Date: 2026-04-13 08:05:51.092466
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("posts") as batch_op:
        batch_op.create_index("ix_posts_published", ["published"])


def downgrade():
    with op.batch_alter_table("posts") as batch_op:
        batch_op.drop_index("ix_posts_published")
