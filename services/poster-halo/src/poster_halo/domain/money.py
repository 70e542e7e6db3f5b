"""Where the kept lines of a batch are, as entries of the statement (R2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from poster_halo.domain.desired import Desired
from poster_halo.domain.observed import OurLine
from schemas.money import ZERO
from schemas.statement import Entry, Outcome, merge


@dataclass(slots=True)
class _Sum:
    price: Decimal = ZERO
    cost: Decimal = ZERO
    lines: int = 0

    def add(self, price: Decimal, cost: Decimal, lines: int) -> None:
        self.price += price
        self.cost += cost
        self.lines += lines


def entries(
    lines: Iterable[Desired],
    posted: Mapping[str, Sequence[OurLine]],
    otherwise: Mapping[str, tuple[Outcome, str]],
    rest: tuple[Outcome, str],
) -> tuple[Entry, ...]:
    """Every line once: in `posted` (what was read back), else by `otherwise`, else in `rest`.

    A line in `posted` with nothing read back is missing there: only its rounding is known, so the
    statement shows its money as unexplained.
    """
    sums: dict[tuple[Outcome, str], _Sum] = defaultdict(_Sum)
    read, rounding = sums["posted", ""], sums["rounding", ""]
    for line in lines:
        if line.settled or line.settled_cost:
            sums["settled", ""].add(line.settled, line.settled_cost, int(line.is_settled))
        found = posted.get(line.id)
        if line.is_settled:
            rounding.add(line.total, line.cost_total, 0)
        elif found is None:
            sums[otherwise.get(line.id, rest)].add(line.total, line.cost_total, line.counts)
        else:
            for one in found:
                read.add(one.money, one.cost_money, 0)
            read.lines += line.counts
            over, cost_over = line.total - line.money, line.cost_total - line.cost_money
            if over or cost_over:
                rounding.add(over, cost_over, line.counts)
    return merge(
        Entry(outcome=key[0], reason=key[1], lines=s.lines, price=s.price, cost=s.cost)
        for key, s in sums.items()
        if s.lines or s.price or s.cost
    )
