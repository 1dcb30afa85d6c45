"""Super-entities: one table of identities for records of many tables (EDEN_TABLES §13), kept in bulk.

A super-entity's table has a key of its own (``pe_id``) instead of ``id``, the uuid of the instance record and the name of
its table. Eden keeps them itself; this is for applications that have such tables without Eden's code.
"""
from __future__ import annotations

from typing import Any, Sequence

from ..database import Database


def is_super(table: Any) -> bool:
    """Is this pyDAL table one of identities?"""
    return table._id.name != "id" and {"uuid", "instance_type"} <= set(table.fields)


class SuperEntities:
    """Looks after the super-records of the instances of one table.

    Parameters
    ----------
    table : the instance table (pyDAL)
    supers : the super-entities' tables (pyDAL); the instance table has a column named like the key of each
    """

    def __init__(self, db: Database, table: Any, supers: Sequence[Any]) -> None:
        self.db = db
        self.table = table
        self.supers = supers

    def written(self, ids: Sequence[int]) -> None:
        """Instances were created or updated: make or update their super-records, and link them."""
        for entity in self.supers:
            self._written(entity, ids)

    def _written(self, entity: Any, ids: Sequence[int]) -> None:
        db, name, key = self.db, entity._tablename, entity._id.name
        own = self.table._tablename
        shared = [f for f in entity.fields if f in self.table.fields and f not in (key, "id", "uuid", "deleted", "instance_type")]
        columns = "".join(f', "{f}"' for f in shared)
        rows = list(db.rows_in(f'SELECT "id", "uuid", "{key}"{columns} FROM "{own}" WHERE "id" IN ({{}})', ids))
        known = self._keys(name, key, [row[1] for row in rows])
        flags = {"deleted": "F"} if "deleted" in entity.fields else {}
        db.insert(name, ["uuid", "instance_type", *flags, *shared],
                  [(row[1], own, *flags.values(), *row[3:]) for row in rows if row[1] not in known])
        if flags or shared:
            db.update(name, [*flags, *shared], [(*flags.values(), *row[3:], known[row[1]]) for row in rows if row[1] in known],
                      key=key)
        fresh = [row[1] for row in rows if row[1] not in known]
        known.update(self._keys(name, key, fresh))
        db.update(own, [key], [(known[row[1]], row[0]) for row in rows if row[2] != known[row[1]]])

    def _keys(self, name: str, key: str, uuids: Sequence[str]) -> dict[str, int]:
        return dict(self.db.rows_in(f'SELECT "uuid", "{key}" FROM "{name}" WHERE "uuid" IN ({{}})', uuids))  # type: ignore[arg-type]

    def ended(self, ids: Sequence[int]) -> None:
        """Instances were deleted: so are their super-records."""
        own = self.table._tablename
        for entity in self.supers:
            if "deleted" in entity.fields:
                name = entity._tablename
                uuids = [row[0] for row in self.db.rows_in(f'SELECT "uuid" FROM "{own}" WHERE "id" IN ({{}})', ids)]
                self.db.execute_in(f"""UPDATE "{name}" SET "deleted" = 'T' WHERE "uuid" IN ({{}})""", uuids)
