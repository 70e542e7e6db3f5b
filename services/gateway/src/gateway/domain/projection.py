"""One record per run and batch, one slot per kind of fact; a slot takes the highest revision.

Everything the statement and the stages need is a function of the slots, so the order in which the
facts came does not matter.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from gateway.domain.run import Progress
from gateway.domain.standing import LastWord, has_posted, told_again
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
from schemas.statement import Entry, Outcome, less, merge

UNDO_NOTHING = "undo-nothing"  # the poster's code where nothing stands any more


class ParkedBatch(BatchHead):
    """A message about the batch is parked: its money waits for a person.

    `answers`: which command the poster answers with it; empty: it is no answer of the poster.
    """

    kind: str = "ParkedBatch"
    code: str = "parked"
    text: str = ""
    answers: str = ""


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
    apply_parked: ParkedBatch | None = None
    undo_parked: ParkedBatch | None = None
    stood: LastWord | None = None  # of another run over the document, where this one has not looked
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

    def last_word(self, before: int) -> LastWord | None:
        """What the poster said last of the batch, up to that revision; None: nothing stands."""
        latest_first = (self.done, self.refused, self.planned)  # of one revision
        facts = [f for f in latest_first if f is not None and f.revision <= before]
        words = [LastWord.of(f) for f in facts if f is not self.refused or has_posted(f.money)]
        words += [self.stood] if self.stood is not None else []
        last = max(words, key=lambda word: word.revision, default=None)
        undos = [f.revision for f in (self.undone, self.undo_notice) if f is not None]
        return last if last and last.money and last.revision > max(undos, default=0) else None

    @property
    def revision(self) -> int:
        """The revision that the batch was last formed at."""
        facts = (getattr(self, slot) for slot in _FORMED)
        return max((f.revision for f in facts if f is not None), default=0)

    @property
    def notice(self) -> ParkedBatch | None:
        """What is parked of this pass; an answer of the poster only until it has come."""
        r = self.revision
        answered = self.at(r, "done") or self.at(r, "refused")
        found: ParkedBatch | None = self.at(r, "parked")
        return found or (None if answered else self.at(r, "apply_parked"))

    @property
    def parked_last(self) -> ParkedBatch | None:
        """What is parked of this pass, or of an undo after it."""
        undo = self.undo_notice
        return self.notice or (undo if undo and undo.revision > self.revision else None)

    @property
    def undo_notice(self) -> ParkedBatch | None:
        """The parked answer to an undo, until it has come: nobody knows whether it was taken back.

        That nothing stands is no answer to a later undo: it may be because of this one.
        """
        parked, refused = self.undo_parked, self.undo_refused
        if parked is None:
            return None
        told = self.undone.revision if self.undone is not None else 0
        if refused and (refused.code != UNDO_NOTHING or refused.revision == parked.revision):
            told = max(told, refused.revision)
        return parked if parked.revision > told else None

    def progress(self) -> Progress | None:
        """How far the batch has come at its newest revision; None before it was normalized."""
        r = self.revision
        planned, refused = self.at(r, "planned"), self.at(r, "refused")
        answers = (self.at(r, "done"), self.at(r, "apply_parked"))
        if any(answers) or (refused and refused.command == "apply"):
            return Progress.DONE
        if self.at(r, "parked"):
            return Progress.HELD
        if self.at(r, "normalized") is None:
            return None
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
}
_PARKED = {"": "parked", "apply": "apply_parked", "undo": "undo_parked"}
# Those of a pass; an undo has a revision of its own.
_FORMED = ("normalized", "held", "resolved", "planned", "done", "refused", "parked", "apply_parked")


def slot_of(fact: BatchHead) -> str:
    """Which slot a fact fills."""
    if isinstance(fact, ParkedBatch):
        return _PARKED[fact.answers]
    if isinstance(fact, PostingRefused):
        return "undo_refused" if fact.command == "undo" else "refused"
    return _SLOTS[type(fact)]


def entries_of(p: Projection) -> tuple[Entry, ...]:
    """Every line of the batch with its outcome, as the newest facts have it.

    What was not kept is the normalizer's word; what was kept is the last stage's. What stands is
    posted, whoever posted it: the poster says so where it has looked, else its last word does.
    """
    r = p.revision
    n: ChargesNormalized | None = p.at(r, "normalized")
    if n is None:
        return ()
    kept: dict[str, Any] = {"lines": n.kept_lines, "price": n.kept_price, "cost": n.kept_cost}
    if p.undone is not None and p.undone.revision > r and not p.notice:
        return (*n.money, Entry(outcome="held", reason="undone", **kept))
    if p.undo_notice and p.undo_notice.revision > r:
        return (*n.money, Entry(outcome="held", reason="parked", **kept))
    looked = _looked(p, r)
    if looked is not None:
        money, taken = looked
        return less((*n.money, *money), taken) if taken else (*n.money, *money)
    end = _end(p, r)
    rest = (Entry(**end, **kept),) if kept["lines"] else ()
    last = p.last_word(r)
    if last is None or end["outcome"] == "pending" or last.content != n.content:
        return (*n.money, *rest)
    return told_again(last, rest, n.money, end["reason"])


def _looked(p: Projection, r: int) -> tuple[tuple[Entry, ...], tuple[Entry, ...]] | None:
    """What the poster said of the kept lines in this pass, if it has looked at the destination."""
    if p.notice:
        return None
    done: PostingDone | None = p.at(r, "done")
    refused: PostingRefused | None = p.at(r, "refused")
    planned: PostingPlanned | None = p.at(r, "planned")
    if done is not None:
        return done.money, done.taken
    if refused is not None and (has_posted(refused.money) or refused.taken):
        return refused.money, refused.taken
    if planned is None:
        return None
    if refused is None:
        return planned.money, planned.taken
    # It was refused before anything was written: what stood when it was planned still stands.
    end: Outcome = "held" if refused.held else "refused"
    ended = {"outcome": end, "reason": refused.code}
    money = [e.model_copy(update=ended) if e.outcome == "pending" else e for e in planned.money]
    return merge(money), planned.taken


def _end(p: Projection, r: int) -> dict[str, Any]:
    """How the kept lines ended of which the poster has said nothing."""
    held: ChargesHeld | None = p.at(r, "held")
    refused: PostingRefused | None = p.at(r, "refused")
    if p.notice:
        return {"outcome": "held", "reason": "parked"}
    if refused is not None:
        return {"outcome": "held" if refused.held else "refused", "reason": refused.code}
    if held is not None:
        return {"outcome": "held", "reason": held.code}
    return {"outcome": "pending", "reason": ""}


def ended(p: Projection) -> bool:
    """True when no stage of this revision is still to come for the batch."""
    return p.progress() in (Progress.HELD, Progress.DONE)
