"""Two sites, one run after the other: what changed moves, all of it, and nothing else."""
from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from local_sites import register, same, synchronize

from s3sync.engine import quarantine
from s3sync.errors import ConnectError, DocumentTruncated
from s3sync.hosts.web2py import declare


def counts(step: Any) -> dict[str, int]:
    names = ("records", "created", "updated", "deleted", "unchanged", "kept", "waiting", "conflicts", "rejected")
    return {name: step[name] for name in names if step[name]}


@pytest.fixture
def filled(pair: Any) -> Any:
    """Countries and cities at headquarters, organisations with offices in the field, all synchronised once."""
    country = pair.b.insert("gis_location", name="Malawi", level="L0")
    number = pair.b.id_of("gis_location", country)
    pair.cities = [pair.b.insert("gis_location", name=f"City {i}", parent=number, population=i) for i in range(120)]
    here = pair.a.insert("gis_location", name="Only known in the field")
    pair.organisation = pair.a.insert("org_organisation", name="Ärzte <&>", tags=["a", "b|c"], rate="12.50", year=1971)
    pair.office = pair.a.insert("org_office", name="HQ", organisation_id=pair.a.id_of("org_organisation", pair.organisation),
                                location_id=pair.a.id_of("gis_location", here))
    assert synchronize(pair.a, pair.b, pair.repository) == "success"
    return pair


def test_first_run_moves_everything_in_both_directions(filled: Any) -> None:
    assert list(same(filled.a, filled.b)) == []
    steps = filled.a.steps()
    assert counts(steps["gis_location", "pull"]) == {"records": 121, "created": 121}
    # the location of the office is in no task that pushes: it goes along, because the office refers to it
    assert counts(steps["org_organisation", "push"]) == {"records": 3, "created": 3}


@pytest.mark.parametrize("hook", [None, lambda form: None], ids=["in bulk", "one by one"])
def test_numbers_keep_every_digit(filled: Any, hook: Any) -> None:
    # SQLite's own conversion from text, which pyDAL relies on, makes another number of this one
    declare(filled.a.db, "gis_location", onaccept=hook)
    place = filled.b.insert("gis_location", name="P", lon=-0.1, population=2 ** 31 - 1)
    filled.b.sql("UPDATE gis_location SET lat = ? WHERE uuid = ?", -101.742089, place)
    assert synchronize(filled.a, filled.b, filled.repository) == "success"
    stored = filled.a.sql("SELECT lat, lon, population FROM gis_location WHERE uuid = ?", place)
    assert stored == [(-101.742089, -0.1, 2147483647)] and isinstance(stored[0][0], float)


def test_second_run_moves_nothing(filled: Any) -> None:
    assert synchronize(filled.a, filled.b, filled.repository) == "success"
    assert [counts(step) for step in filled.a.steps().values()] == [{}, {}, {}]


def test_only_changes_move(filled: Any) -> None:
    a, b = filled.a, filled.b
    b.update("gis_location", filled.cities[3], population=None)
    b.delete("gis_location", filled.cities[4])
    a.update("org_office", filled.office, name="Head office")            # the organisation is untouched
    b.update("org_organisation", filled.organisation, acronym="AOG", year=None)
    assert synchronize(a, b, filled.repository) == "success"
    assert list(same(a, b)) == []
    steps = a.steps()
    assert counts(steps["gis_location", "pull"]) == {"records": 2, "updated": 1, "deleted": 1}
    assert counts(steps["org_organisation", "pull"]) == {"records": 1, "updated": 1}
    assert counts(steps["org_organisation", "push"]) == {"records": 1, "updated": 1}
    assert a.get("gis_location", filled.cities[4]).deleted
    assert synchronize(a, b, filled.repository) == "success"
    assert [counts(step) for step in a.steps().values()] == [{}, {}, {}]


def test_rows_of_a_hard_deletion_disappear(filled: Any) -> None:
    b = filled.b
    b.db(b.db.gis_location.uuid == filled.cities[7]).delete()
    b.db(b.db.sync_clock.id > 0).update(swept_on=None)                   # the next sweep is due
    b.db.commit()
    assert synchronize(filled.a, b, filled.repository) == "success"
    assert filled.a.get("gis_location", filled.cities[7]).deleted


def test_edits_on_both_sides_are_a_conflict_and_both_sites_agree(filled: Any) -> None:
    a, b = filled.a, filled.b
    a.update("org_organisation", filled.organisation, acronym="A")
    b.update("org_organisation", filled.organisation, acronym="B", year=2000)
    assert synchronize(a, b, filled.repository) == "warning"
    synchronize(a, b, filled.repository)
    assert list(same(a, b)) == []
    conflict = a.db(a.db.sync_conflict.id > 0).select().first()
    assert '"acronym": "A"' in conflict.mine and '"acronym": "B"' in conflict.theirs
    assert synchronize(a, b, filled.repository) == "success"
    assert [counts(step) for step in a.steps().values()] == [{}, {}, {}]


