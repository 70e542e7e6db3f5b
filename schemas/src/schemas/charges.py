"""Lines as they travel: a charge as received, and a charge as the normalizer decided it.

Amounts are exact decimals in the batch's currency: `price` and `cost` per unit, `total` and
`cost_total` per line. `price`/`total` is what the customer pays, `cost`/`cost_total` what the MSP
pays. Dates are days; `end` is exclusive.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from schemas.money import Amount

# What a line is, for its slot on a recurring invoice (R11).
Kind = Literal["seat", "prorate", "one-time", "usage", "credit"]

# Where a line ended. `kept` goes on to be billed; the statement splits it further.
LineOutcome = Literal["kept", "dropped", "excluded", "held", "collapsed"]

# The product key of the line that a batch's Azure charges were merged into (R6).
AZURE_COLLAPSED = "azure-collapsed"

# Codes of `unclear`: what the source says and nobody can read.
BILLED_BY_UNCLEAR = "billed-by-unclear"
PERIOD_UNREADABLE = "period-unreadable"


class ChargeLine(BaseModel):
    """One distributor line, in our words, nothing decided yet."""

    model_config = ConfigDict(frozen=True)

    id: str
    type: str
    term: str
    company: str
    company_name: str = ""
    subscription: str | None = None
    product: str | None = None
    sku: str | None = None
    name: str = ""
    text: str = ""
    details: str | None = None
    vendor: str | None = None
    order: str | None = None
    unit: str | None = None
    start: date | None = None
    end: date | None = None
    quantity: Amount | None = None
    price: Amount | None = None
    cost: Amount | None = None
    total: Amount | None = None
    cost_total: Amount | None = None
    billed_by_source: bool = False
    unclear: tuple[str, ...] = ()


class DecidedLine(BaseModel):
    """One line after the normalizer.

    `rule` names what decided (`drop-azure`, `rebate`, `product-missing` …) and `level` the settings
    level behind it. A collapsed member names in `into` the line it was merged into; that line is
    kept and has `members`. `product_key` is source, product and term (R7).
    """

    model_config = ConfigDict(frozen=True)

    id: str
    outcome: LineOutcome
    total: Amount
    cost_total: Amount
    rule: str | None = None
    level: str | None = None
    into: str | None = None
    members: int | None = None
    warnings: tuple[str, ...] = ()
    kind: Kind = "seat"
    slot: str = ""
    product_key: str | None = None
    product: str | None = None
    term: str = ""
    sku: str | None = None
    name: str = ""
    text: str = ""
    company: str = ""
    company_name: str = ""
    subscription: str | None = None
    order: str | None = None
    start: date | None = None
    end: date | None = None
    quantity: Amount | None = None
    price: Amount | None = None
    cost: Amount | None = None


ChargeLines = TypeAdapter(list[ChargeLine])
DecidedLines = TypeAdapter(list[DecidedLine])


class ItemChoice(BaseModel):
    """What a product key is sold as at the destination."""

    model_config = ConfigDict(frozen=True)

    product_key: str
    item: int | None = None  # None: no item (lifecycle off), or proposed and not made yet
    proposed: bool = False
    name: str = ""
    code: str | None = None  # the item's accounts id: what a line's nominal code is filled from
    tax: int | None = None
    evidence: str = ""  # our map, our reference, accounts id, exact name, default item, created


ItemChoices = TypeAdapter(dict[str, ItemChoice])


def product_key(source: str, product: str | None, sku: str | None, term: str) -> str | None:
    """R7: source, product id (else SKU) and normalised term; None when the line has neither."""
    what = product or sku
    return f"{source}:{what}:{normal_term(term)}" if what else None


@lru_cache(maxsize=1024)
def normal_term(term: str) -> str:
    """Pax8 spells terms in several ways (`2 Year`, `2-Year`, `One-time`): one spelling."""
    return term.strip().lower().replace(" ", "-").replace("_", "-")
