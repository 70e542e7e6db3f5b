"""The query filters HaloPSA documents, per list; every other one is ignored without a word."""

from collections.abc import Callable, Iterable
from typing import Any

from sandbox.halopsa.fields import Row
from sandbox.halopsa.tenant import Tenant, day_of, is_true, same

type Query = dict[str, str]  # names in lower case
type Rows = list[Row]

CLOSED = 15  # Item.status; 14 is open
DATE_FIELDS = {"invoice_date", "duedate", "last_modified", "dateposted", "datesent", "last_synced"}


def invoices(tenant: Tenant, rows: Rows, query: Query) -> Rows:
    rows = _recurring_too(rows, query)
    rows = _equal(rows, query, {"third_party_id": "thirdpartyinvoicenumber", "xero_id": "xeroid"})
    if is_true(query.get("exclude_voided")):
        rows = [row for row in rows if not row.get("voided")]
    if is_true(query.get("awaiting_approval")):
        rows = [row for row in rows if row.get("reviewrequired")]
    credit = "creditlinkedtoinvoiceid"
    if query.get("includecredits", "").lower() == "false":
        rows = [row for row in rows if not row.get(credit)]
    if query.get("includeinvoices", "").lower() == "false":
        rows = [row for row in rows if row.get(credit)]
    if not is_true(tenant.settings.get("date_filters_ignored")):
        rows = _in_window(rows, query)
    return rows


def recurring_invoices(_: Tenant, rows: Rows, query: Query) -> Rows:
    return _recurring_too(rows, query)


def clients(_: Tenant, rows: Rows, query: Query) -> Rows:
    rows = _active(rows, query, lambda row: not row.get("inactive"))
    rows = _equal(rows, query, {"toplevel_id": "toplevel_id"})
    fields = ("name",) if is_true(query.get("search_name_only")) else ("name", "ref", "accountsid")
    return _search(rows, query, fields)


def sites(_: Tenant, rows: Rows, query: Query) -> Rows:
    return _search(_equal(rows, query, {"client_id": "client_id"}), query, ("name",))


def suppliers(_: Tenant, rows: Rows, query: Query) -> Rows:
    return _search(rows, query, ("name",))


def items(_: Tenant, rows: Rows, query: Query) -> Rows:
    rows = _active(rows, query, lambda row: not same(row.get("status"), CLOSED))
    same_fields = {
        "assetgroup_id": "assetgroup_id",
        "supplier_id": "supplier_id",
        "xerotenantid": "xero_tenant_id",
    }
    rows = _among(_equal(rows, query, same_fields), query, {"assetgroups": "assetgroup_id"})
    if is_true(query.get("recurringonly")):
        rows = [row for row in rows if row.get("isrecurringitem")]
    if is_true(query.get("excluderecurring")):
        rows = [row for row in rows if not row.get("isrecurringitem")]
    return _search(rows, query, ("name", "description", "accountsid", "supplier_part_code"))


def contracts(_: Tenant, rows: Rows, query: Query) -> Rows:
    return _search(_equal(rows, query, {"client_id": "client_id"}), query, ("ref",))


def licences(_: Tenant, rows: Rows, query: Query) -> Rows:
    rows = _active(
        rows,
        {"includeinactive": query.get("includeinactive", "false")},
        lambda row: row.get("is_active") is not False and not row.get("deleted"),
    )
    same_fields = {
        "client_id": "client_id",
        "site_id": "site_id",
        "licence_type": "type",
        "tenant_id": "tenant_id",
    }
    return _search(_equal(rows, query, same_fields), query, ("name", "vendor"))


def taxes(_: Tenant, rows: Rows, query: Query) -> Rows:
    return _equal(rows, query, {"xerotenantid": "xero_tenant_id"})


def lookups(_: Tenant, rows: Rows, query: Query) -> Rows:
    return _equal(rows, query, {"lookupid": "lookupid"})


def xero_details(_: Tenant, rows: Rows, query: Query) -> Rows:
    if is_true(query.get("connectedonly")):
        return [row for row in rows if row.get("authorized") is not False]
    return rows


def integration_errors(_: Tenant, rows: Rows, query: Query) -> Rows:
    return _equal(rows, query, {"module_id": "module_id", "detail_id": "detail_id"})


def invoice_changes(_: Tenant, rows: Rows, query: Query) -> Rows:
    return _equal(rows, query, {"invoice_id": "invoice_id"})


def licence_changes(_: Tenant, rows: Rows, query: Query) -> Rows:
    return _equal(rows, query, {"licence_id": "licence_id"})


def everything(_: Tenant, rows: Rows, __: Query) -> Rows:
    return rows


def _recurring_too(rows: Rows, query: Query) -> Rows:
    """Filters that invoices and recurring invoices share."""
    same_fields = {
        "client_id": "client_id",
        "site_id": "sitenumber",
        "contract_id": "contract_id",
        "recurringinvoice_id": "recurring_invoice_id",
    }
    rows = _equal(rows, query, same_fields)
    rows = _among(rows, query, {"client_ids": "client_id", "paymentstatuses": "paymentstatus"})
    if is_true(query.get("postedonly")):
        rows = [row for row in rows if row.get("posted")]
    if is_true(query.get("notpostedonly")):
        rows = [row for row in rows if not row.get("posted")]
    texts = ("invoicenumber", "thirdpartyinvoicenumber", "reference", "client_name", "name")
    return _search(rows, query, texts)


def _equal(rows: Rows, query: Query, fields: dict[str, str]) -> Rows:
    for name, field in fields.items():
        wanted = query.get(name)
        if wanted:
            rows = [row for row in rows if same(row.get(field), wanted)]
    return rows


def _among(rows: Rows, query: Query, fields: dict[str, str]) -> Rows:
    for name, field in fields.items():
        wanted = [part.strip() for part in query.get(name, "").split(",") if part.strip()]
        if wanted:
            rows = [row for row in rows if any(same(row.get(field), one) for one in wanted)]
    return rows


def _active(rows: Rows, query: Query, active: Callable[[Row], bool]) -> Rows:
    """Active records are listed unless told otherwise, inactive ones only when asked for."""
    with_active = query.get("includeactive", "true").lower() != "false"
    with_inactive = is_true(query.get("includeinactive"))
    return [row for row in rows if (with_active if active(row) else with_inactive)]


def _search(rows: Rows, query: Query, fields: Iterable[str]) -> Rows:
    """A loose match, anywhere in any of the texts."""
    wanted = query.get("search", "").strip().lower()
    if not wanted:
        return rows
    names = tuple(fields)
    return [row for row in rows if any(wanted in _text(row, name) for name in names)]


def _text(row: Row, name: str) -> str:
    value: Any = row.get(name)
    return "" if value is None else str(value).lower()


def _in_window(rows: Rows, query: Query) -> Rows:
    """Both spellings of the window's ends are seen in the wild; both ends belong to it."""
    field = query.get("datesearch", "").lower()
    if field not in DATE_FIELDS:
        return rows
    first = day_of(query.get("startdate") or query.get("start_date"))
    last = day_of(query.get("enddate") or query.get("end_date"))
    kept: Rows = []
    for row in rows:
        day = day_of(row.get(field))
        if day and (first is None or day >= first) and (last is None or day <= last):
            kept.append(row)
    return kept
