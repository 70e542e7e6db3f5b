"""Handlers of the poster: keep resolved batches, store jobs for commands. None calls a vendor."""

from __future__ import annotations

from chassis.commanded import add_commanded
from chassis.jobs import Jobs
from chassis.service import Body
from poster_halo.store import Store
from schemas.counts import CountsResolved, LinkCounts
from schemas.messages import ApplyRun, ChargesResolved, PlanRun, UndoPostings


class Handlers:
    """Commands and facts come on different topics; the job waits for batches it overtook."""

    def __init__(self, store: Store, jobs: Jobs) -> None:
        self._store = store
        self._jobs = jobs

    async def on_charges_resolved(self, head: ChargesResolved, body: Body) -> None:
        """Keep the batch until a command names it."""
        await self._store.keep(head, await body.load() if head.body is None else b"")

    async def on_plan_run(self, head: PlanRun, body: Body) -> None:
        """Plan the batches named."""
        await add_commanded(self._jobs, head, head.connection, await body.load())

    async def on_apply_run(self, head: ApplyRun, body: Body) -> None:
        """Apply the plans named."""
        await add_commanded(self._jobs, head, head.connection, await body.load())

    async def on_undo_postings(self, head: UndoPostings, body: Body) -> None:
        """Take the postings named back."""
        await add_commanded(self._jobs, head, head.connection, await body.load())

    async def on_counts_resolved(self, head: CountsResolved, body: Body) -> None:
        """Write the counts that changed; a sync that ended with a problem has none."""
        if head.problem is None:
            await add_commanded(self._jobs, head, head.connection, await body.load())

    async def on_link_counts(self, head: LinkCounts, body: Body) -> None:
        """Plan the links, or apply those named."""
        await add_commanded(self._jobs, head, head.connection, await body.load())
