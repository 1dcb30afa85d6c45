"""Points in time: as the database takes them, as records have them, and for calculating."""
from __future__ import annotations

from datetime import datetime, timezone


def utcnow() -> datetime:
    """Now, naive UTC to the second, as in Eden's tables."""
    return datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0)


def iso(value: object) -> str | None:
    """What a driver gives, as records have it: "YYYY-MM-DDTHH:MM:SS"."""
    if value is None:
        return None
    return str(value)[:19].replace(" ", "T")


def sql_time(value: str | None) -> str | None:
    """What records have, as the database takes it."""
    return value.replace("T", " ") if value else None


def sql(value: datetime | None) -> str | None:
    """A datetime as the database takes it."""
    return value.isoformat(" ")[:19] if value else None


def to_datetime(value: object) -> datetime | None:
    """What a driver gives, for calculating."""
    if value is None or isinstance(value, datetime):
        return value
    return datetime.fromisoformat(str(value)[:19])
