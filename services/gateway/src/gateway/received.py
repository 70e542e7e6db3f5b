"""What was received, summed from the vendor's own bytes as ingest stored them.

It shares no code with ingest, normalizer, lifecycle or posters: a line that one of them lost or
altered makes the two sides of the statement differ.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypedDict

from pydantic import BaseModel, Field, ValidationError

from chassis.records import Records
from gateway.domain.run import ReceivedSum
from schemas.money import ZERO, summed


async def received(records: Records, tenant: str, document: str) -> dict[str, ReceivedSum]:
    """Lines, customer total and partner total by currency, over all stored pages of a document."""
    sums: dict[str, ReceivedSum] = {}
    after = ""
    while pages := await records.find(tenant, "pages", "document", document, after=after, limit=10):
        for page in pages:
            for currency, rows in _by_currency(_rows_of(page.body)).items():
                before = sums.get(currency, _NOTHING)
                sums[currency] = ReceivedSum(
                    lines=before.lines + len(rows),
                    price=before.price + summed([row["total"] for row in rows]),
                    cost=before.cost + summed([row["costTotal"] for row in rows]),
                )
        after = pages[-1].key
    return {currency: sums[currency] for currency in sorted(sums)}


# An amount stays the numeral that it is until it is added up.
_Numeral = Annotated[
    Annotated[
        str,
        Field(pattern=r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$", coerce_numbers_to_str=True),
    ]
    | None,
    Field(default=None),
]


class _Row(TypedDict):
    currencyCode: Annotated[str | None, Field(default=None)]
    total: _Numeral
    costTotal: _Numeral


class _Page(BaseModel):
    content: list[_Row] | None = None


# A run of digits that a binary float might shorten: such a page is read numeral by numeral.
_NUMERAL = bytes(100 if chr(b) in "0123456789." else 32 for b in range(256))
_LONG = b"d" * 16
_NOTHING = ReceivedSum(lines=0, price=ZERO, cost=ZERO)


def _rows_of(stored: bytes) -> list[_Row]:
    """Currency, customer total and partner total of each line."""
    _, _, raw = stored.partition(b"\n")
    if _LONG not in raw.translate(_NUMERAL):
        try:
            return _Page.model_validate_json(raw).content or []
        except ValidationError:
            pass  # something in some row is odd
    return [
        {
            "currencyCode": str(item.get("currencyCode") or ""),
            "total": str(_number(item.get("total"))),
            "costTotal": str(_number(item.get("costTotal"))),
        }
        for item in items_of(stored)
    ]


def _by_currency(rows: list[_Row]) -> dict[str, list[_Row]]:
    several: dict[str, list[_Row]] = {}
    for row in rows:
        several.setdefault(row["currencyCode"] or "", []).append(row)
    return several


def items_of(stored: bytes) -> list[dict[str, Any]]:
    """The lines on one stored page: after the page's notes stand the vendor's bytes."""
    _, _, raw = stored.partition(b"\n")
    page = json.loads(raw, parse_float=Decimal, parse_int=Decimal)
    content: list[dict[str, Any]] = page.get("content") or []
    return content


def _number(value: object) -> Decimal:
    """A numeral, also one in quotes; anything else counts as zero, and the statement shows it."""
    if value is None or isinstance(value, bool):
        return ZERO
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return ZERO
    return number if number.is_finite() else ZERO
