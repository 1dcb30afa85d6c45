"""G8: when changes stop, all sites hold the same; what came from a peer is not sent back to it."""
from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable

import pytest
from local_sites import same
from plain_eden import PlainPeer
from practice import Field, conflicts, moved, set_clock, sql
from pydal import Field as Db_Field

from s3sync.engine.peer import Batch
from s3sync.engine.run import Runner
from s3sync.hosts.web2py import declare


@pytest.mark.parametrize("shape", ["hub", "ring", "mesh"])
def test_four_sites_that_all_edit_the_same_record(field: Field, shape: str) -> None:
    sites = [field.a, field.b, field.site("c", skew=3600), field.site("d", skew=-3600)]
    pairs = {"hub": [(s, sites[0]) for s in sites[1:]], "ring": [(s, sites[i - 1]) for i, s in enumerate(sites)],
             "mesh": [(a, b) for i, a in enumerate(sites) for b in sites[:i]]}[shape]
    for me, other in pairs:
        field.link(me, other)
    uuid = field.a.insert("gis_location", name="shared")
    for _ in range(4):
        for me, other in pairs:
            field.run(me, other)
    for number, site in enumerate(sites):
        site.update("gis_location", uuid, name=f"by {site.name}")
        site.insert("org_organisation", name=f"{number}")
    for _ in range(4):
        for me, other in pairs:
            field.run(me, other)
    assert list(same(*sites)) == []
    for me, other in pairs:
        assert field.run(me, other) == "success" and moved(me) == {}


def test_what_came_from_a_peer_is_not_sent_back(field: Field) -> None:
    field.link(field.a, field.b)
    for number in range(5):
        field.a.insert("gis_location", name=f"a{number}")
        field.b.insert("gis_location", name=f"b{number}")
    field.run()
    assert {name: (step.records, step.created) for name, step in field.a.steps().items() if step.records} == {
        ("gis_location", "pull"): (5, 5), ("gis_location", "push"): (5, 5)}
    field.run()
    assert all(step.records == 0 for step in field.a.steps().values())


def test_a_deletion_is_not_sent_back_and_keeps_its_time(field: Field) -> None:
    field.link(field.a, field.b)
    uuid = field.a.insert("gis_location", name="one")
    field.run()
    field.a.delete("gis_location", uuid)
    stamp = field.a.get("gis_location", uuid).modified_on
    field.clock.advance(3600)
    field.run()
    assert field.b.get("gis_location", uuid).modified_on == stamp
    field.run()
    assert all(step.records == 0 for step in field.a.steps().values())


def test_two_sites_that_share_a_plain_eden_do_not_take_each_others_writes_for_edits(field: Field) -> None:
    eden = field.site("eden")
    field.link(field.a, field.b)
    field.link(field.a, eden)
    field.link(field.b, eden)
    uuid = eden.insert("gis_location", name="one")

    def turn() -> None:
        field.run(field.a, eden, plain=True)
        field.run(field.b, eden, plain=True)
        field.run()

    turn()
    set_clock(field.a, 7200)
    field.a.update("gis_location", uuid, name="two")
    field.clock.advance(5)
    eden.update("gis_location", uuid, name="three")
    for _ in range(12):
        field.later()
        turn()
    assert list(same(field.a, field.b, eden)) == []
    names = set()
    for _ in range(3):
        field.later()
        turn()
        names |= {site.get("gis_location", uuid).name for site in (field.a, field.b, eden)}
    assert len(names) == 1


def test_a_value_that_a_plain_eden_cannot_be_told_to_clear_is_not_sent_for_ever(field: Field) -> None:
    eden = field.site("eden")
    field.link(field.a, eden)
    uuid = field.a.insert("gis_location", name="one", population=5)
    for _ in range(2):
        field.run(field.a, eden, plain=True)
    field.a.update("gis_location", uuid, population=None, name="two")
    for _ in range(3):
        field.later()
        field.run(field.a, eden, plain=True)
    assert eden.get("gis_location", uuid).name == "two" and field.a.get("gis_location", uuid).population is None
    assert moved(field.a) == {}


