"""Who has to approve what a run posts: one person, or two above the tenant's limit. Pure.

What counts is all that the run would have standing, currency by currency: an approval in small
pieces comes to the limit like one in a single piece. Nothing is converted: where a currency has no
limit, any amount is above it.
"""

from __future__ import annotations

from collections import defaultdict
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


def above_limit(
    batches: Iterable[Projection], chosen: Sequence[Projection], settings: Settings
) -> dict[str, str]:
    """Of the chosen plans those that need two people, by batch, and why.

    `batches` are all of the run, at its revision. A plan that writes nothing needs nobody.
    """
    approvals, own = settings.approvals, settings.tenant.currency
    if approvals.second_above is None:
        return {}
    would = {p.batch for p in chosen}
    total: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for p in batches:
        total[_currency(p)] += _amount(p, pending=p.batch in would)
    why: dict[str, str] = {}
    for currency, amount in total.items():
        limit = approvals.limit(currency, own)
        if limit is None:
            why[currency] = f"{plain(amount)} {currency}, a currency without a limit"
        elif amount > Decimal(limit):
            why[currency] = f"{plain(amount)} {currency} is above the limit of {limit}"
    return {
        p.batch: why[_currency(p)]
        for p in chosen
        if _currency(p) in why and p.planned is not None and p.planned.operations
    }


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


def _currency(p: Projection) -> str:
    head = p.planned or p.normalized or p.parked
    return head.currency if head is not None else ""
