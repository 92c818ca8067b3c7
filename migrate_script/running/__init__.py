"""A script meets a database: Alembic's commands, run with this package's care."""

from .forward import forward as forward
from .restoring import restore as restore
