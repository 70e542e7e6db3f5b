"""HaloPSA's own push of invoices to Xero: at once, late, never, or refused with an error row."""

from collections.abc import Iterable

from sandbox.core import Call
from sandbox.halopsa import documents
from sandbox.halopsa.fields import Row
from sandbox.halopsa.tenant import Tenant, as_number, same

MODULE = 65  # our own number: which one the vendor uses for Xero is not published
WAITING = "_xero_waiting"
NEVER = -1


def push(tenant: Tenant, invoice: Row, call: Call | None) -> None:
    """After every change: nothing for a client that is not linked, as if nobody had tried."""
    connection = _connection(tenant, invoice)
    if connection is None:
        return
    if call is not None and call.fault("xero_error"):
        _fail(tenant, invoice, connection, "A validation exception occurred")
        return
    late = call.fault("xero_late") if call is not None else None
    reads = int(tenant.settings.get("xero_after_reads") or 0)
    if late is not None:
        reads = NEVER if late.options.get("never") else int(late.options.get("reads", 1))
    if reads:
        tenant.state.put(WAITING, str(invoice["id"]), {"id": invoice["id"], "reads": reads})
    else:
        _synced(tenant, invoice, connection)


def was_read(tenant: Tenant, ids: Iterable[int] | None = None) -> None:
    """A read brings waiting invoices nearer to Xero; None: a list, which reads them all."""
    wanted = None if ids is None else set(ids)
    for row in tenant.state.rows(WAITING):
        if row["reads"] == NEVER or (wanted is not None and row["id"] not in wanted):
            continue
        if row["reads"] > 1:
            tenant.state.put(WAITING, str(row["id"]), row | {"reads": row["reads"] - 1})
            continue
        tenant.state.delete(WAITING, str(row["id"]))
        invoice = tenant.get("invoices", row["id"])
        connection = _connection(tenant, invoice) if invoice else None
        if invoice and connection:
            _synced(tenant, invoice, connection)


def _connection(tenant: Tenant, invoice: Row) -> Row | None:
    """The Xero organisation this invoice would go to; None when HaloPSA does not push it."""
    client = tenant.get("clients", invoice.get("client_id")) or {}
    linked = client.get("accountsid") or client.get("xeroid")
    excluded = client.get("excludefrominvoicesync") or invoice.get("dont_sync_to_3rd_party")
    unposted = tenant.control.get("only_send_posted_invoices") and not invoice.get("posted")
    if not linked or excluded or unposted:
        return None
    for row in tenant.rows("xero_details"):
        by_id = same(client.get("xerodetails_id"), row["id"])
        by_tenant = bool(row.get("tenant_id")) and client.get("xero_tenant_id") == row["tenant_id"]
        if row.get("enablesync") and row.get("authorized") is not False and (by_id or by_tenant):
            return row
    return None


def _synced(tenant: Tenant, invoice: Row, connection: Row) -> None:
    for line in invoice["lines"]:
        if not line.get("nominal_code") and not connection.get("default_item_code"):
            _fail(tenant, invoice, connection, f"Line {line['id']} has no Xero item code")
            return
    number = invoice.get("thirdpartyinvoicenumber")
    status = invoice.get("xero_status") or tenant.control.get("xero_default_invoice_status")
    lines = [
        line | {"xero_lineid": line.get("xero_lineid") or f"xero-line-{line['id']}"}
        for line in invoice["lines"]
    ]
    filled = invoice | {
        "lines": lines,
        "xeroid": invoice.get("xeroid") or f"xero-invoice-{invoice['id']}",
        "xero_tenant_id": connection.get("tenant_id", ""),
        "xero_status": status if isinstance(status, str) and status else "DRAFT",
        "thirdpartyinvoicenumber": number or f"INV-{tenant.state.next_number('xero'):04d}",
        "last_synced": tenant.now(),
    }
    documents.save(tenant, "invoices", filled, "synced to Xero")


def _fail(tenant: Tenant, invoice: Row, connection: Row, error: str) -> None:
    row = {
        "id": tenant.new_id("integration_errors"),
        "module_id": MODULE,
        "detail_id": int(as_number(connection["id"]) or 0),
        "entity_type": "Invoice",
        "entity_id": invoice["id"],
        "endpoint": "Invoices",
        "error": error,
        "date": tenant.now(),
    }
    tenant.put("integration_errors", row)
