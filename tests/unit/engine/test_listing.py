"""What people read of records."""
from __future__ import annotations

from s3sync.engine.listing import LONGEST, label


def test_a_record_is_called_by_its_name_or_its_uuid() -> None:
    assert label({"name": "ACME", "code": "A"}, "urn:1") == "ACME"
    assert label({"name": " ", "code": "A"}, "urn:1") == "A"
    assert label({"first_name": "Ada", "last_name": "Lovelace"}, "urn:1") == "Ada Lovelace"
    assert label({"first_name": "Ada", "last_name": None}, "urn:1") == "Ada"
    assert label({"amount": 3}, "urn:1") == label(None, "urn:1") == "urn:1"


def test_a_name_does_not_fill_the_page() -> None:
    assert label({"name": "x" * LONGEST}, "") == "x" * LONGEST
    assert label({"name": "x" * 600}, "") == "x" * (LONGEST - 1) + "…"
