"""When what a peer sends is committed."""
from __future__ import annotations

import io
from pathlib import Path
from typing import Iterator

import pytest
from local_sites import LocalSite

from s3sync.engine.repository import by_uuid
from s3sync.errors import DocumentTruncated
from s3sync.s3xml.record import Record
from s3sync.server import push
from s3sync.server.request import Request
from s3sync.server.spans import SPAN, spans

PEER = "urn:uuid:00000000-0000-4000-8000-00000000beef"


class Writing:
    """Takes groups as an importer does, on a clock that goes on by so many seconds for each."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.now = seconds, 100.0
        self.done: list[str] = []

    def commit(self) -> None:
        self.done.append("commit")

    def take(self, groups: Iterator[list[Record]]) -> list[str]:
        for group in spans(groups, self.commit, lambda: self.now):
            self.now += self.seconds
            self.done.append(group[0].table)
        return self.done


def groups(*tables: str) -> Iterator[list[Record]]:
    for number, table in enumerate(tables):
        yield [Record(table, f"urn:{number}", {})]


@pytest.mark.parametrize("seconds, expected", [
    (0.1, ["a", "a", "a", "commit"]), (SPAN, ["a", "commit", "a", "commit", "a", "commit"]),
    (SPAN / 2, ["a", "a", "commit", "a", "commit"])])
def test_groups_of_a_table_share_a_commit_for_a_while(seconds: float, expected: list[str]) -> None:
    assert Writing(seconds).take(groups("a", "a", "a")) == expected


def test_tables_never_do() -> None:
    assert Writing(0).take(groups("a", "b", "b", "a")) == ["a", "commit", "b", "b", "commit", "a", "commit"]
    assert Writing(0).take(groups()) == []


def test_what_came_before_the_end_of_a_broken_document_is_kept() -> None:
    def broken() -> Iterator[list[Record]]:
        yield from groups("a", "a")
        raise DocumentTruncated("cut")
    writing = Writing(0)
    with pytest.raises(DocumentTruncated):
        writing.take(broken())
    assert writing.done == ["a", "a", "commit"]


def test_what_fails_while_it_is_written_is_not_committed() -> None:
    writing = Writing(0)
    with pytest.raises(ZeroDivisionError):
        for _ in spans(groups("a", "a"), writing.commit):
            raise ZeroDivisionError
    assert writing.done == []


def test_a_push_of_many_batches_is_few_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s3sync.server.spans.SPAN", 3600.0)
    here = LocalSite(tmp_path, "here", batch_size=10)
    here.db.sync_repository.insert(name="peer", uuid=PEER, accept_push=True)
    here.db.commit()
    commits: list[int] = []
    site = here.open()
    commit = site.db.commit
    site.db.commit = lambda: (commits.append(1), commit())[1]        # type: ignore[func-returns-value, method-assign]
    records = "".join(f'<resource name="gis_location" uuid="urn:{n}" created_on="2026-01-01T00:00:00" '
                      f'modified_on="2026-01-01T00:00:00"><data field="name">N {n}</data></resource>' for n in range(95))
    for body, found in ((f"<s3xml>{records}</s3xml>", 95), (f"<s3xml>{records.replace('N ', 'M ')}", 95)):
        request = Request("PUT", {"resource": "gis_location", "repository": PEER}, io.BytesIO(body.encode()))
        if body.endswith("</s3xml>"):
            push.answer(site, request, by_uuid(here.db, PEER))
        else:
            with pytest.raises(DocumentTruncated):
                push.answer(site, request, by_uuid(here.db, PEER))
        assert 1 <= len(commits) <= 2            # of all batches, and of the entry in the log
        commits.clear()
        site.rollback()
        assert here.db(here.db.gis_location.id > 0).count() == found
    names = [row.name for row in here.db(here.db.gis_location.id > 0).select()]
    assert sum(name.startswith("M ") for name in names) >= 90
