"""Who has to approve what a run posts: one person, or two above the tenant's limit. Pure.

What counts is all that the run would have standing: an approval in small pieces comes to the limit
like one in a single piece. Nothing is converted: an amount in another currency than the tenant's is
above every limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from gateway.domain.projection import Projection, entries_of
from gateway.domain.run import FirstApproval
from schemas.money import ZERO, plain
from schemas.settings import Settings

OPERATOR = "operator"  # whoever has the data folder: one person, however many share it


@dataclass(frozen=True)
class Approval:
    """What somebody approves. `seen`: plan hashes by batch, and then no others; else `only`."""

    by: str = OPERATOR
    only: Sequence[str] = ()
    canary: int | None = None
    seen: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Approved:
    """How many plans are being applied by this word, and how many wait for a second person's."""

    sent: int = 0
    waits: int = 0


def limit_passed(
    batches: Iterable[Projection], chosen: Sequence[Projection], settings: Settings
) -> str | None:
    """What makes the approval of `chosen` need a second person, in words; None: nothing does.

    `batches` are all of the run, at its revision.
    """
    limit, currency = settings.approvals.second_above, settings.tenant.currency
    if limit is None or not any(p.planned and p.planned.operations for p in chosen):
        return None
    would = {p.batch for p in chosen}
    total = ZERO
    for p in batches:
        amount = _amount(p, pending=p.batch in would)
        if not amount or p.normalized is None:
            continue
        if p.normalized.currency == currency:
            total += amount
        elif p.batch in would:
            return f"{plain(amount)} {p.normalized.currency} is not in {currency}, like the limit"
    if total <= Decimal(limit):
        return None
    return f"{plain(total)} {currency} is above the limit of {limit}"


def divided(
    chosen: Iterable[Projection], first: Mapping[str, FirstApproval], by: str, planned_by: str
) -> tuple[list[Projection], dict[str, FirstApproval]]:
    """Plans that this word is the second for, and those that it is the first for.

    Whoever planned, or gave the first word, is never the second.
    """
    second: list[Projection] = []
    new: dict[str, FirstApproval] = {}
    for p in chosen:
        assert p.planned is not None, "what is approved was planned"
        there = first.get(p.batch)
        if there is None or there.hash != p.planned.hash:
            new[p.batch] = FirstApproval(by=by, hash=p.planned.hash)
        elif by not in (there.by, planned_by):
            second.append(p)
    return second, new


def _amount(p: Projection, *, pending: bool) -> Decimal:
    """What stands of the batch at the destination, and with `pending` what would."""
    counted = ("posted", "pending") if pending else ("posted",)
    return sum((abs(e.price) for e in entries_of(p) if e.outcome in counted), ZERO)
