"""A fact of the poster that the gateway can not take: the run ends, and its money is told."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from chassis.errors import PermanentError
from chassis.service import Body, JobRun
from gateway.domain.run import Stage
from gateway.handlers import Handlers
from poster_halo.apply import ApplyingJob
from schemas.messages import BatchHead, PostingDone, PostingPlanned, PostingUndone
from schemas.money import ZERO
from support import small
from support.standing import ITEMS, stands, usd
from support.virtual_loop import in_virtual_time
from support.world import APPROVED, World

ALL = Decimal(40)


class Trouble:
    """The gateway can not take facts of that kind, the first `skipped` aside, until mended."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, kind: type[BatchHead], skipped: int = 0
    ) -> None:
        self.mended = False
        self._seen: list[str] = []
        taken = Handlers.on_posting

        async def on_posting(handlers: Handlers, head: BatchHead, body: Body) -> None:
            if isinstance(head, kind) and not self.mended:
                self._seen.append(head.batch)
                if len(self._seen) > skipped:
                    raise PermanentError("test-broken", "it can not be taken")
            await taken(handlers, head, body)

        monkeypatch.setattr(Handlers, "on_posting", on_posting)

    async def mend(self, w: World) -> int:
        """What lies there is handled again; how many messages."""
        self.mended = True
        parked = await w.system.store.parking.list("msp")
        return (await w.system.store.parking.retry("msp", parked[0].id)).done


def test_a_run_ends_though_the_answers_about_what_it_posted_are_parked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = Trouble(monkeypatch, PostingDone)

    async def story() -> None:
        async with World(tmp_path, small.pax8(ITEMS)) as w:
            ran = await w.bill()
            assert (usd(ran).held_by, usd(ran).price.unexplained) == ({"parked": ALL}, ZERO)
            assert await stands(w) == ALL
            assert await trouble.mend(w) == 2
            ran = await w.ended(ran.run.run)
            assert (usd(ran).posted_by, usd(ran).price.posted) == ({}, ALL)
            ran = await w.again(ran)
            assert usd(ran).price.posted == ALL == await stands(w)

    in_virtual_time(story())


def test_a_plan_that_is_told_late_does_not_end_what_is_being_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = Trouble(monkeypatch, PostingPlanned, skipped=1)
    goes = asyncio.Event()
    applied = ApplyingJob.run

    async def run(job: ApplyingJob, running: JobRun) -> None:
        await goes.wait()
        await applied(job, running)

    monkeypatch.setattr(ApplyingJob, "run", run)

    async def story() -> None:
        async with World(tmp_path, small.pax8(ITEMS)) as w:
            queries = w.system.gateway.queries
            document = (await w.documents())[-1]
            started = await w.system.gateway.runs.start("msp", "pax8", document, **APPROVED)

            async def applying() -> bool:
                return (await queries.run("msp", started)).stage is Stage.APPLYING

            await w.system.wait_for(applying)
            assert await trouble.mend(w) == 1
            assert await queries.waiting("msp", started), "one is still to be written"
            goes.set()
            ran = await w.ended(started)
            assert ran.run.stage is Stage.ENDED
            assert usd(ran).price.posted == await stands(w) == ALL / 2
            assert (usd(ran).held_by, usd(ran).price.unexplained) == ({"parked": ALL / 2}, ZERO)

    in_virtual_time(story())


def test_what_was_taken_back_is_held_while_the_answer_is_parked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = Trouble(monkeypatch, PostingUndone)

    async def story() -> None:
        async with World(tmp_path, small.pax8(ITEMS)) as w:
            ran = await w.bill()
            await w.system.gateway.runs.undo("msp", ran.run.run)

            async def parked() -> bool:
                held = usd(await w.ended(ran.run.run)).held_by
                return held == {"parked": ALL}

            await w.system.wait_for(parked)
            ran = await w.ended(ran.run.run)
            assert (usd(ran).price.unexplained, await stands(w)) == (ZERO, ZERO)
            with pytest.raises(PermanentError, match="parked"):
                await w.system.gateway.runs.undo("msp", ran.run.run)
            assert await trouble.mend(w) == 2
            ran = await w.ended(ran.run.run)
            assert (usd(ran).held_by, usd(ran).price.unexplained) == ({"undone": ALL}, ZERO)

    in_virtual_time(story())


def test_a_run_is_applied_to_its_end_though_an_undo_beside_it_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = Trouble(monkeypatch, PostingUndone)

    async def story() -> None:
        async with World(tmp_path, small.pax8(ITEMS)) as w:
            runs, queries = w.system.gateway.runs, w.system.gateway.queries
            ran = await w.bill(None, approve_items=True, approve_plans=False)
            one, other = [v.batch for v in await queries.batches("msp", ran.run.run)]
            await runs.approve("msp", ran.run.run, [one])
            ran = await w.ended(ran.run.run)
            revision, plans = await runs.undo("msp", ran.run.run, [one])
            await runs.approve("msp", ran.run.run, [other])
            ran = await w.ended(ran.run.run)
            assert ran.run.stage is Stage.ENDED

            async def parked() -> bool:
                return bool(await w.system.store.parking.list("msp"))

            await w.system.wait_for(parked)
            assert not await queries.undone("msp", ran.run.run, revision, plans)
            assert await trouble.mend(w) == 2, "the other one's answer lay behind it"
            assert await queries.undone("msp", ran.run.run, revision, plans)
            ran = await w.ended(ran.run.run)
            assert usd(ran).price.posted == await stands(w) == ALL / 2
            assert (usd(ran).held_by, usd(ran).price.unexplained) == ({"undone": ALL / 2}, ZERO)

    in_virtual_time(story())
