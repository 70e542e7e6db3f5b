"""Jobs run in order, one at a time per connection, and wait without holding anything."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from chassis.errors import TransientError, UnknownOutcome
from chassis.service import JobRun, JobWaits
from support.job_world import World, takes_a_second
from support.virtual_loop import in_virtual_time


def test_jobs_of_one_connection_run_one_after_another_in_the_order_they_came(world: World) -> None:
    async def story() -> None:

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


def test_connections_run_side_by_side(world: World) -> None:
    async def story() -> None:
        async with world.running(takes_a_second) as runner:
            for n in range(20):
                await world.add(f"job{n}", connection=f"connection{n}")
            await runner.idle()
        assert asyncio.get_running_loop().time() == pytest.approx(1)

    in_virtual_time(story())


def test_a_repeated_command_adds_no_second_job_even_after_the_first_is_done(world: World) -> None:
    async def story() -> None:

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


def test_jobs_found_at_start_run_without_being_added_again(world: World) -> None:
    async def story() -> None:
        await world.add("left behind")
        async with world.running(takes_a_second) as runner:
            await runner.idle()
        assert not await world.jobs.open("msp")

    in_virtual_time(story())


def test_a_job_waiting_for_its_input_lets_others_pass_and_then_goes_on(world: World) -> None:
    async def story() -> None:

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


def test_a_vendor_that_is_away_is_asked_again_with_growing_waits_and_nobody_passes(
    world: World,
) -> None:
    async def story() -> None:
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


def test_a_wait_the_vendor_asks_for_is_honoured_and_the_lease_is_free_meanwhile(
    world: World,
) -> None:
    async def story() -> None:
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


def test_an_unknown_outcome_runs_again_after_the_settle_time(world: World) -> None:
    async def story() -> None:
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


def test_more_open_jobs_than_a_page_are_all_found_at_start(world: World) -> None:
    async def story() -> None:
        for n in range(250):
            await world.add(f"job{n}", connection=f"connection{n % 130:03}")
        async with world.running(takes_a_second) as runner:
            await runner.idle()
        assert asyncio.get_running_loop().time() == pytest.approx(2)

    in_virtual_time(story())
