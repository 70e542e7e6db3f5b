"""What one command tells of the batches of which it wrote nothing."""

from __future__ import annotations

from typing import Any

from chassis.service import JobRun
from poster_halo import facts
from poster_halo.domain.shape import Plan
from poster_halo.reading import MOVED
from poster_halo.tools import Tools
from schemas.messages import ApplyRun, ApprovedPlan, ChargesResolved, PostingRefused


class Refusals:
    """Told once for each batch, however often the job comes again."""

    def __init__(self, tools: Tools, job: JobRun, head: ApplyRun) -> None:
        self._tools, self._job, self._head = tools, job, head

    async def tell(
        self,
        plan: ApprovedPlan,
        batch: ChargesResolved,
        why: tuple[str, str],
        *,
        held: bool = False,
    ) -> None:
        """`why`: a code and its text. Held: a person may plan it again."""
        whole = facts.kept_whole(batch, "held" if held else "refused", why[0])
        await self._tell(plan, batch, why, held=held, money=whole)

    async def tell_moved(
        self, approved: ApprovedPlan, batch: ChargesResolved, now: Plan, text: str
    ) -> None:
        """Not as it was approved any more. What stands by the look of today is told with it."""
        money = facts.money_of(now, {}, ("held", MOVED))
        await self._tell(approved, batch, (MOVED, text), held=True, money=money, taken=now.taken)

    async def _tell(
        self, plan: ApprovedPlan, batch: ChargesResolved, why: tuple[str, str], **said: Any
    ) -> None:
        fact = PostingRefused(
            **facts.about(self._head, batch),
            plan=plan.plan,
            hash=plan.hash,
            code=why[0],
            text=facts.short(why[1]),
            plan_again=why[0] == MOVED,
            **said,
        )
        message = await self._tools.message(fact)
        await self._tools.store.answer(self._job.tenant, self._job.id, plan.batch, message)
