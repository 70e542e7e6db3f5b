"""What is read of Pax8's objects. Every field may be missing or null; unknown ones are ignored.

An amount is exactly the numeral on the wire. A date before 1970 is an empty date. What an item says
where a date, or yes or no, belongs and is neither stays the text it is: who bills has to see it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from vendors import json

type Day = Annotated[dt.date, Field(ge=dt.date(1970, 1, 1))]

# Beyond that sums and rounding are not exact any more: nobody owes it, it is a mistake of somebody.
AMOUNT_MAX = 10**15
DECIMALS_MAX = 24
type Amount = Annotated[
    Decimal, Field(gt=-AMOUNT_MAX, lt=AMOUNT_MAX, decimal_places=DECIMALS_MAX, allow_inf_nan=False)
]
_SHOWN_MAX = 40  # characters of a value that a sentence shows


def _said_day(value: Any) -> dt.date | str | None:
    return None if is_empty_day(value) else day_of(value) or str(value)


type SaidDay = Annotated[dt.date | str | None, BeforeValidator(_said_day)]
type SaidFlag = Annotated[bool | str, Field(union_mode="left_to_right")]


class _Row(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


class InvoiceHeader(_Row):
    """One invoice of the list. There is no invoice number; `total` is no checksum of the items."""

    id: str
    invoice_date: Day | None = None
    due_date: Day | None = None
    status: str | None = None
    currency_code: str | None = None
    partner_name: str | None = None
    company_id: str | None = None
    external_id: str | None = None
    total: Decimal | None = None


class InvoiceItem(_Row):
    """One charge, of an invoice or of a draft. `id` may be absent: it is never the only key."""

    id: str | None = None
    total: Amount | None = None
    cost_total: Amount | None = None
    currency_code: str | None = None
    type: str | None = None
    purchase_order_number: str | None = None
    company_id: str | None = None
    company_name: str | None = None
    external_id: str | None = None
    start_period: SaidDay = None
    end_period: SaidDay = None
    quantity: Amount | None = None
    unit_of_measure: str | None = None
    term: str | None = None
    sku: str | None = None
    description: str | None = None
    details: str | None = None
    product_id: str | None = None
    product_name: str | None = None
    vendor_name: str | None = None
    rate_type: str | None = None
    charge_type: str | None = None
    price: Amount | None = None
    cost: Amount | None = None
    billed_by_pax8: SaidFlag | None = None
    subscription_id: str | None = None


class Company(_Row):
    """An end customer."""

    id: str
    name: str | None = None
    external_id: str | None = None
    status: str | None = None
    website: str | None = None


class Product(_Row):
    """A catalogue entry."""

    id: str
    name: str | None = None
    vendor_name: str | None = None
    sku: str | None = None
    vendor_sku: str | None = None


class Subscription(_Row):
    """A subscription. Its status has no effect on billing."""

    id: str
    company_id: str | None = None
    product_id: str | None = None
    product_name: str | None = None
    quantity: Decimal | None = None
    status: str | None = None
    start_date: Day | None = None
    end_date: Day | None = None
    billing_start: Day | None = None
    billing_term: str | None = None
    price: Decimal | None = None
    partner_cost: Decimal | None = None
    currency_code: str | None = None


class PageCounters(_Row):
    """Nested under `page` in every list."""

    size: int = 0
    total_elements: int = 0
    total_pages: int = 0
    number: int = 0


class _Anything(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Counted(BaseModel):
    """A page of which only the rows' number matters. `content` is absent when there is no row."""

    content: list[_Anything] | None = None
    page: PageCounters


class _Items(BaseModel):
    content: list[InvoiceItem] | None = None


def count_page(raw: bytes) -> tuple[PageCounters, int]:
    """The counters of a page and its number of rows; ValueError when it is no page."""
    page = _Counted.model_validate_json(raw)
    return page.page, len(page.content or ())


