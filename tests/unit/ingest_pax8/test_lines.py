"""Rows that are cut, and decoded once for all that are alike, say what the whole page says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_pax8.charges import Charge, charges_of
from ingest_pax8.lines import Line, lines_of, read_lines

# What could be taken for a seam, or for an end of a text.
TEXT = st.none() | st.text(max_size=6) | st.sampled_from(
    ["", '"', "\\", '},{"id":"', '}],"page":', ',"subscriptionId":"s"', "\n", "é", "a,"]
)  # fmt: skip
ROW = st.fixed_dictionaries(
    {"id": TEXT},
    optional={
        "sku": TEXT,
        "description": TEXT,
        "subscriptionId": TEXT,
        "companyId": st.sampled_from(["a", "b"]),
        "total": st.none() | st.integers(-9, 9),
        "currencyCode": st.sampled_from(["USD", "EUR"]),
        "odd": st.none() | st.lists(st.fixed_dictionaries({"id": TEXT}), max_size=2),
    },
)


def page_of(*rows: str, behind: str = '{"number":0}') -> bytes:
    return f'{{"content":[{",".join(rows)}],"page":{behind}}}'.encode()


def spelled(row: dict[str, Any]) -> str:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False)


def charge_of(line: Line) -> Charge:
    own: Charge = {**line.terms.charge}
    own["id"], own["subscription"] = line.id, line.subscription
    return own


@given(st.lists(ROW, max_size=4), st.booleans())
def test_rows_are_what_they_are_when_the_page_is_decoded_whole(
    rows: list[dict[str, Any]], doubled: bool
) -> None:
    raw = page_of(*map(spelled, rows * 2 if doubled else rows))
    whole = charges_of(raw)
    lines = lines_of(raw)
    for charge in whole:
        charge["subscription"] = charge["subscription"] or None  # nothing is no subscription
    found = [charge_of(line) for line in lines]
    for charge in found:
        charge["subscription"] = charge["subscription"] or None
    assert found == whole


def test_rows_that_differ_in_id_and_subscription_have_the_same_terms() -> None:
    row = '{{"id":"{}","sku":"x","subscriptionId":"{}","total":1.50}}'
    raw = page_of(row.format("a", "s"), row.format("b", "t"), '{"id":"c","sku":"x","total":1.50}')
    lines = read_lines(raw)[2]
    assert lines is not None
    first, second, third = lines
    assert first.terms is second.terms
    assert third.terms is not first.terms, "it says nothing of a subscription"
    assert [(line.id, line.subscription) for line in lines] == [("a", "s"), ("b", "t"), ("c", None)]
    assert json.loads(second.json("line_2"))["subscription"] == "t"


@pytest.mark.parametrize(
    "row",
    [
        '{"id":"a","id":"b"}',
        '{"id":"a","subscriptionId":"s","x":{"id":"q"},"subscriptionId":"t"}',
        '{"id":"a","x":{"y":1,"subscriptionId":"s"}}',
        '{"id":"a\\"b","total":1}',
        '{"id":"a","subscriptionId":"s\\n"}',
        '{"id":"a","x":[{"id":"b"},{"id":"c"}]}',
        '{"id":"a","total":0.1234567890123456789}',
        '{"id":"a","total":"1.5"}',
    ],
)
def test_a_row_that_is_spelled_oddly_is_read_all_the_same(row: str) -> None:
    raw = page_of('{"id":"z","total":1}', row)
    assert [charge_of(line) for line in lines_of(raw)] == charges_of(raw)


def test_a_page_that_names_its_rows_twice_is_read_as_json_reads_it() -> None:
    raw = page_of('{"id":"a"}', behind='{"number":0},"content":[{"id":"b"}]')
    assert [line.id for line in lines_of(raw)] == ["b"]


@pytest.mark.parametrize("raw", [b'{"content":[{"id":"a"x}],"page":{}}', b'{"content":[{"id":"a"'])
def test_what_is_no_page_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's is one too
        read_lines(raw)
