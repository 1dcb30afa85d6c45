"""What the database's own catalogue tells of its indices."""
from __future__ import annotations

from .database import Database

_LEADING = {
    "sqlite": """SELECT "t"."name", "info"."name" FROM "sqlite_master" AS "t", pragma_index_list("t"."name") AS "list", """
              """pragma_index_info("list"."name") AS "info" WHERE "t"."type" = 'table' AND "info"."seqno" = 0""",
    "postgres": 'SELECT "t"."relname", "a"."attname" FROM "pg_index" AS "i" JOIN "pg_class" AS "t" ON "t"."oid" = "i"."indrelid" '
                'JOIN "pg_attribute" AS "a" ON "a"."attrelid" = "t"."oid" AND "a"."attnum" = "i"."indkey"[0] '
                'WHERE pg_table_is_visible("t"."oid")',
    "mysql": "SELECT table_name, column_name FROM information_schema.statistics "
             "WHERE table_schema = DATABASE() AND seq_in_index = 1",
}


def leading(db: Database) -> set[tuple[str, str]]:
    """(table, column) for the first column of each index there is."""
    return {(str(row[0]), str(row[1])) for row in db.rows(_LEADING[db.dialect])}
