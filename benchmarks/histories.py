"""Histories of revisions and models of tables, for Alembic and for Django, of any size.

A revision creates a table, an index on it, or adds a column to it, in turns. With merges, two
revisions of every forty have the same parent, and the next one joins them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, NamedTuple

MERGE_EVERY = 40


class Revision(NamedTuple):
    """One revision: its number, those before it, and what it does to which table."""

    number: int
    parents: tuple[int, ...]
    kind: str  # table, index, column, merge
    table: int

    @property
    def name(self) -> str:
        """Return its identifier."""
        return f"{self.number:012x}"


def history(length: int, merges: bool = False) -> Iterator[Revision]:
    """Plan revisions, from the oldest to the one head."""
    table = 0
    kinds = ("table", "index", "column")
    at = 0  # the place in the turns
    number = 1
    while number <= length:
        parents = (number - 1,) if number > 1 else ()
        if merges and number > 1 and number % MERGE_EVERY == 0 and number + 2 <= length:
            table += 2
            yield Revision(number, parents, "table", table - 1)
            yield Revision(number + 1, parents, "table", table)
            yield Revision(number + 2, (number, number + 1), "merge", 0)
            number, at = number + 3, 1
            continue
        table += kinds[at % 3] == "table"
        yield Revision(number, parents, kinds[at % 3], table)
        number, at = number + 1, at + 1


# -- Alembic ---------------------------------------------------------------------------------------

_SCRIPT = '''\
"""{kind} {table}

Revision ID: {name}
Revises: {revises}
Create Date: 2026-01-01 00:00:00.000000

"""
from alembic import op
import sqlalchemy as sa


# revision identifiers, used by Alembic.
revision = {name!r}
down_revision = {down!r}
branch_labels = None
depends_on = None


def upgrade():
    {upgrade}


def downgrade():
    {downgrade}
'''
_UP = {
    "table": """op.create_table(
        "h{0}",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=True),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["parent_id"], ["h{1}.id"]),
        sa.PrimaryKeyConstraint("id"),
    )""",
    "index": 'op.create_index("ix_h{0}_name", "h{0}", ["name"])',
    "column": 'op.add_column("h{0}", sa.Column("note", sa.String(length=20), nullable=True))',
    "merge": "pass",
}
_DOWN = {
    "table": 'op.drop_table("h{0}")',
    "index": 'op.drop_index("ix_h{0}_name", table_name="h{0}")',
    "column": 'op.drop_column("h{0}", "note")',
    "merge": "pass",
}


def write_alembic(folder: Path, length: int, merges: bool) -> None:
    """Write the scripts of a history into `versions`."""
    names = {}
    for each in history(length, merges):
        names[each.number] = each.name
        down = tuple(names[parent] for parent in each.parents)
        fields = (each.table, max(each.table // 2, 1))
        text = _SCRIPT.format(
            kind=each.kind,
            table=each.table,
            name=each.name,
            revises=", ".join(down),
            down=(down if len(down) > 1 else down[0]) if down else None,
            upgrade=_UP[each.kind].format(*fields),
            downgrade=_DOWN[each.kind].format(*fields),
        )
        (folder / f"{each.name}_{each.kind}_{each.table}.py").write_text(text, encoding="utf-8")


_MODEL = """

class M{0}({base}):
    __tablename__ = "m{0}"
    __table_args__ = ({sa}UniqueConstraint("code", "amount", name="uq_m{0}"),)
    id = {sa}Column({sa}Integer, primary_key=True)
    name = {sa}Column({sa}String(50), nullable=False, index=True)
    code = {sa}Column({sa}String(20), nullable=False)
    amount = {sa}Column({sa}Integer)
    note = {sa}Column({sa}Text)
    made = {sa}Column({sa}DateTime)
    parent_id = {sa}Column({sa}Integer, {sa}ForeignKey("m{1}.id"))
"""


def models(tables: int, base: str, sa: str) -> str:
    """Write the classes of models for SQLAlchemy."""
    return "".join(_MODEL.format(n, max(n // 2, 1), base=base, sa=sa) for n in range(1, tables + 1))


# -- Django ----------------------------------------------------------------------------------------

_MIGRATION = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    {initial}dependencies = {dependencies}
    operations = [{operation}]
"""
_OPERATIONS = {
    "table": """
        migrations.CreateModel(
            name="H{0}",
            fields=[
                ("id", models.AutoField(primary_key=True)),
                ("name", models.CharField(max_length=50)),
                ("amount", models.IntegerField(null=True)),
                ("parent", models.ForeignKey("shop.H{1}", models.CASCADE, null=True,
                                             db_index=False, related_name="+")),
            ],
        ),
    """,
    "index": """
        migrations.AddIndex("H{0}", models.Index(fields=["name"], name="ix_h{0}_name")),
    """,
    "column": """
        migrations.AddField("H{0}", "note", models.CharField(max_length=20, null=True)),
    """,
    "merge": "",
}


def write_django(folder: Path, length: int, merges: bool) -> None:
    """Write the migrations of a history into `migrations`."""
    for each in history(length, merges):
        text = _MIGRATION.format(
            initial="initial = True\n    " if not each.parents else "",
            dependencies=[("shop", f"m{parent:06}") for parent in each.parents],
            operation=_OPERATIONS[each.kind].format(each.table, max(each.table // 2, 1)),
        )
        (folder / f"m{each.number:06}.py").write_text(text, encoding="utf-8")


_DJANGO_MODEL = """

class M{0}(models.Model):
    id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=50, db_index=True)
    code = models.CharField(max_length=20)
    amount = models.IntegerField(null=True)
    note = models.TextField(null=True)
    made = models.DateTimeField(null=True)
    parent = models.ForeignKey("M{1}", models.CASCADE, null=True, db_index=False, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["code", "amount"], name="uq_m{0}")]
"""


def django_models(tables: int) -> str:
    """Write the classes of models for Django."""
    return "".join(_DJANGO_MODEL.format(n, max(n // 2, 1)) for n in range(1, tables + 1))
