"""Random operations on the tables of random_tables.py, each with its way back."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, Tuple

from hypothesis import strategies as st
from random_tables import Schema

Call = Tuple[str, Tuple[str, ...], str]
# operations that name the table first; the others name it behind the constraint or index
_TABLE_FIRST = ("alter_column", "add_column", "drop_column")
_BATCHES = {
    "batch": 'with op.batch_alter_table("{}") as batch_op:',
    "copy": 'with op.batch_alter_table("{}", recreate="always") as batch_op:',
    "described": (
        'with op.batch_alter_table("{}", recreate="always", '
        'reflect_args=[sa.Column("id", sa.Integer())]) as batch_op:'
    ),
}


class Operation(NamedTuple):
    """Something that a revision does to a table, how it undoes it, and what words it takes."""

    table: str
    up: list[Call]
    down: list[Call]
    loses: str = ""


def call(method: str, *arguments: Any, **keywords: Any) -> Call:
    """Record a call; arguments of type `str` are written as they are."""
    written = "".join(f", {key}={value}" for key, value in keywords.items())
    return method, tuple(str(argument) for argument in arguments), written


def _line(one: Call, table: str, batch: bool) -> str:
    method, arguments, keywords = one
    parts = list(arguments)
    if not batch:
        parts.insert(0 if method in _TABLE_FIRST else 1, repr(table))
    elif method == "drop_index":
        parts = parts[:1]
    return f"{'batch_op' if batch else 'op'}.{method}({', '.join(parts)}{keywords})"


def written(table: str, calls: list[Call], style: str) -> list[str]:
    """Write calls as a script does, in a batch or without one."""
    if style == "plain":
        return [_line(one, table, False) for one in calls]
    lines = [_line(one, table, True) for one in calls]
    return [_BATCHES[style].format(table), *("    " + line for line in lines)]


def _adding(draw: Any, number: int, schema: Schema) -> Operation:
    """Add a column, bare or with all that can come with it."""
    name = f"new{number}"
    kind = draw(st.sampled_from(["sa.Integer()", "sa.Text()"]))
    more = draw(
        st.sampled_from(
            ["", ", unique=True", ', nullable=False, server_default="5"', "FK", "named FK"]
        )
    )
    if more.endswith("FK"):
        kind = "sa.Integer()"
        key = f', name="fk_{name}"' if more.startswith("named") else ""
        more = f', sa.ForeignKey("p.id"{key})'
    up = [call("add_column", f'sa.Column("{name}", {kind}{more})')]
    down = [call("drop_column", f'"{name}"')]
    if draw(st.booleans()):
        up.append(call("create_index", f'"ix_{name}"', f'["{name}"]'))
        if draw(st.booleans()):
            down.insert(0, call("drop_index", f'"ix_{name}"'))
    return Operation("t", up, down)


def _adding_a_key(draw: Any, number: int, schema: Schema) -> Operation:
    """A column, its foreign key by an operation of its own, and both gone again."""
    name = f"new{number}"
    up = [
        call("add_column", f'sa.Column("{name}", sa.Integer(), nullable=True)'),
        call("create_foreign_key", f'"fk_{name}"', '"p"', f'["{name}"]', '["id"]'),
    ]
    down = [
        call("drop_constraint", f'"fk_{name}"', type_='"foreignkey"'),
        call("drop_column", f'"{name}"'),
    ]
    return Operation("t", up, down)


def _constraining(draw: Any, number: int, schema: Schema) -> Operation:
    """Add a constraint."""
    name = f'"k{number}"'
    column = draw(st.sampled_from(schema.columns))
    kind = draw(st.sampled_from(["unique", "check"]))
    if kind == "unique" and schema.key != "none":
        up = call("create_unique_constraint", name, f'["id", {column.name!r}]')
    else:
        kind = "check"
        condition = f"{column.written} IS NOT '?:%{number}'"
        if schema.portable:
            condition = f"id <> 99{number}"
        up = call("create_check_constraint", name, repr(condition))
    return Operation("t", [up], [call("drop_constraint", name, type_=f'"{kind}"')])


def _type(draw: Any, number: int, schema: Schema) -> Operation:
    """Change a type to another of the same affinity, and back."""
    column = draw(st.sampled_from(schema.columns))
    if schema.strict or column.type == "ANY":
        return _adding(draw, number, schema)
    types = {"INTEGER": "sa.Integer()", "TEXT": "sa.Text()", "VARCHAR(20)": "sa.String(20)"}
    new = "sa.BigInteger()" if column.type == "INTEGER" else "sa.String(50)"
    existing = types[column.type]
    return Operation(
        "t",
        [call("alter_column", repr(column.name), existing_type=existing, type_=new)],
        [call("alter_column", repr(column.name), existing_type=new, type_=existing)],
        column.type,
    )


def _nullable(draw: Any, number: int, schema: Schema) -> Operation:
    """Drop a NOT NULL, and set it again."""
    found = [c for c in schema.columns if "NOT NULL" in c.clauses]
    if not found:
        return _adding(draw, number, schema)
    name = repr(draw(st.sampled_from(found)).name)
    up = call("alter_column", name, existing_type="sa.Text()", nullable=True)
    down = call("alter_column", name, existing_type="sa.Text()", nullable=False)
    return Operation("t", [up], [down], "NOT NULL")


def _default(draw: Any, number: int, schema: Schema) -> Operation:
    """Change a default, and set the old one again."""
    column = draw(st.sampled_from(schema.columns))
    name, old = repr(column.name), "None"
    if column.default:
        old = f"sa.text({column.default!r})"
    expressions = [] if schema.portable else ["sa.text(\"(5 || 'q')\")"]
    new = draw(st.sampled_from(['"7"', "None", *expressions]))
    up = call("alter_column", name, existing_type="sa.Text()", server_default=new)
    down = call("alter_column", name, existing_type="sa.Text()", server_default=old)
    return Operation("t", [up], [down], f"DEFAULT {column.default}")


def _name(draw: Any, number: int, schema: Schema) -> Operation:
    """Rename a column, and rename it back."""
    column = draw(st.sampled_from(schema.columns))
    old, new = repr(column.name), f'"renamed {number}"'
    up = call("alter_column", old, existing_type="sa.Text()", new_column_name=new)
    down = call("alter_column", new, existing_type="sa.Text()", new_column_name=old)
    return Operation("t", [up], [down], "*")


def _dropping(draw: Any, number: int, schema: Schema) -> Operation:
    """Drop a constraint that has a name, and make it again."""
    found = [text for text in schema.constraints if text.startswith("CONSTRAINT ck_t")]
    if not found:
        return _constraining(draw, number, schema)
    condition = re.findall(r"CHECK \((.*)\)", found[0])[0]
    up = call("drop_constraint", '"ck_t"', type_='"check"')
    return Operation(
        "t",
        [up],
        [call("create_check_constraint", '"ck_t"', repr(condition))],
        found[0],
    )


def _parent(draw: Any, number: int, schema: Schema) -> Operation:
    """Alter the table that others refer to, or the one that refers."""
    return Operation(
        draw(st.sampled_from(["p", "c"])),
        [call("add_column", f'sa.Column("new{number}", sa.Text(), server_default="n")')],
        [call("drop_column", f'"new{number}"')],
    )


_KINDS = [
    _adding, _adding_a_key, _constraining, _type, _nullable, _default, _name, _dropping, _parent,
]  # fmt: skip


class Revision(NamedTuple):
    """What a random revision does, its way back, and the words that it takes."""

    up: str
    down: str
    loses: str


@st.composite
def revisions(draw: Any, schema: Schema, most: int) -> Revision:
    """Draw a revision of one or more operations, each in one of the ways to write it."""
    kinds = draw(st.lists(st.sampled_from(_KINDS), min_size=1, max_size=most))
    kinds.sort(key=lambda kind: kind is _name)  # the others speak of the first name
    up: list[str] = []
    down: list[str] = []
    loses = []
    seen = set()
    for number, kind in enumerate(kinds):
        if kind in (_type, _nullable, _default, _name, _dropping) and seen:
            continue
        # two operations that change one column would not be undone one by one
        seen |= {kind} & {_type, _nullable, _default, _name, _dropping}
        operation = kind(draw, number, schema)
        # elsewhere a copy of the table is Alembic's own
        copies = [] if schema.portable else ["copy", "described"]
        style = draw(st.sampled_from(["plain", "batch", *copies]))
        up += written(operation.table, operation.up, style)
        down = written(operation.table, operation.down, style) + down
        loses.append(operation.loses)
        if draw(st.booleans()):
            up.append('op.execute("SELECT 1")')
    return Revision("\n".join(up), "\n".join(down), " ".join(loses))
