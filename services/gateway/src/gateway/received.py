"""What was received, summed from the vendor's own bytes as ingest stored them.

It shares no code with ingest, normalizer, lifecycle or posters: a line that one of them lost or
altered makes the two sides of the statement differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, TypedDict

import msgspec

from chassis.records import Records
from gateway.domain.run import ReceivedSum
from schemas.money import ZERO, exact


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
                    price=before.price + sum([_number(row.get("total")) for row in rows], ZERO),
                    cost=before.cost + sum([_number(row.get("costTotal")) for row in rows], ZERO),
                )
        after = pages[-1].key
    return {currency: sums[currency] for currency in sorted(sums)}


class _Row(TypedDict, total=False):
    """What of a line counts here; whatever the vendor wrote there."""

    currencyCode: Any
    total: Any
    costTotal: Any


class _Page(TypedDict, total=False):
    content: list[_Row] | None


# Skips all else, and makes a number with a fraction or an exponent from its text (ADR 0016).
_PAGE = msgspec.json.Decoder(_Page, float_hook=exact)
_NOTHING = ReceivedSum(lines=0, price=ZERO, cost=ZERO)


def _rows_of(stored: bytes) -> Sequence[Mapping[str, Any]]:
    """Currency, customer total and partner total of each line."""
    _, _, raw = stored.partition(b"\n")
    try:
        return _PAGE.decode(raw).get("content") or []
    except ValueError:
        return items_of(stored)  # such as half a character in a text


def _by_currency(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    several: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        several.setdefault(str(row.get("currencyCode") or ""), []).append(row)
    return several


def items_of(stored: bytes) -> list[dict[str, Any]]:
    """The lines on one stored page: after the page's notes stand the vendor's bytes."""
    _, _, raw = stored.partition(b"\n")
    page = json.loads(raw, parse_float=Decimal, parse_int=Decimal)
    content: list[dict[str, Any]] = page.get("content") or []
    return content


def _number(value: object) -> Decimal:
    """A numeral, also one in quotes; anything else counts as zero, and the statement shows it."""
    if type(value) is Decimal and value.is_finite():
        return value
    if value is None or isinstance(value, bool):
        return ZERO
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return ZERO
    return number if number.is_finite() else ZERO
