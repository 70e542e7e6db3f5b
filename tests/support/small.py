"""A small MSP: two companies at Pax8, their clients in HaloPSA, one invoice; tests change it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

ACME, BOLT = "c0000000-0000-4000-8000-000000000001", "c0000000-0000-4000-8000-000000000002"
DOCUMENT = "10000000-0000-4000-8000-000000000001"
USD, EUR = 1, 2


def product(number: int) -> str:
    return f"30000000-0000-4000-8000-{number:012}"


def item(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A seat of Acme, 2 x 10.00 at cost 2 x 8.00."""
    return {
        "id": f"20000000-0000-4000-8000-{number:012}",
        "type": "subscription",
        "companyId": ACME,
        "companyName": "Acme",
        "startPeriod": "2026-11-01",
        "endPeriod": "2026-12-01",
        "quantity": 2,
        "term": "Monthly",
        "sku": f"SKU-{number}",
        "description": f"Seat {number}",
        "productId": product(number),
        "productName": f"Product {number}",
        "vendorName": "Microsoft",
        "subscriptionId": f"40000000-0000-4000-8000-{number:012}",
        "price": 10.00,
        "total": 20.00,
        "cost": 8.00,
        "costTotal": 16.00,
        "currencyCode": "USD",
    } | changes


def of_bolt(number: int = 2, **changes: Any) -> dict[str, Any]:
    return item(number, companyId=BOLT, companyName="Bolt", **changes)


def pax8(items: Sequence[dict[str, Any]] | None = None, **header: Any) -> dict[str, Any]:
    invoice = {
        "id": DOCUMENT,
        "invoiceDate": "2026-11-01",
        "dueDate": "2026-11-15",
        "total": 32.00,
        "currencyCode": "USD",
        "partnerName": "Partner",
        "status": "Unpaid",
    } | header
    rows = [item(1), of_bolt(2)] if items is None else list(items)
    return {
        "companies": [{"id": ACME, "name": "Acme"}, {"id": BOLT, "name": "Bolt"}],
        "invoices": [{"invoice": invoice, "items": rows}],
    }


def client(number: int, name: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": name,
        "main_site_id": number * 10,
        "default_currency_code": USD,
    } | changes


def sold(number: int, name: str, **changes: Any) -> dict[str, Any]:
    return {"id": number, "name": name, "accountsid": f"SKU-{number - 900}", "status": 14} | changes


def halopsa(**changes: Any) -> dict[str, Any]:
    return {
        "clients": [client(41, "Acme"), client(42, "Bolt")],
        "sites": [
            {"id": 410, "name": "Main", "client_id": 41},
            {"id": 420, "name": "Main", "client_id": 42},
        ],
        "items": [sold(901, "Product 1"), sold(902, "Product 2")],
        "asset_groups": [{"id": 115, "name": "BillingBot", "showasitem": True}],
        "currencies": [
            {"id": USD, "name": "Dollar", "symbol": "$", "code": "USD", "conversion_rate": 1},
            {"id": EUR, "name": "Euro", "symbol": "e", "code": "EUR", "conversion_rate": 1},
        ],
        "control": {
            "automaticallysendinvoiceemails": False,
            "donotalloweditingpostedinvoices": False,
        },
    } | changes


def settings(**changes: Any) -> dict[str, Any]:
    """Both companies mapped by hand."""
    return {
        "tenant": {"name": "Partner", "timezone": "UTC", "currency": "USD"},
        "halopsa": {"url": "http://sandbox/halopsa"},
        "defaults": {"income": "200", "expense": "310"},
        "client": [
            {"source": "pax8", "company": ACME, "halo": 41},
            {"source": "pax8", "company": BOLT, "halo": 42},
        ],
    } | changes


def recurring(number: int, client_id: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": "Managed services",
        "client_id": client_id,
        "currency_code": USD,
        "period": 2,
        "startdate": "2026-01-10T00:00:00",
        "nextcreationdate": "2026-11-10T00:00:00",
        "disabled": False,
        "lines": [],
    } | changes
