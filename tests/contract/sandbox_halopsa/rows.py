"""Valid HaloPSA rows; a test names only what it is about."""

from typing import Any


def tenant() -> dict[str, Any]:
    return {
        "clients": [
            {"id": 42, "name": "Acme", "main_site_id": 57},
            {"id": 43, "name": "Bolt", "inactive": True},
        ],
        "sites": [{"id": 57, "name": "Main", "client_id": 42}],
        "items": [
            {"id": 901, "name": "Business Premium", "accountsid": "M365BP", "taxcode": 4},
            {"id": 902, "name": "Old one", "status": 15},
        ],
        "asset_groups": [{"id": 115, "name": "BillingBot", "showasitem": True}],
        "tax": [{"id": 4, "name": "VAT", "code": "OUTPUT2", "value": 20}],
        "currencies": [
            {"id": 1, "name": "Dollar", "symbol": "$", "code": "USD", "conversion_rate": 1}
        ],
        "lookups": [
            {"id": 1, "lookupid": 11, "name": "Accounts Codes", "value2": "77"},
            {"id": 1, "lookupid": 77, "name": "200", "value2": "Sales"},
        ],
    }


def line(**changes: Any) -> dict[str, Any]:
    return {"item_shortdescription": "Seats", "qty_order": 3, "unit_price": 20.5} | changes


def recurring(**changes: Any) -> dict[str, Any]:
    return {
        "id": -94,
        "client_id": 42,
        "name": "Monthly",
        "period": 2,
        "startdate": "2026-01-31T00:00:00",
        "nextcreationdate": "2026-10-31T00:00:00",
        "lines": [line(id=1001, comment_2="a91f:1")],
    } | changes


def xero(**changes: Any) -> dict[str, Any]:
    """A linked client and a connection that pushes."""
    connection = {
        "id": 1,
        "name": "Books",
        "tenant_id": "org-1",
        "authorized": True,
        "enablesync": True,
        "default_item_code": "MISC",
    }
    linked = {"id": 42, "name": "Acme", "accountsid": "ACME", "xero_tenant_id": "org-1"}
    return {"clients": [linked], "xero_details": [connection | changes]}
