"""What a connection of SQLite tells of itself."""

from __future__ import annotations

from typing import Any


def _rows(raw: Any, query: str) -> list[Any]:
    cursor = raw.cursor()
    cursor.row_factory = None  # an application may want its rows as dictionaries
    return list(cursor.execute(query))


def setting(raw: Any, name: str) -> Any:
    """Give the value of a setting of SQLite's.

    :param raw: the driver's connection
    :param name: the setting
    :raises sqlite3.Error: the file is not a database
    """
    return _rows(raw, f"PRAGMA {name}")[0][0]


def database_file(raw: Any) -> str | None:
    """Give the path of the file behind a connection; None for a database in memory.

    :param raw: the driver's connection
    :raises sqlite3.Error: the file is not a database
    """
    files = [row[2] for row in _rows(raw, "PRAGMA database_list") if row[1] == "main"]
    return files[0] or None if files else None
