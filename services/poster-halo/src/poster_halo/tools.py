"""What all jobs of the poster work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chassis.bodies import Bodies
from chassis.clock import Clock
from chassis.records import Message
from chassis.service import JobRun, JobWaits
from chassis.versions import SettingsVersions
from poster_halo.domain.postings import Posting
from poster_halo.domain.wanted import Wanted
from poster_halo.store import Store
from schemas.messages import Head
from schemas.settings import Settings
from vendors.halopsa import Halo

OpenHalo = Callable[[JobRun, Settings], Awaitable[Halo]]

WAIT_FIRST_S = 0.05
WAIT_MAX_S = 2.0
DOUBLINGS_MAX = 8


@dataclass(frozen=True)
class Tools:
    """Store, bodies, settings, clock, the opener of a connection, and lines already computed."""

    store: Store
    bodies: Bodies
    settings: SettingsVersions
    clock: Clock
    open_halo: OpenHalo
    wanted: Wanted = field(default_factory=Wanted)

    async def message(self, head: Head, body: bytes = b"") -> Message:
        """A fact on a topic that is keyed by tenant."""
        return await self.bodies.message(head, head.tenant, body)

    def wait_until_settled(self, posting: Posting, settle_s: float) -> None:
        """An uncertain write may still land until its settle time is over."""
        for part in posting.parts:
            if part.state not in ("sending", "undoing") or not part.started_at:
                continue
            until = datetime.fromisoformat(part.started_at) + timedelta(seconds=settle_s)
            left_s = (until - self.clock.now()).total_seconds()
            if left_s > 0:
                raise JobWaits(left_s, f"the write of {posting.batch} may still land")


def not_here_yet(job: JobRun, batch: str) -> JobWaits:
    """A command can overtake the facts it speaks of."""
    wait_s = min(WAIT_MAX_S, WAIT_FIRST_S * 2 ** min(job.attempts, DOUBLINGS_MAX))
    return JobWaits(wait_s, f"batch {batch} is not here yet")
