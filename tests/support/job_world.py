"""Jobs on a store, a runner for them, and what happened in them, with the time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from chassis.clock import LoopClock
from chassis.jobs import JobRunner, Jobs, RunnerSettings
from chassis.records import Records
from chassis.service import JobRun
from support.virtual_loop import START

Job = Callable[[JobRun], Awaitable[None]]
QUICK = RunnerSettings(ttl_s=30, settle_s=10, wait_first_s=1, wait_max_s=60, sweep_s=5)


class World:
    """A store, its jobs, and what happened in them, with the time."""

    def __init__(self, records: Records) -> None:
        self.records = records
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
