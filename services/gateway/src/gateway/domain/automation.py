"""R17: which planned batches an automatic run applies by itself; the rest wait for a person."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from statistics import median

from schemas.messages import PostingPlanned
from schemas.money import ZERO
from schemas.settings import Automation

# The plan's warnings that stop an automatic run: a question nobody has answered, odd signs.
STOPS = frozenset({"email-unknown", "prorate-signs", "recurring-stale"})


def stop(planned: PostingPlanned, history: Sequence[Decimal], rules: Automation) -> str | None:
    """Why this batch waits for a person, or None. `history`: totals of the last three documents."""
    if planned.code is not None:
        return planned.code
    stopping = sorted(w for w in planned.warnings if w.partition(":")[0] in STOPS)
    if stopping:
        return stopping[0]
    if any(e.outcome == "held" for e in planned.money):
        return "held-lines"
    total = sum((e.price for e in planned.money if e.outcome in ("pending", "posted")), ZERO)
    if rules.approval_limit is not None and total > Decimal(rules.approval_limit):
        return "over-approval-limit"
    if history:
        usual = median(history)
        if abs(total - usual) > abs(usual) * Decimal(rules.usual_range):
            return "outside-usual-range"
    return None
