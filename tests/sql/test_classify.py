"""What a statement of SQL is, on each database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_tables import EACH_RUN_THE_SAME

from migrate_script import sql
from migrate_script.sql import DDL, DML, EMPTY, QUERY, SAVEPOINT, SESSION, TRANSACTION
from migrate_script.sql.lexer import text_of

pytestmark = pytest.mark.any_stack

ANY, LITE, PG, MY, MARIA = "", "sqlite", "postgresql", "mysql", "mariadb"
DIALECTS = [ANY, LITE, PG, MY, MARIA]

# dialect, statement, kind, verb, tables (or savepoint, ...), and what else is not the default
CASES = [
    # nothing
    (ANY, "", EMPTY, "", ""),
    (ANY, " ;\n; ", EMPTY, "", ""),
    (ANY, "-- COMMIT", EMPTY, "", ""),
    (ANY, "/* COMMIT", EMPTY, "", ""),
    (MY, "# COMMIT", EMPTY, "", ""),
    (PG, "/* a /* nested */ COMMIT */", EMPTY, "", ""),
    # the ends of transactions
    (ANY, "BEGIN", TRANSACTION, "BEGIN", ""),
    (LITE, "BEGIN IMMEDIATE", TRANSACTION, "BEGIN", ""),
    (PG, "BEGIN ISOLATION LEVEL SERIALIZABLE", TRANSACTION, "BEGIN", ""),
    (ANY, "START TRANSACTION", TRANSACTION, "BEGIN", ""),
    (MY, "START TRANSACTION READ ONLY;", TRANSACTION, "BEGIN", ""),
    (ANY, "COMMIT", TRANSACTION, "COMMIT", ""),
    (ANY, "commit work;", TRANSACTION, "COMMIT", ""),
    (ANY, "/* done */ COMMIT", TRANSACTION, "COMMIT", ""),
    (ANY, "-- done\nCOMMIT -- really", TRANSACTION, "COMMIT", ""),
    (MY, "# done\nCOMMIT", TRANSACTION, "COMMIT", ""),
    (MY, "/*!50000 COMMIT */", TRANSACTION, "COMMIT", ""),
    (MARIA, "/*M! COMMIT */", TRANSACTION, "COMMIT", ""),
    (PG, "/* a /* nested */ one */ COMMIT", TRANSACTION, "COMMIT", ""),
    (LITE, "END", TRANSACTION, "COMMIT", ""),
    (LITE, "END TRANSACTION", TRANSACTION, "COMMIT", ""),
    (PG, "COMMIT AND CHAIN", TRANSACTION, "COMMIT", ""),
    (ANY, "ROLLBACK", TRANSACTION, "ROLLBACK", ""),
    (ANY, "ROLLBACK WORK", TRANSACTION, "ROLLBACK", ""),
    (ANY, "ROLLBACK TRANSACTION;", TRANSACTION, "ROLLBACK", ""),
    (ANY, "ROLLBACK /* TO s */", TRANSACTION, "ROLLBACK", ""),
    (PG, "ABORT", TRANSACTION, "ROLLBACK", ""),
    (PG, "ABORT WORK", TRANSACTION, "ROLLBACK", ""),
    (PG, "PREPARE TRANSACTION 'x'", TRANSACTION, "PREPARE TRANSACTION", ""),
    (PG, "COMMIT PREPARED 'x'", TRANSACTION, "COMMIT PREPARED", ""),
    (PG, "ROLLBACK PREPARED 'x'", TRANSACTION, "ROLLBACK PREPARED", ""),
    (MY, "XA START 'x'", TRANSACTION, "XA", ""),
    # savepoints
    (ANY, "SAVEPOINT s", SAVEPOINT, "SAVEPOINT", "s"),
    (ANY, 'SAVEPOINT "My s"', SAVEPOINT, "SAVEPOINT", "My s"),
    (PG, "SAVEPOINT S1", SAVEPOINT, "SAVEPOINT", "s1"),
    (MY, "SAVEPOINT `S 1`", SAVEPOINT, "SAVEPOINT", "S 1"),
    (ANY, "RELEASE s", SAVEPOINT, "RELEASE", "s"),
    (ANY, "RELEASE SAVEPOINT s", SAVEPOINT, "RELEASE", "s"),
    (ANY, "ROLLBACK TO s", SAVEPOINT, "ROLLBACK TO", "s"),
    (ANY, "ROLLBACK TO SAVEPOINT s", SAVEPOINT, "ROLLBACK TO", "s"),
    (LITE, "ROLLBACK TRANSACTION TO SAVEPOINT s", SAVEPOINT, "ROLLBACK TO", "s"),
    (ANY, "ROLLBACK TRANSACTION TO s", SAVEPOINT, "ROLLBACK TO", "s"),
    (PG, "ROLLBACK WORK TO s", SAVEPOINT, "ROLLBACK TO", "s"),
    (PG, "/* a */ ROLLBACK -- b\n WORK TO s;", SAVEPOINT, "ROLLBACK TO", "s"),
    # changes of rows
    (ANY, "INSERT INTO t VALUES (1)", DML, "INSERT", "t"),
    (ANY, "/* note */ INSERT INTO s.t (a) VALUES (';')", DML, "INSERT", "s.t"),
    (LITE, "INSERT OR IGNORE INTO [my t] VALUES (1)", DML, "INSERT", "my t"),
    (MY, "INSERT IGNORE `t` VALUES ('it\\'s; COMMIT')", DML, "INSERT", "t"),
    (MY, "INSERT DELAYED INTO t SELECT * FROM u", DML, "INSERT", "t", dict(sources=("u",))),
    (PG, "INSERT INTO T VALUES (1) RETURNING id", DML, "INSERT", "t", dict(returning=True)),
    (PG, "INSERT INTO t VALUES ('RETURNING')", DML, "INSERT", "t"),
    (PG, "INSERT INTO t VALUES ($$ ; RETURNING $$)", DML, "INSERT", "t"),
    (PG, "INSERT INTO t VALUES (E'\\' RETURNING')", DML, "INSERT", "t"),
    (ANY, "INSERT INTO t SELECT a FROM u JOIN s.v ON 1", DML, "INSERT", "t",
     dict(sources=("u", "s.v"))),
    (ANY, "REPLACE INTO t VALUES (1)", DML, "REPLACE", "t"),
    (MY, "REPLACE LOW_PRIORITY t SET a = 1", DML, "REPLACE", "t"),
    (ANY, "UPDATE t SET a = 1", DML, "UPDATE", "t"),
    (ANY, "/* note */ UPDATE t SET a = 1", DML, "UPDATE", "t"),
    (ANY, "UPDATE t SET a = (SELECT b FROM u) WHERE c", DML, "UPDATE", "t",
     dict(sources=("u",))),
    (LITE, 'UPDATE OR FAIL "t" SET a = 1', DML, "UPDATE", "t"),
    (PG, 'UPDATE ONLY "S"."T" AS x SET a = 1', DML, "UPDATE", "S.T"),
    (MY, "UPDATE t, `u` SET t.a = u.a", DML, "UPDATE", "t u"),
    (ANY, "DELETE FROM t", DML, "DELETE", "t", dict(every_row=True)),
    (ANY, "DELETE FROM t -- WHERE a", DML, "DELETE", "t", dict(every_row=True)),
    (ANY, "DELETE FROM t WHERE a = 1", DML, "DELETE", "t"),
    (ANY, "DELETE FROM t WHERE a IN (SELECT a FROM u)", DML, "DELETE", "t",
     dict(sources=("u",))),
    (PG, "DELETE FROM ONLY t USING u", DML, "DELETE", "t", dict(sources=("u",))),
    (PG, "DELETE FROM t RETURNING *", DML, "DELETE", "t", dict(returning=True, every_row=True)),
    (MY, "DELETE FROM t LIMIT 1", DML, "DELETE", "t"),
    (MY, "DELETE a, b.* FROM a JOIN b ON 1", DML, "DELETE", "a b", dict(sources=("b",))),
    (PG, "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE", DML, "MERGE", "t",
     dict(sources=("u",))),
    (MY, "LOAD DATA INFILE 'x' REPLACE INTO TABLE t", DML, "LOAD DATA", "t"),
    (PG, "LOAD 'library'", SESSION, "LOAD", ""),
    (PG, "COPY t (a, b) FROM STDIN", DML, "COPY", "t"),
    (PG, "COPY t TO STDOUT", QUERY, "COPY", "t"),
    (PG, "COPY (SELECT 1) TO STDOUT", QUERY, "COPY", ""),
    (ANY, "CALL p(1)", DML, "CALL", "", dict(object="p")),
    (PG, "DO $$ BEGIN UPDATE t SET a = 1; END $$", DDL, "DO", ""),
    (MY, "DO SLEEP(1)", QUERY, "DO", ""),
    # common table expressions
    (ANY, "WITH x AS (SELECT 1) SELECT * FROM x", QUERY, "SELECT", "", dict(sources=("x",))),
    (ANY, "WITH RECURSIVE x (n) AS (VALUES (1)), y AS (SELECT 2) SELECT 1", QUERY, "SELECT", ""),
    (ANY, "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", DML, "INSERT", "t",
     dict(sources=("x",))),
    (ANY, "WITH x AS (SELECT 1), y AS (SELECT 2) UPDATE t SET a = 1", DML, "UPDATE", "t"),
    (ANY, "WITH x AS (SELECT 1) DELETE FROM t WHERE a", DML, "DELETE", "t"),
    (PG, "WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x", DML, "DELETE", "t",
     dict(returning=True, every_row=True, sources=("x",))),
    (PG, "WITH x AS MATERIALIZED (UPDATE t SET a = f(1)) SELECT 1", DML, "UPDATE", "t"),
    (PG, "WITH x AS (SELECT ')') (SELECT 1)", QUERY, "SELECT", ""),
    (PG, "WITH x AS (SELECT 1) SELECT * INTO t FROM x", DDL, "SELECT INTO", "t",
     dict(sources=("x",))),
    # queries
    (ANY, "SELECT 1", QUERY, "SELECT", ""),
    (ANY, "/* COMMIT; */ SELECT 1", QUERY, "SELECT", ""),
    (ANY, "(SELECT 1) UNION (SELECT 2)", QUERY, "SELECT", ""),
    (ANY, "SELECT 'a' FROM t, s.u WHERE a IS DISTINCT FROM b", QUERY, "SELECT", "",
     dict(sources=("t", "s.u"))),
    (PG, "SELECT extract(year FROM d) FROM t LEFT JOIN ONLY u ON 1", QUERY, "SELECT", "",
     dict(sources=("t", "u"))),
    (PG, "SELECT a[1], $1::text FROM t FOR UPDATE", QUERY, "SELECT", "", dict(sources=("t",))),
    (PG, "SELECT a INTO t FROM u", DDL, "SELECT INTO", "t", dict(sources=("u",))),
    (PG, "SELECT a INTO TEMP TABLE t FROM u", DDL, "SELECT INTO", "t",
     dict(sources=("u",), temporary=True)),
    (MY, "SELECT a INTO @x FROM u", QUERY, "SELECT", "", dict(sources=("u",))),
    (ANY, "SELECT a INTO OUTFILE 'x' FROM u", QUERY, "SELECT", "", dict(sources=("u",))),
    (MY, "SELECT 1 -- 2\n", QUERY, "SELECT", ""),
    (MY, "SELECT 1--2", QUERY, "SELECT", ""),
    (PG, "VALUES (1)", QUERY, "VALUES", ""),
    (PG, "TABLE t", QUERY, "TABLE", ""),
    (PG, "FETCH NEXT FROM c", QUERY, "FETCH", ""),
    (MY, "SHOW CREATE TABLE t", QUERY, "SHOW", "", dict(reads_schema=True)),
    (MY, "DESC t", QUERY, "DESCRIBE", "t", dict(reads_schema=True)),
    (MY, "DESCRIBE `s`.`t`", QUERY, "DESCRIBE", "s.t", dict(reads_schema=True)),
    (MY, "SELECT a FROM t ORDER BY a DESC", QUERY, "SELECT", "", dict(sources=("t",))),
    (MY, "SELECT 1 FROM `INFORMATION_SCHEMA`.TABLES", QUERY, "SELECT", "",
     dict(sources=("INFORMATION_SCHEMA.TABLES",), reads_schema=True)),
    (MY, "SELECT 'information_schema'", QUERY, "SELECT", ""),
    (PG, "SELECT 1 FROM pg_catalog.pg_class", QUERY, "SELECT", "",
     dict(sources=("pg_catalog.pg_class",), reads_schema=True)),
    (LITE, "SELECT sql FROM sqlite_master", QUERY, "SELECT", "",
     dict(sources=("sqlite_master",), reads_schema=True)),
    (MY, "CHECK TABLE t", QUERY, "CHECK", ""),
    (ANY, "EXPLAIN SELECT 1", QUERY, "EXPLAIN", ""),
    (ANY, "EXPLAIN UPDATE t SET a = 1", QUERY, "EXPLAIN", ""),
    (LITE, "EXPLAIN QUERY PLAN DELETE FROM t", QUERY, "EXPLAIN", ""),
    (PG, "EXPLAIN ANALYZE VERBOSE UPDATE t SET a = 1", DML, "EXPLAIN", "t"),
    (PG, "EXPLAIN (ANALYZE, COSTS OFF) UPDATE t SET a = 1", DML, "EXPLAIN", "t"),
    (PG, "EXPLAIN (ANALYZE FALSE) UPDATE t SET a = 1", QUERY, "EXPLAIN", ""),
    (PG, "EXPLAIN ANALYZE SELECT 1", QUERY, "EXPLAIN", ""),
    (MARIA, "ANALYZE FORMAT=JSON UPDATE t SET a = 1", DML, "ANALYZE", "t"),
    # tables
    (ANY, "CREATE TABLE t (a INT)", DDL, "CREATE TABLE", "t"),
    (ANY, "create table if not exists s.t (a int)", DDL, "CREATE TABLE", "s.t"),
    (ANY, 'CREATE TABLE "a""b" (c INT)', DDL, "CREATE TABLE", 'a"b'),
    (LITE, "CREATE TABLE [a b] (c INT)", DDL, "CREATE TABLE", "a b"),
    (MY, "CREATE TABLE `a``b` (c INT) # x", DDL, "CREATE TABLE", "a`b"),
    (MY, "/*!40101 CREATE TABLE t (a INT) */;", DDL, "CREATE TABLE", "t"),
    (MY, "CREATE /*!32302 TEMPORARY */ TABLE t (a INT)", DDL, "CREATE TABLE", "t",
     dict(temporary=True)),
    (PG, "CREATE TABLE Users (a INT)", DDL, "CREATE TABLE", "users"),
    (PG, 'CREATE TABLE "Users" (a INT)', DDL, "CREATE TABLE", "Users"),
    (PG, "CREATE UNLOGGED TABLE t (a INT)", DDL, "CREATE TABLE", "t"),
    (PG, "CREATE LOCAL TEMP TABLE t (a INT)", DDL, "CREATE TABLE", "t", dict(temporary=True)),
    (ANY, "CREATE TEMPORARY TABLE IF NOT EXISTS t AS SELECT * FROM u", DDL, "CREATE TABLE", "t",
     dict(temporary=True, sources=("u",))),
    (LITE, "CREATE TABLE temp.t (a)", DDL, "CREATE TABLE", "temp.t", dict(temporary=True)),
    (LITE, "CREATE VIRTUAL TABLE t USING fts5(a)", DDL, "CREATE VIRTUAL TABLE", "t"),
    (PG, "CREATE FOREIGN TABLE t (a INT) SERVER s", DDL, "CREATE FOREIGN TABLE", "t"),
    (MARIA, "CREATE OR REPLACE TABLE t (a INT)", DDL, "CREATE TABLE", "t", dict(replacing=True)),
    (ANY, "DROP TABLE t", DDL, "DROP TABLE", "t"),
    (ANY, "DROP TABLE IF EXISTS a, s.b CASCADE", DDL, "DROP TABLE", "a s.b"),
    (ANY, 'DROP TABLE "a,b" , c', DDL, "DROP TABLE", "a,b c"),
    (MY, "DROP TEMPORARY TABLE t", DDL, "DROP TABLE", "t", dict(temporary=True)),
    (MY, "DROP TABLES a, b", DDL, "DROP TABLE", "a b"),
    (ANY, "TRUNCATE t", DDL, "TRUNCATE", "t", dict(every_row=True)),
    (PG, "TRUNCATE TABLE ONLY a *, s.b RESTART IDENTITY", DDL, "TRUNCATE", "a s.b",
     dict(every_row=True)),
    (MY, "RENAME TABLE a TO b, `c` TO s.d", DDL, "RENAME TABLE", "a c",
     dict(renames=((("a",), ("b",)), (("c",), ("s", "d"))))),
    (MY, "RENAME USER a TO b", DDL, "RENAME USER", ""),
    (ANY, "ALTER TABLE t ADD COLUMN a INT DEFAULT (1, 2)", DDL, "ALTER TABLE", "t"),
    (ANY, "ALTER TABLE t DROP COLUMN a", DDL, "ALTER TABLE", "t", dict(dropped_columns=("a",))),
    (ANY, "ALTER TABLE t DROP a", DDL, "ALTER TABLE", "t", dict(dropped_columns=("a",))),
    (ANY, "ALTER TABLE t DROP COLUMN IF EXISTS a, ADD b NUMERIC(1, 2), DROP c", DDL,
     "ALTER TABLE", "t", dict(dropped_columns=("a", "c"))),
    (MY, "ALTER TABLE t DROP a, DROP `b c`", DDL, "ALTER TABLE", "t",
     dict(dropped_columns=("a", "b c"))),
    (PG, "ALTER TABLE IF EXISTS ONLY s.t DROP A, DROP \"B\" CASCADE", DDL, "ALTER TABLE", "s.t",
     dict(dropped_columns=("a", "B"))),
    (ANY, "ALTER TABLE t DROP CONSTRAINT c", DDL, "ALTER TABLE", "t"),
    (MY, "ALTER TABLE t DROP PRIMARY KEY, DROP INDEX i, DROP KEY k, DROP FOREIGN KEY f", DDL,
     "ALTER TABLE", "t"),
    (MY, "ALTER TABLE t DROP CHECK c, DROP PARTITION p, q", DDL, "ALTER TABLE", "t"),
    (MY, "ALTER TABLE t DROP INDEX IF EXISTS i", DDL, "ALTER TABLE", "t"),
    (PG, "ALTER TABLE t DROP key, DROP index", DDL, "ALTER TABLE", "t",
     dict(dropped_columns=("key", "index"))),
    (PG, "ALTER TABLE t ALTER COLUMN a DROP DEFAULT, ALTER b DROP NOT NULL", DDL, "ALTER TABLE",
     "t"),
    (ANY, "ALTER TABLE t RENAME TO u", DDL, "ALTER TABLE", "t",
     dict(renames=((("t",), ("u",)),))),
    (MY, "ALTER TABLE t RENAME u", DDL, "ALTER TABLE", "t", dict(renames=((("t",), ("u",)),))),
    (ANY, "ALTER TABLE t RENAME COLUMN a TO b", DDL, "ALTER TABLE", "t",
     dict(renamed_columns=(("a", "b"),))),
    (ANY, "ALTER TABLE t RENAME a TO b", DDL, "ALTER TABLE", "t",
     dict(renamed_columns=(("a", "b"),))),
    (MY, "ALTER TABLE t RENAME INDEX a TO b", DDL, "ALTER TABLE", "t"),
    (MARIA, "ALTER ONLINE IGNORE TABLE t DROP a", DDL, "ALTER TABLE", "t",
     dict(dropped_columns=("a",))),
    (PG, "COMMENT ON TABLE s.t IS 'x'", DDL, "COMMENT", "s.t"),
    (PG, "COMMENT ON COLUMN s.t.a IS 'x'", DDL, "COMMENT", "s.t"),
    # indexes and other objects
    (ANY, "CREATE INDEX i ON t (a)", DDL, "CREATE INDEX", "t", dict(object="i")),
    (ANY, "CREATE UNIQUE INDEX IF NOT EXISTS s.i ON t (a)", DDL, "CREATE INDEX", "t",
     dict(object="s.i")),
    (PG, "CREATE INDEX CONCURRENTLY I ON ONLY s.T (a)", DDL, "CREATE INDEX CONCURRENTLY", "s.t",
     dict(object="i", concurrently=True)),
    (PG, "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"I\" ON t (a)", DDL,
     "CREATE INDEX CONCURRENTLY", "t", dict(object="I", concurrently=True)),
    (PG, "CREATE INDEX CONCURRENTLY ON t (a)", DDL, "CREATE INDEX CONCURRENTLY", "t",
     dict(concurrently=True)),
    (MY, "CREATE FULLTEXT INDEX i USING BTREE ON t (a)", DDL, "CREATE INDEX", "t",
     dict(object="i")),
    (ANY, "DROP INDEX i", DDL, "DROP INDEX", "", dict(object="i")),
    (PG, "DROP INDEX CONCURRENTLY IF EXISTS s.i", DDL, "DROP INDEX CONCURRENTLY", "",
     dict(object="s.i", concurrently=True)),
    (MY, "DROP INDEX i ON t", DDL, "DROP INDEX", "t", dict(object="i")),
    (PG, "ALTER INDEX i RENAME TO j", DDL, "ALTER INDEX", "", dict(object="i")),
    (ANY, "CREATE VIEW v AS SELECT * FROM t", DDL, "CREATE VIEW", "",
     dict(object="v", sources=("t",))),
    (MY, "CREATE OR REPLACE ALGORITHM = MERGE DEFINER = `a`@`%` SQL SECURITY INVOKER VIEW v AS "
     "SELECT 1", DDL, "CREATE VIEW", "", dict(object="v", replacing=True)),
    (PG, "CREATE MATERIALIZED VIEW v AS SELECT 1", DDL, "CREATE MATERIALIZED VIEW", "",
     dict(object="v")),
    (PG, "REFRESH MATERIALIZED VIEW CONCURRENTLY v", DDL, "REFRESH", "",
     dict(object="v", concurrently=True)),
    (LITE, "CREATE TRIGGER r AFTER UPDATE OF a ON t BEGIN DELETE FROM u; SELECT 1; END", DDL,
     "CREATE TRIGGER", "t", dict(object="r")),
    (PG, "CREATE CONSTRAINT TRIGGER r AFTER INSERT ON t EXECUTE FUNCTION f()", DDL,
     "CREATE TRIGGER", "t", dict(object="r")),
    (MY, "CREATE DEFINER = CURRENT_USER() TRIGGER r BEFORE INSERT ON t FOR EACH ROW SET @a = 1",
     DDL, "CREATE TRIGGER", "t", dict(object="r")),
    (PG, "CREATE OR REPLACE FUNCTION f() RETURNS int AS $f$ BEGIN; COMMIT; END $f$", DDL,
     "CREATE FUNCTION", "", dict(object="f", replacing=True)),
    (PG, "DROP FUNCTION f(int), g(text)", DDL, "DROP FUNCTION", "", dict(object="f")),
    (PG, "CREATE TYPE s.e AS ENUM ('a')", DDL, "CREATE TYPE", "", dict(object="s.e")),
    (PG, "ALTER TYPE e ADD VALUE 'b'", DDL, "ALTER TYPE", "", dict(object="e")),
    (PG, "CREATE EXTENSION IF NOT EXISTS hstore", DDL, "CREATE EXTENSION", "",
     dict(object="hstore")),
    (ANY, "DROP SCHEMA s CASCADE", DDL, "DROP SCHEMA", "", dict(object="s")),
    (PG, "CREATE TEMP SEQUENCE q", DDL, "CREATE SEQUENCE", "", dict(object="q", temporary=True)),
    (PG, "GRANT SELECT ON t TO u", DDL, "GRANT", ""),
    (PG, "REINDEX TABLE CONCURRENTLY t", DDL, "REINDEX", "t", dict(concurrently=True)),
    (LITE, "ANALYZE", DDL, "ANALYZE", ""),
    (LITE, "ANALYZE main.t", DDL, "ANALYZE", "main.t"),
    (PG, "ANALYZE VERBOSE t (a), u", DDL, "ANALYZE", "t u"),
    (LITE, "VACUUM", DDL, "VACUUM", ""),
    (PG, "VACUUM FULL t", DDL, "VACUUM", "t"),
    (ANY, "FROBNICATE t", DDL, "FROBNICATE", ""),
    (ANY, "'COMMIT'", DDL, "", ""),
    (ANY, '"COMMIT"', DDL, "", ""),
    (MARIA, "BEGIN NOT ATOMIC SELECT 1; END", DDL, "BEGIN NOT ATOMIC", ""),
    # the session
    (ANY, "SET search_path TO s", SESSION, "SET", "search_path", dict(value="s")),
    (MY, "SET @@session.AutoCommit = 1", SESSION, "SET", "autocommit", dict(value="1")),
    (MY, "SET foreign_key_checks := 0", SESSION, "SET", "foreign_key_checks", dict(value="0")),
    (PG, "SET LOCAL lock_timeout = '10s'", SESSION, "SET", "lock_timeout", dict(value="10s")),
    (PG, "SET CONSTRAINTS ALL IMMEDIATE", SESSION, "SET CONSTRAINTS", "",
     dict(value="IMMEDIATE")),
    (PG, "SET CONSTRAINTS a, s.b DEFERRED", SESSION, "SET CONSTRAINTS", "a s.b",
     dict(value="DEFERRED")),
    (MARIA, "SET STATEMENT max_statement_time = 1 FOR UPDATE t SET a = 1", DML, "UPDATE", "t"),
    (MY, "SET PASSWORD = 'x'", DDL, "SET PASSWORD", ""),
    (PG, "RESET ALL", SESSION, "RESET", ""),
    (MY, "USE s", SESSION, "USE", "", dict(object="s")),
    (MY, "LOCK TABLES a READ, b WRITE", SESSION, "LOCK", "a b"),
    (PG, "LOCK TABLE t IN EXCLUSIVE MODE", SESSION, "LOCK", "t"),
    (MY, "UNLOCK TABLES", SESSION, "UNLOCK", ""),
    (PG, "PREPARE p AS SELECT 1", SESSION, "PREPARE", ""),
    (PG, "DECLARE c CURSOR FOR SELECT 1", SESSION, "DECLARE", ""),
    (PG, "LISTEN x", SESSION, "LISTEN", ""),
    (MY, "DROP PREPARE p", SESSION, "DEALLOCATE", ""),
    (LITE, "ATTACH DATABASE 'x.db' AS x", SESSION, "ATTACH", "", dict(object="x", value="x.db")),
    (LITE, "DETACH x", SESSION, "DETACH", "", dict(object="x")),
    (LITE, "PRAGMA foreign_keys", QUERY, "PRAGMA", "foreign_keys"),
    (LITE, "PRAGMA Foreign_Keys = OFF", SESSION, "PRAGMA", "foreign_keys", dict(value="OFF")),
    (LITE, "PRAGMA main.foreign_keys('on')", SESSION, "PRAGMA", "foreign_keys", dict(value="on")),
    (LITE, "PRAGMA cache_size = -2000", SESSION, "PRAGMA", "cache_size", dict(value="-2000")),
    (LITE, "PRAGMA table_info(t)", QUERY, "PRAGMA", "table_info", dict(value="t")),
    (LITE, "PRAGMA user_version = 5", DDL, "PRAGMA", "user_version", dict(value="5")),
    (LITE, "PRAGMA wal_checkpoint", SESSION, "PRAGMA", "wal_checkpoint"),
]  # fmt: skip
FLAGS = {
    "object": "",
    "temporary": False,
    "replacing": False,
    "concurrently": False,
    "dropped_columns": (),
    "renames": (),
    "renamed_columns": (),
    "value": "",
    "returning": False,
    "every_row": False,
    "reads_schema": False,
    "sources": (),
}


CASE = st.sampled_from(CASES)
SPACE = st.sampled_from([" ", "\n", "\t ", "/* COMMIT; 'it */", " -- it's\n", "\n/**/\f"])
TEXT = st.text("'\"`[]()$;.,-/*!#\\ \nabeEM0") | st.text() | st.builds(
    " ".join,
    st.lists(
        st.sampled_from(
            "( ) , ; . ' \" ` $$ /* */ /*! -- * = @ a \"b\" 1 'c' ALL ALTER ANALYZE AS "
            "ATTACH BEGIN CALL "
            "COLUMN COMMENT COMMIT CONCURRENTLY CREATE DELETE DESC DO DROP END EXISTS EXPLAIN FOR "
            "FROM IF INDEX INSERT INTO JOIN LOAD LOCK NOT ON OR PRAGMA RECURSIVE RENAME REPLACE "
            "ROLLBACK SAVEPOINT SELECT SET STATEMENT TABLE TEMP TO TRIGGER TRUNCATE UPDATE USING "
            "VALUES VIEW WITH".split()
        )
    ),
)  # fmt: skip


def answer(statement, dialect):
    """Return everything that is known of a statement but its text."""
    found = sql.classify(statement, dialect)
    return found.kind, found.verb, found.names, {name: getattr(found, name) for name in FLAGS}


def in_small_letters(found):
    """Return an answer in which capitals do not count."""
    return repr(found).lower()


@pytest.mark.parametrize("case", CASES, ids=[f"{case[0]}: {case[1][:60]}" for case in CASES])
def test_a_statement_is_what_its_database_makes_of_it(case):
    """Kind, verb, names and all else, of each statement of the table."""
    dialect, statement, kind, verb, names, *more = case
    found = answer(statement, dialect)
    assert (*found[:2], " ".join(found[2]), found[3]) == (
        kind, verb, names, {**FLAGS, **(more[0] if more else {})}
    )  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_every_database_knows_is_the_same_on_each(dialect):
    """A statement without a dialect of its own has one answer."""
    for _, statement, *expected in [case for case in CASES if case[0] == ANY]:
        kind, verb, names, _ = answer(statement, dialect)
        if '"' not in statement:  # a string on MySQL
            assert [kind, verb, " ".join(names)] == expected[:3]


@given(CASE, st.data())
@EACH_RUN_THE_SAME
def test_comments_capitals_and_white_space_never_change_the_answer(case, data):
    """Any of them may be anywhere between the words."""
    dialect, statement = case[:2]
    changed = ""
    for token in sql.tokens(statement, dialect):
        text = token.text
        if token.kind == "word" and not (dialect == MY and text.startswith("M")):
            text = data.draw(st.sampled_from([text, text.upper(), text.lower(), text.swapcase()]))
        spaces = SPACE if token.lead or token.kind == "end" else st.just("") | SPACE
        changed += data.draw(spaces) + text
    found = answer(changed, dialect)
    assert in_small_letters(found) == in_small_letters(answer(statement, dialect))


def first_keyword(text, dialect=""):
    """Return the first word of a statement."""
    return sql.keyword_and_kind(text, dialect)[0]


@given(TEXT, st.sampled_from(DIALECTS))
@EACH_RUN_THE_SAME
def test_no_text_is_refused_and_nothing_of_it_is_lost(text, dialect):
    """Tokens joined are the text; every text is of some kind, and so are its parts."""
    words = sql.tokens(text, dialect)
    assert "".join(word.lead + word.text for word in words) == text
    assert text_of(words) == text[len(words[0].lead) :]
    found = answer(text, dialect)
    assert found[0] in (QUERY, DML, DDL, TRANSACTION, SAVEPOINT, SESSION, EMPTY)
    assert sql.classify(text, dialect).text in text
    for part in sql.split(text, dialect):
        assert part in text
    assert first_keyword(text, dialect) == first_keyword(text.lower(), dialect)


@pytest.mark.parametrize("word", ["EXPLAIN ", "EXPLAIN ANALYZE ", "ANALYZE ", "(", "WITH a AS ("])
def test_no_nesting_is_too_deep(word):
    """A text of a thousand words is read like one of three."""
    for dialect in DIALECTS:
        assert sql.classify(f"{word * 1000} SELECT 1", dialect).kind in (QUERY, DDL)
    assert sql.classify("SET STATEMENT a=1 FOR " * 1000 + "COMMIT", MY).kind == DDL


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("-- a\nSELECT ';' ; -- b\n;/* c */", "SELECT ';'"),
        ("/* a */ SELECT 1 /* b */ + 2 -- c", "SELECT 1 /* b */ + 2"),
        ("SELECT '-- a'", "SELECT '-- a'"),
        ("SELECT '/* a */'", "SELECT '/* a */'"),
        ("SELECT 1 /* a", "SELECT 1"),
    ],
)
def test_the_text_is_without_what_is_around_it(statement, text):
    """Comments, white space and semicolons before and after it."""
    assert sql.classify(statement).text == text
    assert sql.classify(text).text == text


def test_mysql_runs_what_is_in_an_executable_comment():
    """Such a comment is a part of the statement, and other databases see a comment."""
    dumped = "/*!50001 CREATE TABLE t (a INT) */;"
    assert sql.classify(dumped, MY).text == "/*!50001 CREATE TABLE t (a INT) */"
    assert sql.classify(dumped, PG).kind == EMPTY
    assert first_keyword("/*! DROP */ TABLE t", MY) == "DROP"
    assert first_keyword("/*! DROP */ TABLE t", LITE) == "TABLE"


def test_the_first_word_comes_after_comments_and_brackets():
    """In capitals; nothing where there is none."""
    assert first_keyword("-- a\n ( select 1)") == "SELECT"
    assert first_keyword("; 'select'") == ""
    assert first_keyword("# a\nselect", MY) == "SELECT"
    assert first_keyword("") == ""


SCRIPT = """
-- the first; with a comment
CREATE TABLE t (a TEXT DEFAULT ';');
CREATE TRIGGER r AFTER INSERT ON t BEGIN
  UPDATE t SET a = CASE WHEN a THEN 1 ELSE 2 END; DELETE FROM t;
