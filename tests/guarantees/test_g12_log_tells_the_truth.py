"""G12: no success where something failed or waits; every record's fate can be found."""
from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta

import pytest
from faults import Wire
from practice import Field, sql

from s3sync.engine.standing import standing
from s3sync.process import own_name


def messages(field: Field) -> list[tuple[str, str]]:
    """Result and message of the entries of the last run, oldest first, the server's not included."""
    return [(entry.result, entry.message) for entry in reversed(field.a.log()) if "incoming" not in entry.mode]


def test_nothing_to_do_says_so(field: Field) -> None:
    field.link(field.a, field.b, "gis_location")
    assert field.run() == "success"
    assert messages(field) == [("success", "No data to import (already up-to-date)"),
                               ("success", "No data to send (already up-to-date)")]


@pytest.mark.parametrize("mode", [1, 2])
def test_a_rejected_record_makes_a_warning_with_its_reason(field: Field, mode: int) -> None:
    field.link(field.a, field.b, "org_organisation", mode=mode)
    source = field.b if mode == 1 else field.a
    uuid = source.insert("org_organisation", name="bad")
    sql(source, "UPDATE org_organisation SET acronym = 'longer than eight' WHERE uuid = ?", uuid)
    source.insert("org_organisation", name="good")
    assert field.run() == "warning" and field.a.run().status == "warning"
    (result, message), = messages(field)
    assert result == "warning" and uuid in message and "longer than 8" in message and "2 records" in message
    step = next(iter(field.a.steps().values()))
    assert (step.status, step.records, step.created, step.rejected) == ("warning", 2, 1, 1)


@pytest.mark.parametrize("kind", ["cut", "lost", "unreachable"])
def test_a_run_that_broke_off_is_an_error_and_says_what_was_done_before(field: Field, kind: str) -> None:
    object.__setattr__(field.a.settings, "batch_size", 2)
    field.link(field.a, field.b, "gis_location", mode=1)
    for number in range(6):
        field.b.insert("gis_location", name=f"{number}")
    assert field.run(wire=Wire(kind, 3, .5)) in ("error", "fatal")
    assert field.a.run().status == "error" and field.a.run().message
    assert "records were done before" in messages(field)[-1][1]


def test_a_failed_task_does_not_fail_the_others(field: Field) -> None:
    field.link(field.a, field.b, "gis_location", "org_organisation")
    number = field.links["a", "b"]
    task = field.a.db(field.a.db.sync_task.repository_id == number).select(orderby=field.a.db.sync_task.id).first()
    field.a.db.sync_resource_filter.insert(task_id=task.id, tablename="gis_location", filter_string="location.nothing=1")
    field.a.db.commit()
    uuid = field.a.insert("org_organisation", name="O")
    other = field.b.insert("org_organisation", name="P")
    assert field.run() in ("error", "fatal")
    assert field.b.get("org_organisation", uuid) and field.a.get("org_organisation", other)
    results = {(s.resource_name, s.direction): s.status for s in field.a.steps().values()}
    assert results == {("gis_location", "pull"): "error", ("gis_location", "push"): "error",
                       ("org_organisation", "pull"): "success", ("org_organisation", "push"): "success"}


def test_a_killed_run_is_seen_as_interrupted(field: Field) -> None:
    field.link(field.a, field.b)
    field.a.trouble.plan("kill", 80)
    assert field.run() == "killed"
    field.clock.advance(1000)
    field.run()
    assert [row[0] for row in sql(field.a, "SELECT status FROM sync_run ORDER BY id")] == ["interrupted", "success"]


def test_a_conflict_is_no_plain_success_at_either_site(field: Field) -> None:
    field.link(field.a, field.b, "gis_location", mode=2)
    uuid = field.a.insert("gis_location", name="one")
    field.run()
    field.a.update("gis_location", uuid, name="a")
    field.b.update("gis_location", uuid, name="b")
    assert field.run() == "warning"
    assert field.b.log()[0].result == "warning"


