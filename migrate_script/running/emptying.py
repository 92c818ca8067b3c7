"""What empties a PostgreSQL database before a copy is put back.

`pg_restore --clean` drops what it is about to make again, and nothing that was made since; the
table that a new enum type is used in would stay, and so would the type.
"""

from __future__ import annotations

# Tables before what belongs to them, everything before the schema that it is in. What went with
# something else is not there any more, hence IF EXISTS.
EMPTY_POSTGRESQL = """
DO $empty$
DECLARE
    one record;
    outside CONSTANT text := '^pg_|^information_schema$';
BEGIN
    FOR one IN
        SELECT 1 AS place, format('EXTENSION IF EXISTS %I', extname) AS what
            FROM pg_extension WHERE extname <> 'plpgsql'
        UNION ALL SELECT CASE WHEN c.relkind IN ('r', 'p', 'f') THEN 2 ELSE 3 END,
            format('%s IF EXISTS %I.%I', k.word, n.nspname, c.relname)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            JOIN (VALUES ('r', 'TABLE'), ('p', 'TABLE'), ('f', 'FOREIGN TABLE'), ('v', 'VIEW'),
                ('m', 'MATERIALIZED VIEW'), ('S', 'SEQUENCE'), ('c', 'TYPE')) k (kind, word)
                ON k.kind = c.relkind::text
            WHERE n.nspname !~ outside
        UNION ALL SELECT 4, format('AGGREGATE IF EXISTS %s', p.oid::regprocedure)
            FROM pg_proc p JOIN pg_aggregate a ON a.aggfnoid = p.oid
            JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname !~ outside
        UNION ALL SELECT 5, format('%s IF EXISTS %s', CASE WHEN
                current_setting('server_version_num')::integer < 110000 THEN 'FUNCTION'
                ELSE 'ROUTINE' END, p.oid::regprocedure)
            FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
            WHERE n.nspname !~ outside
            AND NOT EXISTS (SELECT 1 FROM pg_aggregate a WHERE a.aggfnoid = p.oid)
        UNION ALL SELECT 6, format('TYPE IF EXISTS %I.%I', n.nspname, t.typname)
            FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
            WHERE n.nspname !~ outside AND t.typtype IN ('e', 'd', 'r')
        UNION ALL SELECT 7, format('COLLATION IF EXISTS %I.%I', n.nspname, c.collname)
            FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
            WHERE n.nspname !~ outside
        UNION ALL SELECT 8, format('SCHEMA IF EXISTS %I', nspname)
            FROM pg_namespace WHERE nspname !~ outside AND nspname <> 'public'
        ORDER BY place
    LOOP
        EXECUTE 'DROP ' || one.what || ' CASCADE';
    END LOOP;
END
$empty$
"""
