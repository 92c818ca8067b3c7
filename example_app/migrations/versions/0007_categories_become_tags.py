"""categories become tags

Revision ID: 0007
Revises: 0006
Create Date: 2026-06-08 10:12:06.884751
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade():
    op.execute(
        """
        INSERT INTO tags (name) SELECT DISTINCT category FROM posts
        WHERE category IS NOT NULL AND category NOT IN (SELECT name FROM tags)
        """
    )
    op.execute(
        """
        INSERT INTO post_tags (post_id, tag_id)
        SELECT posts.id, tags.id FROM posts JOIN tags ON tags.name = posts.category
        """
    )


def downgrade():
    # a post has one category: the first of its tags becomes it, the others stay tags
    op.execute(
        """
        UPDATE posts SET category = (
            SELECT MIN(tags.name) FROM tags JOIN post_tags ON post_tags.tag_id = tags.id
            WHERE post_tags.post_id = posts.id
        )
        """
    )
    op.execute(
        """
        DELETE FROM post_tags WHERE tag_id = (
            SELECT tags.id FROM tags JOIN posts ON posts.category = tags.name
            WHERE posts.id = post_tags.post_id
        )
        """
    )
