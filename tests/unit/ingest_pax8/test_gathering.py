"""Pages come side by side: whichever is first, batches and unknown companies are the same."""

from __future__ import annotations

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ingest_pax8.charges import charge_of
from ingest_pax8.gathering import Gathering
from ingest_pax8.lines import lines_with
from schemas.settings import Settings
from vendors.pax8 import InvoiceItem

PAGES = [
    lines_with(
        [
            charge_of(
                InvoiceItem(
                    id=f"{page}-{row}",
                    company_id=f"c{row % 2}",
                    company_name=f"as on page {page}",
                    currency_code="USD",
                    total=Decimal(f"{page}.{row}"),
                )
            )
            for row in range(3)
        ]
    )
    for page in range(4)
]


def gathered(order: list[int], lines_max: int = 100) -> Gathering:
    gathering = Gathering(Settings(), "msp", "doc", lines_max)
    for number in order:
        gathering.page(number, PAGES[number], [line.id or "" for line in PAGES[number]])
    return gathering


@given(st.permutations(range(4)))
def test_the_order_in_which_pages_come_changes_nothing(order: list[int]) -> None:
    in_order, any_order = gathered([0, 1, 2, 3]), gathered(order)
    assert any_order.unknown() == in_order.unknown()
    assert {c.name for c in in_order.unknown()} == {"as on page 0"}
    for key, group in in_order.groups.items():
        assert any_order.groups[key] == group
        assert any_order.body(key) == in_order.body(key)
        lines = json.loads(in_order.body(key))
        assert sum(Decimal(line["total"]) for line in lines) == group.price


def test_what_is_read_once_more_starts_from_nothing() -> None:
    gathering = gathered([0, 1])
    gathering.whole = True
    gathering.restart()
    assert (gathering.groups, gathering.unknown(), gathering.whole) == ({}, [], False)


def test_a_batch_that_is_too_large_is_counted_but_not_kept() -> None:
    gathering = gathered([0, 1, 2, 3], lines_max=3)
    key = ("company:c0", "USD")
    assert gathering.groups[key].lines == 8
    assert gathering.body(key) == b"[]"