def test_a_bad_record_stops_nobody_and_is_kept(filled: Any) -> None:
    a, b = filled.a, filled.b
    change = "UPDATE org_organisation SET acronym = 'longer than eight', year = NULL WHERE uuid = ?"
    b.sql(change, filled.organisation)
    b.db.commit()
    good = b.insert("org_organisation", name="Good one")
    assert synchronize(a, b, filled.repository) == "warning"
    assert a.get("org_organisation", good) is not None
    assert a.get("org_organisation", filled.organisation).acronym is None
    kept = a.db(a.db.sync_quarantine.id > 0).select().first()
    assert kept.record_uuid == filled.organisation and "longer than 8" in kept.error and "Ärzte" in kept.xml
    assert "longer than 8" in a.log()[1].message and a.log()[1].result == "warning"
    assert [r.values["year"] for r in quarantine.read(a.open(), kept.xml)] == [None]        # cleared, not unsaid
    b.update("org_organisation", filled.organisation, acronym="short")
    assert synchronize(a, b, filled.repository) == "success"
    assert a.db(a.db.sync_quarantine.id > 0).isempty()
    assert list(same(a, b)) == []


@pytest.mark.parametrize("at", [0, 10, 400, 3000])
def test_a_cut_answer_changes_nothing_for_good(filled: Any, at: int) -> None:
    a, b = filled.a, filled.b
    for city in filled.cities:
        b.update("gis_location", city, level="L3")
    result = synchronize(a, b, filled.repository, lambda what, body: body[:at] if what == "GET" else body)
    assert result in ("error", "fatal")
    assert {"error", "fatal"} & {entry.result for entry in a.log()[:3]}
    assert synchronize(a, b, filled.repository) == "success"
    assert list(same(a, b)) == []


def test_a_lost_answer_to_a_push_is_sent_again_and_changes_nothing(filled: Any) -> None:
    a, b = filled.a, filled.b
    a.insert("org_organisation", name="New")

    def lose(what: str, body: bytes) -> bytes:
        if what == "POST":
            raise ConnectError("the line was cut")
        return body

    assert synchronize(a, b, filled.repository, lose) == "error"
    assert synchronize(a, b, filled.repository) == "success"
    assert counts(a.steps()["org_organisation", "push"]) == {"records": 1, "unchanged": 1}
    assert list(same(a, b)) == []


def test_a_page_is_not_applied_twice_after_an_interruption(filled: Any) -> None:
    a, b = filled.a, filled.b
    for city in filled.cities:
        b.update("gis_location", city, level="L3")
    pages = []

    def interrupt(what: str, body: bytes) -> bytes:
        pages.append(body)
        if len(pages) == 3:
            raise DocumentTruncated("the line was cut")
        return body

    assert synchronize(a, b, filled.repository, interrupt) == "error"
    done = a.steps()["gis_location", "pull"].records
    assert done == 25 + 75          # the first page is half a batch of 50, then they grow
    assert synchronize(a, b, filled.repository) == "success"
    assert a.steps()["gis_location", "pull"].records == len(filled.cities) - done
    assert list(same(a, b)) == []


def test_a_second_run_at_the_same_time_is_refused(filled: Any) -> None:
    a = filled.a
    a.db.sync_lease.update_or_insert(a.db.sync_lease.name == f"repository/{filled.repository}",
                                     name=f"repository/{filled.repository}", owner="elsewhere:1/x",
                                     expires_on=a.now() + timedelta(seconds=100))
    a.db.commit()
    assert synchronize(a, filled.b, filled.repository) == "error"
    assert "already active" in a.log()[0].message
    for year in (2000, 2100):                     # it has ended; it is from before the clock was set back
        a.db(a.db.sync_lease.id > 0).update(owner="elsewhere:1/x", expires_on=datetime(year, 1, 1))
        a.db.commit()
        assert synchronize(a, filled.b, filled.repository) == "success"


def test_references_wait_for_their_target(pair: Any) -> None:
    a, b = pair.a, pair.b
    missing = b.insert("gis_location", name="Later")
    organisation = b.insert("org_organisation", name="O")
    office = b.insert("org_office", name="F", organisation_id=b.id_of("org_organisation", organisation),
                      location_id=b.id_of("gis_location", missing))
    task = a.db(a.db.sync_task.resource_name == "gis_location").select().first()
    task.update_record(mode=4)

    def hide(what: str, body: bytes) -> bytes:
        return body.replace(b'<resource name="gis_location"', b'<resource name="not_here"')

    assert synchronize(a, b, pair.repository, hide) == "warning"
    assert a.get("org_office", office).location_id is None
    task.update_record(mode=1)
    a.db.commit()
    assert synchronize(a, b, pair.repository) == "success"
    assert a.get("org_office", office).location_id == a.id_of("gis_location", missing)
    assert a.db(a.db.sync_waiting.id > 0).isempty()
    assert synchronize(a, b, pair.repository) == "success"
    assert [counts(step) for step in a.steps().values()] == [{}, {}, {}]


def test_three_sites_in_a_row(tmp_path: Any, pair: Any) -> None:
    from local_sites import LocalSite
    c = LocalSite(tmp_path, "c")
    number = register(c, pair.a, [dict(resource_name="org_organisation", mode=3)])
    first = pair.b.insert("org_organisation", name="From headquarters")
    second = c.insert("org_organisation", name="From the outpost")
    for _ in range(2):
        synchronize(pair.a, pair.b, pair.repository)
        synchronize(c, pair.a, number)
    synchronize(pair.a, pair.b, pair.repository)
    assert list(same(pair.a, pair.b, c)) == []
    assert pair.b.get("org_organisation", second) and c.get("org_organisation", first)
    assert [row.mci for row in (pair.b.get("org_organisation", first), pair.a.get("org_organisation", first),
                                c.get("org_organisation", first))] == [0, 1, 2]
