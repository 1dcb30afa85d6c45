"""Some sites whose clocks are the test's, and what can be done with them."""
from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from clocked_site import Clock, ClockedSite
from faults import Killed, TroubledEden, TroubledPeer, Wire
from local_sites import register

from s3sync.engine.run import Runner

DAY = 86400


class Field:
    """Sites `a` and `b`, and more if asked for; `run` synchronises two of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ClockedSite.clock = Clock()
        self.old: list[Any] = []                  # everything that was pushed
        self.links: dict[tuple[str, str], int] = {}
        self.a, self.b = self.site("a"), self.site("b")

    def site(self, name: str, skew: int = 0, **settings: Any) -> ClockedSite:
        """One more."""
        site = ClockedSite(self.folder, name, skew=skew, **{"batch_size": 50, "overlap": 600, **settings})
        site.rnd.seed(name)
        return site

    def link(self, me: ClockedSite, other: ClockedSite, *resources: str, mode: int = 3, **task: Any) -> int:
        """Register two sites with each other, tasks at `me`."""
        names = resources or ("gis_location", "org_organisation")
        number = register(me, other, [dict(resource_name=name, mode=mode, **task) for name in names])
        self.links[me.name, other.name] = number
        return number

    def run(self, me: ClockedSite | None = None, other: ClockedSite | None = None, wire: Wire | None = None,
            plain: bool = False) -> str:
        """One run, a minute after the one before; "killed" if the process was."""
        me, other = me or self.a, other or self.b
        self.clock.advance(60)
        if plain:
            peer: Any = TroubledEden(me, other, wire=wire or Wire())
        else:
            peer = TroubledPeer(me, other, wire=wire or Wire(), old=self.old)
        try:
            return Runner(me.open(), lambda repository, site: lambda: peer).synchronize(self.links[me.name, other.name])
        except Killed:
            return "killed"
        finally:
            me.restart()
            other.restart()

    def later(self, days: float = 1.5) -> None:
        """Sweeps and retries are due."""
        self.clock.advance(days * DAY)


def sql(site: ClockedSite, statement: str, *args: Any) -> list[Any]:
    """Behind everybody's back."""
    return site.sql(statement, *args)


def moved(site: ClockedSite) -> dict[str, int]:
    """What the last run of a site moved, all steps together."""
    names = ("created", "updated", "deleted", "merged", "kept", "rejected", "waiting", "conflicts")
    total: dict[str, int] = {}
    for step in site.steps().values():
        for name in names:
            if step[name]:
                total[name] = total.get(name, 0) + step[name]
    return total


def conflicts(site: ClockedSite) -> list[Any]:
    """Conflict entries of a site."""
    return list(site.db(site.db.sync_conflict.id > 0).select())


def quarantined(site: ClockedSite) -> list[Any]:
    """Rejected records of a site."""
    return list(site.db(site.db.sync_quarantine.id > 0).select())


def set_clock(site: ClockedSite, seconds: int) -> None:
    """The site's clock is wrong by this from now on."""
    site.skew = timedelta(seconds=seconds)
