"""Facts about a small run, as the services publish them: one batch of 3 lines, 30.00 kept."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from gateway.domain.run import ReceivedSum, Run
from schemas.messages import (
    BatchHead,
    ChargesHeld,
    ChargesNormalized,
    ChargesResolved,
    PostingDone,
    PostingPlanned,
    PostingRefused,
    PostingUndone,
)
from schemas.settings import EffectivePolicy
from schemas.statement import Difference, Entry, Outcome

KEPT, DROPPED = Decimal("30.00"), Decimal("5.00")


def a_run(batches: int | None = 1, **more: Any) -> Run:
    """`batches` batches were promised, each received as `normalized` has it."""
    total, n = KEPT + DROPPED, batches or 1
    got = ReceivedSum(lines=3 * n, price=total * n, cost=total * n)
    given: dict[str, Any] = {
        "run": "run",
        "tenant": "msp",
        "source": "pax8",
        "document": "doc",
        "revision": 1,
        "settings": "s",
        "connection": "halo",
        "batches": batches,
        "document_date": "2026-11-01",
        "received": {"USD": got},
    }
    return Run.model_validate(given | more)


def money(outcome: Outcome, reason: str = "", amount: Decimal = KEPT) -> tuple[Entry, ...]:
    return (Entry(outcome=outcome, reason=reason, lines=2, price=amount, cost=amount),)


def of_batch(batch: str = "b1", revision: int = 1) -> dict[str, Any]:
    return {
        "tenant": "msp",
        "run": "run",
        "revision": revision,
        "settings": "s",
        "document": "doc",
        "batch": batch,
        "bill_to": f"client:{batch}",
        "currency": "USD",
        "content": "c",
        "lines": 3,
    }


def normalized(batch: str = "b1", revision: int = 1, **more: Any) -> ChargesNormalized:
    dropped = Entry(outcome="dropped", reason="drop-zero", lines=1, price=DROPPED, cost=DROPPED)
    given: dict[str, Any] = {
        "money": (dropped,),
        "kept_lines": 2,
        "kept_price": KEPT,
        "kept_cost": KEPT,
    } | more
    head = of_batch(batch, revision)
    return ChargesNormalized(**{**head, **given}, policy=EffectivePolicy())


def resolved(batch: str = "b1", revision: int = 1, **more: Any) -> ChargesResolved:
    policy = EffectivePolicy()
    head = of_batch(batch, revision)
    return ChargesResolved(**head, connection="halo", policy=policy, client=1, **more)


def held(batch: str = "b1", revision: int = 1, code: str = "company-unmapped") -> ChargesHeld:
    return ChargesHeld(**of_batch(batch, revision), connection="halo", code=code)


def planned(batch: str = "b1", revision: int = 1, **more: Any) -> PostingPlanned:
    given: dict[str, Any] = {"plan": f"plan-{batch}", "hash": "h", "money": money("pending")} | more
    return PostingPlanned(**of_batch(batch, revision), connection="halo", **given)


def done(batch: str = "b1", revision: int = 1, **more: Any) -> PostingDone:
    given: dict[str, Any] = {"plan": f"plan-{batch}", "money": money("posted")} | more
    return PostingDone(**of_batch(batch, revision), connection="halo", **given)


def refused(batch: str = "b1", revision: int = 1, **more: Any) -> PostingRefused:
    given: dict[str, Any] = {
        "plan": f"plan-{batch}",
        "code": "moved",
        "money": money("refused", "moved"),
    } | more
    return PostingRefused(**of_batch(batch, revision), connection="halo", **given)


def undone(batch: str = "b1", revision: int = 2) -> PostingUndone:
    return PostingUndone(**of_batch(batch, revision), connection="halo", plan=f"plan-{batch}")


def altered(line: str = "line_1") -> Difference:
    return Difference(line=line, problem="altered", expected=KEPT, found=KEPT + 1)


def story(batch: str = "b1", revision: int = 1) -> list[BatchHead]:
    """All that is said of a batch that posts."""
    return [make(batch, revision) for make in (normalized, resolved, planned, done)]
