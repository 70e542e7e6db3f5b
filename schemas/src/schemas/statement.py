"""The statement: where every cent of one document went (R2)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict

from schemas.money import ZERO, Amount

Outcome = Literal[
    "posted", "settled", "dropped", "held", "excluded", "refused", "pending", "rounding"
]
OUTCOMES: tuple[Outcome, ...] = (
    "posted",
    "settled",
    "dropped",
    "held",
    "excluded",
    "refused",
    "pending",
    "rounding",
)


class Entry(BaseModel):
    """So many lines and so much money that ended the same way for the same reason.

    `posted` entries come from the destination's read-back; `rounding` is what the exact totals of
    posted lines have over the rounded ones; all others are sums of the lines' exact totals. What
    is posted and has a reason waits for a person: it stands, and would not be posted today.
    """

    model_config = ConfigDict(frozen=True)

    outcome: Outcome
    reason: str = ""
    lines: int = 0
    price: Amount = ZERO
    cost: Amount = ZERO

    @property
    def is_something(self) -> bool:
        """Lines, or money without a line: what is given back of an older document's line."""
        return bool(self.lines or self.price or self.cost)


class Side(BaseModel):
    """One side (price or cost) of one currency. `unexplained` is null until every batch ended."""

    received: Amount = ZERO
    posted: Amount = ZERO
    settled: Amount = ZERO
    dropped: Amount = ZERO
    held: Amount = ZERO
    excluded: Amount = ZERO
    refused: Amount = ZERO
    pending: Amount = ZERO
    rounding: Amount = ZERO
    unexplained: Amount | None = None


class CurrencyStatement(BaseModel):
    """Both sides of one currency, and the customer side by reason."""

    price: Side
    cost: Side
    posted_by: dict[str, Amount] = {}  # of it what waits for a person
    dropped_by: dict[str, Amount] = {}
    held_by: dict[str, Amount] = {}
    excluded_by: dict[str, Amount] = {}
    refused_by: dict[str, Amount] = {}


class Difference(BaseModel):
    """A line that the destination does not show as it was posted."""

    model_config = ConfigDict(frozen=True)

    line: str
    problem: str  # altered, missing, doubled
    expected: Amount
    found: Amount
    text: str = ""


class Statement(BaseModel):
    """Canonical: money, counts, codes, derived ids; no vendor ids, times or retry counts."""

    document: str
    source: str
    period: str = ""
    currencies: dict[str, CurrencyStatement] = {}
    lines: dict[str, int] = {}
    unexplained_lines: tuple[Difference, ...] = ()
    complete: bool = False


def merge(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Entries of the same outcome and reason added up, in a fixed order."""
    sums: dict[tuple[Outcome, str], tuple[int, Decimal, Decimal]] = {}
    for e in entries:
        lines, price, cost = sums.get((e.outcome, e.reason), (0, ZERO, ZERO))
        sums[e.outcome, e.reason] = (lines + e.lines, price + e.price, cost + e.cost)
    return tuple(
        Entry(outcome=outcome, reason=reason, lines=n, price=price, cost=cost)
        for (outcome, reason), (n, price, cost) in sorted(sums.items())
    )


def less(entries: Iterable[Entry], taken: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries without what was taken out of them; what is empty then is left out."""
    back = [
        e.model_copy(update={"lines": -e.lines, "price": -e.price, "cost": -e.cost}) for e in taken
    ]
    return tuple(e for e in merge((*entries, *back)) if e.lines or e.price or e.cost)
