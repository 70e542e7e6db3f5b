"""The job ApplyRun: exactly the approved plans, canary first, each group read back before the next.

What became of a batch is stored with its message, so a job that comes again goes on behind it.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import TypeAdapter

from chassis.jobs import JobFailure
from chassis.service import JobRun
from chassis.together import together
from poster_halo.group_run import GroupRun
from poster_halo.groups import Todo, groups_of
from poster_halo.look import look
from poster_halo.planner import Planner, survey
from poster_halo.reading import STOPPED, Reading
from poster_halo.refusals import Refusals
from poster_halo.tools import Tools, not_here_yet
from poster_halo.writing import Writing
from schemas import frame
from schemas.messages import ApplyRun, ApprovedPlan
from schemas.settings import Settings

_Plans = TypeAdapter(list[ApprovedPlan])


class ApplyingJob:
    """One look at the start, shared by all batches."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def run(self, job: JobRun) -> None:
        """Apply what is left of the command."""
        head, approved = _read(job)
        settings = await self._tools.settings.read(job.tenant, head.settings)
        todo = await self._todo(job, head, approved)
        if not todo:
            return
        stopped = job.checkpoint == STOPPED
        if stopped:  # what was written before the stop is read back, the rest does not start
            written = [one for one in todo if await self._is_written(job, one.approved)]
            await self._stop(job, head, [one for one in todo if one not in written])
            todo = written
            if not todo:
                return
        run = await self._start(job, head, settings, todo, writes=not stopped)
        try:
            if not await run.groups(groups_of(head, todo)):
                await self._stop(job, head, await self._todo(job, head, approved))
        finally:
            await run.close()

    async def failed(self, job: JobRun, failure: JobFailure) -> None:
        """What was not answered yet is refused with the reason."""
        head, approved = _read(job)
        refusals = self._refusals(job, head)
        for plan in approved:
            batch = await self._tools.store.head(job.tenant, plan.batch)
            if batch is not None and not await self._answered(job, plan):
                await refusals.tell(plan, batch, (failure.code, failure.text))

    def _refusals(self, job: JobRun, head: ApplyRun) -> Refusals:
        return Refusals(self._tools, job, head)

    async def _todo(
        self, job: JobRun, head: ApplyRun, approved: Sequence[ApprovedPlan]
    ) -> list[Todo]:
        """Not answered yet, and still the plan that was approved."""
        found = await together([self._still(job, head, plan) for plan in approved])
        return [one for one in found if one is not None]

    async def _still(self, job: JobRun, head: ApplyRun, plan: ApprovedPlan) -> Todo | None:
        if await self._answered(job, plan):
            return None
        batch = await self._tools.store.head(job.tenant, plan.batch)
        if batch is None:
            raise not_here_yet(job, plan.batch)
        record = await self._tools.store.plan(job.tenant, plan.plan)
        if record is None or record.revision != batch.revision or record.hash != plan.hash:
            why = ("superseded", "the plan is not the newest one: plan again")
            await self._refusals(job, head).tell(plan, batch, why, held=True)
            return None
        return Todo(plan, record, batch)

    async def _answered(self, job: JobRun, plan: ApprovedPlan) -> bool:
        stored = await self._tools.store.posting(job.tenant, plan.plan)
        if stored is not None and stored.value.answered == job.id:
            return True
        return await self._tools.store.answered(job.tenant, job.id, plan.batch)

    async def _is_written(self, job: JobRun, plan: ApprovedPlan) -> bool:
        stored = await self._tools.store.posting(job.tenant, plan.plan)
        return stored is not None and bool(stored.value.unread or stored.value.uncertain)

    async def _start(
        self,
        job: JobRun,
        head: ApplyRun,
        settings: Settings,
        todo: Sequence[Todo],
        *,
        writes: bool,
    ) -> GroupRun:
        heads = [one.batch for one in todo]
        known, scope = await survey(self._tools, job, settings, head.document, heads)
        seen = await look(self._tools, job, settings, scope)
        batches = [one.approved.batch for one in todo]
        planner = Planner(self._tools, job, seen, known, batches)
        writing = Writing(self._tools.store, job, seen, self._tools.clock) if writes else None
        reading = Reading(self._tools, job, head, seen)
        return GroupRun(self._refusals(job, head), self._tools, job, planner, writing, reading)

    async def _stop(self, job: JobRun, head: ApplyRun, todo: Sequence[Todo]) -> None:
        for plan, _, batch in todo:
            text = (
                "an earlier batch of the run did not go as planned: settle that one"
                f" (`chargeline statement {head.run}` names it), then `chargeline plan {head.run}`"
            )
            why = ("run-stopped", text)
            await self._refusals(job, head).tell(plan, batch, why, held=True)


def _read(job: JobRun) -> tuple[ApplyRun, list[ApprovedPlan]]:
    line, body = frame.decode(job.payload)
    return ApplyRun.model_validate_json(line), _Plans.validate_json(body or b"[]")
