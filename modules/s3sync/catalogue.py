"""What the database's own catalogue tells of its indices."""
from __future__ import annotations

from .database import Database

_LEADING = {
    "sqlite": """SELECT "t"."name", "info"."name" FROM "sqlite_master" AS "t", pragma_index_list("t"."name") AS "list", """
              """pragma_index_info("list"."name") AS "info" WHERE "t"."type" = 'table' AND "info"."seqno" = 0 """
              'AND NOT "list"."partial"',
    "postgres": 'SELECT "t"."relname", "a"."attname" FROM "pg_index" AS "i" JOIN "pg_class" AS "t" ON "t"."oid" = "i"."indrelid" '
                'JOIN "pg_attribute" AS "a" ON "a"."attrelid" = "t"."oid" AND "a"."attnum" = "i"."indkey"[0] '
                'JOIN "pg_class" AS "own" ON "own"."oid" = "i"."indexrelid" JOIN "pg_am" AS "am" ON "am"."oid" = "own"."relam" '
                'WHERE pg_table_is_visible("t"."oid") AND "i"."indisvalid" AND "i"."indpred" IS NULL '
                """AND "am"."amname" = 'btree'""",
    "mysql": "SELECT table_name, column_name FROM information_schema.statistics "
             "WHERE table_schema = DATABASE() AND seq_in_index = 1 AND index_type = 'BTREE'",
}


def leading(db: Database) -> set[tuple[str, str]]:
    """(table, column) for the first column of each index that tells the order of all rows: no partial or broken one."""
    return {(str(row[0]), str(row[1])) for row in db.rows(_LEADING[db.dialect])}
