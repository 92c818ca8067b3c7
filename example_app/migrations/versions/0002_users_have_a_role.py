"""users have a role

Revision ID: 0002
Revises: 0001
Create Date: 2026-03-09 17:40:02.770913
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "roles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", name="uq_roles_name"),
    )
    op.execute("INSERT INTO roles (name) VALUES ('author'), ('reader')")

    # the table has rows: they get the column empty, then a value, then the obligation to have one
    with op.batch_alter_table("users") as batch_op:
        batch_op.add_column(sa.Column("role_id", sa.Integer(), nullable=True))
    op.execute("UPDATE users SET role_id = (SELECT id FROM roles WHERE name = 'author')")
    with op.batch_alter_table("users") as batch_op:
        batch_op.alter_column("role_id", existing_type=sa.Integer(), nullable=False)
        batch_op.create_foreign_key("fk_users_role_id", "roles", ["role_id"], ["id"])


def downgrade():
    with op.batch_alter_table("users") as batch_op:
        batch_op.drop_constraint("fk_users_role_id", type_="foreignkey")
        batch_op.drop_column("role_id")
    op.drop_table("roles")
