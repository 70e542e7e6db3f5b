"""Pax8's words become ours: one invoice item, one charge line.

What a line shares with others of its company or its product is put into words once and kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from functools import lru_cache
from operator import itemgetter
from typing import cast

from pydantic_core import to_json

from ingest_pax8.charges import Charge, charge_of
from schemas.charges import BILLED_BY_UNCLEAR, PERIOD_UNREADABLE, normal_term
from schemas.messages import DocumentEntry
from schemas.money import plain
from schemas.periods import exclusive_end
from vendors.pax8 import InvoiceHeader, InvoiceItem, day_of, is_empty_day

SOURCE = "pax8"
# A ChargeLine as it travels; what is not said is not there.
type Row = dict[str, str | bool | list[str]]


def line_of(charge: Charge, line_id: str) -> Row:
    """The charge line; amounts keep the numerals that came, and an end is exclusive.

    Where something is said that nobody can read, `unclear` says so.
    """
    row = cast("Row", {name: said for name, said in charge.items() if said})
    row["id"] = line_id
    row["type"] = _type(charge.get("type"))
    row.setdefault("term", "")
    row.setdefault("company", "")
    name, text = charge.get("name"), charge.get("text")
    if name or text:
        row["name"] = name or text or ""
    row["text"] = text = text or name or charge.get("sku") or ""
    if row.get("details") == text:
        del row["details"]
    if "order" in row and not _is_order(charge.get("order")):
        del row["order"]
    unclear = []
    if isinstance(row.get("billed_by_source"), str):
        unclear.append(BILLED_BY_UNCLEAR)
        del row["billed_by_source"]
    days = (row.pop("start", None), row.pop("end", None))
    if any(day_of(day) is None and not is_empty_day(day) for day in days):
        unclear.append(PERIOD_UNREADABLE)
    if unclear:
        row["unclear"] = unclear
    row |= _period(charge.get("start"), charge.get("end"))
    row.pop("currency", None)
    row.pop("external", None)
    return row


# What a line has for itself; the rest of it many others say as well.
_AMOUNTS = ("quantity", "price", "cost", "total", "cost_total")
_COMPANY = ("company", "company_name")
_OWN = {"id", "subscription", "currency", "external", *_AMOUNTS}
_SHARED = [name for name in Charge.__annotations__ if name not in {*_OWN, *_COMPANY}]
_amounts, _company, _shared = itemgetter(*_AMOUNTS), itemgetter(*_COMPANY), itemgetter(*_SHARED)
_ALL_AMOUNTS = "".join(f',"{name}":"%s"' for name in _AMOUNTS)
_NOTHING_SAID = dict.fromkeys(Charge.__annotations__)


def terms_json(charge: Charge) -> str:
    """What `line_of` says besides an id and a subscription, as it travels, without braces.

    A numeral has nothing that JSON escapes.
    """
    amounts = _amounts(charge)
    if None in amounts:
        said = zip(_AMOUNTS, amounts, strict=True)
        numerals = "".join([f',"{name}":"{amount}"' for name, amount in said if amount])
    else:
        numerals = _ALL_AMOUNTS % amounts
    company, shared = _company_json(_company(charge)), _shared_json(_shared(charge))
    return f"{company}{numerals},{shared}"


def line_from_pax8(item: InvoiceItem, line_id: str) -> Row:
    """The charge line of an item that was read field by field."""
    return line_of(charge_of(item), line_id)


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
        day_of(item.start_period),
        day_of(item.end_period),
        *(
            None if amount is None else plain(amount.normalize())
            for amount in (item.quantity, item.price, item.total, item.cost, item.cost_total)
        ),
    )
    text = "\x1f".join("" if part is None else str(part) for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@lru_cache(maxsize=1024)
def _company_json(said: tuple[str | None, str | None]) -> str:
    return _part_of(zip(_COMPANY, said, strict=True), _COMPANY)


@lru_cache(maxsize=4096)
def _shared_json(said: tuple[str | bool | None, ...]) -> str:
    return _part_of(zip(_SHARED, said, strict=True), [*_SHARED, "unclear"])


def _part_of(said: Iterable[tuple[str, str | bool | None]], names: Collection[str]) -> str:
    row = line_of(cast("Charge", _NOTHING_SAID | dict(said)), "")
    part = {name: value for name, value in row.items() if name in names}
    return to_json(part)[1:-1].decode()


@lru_cache(maxsize=256)
def _type(given: str | None) -> str:
    return normal_term(given or "")


@lru_cache(maxsize=1024)
def _is_order(number: str | None) -> bool:
    """`N/A` and nothing are the same: no order."""
    return (number or "").strip().upper() not in {"", "N/A"}


@lru_cache(maxsize=4096)
def _period(start_text: str | None, end_text: str | None) -> Row:
    start, end = day_of(start_text), day_of(end_text)
    if start is not None and end is not None:
        end = exclusive_end(start, end)
    days = {"start": start, "end": end}
    return {name: day.isoformat() for name, day in days.items() if day is not None}
