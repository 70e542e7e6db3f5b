"""What the decided lines of a batch come to: its products, its companies, and its held lines.

Whoever finds clients and items for a batch works from this; the lines themselves travel on unread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict

from schemas.money import ZERO, Amount, exact

NO_PRODUCT = ""

type Row = Mapping[str, Any]


class ProductUse(BaseModel):
    """One product key among the kept lines: how often, for how much, and how it is called.

    `unit_price` and `unit_cost` are those of its first subscription line, if it has one.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    name: str = ""
    sku: str = ""
    product: str = ""
    term: str = ""
    lines: int = 0
    price: Amount = ZERO
    cost: Amount = ZERO
    unit_price: Amount | None = None
    unit_cost: Amount | None = None


class HeldUse(BaseModel):
    """Lines that the normalizer held for one reason and company."""

    model_config = ConfigDict(frozen=True)

    code: str
    company: str = ""
    company_name: str = ""
    lines: int = 0
    price: Amount = ZERO
    cost: Amount = ZERO


class CompanyUse(BaseModel):
    """The kept lines of one company."""

    model_config = ConfigDict(frozen=True)

    company: str
    name: str = ""
    lines: int = 0
    price: Amount = ZERO
    cost: Amount = ZERO


class Uses(BaseModel):
    """All that resolving a batch looks at."""

    model_config = ConfigDict(frozen=True)

    products: tuple[ProductUse, ...] = ()
    held: tuple[HeldUse, ...] = ()
    companies: tuple[CompanyUse, ...] = ()


class _Sum:
    """Lines that belong together: the first of them, and what they add up to."""

    __slots__ = ("cost", "first", "lines", "price")

    def __init__(self, first: Row) -> None:
        self.first = first
        self.lines = 0
        self.price = ZERO
        self.cost = ZERO

    def add(self, lines: int, price: Decimal, cost: Decimal) -> None:
        self.lines += lines
        self.price += price
        self.cost += cost

    def money(self) -> dict[str, object]:
        return {"lines": self.lines, "price": self.price, "cost": self.cost}


type _Rows = dict[tuple[str, str], list[Row]]
type _Sums = dict[tuple[str, str], _Sum]


def uses_of(rows: Iterable[Row]) -> Uses:
    """Sum the rows of a batch: fields of DecidedLine, amounts as text or Decimal."""
    kept: _Rows = {}  # by product and company: most lines share both with others
    held: _Rows = {}  # by reason and company
    seats: dict[str, Row] = {}
    for row in rows:
        outcome = row["outcome"]
        if outcome == "kept":
            several, what = kept, row.get("product_key") or NO_PRODUCT
            seat = what not in seats and row.get("kind", "seat") == "seat"
            if seat and row.get("price") is not None:
                seats[what] = row
        elif outcome == "held":
            several, what = held, row.get("rule") or "held"
        else:
            continue
        name = (what, row.get("company", ""))
        if (alike := several.get(name)) is None:
            several[name] = [row]
        else:
            alike.append(row)
    sums = _summed(kept)
    return Uses(
        products=tuple(_product(key, s, seats.get(key)) for key, s in _by(sums, 0)),
        held=tuple(_held(reason, s) for reason, s in sorted(_summed(held).items())),
        companies=tuple(_company(company, s) for company, s in _by(sums, 1)),
    )


def _summed(several: _Rows) -> _Sums:
    sums: _Sums = {}
    for name, rows in several.items():
        one = sums[name] = _Sum(rows[0])
        price = _sum_of([row["total"] for row in rows])
        one.add(len(rows), price, _sum_of([row["cost_total"] for row in rows]))
    return sums


def _by(sums: _Sums, part: int) -> list[tuple[str, _Sum]]:
    """The sums added up by one part of their name, in its order."""
    found: dict[str, _Sum] = {}
    for name, s in sums.items():
        one = found.setdefault(name[part], _Sum(s.first))
        one.add(s.lines, s.price, s.cost)
    return sorted(found.items())


def _sum_of(amounts: Sequence[str | Decimal]) -> Decimal:
    counted = Counter(amounts).items()  # they repeat
    return sum([(exact(a) if isinstance(a, str) else a) * times for a, times in counted], ZERO)


def _product(key: str, s: _Sum, seat: Row | None) -> ProductUse:
    return ProductUse.model_validate(
        {
            "key": key,
            "name": s.first.get("name", ""),
            "sku": s.first.get("sku") or "",
            "product": s.first.get("product") or "",
            "term": s.first.get("term", ""),
            "unit_price": seat.get("price") if seat else None,
            "unit_cost": seat.get("cost") if seat else None,
            **s.money(),
        }
    )


def _held(reason: tuple[str, str], s: _Sum) -> HeldUse:
    code, company = reason
    name = s.first.get("company_name", "")
    return HeldUse.model_validate(
        {"code": code, "company": company, "company_name": name, **s.money()}
    )


def _company(company: str, s: _Sum) -> CompanyUse:
    name = s.first.get("company_name", "")
    return CompanyUse.model_validate({"company": company, "name": name, **s.money()})
