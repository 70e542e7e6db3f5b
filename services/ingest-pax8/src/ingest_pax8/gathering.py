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

from ingest_pax8.charges import Charge
from ingest_pax8.domain.identity import LineIds
from ingest_pax8.spool import Spool
from ingest_pax8.translate import SOURCE, line_json
from schemas.billing import Billing, BillTo
from schemas.messages import Company
from schemas.money import ZERO, summed
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

    def page(self, number: int, charges: Sequence[Charge], identities: Iterable[str]) -> None:
        """Take one page in; a page comes once."""
        several: dict[Key, list[tuple[Charge, str]]] = {}
        unknown: dict[Key, list[Charge]] = {}
        for charge, identity in zip(charges, identities, strict=True):
            bill_to = self.billing.of(charge["company"], charge["subscription"])
            key = (bill_to.name, charge["currency"] or "")
            there = several.get(key)
            if there is None:
                there = several[key] = []
                self.groups.setdefault(key, Group(bill_to))
            there.append((charge, identity))
            if not bill_to.known:
                unknown.setdefault(key, []).append(charge)
        line_id = self._line_ids.of
        for key, lines in several.items():
            group = self.groups[key]
            group.lines += len(lines)
            group.price += summed([charge["total"] for charge, _ in lines])
            group.cost += summed([charge["cost_total"] for charge, _ in lines])
            if group.lines <= self._lines_max:
                rows = [line_json(charge, line_id(identity)) for charge, identity in lines]
                self._spool.add(key, number, ",".join(rows).encode())
        for (_, currency), undecided in unknown.items():
            self._note_unknown(number, currency, undecided)

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

    def _note_unknown(self, number: int, currency: str, charges: list[Charge]) -> None:
        """All of one company: nobody else has the bill-to of one that is not decided about."""
        first = charges[0]
        company = first["company"] or ""
        one = self._unknown.get(company)
        name, external = first["company_name"] or "", first["external"]
        if one is None:
            one = self._unknown[company] = _Unknown(company, name, external, number)
        elif number < one.page:
            one.name, one.external, one.page = name, external, number
        one.lines += len(charges)
        price = summed([charge["total"] for charge in charges])
        one.price[currency] = one.price.get(currency, ZERO) + price
