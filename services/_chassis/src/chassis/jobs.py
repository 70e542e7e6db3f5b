"""Jobs: the work that talks to vendors, one at a time per connection, in order, over all replicas.

    add ─▶ open ──run──▶ done
            │ ▲ └─ JobWaits, TransientError, UnknownOutcome: open again, not before …
            │ └─ retry (a person)
            └─ PermanentError, a bug, too many tries ─▶ told to the service ─▶ failed

The lease keeps a second owner from starting; `chassis.job_run` refuses what a late one writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from structlog.typing import FilteringBoundLogger

from chassis.errors import PermanentError, TransientError, UnknownOutcome
from chassis.job_run import JobKind, JobStops, RunningJob, failure_of, leading
from chassis.job_settings import WAIT_MIN_S, RunnerSettings
from chassis.job_state import Job, JobFailure, State, find_jobs, open_lanes, turn
from chassis.job_store import Jobs
from chassis.leases import HeldElsewhere, Lease, Leases
from chassis.log import logger
from chassis.service import JobRun, JobWaits, LeaseLost
from chassis.telemetry import metrics, span

__all__ = ["Job", "JobFailure", "JobKind", "JobRunner", "Jobs", "RunnerSettings"]


@dataclass(eq=False)
class _Lane:
    """One connection of one tenant, while it has open jobs."""

    tenant: str
    connection: str
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    troubles: int = 0  # times in a row that the store was away


class JobRunner:
    """Runs the jobs of all services of this process, lane by lane.

    A lane wakes when a job is added, when a wait is over, and at each sweep (for what others
    added or left). `owner` is unique to this start of the process.
    """

    def __init__(
        self,
        jobs: Jobs,
        handlers: Mapping[str, Callable[[JobRun], Awaitable[None]]],
        owner: str,
        settings: RunnerSettings | None = None,
        rng: random.Random | None = None,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self._jobs = jobs
        self._records = jobs.records
        self._clock = jobs.clock
        self._kinds = {
            kind: job if isinstance(job, JobKind) else JobKind(job)
            for kind, job in handlers.items()
        }
        self._owner = owner
        self._settings = settings or RunnerSettings()
        self._rng = rng or random.Random()  # noqa: S311 - spreads waits, protects nothing
        self._log = log or logger("jobs")
        self.leases = Leases(self._records, self._clock, self._settings.ttl_s)
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._empty = asyncio.Event()
        self._stopping = asyncio.Event()
        jobs.on_added = self.wake

    async def run(self) -> None:
        """Run jobs until `stop`."""
        async with asyncio.TaskGroup() as self._tasks:
            try:
                while not self._stopping.is_set():
                    with contextlib.suppress(TransientError):  # the store is away: the next sweep
                        await self._sweep()
                    await _either(self._stopping, self._settings.sweep_s)
            finally:  # jobs may still be added, for the next process to run
                self._stopping.set()

    async def stop(self) -> None:
        """Start nothing more; what is in hand gets a while to reach its next checkpoint."""
        self._stopping.set()
        for lane in self._lanes.values():
            lane.woken.set()
        if self._lanes:
            await _either(self._empty, self._settings.drain_s)
        for lane in list(self._lanes.values()):
            if lane.task is not None:
                lane.task.cancel()

    async def idle(self) -> None:
        """Return when no job is open in the store, neither running nor waiting (or at a stop)."""
        while not self._stopping.is_set() and await self._sweep():
            await self._empty.wait()

    def wake(self, tenant: str, connection: str) -> None:
        """Look at a lane now."""
        lane = self._lanes.get((tenant, connection))
        if lane is not None:
            lane.woken.set()
        elif self._tasks is not None and not self._stopping.is_set():
            lane = self._lanes[tenant, connection] = _Lane(tenant, connection)
            self._empty.clear()
            lane.task = self._tasks.create_task(self._serve(lane))

    async def _sweep(self) -> bool:
        """Wake every lane that has an open job; False: there is none."""
        lanes = await open_lanes(self._records)
        for tenant, connection in lanes:
            self.wake(tenant, connection)
        return bool(lanes)

    async def _serve(self, lane: _Lane) -> None:
        """Work a lane off, rest until there may be more, leave when nothing is open."""
        try:
            while not self._stopping.is_set():
                lane.woken.clear()
                rest_s = await self._look(lane)
                if rest_s is None and not lane.woken.is_set():
                    break
                await _either(lane.woken, rest_s or 0.0)
        finally:
            del self._lanes[lane.tenant, lane.connection]
            if not self._lanes:
                self._empty.set()

    async def _look(self, lane: _Lane) -> float | None:
        """Seconds after which to look again; None: nothing is open."""
        try:
            rest_s = await self._work_off(lane)
        except LeaseLost as lost:
            metrics.add(metrics.LEASES_LOST)
            self._log.info(
                "lease-lost", tenant=lane.tenant, connection=lane.connection, why=str(lost)
            )
            return 0.0
        except TransientError as error:
            self._log.warning("store-away", tenant=lane.tenant, code=error.code, text=error.text)
            lane.troubles += 1
            return self._settings.backoff_s(lane.troubles - 1, self._rng)
        lane.troubles = 0
        return rest_s

    async def _work_off(self, lane: _Lane) -> float | None:
        found = await self._next(lane)
        if not isinstance(found, Job):
            return found
        lease = await self.leases.claim(
            lane.tenant, lane.connection, self._owner, take_over=self._settings.take_over
        )
        if isinstance(lease, HeldElsewhere):
            return self._seconds_until(lease.until)
        beat = asyncio.create_task(self._renew(lease))
        try:
            while not self._stopping.is_set():
                found = await self._next(lane)
                if not isinstance(found, Job):
                    return found
                await self._work(found, lease)
        finally:
            beat.cancel()
            await lease.release()
        return None

    async def _next(self, lane: _Lane) -> Job | float | None:
        """The job whose turn it is; or the seconds to rest; or None when nothing is open."""
        jobs = await find_jobs(self._records, lane.tenant, "lane", lane.connection)
        found = turn(jobs, self._clock.now())
        if isinstance(found, datetime):
            return self._seconds_until(found)
        if found is None or found.head.kind in self._kinds or self._settings.take_over:
            return found
        return self._settings.sweep_s  # the turn is another service's

    async def _work(self, job: Job, lease: Lease) -> None:
        """Run one job up to its end, its next wait, or its failure."""
        await lease.renew()
        run = RunningJob(job, lease, self._records, self._stopping.is_set)
        await run.start()
        try:
            with metrics.timed(metrics.JOB, kind=run.kind), _span(run):
                await self._call(run)
        except Exception as raised:  # noqa: BLE001 - the jobs' delivery: each failure is answered
            await self._answer(run, leading(raised))

    async def _call(self, run: RunningJob) -> None:
        kind, failure = self._kinds.get(run.kind), run.job.head.failure
        if failure is not None:
            if kind is not None and kind.failed is not None:
                await kind.failed(run, failure)
            await run.end(State.FAILED)
        elif kind is None:
            raise PermanentError("unknown-job", f"nothing here runs jobs of kind {run.kind}")
        else:
            await kind.run(run)
            await run.end(State.DONE)

    async def _answer(self, run: RunningJob, raised: Exception) -> None:
        """What each kind of failure asks for."""
        match raised:
            case LeaseLost():
                raise raised
            case JobStops():
                return
            case JobWaits():
                until = self._in(max(raised.seconds, WAIT_MIN_S))
                await run.wait(until, raised.why, keeps_turn=False)
            case TransientError() | UnknownOutcome() if self._settings.may_try(
                run.kind, run.job.head.tries
            ):
                wait_s = self._settings.wait_s(raised, run.job.head.tries, self._rng)
                self._log.info(
                    "job-waits", **_about(run), code=raised.code, wait_s=round(wait_s, 3)
                )
                await run.wait(self._in(wait_s), raised.code, keeps_turn=True)
            case _:
                await self._fail(run, raised)

    async def _fail(self, run: RunningJob, raised: Exception) -> None:
        """First the failure is stored, then the service is told, then the job is failed."""
        failure = failure_of(raised)
        self._log.error("job-failed", **_about(run), code=failure.code, text=failure.text)
        if run.job.head.failure is None:
            await run.fail(failure)
        else:  # telling failed as well: what is kept is the first failure
            await run.end(State.FAILED)

    async def _renew(self, lease: Lease) -> None:
        """Keep the lease while a job is in hand; whether it is lost, its next write finds out."""
        with contextlib.suppress(LeaseLost):
            while True:
                await self._clock.sleep(self._settings.ttl_s / 3)
                with contextlib.suppress(TransientError):
                    await lease.renew()

    def _in(self, seconds: float) -> datetime:
        return self._clock.now() + timedelta(seconds=seconds)

    def _seconds_until(self, instant: datetime) -> float:
        return max((instant - self._clock.now()).total_seconds(), 0.0)


def _span(run: RunningJob) -> AbstractContextManager[None]:
    head = run.job.head
    about = {"tenant": run.tenant, "connection": run.connection, "kind": run.kind, "job": run.id}
    return span("job", parent=head.trace, attempts=head.attempts, **about)


def _about(run: RunningJob) -> dict[str, str | int]:
    return {
        "tenant": run.tenant,
        "connection": run.connection,
        "job": run.id,
        "kind": run.kind,
        "attempts": run.attempts,
    }


async def _either(event: asyncio.Event, seconds: float) -> None:
    """Until the event is set, at most so long, and always one turn of the loop."""
    if seconds <= 0:
        await asyncio.sleep(0)
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
