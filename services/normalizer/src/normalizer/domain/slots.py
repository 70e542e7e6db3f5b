"""What a line is (R11): its kind, and its slot, by which the next document's line is the same one.

Equal slots are numbered by what the lines say, not by where they stand.
"""

from __future__ import annotations

import hashlib

from normalizer.domain.azure import ARREARS
from normalizer.domain.rows import ChargeRow
from schemas.charges import Kind, normal_term
from schemas.ids import digest

KINDS: dict[str, Kind] = {
    "subscription": "seat",
    "prorate": "prorate",
    "one-time": "one-time",
    "service-charge": "one-time",
    "service-credit": "credit",
    "rebate": "credit",
    "payment-credit": "credit",
    "invoice-credit": "credit",
}
_SLOT_CHARS = 24


def kind_of(row: ChargeRow, *, azure: bool) -> Kind:
    """Usage is told by its term, all else by its type, an unknown type by its subscription."""
    known = KINDS.get(row.get("type", ""))
    if known != "prorate" and (azure or normal_term(row.get("term", "")) == ARREARS):
        return "usage"
    if known is not None:
        return known
    return "seat" if row.get("subscription") else "one-time"


def give_slots(rows: list[ChargeRow], tenant: str, source: str) -> None:
    """Slots for lines that go on; a slot is a digest and an ordinal among equals."""
    groups: dict[str, list[ChargeRow]] = {}
    for row in rows:
        what = row.get("subscription") or f"{row.get('product') or row.get('sku')} " + normal_term(
            row.get("term", "")
        )
        name = f"{row.get('company', '')}\x1f{what}\x1f{row['kind']}"
        if (equals := groups.get(name)) is None:
            groups[name] = [row]
        else:
            equals.append(row)
    start = hashlib.sha256(digest("slot", tenant, source).encode())
    for name, equals in groups.items():
        whole = start.copy()
        whole.update(name.encode())
        slot = whole.hexdigest()[:_SLOT_CHARS]
        if len(equals) == 1:
            equals[0]["slot"] = f"{slot}-0"
            continue
        equals.sort(key=_order)
        for ordinal, row in enumerate(equals):
            row["slot"] = f"{slot}-{ordinal}"


def _order(row: ChargeRow) -> tuple[str, ...]:
    return (
        row.get("start") or "",
        row.get("end") or "",
        row.get("product_key") or "",
        row.get("text") or "",
        row.get("price") or "",
        row.get("quantity") or "",
        row["id"],
    )
