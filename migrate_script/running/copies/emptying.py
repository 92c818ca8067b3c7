"""What empties a database of a server before a copy is put back.

The programs of the servers drop what they are about to make again, and nothing that was made since;
the table that a new enum type is used in would stay, and so would the type.
"""

from __future__ import annotations

from typing import Any

from ..ready import rows_of

# what only its owner can drop and make again
FOREIGN_EXTENSIONS = "SELECT extname FROM pg_extension WHERE NOT pg_has_role(extowner, 'USAGE')"

# Tables before what belongs to them, everything before the schema that it is in. What went with
# something else is not there any more, hence IF EXISTS. What belongs to an extension goes or stays
# with it; what a type or a table has made for itself cannot be dropped alone.
_EMPTY = """
DO $empty$
DECLARE
    one record;
BEGIN
    FOR one IN
        WITH own AS (SELECT oid, nspname FROM pg_namespace
            WHERE nspname !~ '^pg_|^information_schema$'),
        bound AS (SELECT classid, objid FROM pg_depend
            WHERE deptype IN ('e', 'i') AND objsubid = 0)
        SELECT 1 AS place, format('EXTENSION IF EXISTS %I', extname) AS what
            FROM pg_extension WHERE extname <> 'plpgsql' AND pg_has_role(extowner, 'USAGE')
        UNION ALL SELECT CASE WHEN c.relkind IN ('r', 'p', 'f') THEN 2 ELSE 3 END,
            format('%s IF EXISTS %I.%I', k.word, n.nspname, c.relname)
            FROM pg_class c JOIN own n ON n.oid = c.relnamespace
            JOIN (VALUES ('r', 'TABLE'), ('p', 'TABLE'), ('f', 'FOREIGN TABLE'), ('v', 'VIEW'),
                ('m', 'MATERIALIZED VIEW'), ('S', 'SEQUENCE')) k (kind, word)
                ON k.kind = c.relkind::text
            WHERE ('pg_class'::regclass, c.oid) NOT IN (SELECT * FROM bound)
        UNION ALL SELECT CASE WHEN a.aggfnoid IS NULL THEN 5 ELSE 4 END,
            format('%s IF EXISTS %s', CASE WHEN a.aggfnoid IS NOT NULL THEN 'AGGREGATE'
                WHEN current_setting('server_version_num')::integer < 110000 THEN 'FUNCTION'
                ELSE 'ROUTINE' END, p.oid::regprocedure)
            FROM pg_proc p JOIN own n ON n.oid = p.pronamespace
            LEFT JOIN pg_aggregate a ON a.aggfnoid = p.oid
            WHERE ('pg_proc'::regclass, p.oid) NOT IN (SELECT * FROM bound)
        UNION ALL SELECT 6, format('TYPE IF EXISTS %I.%I', n.nspname, t.typname)
            FROM pg_type t JOIN own n ON n.oid = t.typnamespace
            WHERE t.typtype IN ('e', 'd', 'r', 'c')
            AND ('pg_type'::regclass, t.oid) NOT IN (SELECT * FROM bound)
        UNION ALL SELECT 7, format('COLLATION IF EXISTS %I.%I', n.nspname, c.collname)
            FROM pg_collation c JOIN own n ON n.oid = c.collnamespace
            WHERE ('pg_collation'::regclass, c.oid) NOT IN (SELECT * FROM bound)
        UNION ALL SELECT 8, format('SCHEMA IF EXISTS %I', n.nspname)
            FROM own n WHERE n.nspname <> 'public'
            AND ('pg_namespace'::regclass, n.oid) NOT IN (SELECT * FROM bound)
            AND NOT EXISTS (SELECT 1 FROM pg_extension e
                WHERE e.extnamespace = n.oid AND NOT pg_has_role(e.extowner, 'USAGE'))
        ORDER BY place
    LOOP
        EXECUTE 'DROP ' || one.what || ' CASCADE';
    END LOOP;
END
$empty$
"""
# a line for each object that had gone with another would hide what goes wrong
EMPTY_POSTGRESQL = ("SET client_min_messages = warning", _EMPTY)


def empty_mysql(connection: Any, has_events: bool) -> str:
    """Write the statements that empty a database of MySQL's or MariaDB's.

    :param connection: SQLAlchemy's connection to it
    :param has_events: whether the copy would bring events back
    :raises Exception: the database refuses
    """
    kinds = {"VIEW": "VIEW", "SEQUENCE": "SEQUENCE"}
    found = [
        (kinds.get(kind, "TABLE"), name)
        for name, kind in rows_of(
            connection,
            "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES "
            "WHERE TABLE_SCHEMA = DATABASE()",
        )
    ]
    query = "SELECT {0}_TYPE, {0}_NAME FROM information_schema.{0}S WHERE {0}_SCHEMA = DATABASE()"
    found += rows_of(connection, query.format("ROUTINE"))
    if has_events:
        found += [("EVENT", name) for _, name in rows_of(connection, query.format("EVENT"))]
    names = {name: name.replace("`", "``") for _, name in found}
    drops = [f"DROP {kind} IF EXISTS `{names[name]}`;" for kind, name in found]
    return "\n".join(["SET FOREIGN_KEY_CHECKS = 0;", *drops])
