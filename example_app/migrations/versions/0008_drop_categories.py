"""drop categories

Revision ID: 0008
Revises: 0007
Create Date: 2026-06-22 14:47:33.120589
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("posts") as batch_op:
        batch_op.drop_column("category")


def downgrade():
    with op.batch_alter_table("posts") as batch_op:
        batch_op.add_column(sa.Column("category", sa.String(32), nullable=True))