def test_the_peers_log_tells_of_what_it_rejected(field: Field) -> None:
    field.link(field.a, field.b, "org_organisation", mode=2)
    uuid = field.a.insert("org_organisation", name="bad")
    sql(field.a, "UPDATE org_organisation SET acronym = 'longer than eight' WHERE uuid = ?", uuid)
    field.run()
    assert field.b.log()[0].result == "warning" and uuid in field.b.log()[0].message


def test_old_entries_are_forgotten_and_young_ones_kept(field: Field) -> None:
    field.link(field.a, field.b)
    field.run()
    field.later(field.a.settings.log_retention + 1)
    field.run()
    field.run()
    assert sql(field.a, "SELECT COUNT(*) FROM sync_run") == [(2,)]
    oldest, = sql(field.a, "SELECT MIN(timestmp) FROM sync_log")[0]
    retained = field.a.now() - timedelta(days=field.a.settings.log_retention)
    assert datetime.fromisoformat(str(oldest)) >= retained and len(field.a.log()) == 8
    assert sql(field.a, "SELECT COUNT(*) FROM sync_run_task") == [(8,)]


def test_what_an_earlier_run_left_behind_is_no_success(field: Field) -> None:
    """The rejected record is not due again, nothing else is to do: still the entry says that something is left."""
    field.link(field.a, field.b, "org_organisation", mode=1)
    uuid = field.b.insert("org_organisation", name="bad")
    sql(field.b, "UPDATE org_organisation SET acronym = 'longer than eight' WHERE uuid = ?", uuid)
    assert field.run() == "warning"
    assert field.run() == "warning" and field.a.run().status == "warning"
    (result, message), *_ = reversed(messages(field))
    assert result == "warning" and "1 rejected in quarantine" in message


def test_a_reference_that_still_waits_is_no_success(field: Field) -> None:
    field.link(field.a, field.b, "org_office", mode=1)
    place = field.b.insert("gis_location", name="gone")
    organisation = field.b.insert("org_organisation", name="O")
    field.b.insert("org_office", name="waits", organisation_id=field.b.id_of("org_organisation", organisation),
                   location_id=field.b.id_of("gis_location", place))
    field.run()
    sql(field.a, "INSERT INTO sync_waiting (tablename, record_uuid, fieldname, target_table, target_uuid, repository_id) "
                 "SELECT 'org_office', uuid, 'location_id', 'gis_location', 'urn:uuid:nobody', ? FROM org_office",
        field.links["a", "b"])
    assert field.run() == "warning"
    assert "1 waiting for a reference" in messages(field)[-1][1]


DEAD = "from s3sync.process import own_name; print(own_name())"


@pytest.mark.parametrize("worker, silent, late, words", [
    ("alive", 5, False, ""), ("alive", 60, False, "no sign of life since"),
    ("alive", 600, True, "is dead or gives no sign of life"),
    ("dead", 5, True, "is dead or gives no sign of life"), ("elsewhere:1/x", 60, False, "no sign of life since")])
def test_a_run_that_is_silent_or_dead_is_visible(field: Field, worker: str, silent: int, late: bool, words: str) -> None:
    a = field.a
    number = field.link(a, field.b, "gis_location", mode=1)
    if worker == "dead":
        worker = subprocess.run([sys.executable, "-c", DEAD], capture_output=True, text=True, check=True).stdout.strip()
    a.db.sync_run.insert(repository_id=number, status="running", phase="pulling", started_on=a.now() - timedelta(minutes=20),
                         heartbeat_on=a.now() - timedelta(seconds=silent), worker=own_name() if worker == "alive" else worker)
    a.db.commit()
    (found,) = standing(a.open())
    assert found.late == found.trouble == late
    said = " ".join(found.words())
    assert words in said and ("sign of life" in said) == bool(words)
    field.run()                                           # dead: it takes over; no lease is left of the others
    assert field.a.run().status == "success" and not next(standing(a.open())).late
