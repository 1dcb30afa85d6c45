"""Code of the application that commits or rolls back while records are imported does not break a batch apart."""
from __future__ import annotations

from typing import Any

import pytest
from local_sites import same
from practice import Field, quarantined, sql

from s3sync.hosts.web2py import declare

ORG = "org_organisation"


@pytest.mark.parametrize("what", ["commit", "rollback"])
@pytest.mark.parametrize("hook", ["onvalidation", "onaccept"])
def test_18_code_that_commits_or_rolls_back_does_not_break_the_batch_apart(field: Field, hook: str, what: str) -> None:
    """Else records would count as written that are not, or be there without their versions."""
    db = field.a.db

    def meddle(form: Any) -> None:
        if form.vars.name == "meddles":
            getattr(db, what)()
    declare(db, ORG, **{hook: meddle})
    field.link(field.a, field.b, ORG)
    for name in ("one", "meddles", "two"):
        field.b.insert(ORG, name=name)
    assert field.run() == ("success" if what == "commit" else "warning")
    names = ["meddles", "one", "two"] if what == "commit" else ["one", "two"]
    assert sorted(r["name"] for r in field.a.records(ORG).values()) == names
    assert [entry.code for entry in quarantined(field.a)] == (["callback"] if what == "rollback" else [])
    assert sql(field.a, "SELECT COUNT(*) FROM sync_version WHERE tablename = ? AND origin IS NOT NULL", ORG) == [(len(names),)]
    db.org_organisation.insert(name="afterwards")
    getattr(db, what)()                          # the application has its database back
    assert ("afterwards" in str(field.a.records(ORG))) == (what == "commit")


def test_18_a_killed_batch_leaves_nothing_behind_although_code_in_it_committed(field: Field) -> None:
    declare(field.a.db, ORG, onaccept=lambda form: field.a.db.commit())
    field.link(field.a, field.b, ORG, mode=1)
    for number in range(5):
        field.b.insert(ORG, name=f"{number}")
    for at in range(5, 200, 7):
        field.a.trouble.plan("kill", at)
        if field.run() != "killed":
            break
        field.clock.advance(1000)
        versions = sql(field.a, "SELECT COUNT(*) FROM sync_version WHERE tablename = ?", ORG)
        assert versions == sql(field.a, "SELECT COUNT(*) FROM org_organisation") and versions[0][0] in (0, 5)
    field.run()
    assert list(same(field.a, field.b)) == []
