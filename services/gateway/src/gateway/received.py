"""What was received, summed from the vendor's own bytes as ingest stored them.

It shares no code with ingest, normalizer, lifecycle or posters: a line that one of them lost or
altered makes the two sides of the statement differ.
"""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

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
            for item in items_of(page.body):
                currency = str(item.get("currencyCode") or "")
                lines[currency] += 1
                price[currency] += _number(item.get("total"))
                cost[currency] += _number(item.get("costTotal"))
        after = pages[-1].key
    return {c: ReceivedSum(lines=lines[c], price=price[c], cost=cost[c]) for c in sorted(lines)}


def items_of(stored: bytes) -> list[dict[str, Any]]:
    """The lines on one stored page: after the page's notes stand the vendor's bytes."""
    _, _, raw = stored.partition(b"\n")
    page = json.loads(raw, parse_float=Decimal, parse_int=Decimal)
    content: list[dict[str, Any]] = page.get("content") or []
    return content


def _number(value: object) -> Decimal:
    return value if isinstance(value, Decimal) else ZERO
