"""What was received, summed from the vendor's own bytes as ingest stored them.

It shares no code with ingest, normalizer, lifecycle or posters: a line that one of them lost or
altered makes the two sides of the statement differ.
"""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal, InvalidOperation
from typing import Any, TypedDict

from pydantic import BaseModel, ValidationError

from chassis.records import Records
from gateway.domain.run import ReceivedSum
from schemas.money import ZERO


async def received(records: Records, tenant: str, document: str) -> dict[str, ReceivedSum]:
    """Lines, customer total and partner total by currency, over all stored pages of a document."""
    lines: dict[str, int] = defaultdict(int)
    price: dict[str, Decimal] = defaultdict(lambda: ZERO)
    cost: dict[str, Decimal] = defaultdict(lambda: ZERO)
    after = ""
    while pages := await records.find(tenant, "pages", "document", document, after=after, limit=10):
        for page in pages:
            for currency, total, cost_total in _amounts_of(page.body):
                lines[currency] += 1
                price[currency] += total
                cost[currency] += cost_total
        after = pages[-1].key
    return {c: ReceivedSum(lines=lines[c], price=price[c], cost=cost[c]) for c in sorted(lines)}


class _Row(TypedDict, total=False):
    currencyCode: str | None
    total: Decimal | None
    costTotal: Decimal | None


class _Page(BaseModel):
    content: list[_Row] | None = None


# A run of digits that a binary float might shorten: such a page is read numeral by numeral.
_NUMERAL = bytes(100 if chr(b) in "0123456789." else 32 for b in range(256))
_LONG = b"d" * 16


def _amounts_of(stored: bytes) -> list[tuple[str, Decimal, Decimal]]:
    """Currency, customer total and partner total of each line."""
    _, _, raw = stored.partition(b"\n")
    if _LONG not in raw.translate(_NUMERAL):
        try:
            rows = _Page.model_validate_json(raw).content or []
        except ValidationError:
            rows = None  # something in some row is odd
        if rows is not None:
            return [
                (r.get("currencyCode") or "", r.get("total") or ZERO, r.get("costTotal") or ZERO)
                for r in rows
            ]
    return [
        (str(i.get("currencyCode") or ""), _number(i.get("total")), _number(i.get("costTotal")))
        for i in items_of(stored)
    ]


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
