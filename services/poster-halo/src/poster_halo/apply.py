"""The job ApplyRun: exactly the approved plans, canary first, each group read back before the next.

What became of a batch is stored with its message, so a job that comes again goes on behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from pydantic import TypeAdapter

from chassis.errors import PermanentError
from chassis.jobs import JobFailure
from chassis.service import JobRun
from chassis.together import together
from poster_halo import facts
from poster_halo.groups import GROUP_LINES_MAX, Todo, groups_of, lines_of
from poster_halo.look import look, window_start
from poster_halo.planner import Planner, known_of
from poster_halo.reading import MOVED, STOPPED, Compared, Reading
from poster_halo.store import PlanRecord
from poster_halo.tools import Tools, not_here_yet
from poster_halo.work import Work, left_of, new_posting, of_batch
from poster_halo.writing import SYSTEMIC, Moved, Writing
from schemas import frame
from schemas.messages import ApplyRun, ApprovedPlan, ChargesResolved, PostingRefused
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
        for plan in approved:
            batch = await self._tools.store.head(job.tenant, plan.batch)
            if batch is not None and not await self._answered(job, plan):
                await self.refuse(job, head, plan, batch, (failure.code, failure.text))

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
            await self.refuse(job, head, plan, batch, why, held=True)
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
    ) -> _Run:
        days, recurring = [], False
        replaces: set[str] = set()
        for _, _, batch in todo:
            days.append(batch.document_date[:10])
            replaces.update(batch.replaces)
            recurring = recurring or batch.policy.behaviour == "recurring"
        known = await known_of(self._tools.store, job, head.document, replaces)
        for posting in known.all:
            self._tools.wait_until_settled(posting, settings.halopsa.settle_s)
        today = self._tools.clock.today(settings.tenant.timezone)
        since = window_start(today, settings, days, known.all)
        seen = await look(self._tools, job, settings, since, recurring=recurring)
        batches = [one.approved.batch for one in todo]
        planner = Planner(self._tools, job, seen, known, batches)
        writing = Writing(self._tools.store, job, seen, self._tools.clock) if writes else None
        reading = Reading(self._tools, job, head, seen)
        return _Run(self, self._tools, job, planner, writing, reading)

    async def _stop(self, job: JobRun, head: ApplyRun, todo: Sequence[Todo]) -> None:
        for plan, _, batch in todo:
            text = (
                "an earlier batch of the run did not go as planned: settle that one"
                f" (`chargeline statement {head.run}` names it), then `chargeline plan {head.run}`"
            )
            why = ("run-stopped", text)
            await self.refuse(job, head, plan, batch, why, held=True)

    async def refuse(
        self,
        job: JobRun,
        head: ApplyRun,
        plan: ApprovedPlan,
        batch: ChargesResolved,
        why: tuple[str, str],
        *,
        held: bool = False,
    ) -> None:
        """Nothing of the batch was written by this command."""
        fact = PostingRefused(
            **facts.about(head, batch),
            plan=plan.plan,
            hash=plan.hash,
            code=why[0],
            text=facts.short(why[1]),
            held=held,
            plan_again=why[0] == MOVED,
            money=facts.kept_whole(batch, "held" if held else "refused", why[0]),
        )
        message = await self._tools.message(fact)
        await self._tools.store.answer(job.tenant, job.id, plan.batch, message)


class _Run:
    """What all groups of one job share."""

    def __init__(
        self,
        applying: ApplyingJob,
        tools: Tools,
        job: JobRun,
        planner: Planner,
        writing: Writing | None,
        reading: Reading,
    ) -> None:
        self._applying, self._tools, self._job = applying, tools, job
        self._planner, self._writing, self._reading = planner, writing, reading
        self._ahead: asyncio.Task[list[Work | None]] | None = None
        self._behind: asyncio.Task[list[None]] | None = None

    async def close(self) -> None:
        """However it ended, nothing is under way any more."""
        if self._writing is not None:
            await self._writing.close()
        left = [task for task in (self._ahead, self._behind) if task is not None]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def groups(self, groups: Sequence[Sequence[Todo]]) -> bool:
        """One after the other. False: the rest must not start.

        While one group is written, the one before is told and the next is planned, unless the
        lines of both are many: the vendor is waited for anyway, and would wait for that.
        """
        for todo, following in pairwise([*groups, ()]):
            few = lines_of(todo) + lines_of(following) <= GROUP_LINES_MAX
            compared, goes_on = await self._group(await self._works(todo, following if few else ()))
            await self._told()
            self._behind = asyncio.create_task(self._finish(compared))
            del compared  # many lines
            if not (goes_on and following and few):
                await self._told()
            if not goes_on:
                return False
        return True

    async def _works(self, todo: Sequence[Todo], following: Sequence[Todo]) -> list[Work]:
        """The group as planned; the one that follows is planned from now on."""
        works = await (self._ahead or self._planned(todo))
        self._ahead = asyncio.create_task(self._planned(following)) if following else None
        return [work for work in works if work is not None]

    async def _finish(self, compared: Sequence[Compared]) -> list[None]:
        return await together([self._reading.finish(one) for one in compared])

    async def _told(self) -> None:
        """What became of the group before is stored and published."""
        if self._behind is not None:
            await self._behind
            self._behind = None

    async def _planned(self, todo: Sequence[Todo]) -> list[Work | None]:
        return await together([self._work(one.approved, one.record) for one in todo])

    async def _group(self, planned: Sequence[Work]) -> tuple[list[Compared], bool]:
        """Write and read back. False: the rest must not start."""
        works: list[Work] = []
        goes_on = True
        # While one write is under way, what the next one builds on is read: the vendor's limit
        # and not its answer's time is what a run then waits for.
        for work, following in pairwise([*planned, None]):
            assert work is not None, "the last one is only followed"
            works.append(work)
            goes_on = await self._write(work, following)
            if not goes_on:
                await self._job.save(STOPPED)
                break
        shown = await self._reading.read_back(works)
        compared = [self._reading.compared(work, shown) for work in works]
        return compared, goes_on and all(one.matches for one in compared)

    async def _work(self, approved: ApprovedPlan, record: PlanRecord) -> Work | None:
        """The batch planned against this look; None when the destination has moved."""
        store, tenant = self._tools.store, self._job.tenant
        kept = await store.batch(tenant, approved.batch)
        assert kept is not None, "its revision was seen"
        stored = await store.posting(tenant, approved.plan)
        posting = stored.value if stored else new_posting(kept, approved.plan)
        plan = await self._planner.plan(kept, posting, record.selection)
        posting = of_batch(posting, kept, self._job.fence)
        created = self._planner.created_items(kept)
        update = {"generation": plan.generation, "created_items": created}
        posting = posting.model_copy(update=update)
        work = Work(approved, record, kept, posting, plan, plan.hash, stored)
        if not self._may_go(work):
            text = plan.text or "the destination changed since the plan was made"
            await self._applying.refuse(
                self._job, self._reading.head, approved, kept.head, (MOVED, text), held=True
            )
            return None
        hashes = tuple(dict.fromkeys((record.hash, plan.hash)))
        update = {"applying": record.hash, "operations": record.operations, "hashes": hashes}
        work.posting = work.posting.model_copy(update=update)
        return work

    def _may_go(self, work: Work) -> bool:
        """R16: the same plan; or the same but for other people's lines; or what is left of it."""
        plan, record, posting = work.plan, work.record, work.posting
        if posting.applying == record.hash and posting.stands:
            left = {operation.digest for operation in plan.operations}
            return left <= set(posting.operations) or bool(posting.uncertain or posting.unread)
        return plan.hash == record.hash or plan.own_hash == record.own_hash

    async def _write(self, work: Work, following: Work | None) -> bool:
        """The batch's operations in order. False: nothing of the run can go on."""
        if self._writing is None:
            return True
        await self._writing.settle(work)
        if work.refused is not None:
            return True
        left = left_of(work)
        coming = [*left[1:], *(left_of(following)[:1] if following else ())]
        for number, operation in enumerate(left):
            assert operation.digest in work.record.operations, "only what was approved"
            try:
                await self._writing.write(work, operation, coming[number : number + 1])
            except PermanentError as refused:
                work.refused = refused
                return refused.code not in SYSTEMIC
            except Moved as moved:
                work.refused = PermanentError(MOVED, str(moved))
                return True
        return True


def _read(job: JobRun) -> tuple[ApplyRun, list[ApprovedPlan]]:
    line, body = frame.decode(job.payload)
    return ApplyRun.model_validate_json(line), _Plans.validate_json(body or b"[]")
