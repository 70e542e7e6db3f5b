"""Pax8's invoice items read straight into our words: one decode a page, one dict a line.

A page in which something is odd (a long numeral, a number where a text belongs) is read field by
field instead, and comes out the same.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, TypedDict

from pydantic import Field, TypeAdapter, ValidationError

from schemas.money import plain
from vendors.pax8 import (
    InvoiceItem,
    PageCounters,
    SaidFlag,
    count_page,
    has_long_numeral,
    parse_items,
)

# A decimal without exponent and without negative zero goes on digit for digit. One of more digits
# is read field by field, where it is an amount or is refused.
_PLAIN = r"^(-?[1-9][0-9]{0,14}(\.[0-9]{1,24})?|0(\.[0-9]{1,24})?|-0\.[0-9]{0,12}[1-9][0-9]{0,11})$"

_Text = Annotated[str | None, Field(default=None)]
_Numeral = Annotated[
    Annotated[str, Field(pattern=_PLAIN, coerce_numbers_to_str=True)] | None, Field(default=None)
]


class Charge(TypedDict):
    """One item: a ChargeLine's fields under its names, and what tells whose it is."""

    id: _Text
    type: _Text
    term: _Text
    company: Annotated[_Text, Field(validation_alias="companyId")]
    company_name: Annotated[_Text, Field(validation_alias="companyName")]
    subscription: Annotated[_Text, Field(validation_alias="subscriptionId")]
    product: Annotated[_Text, Field(validation_alias="productId")]
    sku: _Text
    name: Annotated[_Text, Field(validation_alias="productName")]
    text: Annotated[_Text, Field(validation_alias="description")]
    details: _Text
    vendor: Annotated[_Text, Field(validation_alias="vendorName")]
    order: Annotated[_Text, Field(validation_alias="purchaseOrderNumber")]
    unit: Annotated[_Text, Field(validation_alias="unitOfMeasure")]
    start: Annotated[_Text, Field(validation_alias="startPeriod")]
    end: Annotated[_Text, Field(validation_alias="endPeriod")]
    quantity: _Numeral
    price: _Numeral
    cost: _Numeral
    total: _Numeral
    cost_total: Annotated[_Numeral, Field(validation_alias="costTotal")]
    billed_by_source: Annotated[
        SaidFlag | None, Field(default=None, validation_alias="billedByPax8")
    ]
    currency: Annotated[_Text, Field(validation_alias="currencyCode")]
    external: Annotated[_Text, Field(validation_alias="externalId")]


class _Counted(TypedDict):
    page: PageCounters


class _Page(_Counted, total=False):
    content: list[Charge] | None


_PAGE, _ROW = TypeAdapter(_Page), TypeAdapter(Charge)


def read_page(raw: bytes) -> tuple[PageCounters, int, list[Charge] | None]:
    """Counters, rows and charges; no charges where some row is odd. ValueError: it is no page."""
    if not has_long_numeral(raw):
        try:
            page = _PAGE.validate_json(raw)
        except ValidationError:
            pass
        else:
            charges = page.get("content") or []
            return page["page"], len(charges), charges
    return *count_page(raw), None


def read_row(raw: bytes) -> Charge:
    """One row; ValidationError where something in it is odd."""
    return _ROW.validate_json(raw)


def charges_of(raw: bytes) -> list[Charge]:
    """The charges of a page, exact and forgiving; ValueError when an amount is no number."""
    charges = read_page(raw)[2]
    return [charge_of(item) for item in parse_items(raw)] if charges is None else charges


def charge_of(item: InvoiceItem) -> Charge:
    """The same as is read at once."""
    return {
        "id": item.id,
        "type": item.type,
        "term": item.term,
        "company": item.company_id,
        "company_name": item.company_name,
        "subscription": item.subscription_id,
        "product": item.product_id,
        "sku": item.sku,
        "name": item.product_name,
        "text": item.description,
        "details": item.details,
        "vendor": item.vendor_name,
        "order": item.purchase_order_number,
        "unit": item.unit_of_measure,
        "start": str(item.start_period) if item.start_period else None,
        "end": str(item.end_period) if item.end_period else None,
        "quantity": numeral(item.quantity),
        "price": numeral(item.price),
        "cost": numeral(item.cost),
        "total": numeral(item.total),
        "cost_total": numeral(item.cost_total),
        "billed_by_source": item.billed_by_pax8,
        "currency": item.currency_code,
        "external": item.external_id,
    }


def numeral(amount: Decimal | None) -> str | None:
    """A decimal string, digit for digit, without an exponent."""
    if amount is None:
        return None
    text = str(amount)
    return plain(amount) if "E" in text or text[:2] == "-0" else text
