"""What two real Edens give each other: components, references, files, deletions, merges, in both directions.

The peer's folder has to be named, too: it is told to make, delete and merge records by its own functions.
"""
from __future__ import annotations

import json
import struct
import time
import uuid
import zlib
from typing import Any

import pytest
from conftest import Eden, known_to_each_other, lacks_its_repair, run

TABLE = "org_organisation"

#: for a site's own models: records with everything that has to travel
MAKING = """
import json
from io import BytesIO
auth.s3_impersonate(1)
auth.override = True
def add(tablename, **values):
    table = s3db[tablename]
    number = table.insert(**values)
    s3db.update_super(table, dict(id=number))
    return number
organisation, office = s3db.org_organisation, s3db.org_office
place = add("gis_location", name=NAME + " country", level="L0")
town = add("gis_location", name=NAME + " town", parent=place, lat=1.25, lon=36.5)
logo = organisation.logo.store(BytesIO(LOGO), "logo.png")
made = [add("org_organisation", name=NAME + " " + word, acronym="I", website="http://example.com/", comments=COMMENTS,
            logo=logo if word == "whole" else None) for word in ("whole", "deleted", "merged")]
hq = add("org_office", name=NAME + " office", organisation_id=made[0], location_id=town)
kind = add("org_organisation_type", name=NAME + " type")
add("org_organisation_organisation_type", organisation_id=made[0], organisation_type_id=kind)
print(json.dumps([organisation[n].uuid for n in made] + [office[hq].uuid]))
"""

#: what a site holds of them
HOLDING = """
import json
def one(name, uid):
    return db(s3db[name].uuid == uid).select().first()
rows = [one("org_organisation", u) for u in UUIDS[:3]]
whole, hq = rows[0], one("org_office", UUIDS[3])
found = dict(missing=[u for u, r in zip(UUIDS, rows + [hq]) if r is None])
if whole and hq:
    town = s3db.gis_location[hq.location_id] if hq.location_id else None
    link = s3db.org_organisation_organisation_type
    kinds = [s3db.org_organisation_type[r.organisation_type_id].name for r in
             db((link.organisation_id == whole.id) & (link.deleted == False)).select()]
    data = s3db.org_organisation.logo.retrieve(whole.logo)[1].read() if whole.logo else b""
    found.update(comments=whole.comments, acronym=whole.acronym, logo=data.hex(), kinds=kinds,
                 office=hq.organisation_id == whole.id, site=bool(hq.site_id), entity=bool(whole.pe_id),
                 town=[town.name, town.lat, s3db.gis_location[town.parent].name] if town and town.parent else None)
found.update(deleted=[bool(r.deleted) for r in rows if r],
             replaced=bool(rows[2] and whole and rows[2].deleted_rb == whole.id))
print(json.dumps(found))
"""

ENDING = """
auth.s3_impersonate(1)
auth.override = True
table = s3db.org_organisation
ids = [db(table.uuid == u).select(table.id).first().id for u in UUIDS[:3]]
assert s3db.resource("org_organisation", id=ids[1]).delete() == 1
assert s3db.resource("org_organisation").merge(ids[0], ids[2])
print("done")
"""

COMMENTS = "Zoë & <b>ä</b>, 🏥\nsecond line"


@pytest.fixture(scope="module")
def task(eden: Eden, peer: Eden) -> int:
    """The peer as a repository of the site, with a task for both directions; the repository's id."""
    return known_to_each_other(eden, peer, TABLE, 3)


def _make(site: Eden) -> tuple[str, list[str]]:
    name = f"Interop {uuid.uuid4().hex[:8]}"
    return name, json.loads(site.shell(f"NAME = {name!r}\nCOMMENTS = {COMMENTS!r}\nLOGO = {_logo(name)!r}\n{MAKING}"))


def _logo(name: str) -> bytes:
    """A picture of two by two pixels that differs from name to name: Eden refuses what is none."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header, rows = struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0), b"\0\0\xff\0\xff\0"
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"tEXt", b"Title\0" + name.encode() * 1000)
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def _holds(site: Eden, uuids: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(site.shell(f"UUIDS = {uuids!r}\n{HOLDING}"))
    return found


def _whole(name: str) -> dict[str, Any]:
    return {"missing": [], "comments": COMMENTS, "acronym": "I", "logo": _logo(name).hex(), "kinds": [f"{name} type"],
            "office": True, "site": True, "entity": True, "town": [f"{name} town", 1.25, f"{name} country"],
            "deleted": [False, False, False], "replaced": False}


def test_what_the_peer_has_comes_whole_and_goes_as_it_goes_there(eden: Eden, peer: Eden, task: int) -> None:
    name, uuids = _make(peer)
    entries = run(eden, task)
    assert _holds(eden, uuids) == _whole(name), entries
    time.sleep(1.1)                              # Eden tells changes by the second
    peer.shell(f"UUIDS = {uuids!r}\n{ENDING}")
    entries = run(eden, task)
    found = _holds(eden, uuids)
    assert (found["deleted"], found["replaced"]) == ([False, True, True], True), entries
    assert {k: v for k, v in found.items() if k not in ("deleted", "replaced")} == {
        k: v for k, v in _whole(name).items() if k not in ("deleted", "replaced")}, entries


def test_what_is_made_here_arrives_whole_and_goes_as_it_goes_here(eden: Eden, peer: Eden, task: int) -> None:
    name, uuids = _make(eden)
    entries = run(eden, task)
    if lacks_its_repair(entries):
        assert _holds(peer, uuids)["missing"] == uuids
        return
    assert _holds(peer, uuids) == _whole(name), entries
    time.sleep(1.1)
    eden.shell(f"UUIDS = {uuids!r}\n{ENDING}")
    entries = run(eden, task)
    found = _holds(peer, uuids)
    assert (found["deleted"], found["replaced"]) == ([False, True, True], True), entries
