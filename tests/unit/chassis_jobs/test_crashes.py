"""Whenever a process dies and however the store behaves: every job ends once, nobody overlaps."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.clock import LoopClock
from chassis.embedded.store import EmbeddedStore
from chassis.embedded.writer import InlineExecutor
from chassis.errors import TransientError
from chassis.jobs import JobRunner, Jobs, RunnerSettings
from chassis.records import Records
from chassis.service import JobRun, JobWaits, LeaseLost
from support.memory_records import MemoryRecords, Pause, Shelf, no_pause
from support.virtual_loop import START, in_virtual_time

STEPS = 3
WAITING = RunnerSettings(ttl_s=30, wait_first_s=0.5, wait_max_s=5, sweep_s=5)
TAKING_OVER = RunnerSettings(ttl_s=30, wait_first_s=0.5, wait_max_s=5, sweep_s=5, take_over=True)


class Died(BaseException):
    """The process is gone: nothing catches it, and its finally blocks reach nothing any more."""


class Mortal:
    """Ends its process at the n-th touch of the store."""

    def __init__(self, touches: int) -> None:
        self.touches = touches

    async def __call__(self) -> None:
        self.touches -= 1
        await asyncio.sleep(0)
        if self.touches < 0:
            raise Died


class Memory:
    """A store that outlives its processes."""

    def __init__(self, _folder: Path) -> None:
        self.shelf: Shelf = {}

    def opened(self, pause: Pause = no_pause) -> Records:
        return MemoryRecords(self.shelf, pause)

    def close(self) -> None:
        pass


class Folder:
    """A data folder, opened by one process after another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store: EmbeddedStore | None = None

    def opened(self, pause: Pause = no_pause) -> Records:
        self.close()
        executor = InlineExecutor(pause)
        self.store = EmbeddedStore.open(self.folder, executor=executor, durability="OFF")
        return self.store.records

    def close(self) -> None:
        if self.store is not None:
            self.store.close()


async def run_until_death(runner: JobRunner) -> bool:
    """True if it died before all jobs were done."""
    task = asyncio.create_task(runner.run())
    await asyncio.sleep(0)
    idle = asyncio.create_task(runner.idle())
    await asyncio.wait({task, idle}, return_when=asyncio.FIRST_COMPLETED)
    died = task.done() or isinstance(idle.exception(), Died)
    for each in (task, idle):
        each.cancel()
    for each in (task, idle):
        with contextlib.suppress(asyncio.CancelledError, Died, BaseExceptionGroup):
            await each
    return died


@pytest.mark.parametrize("storage", [Memory, Folder])
@pytest.mark.parametrize("successor", [WAITING, TAKING_OVER], ids=["waiting", "taking over"])
def test_a_death_at_any_touch_of_the_store_loses_nothing_and_keeps_the_order(
    successor: RunnerSettings, storage: type[Memory | Folder], tmp_path: Path
) -> None:
    async def story(touches: int) -> bool:
        disk = storage(tmp_path / str(touches))
        clock = LoopClock(START)
        steps: list[tuple[str, int]] = []
        fences: list[int] = []

        async def work(run: JobRun) -> None:
            fences.append(run.fence)
            for step in range(int(run.checkpoint or b"0"), STEPS):
                await run.guard()
                steps.append((run.id, step))
                await asyncio.sleep(1)
                await run.save(b"%d" % (step + 1))

        before = Jobs(disk.opened(), clock)
        for job_id in ("c", "a", "b"):
            await before.add("msp", "halo", "work", job_id, b"")
        mortal = Jobs(disk.opened(Mortal(touches)), clock)
        died = await run_until_death(JobRunner(mortal, {"work": work}, "first", WAITING))
        after = Jobs(disk.opened(), clock)
        assert not await run_until_death(JobRunner(after, {"work": work}, "next", successor))

        assert await after.open("msp") == []
        assert await after.failed("msp") == []
        disk.close()
        once = [step for step, _ in itertools.groupby(steps)]
        assert once == [(job, step) for job in "cab" for step in range(STEPS)]
        assert len(steps) <= len(once) + 1, "only the step in hand is repeated"
        assert fences == sorted(fences)
        return died

    touches = next(n for n in itertools.count() if not in_virtual_time(story(n)))
    assert touches > 40, "the deaths were spread over the whole story"


@dataclass
class Oracle:
    """Who was at work on which lane, and in which order jobs ended."""

    at_work: dict[str, str] = field(default_factory=dict)
    overlaps: list[str] = field(default_factory=list)
    ended: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    zombies: set[str] = field(default_factory=set)
    runs: int = 0

    def enters(self, lane: str, who: str) -> None:
        self.runs += 1
        other = self.at_work.get(lane)
        if other is not None and other.split("/")[0] not in self.zombies:
            self.overlaps.append(f"{who} beside {other} on {lane}")
        self.at_work[lane] = who

    def leaves(self, lane: str, who: str) -> None:
        if self.at_work.get(lane) == who:
            del self.at_work[lane]


