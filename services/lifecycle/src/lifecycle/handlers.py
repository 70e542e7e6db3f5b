"""Handlers of lifecycle: keep normalized batches, store jobs for commands. None calls a vendor."""

from __future__ import annotations

from chassis.jobs import Jobs
from chassis.service import Body
from lifecycle.batches import Batches
from schemas import frame
from schemas.ids import content_hash, derive_id
from schemas.messages import ChargesNormalized, CreateItems, MatchCompanies, ResolveRun

Command = MatchCompanies | ResolveRun | CreateItems


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
        await self._add(head, await body.load())

    async def on_resolve_run(self, head: ResolveRun, body: Body) -> None:
        """Resolve all batches of the run."""
        await self._add(head, await body.load())

    async def on_create_items(self, head: CreateItems, body: Body) -> None:
        """Make the proposed items."""
        await self._add(head, await body.load())

    async def _add(self, head: Command, body: bytes) -> None:
        job_id = derive_id(
            "job",
            head.kind,
            head.tenant,
            head.run,
            head.revision,
            f"{head.source}/{head.document}",
            content_hash(body),
        )
        payload = frame.encode(head.model_dump_json().encode(), body)
        await self._jobs.add(head.tenant, head.connection, head.kind, job_id, payload)
