"""One owner at a time: a living one is left alone, a late one writes nothing."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from chassis.errors import TransientError
from chassis.jobs import RunnerSettings
from chassis.leases import Lease, Leases
from chassis.service import JobRun, LeaseLost
from support.job_world import World, takes_a_second
from support.virtual_loop import in_virtual_time


def test_stopping_lets_a_job_reach_its_checkpoint_and_frees_the_lease(world: World) -> None:
    async def story() -> None:

        async def work(run: JobRun) -> None:
            for step in range(int(run.checkpoint or b"0"), 6):
                await asyncio.sleep(2)
                world.say(f"step {step}")
                await run.save(b"%d" % (step + 1))

        async with world.running(work) as runner:
            await world.add("job")
            await asyncio.sleep(3)
        assert asyncio.get_running_loop().time() == pytest.approx(4), "at its next checkpoint"
        assert (await runner.leases.read("msp", "halo")).owner == ""
        async with world.running(work, owner="next") as runner:
            await runner.idle()
        assert [said.split(" ", 1)[1] for said in world.said] == [f"step {n}" for n in range(6)]

    in_virtual_time(story())


def test_stopping_does_not_wait_for_ever(world: World) -> None:
    async def story() -> None:

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
        await asyncio.sleep(20)  # it writes nothing itself: its start alone shuts the other out

    async with world.running(late, owner="zombie"):
        await world.add("job")
        await asyncio.sleep(1)
        async with world.running(takes_over, owner="living", settings=settings) as living:
            await living.idle()
    return met


def test_a_late_owner_can_neither_save_nor_write_nor_end_the_job(world: World) -> None:
    async def story() -> None:
        met = await zombie_of(world, RunnerSettings(take_over=True))
        assert met == ["lost", "lost"]
        assert world.said == ["1.0 fence 2 from b'one'"]
        done = await world.jobs.get("msp", "job")
        assert done is not None
        assert done.state == "done"

    in_virtual_time(story())


def test_a_living_owner_keeps_its_lease_however_long_the_job(world: World) -> None:
    async def story() -> None:

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


def test_a_lease_that_ran_out_is_claimed_with_a_higher_fence(world: World) -> None:
    async def story() -> None:
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


def test_a_lease_that_has_just_begun_is_compared_but_not_written_again(world: World) -> None:
    async def story() -> None:
        leases = Leases(world.records, world.clock, ttl_s=30)
        lease = await leases.claim("msp", "halo", "one")
        assert isinstance(lease, Lease)
        began = await leases.read("msp", "halo")
        await asyncio.sleep(2.9)
        await lease.renew()
        assert await leases.read("msp", "halo") == began
        await asyncio.sleep(0.2)
        await lease.renew()
        assert (await leases.read("msp", "halo")).until == leases.ends()
        await leases.claim("msp", "halo", "two", take_over=True)
        with pytest.raises(LeaseLost):
            await lease.renew()

    in_virtual_time(story())


def test_an_owner_that_lost_the_lease_between_two_jobs_does_not_start_the_next(
    world: World,
) -> None:
    async def story() -> None:
        async def work(run: JobRun) -> None:
            world.say(f"{run.id} fence {run.fence}")
            if run.id == "first":
                others = Leases(world.records, world.clock, ttl_s=30)
                await others.claim("msp", "halo", "other", take_over=True)

        async with world.running(work) as runner:
            await world.add("first")
            await world.add("second")
            await runner.idle()
        assert world.said == ["0.0 first fence 1", "30.0 second fence 3"]

    in_virtual_time(story())


def test_a_job_added_while_the_process_ends_is_kept_for_the_next(world: World) -> None:
    async def story() -> None:
        async with world.running(takes_a_second) as runner:
            await world.add("in time")
            await asyncio.sleep(0.5)
            ending = asyncio.create_task(runner.stop())
            await asyncio.sleep(0)
            await world.add("too late")
            await runner.idle()
            await ending
        assert [job.id for job in await world.jobs.open("msp")] == ["too late"]
        async with world.running(takes_a_second, owner="next") as runner:
            await runner.idle()
        assert await world.jobs.open("msp") == []

    in_virtual_time(story())
