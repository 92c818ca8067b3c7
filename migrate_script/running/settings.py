"""What a command was asked for beside what Alembic knows."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import errors


class Settings(NamedTuple):
    """The care that a run takes.

    :param lock_timeout: how many seconds to wait for another migration of the database
    :param ddl_lock_timeout: how many seconds a statement waits for a table, on PostgreSQL
    :param dry_run: whether to undo all in the end
    :param verify: whether to compare the models and the database in the end
    :param backup: whether to copy the database before the first step
    :param yes: whether to lose data without a question
    :param clean_leftovers: whether to drop copies of tables where there is nothing else to do
    """

    lock_timeout: float = 300.0
    ddl_lock_timeout: float | None = None
    dry_run: bool = False
    verify: bool = False
    yes: bool = False
    backup: bool = False
    clean_leftovers: bool = False


def _seconds(name: str, value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise errors.BadSetting(name, value, "a number of seconds")
    return seconds


def split(*given: dict[str, Any]) -> tuple[Settings, list[dict[str, Any]]]:
    """Take the settings out of keywords.

    :param given: the keywords, those that count more behind those that count less
    :returns: the settings, and the keywords without them
    :raises UsageError: a value cannot be used
    """
    values: dict[str, Any] = {}
    for keywords in given:
        found = {k: v for k, v in keywords.items() if k in Settings._fields and v is not None}
        values.update(found)
    for name in ("lock_timeout", "ddl_lock_timeout"):
        if name in values:
            values[name] = _seconds(name, values[name])
    rest = [{k: v for k, v in each.items() if k not in Settings._fields} for each in given]
    return Settings(**values), rest
