"""Lines of a recurring invoice that count licences: read, billed, and written as a round trip.

A link is one entry in a line's `quantity_licences`; what others put there, and every other line,
goes back as it was read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from poster_halo.domain.licences import Licence
from schemas.counts import CountLink
from schemas.ids import digest

Raw = dict[str, Any]

BY_HAND, BY_LICENCES = 0, 1  # RecurringLine.counts_by
KIND = 1  # of an entry in quantity_licences

# Columns that HaloPSA fills by itself after a write; a change of them is nobody's edit.
_VOLATILE = frozenset({"xero_lineid", "sequenceid"})
_OURS = frozenset(
    {"recurring_invoice_quantity_type", "quantity_licences", "qty_order", "net_amount"}
    | {"tax_amount"}
)


@dataclass(frozen=True, slots=True)
class RecurringLine:
    """A line as read. `ours`: a posting of charges keeps it; `passing`: it bills only once."""

    id: int
    item: int
    quantity: Decimal
    counts_by: int
    links: tuple[Raw, ...]
    ours: bool
    passing: bool
    raw: Raw

    def link_to(self, licence: int) -> Raw | None:
        """The entry that counts this licence, where the line counts licences at all."""
        if self.counts_by != BY_LICENCES:
            return None
        return next((row for row in self.links if licence_in(row) == licence), None)


@dataclass(frozen=True, slots=True)
class Recurring:
    """A recurring invoice. Its id is negative; people see another number."""

    id: int
    client: int
    name: str
    currency: int
    disabled: bool
    period: int
    next_creation: date | None
    lines: tuple[RecurringLine, ...]

    @property
    def number(self) -> int:
        """What HaloPSA's screens call it."""
        return -9 - self.id

    @property
    def status(self) -> tuple[Any, ...]:
        """What decides whether it may be written on."""
        return (self.id, self.client, self.currency, self.disabled, self.period)


@dataclass(frozen=True, slots=True)
class Link:
    """A planned link, and the price and cost a unit that a new line would have."""

    row: CountLink
    name: str = ""
    price: Decimal | None = None
    cost: Decimal | None = None

    @property
    def changes(self) -> bool:
        return bool(self.row.hash)


def billed(line: RecurringLine, licences: Mapping[int, Licence]) -> int | None:
    """The quantity of the next invoice; None: it is no whole number, or not ours to know."""
    if line.counts_by == BY_LICENCES and line.links:
        return quantity_of(line.links, licences)
    if line.counts_by not in (BY_HAND, BY_LICENCES) or line.quantity % 1:
        return None
    return int(line.quantity)


def quantity_of(links: Iterable[Raw], licences: Mapping[int, Licence]) -> int:
    """Each licence less its free units, never under its minimum (halopsa.md 4.3)."""
    total = 0
    for link in links:
        licence = licences.get(licence_in(link))
        count = licence.count if licence is not None and not licence.deleted else 0
        free, least = _whole(link.get("qty_free")), _whole(link.get("minimum_qty"))
        total += max(count - free, least, 0)
    return total


def with_links(
    recurring: Recurring | None, links: Sequence[Link], licences: Mapping[int, Licence]
) -> list[Raw]:
    """All lines of the round trip: foreign ones as read, ours with the link, new ones last."""
    lines = [line.raw for line in recurring.lines] if recurring else []
    found = {line.id: (at, line) for at, line in enumerate(recurring.lines)} if recurring else {}
    for link in links:
        row = link.row
        if row.line is None:
            lines.append(_new_line(link, recurring, licences))
            continue
        at, line = found[row.line]
        assert line.counts_by in (BY_HAND, BY_LICENCES), "what counts otherwise was held"
        before = lines[at].get("quantity_licences") or ()
        lines[at] = lines[at] | {_TYPE: BY_LICENCES, "quantity_licences": entries_with(before, row)}
    return lines


_TYPE, _TEXT = "recurring_invoice_quantity_type", "item_shortdescription"


