"""longer titles

Revision ID: 0009
Revises: 0008
Create Date: 2026-09-07 16:03:19.436078
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("posts") as batch_op:
        batch_op.alter_column(
            "title",
            existing_type=sa.String(64),
            type_=sa.String(200),
            existing_nullable=False,
        )


def downgrade():
    # a longer title would not fit any more
    op.execute("UPDATE posts SET title = SUBSTR(title, 1, 64)")
    with op.batch_alter_table("posts") as batch_op:
        batch_op.alter_column(
            "title",
            existing_type=sa.String(200),
            type_=sa.String(64),
            existing_nullable=False,
        )
