"""What lifecycle needs of a normalized batch: its products and its held lines, summed.

The lines themselves are passed on as bytes: this reads only the few fields named here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NotRequired, TypedDict

from pydantic import BaseModel, ConfigDict, TypeAdapter

from schemas.charges import Kind, LineOutcome
from schemas.money import ZERO, Amount

NO_PRODUCT = ""


class _Line(TypedDict):
    """The fields of a DecidedLine that are looked at; all others are skipped unread."""

    outcome: LineOutcome
    total: Decimal
    cost_total: Decimal
    rule: NotRequired[str | None]
    kind: NotRequired[Kind]
    product_key: NotRequired[str | None]
    product: NotRequired[str | None]
    term: NotRequired[str]
    sku: NotRequired[str | None]
    name: NotRequired[str]
    company: NotRequired[str]
    company_name: NotRequired[str]
    price: NotRequired[Decimal | None]
    cost: NotRequired[Decimal | None]


_Lines = TypeAdapter(list[_Line])


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

    __slots__ = ("cost", "first", "lines", "price", "seat")

    def __init__(self, first: _Line) -> None:
        self.first = first
        self.lines = 0
        self.price = ZERO
        self.cost = ZERO
        self.seat: _Line | None = None

    def add(self, line: _Line) -> None:
        self.lines += 1
        self.price += line["total"]
        self.cost += line["cost_total"]
        if (
            self.seat is None
            and line.get("kind", "seat") == "seat"
            and line.get("price") is not None
        ):
            self.seat = line

    def money(self) -> dict[str, object]:
        return {"lines": self.lines, "price": self.price, "cost": self.cost}


def uses(lines: bytes) -> Uses:
    """Read the lines of one batch (DecidedLines)."""
    products: dict[str, _Sum] = {}
    companies: dict[str, _Sum] = {}
    held: dict[tuple[str, str], _Sum] = {}
    for line in _Lines.validate_json(lines or b"[]"):
        if line["outcome"] == "kept":
            key = line.get("product_key") or NO_PRODUCT
            if (found := products.get(key)) is None:
                found = products[key] = _Sum(line)
            found.add(line)
            company = line.get("company", "")
            if (found := companies.get(company)) is None:
                found = companies[company] = _Sum(line)
            found.add(line)
        elif line["outcome"] == "held":
            reason = (line.get("rule") or "held", line.get("company", ""))
            if (found := held.get(reason)) is None:
                found = held[reason] = _Sum(line)
            found.add(line)
    return Uses(
        products=tuple(_product(key, s) for key, s in sorted(products.items())),
        held=tuple(_held(reason, s) for reason, s in sorted(held.items())),
        companies=tuple(_company(key, s) for key, s in sorted(companies.items())),
    )


def _product(key: str, s: _Sum) -> ProductUse:
    return ProductUse.model_validate(
        {
            "key": key,
            "name": s.first.get("name", ""),
            "sku": s.first.get("sku") or "",
            "product": s.first.get("product") or "",
            "term": s.first.get("term", ""),
            "unit_price": s.seat.get("price") if s.seat else None,
            "unit_cost": s.seat.get("cost") if s.seat else None,
            **s.money(),
        }
    )


def _held(reason: tuple[str, str], s: _Sum) -> HeldUse:
    code, company = reason
    return HeldUse.model_validate(
        {
            "code": code,
            "company": company,
            "company_name": s.first.get("company_name", ""),
            **s.money(),
        }
    )


def _company(company: str, s: _Sum) -> CompanyUse:
    name = s.first.get("company_name", "")
    return CompanyUse.model_validate({"company": company, "name": name, **s.money()})
