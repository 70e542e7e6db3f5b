"""What licences make of a recurring invoice line: its quantity, and what a change in between adds.

`pro_rata` of a link, by the five choices that are known; the arithmetic behind them is inferred:

    0  the next invoice has the new count
    1  so it has, and a line for the part of the period before it
    2  the next invoice still has the old count
    3  an invoice for the rest of the period is created at once
    4  the same, but it waits until invoices are created
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from sandbox.halopsa.fields import Row
from sandbox.halopsa.tenant import Tenant, as_number, day_of

NEXT, SHARE, LATER, AT_ONCE, READY = range(5)
LICENCES = 1  # recurring_invoice_quantity_type
CHANGES, COUNTED = "_licence_changes", "_counted"
TEXT = "(pro rata)"


def quantity(tenant: Tenant, source: Row, line: Row) -> int | None:
    """Of all licences linked to the line; None: nothing is counted for it."""
    links = links_of(line) if tenant.settings.get("calculated_quantities", True) else []
    return sum(billable(link, _count(tenant, source, link)) for link in links) if links else None


def links_of(line: Row) -> list[Row]:
    counts = int(as_number(line.get("recurring_invoice_quantity_type")) or 0) == LICENCES
    return list(line.get("quantity_licences") or []) if counts else []


def choice(link: Row) -> int:
    return int(as_number(link.get("pro_rata")) or 0)


def billable(link: Row, count: int) -> int:
    """All less the free ones, never under the minimum."""
    free, least = as_number(link.get("qty_free")) or 0, as_number(link.get("minimum_qty")) or 0
    return max(count - int(free), int(least), 0)


def shares(tenant: Tenant, source: Row, line: Row, issued: date) -> list[Row]:
    """A line for each change since the last invoice, over the days that it was in force."""
    last = day_of(source.get("lastcreated"))
    if last is None or last >= issued:
        return []
    links = [link for link in links_of(line) if choice(link) == SHARE]
    changes = [(link, one) for link in links for one in since(tenant, source, link)]
    found = [part(line, link, one, (last, issued)) for link, one in changes]
    return [row for row in found if row is not None]


def part(line: Row, link: Row, change: Row, period: tuple[date, date]) -> Row | None:
    """The changed units at the share of the days that were left; None: nothing billable."""
    units = billable(link, int(change["new_value"])) - billable(link, int(change["old_value"]))
    start, end = period
    changed = min(max(day_of(change["date"]) or start, start), end)
    share = Decimal((end - changed).days) / Decimal(max((end - start).days, 1))
    if not units or not share:
        return None
    price = (Decimal(str(line.get("unit_price") or 0)) * share).quantize(Decimal("0.0001"))
    text = f"{line.get('item_shortdescription') or ''} {TEXT}".strip()
    return line | {
        "qty_order": units,
        "unit_price": price,
        "item_shortdescription": text,
        "_is_calculated_line": True,
    }


def since(tenant: Tenant, source: Row, link: Row) -> Iterator[Row]:
    """The licence's changes after the last invoice was created."""
    upto = int((tenant.state.get(COUNTED, str(source["id"])) or {"upto": 0})["upto"])
    licence = as_number(link.get("licence_id"))
    for one in tenant.state.rows(CHANGES):
        if one["id"] > upto and as_number(one["licence_id"]) == licence:
            yield one


def counted(tenant: Tenant, source: Row) -> None:
    """Everything up to now is on an invoice."""
    last = max((one["id"] for one in tenant.state.rows(CHANGES)), default=0)
    tenant.state.put(COUNTED, str(source["id"]), {"upto": last})


def _count(tenant: Tenant, source: Row, link: Row) -> int:
    if choice(link) == LATER and day_of(source.get("lastcreated")) is not None:
        first = next(since(tenant, source, link), None)
        if first is not None:
            return int(first["old_value"])
    licence = tenant.get("software_licences", link.get("licence_id")) or {}
    return 0 if licence.get("deleted") else int(as_number(licence.get("count")) or 0)
