<%!
    import re

    def identifier(bind):
        return re.sub(r"\W", "_", bind)
%><%
    from flask import current_app
    named = current_app.config.get("SQLALCHEMY_BINDS")
    if named is None:  # perhaps not Flask-SQLAlchemy
        named = getattr(current_app.extensions["migrate"].db, "bind_names", list)()
    binds = [""] + [name for name in named if name]
%>"""${message}

Revision ID: ${up_revision}
Revises:${" " + comma(down_revision) if down_revision else ""}
Create Date: ${create_date}
"""
import re

import sqlalchemy as sa
from alembic import op
% if imports:
${imports}
% endif

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade(engine_name):
    run("upgrade", engine_name)


def downgrade(engine_name):
    run("downgrade", engine_name)


def run(direction, engine_name):
    """Call the function of a database; one that was added later has none here."""
    function = globals().get(direction + "_" + re.sub(r"\W", "_", engine_name))
    if function is not None:
        function()
% for bind in binds:


def upgrade_${identifier(bind)}():
    ${context.get(bind + "_upgrades", "pass")}


def downgrade_${identifier(bind)}():
    ${context.get(bind + "_downgrades", "pass")}
% endfor
