"""What tells the rows of a page apart: the vendor's ids, or their business fields."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingest_pax8.domain.pages import PageNotes
from ingest_pax8.understanding import understood
from ingest_pax8.unreadable import Unreadable

NOTES = PageNotes(reading="r", number=0, pages=1, promised=2)


def page(*rows: dict[str, Any]) -> bytes:
    return json.dumps({"content": list(rows), "page": {"number": 0}}).encode()


def test_rows_that_all_have_an_id_are_named_by_it() -> None:
    read = understood(NOTES, page({"id": "a", "sku": "x"}, {"id": "b"}))
    assert read.names() == ("ids", ["a", "b"])
    assert read.fields == [], "nobody needs them"


def test_rows_without_ids_are_named_by_their_fields() -> None:
    read = understood(NOTES, page({"id": "a", "sku": "x", "total": 1}, {"sku": "y", "total": 2}))
    named_by, names = read.names()
    assert (named_by, len(set(names))) == ("fields", 2)
    whole = understood(NOTES, page({"id": "a", "total": 1}), "fields")
    assert len(whole.fields) == 1


def test_an_amount_that_is_no_number_makes_a_page_unreadable() -> None:
    with pytest.raises(Unreadable, match="page 1"):
        understood(NOTES, page({"id": "a", "total": "much"}))
