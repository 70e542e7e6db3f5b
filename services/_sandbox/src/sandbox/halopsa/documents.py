"""Invoices and recurring invoices as HaloPSA stores them: created, edited, voided, deleted."""

from datetime import timedelta
from typing import Any

from sandbox.halopsa import lines as line_sets
from sandbox.halopsa.amounts import totalled
from sandbox.halopsa.answers import missing
from sandbox.halopsa.fields import (
    EMPTY_DATE,
    INVOICE,
    INVOICE_DEFAULTS,
    READ_ONLY,
    RECURRING,
    RECURRING_DEFAULTS,
    Row,
    stored,
)
from sandbox.halopsa.tenant import Tenant, as_number, day_of, midnight

FROM_SCHEDULE = ("period", "startdate", "enddate", "nextcreationdate", "lastcreated")
DUE_DAYS = 30


def known_fields(table: str) -> frozenset[str]:
    return INVOICE if table == "invoices" else RECURRING


def written(tenant: Tenant, table: str, sent: Row, old: Row | None) -> Row:
    """Stores one sent header. Scalars left out stay; `lines`, when sent, replace the whole set."""
    if table == "recurring_invoices":
        sent = _with_schedule(sent)
    kept = stored(sent, known_fields(table) - READ_ONLY)
    given, added = kept.pop("lines", None), sent.get("add_lines") or []
    kept.pop("id", None)
    header = _labelled(tenant, old | kept) if old else _new_header(tenant, table, kept)
    if given is not None or old is None:
        header["lines"] = line_sets.replaced(tenant, header, given or [])
    for line in added:
        header["lines"] = line_sets.edited(tenant, header, {**line, "id": None})
    return save(tenant, table, header, "changed" if old else "created")


def written_line(tenant: Tenant, table: str, sent: Row) -> Row:
    """`updatelines`: with an id the line is edited, without one it is added. Returns the header."""
    header = tenant.get(table, sent.get("ihid"))
    if header is None:
        raise missing("invoice" if table == "invoices" else "recurring invoice")
    changed = dict(header)
    changed["lines"] = line_sets.edited(tenant, changed, sent)
    return save(tenant, table, changed, "line changed" if sent.get("id") else "line added")


def save(tenant: Tenant, table: str, header: Row, what: str) -> Row:
    """Every change of an invoice, by the API or by a person, ends here."""
    header = totalled(header) | {"last_modified": tenant.now()}
    header["change_seq"] = int(header.get("change_seq") or 0) + 1
    tenant.put(table, header)
    tenant.log_change(header["id"], what)
    return header


def mailed(tenant: Tenant, header: Row, setting: str) -> Row:
    """Some tenants e-mail an invoice the moment it is made, unless its client is spared."""
    client = tenant.get("clients", header.get("client_id")) or {}
    if not tenant.control.get(setting) or client.get("dont_auto_send_invoices"):
        return header
    return save(tenant, "invoices", header | {"datesent": tenant.now()}, "e-mailed")


def voided(tenant: Tenant, header: Row) -> Row:
    return save(tenant, "invoices", header | {"voided": True}, "voided")


def loaded(tenant: Tenant, table: str, given: Row) -> Row:
    """A record of a load: its numerals stay digit for digit, what is missing is filled."""
    given = _with_schedule(given) if table == "recurring_invoices" else dict(given)
    identity = as_number(given.get("id"))
    if table == "recurring_invoices" and identity is not None and identity >= 0:
        raise ValueError(f"recurring invoice {given['id']}: ids of recurring invoices are negative")
    if identity is not None:
        given["id"] = int(identity)
        tenant.seen_id(table, given["id"])
    given_lines = given.pop("lines", None) or []
    header = _new_header(tenant, table, given) | given
    header["lines"] = line_sets.loaded(tenant, header, given_lines)
    filled = totalled(header) | {"last_modified": tenant.now(), "change_seq": 1} | given
    tenant.put(table, filled)
    return filled


def _new_header(tenant: Tenant, table: str, kept: Row) -> Row:
    own = as_number(kept.get("id"))
    number = int(own) if own is not None else tenant.new_id(table)
    client = tenant.get("clients", kept.get("client_id")) or {}
    currency = _currency(tenant, kept, client)
    header: Row = {
        "id": number,
        "client_name": client.get("name", ""),
        "sitenumber": client.get("main_site_id") or -1,
        "invoicenumber": str(number),
        "invoice_date": tenant.today(),
        "currency_code": currency.get("id", 0),
        "currency": currency.get("symbol", ""),
        "currency_conversion_rate": currency.get("conversion_rate", 1),
        "creation_source": 0,
        "lines": [],
        **INVOICE_DEFAULTS,
        **(RECURRING_DEFAULTS if table == "recurring_invoices" else {}),
        **{name: value for name, value in kept.items() if name != "id"},
    }
    if "duedate" not in header:
        issued = day_of(header["invoice_date"])
        days = int(as_number(header.get("paymentterms")) or DUE_DAYS)
        header["duedate"] = midnight(issued + timedelta(days=days)) if issued else EMPTY_DATE
    return header


def _labelled(tenant: Tenant, header: Row) -> Row:
    """Names follow the ids they belong to."""
    client = tenant.get("clients", header.get("client_id")) or {}
    currency = tenant.get("currencies", header.get("currency_code")) or {}
    return header | {
        "client_name": client.get("name", header.get("client_name", "")),
        "currency": currency.get("symbol", header.get("currency", "")),
    }


def _currency(tenant: Tenant, kept: Row, client: Row) -> Row:
    """The invoice's own currency, else its client's, else the tenant's, which is the first one."""
    wanted: Any = kept.get("currency_code") or client.get("default_currency_code")
    rows = tenant.rows("currencies")
    return tenant.get("currencies", wanted) or (rows[0] if rows else {})


def _with_schedule(sent: Row) -> Row:
    """The schedule may come nested; what is said at the top wins."""
    nested = sent.get("schedule")
    if not isinstance(nested, dict):
        return dict(sent)
    return {name: nested[name] for name in FROM_SCHEDULE if name in nested} | sent
