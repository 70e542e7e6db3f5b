"""Groups of approved plans, one after the other: written, read back, told; at most one is ahead."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from chassis.errors import PermanentError
from chassis.service import JobRun
from chassis.together import together
from poster_halo.groups import GROUP_LINES_MAX, Todo, lines_of
from poster_halo.planner import Planner
from poster_halo.reading import MOVED, STOPPED, Compared, Reading
from poster_halo.refusals import Refusals
from poster_halo.store import PlanRecord
from poster_halo.tools import Tools
from poster_halo.work import Work, left_of, new_posting, of_batch
from poster_halo.writing import SYSTEMIC, Moved, Writing
from schemas.messages import ApprovedPlan


class GroupRun:
    """What all groups of one job share."""

    def __init__(
        self,
        refusals: Refusals,
        tools: Tools,
        job: JobRun,
        planner: Planner,
        writing: Writing | None,
        reading: Reading,
    ) -> None:
        self._refusals, self._tools, self._job = refusals, tools, job
        self._planner, self._writing, self._reading = planner, writing, reading
        self._ahead: asyncio.Task[list[Work]] | None = None
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
        try:
            around = zip(((), *groups), groups, (*groups[1:], ()), strict=False)
            for before, todo, following in around:
                few = lines_of([*before, *todo, *following]) <= GROUP_LINES_MAX
                works = await self._works(todo, following if few else ())
                compared, goes_on = await self._group(works)
                told, self._behind = self._behind, asyncio.create_task(self._finish(compared))
                del compared, works  # many lines
                if told is not None:
                    await told
                if not (goes_on and following and few):
                    await self._told()
                if not goes_on:
                    return False
        except Exception:  # what was read back is told, whatever failed behind it
            await self._told()
            raise
        return True

    async def _works(self, todo: Sequence[Todo], following: Sequence[Todo]) -> list[Work]:
        """The group as planned; the one that follows is planned from now on."""
        planned = await (self._ahead or self._planned(todo))
        self._ahead = asyncio.create_task(self._planned(following)) if following else None
        return [work for work in planned if await self._goes(work)]

    async def _finish(self, compared: Sequence[Compared]) -> list[None]:
        return await together([self._reading.finish(one) for one in compared])

    async def _told(self) -> None:
        """What became of the last group is stored and published."""
        if self._behind is not None:
            behind, self._behind = self._behind, None
            await behind

    async def _planned(self, todo: Sequence[Todo]) -> list[Work]:
        return await together([self._work(one.approved, one.record) for one in todo])

    async def _group(self, planned: Sequence[Work]) -> tuple[list[Compared], bool]:
        """Write and read back. False: the rest must not start."""
        works: list[Work] = []
        goes_on = True
        # While one write is under way, what the next one builds on is read: the vendor's limit
        # and not its answer's time is what a run then waits for.
        try:
            for work, following in pairwise([*planned, None]):
                assert work is not None, "the last one is only followed"
                works.append(work)
                goes_on = await self._write(work, following)
                if not goes_on:
                    await self._stop()
                    break
        finally:
            if self._writing is not None:
                await self._writing.stored()
        shown = await self._reading.read_back(works)
        compared = [self._reading.compared(work, shown) for work in works]
        matches = all(one.matches for one in compared)
        if not matches:
            await self._stop()  # before it is told: what has not started must not start
        return compared, goes_on and matches

    async def _stop(self) -> None:
        """Nothing that has not started starts any more, also not after a crash."""
        if self._job.checkpoint != STOPPED:
            await self._job.save(STOPPED)

    async def _work(self, approved: ApprovedPlan, record: PlanRecord) -> Work:
        """The batch planned against this look."""
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
        hashes = tuple(dict.fromkeys((record.hash, plan.hash)))
        update = {"applying": record.hash, "operations": record.operations, "hashes": hashes}
        work = Work(approved, record, kept, posting, plan, plan.hash, stored)
        work.goes = self._may_go(work)
        if work.goes:
            work.posting = work.posting.model_copy(update=update)
        return work

    async def _goes(self, work: Work) -> bool:
        """False: the destination has moved, and that is told."""
        if not work.goes:
            text = work.plan.text or "the destination changed since the plan was made"
            await self._refusals.tell_moved(work.approved, work.kept.head, work.plan, text)
        return work.goes

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