def test_what_we_wrote_at_a_plain_eden_is_no_edit_of_its(field: Field) -> None:
    """Found as seed 117: under a clock that was set back, our own older write there won against our later edit."""
    uuid = field.a.insert("gis_location", name="one")
    field.link(field.a, field.b, "gis_location")
    field.run(plain=True)
    set_clock(field.a, -7200)
    field.a.update("gis_location", uuid, name="two", population=14)
    field.later(2)                                # until the next sweep: it looks at what is there
    field.run(plain=True)
    field.run(plain=True)
    assert conflicts(field.a) == []
    assert [(s.get("gis_location", uuid).name, s.get("gis_location", uuid).population) for s in (field.a, field.b)] == [
        ("two", 14)] * 2


def test_a_plain_eden_hears_of_what_its_version_did_not_mention(field: Field) -> None:
    """Found as seed 90: its version won a conflict, our other values stayed, and it was taken for one that holds them."""
    uuid = field.a.insert("gis_location", name="one")
    field.link(field.a, field.b, "gis_location", conflict_policy="NEWER")
    for _ in range(2):
        field.run(plain=True)
    field.a.update("gis_location", uuid, name="mine", population=7)
    field.clock.advance(5)
    field.b.update("gis_location", uuid, name="theirs")
    for _ in range(3):
        field.run(plain=True)
    assert [c.winner for c in conflicts(field.a)] == ["theirs"]
    assert [(s.get("gis_location", uuid).name, s.get("gis_location", uuid).population) for s in (field.a, field.b)] == [
        ("theirs", 7)] * 2


def test_a_plain_eden_is_told_once_of_the_deletion_of_what_it_has_not_any_more(field: Field) -> None:
    eden = field.site("eden")
    field.link(field.a, eden, "gis_location")
    kept, gone = (field.a.insert("gis_location", name=name) for name in ("kept", "gone"))
    field.run(field.a, eden, plain=True)
    field.later()
    field.run(field.a, eden, plain=True)
    row = eden.get("gis_location", gone).as_dict()
    sql(eden, "DELETE FROM gis_location WHERE uuid = ?", gone)
    field.a.delete("gis_location", gone)

    def pushed() -> int:
        field.clock.advance(60)
        field.run(field.a, eden, plain=True)
        return int(field.a.steps()["gis_location", "push"].records)

    assert [pushed(), pushed(), pushed()] == [1, 0, 0]
    eden.db.gis_location.insert(**{name: value for name, value in row.items() if name in eden.db.gis_location.fields})
    eden.db.commit()
    field.later()                                # it comes back from a backup, as it was: here it was deleted since
    assert [pushed(), pushed(), pushed()] == [1, 0, 0]
    assert eden.get("gis_location", gone).deleted and not eden.get("gis_location", kept).deleted
    assert field.a.get("gis_location", gone).deleted


def test_a_plain_eden_is_told_once_per_version_of_what_it_takes_and_does_not_show(field: Field) -> None:
    """As with gis_config "SITE_DEFAULT": each Eden keeps one of its own, and leaves it out when it is asked."""
    eden = field.site("eden")
    field.link(field.a, eden, "gis_location")
    hidden, shown = (field.a.insert("gis_location", name=name) for name in ("hidden", "shown"))

    class Shy(PlainPeer):
        def _batch(self, work: Callable[[], bytes]) -> Batch:
            batch = super()._batch(work)
            return replace(batch, records=iter([r for r in batch.records if not (self.shy and r.uuid == hidden)]))

        shy = True

    peer = Shy(field.a, eden)

    def pushed() -> tuple[int, str, bool]:
        field.clock.advance(60)
        result = Runner(field.a.open(), lambda repo, site: lambda: peer).synchronize(1)
        said = field.a.db(field.a.db.sync_log.mode == "push/outgoing").select(orderby=~field.a.db.sync_log.id).first().message
        return int(field.a.steps()["gis_location", "push"].records), result, hidden in said and "does not show" in said

    assert pushed() == (2, "success", False)
    assert pushed() == (1, "success", False)     # once more: it may have lost it
    assert pushed() == (0, "warning", True)
    assert [pushed(), pushed()] == [(0, "success", False)] * 2
    field.a.update("gis_location", hidden, name="edited")
    assert [pushed(), pushed(), pushed()] == [(1, "success", False), (0, "warning", True), (0, "success", False)]
    assert eden.get("gis_location", hidden).name == "edited" and eden.get("gis_location", shown).name == "shown"
    peer.shy = False                             # it shows it after all: no news, until somebody edits it there
    assert [pushed(), pushed()] == [(0, "success", False)] * 2
    field.clock.advance(60)
    eden.update("gis_location", hidden, name="theirs")
    pushed()
    assert field.a.get("gis_location", hidden).name == "theirs" and pushed() == (0, "success", False)
    field.a.delete("gis_location", hidden)
    assert [pushed()[0], pushed()[0]] == [1, 0] and eden.get("gis_location", hidden).deleted