class Unsteady:
    """A store that is slow, fails before and after the effect, and may end its process."""

    def __init__(self, rng: random.Random, owner: str, oracle: Oracle) -> None:
        self.rng, self.owner, self.oracle = rng, owner, oracle

    async def __call__(self) -> None:
        await asyncio.sleep(self.rng.choice([0.0, 0.0, 0.01, 0.2, 1.0]))
        if self.owner in self.oracle.zombies:
            raise Died
        if self.rng.random() < 0.03:
            raise TransientError("store-away", "drawn")


async def history(seed: int) -> Oracle:
    """Two replicas, one of which dies and comes back under another name, on three lanes."""
    rng, shelf, oracle = random.Random(seed), Shelf(), Oracle()
    clock = LoopClock(START)

    def runner(owner: str) -> JobRunner:
        async def work(run: JobRun) -> None:
            lane, who = run.connection, f"{owner}/{run.id}"
            oracle.enters(lane, who)
            try:
                for step in range(int(run.checkpoint or b"0"), STEPS):
                    await asyncio.sleep(rng.choice([0.0, 0.1, 3.0, 20.0]))
                    await run.guard()
                    await run.save(b"%d" % (step + 1))
                    if rng.random() < 0.1:
                        raise JobWaits(rng.random() * 5, "drawn")
                    if rng.random() < 0.1:
                        raise TransientError("vendor-away", "drawn")
                oracle.ended[lane].append(run.id)
            finally:
                oracle.leaves(lane, who)

        jobs = Jobs(MemoryRecords(shelf, Unsteady(rng, owner, oracle)), clock)
        return JobRunner(jobs, {"work": work}, owner, WAITING, random.Random(seed))

    living = asyncio.create_task(runner("b").run())
    dying = asyncio.create_task(runner("a").run())
    adding = Jobs(MemoryRecords(shelf), clock)
    for n in range(12):
        await adding.add("msp", f"lane{n % 3}", "work", f"job{rng.randrange(10**6):06}", b"")
        await asyncio.sleep(rng.choice([0.0, 0.5, 5.0]))
    oracle.zombies.add("a")
    dying.cancel()
    with contextlib.suppress(asyncio.CancelledError, BaseExceptionGroup):
        await dying
    back = asyncio.create_task(runner("a again").run())
    async with asyncio.timeout(5_000):
        while await adding.open("msp"):  # noqa: ASYNC110 - the replicas' events are their own
            await asyncio.sleep(1)
    for task in (living, back):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, BaseExceptionGroup):
            await task
    assert await adding.failed("msp") == []
    return oracle


@settings(max_examples=60, derandomize=True, database=None)
@given(st.integers(0, 2**32))
def test_replicas_on_one_store_never_work_on_one_connection_at_once(seed: int) -> None:
    oracle = in_virtual_time(history(seed))
    assert oracle.overlaps == []
    assert sum(len(set(ended)) for ended in oracle.ended.values()) == 12


def test_a_seed_replays_exactly() -> None:
    first, second = in_virtual_time(history(11)), in_virtual_time(history(11))
    assert first == second
    assert first.runs > 12


def test_a_job_that_is_frozen_past_its_lease_writes_nothing_when_it_thaws() -> None:
    """The process hangs (no heartbeat), another takes over after the lease, then it wakes up."""

    async def story() -> None:
        shelf: Shelf = {}
        clock = LoopClock(START)
        met: list[str] = []

        async def hangs_while_frozen() -> None:
            if 1 <= asyncio.get_running_loop().time() < 100:
                await asyncio.sleep(100 - asyncio.get_running_loop().time())

        async def frozen(run: JobRun) -> None:
            await asyncio.sleep(5)
            try:
                await run.guard()
            except LeaseLost:
                met.append("no write")
                raise
            met.append("write")

        async def work(run: JobRun) -> None:
            met.append(f"taken over at {asyncio.get_running_loop().time():.0f}")

        hanging = Jobs(MemoryRecords(shelf, hangs_while_frozen), clock)
        awake = Jobs(MemoryRecords(shelf), clock)
        first = asyncio.create_task(JobRunner(hanging, {"work": frozen}, "one", WAITING).run())
        await asyncio.sleep(0)
        await hanging.add("msp", "halo", "work", "job", b"")
        await asyncio.sleep(2)
        second = JobRunner(awake, {"work": work}, "two", WAITING)
        task = asyncio.create_task(second.run())
        await asyncio.sleep(200)
        assert met == ["taken over at 30", "no write"]
        for each in (first, task):
            each.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await each

    in_virtual_time(story())
