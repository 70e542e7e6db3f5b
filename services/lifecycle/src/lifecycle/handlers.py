"""Handlers of lifecycle: keep normalized batches, store jobs for commands. None calls a vendor."""

from __future__ import annotations

from chassis.commanded import add_commanded
from chassis.jobs import Jobs
from chassis.service import Body
from lifecycle.batches import Batches
from schemas.messages import (
    ChargesNormalized,
    CountsReceived,
    CreateItems,
    MatchCompanies,
    MatchProducts,
    ResolveRun,
)

RESOLVE_COUNTS = "ResolveCounts"


class Handlers:
    """Commands and facts come on different topics; the job waits for batches it overtook."""

    def __init__(self, batches: Batches, jobs: Jobs) -> None:
        self._batches = batches
        self._jobs = jobs

    async def on_charges_normalized(self, head: ChargesNormalized, body: Body) -> None:
        """Keep the batch for the run that will ask for it."""
        await self._batches.keep(head, await body.load())

    async def on_match_companies(self, head: MatchCompanies, body: Body) -> None:
        """List the clients and match."""
        await add_commanded(self._jobs, head, head.connection, await body.load())

    async def on_match_products(self, head: MatchProducts, body: Body) -> None:
        """List the items and match."""
        await add_commanded(self._jobs, head, head.connection, await body.load())

    async def on_resolve_run(self, head: ResolveRun, body: Body) -> None:
        """Resolve all batches of the run."""
        await add_commanded(self._jobs, head, head.connection, await body.load())

    async def on_create_items(self, head: CreateItems, body: Body) -> None:
        """Make the proposed items."""
        await add_commanded(self._jobs, head, head.connection, await body.load())

    async def on_counts_received(self, head: CountsReceived, body: Body) -> None:
        """Resolve the snapshot; one with a problem is no snapshot."""
        if head.problem is None:
            loaded = await body.load()
            await add_commanded(self._jobs, head, head.connection, loaded, RESOLVE_COUNTS)
