"""What was received: summed from the vendor's own bytes, numeral by numeral."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.records import Record
from gateway.received import items_of, received
from support.memory_records import MemoryRecords


async def summed(*pages: str) -> dict[str, tuple[int, str, str]]:
    records = MemoryRecords()
    for number, page in enumerate(pages):
        body = b'{"page":"notes"}\n' + page.encode()
        tags = {"document": "doc"}
        await records.insert(Record("msp", "pages", f"doc-{number:03}", 0, body, tags))
    got = await received(records, "msp", "doc")
    return {c: (s.lines, str(s.price), str(s.cost)) for c, s in got.items()}


async def test_pages_currencies_and_sides_are_added_up() -> None:
    usd = '{"currencyCode":"USD","total":1.10,"costTotal":-0.4}'
    eur = '{"currencyCode":"EUR","total":2,"costTotal":null}'
    page = f'{{"content":[{usd},{eur}],"page":{{}}}}'
    assert await summed(*[page] * 12) == {"EUR": (12, "24", "0"), "USD": (12, "13.20", "-4.8")}


async def test_a_document_that_is_not_there_received_nothing() -> None:
    assert await summed() == {}
    assert await summed('{"page":{}}') == {}


@given(
    st.lists(
        st.decimals(-(10**12), 10**12, places=6).map(lambda d: format(d, "f")),
        min_size=1,
        max_size=5,
    )
)
async def test_the_sum_is_exact_however_long_the_numerals(totals: list[str]) -> None:
    rows = ",".join(f'{{"currencyCode":"USD","total":{t}}}' for t in totals)
    lines, price, _ = (await summed(f'{{"content":[{rows}]}}'))["USD"]
    assert (lines, Decimal(price)) == (len(totals), sum(map(Decimal, totals)))


@pytest.mark.parametrize(
    ("odd", "counts_as"),
    [
        ('"5.50"', "5.50"),
        ("-3", "-3"),
        ("1e2", "100"),
        ("true", "0"),
        ('"five"', "0"),
        ('"NaN"', "0"),
        ('"Infinity"', "0"),
        ('""', "0"),
        ("[]", "0"),
        ("null", "0"),
        (r'1.5,"name":"half a character \ud83d"', "1.5"),
        (r'1.5,"name":"half a character \ud83d","currencyCode":"USD"', "1.5"),
    ],
)
async def test_an_odd_amount_spoils_no_other_line(odd: str, counts_as: str) -> None:
    rows = f'{{"currencyCode":"USD","total":{odd}}},{{"currencyCode":"USD","total":1.5}}'
    lines, price, _ = (await summed(f'{{"content":[{rows}]}}'))["USD"]
    assert (lines, Decimal(price)) == (2, Decimal(counts_as) + Decimal("1.5"))


def test_rows_come_back_as_the_vendor_wrote_them() -> None:
    page = {"content": [{"id": "1", "total": 0.1}]}
    (row,) = items_of(b"notes\n" + json.dumps(page).encode())
    assert row["total"] == Decimal("0.1")
