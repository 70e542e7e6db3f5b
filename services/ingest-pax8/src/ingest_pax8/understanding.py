"""What a page as read says: all of its lines, or of a large document's page only their sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ingest_pax8.domain.identity import Basis
from ingest_pax8.domain.pages import PageNotes
from ingest_pax8.translate import fields_of
from ingest_pax8.unreadable import Unreadable
from vendors.pax8 import InvoiceItem, ItemSum, parse_items, parse_sums

KEPT_LINES_MAX = 10_000  # documents up to this size are read, judged and formed in one go


@dataclass(frozen=True, slots=True)
class Page:
    """One page, read and understood: `items` is None where the sums are enough."""

    notes: PageNotes
    sums: Sequence[ItemSum]
    items: list[InvoiceItem] | None


def understood(notes: PageNotes, raw: bytes, basis: str | None = None) -> Page:
    """A page of a large document is read again when it is formed: here its sums are enough."""
    if notes.promised > KEPT_LINES_MAX and basis != "fields":
        sums = _parsed(parse_sums, raw, notes.number)
        if all(item.id for item in sums):
            return Page(notes, sums, None)
    items = items_of(raw, notes.number)
    return Page(notes, items, items)


def items_of(raw: bytes, number: int) -> list[InvoiceItem]:
    """The lines of a page, or Unreadable."""
    return _parsed(parse_items, raw, number)


def _parsed[T](parse: Callable[[bytes], T], raw: bytes, number: int) -> T:
    try:
        return parse(raw)
    except ValueError as odd:
        first = str(odd).splitlines()[0][:200]
        raise Unreadable(f"page {number + 1} can not be read as charges: {first}") from odd


def names_of(page: Page) -> tuple[Basis, list[str]]:
    """The vendor's ids if every row of the page has one, else their business fields."""
    ids = [item.id for item in page.sums if item.id]
    if len(ids) == len(page.sums):
        return "ids", ids
    assert page.items is not None, "rows without ids are read whole"
    return "fields", [fields_of(item) for item in page.items]
