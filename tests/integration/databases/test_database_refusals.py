"""The database refuses in the middle of a run: the run says so, tries again, and loses nothing."""
from __future__ import annotations

import threading
import time
from typing import Any, Callable

import pytest
from local_sites import same, synchronize

from s3sync.database import Database


def at_page(number: int, work: Callable[[], object]) -> Callable[[str, bytes], bytes]:
    """Do something when the answer of this number arrives."""
    seen: list[str] = []

    def on_wire(what: str, body: bytes) -> bytes:
        seen.append(what)
        if len(seen) == number:
            work()
        return body

    return on_wire


def assert_complete(trio: Any, count: int) -> None:
    """Nothing is missing, nothing was done twice."""
    assert list(same(trio.a, trio.b)) == []
    assert trio.created() == count
    (versions, last), = trio.a.sql("SELECT COUNT(*), MAX(seq) FROM sync_version WHERE tablename = 'gis_location'")
    assert (versions, last) == (count, count)


def test_a_deadlock(served: Any) -> None:
    """A deletion takes along rows of another table, which another program has locked and which wants ours: one of both has to
    give in, and the run begins its task again."""
    a, b = served.a, served.b
    organisation = b.insert("org_organisation", name="One")
    b.insert("org_office", name="Office", organisation_id=b.id_of("org_organisation", organisation))
    assert synchronize(a, b, served.repository) == "success"
    b.delete("org_organisation", organisation)
    other = served.server.connect(served.name(a))
    cursor = other.cursor()
    cursor.execute("SELECT seq FROM sync_clock WHERE tablename = 'org_office' FOR UPDATE")
    cursor.executemany("INSERT INTO sync_log (uuid, message) VALUES (%s, %s)", [[str(n), "so that the run has to give in"]
                                                                                for n in range(500)])
    outcome = []

    def want() -> None:
        try:
            cursor.execute("SELECT seq FROM sync_clock WHERE tablename = 'org_organisation' FOR UPDATE")
            cursor.fetchall()
            outcome.append("granted")
        except Exception as error:  # noqa: BLE001 - whichever driver's
            outcome.append(type(error).__name__)
        finally:
            other.rollback()

    def blocked() -> bool:
        """Does the run wait for what we have locked?"""
        watcher = served.server.connect(served.name(a)) if served.kind == "postgres" else served.server.connect("", user="root")
        try:
            look = watcher.cursor()
            look.execute("SELECT COUNT(*) FROM pg_locks WHERE NOT granted" if served.kind == "postgres" else
                         "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")
            return bool(look.fetchone()[0])
        finally:
            watcher.close()

    def grab() -> None:
        end = time.monotonic() + 30
        while not blocked() and time.monotonic() < end:
            time.sleep(0.01)
        want()

    thief = threading.Thread(target=grab)
    thief.start()
    assert synchronize(a, b, served.repository) == "success"
    thief.join()
    other.close()
    assert len(outcome) == 1
    for table in ("org_organisation", "org_office"):
        assert a.sql(f"SELECT COUNT(*) FROM {table} WHERE deleted = 'T'") == [(1,)]
    assert a.steps()["org_organisation", "pull"].deleted == 1
    assert a.steps()["org_organisation", "pull"].rejected == 0 and a.sql("SELECT COUNT(*) FROM sync_quarantine") == [(0,)]


def test_a_lock_that_another_program_holds(served: Any) -> None:
    """Waiting for it ends with an error of the database's: the run waits and begins its task again."""
    served.fill(100)
    synchronize(served.a, served.b, served.repository)
    served.b.sql("UPDATE gis_location SET population = 7, modified_on = '2099-01-01 00:00:00' WHERE name = 'Place 99'")
    database = Database(served.a.db)
    database.execute("SET lock_timeout = 500" if served.kind == "postgres" else "SET SESSION innodb_lock_wait_timeout = 1")
    served.a.db.commit()
    other = served.server.connect(served.name(served.a))
    other.cursor().execute("SELECT id FROM gis_location WHERE name = 'Place 99' FOR UPDATE")
    release = threading.Timer(1.6, other.rollback)
    release.start()
    assert synchronize(served.a, served.b, served.repository) == "success"
    release.join()
    other.close()
    assert list(same(served.a, served.b)) == []
    assert served.a.sql("SELECT COUNT(*) FROM sync_quarantine") == [(0,)]


def test_a_connection_that_is_cut(served: Any) -> None:
    """The run connects anew and goes on after the last batch that was committed."""
    served.fill(200)
    cut: list[int] = []
    wire = at_page(4, lambda: cut.append(served.server.cut(served.name(served.a))))
    assert synchronize(served.a, served.b, served.repository, wire) == "success"
    assert cut and cut[0] >= 1
    assert_complete(served, 200)
    assert [row[0] for row in served.a.sql("SELECT owner FROM sync_lease")] == [None]


def test_a_server_that_is_restarted(served: Any) -> None:
    """Killed in the middle of a run, back after a second."""
    served.fill(200)

    def crash() -> None:
        served.server.halt()
        threading.Timer(1, served.server.start).start()

    assert synchronize(served.a, served.b, served.repository, at_page(4, crash)) in ("success", "error")
    served.b.db._adapter.close(None)
    served.b.db._adapter.get_connection()
    assert synchronize(served.a, served.b, served.repository) == "success"
    assert_complete(served, 200)


@pytest.mark.parametrize("pages", [1, 5, 30])
def test_a_full_disk(pages: int, on_sqlite: Any) -> None:
    """SQLite is told that there is no more room: an error that says so, and once there is room the next run goes on."""
    pair = on_sqlite
    pair.fill(400)
    db = pair.a.db
    (now,), = db.executesql("PRAGMA page_count")
    db.executesql(f"PRAGMA max_page_count = {now + pages}")
    assert synchronize(pair.a, pair.b, pair.repository) == "error"
    db.executesql("PRAGMA max_page_count = 1000000")
    db.commit()
    assert pair.a.sql("SELECT COUNT(*) FROM sync_quarantine") == [(0,)]
    stored = pair.a.sql("SELECT COUNT(*) FROM gis_location")[0][0]
    assert stored < 400 and stored == pair.created()
    assert synchronize(pair.a, pair.b, pair.repository) == "success"
    assert_complete(pair, 400)


@pytest.mark.parametrize("kilobytes", [0, 16, 48])
def test_a_full_disk_of_postgresql(kilobytes: int, small_disk: Any) -> None:
    """A real one: the file system on which two of the tables are has no room left, at first or soon."""
    pair = small_disk.trio
    pair.fill(2000)
    small_disk.leave(kilobytes)
    assert synchronize(pair.a, pair.b, pair.repository) == "error"
    assert "No space left on device" in " ".join(entry.message for entry in pair.a.log())
    assert pair.a.sql("SELECT COUNT(*) FROM sync_quarantine") == [(0,)]
    stored = pair.a.sql("SELECT COUNT(*) FROM gis_location")[0][0]
    assert stored < 2000 and stored == pair.created()
    small_disk.leave(None)
    assert synchronize(pair.a, pair.b, pair.repository) == "success"
    assert_complete(pair, 2000)
