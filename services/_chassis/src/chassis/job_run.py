"""A job while it runs: what the job is handed, and what its end or failure writes.

Whoever starts a job stamps its record, so a late owner's compare-and-set on it fails (LeaseLost):
a checkpoint written before the stamp is the one the new owner goes on from, later ones are refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from chassis.errors import Failure, PermanentError, TransientError, UnknownOutcome
from chassis.job_state import Job, JobFailure, State
from chassis.leases import Lease
from chassis.log import redact
from chassis.records import Records
from chassis.service import JobRun, JobWaits, LeaseLost


@dataclass(frozen=True)
class JobKind:
    """How one kind of job is run, and how the service turns its failure for good into a fact.

    `failed` runs under the same lease before the job is marked failed; it may come twice.
    """

    run: Callable[[JobRun], Awaitable[None]]
    failed: Callable[[JobRun, JobFailure], Awaitable[None]] | None = None

    async def __call__(self, run: JobRun) -> None:
        """Run it: a kind can stand wherever a plain job can."""
        await self.run(run)


class JobStops(Exception):  # noqa: N818 - an instruction, not an error
    """The process stops: the job goes on from the checkpoint it has just stored."""


class RunningJob:
    """The JobRun a job is handed. Every write is a compare-and-set on the job's own record."""

    def __init__(
        self, job: Job, lease: Lease, records: Records, stopping: Callable[[], bool]
    ) -> None:
        self.job = job
        self._lease = lease
        self._records = records
        self._stopping = stopping

    @property
    def id(self) -> str:
        return self.job.id

    @property
    def tenant(self) -> str:
        return self.job.tenant

    @property
    def connection(self) -> str:
        return self.job.head.connection

    @property
    def kind(self) -> str:
        return self.job.head.kind

    @property
    def payload(self) -> bytes:
        return self.job.payload

    @property
    def checkpoint(self) -> bytes | None:
        return self.job.checkpoint

    @property
    def attempts(self) -> int:
        """The tries since the last progress: 0 at first."""
        return self.job.head.attempts

    @property
    def fence(self) -> int:
        return self._lease.fence

    async def save(self, checkpoint: bytes) -> None:
        """Store the checkpoint, or LeaseLost. One that differs is progress: tries count anew."""
        saved = replace(self.job, checkpoint=checkpoint)
        if checkpoint != self.checkpoint:
            saved = saved.changed(attempts=0, tries=0)
        await self._store(saved)
        if self._stopping():
            raise JobStops

    async def guard(self) -> None:
        """Compare the fence and renew the lease, or LeaseLost: the last step before a write."""
        await self._lease.renew()

    async def start(self) -> None:
        """Stamp the record with our fence: from now on an earlier owner can write nothing."""
        if self.job.head.fence > self.fence:
            raise LeaseLost(f"job {self.id} was started under fence {self.job.head.fence}")
        await self._store(
            self.job.changed(fence=self.fence, not_before=None, keeps_turn=False, why="")
        )

    async def wait(self, until: datetime, why: str, *, keeps_turn: bool) -> None:
        """Come back later; a wait that keeps its turn is one for the vendor, and has a limit."""
        tries = self.job.head.tries + (1 if keeps_turn else 0)
        await self._store(
            self.job.changed(
                not_before=until,
                why=why,
                keeps_turn=keeps_turn,
                attempts=self.attempts + 1,
                tries=tries,
            )
        )

    async def fail(self, failure: JobFailure) -> None:
        """Remember the failure; the service is told next, and then the job ends."""
        await self._store(self.job.changed(failure=failure, attempts=0, tries=0))

    async def end(self, state: State) -> None:
        """Out of the lane: `done` keeps the head alone, `failed` keeps all."""
        ended = replace(self.job, state=state)
        if state == State.DONE:
            ended = replace(ended, payload=b"", checkpoint=None)
        await self._store(ended)

    async def _store(self, job: Job) -> None:
        if not await self._records.replace(job.record()):
            raise LeaseLost(f"job {self.id} was changed by another owner")
        self.job = replace(job, version=job.version + 1)


def leading(raised: Exception) -> Exception:
    """The failure that decides: of a group (steps side by side) the gravest."""
    if not isinstance(raised, ExceptionGroup):
        return raised
    return max((leading(inner) for inner in raised.exceptions), key=_weight)


def _weight(raised: Exception) -> int:
    order = (JobStops, JobWaits, TransientError, UnknownOutcome, PermanentError)
    if isinstance(raised, LeaseLost):
        return len(order) + 1
    return next((n for n, kind in enumerate(order) if isinstance(raised, kind)), len(order))


def failure_of(raised: Exception) -> JobFailure:
    """What is kept of it. Whatever was not planned is a bug, told with the place it came from."""
    if isinstance(raised, Failure):
        return JobFailure(code=raised.code, text=redact(raised.text))
    frame = raised.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f" ({frame.tb_frame.f_code.co_qualname}:{frame.tb_lineno})" if frame else ""
    return JobFailure(code="bug", text=redact(f"{type(raised).__name__}: {raised}{place}"))
