"""What one command tells of the batches of which it wrote nothing."""

from __future__ import annotations

from chassis.service import JobRun
from poster_halo import facts
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
        fact = PostingRefused(
            **facts.about(self._head, batch),
            plan=plan.plan,
            hash=plan.hash,
            code=why[0],
            text=facts.short(why[1]),
            held=held,
            plan_again=why[0] == MOVED,
            money=facts.kept_whole(batch, "held" if held else "refused", why[0]),
        )
        message = await self._tools.message(fact)
        await self._tools.store.answer(self._job.tenant, self._job.id, plan.batch, message)
