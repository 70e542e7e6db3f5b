"""One record per run and batch, one slot per kind of fact; a slot takes the highest revision.

Everything the statement and the stages need is a function of the slots, so the order in which the
facts came does not matter.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from gateway.domain.run import Progress
from schemas.messages import (
    BatchHead,
    BodyRef,
    ChargesHeld,
    ChargesNormalized,
    ChargesResolved,
    Hold,
    PostingDone,
    PostingPlanned,
    PostingRefused,
    PostingUndone,
)
from schemas.statement import Entry


class ParkedBatch(BatchHead):
    """A message about the batch is parked: its money waits for a person."""

    kind: str = "ParkedBatch"
    code: str = "parked"
    text: str = ""


class Projection(BaseModel):
    """The facts about one batch in one run."""

    model_config = ConfigDict(frozen=True)

    run: str
    batch: str
    normalized: ChargesNormalized | None = None
    held: ChargesHeld | None = None
    resolved: ChargesResolved | None = None
    planned: PostingPlanned | None = None
    done: PostingDone | None = None
    refused: PostingRefused | None = None
    undone: PostingUndone | None = None
    undo_refused: PostingRefused | None = None
    parked: ParkedBatch | None = None
    proposals: dict[str, str] = {}  # product key to name, of the items that are to be made
    holds: tuple[Hold, ...] = ()  # what the held batch waits for
    plan_body: BodyRef | None = None  # the plan as a person reads it, in review mode

    def take(self, fact: BatchHead) -> Projection:
        """With the fact in its slot, unless the slot holds a newer one."""
        slot = slot_of(fact)
        there: BatchHead | None = getattr(self, slot)
        if there is not None and there.revision >= fact.revision:
            return self
        return self.model_copy(update={slot: fact})

    def at(self, revision: int, slot: str) -> Any:
        """The fact in that slot, if it is of that revision."""
        fact: BatchHead | None = getattr(self, slot)
        return fact if fact is not None and fact.revision == revision else None

    @property
    def revision(self) -> int:
        """The revision that the batch was last formed at."""
        slots = ("normalized", "held", "resolved", "planned", "done", "refused", "parked")
        return max((f.revision for s in slots if (f := getattr(self, s)) is not None), default=0)

    def progress(self) -> Progress | None:
        """How far the batch has come at its newest revision; None before it was normalized."""
        r = self.revision
        planned, refused = self.at(r, "planned"), self.at(r, "refused")
        if self.at(r, "parked"):
            return Progress.HELD
        if self.at(r, "normalized") is None:
            return None
        if self.at(r, "done") or (refused and refused.command == "apply"):
            return Progress.DONE
        if self.at(r, "held") or refused or (planned and planned.code):
            return Progress.HELD
        if planned:
            return Progress.PLANNED
        return Progress.RESOLVED if self.at(r, "resolved") else Progress.NORMALIZED


_SLOTS: dict[type[BatchHead], str] = {
    ChargesNormalized: "normalized",
    ChargesHeld: "held",
    ChargesResolved: "resolved",
    PostingPlanned: "planned",
    PostingDone: "done",
    PostingUndone: "undone",
    ParkedBatch: "parked",
}


def slot_of(fact: BatchHead) -> str:
    """Which slot a fact fills."""
    if isinstance(fact, PostingRefused):
        return "undo_refused" if fact.command == "undo" else "refused"
    return _SLOTS[type(fact)]


def entries_of(p: Projection) -> tuple[Entry, ...]:
    """Every line of the batch with its outcome, as the newest facts have it.

    What was not kept is the normalizer's word; what was kept is the last stage's.
    """
    r = p.revision
    n: ChargesNormalized | None = p.at(r, "normalized")
    if n is None:
        return ()
    kept = {"lines": n.kept_lines, "price": n.kept_price, "cost": n.kept_cost}
    return (*n.money, *_kept_entries(p, r, kept))


def _kept_entries(p: Projection, r: int, kept: dict[str, Any]) -> tuple[Entry, ...]:
    if p.at(r, "parked"):
        return (Entry(outcome="held", reason="parked", **kept),)
    if p.undone is not None and p.undone.revision > r:
        return (Entry(outcome="held", reason="undone", **kept),)
    for slot in ("done", "refused", "planned"):
        fact = p.at(r, slot)
        if fact is not None:
            money: tuple[Entry, ...] = fact.money
            return money
    held: ChargesHeld | None = p.at(r, "held")
    if held is not None:
        return (Entry(outcome="held", reason=held.code, **kept),)
    return (Entry(outcome="pending", reason="", **kept),) if kept["lines"] else ()


def ended(p: Projection) -> bool:
    """True when no stage of this revision is still to come for the batch."""
    return p.progress() in (Progress.HELD, Progress.DONE)
