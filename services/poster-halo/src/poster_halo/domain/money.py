"""Where the kept lines of a batch are, as entries of the statement (R2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from poster_halo.domain.desired import Desired
from poster_halo.domain.observed import OurLine
from schemas.money import ZERO
from schemas.statement import Entry, Outcome, merge


def entries(
    lines: Iterable[Desired],
    posted: Mapping[str, Iterable[OurLine]],
    otherwise: Mapping[str, tuple[Outcome, str]],
    rest: tuple[Outcome, str],
) -> tuple[Entry, ...]:
    """Every line once: in `posted` (what was read back), else by `otherwise`, else in `rest`.

    A line in `posted` with nothing read back is missing there: only its rounding is known, so the
    statement shows its money as unexplained.
    """
    sums: dict[tuple[Outcome, str], list[Decimal]] = {}
    counts: dict[tuple[Outcome, str], int] = {}
    for line in lines:
        if line.settled or line.settled_cost:
            whole = int(line.is_settled)
            _add(sums, counts, ("settled", ""), line.settled, line.settled_cost, whole)
        found = posted.get(line.id)
        if line.is_settled:
            if line.total or line.cost_total:
                _add(sums, counts, ("rounding", ""), line.total, line.cost_total, 0)
        elif found is None:
            key = otherwise.get(line.id, rest)
            _add(sums, counts, key, line.total, line.cost_total, line.counts)
        else:
            price = sum((one.money for one in found), ZERO)
            cost = sum((one.cost_money for one in found), ZERO)
            _add(sums, counts, ("posted", ""), price, cost, line.counts)
            over = line.total - line.money, line.cost_total - line.cost_money
            if over[0] or over[1]:
                _add(sums, counts, ("rounding", ""), *over, line.counts)
    return merge(
        Entry(outcome=key[0], reason=key[1], lines=counts[key], price=price, cost=cost)
        for key, (price, cost) in sums.items()
    )


def _add(
    sums: dict[tuple[Outcome, str], list[Decimal]],
    counts: dict[tuple[Outcome, str], int],
    key: tuple[Outcome, str],
    price: Decimal,
    cost: Decimal,
    lines: int,
) -> None:
    there = sums.get(key)
    if there is None:
        sums[key] = [price, cost]
        counts[key] = lines
        return
    there[0] += price
    there[1] += cost
    counts[key] += lines
