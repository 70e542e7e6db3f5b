"""What a page as read says: its lines, and what tells them apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ingest_pax8.domain.identity import Basis
from ingest_pax8.domain.pages import PageNotes
from ingest_pax8.lines import Line, lines_of
from ingest_pax8.translate import fields_of
from ingest_pax8.unreadable import Unreadable
from vendors.pax8 import parse_items


@dataclass(frozen=True, slots=True)
class Page:
    """One page, read and understood: `fields` is empty where the vendor's ids are enough."""

    notes: PageNotes
    lines: list[Line]
    ids: list[str | None]
    fields: list[str]

    def names(self) -> tuple[Basis, list[str]]:
        """The vendor's ids if every row of the page has one, else their business fields."""
        ids = [vendor_id for vendor_id in self.ids if vendor_id]
        return ("ids", ids) if len(ids) == len(self.lines) else ("fields", self.fields)


def understood(
    notes: PageNotes,
    raw: bytes,
    basis: str | None = None,
    lines: list[Line] | None = None,
) -> Page:
    """A page, or Unreadable; `lines` where they were read already."""
    if lines is None:
        lines = lines_in(raw, notes.number)
    ids = [line.id for line in lines]
    by_fields = basis == "fields" or (basis is None and not all(ids))
    return Page(notes, lines, ids, fields_in(raw, notes.number) if by_fields else [])


def lines_in(raw: bytes, number: int) -> list[Line]:
    """The lines of a page, or Unreadable."""
    return _parsed(lines_of, raw, number)


def fields_in(raw: bytes, number: int) -> list[str]:
    """What tells a page's rows apart where the vendor's ids do not."""
    return [fields_of(item) for item in _parsed(parse_items, raw, number)]


def _parsed[T](parse: Callable[[bytes], T], raw: bytes, number: int) -> T:
    try:
        return parse(raw)
    except ValueError as odd:
        first = str(odd).splitlines()[0][:200]
        raise Unreadable(f"page {number + 1} can not be read as charges: {first}") from odd
