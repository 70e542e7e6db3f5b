"""A page is read at once; field by field it says the same, and an odd page is read that way."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_pax8.charges import charges_of, read_page
from ingest_pax8.lines import lines_with
from ingest_pax8.translate import line_from_pax8, line_of
from schemas.charges import ChargeLine
from vendors.pax8 import parse_items

TEXT = st.none() | st.sampled_from(["", "N/A", "Pax8", 'É\n"},{', " "])
DAY = st.none() | st.sampled_from(
    ["", "2026-03-01", "2026-03-31", "2026-04-01T00:00:00Z", "1900-01-01", "soon"]
)
AMOUNT = st.none() | st.decimals(-(10**6), 10**6, places=4).map(lambda d: str(d.normalize()))
NAMES = {
    **dict.fromkeys(("id", "type", "term", "companyId", "companyName", "productName"), TEXT),
    **dict.fromkeys(("description", "details", "sku", "purchaseOrderNumber"), TEXT),
    **dict.fromkeys(("currencyCode", "externalId", "subscriptionId", "productId"), TEXT),
    **dict.fromkeys(("vendorName", "unitOfMeasure"), TEXT),
    **dict.fromkeys(("startPeriod", "endPeriod"), DAY),
    "billedByPax8": st.none() | st.booleans(),
}
AMOUNTS = dict.fromkeys(("quantity", "price", "total", "cost", "costTotal"), AMOUNT)


def page_of(*rows: str) -> bytes:
    return f'{{"content":[{",".join(rows)}],"page":{{"number":0}}}}'.encode()


def row_of(fields: dict[str, Any], amounts: dict[str, str | None]) -> str:
    numerals = ",".join(f'"{name}":{amount or "null"}' for name, amount in amounts.items())
    return json.dumps(fields)[:-1] + ("," if fields and numerals else "") + numerals + "}"


@given(st.fixed_dictionaries({}, optional=NAMES), st.fixed_dictionaries({}, optional=AMOUNTS))
def test_a_line_read_at_once_is_the_line_read_field_by_field(
    fields: dict[str, Any], amounts: dict[str, str | None]
) -> None:
    raw = page_of(row_of(fields, amounts))
    charges = read_page(raw)[2]
    assert charges is not None, "nothing of it is odd"
    (charge,), (item,) = charges, parse_items(raw)
    at_once = ChargeLine.model_validate(line_of(charge, "line_1"))
    assert at_once == ChargeLine.model_validate(line_from_pax8(item, "line_1"))
    (line,) = lines_with(charges)
    assert json.loads(line.json("line_1")) == line_of(charge, "line_1")
    whose = (item.id, item.currency_code, item.external_id)
    assert (charge.get("id"), charge.get("currency"), charge.get("external")) == whose


@pytest.mark.parametrize(
    ("wire", "travels"),
    [
        ("2", "2"),
        ("-0.5", "-0.5"),
        ("-0.0", "0"),
        ("-0", "0"),
        ("1e-7", "0.0000001"),
        ("1E+3", "1000"),
        ('"12.50"', "12.50"),
        ("12.340000000000001", "12.340000000000001"),
        ("-999999999999999.12345678901", "-999999999999999.12345678901"),
    ],
)
def test_an_amount_travels_without_exponent_and_to_its_last_digit(wire: str, travels: str) -> None:
    (charge,) = charges_of(page_of(f'{{"id":"1","total":{wire}}}'))
    assert Decimal(charge["total"] or "") == Decimal(travels)
    row = line_of(charge, "line_1")
    assert row["total"] == travels


@pytest.mark.parametrize(
    ("odd", "name", "value"),
    [
        ('{"sku":12.50}', "sku", "12.50"),
        ('{"id":7}', "id", "7"),
        ('{"billedByPax8":[1]}', "billed_by_source", "[1]"),
        ('{"total":""}', "total", None),
    ],
)
def test_an_odd_row_is_mended_and_spoils_no_other(odd: str, name: str, value: object) -> None:
    raw = page_of(odd, '{"id":"b","total":1.5}')
    assert read_page(raw)[1:] == (2, None)
    first, second = charges_of(raw)
    assert first.get(name) == value
    assert second["total"] == "1.5"


@pytest.mark.parametrize(
    ("said", "means"),
    [("true", True), ('"yes"', True), ("1", True), ("false", None), ('""', None), ('"0"', None)],
)
def test_who_bills_a_line_may_be_spelled_in_any_usual_way(said: str, means: object) -> None:
    (charge,) = charges_of(page_of(f'{{"id":"1","billedByPax8":{said}}}'))
    row = line_of(charge, "line_1")
    assert row.get("billed_by_source") == means
    assert "unclear" not in row


@pytest.mark.parametrize("beside", ["", ',"sku":7'])
@pytest.mark.parametrize(
    ("field", "said", "code"),
    [
        ("billedByPax8", '"maybe"', "billed-by-unclear"),
        ("billedByPax8", "2", "billed-by-unclear"),
        ("startPeriod", '"2026-13-45"', "period-unreadable"),
        ("endPeriod", '"soon"', "period-unreadable"),
    ],
)
def test_what_nobody_can_read_is_said_with_the_line(
    field: str, said: str, code: str, beside: str
) -> None:
    """Read at once, or field by field because something else is odd, too."""
    raw = page_of(f'{{"id":"1","{field}":{said}{beside}}}')
    (line,) = lines_with(charges_of(raw))
    found = ChargeLine.model_validate_json(line.json("line_1"))
    assert found.unclear == (code,)
    assert (found.billed_by_source, found.start, found.end) == (False, None, None)


@pytest.mark.parametrize("total", ["1e15", "-1e27", "1e-25", "1e400", '"1e999999"', '"Infinity"'])
def test_an_amount_that_nobody_can_owe_is_never_a_charge(total: str) -> None:
    with pytest.raises(ValueError, match=r"row 2, total: .{1,45} is not an amount"):
        charges_of(page_of('{"id":"1"}', f'{{"id":"2","total":{total}}}'))


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ('{"total":"NaN"}', "row 2, total: 'NaN' is not an amount"),
        ('{"quantity":"some"}', "row 2, quantity: 'some' is not an amount"),
        ('{"price":true}', "row 2, price: True is not an amount"),
        (
            f'{{"costTotal":"{"9" * 500}"}}',
            f"row 2, costTotal: '{'9' * 39}… is not an amount",
        ),
    ],
)
def test_what_can_not_be_read_names_row_field_and_value(row: str, says: str) -> None:
    with pytest.raises(ValueError, match="row 2") as refused:
        charges_of(page_of('{"id":"1"}', row))
    assert str(refused.value) == says


@pytest.mark.parametrize("total", ['"twelve"', "true", "[1]", "NaN"])
def test_an_amount_that_is_no_number_is_never_a_charge(total: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's is one too
        charges_of(page_of(f'{{"total":{total}}}'))


def test_a_page_without_rows_has_no_charges() -> None:
    assert charges_of(b'{"page":{"number":0}}') == charges_of(page_of()) == []


@pytest.mark.parametrize("raw", [b"[]", b"<html>", b'{"content":[{}', b'{"content":7,"page":{}}'])
def test_what_is_no_page_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's is one too
        read_page(raw)
