"""Sorts a document's lines into its batches while its pages come, in whatever order they come.

Nothing of a page is held but its lines as they will travel, and those wait in a file when they are
many: a document is decoded once, however large it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import TracebackType
from typing import Self

from ingest_pax8.domain.identity import LineIds
from ingest_pax8.lines import Line, Terms, total_of
from ingest_pax8.spool import Spool
from ingest_pax8.translate import SOURCE
from schemas.billing import Billing, BillTo
from schemas.messages import Company
from schemas.money import ZERO
from schemas.settings import Settings

type Key = tuple[str, str]  # bill-to and currency


@dataclass(slots=True)
class Group:
    """One batch while it grows."""

    bill_to: BillTo
    lines: int = 0
    price: Decimal = ZERO
    cost: Decimal = ZERO


@dataclass(slots=True)
class _Unknown:
    """A company that no mapping decides, named as on the first page that has it."""

    company: str
    name: str
    external: str | None
    page: int
    lines: int = 0
    price: dict[str, Decimal] = field(default_factory=dict)


@dataclass(slots=True)
class _Shelf:
    """What one page has of one batch, in its order."""

    bill_to: BillTo
    terms: list[Terms] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)


class Gathering:
    """The lines of one document by bill-to and currency (R3), under one settings version."""

    def __init__(self, settings: Settings, tenant: str, document: str, lines_max: int) -> None:
        self._line_ids = LineIds(tenant, SOURCE, document)
        self._lines_max = lines_max
        self.billing = Billing(settings, SOURCE)
        self.groups: dict[Key, Group] = {}
        self._unknown: dict[str, _Unknown] = {}
        self._spool: Spool[Key] = Spool()
        self.whole = False  # all lines of the document are in it, each under its own id

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._spool.clear()

    def restart(self) -> None:
        """Forget what came: the pages are read once more."""
        self.groups, self._unknown, self.whole = {}, {}, False
        self._spool.clear()

    def page(self, number: int, lines: Sequence[Line], identities: Iterable[str]) -> None:
        """Take one page in; a page comes once."""
        shelves: dict[Key, _Shelf] = {}
        met: dict[tuple[str | None, str], _Shelf] = {}
        line_id, by_company = self._line_ids.of, not self.billing.by_subscription
        for line, identity in zip(lines, identities, strict=True):
            terms = line.terms
            whose = (terms.charge["company"], terms.currency)
            shelf = met.get(whose) if by_company else None
            if shelf is None:
                shelf = met[whose] = self._shelf(line, shelves)
            shelf.terms.append(terms)
            shelf.rows.append(line.json(line_id(identity)))
        for key, shelf in shelves.items():
            group = self.groups.setdefault(key, Group(shelf.bill_to))
            price, cost = total_of(shelf.terms)
            group.lines += len(shelf.rows)
            group.price += price
            group.cost += cost
            if group.lines <= self._lines_max:
                self._spool.add(key, number, ",".join(shelf.rows).encode())
            if not shelf.bill_to.known:
                self._note_unknown(number, key[1], shelf.terms)

    def _shelf(self, line: Line, shelves: dict[Key, _Shelf]) -> _Shelf:
        """Where a page's lines of the same batch are."""
        bill_to = self.billing.of(line.terms.charge["company"], line.subscription)
        key = (bill_to.name, line.terms.currency)
        shelf = shelves.get(key)
        if shelf is None:
            shelf = shelves[key] = _Shelf(bill_to)
        return shelf

    def unknown(self) -> list[Company]:
        """Companies that nobody decided about, in the order of their ids."""
        return [
            Company(
                company=one.company,
                name=one.name,
                external=one.external,
                lines=one.lines,
                price=dict(sorted(one.price.items())),
            )
            for one in sorted(self._unknown.values(), key=lambda one: one.company)
        ]

    def body(self, key: Key) -> bytes:
        """The lines of a batch as they travel, in the document's order."""
        group = self.groups[key]
        return self._spool.body(key) if 0 < group.lines <= self._lines_max else b"[]"

    def _note_unknown(self, number: int, currency: str, terms: Sequence[Terms]) -> None:
        """All of one company: nobody else has the bill-to of one that is not decided about."""
        first = terms[0].charge
        company = first["company"] or ""
        one = self._unknown.get(company)
        name, external = first["company_name"] or "", first["external"]
        if one is None:
            one = self._unknown[company] = _Unknown(company, name, external, number)
        elif number < one.page:
            one.name, one.external, one.page = name, external, number
        one.lines += len(terms)
        price, _ = total_of(terms)
        one.price[currency] = one.price.get(currency, ZERO) + price
