"""How far a task has got with a peer, by table. Positions are the sender's, kept as they came."""
from __future__ import annotations

from typing import Mapping

from .site import Site

KEYS = ("repository_uuid", "task_id", "direction", "tablename")


def load(site: Site, repository_uuid: str, task_id: int, direction: str, scope: str) -> dict[str, str]:
    """Positions by table; those that were reached with another scope do not count."""
    return {row[0]: row[1] for row in site.db.rows(
        'SELECT "tablename", "position" FROM "sync_cursor" WHERE "repository_uuid" = ? AND "task_id" = ? AND "direction" = ? '
        'AND "scope" = ?', [repository_uuid, task_id, direction, scope]) if row[1]}


def save(site: Site, repository_uuid: str, task_id: int, direction: str, scope: str, positions: Mapping[str, str]) -> None:
    """Keep positions, in the same transaction as what was applied up to them."""
    site.db.upsert("sync_cursor", KEYS, ("position", "scope"),
                   [(repository_uuid, task_id, direction, table, position[:64], scope) for table, position in positions.items()])
