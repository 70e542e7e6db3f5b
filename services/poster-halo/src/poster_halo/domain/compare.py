"""The read-back (promise 6): what the destination shows of our lines, against what was posted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from poster_halo.domain.amounts import Amounts
from poster_halo.domain.desired import Desired
from poster_halo.domain.observed import Document, OurLine
from schemas.money import ZERO
from schemas.statement import Difference


@dataclass
class ReadBack:
    """Our lines as they were read, by line id, and where they are not as posted."""

    found: dict[str, list[OurLine]] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)


def compare(expected: Iterable[Desired], document: Document | None) -> ReadBack:
    """Line by line and by stamp: missing, doubled, or altered in quantity, price, cost or money."""
    shown: dict[str, list[OurLine]] = defaultdict(list)
    for line in document.ours if document is not None else ():
        shown[line.line].append(line)
    result = ReadBack()
    for want in expected:
        there = shown.get(want.id) or []
        result.found[want.id] = there
        if len(there) == 1 and there[0].amounts == want.amounts:
            continue
        money = sum((one.amounts.money for one in there), ZERO)
        problem = "missing" if not there else "doubled" if len(there) > 1 else "altered"
        result.differences.append(
            Difference(
                line=want.id,
                problem=problem,
                expected=want.amounts.money,
                found=money,
                text=_text(want, there),
            )
        )
    return result


def _text(want: Desired, there: list[OurLine]) -> str:
    sent = _spelled(want.amounts)
    if not there:
        return f"sent {sent}, not there"
    return f"sent {sent}, shown {'; '.join(_spelled(one.amounts) for one in there)}"


def _spelled(amounts: Amounts) -> str:
    return f"{amounts.quantity} x {amounts.price} (cost {amounts.cost})"
