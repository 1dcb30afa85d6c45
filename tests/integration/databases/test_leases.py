"""One owner at a time, however many processes want the lease, whatever their clocks say."""
from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from s3sync.engine.lease import Lease
from s3sync.errors import AlreadyRunning, LeaseLost

RACER = Path(__file__).with_name("racer.py")
HOURS = 3600


def test_processes_racing(trio: Any, tmp_path: Path) -> None:
    """A process that finds another where only one may be dies of it. Hosts' clocks are hours apart."""
    skews = ["0", "0", "0", "0"] if trio.kind == "sqlite" else ["0", "0", str(5 * HOURS), str(-5 * HOURS)]
    racers = [subprocess.Popen([sys.executable, str(RACER), trio.a.uri, str(trio.a.folder), str(tmp_path / "mark"), "4", skew],
                               stdout=subprocess.PIPE, text=True) for skew in skews]
    said = [racer.communicate(timeout=60)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0, 0]
    counts = [[int(number) for number in text.split()] for text in said]
    assert sum(lost for _, lost in counts) == 0
    # a race it was; who waits for SQLite's lock on a busy machine may never have its turn in that time
    assert sum(had > 0 for had, _ in counts) > 1 and sum(had for had, _ in counts) > 20, counts


def test_only_one_of_two_takes_an_expired_lease(trio: Any) -> None:
    site = trio.a.open()
    first, second, third = (Lease(site, "thing", f"elsewhere{n}:1/x") for n in range(3))
    assert first.take() is False
    with pytest.raises(AlreadyRunning):
        second.take()
    trio.a.elsewhere("UPDATE sync_lease SET expires_on = '2000-01-01 00:00:00' WHERE name = 'thing'")
    assert second.take() is True
    with pytest.raises(AlreadyRunning):
        third.take()
    with pytest.raises(LeaseLost):
        first.renew()
    site.rollback()
    second.renew()
    first.release()                           # is not ours any more: nothing happens
    with pytest.raises(AlreadyRunning):
        third.take()
    second.release()
    assert third.take() is False


def test_a_host_whose_clock_is_ahead_takes_no_lease_that_lives(served: Any) -> None:
    """Times are the database server's: the default clock of a site is not asked."""
    from s3sync.engine.site import Site
    from s3sync.hosts.web2py import Web2pyHost
    from s3sync.index.moment import utcnow
    site = Site(Web2pyHost(served.a.db, None, served.a.uuid), served.a.settings, utcnow)
    assert abs(site.shared_now() - utcnow()) < timedelta(seconds=3)
    Lease(site, "thing", "elsewhere:1/x").take()
    (expires,), = served.a.sql("SELECT expires_on FROM sync_lease WHERE name = 'thing'")
    assert isinstance(expires, datetime) and abs(expires - utcnow() - timedelta(seconds=3)) < timedelta(seconds=3)
