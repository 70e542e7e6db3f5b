"""Jobs run in order, one at a time per connection, and go on where a dead owner stopped."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from chassis.clock import LoopClock
from chassis.errors import PermanentError, TransientError, UnknownOutcome
from chassis.jobs import JobFailure, JobKind, JobRunner, Jobs, RunnerSettings
from chassis.leases import Lease, Leases
from chassis.service import JobRun, JobWaits, LeaseLost
from support.memory_records import MemoryRecords, Shelf
from support.virtual_loop import START, in_virtual_time

Job = Callable[[JobRun], Awaitable[None]]
QUICK = RunnerSettings(ttl_s=30, settle_s=10, wait_first_s=1, wait_max_s=60, sweep_s=5)


class World:
    """A store, its jobs, and what happened in them, with the time."""

    def __init__(self, shelf: Shelf | None = None) -> None:
        self.records = MemoryRecords(shelf)
        self.clock = LoopClock(START)
        self.jobs = Jobs(self.records, self.clock)
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(f"{asyncio.get_running_loop().time():.1f} {text}")

    async def add(self, job_id: str, kind: str = "work", connection: str = "halo") -> bool:
        return await self.jobs.add("msp", connection, kind, job_id, job_id.encode())

    def runner(
        self, job: Job, owner: str = "one", settings: RunnerSettings = QUICK, **kinds: Job
    ) -> JobRunner:
        return JobRunner(self.jobs, {"work": job, **kinds}, owner, settings, random.Random(7))

    @asynccontextmanager
    async def running(
        self, job: Job, owner: str = "one", settings: RunnerSettings = QUICK, **kinds: Job
    ) -> AsyncIterator[JobRunner]:
        runner = self.runner(job, owner, settings, **kinds)
        task = asyncio.create_task(runner.run())
        await asyncio.sleep(0)
        yield runner
        await runner.stop()
        await task


async def takes_a_second(run: JobRun) -> None:
    await asyncio.sleep(1)


def test_jobs_of_one_connection_run_one_after_another_in_the_order_they_came() -> None:
    async def story() -> None:
        world = World()

        async def work(run: JobRun) -> None:
            world.say(f"{run.payload.decode()} starts")
            await asyncio.sleep(2)
            world.say(f"{run.payload.decode()} ends")

        async with world.running(work) as runner:
            for name in ("z", "m", "a"):  # the order of their ids is another one
                await world.add(name)
            await runner.idle()
        assert world.said == [
            "0.0 z starts", "2.0 z ends", "2.0 m starts", "4.0 m ends", "4.0 a starts", "6.0 a ends"
        ]  # fmt: skip

    in_virtual_time(story())


def test_connections_run_side_by_side() -> None:
    async def story() -> None:
        world = World()
        async with world.running(takes_a_second) as runner:
            for n in range(20):
                await world.add(f"job{n}", connection=f"connection{n}")
            await runner.idle()
        assert asyncio.get_running_loop().time() == pytest.approx(1)

    in_virtual_time(story())


def test_a_repeated_command_adds_no_second_job_even_after_the_first_is_done() -> None:
    async def story() -> None:
        world = World()

        async def work(run: JobRun) -> None:
            world.say(run.id)

        async with world.running(work) as runner:
            assert await world.add("job")
            assert not await world.add("job")
            await runner.idle()
            assert not await world.add("job")
            await runner.idle()
        assert world.said == ["0.0 job"]
        done = await world.jobs.get("msp", "job")
        assert done is not None
        assert (done.state, done.payload) == ("done", b"")

    in_virtual_time(story())


def test_jobs_found_at_start_run_without_being_added_again() -> None:
    async def story() -> None:
        world = World()
        await world.add("left behind")
        async with world.running(takes_a_second) as runner:
            await runner.idle()
        assert not await world.jobs.open("msp")

    in_virtual_time(story())


def test_a_job_waiting_for_its_input_lets_others_pass_and_then_goes_on() -> None:
    async def story() -> None:
        world = World()

        async def work(run: JobRun) -> None:
            world.say(f"{run.id} attempt {run.attempts}")
            if run.id == "early" and run.attempts < 2:
                raise JobWaits(5, "batch not here yet")

        async with world.running(work) as runner:
            await world.add("early")
            await world.add("other")
            await runner.idle()
        assert world.said == [
            "0.0 early attempt 0",
            "0.0 other attempt 0",
            "5.0 early attempt 1",
            "10.0 early attempt 2",
        ]  # fmt: skip

    in_virtual_time(story())


def test_a_vendor_that_is_away_is_asked_again_with_growing_waits_and_nobody_passes() -> None:
    async def story() -> None:
        world = World()
        starts: list[float] = []

        async def work(run: JobRun) -> None:
            world.say(run.id)
            if run.id == "first":
                starts.append(asyncio.get_running_loop().time())
                if run.attempts < 5:
                    raise TransientError("halo-away", "HaloPSA does not answer")

        async with world.running(work) as runner:
            await world.add("first")
            await world.add("second")
            await runner.idle()
        waits = [after - before for before, after in pairwise(starts)]
        for n, wait in enumerate(waits):
            assert 2**n / 2 <= wait <= 2**n
        assert [said.split()[1] for said in world.said] == ["first"] * 6 + ["second"]

    in_virtual_time(story())


def test_a_wait_the_vendor_asks_for_is_honoured_and_the_lease_is_free_meanwhile() -> None:
    async def story() -> None:
        world = World()
        starts: list[float] = []

        async def work(run: JobRun) -> None:
            starts.append(asyncio.get_running_loop().time())
            if not run.attempts:
                raise TransientError("rate-limited", "too many calls", retry_after_s=100)

        async with world.running(work) as runner:
            await world.add("job")
            await asyncio.sleep(50)
            assert (await runner.leases.read("msp", "halo")).owner == ""
            await runner.idle()
        assert starts[0] == 0
        assert 100 <= starts[1] <= 111

    in_virtual_time(story())


def test_an_unknown_outcome_runs_again_after_the_settle_time() -> None:
    async def story() -> None:
        world = World()
        starts: list[float] = []

        async def work(run: JobRun) -> None:
            starts.append(asyncio.get_running_loop().time())
            if not run.attempts:
                raise UnknownOutcome("halo-unknown", "the answer was lost")

        async with world.running(work) as runner:
            await world.add("job")
            await runner.idle()
        assert 10 <= starts[1] <= 11

    in_virtual_time(story())


def test_tries_without_progress_have_a_limit_and_progress_counts_anew() -> None:
    async def story() -> None:
        world = World()
        settings = RunnerSettings(wait_first_s=1, tries_max=100, tries_max_by_kind={"stuck": 4})
        tries: list[int] = []

        async def stuck(run: JobRun) -> None:
            tries.append(run.attempts)
            raise TransientError("halo-away", "HaloPSA does not answer")

        async def slow(run: JobRun) -> None:
            step = int(run.checkpoint or b"0")
            if step < 8:
                if run.attempts:
                    await run.save(b"%d" % (step + 1))
                raise TransientError("halo-away", "HaloPSA does not answer")

        settings = RunnerSettings(wait_first_s=1, tries_max_by_kind={"stuck": 4, "slow": 4})
        async with world.running(
            takes_a_second, settings=settings, stuck=stuck, slow=slow
        ) as runner:
            await world.add("a", kind="stuck")
            await world.add("b", kind="slow")
            await runner.idle()
        assert tries == [0, 1, 2, 3]
        failed = await world.jobs.failed("msp")
        assert [(job.id, job.head.failure) for job in failed] == [
            ("a", JobFailure(code="halo-away", text="HaloPSA does not answer"))
        ]

    in_virtual_time(story())


def test_a_failed_job_is_told_to_the_service_kept_listed_and_retried_from_its_checkpoint() -> None:
    async def story() -> None:
        world = World()
        rights = False

        async def work(run: JobRun) -> None:
            world.say(f"{run.id} from {run.checkpoint!r}")
            await run.save(b"half")
            if run.id == "refused" and not rights:
                raise PermanentError("halo-rights", "no right to create invoices")

        async def failed(run: JobRun, failure: JobFailure) -> None:
            world.say(f"{run.id} failed {failure.code}")
            if not run.attempts:
                raise TransientError("store-away", "told again later")

        async with world.running(JobKind(work, failed)) as runner:
            await world.add("refused")
            await world.add("next")
            await runner.idle()
            [job] = await world.jobs.failed("msp")
            assert job.head.failure == JobFailure(
                code="halo-rights", text="no right to create invoices"
            )
            assert await world.jobs.failed("other tenant") == []
            rights = True
            assert await world.jobs.retry("msp", "refused")
            assert not await world.jobs.retry("msp", "next"), "only a failed job is retried"
            await runner.idle()
        assert [said.split(" ", 1)[1] for said in world.said] == [
            "refused from None", "refused failed halo-rights", "refused failed halo-rights",
            "next from None", "refused from b'half'",
        ]  # fmt: skip
        assert await world.jobs.failed("msp") == []

    in_virtual_time(story())


def test_a_bug_fails_the_job_and_the_lane_goes_on() -> None:
    async def story() -> None:
        world = World()

        async def work(run: JobRun) -> None:
            if run.id == "bad":
                raise KeyError("token=abcdefgh")

        async with world.running(work) as runner:
            await world.add("bad")
            await world.add("good")
            await runner.idle()
        [job] = await world.jobs.failed("msp")
        assert job.id == "bad"
        assert job.head.failure is not None
        assert job.head.failure.code == "bug"
        assert "KeyError" in job.head.failure.text
        assert "abcdefgh" not in job.head.failure.text

    in_virtual_time(story())


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        ([TransientError("slow", ""), PermanentError("refused", "")], "refused"),
        ([PermanentError("refused", ""), ValueError("broken")], "bug"),
    ],
)
def test_of_steps_side_by_side_the_gravest_failure_decides(
    raised: list[Exception], code: str
) -> None:
    async def story() -> None:
        world = World()

        async def work(run: JobRun) -> None:
            raise ExceptionGroup("steps", [ExceptionGroup("inner", raised[:1]), *raised[1:]])

        async with world.running(work) as runner:
            await world.add("job")
            await runner.idle()
        [job] = await world.jobs.failed("msp")
        assert job.head.failure is not None
        assert job.head.failure.code == code

    in_virtual_time(story())


def test_a_kind_nobody_runs_waits_for_its_service_or_fails_when_there_is_no_other() -> None:
    async def story() -> None:
        world = World()
        await world.add("job", kind="elsewhere")
        await world.add("behind")
        async with world.running(takes_a_second):
            await asyncio.sleep(60)
            assert [job.id for job in await world.jobs.open("msp")] == ["job", "behind"]
        async with world.running(takes_a_second, settings=RunnerSettings(take_over=True)) as runner:
            await runner.idle()
        [failed] = await world.jobs.failed("msp")
        assert failed.head.failure is not None
        assert failed.head.failure.code == "unknown-job"

    in_virtual_time(story())


def test_stopping_lets_a_job_reach_its_checkpoint_and_frees_the_lease() -> None:
    async def story() -> None:
        world = World()

        async def work(run: JobRun) -> None:
            for step in range(int(run.checkpoint or b"0"), 6):
                await asyncio.sleep(2)
                world.say(f"step {step}")
                await run.save(b"%d" % (step + 1))

        async with world.running(work) as runner:
            await world.add("job")
            await asyncio.sleep(3)
        assert (await runner.leases.read("msp", "halo")).owner == ""
        async with world.running(work, owner="next") as runner:
            await runner.idle()
        assert [said.split(" ", 1)[1] for said in world.said] == [f"step {n}" for n in range(6)]

    in_virtual_time(story())


def test_stopping_does_not_wait_for_ever() -> None:
    async def story() -> None:
        world = World()

        async def work(run: JobRun) -> None:
            await asyncio.sleep(10_000)

        async with world.running(work):
            await world.add("job")
            await asyncio.sleep(1)
        assert asyncio.get_running_loop().time() == pytest.approx(11)

    in_virtual_time(story())


async def zombie_of(world: World, settings: RunnerSettings) -> list[str]:
    """A runner that is taken over in the middle of a job; what its late writes met."""
    met: list[str] = []

    async def late(run: JobRun) -> None:
        await run.save(b"one")
        await asyncio.sleep(5)
        for write in (run.guard, lambda: run.save(b"late")):
            try:
                await write()
            except LeaseLost:
                met.append("lost")
            else:
                met.append("written")
        raise TransientError("halo-away", "and it would like to wait")

    async def takes_over(run: JobRun) -> None:
        world.say(f"fence {run.fence} from {run.checkpoint!r}")
        await run.guard()
        await run.save(b"two")
        await asyncio.sleep(20)

    async with world.running(late, owner="zombie"):
        await world.add("job")
        await asyncio.sleep(1)
        async with world.running(takes_over, owner="living", settings=settings) as living:
            await living.idle()
    return met


def test_a_late_owner_can_neither_save_nor_write_nor_end_the_job() -> None:
    async def story() -> None:
        world = World()
        met = await zombie_of(world, RunnerSettings(take_over=True))
        assert met == ["lost", "lost"]
        assert world.said == ["1.0 fence 2 from b'one'"]
        done = await world.jobs.get("msp", "job")
        assert done is not None
        assert done.state == "done"

    in_virtual_time(story())


def test_a_living_owner_keeps_its_lease_however_long_the_job() -> None:
    async def story() -> None:
        world = World()

        async def long(run: JobRun) -> None:
            world.say(str(run.fence))
            await asyncio.sleep(500)

        async with world.running(long, owner="one") as one:
            await world.add("job")
            await asyncio.sleep(1)
            async with world.running(long, owner="two") as two:
                await two.idle()
            await one.idle()
        assert world.said == ["0.0 1"]

    in_virtual_time(story())


def test_a_lease_that_ran_out_is_claimed_with_a_higher_fence() -> None:
    async def story() -> None:
        world = World()
        leases = Leases(world.records, world.clock, ttl_s=30)
        first = await leases.claim("msp", "halo", "dead")
        assert isinstance(first, Lease)
        held = await leases.claim("msp", "halo", "living")
        assert not isinstance(held, Lease)
        await asyncio.sleep(31)
        second = await leases.claim("msp", "halo", "living")
        assert isinstance(second, Lease)
        assert second.fence == first.fence + 1
        with pytest.raises(LeaseLost):
            await first.renew()
        await first.release()
        assert (await leases.read("msp", "halo")).owner == "living"
        other = await leases.claim("other tenant", "halo", "living")
        assert isinstance(other, Lease)
        with contextlib.suppress(LeaseLost):
            await second.release()
            await second.renew()
            pytest.fail("a released lease is not renewed")

    in_virtual_time(story())
