"""Pax8's words become ours: one invoice item, one charge line."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from functools import lru_cache

from schemas.charges import normal_term
from schemas.messages import DocumentEntry
from schemas.money import plain
from schemas.periods import exclusive_end
from vendors.pax8 import InvoiceHeader, InvoiceItem

SOURCE = "pax8"
type Row = dict[str, str | bool]  # a ChargeLine as it travels; what is not said is not there


def line_from_pax8(item: InvoiceItem, line_id: str) -> Row:
    """The charge line; amounts keep the numerals that came, and an end is exclusive."""
    text = item.description or item.product_name or item.sku or ""
    start, end = _period(item.start_period, item.end_period)
    details = item.details
    found: dict[str, str | None] = {
        "company_name": item.company_name,
        "subscription": item.subscription_id,
        "product": item.product_id,
        "sku": item.sku,
        "name": item.product_name or item.description,
        "text": text,
        "details": None if details == text else details,
        "vendor": item.vendor_name,
        "order": _order(item.purchase_order_number),
        "unit": item.unit_of_measure,
        "start": start,
        "end": end,
        "quantity": numeral(item.quantity),
        "price": numeral(item.price),
        "cost": numeral(item.cost),
        "total": numeral(item.total),
        "cost_total": numeral(item.cost_total),
    }
    row: Row = {
        "id": line_id,
        "type": _type(item.type),
        "term": item.term or "",
        "company": item.company_id or "",
    }
    row |= {name: value for name, value in found.items() if value}
    if item.billed_by_pax8:
        row["billed_by_source"] = True
    return row


def entry_from_pax8(header: InvoiceHeader) -> DocumentEntry:
    """An invoice of the list."""
    return DocumentEntry(
        document=header.id,
        date=header.invoice_date.isoformat() if header.invoice_date else "",
        status=header.status or "",
        partner=header.partner_name or "",
        currency=header.currency_code or "",
        external=header.external_id or "",
    )


def fields_of(item: InvoiceItem) -> str:
    """The business fields by which lines without a distinct id are told apart (R4)."""
    parts = (
        item.id,
        item.type,
        item.company_id,
        item.subscription_id,
        item.product_id,
        item.sku,
        item.term,
        item.description,
        item.details,
        item.purchase_order_number,
        item.currency_code,
        item.start_period,
        item.end_period,
        *(
            None if amount is None else plain(amount.normalize())
            for amount in (item.quantity, item.price, item.total, item.cost, item.cost_total)
        ),
    )
    text = "\x1f".join("" if part is None else str(part) for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def numeral(amount: Decimal | None) -> str | None:
    """A decimal string, digit for digit, without an exponent."""
    if amount is None:
        return None
    text = str(amount)
    return plain(amount) if "E" in text or text[:2] == "-0" else text


@lru_cache(maxsize=256)
def _type(given: str | None) -> str:
    return normal_term(given or "")


@lru_cache(maxsize=1024)
def _order(number: str | None) -> str | None:
    """`N/A` and nothing are the same: no order."""
    return None if not number or number.strip().upper() in {"", "N/A"} else number


@lru_cache(maxsize=4096)
def _period(start: date | None, end: date | None) -> tuple[str | None, str | None]:
    if start is not None and end is not None:
        return start.isoformat(), exclusive_end(start, end).isoformat()
    return start.isoformat() if start else None, end.isoformat() if end else None
