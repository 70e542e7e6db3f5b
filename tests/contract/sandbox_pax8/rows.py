"""Valid Pax8 rows; a test names only what it is about."""

from typing import Any

CREDENTIALS = {
    "client_id": "anyone",
    "client_secret": "anything",
    "audience": "https://api.pax8.com",
    "grant_type": "client_credentials",
}


def company(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"c0000000-0000-4000-8000-{number:012}",
        "name": f"Company {number}",
        "address": {"city": "Leeds", "country": "GB", "postalCode": f"LS{number}"},
        "status": "Active",
        "selfServiceAllowed": False,
    } | changes


def invoice(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"10000000-0000-4000-8000-{number:012}",
        "invoiceDate": "2026-11-01",
        "dueDate": "2026-11-15",
        "total": 10.5,
        "balance": 10.5,
        "carriedBalance": 0,
        "currencyCode": "USD",
        "partnerName": "Partner",
        "status": "Unpaid",
    } | changes


def item(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"20000000-0000-4000-8000-{number:012}",
        "type": "subscription",
        "companyId": company(1)["id"],
        "startPeriod": "2026-11-01",
        "endPeriod": "2026-12-01",
        "quantity": 1,
        "term": "Monthly",
        "sku": f"SKU-{number}",
        "price": 2.5,
        "total": 2.5,
        "cost": 2,
        "costTotal": 2,
        "currencyCode": "USD",
    } | changes


def document(items: int, number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "invoice": invoice(number, **changes),
        "items": [item(position) for position in range(items)],
    }
