"""Whether what explain recomputes and what the statement says are the same money."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from chargeline.explain import DocumentExplained
from schemas.statement import Statement

ZERO = Decimal(0)

type Sums = dict[tuple[str, str, str], Decimal]  # by currency, outcome and reason


def explained_sums(found: DocumentExplained) -> Sums:
    """Customer totals; charges that were merged count where their merged line ended."""
    sums: Sums = defaultdict(lambda: ZERO)
    ends = {merged.line: merged for merged in found.merged}
    for line in found.lines:
        assert line.received is not None, line.text
        end = ends[line.into] if line.into else line
        reason = "" if end.outcome == "posted" else end.rule or ""
        sums[line.currency, end.outcome or "", reason] += line.received.total or ZERO
    return {key: amount for key, amount in sums.items() if amount}


def told_sums(statement: Statement) -> Sums:
    """The customer side; `posted` at its exact totals."""
    sums: Sums = {}
    for currency, told in statement.currencies.items():
        sums[currency, "posted", ""] = told.price.posted + told.price.rounding
        for outcome in ("dropped", "held", "excluded", "refused"):
            for reason, amount in getattr(told, f"{outcome}_by").items():
                sums[currency, outcome, reason] = amount
    return {key: amount for key, amount in sums.items() if amount}
