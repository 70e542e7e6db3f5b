"""The columns HaloPSA works out itself, in binary floating point as its database does.

Totals therefore carry noise such as 0.30000000000000004; a client has to live with it.
"""

from collections.abc import Mapping
from typing import Any

from sandbox.halopsa.fields import Row
from sandbox.halopsa.tenant import Tenant, as_number

INPUTS = ("qty_order", "unit_price", "discount_perc", "item_tax_code", "_itemid")
OUTPUTS = ("net_amount", "tax_amount", "tax_rate", "tax_code")


def priced(tenant: Tenant, line: Row, header: Mapping[str, Any], old: Row | None = None) -> Row:
    """The line with its computed columns; one whose inputs did not change keeps those it had."""
    if old is not None and all(_number(line, name) == _number(old, name) for name in INPUTS):
        return line | {name: old[name] for name in OUTPUTS if name in old}
    tax_id = int(_number(line, "item_tax_code") or _inherited_tax(tenant, line, header))
    tax = tenant.get("tax", tax_id)
    rate = _number(tax, "value") if tax else 0.0
    share = 1.0 - _number(line, "discount_perc") / 100.0
    net = _number(line, "qty_order") * _number(line, "unit_price")
    net = net * share if share != 1.0 else net
    return line | {
        "item_tax_code": tax_id,
        "tax_code": str(tax.get("code", "")) if tax else line.get("tax_code", ""),
        "tax_rate": rate,
        "net_amount": net,
        "tax_amount": net * rate / 100.0,
    }


def totalled(header: Row) -> Row:
    tax = sum((_number(line, "tax_amount") for line in header["lines"]), 0.0)
    net = sum((_number(line, "net_amount") for line in header["lines"]), 0.0)
    due = 0.0 if header.get("voided") else net + tax - _number(header, "amountpaid")
    return header | {
        "tax_total": tax,
        "total": net + tax,
        "amountdue": due,
        "amount_remaining": due,
    }


def _inherited_tax(tenant: Tenant, line: Row, header: Mapping[str, Any]) -> float:
    """A line without a tax of its own takes the item's, else the site's, else the client's."""
    client = tenant.get("clients", header.get("client_id")) or {}
    if client.get("taxable") is False:
        return 0.0
    item = tenant.get("items", line.get("_itemid")) or {}
    site = tenant.get("sites", header.get("sitenumber")) or {}
    return (
        _number(item, "taxcode")
        or _number(site, "site_item_tax_code")
        or _number(client, "item_tax_code")
        or _number(client, "sales_tax_code")
    )


def _number(row: Mapping[str, Any], name: str) -> float:
    return as_number(row.get(name)) or 0.0
