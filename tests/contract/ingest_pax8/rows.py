"""Valid Pax8 rows; a test names only what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

COMPANY = "c0000000-0000-4000-8000-000000000001"
OTHER = "c0000000-0000-4000-8000-000000000002"
DOCUMENT = "10000000-0000-4000-8000-000000000001"


def invoice(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"10000000-0000-4000-8000-{number:012}",
        "invoiceDate": "2026-11-01",
        "dueDate": "2026-11-15",
        "total": 10.5,
        "currencyCode": "USD",
        "partnerName": "Partner",
        "status": "Unpaid",
    } | changes


def item(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"20000000-0000-4000-8000-{number:012}",
        "type": "subscription",
        "companyId": COMPANY,
        "companyName": "Larkfield Dental",
        "startPeriod": "2026-11-01",
        "endPeriod": "2026-12-01",
        "quantity": 1,
        "term": "Monthly",
        "sku": f"SKU-{number}",
        "description": f"Seat {number}",
        "productId": f"30000000-0000-4000-8000-{number:012}",
        "subscriptionId": f"40000000-0000-4000-8000-{number:012}",
        "price": 2.5,
        "total": 2.5,
        "cost": 2,
        "costTotal": 2,
        "currencyCode": "USD",
    } | changes


def document(
    items: Sequence[dict[str, Any]] | int, number: int = 1, **changes: Any
) -> dict[str, Any]:
    rows = [item(n) for n in range(items)] if isinstance(items, int) else items
    return {"invoice": invoice(number, **changes), "items": rows}
