"""One sync of counts as its facts tell it, and what stands of all of them; a slot a fact.

Facts may come twice and in any order: a slot takes the first, stage and problem follow from them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from schemas.counts import AcceptedCount, CountsPosted, CountsReceived, CountsResolved
from schemas.heads import BodyRef

type CountsFact = CountsReceived | CountsResolved | CountsPosted
type Asked = Literal["person", "schedule"]


class SyncStage(StrEnum):
    """Where a sync stands."""

    READING = "reading"  # the organisations and their counts
    RESOLVING = "resolving"  # clients and items
    POSTING = "posting"
    ENDED = "ended"


class Sync(BaseModel):
    """One pass over the counts of one day. `rows`: its results, a `list[CountRow]`."""

    model_config = ConfigDict(frozen=True)

    run: str
    revision: int
    source: str
    day: str
    mode: str = "detailed"
    asked: Asked = "person"
    started_at: str = ""
    received: CountsReceived | None = None
    resolved: CountsResolved | None = None
    posted: CountsPosted | None = None
    rows: BodyRef | None = None

    def take(self, fact: CountsFact) -> Sync:
        """With the fact in its slot; a slot that is filled stays as it is."""
        slot = _SLOTS[type(fact)]
        return self if getattr(self, slot) is not None else self.model_copy(update={slot: fact})

    @property
    def problem(self) -> str | None:
        """Why it ended early: the code of the first step that could not go on."""
        steps = (self.received, self.resolved, self.posted)
        return next((f.problem for f in steps if f is not None and f.problem), None)

    @property
    def text(self) -> str:
        """What is said about the problem."""
        steps = (self.received, self.resolved, self.posted)
        return next((f.text for f in steps if f is not None and f.problem), "")

    @property
    def stage(self) -> SyncStage:
        """How far it has come."""
        if self.posted is not None or self.problem is not None:
            return SyncStage.ENDED
        if self.resolved is not None:
            return SyncStage.POSTING
        return SyncStage.RESOLVING if self.received is not None else SyncStage.READING


_SLOTS: dict[type[CountsFact], str] = {
    CountsReceived: "received",
    CountsResolved: "resolved",
    CountsPosted: "posted",
}


class Accepted(AcceptedCount):
    """A person's word about one held count, with the instant at which it was given."""

    at: str = ""


class Links(BaseModel):
    """The newest answer about links. `rows`: a `list[CountLink]`."""

    model_config = ConfigDict(frozen=True)

    revision: int
    applied: bool = False
    problem: str | None = None
    text: str = ""
    rows: BodyRef


class Standing(BaseModel):
    """What stands of one source's counts: the newest results, a person's words, the links.

    `results` are those of the newest sync that came to its end; a later one that ended with a
    problem leaves them as they are, and is `newest`.
    """

    model_config = ConfigDict(frozen=True)

    newest: str = ""  # run ids
    newest_revision: int = 0
    results: str = ""
    results_revision: int = 0
    rows: BodyRef | None = None
    accepted: tuple[Accepted, ...] = ()
    links: Links | None = None

    def take(self, sync: Sync) -> Standing:
        """With the sync in it, as far as it is newer."""
        news: dict[str, object] = {}
        if sync.revision > self.newest_revision:
            news |= {"newest": sync.run, "newest_revision": sync.revision}
        whole = sync.posted is not None and sync.problem is None
        if whole and sync.revision > self.results_revision:
            news |= {
                "results": sync.run,
                "results_revision": sync.revision,
                "rows": sync.rows,
            }
        return self.model_copy(update=news)

    def accept(self, accepted: Accepted) -> Standing:
        """With a person's word; it replaces an older one about the same product."""
        which = (accepted.organization, accepted.product)
        others = [a for a in self.accepted if (a.organization, a.product) != which]
        every = sorted((*others, accepted), key=lambda a: (a.organization, a.product))
        return self.model_copy(update={"accepted": tuple(every)})
