"""comments and tags

Revision ID: 0006
Revises: 0004, 0005
Create Date: 2026-05-20 09:31:44.517392
"""

revision = "0006"
down_revision = ("0004", "0005")
branch_labels = None
depends_on = None


def upgrade():
    pass


def downgrade():
    pass
