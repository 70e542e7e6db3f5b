"""What HaloPSA refuses in a write: always the first fault only, in one of its two 400 shapes."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from sandbox.core import Call
from sandbox.halopsa.answers import Refused, invalid, invalid_field, missing
from sandbox.halopsa.fields import DATES, LINE, NUMBERS, TEXT_LIMITS, TEXT_MAX, UNBOUNDED, Row
from sandbox.halopsa.tenant import Tenant, same


def sent_rows(call: Call) -> list[Row]:
    """Every write is a JSON array of objects, also when it holds one."""
    body = _body(call)
    if not isinstance(body, list):
        raise invalid_field("", "The JSON value could not be converted to a list.")
    for index, row in enumerate(body):
        if not isinstance(row, dict):
            raise invalid_field(f"[{index}]", "The JSON value could not be converted.")
    return body


def sent_ids(call: Call) -> list[int]:
    body = _body(call)
    if not isinstance(body, list) or not all(type(number) is int for number in body):
        raise invalid_field("", "The JSON value could not be converted to a list of integers.")
    return body


def typed(row: Row, path: str, known: frozenset[str]) -> None:
    """Numbers are JSON numbers and texts fit their columns. Unknown fields are not looked at."""
    for name, value in row.items():
        where = f"{path}.{name}"
        if name not in known or value is None:
            continue
        if name in NUMBERS and (isinstance(value, bool) or not isinstance(value, int | Decimal)):
            raise invalid_field(where, "The JSON value could not be converted to a number.")
        if name in DATES and not _is_date(value):
            raise invalid_field(where, "The JSON value could not be converted to a date.")
        limit = None if name in UNBOUNDED else TEXT_LIMITS.get(name, TEXT_MAX)
        if isinstance(value, str) and limit and len(value) > limit:
            raise invalid_field(where, f"Must be {limit} characters or fewer.")


def header(tenant: Tenant, table: str, row: Row, index: int) -> Row | None:
    """The stored header an update is about, None for a create."""
    path = f"[{index}]"
    old = None
    if row.get("id") is not None:
        old = tenant.get(table, row["id"])
        if old is None:
            raise missing("invoice" if table == "invoices" else "recurring invoice")
        if old.get("posted") and tenant.control.get("donotalloweditingpostedinvoices"):
            raise invalid("This invoice has been posted and cannot be edited.")
        if old.get("voided"):
            raise invalid("This invoice has been voided and cannot be edited.")
    elif not row.get("client_id"):
        raise invalid("Please select a customer for this invoice.")
    if row.get("client_id") and tenant.get("clients", row["client_id"]) is None:
        raise invalid_field(f"{path}.client_id", "The customer does not exist.")
    currency = row.get("currency_code")
    if currency and tenant.get("currencies", currency) is None:
        raise invalid_field(f"{path}.currency_code", "The currency does not exist.")
    for where, line in _lines(row, path):
        one_line(tenant, line, where)
    return old


def one_line(tenant: Tenant, line: Row, path: str) -> None:
    typed(line, path, LINE)
    item = line.get("_itemid")
    if item and tenant.get("items", item) is None:
        raise invalid_field(f"{path}._itemid", "The item does not exist.")
    links = line.get("quantity_licences") or []
    if not isinstance(links, list) or not all(isinstance(link, dict) for link in links):
        raise invalid_field(f"{path}.quantity_licences", "The JSON value could not be converted.")


def line_is_there(header: Row, line: Row) -> None:
    """`updatelines` edits what exists; an id nobody knows is not taken for a new line."""
    number = line.get("id")
    if number and not any(same(one["id"], number) for one in header["lines"]):
        raise missing("invoice line")


def item(tenant: Tenant, row: Row, index: int) -> None:
    if row.get("id") is None and not str(row.get("name") or "").strip():
        raise invalid("Please enter a name for this item.")
    group = row.get("assetgroup_id")
    if group and tenant.get("asset_groups", group) is None:
        raise invalid_field(f"[{index}].assetgroup_id", "The group does not exist.")
    tax = row.get("taxcode")
    if tax and tenant.get("tax", tax) is None:
        raise invalid_field(f"[{index}].taxcode", "The tax code does not exist.")


def named(tenant: Tenant, table: str, row: Row) -> None:
    """Groups, clients and the like: a name, and among groups one of its own."""
    if row.get("id") is None and not str(row.get("name") or "").strip():
        raise invalid("Please enter a name.")
    twins = [one for one in tenant.rows(table) if one.get("name") == row.get("name")]
    if table == "asset_groups" and any(not same(one["id"], row.get("id")) for one in twins):
        raise invalid("A group of this name already exists.")


def licence(tenant: Tenant, row: Row, index: int) -> None:
    count = row.get("count")
    if isinstance(count, Decimal) and count != count.to_integral_value():
        raise invalid_field(f"[{index}].count", "Input string is not a valid integer.")
    if row.get("id") is None and tenant.get("clients", row.get("client_id")) is None:
        raise invalid_field(f"[{index}].client_id", "The customer does not exist.")


def _lines(row: Row, path: str) -> Iterator[tuple[str, Row]]:
    for name in ("lines", "add_lines"):
        given = row.get(name)
        if given is not None and not isinstance(given, list):
            raise invalid_field(
                f"{path}.{name}", "The JSON value could not be converted to a list."
            )
        for position, line in enumerate(given or ()):
            where = f"{path}.{name}[{position}]"
            if not isinstance(line, dict):
                raise invalid_field(where, "The JSON value could not be converted.")
            yield where, line


def _is_date(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        date.fromisoformat(value[:10])
    except ValueError:
        return False
    return True


def _body(call: Call) -> Any:
    try:
        return call.json()
    except ValueError:
        raise Refused(400, "A non-empty request body is required.") from None
