"""G7: an update that is refused changes nothing, not even a time stamp, and runs no code of the application's."""
from __future__ import annotations

from typing import Any

import pytest
from practice import Field, moved, set_clock

from s3sync.hosts.web2py import declare


def watched(field: Field) -> list[Any]:
    """Everything the application at `a` is told of."""
    told: list[Any] = []
    declare(field.a.db, "org_organisation", components=[dict(alias="office", table="org_office", fkey="organisation_id")],
            onaccept=told.append)
    return told


def row_of(field: Field, uuid: str) -> dict[str, Any]:
    row = field.a.get("org_organisation", uuid)
    return {name: row[name] for name in field.a.db.org_organisation.fields}


@pytest.mark.parametrize("task", [dict(update_policy="THIS"), dict(update_policy="MASTER"), dict(strategy=["create", "delete"])])
def test_by_update_policy_and_strategy(field: Field, task: dict[str, Any]) -> None:
    field.link(field.a, field.b, "org_organisation", mode=1, **task)
    uuid = field.b.insert("org_organisation", name="one")
    field.b.db(field.b.db.org_organisation.uuid == uuid).update(mci=1)
    field.b.db.commit()
    if task.get("update_policy") == "MASTER":
        field.a.insert("org_organisation", uuid=uuid, name="mine", mci=0)
    field.run()
    told, before = watched(field), row_of(field, uuid) if field.a.get("org_organisation", uuid) else None
    field.b.update("org_organisation", uuid, name="two")
    field.run()
    assert told == []
    if before is not None:
        assert row_of(field, uuid) == before
    assert field.run() == "success" and moved(field.a) == {}


def test_by_conflict_policy(field: Field) -> None:
    field.link(field.a, field.b, "org_organisation", mode=1, conflict_policy="NEWER")
    uuid = field.b.insert("org_organisation", name="one")
    field.run()
    set_clock(field.b, -3600)
    field.b.update("org_organisation", uuid, name="theirs, older")
    field.a.update("org_organisation", uuid, name="mine, newer")
    told, before = watched(field), row_of(field, uuid)
    assert field.run() == "warning"
    assert told == [] and row_of(field, uuid) == before


def test_by_validation(field: Field) -> None:
    field.link(field.a, field.b, "org_organisation", mode=1)
    uuid = field.b.insert("org_organisation", name="one")
    field.run()
    told, before = watched(field), row_of(field, uuid)
    field.b.sql("UPDATE org_organisation SET acronym = 'longer than eight', name = 'two' WHERE uuid = ?", uuid)
    field.run()
    assert told == [] and row_of(field, uuid) == before


def test_an_older_edit_of_theirs_does_not_date_mine_back(field: Field) -> None:
    """Eden's own wrote the older time of a refused update into the row: below everybody's last pull, so my edit was lost."""
    c = field.site("c")
    field.link(field.a, field.b, "org_organisation", mode=1)
    field.link(c, field.a, "org_organisation", mode=1)
    uuid = field.b.insert("org_organisation", name="one")
    field.run()
    field.run(c, field.a)
    set_clock(field.b, -3600)
    field.b.update("org_organisation", uuid, name="older")
    field.a.update("org_organisation", uuid, name="newer")
    field.run()
    field.run(c, field.a)
    assert c.get("org_organisation", uuid).name == "newer"
