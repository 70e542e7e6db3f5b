"""A connection's calls stay within its limits, whoever makes them and whatever is forgotten."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.clock import LoopClock
from chassis.errors import TransientError
from chassis.jobs import JobRunner, Jobs, RunnerSettings
from chassis.leases import Leases
from chassis.limits import Budget, Budgets, CallLimits
from chassis.service import JobRun
from support.memory_records import MemoryRecords
from support.virtual_loop import START, in_virtual_time

HALO = CallLimits(calls=28, window_s=3.0, block=20, patience_s=0.0)


def now_s() -> float:
    return asyncio.get_running_loop().time()


def most_in_any_window(times: list[float], window_s: float) -> int:
    return max(sum(start <= t < start + window_s - 1e-6 for t in times) for start in times)


def leases() -> Leases:
    return Leases(MemoryRecords(), LoopClock(START))


async def take(budget: Budget) -> None:
    """A call that is answered at once."""
    async with budget.call():
        pass


def test_a_job_of_many_calls_waits_by_its_checkpoint_and_keeps_28_calls_in_3_seconds() -> None:
    async def story() -> None:
        jobs = Jobs(MemoryRecords(), LoopClock(START))
        calls: list[float] = []
        runs = 0

        async def work(run: JobRun) -> None:
            nonlocal runs
            runs += 1
            budget = budgets.of(run.tenant, run.connection, HALO)
            for done in range(int(run.checkpoint or b"0"), 200):
                await take(budget)
                calls.append(now_s())
                await asyncio.sleep(0.01)
                await run.save(b"%d" % (done + 1))

        quick = RunnerSettings(wait_first_s=0.05)
        runner = JobRunner(jobs, {"work": work}, "one", quick, random.Random(1))
        budgets = Budgets(runner.leases)
        task = asyncio.create_task(runner.run())
        await asyncio.sleep(0)
        await jobs.add("msp", "halo", "work", "job", b"")
        await runner.idle()
        await runner.stop()
        await task
        assert len(calls) == 200
        assert most_in_any_window(calls, 3.0) == 28
        assert runs > 5, "it waited by checkpoint, not inside the job"
        assert calls[-1] < 27, "and the limit is made use of"

    in_virtual_time(story())


@settings(max_examples=40, derandomize=True, database=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 3))
def test_processes_together_stay_within_the_window_even_when_they_die(
    seed: int, calls: int, processes: int
) -> None:
    async def story() -> list[float]:
        rng, shared, times = random.Random(seed), leases(), list[float]()
        limits = replace(HALO, calls=calls)

        async def process() -> None:
            budget = Budget(shared, "msp", "halo", limits)
            while now_s() < 20:
                if rng.random() < 0.05:  # died: what it had booked is lost
                    budget = Budget(shared, "msp", "halo", limits)
                try:
                    await take(budget)
                except TransientError as error:
                    await asyncio.sleep((error.retry_after_s or 0) + 0.001)
                else:
                    times.append(now_s())
                    await asyncio.sleep(rng.choice([0.0, 0.01, 0.4]))

        await asyncio.gather(*(process() for _ in range(processes)))
        return times

    assert most_in_any_window(in_virtual_time(story()), 3.0) <= calls


def test_a_refused_take_says_exactly_when_there_is_a_call_again() -> None:
    async def story() -> None:
        budget = Budget(
            leases(), "msp", "halo", CallLimits(calls=2, window_s=10, block=2, patience_s=0.0)
        )
        await take(budget)
        await asyncio.sleep(0.5)
        await take(budget)
        with pytest.raises(TransientError, match="rate-limited") as refused:
            await take(budget)
        assert refused.value.retry_after_s == pytest.approx(10)
        await asyncio.sleep(10)
        await take(budget)

    in_virtual_time(story())


def test_what_the_vendor_asks_for_blocks_every_process_of_that_connection_only() -> None:
    async def story() -> None:
        shared = leases()
        one, two = (Budget(shared, "msp", "halo", HALO) for _ in range(2))
        await take(one)
        await one.block(60)
        await one.block(5)  # a shorter wish does not shorten the longer one
        for budget in (one, two):
            with pytest.raises(TransientError) as refused:
                await take(budget)
            assert refused.value.retry_after_s == pytest.approx(60)
        await take(Budget(shared, "msp", "pax8", HALO))
        await take(Budget(shared, "other tenant", "halo", HALO))
        await asyncio.sleep(60)
        await take(two)

    in_virtual_time(story())


def test_jobs_leave_the_reserve_to_short_calls() -> None:
    async def story() -> None:
        shared = leases()
        limits = CallLimits(calls=10, window_s=300, reserve=3)
        job = Budget(shared, "msp", "halo", limits)
        for _ in range(7):
            await take(job)
        with pytest.raises(TransientError):
            await take(job)
        short = Budget(shared, "msp", "halo", limits.outside_jobs())
        for _ in range(3):
            await take(short)
        with pytest.raises(TransientError):
            await take(short)

    in_virtual_time(story())


def test_a_day_has_its_own_limit() -> None:
    async def story() -> None:
        limits = CallLimits(calls=60, window_s=60, a_day=5)
        budget = Budget(leases(), "msp", "xero", limits)
        for _ in range(5):
            await take(budget)
        with pytest.raises(TransientError) as refused:
            await take(budget)
        assert refused.value.retry_after_s == pytest.approx(86_400)
        await asyncio.sleep(86_400)
        await take(budget)

    in_virtual_time(story())


def test_what_is_left_of_a_block_serves_the_next_job() -> None:
    async def story() -> None:
        budgets = Budgets(leases())
        for _ in range(28):  # as many jobs, one call each
            await take(budgets.of("msp", "halo", HALO))
        with pytest.raises(TransientError):
            await take(budgets.of("msp", "halo", HALO))

    in_virtual_time(story())


@settings(max_examples=60, derandomize=True, database=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 6))
def test_the_vendor_never_counts_too_many_though_calls_take_a_hundredth_of_its_window_to_arrive(
    seed: int, calls: int, at_once: int
) -> None:
    async def story() -> tuple[list[float], list[float]]:
        rng, arrived, answered = random.Random(seed), list[float](), list[float]()
        budget = Budget(leases(), "msp", "halo", CallLimits(calls=calls, window_s=3.0))

        async def caller() -> None:
            while now_s() < 20:
                async with budget.call():
                    await asyncio.sleep(rng.choice([0.0, 0.01, 0.03]))
                    arrived.append(now_s())
                    await asyncio.sleep(rng.choice([0.0, 0.1, 2.0]))
                answered.append(now_s())

        await asyncio.gather(*(caller() for _ in range(at_once)))
        return sorted(arrived), answered

    arrived, answered = in_virtual_time(story())
    assert most_in_any_window(arrived, 3.0) <= calls
    assert len(answered) == len(arrived) > 0


def test_a_limit_is_made_use_of_to_a_twentieth_while_answers_take_their_time() -> None:
    async def story() -> float:
        budget = Budget(leases(), "msp", "halo", CallLimits(calls=28, window_s=3.0))

        async def caller() -> None:
            for _ in range(140):
                async with budget.call():
                    await asyncio.sleep(0.1)

        await asyncio.gather(caller(), caller())
        return now_s()

    windows_s, last_calls_s = 9 * 3.0, 14 * 0.1
    assert windows_s < in_virtual_time(story()) - last_calls_s < 1.05 * windows_s


def test_a_short_wait_for_the_window_is_waited_out_and_a_long_one_is_told() -> None:
    async def story() -> None:
        short = Budget(leases(), "msp", "halo", CallLimits(calls=2, window_s=10))
        for _ in range(6):
            await take(short)
        assert 20.0 < asyncio.get_running_loop().time() < 20.5
        long = Budget(leases(), "msp", "halo", CallLimits(calls=2, window_s=60))
        await take(long)
        await take(long)
        with pytest.raises(TransientError):
            await take(long)

    in_virtual_time(story())


def test_calls_of_a_dead_process_count_as_if_they_had_been_made_at_the_last_moment() -> None:
    async def story() -> None:
        shared = leases()
        limits = CallLimits(calls=20, window_s=3.0, block=20, patience_s=0.0)
        dies = Budget(shared, "msp", "halo", limits)
        await take(dies)
        await asyncio.sleep(0.29)
        for _ in range(19):
            await take(dies)
        await asyncio.sleep(2.8)  # 3.09 s after the block was booked
        with pytest.raises(TransientError) as refused:
            await take(Budget(shared, "msp", "halo", limits))
        assert refused.value.retry_after_s == pytest.approx(0.21)

    in_virtual_time(story())
