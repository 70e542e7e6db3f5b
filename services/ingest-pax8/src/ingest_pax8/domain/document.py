"""A document as ingest keeps it, what a reading of it found, and whether that can be trusted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel

from ingest_pax8.domain.identity import Basis, basis_for, set_digest
from ingest_pax8.domain.pages import row_digests
from schemas.ids import derive_id
from schemas.money import ZERO, Amount, plain

VOID, CREDITED = "void", "credited"
INCOMPLETE = "document-incomplete"
CHANGED = "document-changed"
DATE_MISSING = "date-missing"
STATUS_UNKNOWN = "status-unknown"
STATUSES = frozenset(("", "unpaid", "paid", "carried", "nothing due", VOID, CREDITED))


class Sum(BaseModel):
    """Lines and money of one currency."""

    lines: int = 0
    price: Amount = ZERO
    cost: Amount = ZERO


class Document(BaseModel):
    """One invoice: its header as listed, and what its first complete reading fixed."""

    document: str
    date: str = ""
    status: str = ""
    partner: str = ""
    currency: str = ""
    external: str = ""
    seen: int = 0  # the order in which documents were first listed
    basis: Basis | None = None
    rows: int = 0
    promised: int = 0
    pages: int = 0
    sums: dict[str, Sum] = {}
    lines: str = ""  # digest of the set of line identities
    read_by: str = ""  # the job of the last reading
    problem: str | None = None
    text: str = ""

    def chain(self, tenant: str, source: str) -> str:
        """R14: documents of one source, partner, invoice date and currency."""
        return derive_id("chain", tenant, source, self.partner, self.date, self.currency)


def unclear(document: Document, more_statuses: Collection[str]) -> str | None:
    """Why nothing of a document is billed before a person has looked at its header.

    Its date is its period, its place among others and the date of what is posted (R11, R14, R22);
    its status says whether it is void or taken back (R5, R14).
    """
    if not document.date:
        return DATE_MISSING
    ordinary = {status.lower() for status in more_statuses}
    return None if document.status.lower() in STATUSES | ordinary else STATUS_UNKNOWN


@dataclass(frozen=True, slots=True)
class Found:
    """What one reading of the pages found."""

    rows: int
    promised: tuple[int, ...]  # the different counters that the pages showed
    pages: int
    sums: dict[str, Sum]
    ids: list[str | None]
    fields: list[str]  # filled when the ids are no basis, or the stored basis asks for them
    digests: list[str]  # of the rows, byte for byte: a page's stand in one text

    @property
    def torn(self) -> bool:
        """Rows read are not the rows promised, or the pages disagree about their number."""
        return self.promised != (self.rows,)

    @property
    def repeats(self) -> bool:
        """An id came twice: by nature, or because the list moved between two pages."""
        given = [vendor_id for vendor_id in self.ids if vendor_id]
        return len(given) != len(set(given))

    @property
    def bytes_digest(self) -> str:
        """Of the set of rows, byte for byte."""
        return set_digest(each for page in self.digests for each in row_digests(page))

    def basis(self) -> Basis:
        return basis_for(self.ids)

    def lines(self, basis: Basis) -> str:
        """The digest of the set of lines under that basis."""
        names = [vendor_id or "" for vendor_id in self.ids] if basis == "ids" else self.fields
        return set_digest(names)


def verdict(found: Found, seen_before: str | None) -> Literal["complete", "again"]:
    """Whether a reading stands. Ids that repeat in the same way twice are the document's own."""
    if found.torn:
        return "again"
    if found.repeats and found.bytes_digest != seen_before:
        return "again"
    return "complete"


def incomplete_text(found: Found) -> str:
    """What is wrong, and what to do."""
    promised = " or ".join(str(n) for n in found.promised)
    return (
        f"{found.rows} rows were read and {promised} were promised, twice, or the same id came"
        " twice: nothing of this document is planned. Read it again later"
    )


def difference(stored: Document, found: Found) -> str | None:
    """R4: why a later reading is not the document that was read first; None when it is."""
    assert stored.basis is not None, "only a document that was read can change"
    if found.rows != stored.rows:
        return f"it had {stored.rows} lines and now has {found.rows}"
    if found.sums.keys() != stored.sums.keys():
        return f"it was in {_names(stored.sums)} and now is in {_names(found.sums)}"
    for currency, before in stored.sums.items():
        now = found.sums[currency]
        if (before.lines, before.price, before.cost) != (now.lines, now.price, now.cost):
            return (
                f"in {currency or 'no currency'} it had {_money(before)} and now has {_money(now)}"
            )
    if found.lines(stored.basis) != stored.lines:
        return "its sums are the same, but not its lines"
    return None


class Sums:
    """Adds up lines by currency."""

    def __init__(self) -> None:
        self._lines: dict[str, int] = {}
        self._price: dict[str, Decimal] = {}
        self._cost: dict[str, Decimal] = {}

    def add(self, currency: str, lines: int, price: Decimal, cost: Decimal) -> None:
        """Count lines of one currency."""
        self._lines[currency] = self._lines.get(currency, 0) + lines
        self._price[currency] = self._price.get(currency, ZERO) + price
        self._cost[currency] = self._cost.get(currency, ZERO) + cost

    def by_currency(self) -> dict[str, Sum]:
        """What it comes to."""
        return {
            currency: Sum(lines=lines, price=self._price[currency], cost=self._cost[currency])
            for currency, lines in sorted(self._lines.items())
        }


def _names(sums: dict[str, Sum]) -> str:
    return ", ".join(sorted(sums)) or "no currency"


def _money(entry: Sum) -> str:
    return f"{entry.lines} lines of {plain(entry.price)} at cost {plain(entry.cost)}"
