"""G4: what a person can do with a rejected record."""
from __future__ import annotations

import pytest
from practice import Field, moved, quarantined
from test_g4_quarantine import spoilt, widen

from s3sync.engine import quarantine
from s3sync.errors import ConfigurationError


@pytest.mark.parametrize("mode", [1, 2])
def test_try_it_again_now(field: Field, mode: int) -> None:
    bad, _ = spoilt(field, mode)
    me, other = (field.b, field.a) if mode == 1 else (field.a, field.b)
    widen(field)
    assert quarantine.retry(me.open(), [quarantined(me)[0].id]) == 1
    assert field.run(me, other) == "success"
    assert field.b.get("org_organisation", bad) and quarantined(me) == []


def test_correct_it_and_try_again(field: Field) -> None:
    """The correction goes back to where the record came from."""
    bad, _ = spoilt(field, 1)
    site = field.b.open()
    quarantine.edit(site, quarantined(field.b)[0].id, {"acronym": "short"})
    field.b.db(field.b.db.sync_task.id > 0).update(mode=3)
    field.b.db.commit()
    assert field.run(field.b, field.a) == "success"
    assert [one.get("org_organisation", bad).acronym for one in (field.a, field.b)] == ["short", "short"]
    field.run(field.b, field.a)
    assert moved(field.b) == {} and quarantined(field.b) == []


def test_let_it_be(field: Field) -> None:
    bad, _ = spoilt(field, 1)
    quarantine.dismiss(field.b.open(), [quarantined(field.b)[0].id])
    field.later()
    assert field.run(field.b, field.a) == "success"
    assert quarantined(field.b)[0].status == "dismissed" and quarantine.counts(field.b.open(), 1) == 0
    field.a.update("org_organisation", bad, name="edited")
    assert field.run(field.b, field.a) == "warning" and quarantined(field.b)[0].status == "open"


def test_what_cannot_be_corrected_here_is_said(field: Field) -> None:
    spoilt(field, 2)
    number = quarantined(field.a)[0].id
    with pytest.raises(ConfigurationError, match="Correct the record itself"):
        quarantine.edit(field.a.open(), number, {"acronym": "x"})
    with pytest.raises(ConfigurationError):
        quarantine.edit(field.a.open(), 999, {})
