"""What the module remembers: Eden's `sync_*` tables, one for one, and its own."""
from __future__ import annotations

from typing import Any, Callable, Collection

from . import own
from .eden import ANSWERING, TABLES, accepts_push, define
from .indices import ensure_indices

__all__ = ["ANSWERING", "accepts_push", "define_tables", "ensure_indices", "site_uuid"]


def define_tables(db: Any, T: Callable[[str], Any] | None = None, auth_user: bool = True,
                  user_id: Callable[[], int | None] | None = None, answering: bool = False,
                  only: Collection[str] = TABLES) -> None:
    """Define all tables of the module on `db` (idempotent); of Eden's those in `only`.

    With `answering` s3sync's own are not defined, which are used without pyDAL: it needs longer to define all tables than an
    answer to a peer takes, so for that `only` should be no more than `ANSWERING`. All must exist by then.

    ``scheduler_task`` and ``auth_user`` must be defined before, where the application has them; without them (or with
    ``auth_user=False``) the columns that would refer to them are plain integers. `user_id` tells who is logged in.
    """
    define(db, T, user_id, auth_user, only, migrate=not answering)
    if not answering:
        own.define(db)


def site_uuid(db: Any) -> str:
    """This site's identity, ``sync_config.uuid``; made at the first run and never changed.

    It is committed at once: a peer may be told of it in the same request, and must find the same one in the next.
    """
    table = db.sync_config

    def first() -> Any:
        return db(table.id > 0).select(table.uuid, orderby=table.id, limitby=(0, 1)).first()

    row = first()
    if row is None:
        table.insert()
        db.commit()
        row = first()       # of two processes starting at the same time, the first one's row counts
    return str(row.uuid)
