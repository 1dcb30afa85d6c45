"""A site with tables of every shape that an import has to deal with, and records applied to it as if a peer had sent them."""
from __future__ import annotations

from typing import Any, Sequence

from local_sites import LocalSite
from pydal import Field

from s3sync.engine.apply import Applier
from s3sync.engine.decide import Policies
from s3sync.engine.outcome import Outcome
from s3sync.hosts.web2py import declare
from s3sync.s3xml.record import Record

PEER = "urn:uuid:00000000-0000-4000-8000-00000000beef"


class ShapedSite(LocalSite):
    """`LocalSite` with super-entities, unique columns, every rule of ondelete, a component that there is one of at most."""

    def connect(self) -> None:
        super().connect()
        db, meta = self.db, self.meta
        db.define_table("pr_pentity", Field("pe_id", "id"), Field("instance_type"), Field("uuid", length=128),
                        Field("deleted", "boolean", default=False), Field("pe_label"))
        db.define_table("pr_person", Field("pe_id", "reference pr_pentity"), Field("pe_label"), Field("first_name"),
                        Field("badge", unique=True, requires=None), Field("number", "integer", unique=True, requires=None),
                        *meta())
        db.define_table("pr_address", Field("pe_id", "reference pr_pentity"), Field("street"), *meta())
        db.define_table("pr_group", Field("pe_id", "reference pr_pentity"), Field("name"), *meta())
        db.define_table("org_profile", Field("organisation_id", "reference org_organisation"), Field("motto"), *meta())
        db.define_table("org_contract", Field("organisation_id", "reference org_organisation", ondelete="RESTRICT"),
                        Field("title"), *meta())
        db.define_table("org_note", Field("organisation_id", "reference org_organisation", ondelete="SET NULL"),
                        Field("text", "text"), Field("also", "list:reference org_organisation"), *meta())
        declare(db, "org_organisation", components=[dict(alias="office", table="org_office", fkey="organisation_id"),
                                                    dict(alias="profile", table="org_profile", fkey="organisation_id",
                                                         multiple=False)])
        declare(db, "pr_person", super_entity="pr_pentity",
                components=[dict(alias="address", table="pr_address", fkey="pe_id", pkey="pe_id")])
        declare(db, "pr_group", super_entity=["pr_pentity"])
        db.commit()

    def peer(self, **more: Any) -> int:
        """A repository the records come from; its id."""
        number = int(self.db.sync_repository.insert(name="peer", uuid=PEER, **more))
        self.db.commit()
        return number

    def apply(self, *records: Record, policies: Policies | None = None, repository: int | None = None) -> list[Outcome]:
        """Apply records of one table, committed."""
        site = self.open()
        outcomes = Applier(site, repository, PEER, policies or Policies(update="OTHER", conflict="OTHER")).apply(
            records[0].table, records)
        site.db.commit()
        return outcomes

    def one(self, record: Record, **more: Any) -> Outcome:
        """Apply one record; what became of it."""
        outcome, = self.apply(record, **more)
        return outcome

    def versions(self, table: str) -> dict[str, str]:
        """Vectors by uuid."""
        found = self.db(self.db.sync_version.tablename == table).select()
        return {row.record_uuid: row.vector for row in found}

    def edits(self, table: str) -> int:
        """Number of local edits in a table that nobody has noted so far."""
        site = self.open()
        site.index.lock(table)
        before = self.versions(table)
        rows = site.table(table).select("1=1")
        site.index.look(site.table(table), site.index.canonical(site.table(table), rows))
        after = self.versions(table)
        site.rollback()
        return sum(before.get(uuid) != vector for uuid, vector in after.items())


def record(table: str, uuid: str | None, values: dict[str, Any] | None = None, vector: str = "aaaaaaaaaaaa:1",
           **more: Any) -> Record:
    """A record as it arrives from the peer."""
    more.setdefault("modified_on", "2026-03-04T05:06:07")
    more.setdefault("mci", 1)
    return Record(table, uuid, values or {}, vector=vector, **more)


def results(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Fates by uuid."""
    return {o.uuid: o.result for o in outcomes}


