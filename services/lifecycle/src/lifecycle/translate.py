"""Where HaloPSA's words become ours, and ours HaloPSA's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lifecycle.domain.clients import Client
from lifecycle.domain.items import Item, NewItem
from vendors.halopsa import HaloClient, HaloItem


def client_from_halo(row: HaloClient, currencies: Mapping[int, str]) -> Client:
    """0 and empty mean "not set"."""
    code = row.default_currency_code or None
    return Client(
        id=row.id,
        name=row.name or "",
        active=not row.inactive,
        site=row.main_site_id or None,
        accounts_id=row.accountsid or "",
        ref=row.ref or "",
        website=row.website or "",
        currency=currencies.get(code) if code else None,
        currency_known=code is None or code in currencies,
        dont_invoice=bool(row.dontinvoice),
        billed_through=row.client_to_invoice or None,
        billed_through_recurring=row.client_to_invoice_recurring or None,
    )


def item_from_halo(row: HaloItem) -> Item:
    """An open item."""
    return Item(
        id=row.id,
        name=row.name or "",
        accounts_id=row.accountsid or "",
        reference=row.externalreference or "",
        tax=row.taxcode or None,
    )


def item_to_halo(item: NewItem, group: int) -> dict[str, Any]:
    """The body that creates an item; codes that are not set are left to HaloPSA."""
    body: dict[str, Any] = {
        "name": item.name,
        "assetgroup_id": group,
        "description": item.name,
        "baseprice": item.price,
        "costprice": item.cost,
        "isrecurringitem": True,
        "recurringprice": item.price,
        "recurringcost": item.cost,
        "externalreference": item.reference,
        "dont_track_stock": True,
    }
    optional = {
        "accountsid": item.accounts_id,
        "nominalcode": item.income,
        "purchasenominalcode": item.expense,
        "taxcode": item.tax,
    }
    return body | {name: value for name, value in optional.items() if value is not None}


def group_to_halo(name: str) -> dict[str, Any]:
    """A group that shows among items."""
    return {
        "name": name,
        "showasitem": True,
        "showasequip": False,
        "item_recurring_default": True,
        "item_donttrackstock_default": True,
    }
