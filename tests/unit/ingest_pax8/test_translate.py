"""An invoice item in our words: exact numerals, exclusive ends, one spelling of a type."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_pax8.charges import numeral
from ingest_pax8.translate import fields_of, line_from_pax8
from schemas.charges import ChargeLine
from vendors.pax8 import InvoiceItem, parse_items


def line(**fields: Any) -> ChargeLine:
    return ChargeLine.model_validate(line_from_pax8(InvoiceItem.model_validate(fields), "line_1"))


def test_an_item_without_anything_is_still_a_line() -> None:
    assert line().model_dump(exclude_defaults=True) == {
        "id": "line_1",
        "type": "",
        "term": "",
        "company": "",
    }


@pytest.mark.parametrize(
    ("end", "exclusive"), [("2026-04-01", date(2026, 4, 1)), ("2026-03-31", date(2026, 4, 1))]
)
def test_r22_an_end_is_exclusive_whatever_form_it_came_in(end: str, exclusive: date) -> None:
    assert line(startPeriod="2026-03-01", endPeriod=end).end == exclusive


@pytest.mark.parametrize("spelling", ["service_charge", "Service-Charge", "service charge"])
def test_a_type_has_one_spelling(spelling: str) -> None:
    assert line(type=spelling).type == "service-charge"


def test_an_unknown_type_is_kept() -> None:
    assert line(type="Surprise").type == "surprise"


@pytest.mark.parametrize("number", ["N/A", "n/a", "", None])
def test_no_order_has_four_spellings(number: str | None) -> None:
    assert line(purchaseOrderNumber=number).order is None


def test_noise_in_a_numeral_is_kept() -> None:
    raw = b'{"content":[{"id":"1","total":12.340000000000001,"price":1e-7}],"page":{}}'
    [item] = parse_items(raw)
    row = line_from_pax8(item, "line_1")
    assert (row["total"], row["price"]) == ("12.340000000000001", "0.0000001")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9))
def test_a_numeral_is_the_number_without_exponent(amount: Decimal) -> None:
    text = numeral(amount)
    assert text is not None
    assert Decimal(text) == amount
    assert "E" not in text
    assert text != "-0"


def test_r4_lines_differ_by_any_business_field() -> None:
    base = {"sku": "A", "total": 1, "quantity": 1, "startPeriod": "2026-03-01"}
    names = {fields_of(InvoiceItem.model_validate(base | change)) for change in (
        {}, {"sku": "B"}, {"total": 2}, {"quantity": 2}, {"startPeriod": "2026-03-02"},
        {"currencyCode": "GBP"}, {"companyId": "c"}, {"costTotal": 3},
    )}  # fmt: skip
    assert len(names) == 8


def test_r4_one_amount_has_one_name() -> None:
    one = json.loads('{"total": 1.50}', parse_float=Decimal)
    other = json.loads('{"total": 1.5}', parse_float=Decimal)
    assert fields_of(InvoiceItem.model_validate(one)) == fields_of(
        InvoiceItem.model_validate(other)
    )
