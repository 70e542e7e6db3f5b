"""List answers: filtered, sorted, cut into pages, in an envelope or as a bare array."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.core import Call
from sandbox.halopsa import filters, write_faults
from sandbox.halopsa.fields import SUMMARY_LACKS, Row
from sandbox.halopsa.tenant import Tenant, as_number, is_true

ROWS_DEFAULT = 50
ROWS_MAX = 100
SORTS = ("", "2", "3", "4", "5")


@dataclass(frozen=True)
class Listing:
    """One list route. Without a key its answer is a bare array, which has no pages."""

    route: str
    table: str
    key: str | None
    choose: Callable[[Tenant, list[Row], dict[str, str]], list[Row]]


LISTINGS = (
    Listing("/Client", "clients", "clients", filters.clients),
    Listing("/Site", "sites", "sites", filters.sites),
    Listing("/Supplier", "suppliers", "suppliers", filters.suppliers),
    Listing("/Item", "items", "items", filters.items),
    Listing("/Invoice", "invoices", "invoices", filters.invoices),
    Listing("/RecurringInvoice", "recurring_invoices", "invoices", filters.recurring_invoices),
    Listing("/ClientContract", "contracts", "contracts", filters.contracts),
    Listing("/SoftwareLicence", "software_licences", "licences", filters.licences),
    Listing("/IntegrationError", "integration_errors", "errors", filters.integration_errors),
    Listing("/LicenceChange", "_licence_changes", "changes", filters.licence_changes),
    Listing("/InvoiceChange", "_changes", "changes", filters.invoice_changes),
    Listing("/AssetGroup", "asset_groups", None, filters.everything),
    Listing("/Tax", "tax", None, filters.taxes),
    Listing("/Currency", "currencies", None, filters.everything),
    Listing("/Lookup", "lookups", None, filters.lookups),
    Listing("/XeroDetails", "xero_details", None, filters.xero_details),
)

WITH_LINES = {"invoices", "recurring_invoices"}


def answer(tenant: Tenant, listing: Listing, call: Call, hidden: set[int]) -> Any:
    query = {name.lower(): value for name, value in call.query.items()}
    rows = tenant.rows(listing.table)
    if listing.table == "invoices":
        rows = [row for row in rows if row["id"] not in hidden]
    rows = _sorted(listing.choose(tenant, rows, query), query)
    with_lines = listing.table in WITH_LINES and is_true(query.get("includelines"))
    if listing.key is None:
        return [summary(tenant, listing.table, row, with_lines=False) for row in rows]
    envelope, page = _page(tenant, listing, call, rows, query)
    envelope[listing.key] = [
        summary(tenant, listing.table, row, with_lines=with_lines) for row in page
    ]
    return envelope


def summary(tenant: Tenant, table: str, row: Row, *, with_lines: bool) -> Row:
    """A row as lists show it."""
    shown = {name: value for name, value in row.items() if name not in SUMMARY_LACKS}
    if with_lines:
        shown["lines"] = write_faults.shown(tenant, row.get("lines", []))
    return viewed(tenant, table, shown)


def viewed(tenant: Tenant, table: str, row: Row) -> Row:
    """Columns that are looked up or oddly typed on the way out."""
    if table == "sites" and as_number(row.get("client_id")) is not None:
        return row | {"client_id": float(row["client_id"])}  # typed double in the vendor's spec
    if table == "items":
        group = tenant.get("asset_groups", row.get("assetgroup_id")) or {}
        return row | {"assetgroup_name": group.get("name", "")}
    return row


def _page(
    tenant: Tenant, listing: Listing, call: Call, rows: list[Row], query: Mapping[str, str]
) -> tuple[Row, list[Row]]:
    paged = is_true(query.get("pageinate"))
    size = _positive(query, "page_size" if paged else "count", ROWS_DEFAULT)
    size = min(size, ROWS_MAX)
    number = _positive(query, "page_no", 1) if paged else 1
    page = rows[(number - 1) * size : number * size]
    if is_true(tenant.settings.get("paging_ignored")) or (paged and call.fault("page_cap_ignored")):
        page = rows
    envelope: Row = {"record_count": len(rows)}
    if paged:
        envelope |= {"page_no": number, "page_size": size}
    fault = call.fault("truncate_page") if page and _may_lose_rows(listing, call) else None
    if fault is not None:
        lost = min(int(fault.options.get("rows", 1)), len(page))
        page = page[: len(page) - lost]
        if fault.options.get("consistent"):
            envelope["record_count"] -= lost
    return envelope, page


def _may_lose_rows(listing: Listing, call: Call) -> bool:
    """A page of a list is cut where the fault names a path, or of invoices where it names GET."""
    asked = [one for one in call.faults.pending() if one["kind"] == "truncate_page"]
    invoices = listing.table in WITH_LINES and any(one["method"] for one in asked)
    return invoices or any(one["path"] for one in asked)


def _positive(query: Mapping[str, str], name: str, otherwise: int) -> int:
    number = as_number(query.get(name))
    return int(number) if number is not None and number >= 1 else otherwise


def _sorted(rows: list[Row], query: Mapping[str, str]) -> list[Row]:
    """`orderdesc=1` sorts upwards: only the word true counts."""
    for suffix in reversed(SORTS):
        field = query.get(f"order{suffix}")
        if field:
            downwards = is_true(query.get(f"orderdesc{suffix}"))
            rows = sorted(rows, key=_by(field), reverse=downwards)
    return rows


def _by(field: str) -> Callable[[Row], tuple[int, float, str]]:
    return lambda row: _rank(row.get(field))


def _rank(value: Any) -> tuple[int, float, str]:
    number = as_number(value)
    if value is None:
        return (0, 0.0, "")
    return (1, number, "") if number is not None else (2, 0.0, str(value).lower())
