"""Whether the models and the database agree once the steps have run (`--verify`)."""

from __future__ import annotations

from typing import Any, Iterator

from alembic.autogenerate import compare_metadata


def _flat(differences: list[Any]) -> Iterator[Any]:
    for difference in differences:
        if isinstance(difference, list):
            yield from _flat(difference)
        else:
            yield difference


def _name(part: Any) -> str:
    table = getattr(part, "table", None)
    name = str(getattr(part, "name", part))
    return f"{table.name}.{name}" if table is not None else name


def differences(context: Any) -> list[str]:
    """Name what the models have and the database has not, or the other way round.

    :param context: Alembic's MigrationContext
    :raises Exception: they cannot be compared
    """
    metadata = context.opts.get("target_metadata")
    if metadata is None:
        return []
    found = _flat(compare_metadata(context, metadata))
    return [f"{each[0]} {_name(each[-1] if len(each) < 4 else each[3])}" for each in found]
