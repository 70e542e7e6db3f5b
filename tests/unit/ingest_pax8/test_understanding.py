"""A large document's pages are judged by their sums; what needs the whole line still gets it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from ingest_pax8.domain.pages import PageNotes
from ingest_pax8.understanding import KEPT_LINES_MAX, names_of, understood
from ingest_pax8.unreadable import Unreadable

LARGE = KEPT_LINES_MAX + 1


def page(*rows: dict[str, Any]) -> bytes:
    return json.dumps({"content": list(rows), "page": {"number": 0}}).encode()


def notes(promised: int) -> PageNotes:
    return PageNotes(reading="r", number=0, pages=1, promised=promised)


def test_a_large_page_is_judged_by_the_same_sums_and_names_as_a_small_one() -> None:
    raw = page(
        {"id": "a", "total": 1.10, "costTotal": 1, "currencyCode": "USD", "sku": "x"},
        {"id": "b", "total": None, "currencyCode": None},
    )
    small, large = understood(notes(2), raw), understood(notes(LARGE), raw)
    assert small.items is not None
    assert large.items is None
    assert names_of(large) == names_of(small) == ("ids", ["a", "b"])
    seen = [(one.id, one.total, one.cost_total, one.currency_code) for one in large.sums]
    assert seen == [("a", Decimal("1.1"), Decimal(1), "USD"), ("b", None, None, None)]
    assert seen == [(one.id, one.total, one.cost_total, one.currency_code) for one in small.sums]


def test_rows_without_ids_are_read_whole_however_many_there_are() -> None:
    raw = page({"id": "a", "sku": "x", "total": 1}, {"sku": "y", "total": 2})
    read = understood(notes(LARGE), raw)
    assert read.items is not None
    assert names_of(read)[0] == "fields"
    named = understood(notes(LARGE), page({"id": "a", "total": 1}), "fields")
    assert named.items is not None


@pytest.mark.parametrize("promised", [1, LARGE])
def test_an_amount_that_is_no_number_makes_a_page_unreadable(promised: int) -> None:
    with pytest.raises(Unreadable, match="page 1"):
        understood(notes(promised), page({"id": "a", "total": "much"}))
