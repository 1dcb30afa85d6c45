"""What a pusher is told: the particular records, and one word for the rest; it is believed as far as it counts."""
from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from local_sites import same, synchronize

from s3sync.engine.outcome import RESULTS, Outcome, told

fates = st.builds(
    lambda result, reason, conflict, missing: (result, reason, "", conflict, "mine" if conflict else "", missing),
    st.sampled_from(RESULTS), st.sampled_from(["", "", "", "too long"]), st.sampled_from([False, False, True]),
    st.sampled_from([(), (), (("gis_location", "urn:uuid:1"),)]))


@given(st.lists(fates, max_size=20))
def test_nothing_is_lost_in_the_telling(found: list[Any]) -> None:
    outcomes = [Outcome("t", f"urn:uuid:{n}", *fate) for n, fate in enumerate(found)]
    listed, rest = told(outcomes)
    known = {o.uuid: o for o in listed}
    assert rest != "rejected"
    assert [known.get(o.uuid) or Outcome("t", o.uuid, rest) for o in outcomes] == outcomes


def test_a_usual_answer_is_short(pair: Any) -> None:
    """As many bytes for a hundred records as for one, and a line for each that is special."""
    a, b = pair.a, pair.b
    answers = []

    def overhear(what: str, body: bytes) -> bytes:
        if what == "POST":
            answers.append(json.loads(body))
        return body

    for n in range(45):
        a.insert("org_organisation", name=f"New {n}")
    assert synchronize(a, b, pair.repository, overhear) == "success"
    assert [(said["outcomes"], said["rest"]) for said in answers] == [([], "created")] * len(answers)
    assert sum(said["records"] for said in answers) == 45
    step = a.steps()["org_organisation", "push"]
    assert (step.records, step.created) == (45, 45)
    assert list(same(a, b)) == []


def test_who_has_read_another_number_is_not_believed(pair: Any) -> None:
    a, b = pair.a, pair.b
    a.insert("org_organisation", name="New")

    def miscount(what: str, body: bytes) -> bytes:
        return body.replace(b'"records": 1,', b'"records": 2,') if what == "POST" else body

    assert synchronize(a, b, pair.repository, miscount) == "fatal"
    assert "does not say what became of 1 records" in a.log()[0].message
    assert synchronize(a, b, pair.repository) == "success"
    assert list(same(a, b)) == []


def test_a_refusal_that_names_another_record_is_not_passed_over(pair: Any) -> None:
    """Who spells a record's name differently has refused one of ours: "the rest" would count it among those that got in."""
    a, b = pair.a, pair.b
    refused = Outcome("org_organisation", "urn:uuid:NEW", "rejected", "too long").to_json()
    for n in range(3):
        a.insert("org_organisation", name=f"New {n}")

    def misspell(what: str, body: bytes) -> bytes:
        if what != "POST":
            return body
        said = json.loads(body)
        said["outcomes"] = [refused]
        return json.dumps(said).encode()

    assert Outcome.from_json(refused) is not None
    assert synchronize(a, b, pair.repository, misspell) == "fatal"
    assert "does not say what became of 3 records" in a.log()[0].message
    assert synchronize(a, b, pair.repository) == "success"
    assert list(same(a, b)) == []
