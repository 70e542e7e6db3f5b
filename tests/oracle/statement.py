"""A printed statement held against sums made from the load alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from oracle.check import Row, distinct, ours_in
from oracle.expect import Expected

ZERO = Decimal(0)
SIDES = ("price", "cost")
ENDS = ("posted", "settled", "dropped", "held", "excluded", "refused", "pending", "rounding")


def statement_gaps(name: str, lines: Sequence[Expected], statement: Mapping[str, Any]) -> list[str]:
    """Sentences about what does not add up, or is not what the load says; none when all is well.

    `lines` are the source's own lines of one document, merged lines left out.
    """
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(lambda: ZERO)
    for line in lines:
        # What was billed stands rounded; the difference is its rounding.
        end = {"billed": "posted", "collapsed": "posted"}.get(line.outcome, line.outcome)
        for side in SIDES:
            sums[line.currency, side, "received"] += getattr(line, side)
            sums[line.currency, side, end] += getattr(line, side)
    gaps: list[str] = []
    shown = statement.get("currencies", {})
    for currency in sorted({*shown, *(key[0] for key in sums)}):
        for side in SIDES:
            gaps += _gaps(
                f"{name} {currency} {side}",
                shown.get(currency, {}).get(side, {}),
                {end: sums[currency, side, end] for end in ("received", *ENDS)},
            )
    return gaps


def _gaps(name: str, shown: Mapping[str, Any], wanted: Mapping[str, Decimal]) -> list[str]:
    amounts = {end: Decimal(str(shown.get(end) or 0)) for end in ("received", *ENDS)}
    gaps = []
    if shown.get("unexplained") is None or Decimal(str(shown["unexplained"])):
        gaps.append(f"{name}: unexplained is {shown.get('unexplained')}")
    if sum((amounts[end] for end in ENDS), ZERO) != amounts["received"]:
        gaps.append(f"{name}: the outcomes do not come to what was received")
    gaps += [
        f"{name}: {end} is {amounts[end]}, the load says {wanted[end]}"
        for end in ("received", "dropped", "held", "excluded", "refused", "pending")
        if amounts[end] != wanted[end]
    ]
    placed = amounts["posted"] + amounts["settled"] + amounts["rounding"]
    if placed != wanted["posted"]:
        gaps.append(f"{name}: posted with rounding is {placed}, the load says {wanted['posted']}")
    return gaps


def standing_gaps(state: Row, statements: Iterable[Mapping[str, Any]]) -> list[str]:
    """Where what the documents' statements have posted is not what stands at the destination.

    A line on a recurring invoice and on the one made from it stands once.
    """
    stands: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for one in distinct(ours_in(state)):
        stands[one.currency, "price"] += one.price
        stands[one.currency, "cost"] += one.cost
    posted: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for statement in statements:
        for currency, told in statement["currencies"].items():
            for side in SIDES:
                posted[currency, side] += Decimal(str(told[side]["posted"]))
    return [
        f"{currency} {side}: the statements have {posted[currency, side]} posted,"
        f" {stands[currency, side]} stand"
        for currency, side in sorted({*stands, *posted})
        if posted[currency, side] != stands[currency, side]
    ]
