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
        found = posted.get(line.id)
        if found is None:
            key = otherwise.get(line.id, rest)
            _add(sums, counts, key, line.total, line.cost_total)
            continue
        price = sum((one.money for one in found), ZERO)
        cost = sum((one.cost_money for one in found), ZERO)
        _add(sums, counts, ("posted", ""), price, cost)
        over = line.total - line.money, line.cost_total - line.cost_money
        if over[0] or over[1]:
            _add(sums, counts, ("rounding", ""), *over)
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
) -> None:
    there = sums.get(key)
    if there is None:
        sums[key] = [price, cost]
        counts[key] = 1
        return
    there[0] += price
    there[1] += cost
    counts[key] += 1
