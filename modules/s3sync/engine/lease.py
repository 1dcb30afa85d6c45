"""At most one run per repository at a time, whoever starts it, wherever it runs (G3).

A lease has an owner and ends by itself when the owner gives no sign of life. Taking it is one conditional update, which
every database decides for one of two contenders. Its times are the database server's, the one clock all its workers share: a host
whose clock is ahead takes no lease that lives. Whoever lost one notices before the next batch is committed, and commits it not.
"""
from __future__ import annotations

from datetime import datetime, timedelta

from ..errors import AlreadyRunning, LeaseLost
from ..process import lives
from .site import Site

#: no lease is taken for that much longer than this worker would take it
FAR = timedelta(days=1)


class Lease:
    """The right to work on something, by name."""

    def __init__(self, site: Site, name: str, owner: str) -> None:
        self.site = site
        self.name = name
        self.owner = owner

    def take(self) -> bool:
        """Take it, commit; True if it was left by an owner that died. Raises AlreadyRunning."""
        db = self.site.db
        now, until, absurd = self._times()
        if db.execute('UPDATE "sync_lease" SET "owner" = ?, "expires_on" = ? WHERE "name" = ? AND "owner" IS NULL',
                      [self.owner, until, self.name]):
            db.commit()
            return False
        row = db.rows('SELECT "owner", "expires_on" FROM "sync_lease" WHERE "name" = ?', [self.name])
        if not row:
            try:
                with db.savepoint():
                    db.insert("sync_lease", ("name", "owner", "expires_on"), [(self.name, self.owner, until)])
            except db.driver_error as error:
                db.rollback()
                if db.transient(error):
                    raise
                raise AlreadyRunning() from None
            db.commit()
            return False
        owner = row[0][0]
        dead = owner is not None and lives(owner) is False
        taken = db.execute('UPDATE "sync_lease" SET "owner" = ?, "expires_on" = ? WHERE "name" = ? AND "owner" = ?'
                           + ("" if dead else ' AND ("expires_on" < ? OR "expires_on" > ?)'),
                           [self.owner, until, self.name, owner] + ([] if dead else [now, absurd]))
        db.commit()
        if not taken:
            raise AlreadyRunning(f"by {owner}", hint="If that process is gone, the next run takes over "
                                 f"{self.site.settings.lease_time} seconds after its last sign of life")
        return True

    def renew(self) -> None:
        """Give a sign of life, in the caller's transaction. Raises LeaseLost if another owner has taken over."""
        _, until, _ = self._times()
        if not self.site.db.execute('UPDATE "sync_lease" SET "expires_on" = ? WHERE "name" = ? AND "owner" = ?',
                                    [until, self.name, self.owner]):
            # MySQL does not count a row that stays as it is
            if self.site.db.value('SELECT "owner" FROM "sync_lease" WHERE "name" = ?', [self.name]) != self.owner:
                raise LeaseLost()

    def lives(self) -> bool:
        """Does `owner` hold it, as far as its last sign of life tells? Commits."""
        now, _, _ = self._times()
        found = self.site.db.value('SELECT "owner" FROM "sync_lease" WHERE "name" = ? AND "owner" = ? AND "expires_on" >= ?',
                                   [self.name, self.owner, now]) is not None
        self.site.db.commit()
        return found and lives(self.owner) is not False

    def release(self) -> None:
        """Give it back, commit."""
        self.site.db.execute('UPDATE "sync_lease" SET "owner" = NULL WHERE "name" = ? AND "owner" = ?', [self.name, self.owner])
        self.site.db.commit()

    def _times(self) -> tuple[str, str, str]:
        """Now; when a lease taken now ends; a time so late that it can only be from before the clock was set back."""
        now = self.site.shared_now()
        until = now + timedelta(seconds=self.site.settings.lease_time)
        return _sql(now), _sql(until), _sql(until + FAR)


def _sql(value: datetime) -> str:
    return value.isoformat(" ")[:19]
