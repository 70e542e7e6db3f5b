"""Favourable prorata (R6): which changes go in the customer's favour, and which are half of one."""

from __future__ import annotations

from collections import defaultdict

from normalizer.domain.rows import ChargeRow, amount
from schemas.money import plain, round_half_up


def is_favourable(row: ChargeRow) -> bool:
    """By the sign of the total; without a total, of the cost."""
    total = row.get("total")
    return amount(row.get("cost_total") if total is None else total) < 0


def opposite_signs(row: ChargeRow) -> bool:
    """A credit to one side and a charge to the other: nobody knows what is meant."""
    total, cost = amount(row.get("total")), amount(row.get("cost_total"))
    return (total < 0 < cost) or (cost < 0 < total)


def warn_of_half_changes(dropped: list[ChargeRow], kept: list[ChargeRow], currency: str) -> None:
    """Say so where the charging half of the same change stays."""
    charges: dict[str, list[ChargeRow]] = defaultdict(list)
    for row in kept:
        subscription = row.get("subscription")
        if row.get("kind") == "prorate" and subscription and amount(row.get("total")) > 0:
            charges[subscription].append(row)
    for row in dropped:
        halves = charges.get(row.get("subscription") or "", [])
        if any(_overlap(row, half) for half in halves):
            more = plain(round_half_up(-amount(row.get("total")), currency))
            text = f"credit half of a change dropped: the customer pays {more} more"
            row.setdefault("warnings", []).append(text)


def _overlap(one: ChargeRow, other: ChargeRow) -> bool:
    """Days as ISO text sort as days do; a line without days may be about any."""
    start, end, begin, stop = (
        one.get("start"),
        one.get("end"),
        other.get("start"),
        other.get("end"),
    )
    if not (start and end and begin and stop):
        return True
    return start < stop and begin < end