END;
;
INSERT INTO t VALUES ('a;b') -- and so on
"""


def test_a_text_is_split_into_its_statements():
    """At semicolons outside strings, comments, and the bodies of triggers."""
    assert [sql.classify(part).verb for part in sql.split(SCRIPT)] == [
        "CREATE TABLE", "CREATE TRIGGER", "INSERT"
    ]  # fmt: skip
    assert sql.split(SCRIPT)[2] == "INSERT INTO t VALUES ('a;b')"
    assert sql.split(" ; -- nothing\n") == []


def test_bodies_of_each_database_are_kept_together():
    """Blocks of MySQL may be nested and have loops; those of PostgreSQL are strings."""
    procedure = (
        "CREATE PROCEDURE p() BEGIN IF a THEN SELECT 1; END IF; "
        "WHILE b DO BEGIN SELECT 2; END; END WHILE; END"
    )
    assert sql.split(f"{procedure}; SELECT 3", MY) == [procedure, "SELECT 3"]
    function = "CREATE FUNCTION f() RETURNS int AS $a$ BEGIN; RETURN $$;$$; END $a$ LANGUAGE x"
    assert sql.split(f"{function}; SELECT 3", PG) == [function, "SELECT 3"]
    assert sql.split("BEGIN; SELECT 1; END;", LITE) == ["BEGIN", "SELECT 1", "END"]


@pytest.mark.parametrize("case", CASES, ids=[f"{case[0]}: {case[1][:60]}" for case in CASES])
def test_the_kind_alone_is_that_of_the_whole_answer(case):
    """It is told by the first word, or not at all."""
    dialect, statement, kind = case[:3]
    assert sql.keyword_and_kind(statement, dialect)[1] in ("", kind)
