"""Where the kept lines of a batch are, as entries of the statement (R2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from poster_halo.domain.desired import Before, Desired, counted
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
    shown: list[OurLine] = []
    stand: list[Desired] = []
    left: dict[tuple[Outcome, str], list[Desired]] = defaultdict(list)
    for line in lines:
        found = posted.get(line.id)
        end = otherwise.get(line.id, rest) if found is None else ("posted", "")
        if line.before is not None:
            _settle(sums, line.before, end)
            if line.before.is_settled:
                rounding.add(line.sold.total, line.sold.cost_total, 0)
                continue
        if found is None:
            left[end].append(line)
        else:
            shown.extend(found)
            stand.append(line)
    price = sum([one.amounts.money for one in shown], ZERO)
    read.add(price, sum([one.amounts.cost_money for one in shown], ZERO), len(stand))
    for sold, times in counted(stand):
        over, cost_over = sold.rounding
        if over or cost_over:
            rounding.add(over * times, cost_over * times, times)
    for end, ended in left.items():
        for sold, times in counted(ended):
            sums[end].add(sold.total * times, sold.cost_total * times, times)
    return merge(
        Entry(outcome=key[0], reason=key[1], lines=s.lines, price=s.price, cost=s.cost)
        for key, s in sums.items()
        if s.lines or s.price or s.cost
    )


def _settle(
    sums: dict[tuple[Outcome, str], _Sum], before: Before, end: tuple[Outcome, str]
) -> None:
    """R14: what is settled is told as such; a credit is counted where its document is."""
    if before.settled or before.settled_cost:
        sums["settled", ""].add(before.settled, before.settled_cost, int(before.is_settled))
    if not before.counts and not before.is_settled:
        sums[end].lines -= 1
