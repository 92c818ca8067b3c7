"""A script meets a database: Alembic's commands, run with this package's care."""

from .copies.restoring import restore as restore
from .forward import forward as forward
