"""A peer that always has more and gets no further holds up neither a comparison nor a dry run."""
from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Sequence

import pytest
from local_sites import LocalPeer, synchronize
from practice import Field

from s3sync.engine.compare import compare
from s3sync.engine.plan import plan
from s3sync.engine.repository import load


@dataclass
class Endless(LocalPeer):
    """Always has more: the places where its pages end are these, again and again."""

    places: Sequence[str] = ()
    asked: int = 0

    def ask(self, method: str, params: dict[str, Any], body: bytes = b"") -> bytes:
        if "place" not in params:
            return super().ask(method, params, body)
        answer = super().ask(method, {**params, "place": ""}, body)
        place = self.places[self.asked % len(self.places)]
        self.asked += 1
        if answer.startswith(b"{"):
            return json.dumps({**json.loads(answer), "place": place}).encode()
        answer = re.sub(rb' (?:more|scanned)="[^"]*"', b"", answer)
        return answer.replace(b"<s3xml ", f'<s3xml more="true" scanned="{place}" '.encode(), 1)


@pytest.mark.parametrize("places", [["somewhere"], ["here", "there"], [f"place {number}" for number in range(30)]])
@pytest.mark.parametrize("work", [plan, compare])
def test_a_comparison_and_a_dry_run_end_as_well(field: Field, work: Any, places: list[str]) -> None:
    a, b = field.a, field.b
    number = field.link(a, b, "gis_location", mode=1)
    b.insert("gis_location", name="one")
    peer = Endless(a, b, places=places)
    found = work(a.open(), peer, load(a.db, number))
    (part,) = found.steps if work is plan else found.tasks
    assert "gets no further" in part.error and peer.asked == len(places) + 1
    a.db.commit()
    assert a.records("gis_location") == {} and synchronize(a, b, number) == "success"      # and the task goes on
    assert len(a.records("gis_location")) == 1


def test_a_dry_run_with_a_peer_that_says_more_but_not_where_ends(field: Field) -> None:
    number = field.link(field.a, field.b, "gis_location", mode=1)
    peer = Endless(field.a, field.b, places=[""])
    assert "gets no further" in plan(field.a.open(), peer, load(field.a.db, number)).steps[0].error and peer.asked == 1