def test_rows_of_a_components_table_that_belong_to_nothing_stay_at_home(field: Field) -> None:
    """Each Eden makes rows of its own there, such as the catalogue "Default"; the peer would refuse a second one."""
    eden = field.site("eden")
    for site in (field.a, eden):
        site.db.define_table("org_part", Db_Field("organisation_id", "reference org_organisation"), Db_Field("name"),
                             *site.meta())
        declare(site.db, "org_organisation", components=[dict(alias="part", table="org_part", fkey="organisation_id")])
        site.db.commit()
    field.link(field.a, eden, "org_organisation")
    master = field.a.insert("org_organisation", name="O")
    number = field.a.get("org_organisation", master).id
    part, loose = field.a.insert("org_part", name="part", organisation_id=number), field.a.insert("org_part", name="loose")
    field.run(field.a, eden, plain=True)
    assert eden.get("org_part", part).name == "part" and eden.get("org_part", loose) is None
    field.a.update("org_part", part, name="alone", organisation_id=None)
    field.later()
    field.run(field.a, eden, plain=True)
    assert eden.get("org_part", part).name == "alone"
    field.a.update("org_part", loose, organisation_id=number)
    field.clock.advance(60)
    field.run(field.a, eden, plain=True)
    assert eden.get("org_part", loose).name == "loose"


def test_a_plain_eden_is_told_of_its_own_record_where_both_made_one_and_the_same(field: Field) -> None:
    """Such as the catalogue "Default": a second one of that name is refused there."""
    eden, place = field.site("eden"), "gis_location"

    def named(name: str) -> Any:
        return field.a.db(field.a.db[place].name == name).select().first()

    def refuse(form: Any) -> None:
        row = named(form.vars.name)
        if row and row.id != form.vars.id:
            form.errors.name = "exists"

    def by_name(item: Any) -> None:
        row = named(item.data.name)
        if row:
            item.id, item.method = row.id, item.METHOD.UPDATE

    declare(field.a.db, place, onvalidation=refuse, deduplicate=by_name)
    field.link(field.a, eden, place, "org_office", "org_organisation")
    theirs, ours = eden.insert(place, name="Default"), field.a.insert(place, name="Default")
    child = field.a.insert(place, name="child", parent=field.a.get(place, ours).id)

    def runs() -> None:
        for _ in range(2):
            field.clock.advance(60)
            assert field.run(field.a, eden, plain=True) == "success"

    runs()
    assert eden.get(place, ours) is None and field.a.get(place, theirs) is None
    assert eden.get(place, child).parent == eden.get(place, theirs).id
    field.a.update(place, ours, level="L0")
    runs()
    assert eden.get(place, theirs).level == "L0" and eden.get(place, ours) is None
    eden.update(place, theirs, level="L1")
    runs()
    assert field.a.get(place, ours).level == "L1" and field.a.get(place, theirs) is None
    assert field.a.steps()[place, "push"].records == 0
    field.a.delete(place, child)
    field.a.delete(place, ours)
    runs()
    assert eden.get(place, theirs).deleted and eden.get(place, ours) is None


def test_a_plain_eden_that_was_put_back_to_a_backup_is_sent_again_what_it_lost_before_it_was_seen_there(field: Field) -> None:
    eden = field.site("eden")
    field.link(field.a, eden, "gis_location")
    new = field.a.insert("gis_location", name="new")
    field.run(field.a, eden, plain=True)
    eden.sql('DELETE FROM "gis_location" WHERE "uuid" = ?', new)
    eden.db.commit()
    field.clock.advance(60)
    assert field.run(field.a, eden, plain=True) == "success"
    assert eden.get("gis_location", new).name == "new"
    field.run(field.a, eden, plain=True)
    eden.sql('DELETE FROM "gis_location" WHERE "uuid" = ?', new)
    eden.db.commit()
    field.a.update("gis_location", new, name="newer")
    field.clock.advance(60)
    field.run(field.a, eden, plain=True)
    eden.sql('DELETE FROM "gis_location" WHERE "uuid" = ?', new)          # lost once more, but it was seen there before
    eden.db.commit()
    field.clock.advance(60)
    field.run(field.a, eden, plain=True)
    assert eden.get("gis_location", new).name == "newer"
