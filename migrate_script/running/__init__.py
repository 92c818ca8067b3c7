"""Runs one of Alembic's commands on a database: with a lock, checks and a report."""

from __future__ import annotations

from .runner import run_command as run_command