def _new_line(link: Link, recurring: Recurring | None, licences: Mapping[int, Licence]) -> Raw:
    row, price = link.row, link.price
    assert price is not None, "a line without a price was held"
    links = entries_with((), row)
    line: Raw = {
        "_itemid": row.item,
        "qty_order": quantity_of(links, licences),
        "unit_price": price,
        _TEXT: link.name.replace("$", ""),  # a dollar sign starts a variable
        _TYPE: BY_LICENCES,
        "quantity_licences": links,
    }
    if link.cost is not None:
        line["unit_cost"] = link.cost
    return line if recurring is None else {"ihid": recurring.id, **line}


def entries_with(links: Iterable[Raw], row: CountLink) -> list[Raw]:
    """Other people's entries as they are, ours as wanted."""
    wanted = {
        "kind": KIND,
        "licence_id": row.licence,
        "qty_free": row.free,
        "minimum_qty": row.minimum,
        "pro_rata": row.pro_rata,
    }
    if row.line is not None:
        wanted["invoice_line_id"] = row.line
    made: list[Raw] = []
    ours = False
    for link in links:
        is_ours = licence_in(link) == row.licence and not ours
        made.append(link | wanted if is_ours else link)
        ours = ours or is_ours
    return made if ours else [*made, wanted]


def fits(link: Raw, row: CountLink) -> bool:
    there = (link.get("qty_free"), link.get("minimum_qty"), link.get("pro_rata"))
    return tuple(map(_whole, there)) == (row.free, row.minimum, row.pro_rata)


def stands(recurring: Recurring, link: Link) -> RecurringLine | None:
    """The line that counts the licence as wanted, after the write; None: it was not kept."""
    for line in recurring.lines:
        found = line.link_to(link.row.licence)
        if found is not None and line.item == link.row.item and fits(found, link.row):
            return line
    return None


def without_text(recurring: Recurring) -> tuple[int, ...]:
    """Lines without a text of their own: HaloPSA gives them the item's at the next write."""
    return tuple(line.id for line in recurring.lines if not line.raw.get(_TEXT))


def foreign_digest(
    recurring: Recurring, ids: Sequence[int], links: Sequence[Link], unnamed: Sequence[int]
) -> str:
    """Changes when a line of `ids`, or somebody else's entry on it, is not as it was.

    The text of `unnamed` lines is left out: there was none.
    """
    touched = {link.row.line for link in links}
    licences = {link.row.licence for link in links}
    rows = []
    by_id = {line.id: line for line in recurring.lines}
    for number in sorted(ids):
        line = by_id.get(number)
        if line is None:
            rows.append(f"{number} is gone")
            continue
        blank = {_TEXT} if number in unnamed else frozenset[str]()
        kept = {name: value for name, value in line.raw.items() if name not in blank}
        if number in touched:
            kept = {name: value for name, value in kept.items() if name not in _OURS}
            kept["others"] = [one for one in line.links if licence_in(one) not in licences]
        rows.append(fixed(kept))
    return digest(*rows)


def fixed(row: Raw) -> str:
    """A line as text that does not change by itself."""
    kept = {name: value for name, value in row.items() if name not in _VOLATILE}
    return json.dumps(kept, sort_keys=True, default=str)


def bills_old(recurring: Iterable[Recurring], licence: int, licences: Mapping[int, Licence]) -> str:
    """Which recurring invoices bill a licence that keeps its old count, what, and when."""
    said = []
    for one in recurring:
        for line in one.lines:
            if one.disabled or one.next_creation is None or line.link_to(licence) is None:
                continue
            said.append(
                f"recurring invoice {one.number} bills {billed(line, licences)} by the old count"
                f" on {one.next_creation.isoformat()}"
            )
    return "; ".join(said)


def places(found: Sequence[tuple[Recurring | None, RecurringLine]]) -> str:
    return ", ".join(
        f"line {line.id} of recurring invoice {one.number if one else '-'}" for one, line in found
    )


def licence_in(link: Raw) -> int:
    """Which licence an entry counts."""
    return _whole(link.get("licence_id"))


def _whole(value: Any) -> int:
    """A whole number however HaloPSA writes it; 0 for nothing."""
    return int(Decimal(str(value))) if value not in (None, "") else 0