def parse_items(raw: bytes) -> list[InvoiceItem]:
    """The items of one page as read; ValueError when it is no page or an amount is no number."""
    return _quickly(raw) or parse_rows(raw, InvoiceItem)


def _quickly(raw: bytes) -> list[InvoiceItem] | None:
    """None: some field of some row is odd, or there is none."""
    if has_long_numeral(raw):
        return None
    try:
        return _Items.model_validate_json(raw).content
    except ValidationError:
        return None


def parse_rows[M: _Row](raw: bytes, model: type[M]) -> list[M]:
    """The rows of a page, exact and forgiving about everything but ids and amounts."""
    envelope = json.loads(raw)
    rows = envelope.get("content") if isinstance(envelope, dict) else None
    if rows is None and isinstance(envelope, dict) and "page" in envelope:
        return []
    if not isinstance(rows, list):
        raise ValueError("no page of rows")
    several = TypeAdapter(list[model])  # type: ignore[valid-type] # a model known at run time
    try:
        return several.validate_python(rows)
    except ValidationError:
        mended = [_mended(row, model, number) for number, row in enumerate(rows, start=1)]
    try:
        return several.validate_python(mended)
    except ValidationError as odd:
        first = odd.errors()[0]
        number, *field = first["loc"] or (0,)
        where = f"row {int(number) + 1}" + (f", {field[0]}" if field else "")
        raise ValueError(f"{where}: {_shown(first['input'])} can not be read") from odd


def _mended(row: Any, model: type[_Row], number: int) -> Any:
    """Empty or odd values become what the field can hold; ValueError names what can not."""
    if not isinstance(row, dict):
        return row
    mended = dict(row)
    for name, field in model.model_fields.items():
        key = field.alias or name
        value = mended.get(key)
        if value is not None and (mend := _mend_of(field.annotation)):
            try:
                mended[key] = mend(value)
            except ValueError:
                shown = _shown(value)
                raise ValueError(f"row {number}, {key}: {shown} is not an amount") from None
    return mended


def _mend_of(annotation: Any) -> Callable[[Any], Any] | None:
    text = str(annotation)
    return next((mend for word, mend in _MENDS.items() if word in text), None)


def day_of(value: Any) -> dt.date | None:
    """The date part of a date or date-time; an unreadable or empty one is None."""
    try:
        day = dt.date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
    return day if day.year >= 1970 else None


def _number(value: Any) -> Decimal | None:
    if value == "":
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ValueError from None


def _amount(value: Any) -> Decimal | None:
    number = _number(value)
    if number is None:
        return None
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -DECIMALS_MAX or abs(number) >= AMOUNT_MAX:
        raise ValueError
    return number


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _said_flag(value: Any) -> bool | str:
    return value if isinstance(value, bool) else str(value)


def is_empty_day(value: Any) -> bool:
    """True for nothing, and for the dates before 1970 that stand for nothing."""
    try:
        return not value or dt.date.fromisoformat(str(value)[:10]).year < 1970
    except ValueError:
        return False


def _shown(value: Any) -> str:
    """At most so much of it: it may be anything."""
    text = repr(str(value) if isinstance(value, Decimal) else value)
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…"


# By a word of the field's type, the narrower first.
_MENDS: dict[str, Callable[[Any], Any]] = {
    "SaidDay": _said_day,
    "SaidFlag": _said_flag,
    "Day": day_of,
    "Amount": _amount,
    "Decimal": _number,
    "str": _text,
}

# pydantic reads a JSON number with a fraction by way of a binary float, which keeps 15 significant
# digits for sure. A page with a longer run of digits is read the exact way.
_DIGITS = bytes(
    ord("d") if chr(b).isascii() and chr(b) in "0123456789." else 32 for b in range(256)
)
_LONG = b"d" * 16


def has_long_numeral(raw: bytes) -> bool:
    """Whether a page has to be read the exact way."""
    return _LONG in raw.translate(_DIGITS)
