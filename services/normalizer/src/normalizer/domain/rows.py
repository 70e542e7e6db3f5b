"""Lines as the normalizer holds them: rows of text as they travel, decided in place.

A row is a `schemas.charges.ChargeLine` on its way in and a `DecidedLine` on its way out. Amounts
stay the text they came as; only those that a rule looks at become Decimals.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NotRequired, TypedDict

from pydantic import TypeAdapter
from pydantic_core import to_json

from schemas.charges import Kind, LineOutcome
from schemas.money import ZERO

NOTHING = "0"


class ChargeRow(TypedDict):
    """The fields of a ChargeLine, and those that deciding adds."""

    id: str
    type: NotRequired[str]
    term: NotRequired[str]
    company: NotRequired[str]
    company_name: NotRequired[str]
    subscription: NotRequired[str | None]
    product: NotRequired[str | None]
    sku: NotRequired[str | None]
    name: NotRequired[str]
    text: NotRequired[str]
    details: NotRequired[str | None]
    vendor: NotRequired[str | None]
    order: NotRequired[str | None]
    start: NotRequired[str | None]
    end: NotRequired[str | None]
    quantity: NotRequired[str | None]
    price: NotRequired[str | None]
    cost: NotRequired[str | None]
    total: NotRequired[str | None]
    cost_total: NotRequired[str | None]
    billed_by_source: NotRequired[bool]
    outcome: NotRequired[LineOutcome]
    rule: NotRequired[str]
    level: NotRequired[str]
    into: NotRequired[str]
    members: NotRequired[int]
    warnings: NotRequired[list[str]]
    kind: NotRequired[Kind]
    slot: NotRequired[str]
    product_key: NotRequired[str | None]


_Rows = TypeAdapter(list[ChargeRow])


def read(body: bytes) -> list[ChargeRow]:
    """The rows of a ChargesReceived body."""
    return _Rows.validate_json(body)


def write(rows: list[ChargeRow]) -> bytes:
    """The body of ChargesNormalized: what a rule looked at and nobody needs later is left out."""
    for row in rows:
        row.pop("type", None)
        row.pop("details", None)
        row.pop("vendor", None)
        row.pop("billed_by_source", None)
    return to_json(rows, exclude_none=True)


def amount(text: str | None) -> Decimal:
    """A missing amount counts as nothing, as it does in what was received."""
    return Decimal(text) if text is not None else ZERO
