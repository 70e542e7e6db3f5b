"""Handlers of the poster: keep resolved batches, store jobs for commands. None calls a vendor."""

from __future__ import annotations

from chassis.jobs import Jobs
from chassis.service import Body
from poster_halo.store import Store
from schemas import frame
from schemas.ids import content_hash, derive_id
from schemas.messages import ApplyRun, ChargesResolved, PlanRun, UndoPostings

Command = PlanRun | ApplyRun | UndoPostings


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
        await self._add(head, await body.load())

    async def on_apply_run(self, head: ApplyRun, body: Body) -> None:
        """Apply the plans named."""
        await self._add(head, await body.load())

    async def on_undo_postings(self, head: UndoPostings, body: Body) -> None:
        """Take the postings named back."""
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
        payload = frame.encode(
            head.model_copy(update={"body": None}).model_dump_json().encode(), body
        )
        await self._jobs.add(head.tenant, head.connection, head.kind, job_id, payload)
