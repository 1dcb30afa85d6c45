"""A process that takes and gives back a lease as often as it can: ``racer.py URI FOLDER MARK SECONDS SKEW``.

While it has the lease it holds the file MARK, which only one process can create. Prints how often it had the lease.
"""
from __future__ import annotations

import os
import random
import sys
import time
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pydal import DAL

from s3sync.engine.lease import Lease
from s3sync.engine.site import Site
from s3sync.errors import AlreadyRunning, LeaseLost
from s3sync.hosts.web2py import Web2pyHost
from s3sync.index import index
from s3sync.process import own_name
from s3sync.settings import Settings
from s3sync.tables import define_tables


def main() -> None:
    uri, folder, mark, seconds, skew = sys.argv[1:6]
    db = DAL(uri, folder=folder, check_reserved=None, pool_size=0, migrate_enabled=False)
    db._adapter.get_connection()
    define_tables(db)
    now = index.utcnow
    if int(skew):                             # the clock of a host of its own
        def now() -> object:                  # type: ignore[misc]
            return index.utcnow() + timedelta(seconds=int(skew))
    site = Site(Web2pyHost(db, None, "urn:uuid:racer"), Settings(lease_time=30), now)
    if int(skew):                             # as for any site whose clock is the machine's
        site.shared_now = site.db.now if site.db.dialect != "sqlite" else index.utcnow  # type: ignore[method-assign]
    site.db.wait_for_locks(30)
    lease = Lease(site, "race", f"host{os.getpid()}:{os.getpid()}/x")
    assert own_name()
    had = lost = 0
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        try:
            lease.take()
        except AlreadyRunning:
            site.rollback()
            time.sleep(random.uniform(0, .01))
            continue
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        time.sleep(random.uniform(0, .01))
        try:
            lease.renew()
            db.commit()
        except LeaseLost:
            lost += 1
        had += 1
        os.unlink(mark)
        lease.release()
    print(had, lost)


if __name__ == "__main__":
    main()
