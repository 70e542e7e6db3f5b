"""The jobs in the store: adding, listing, and what a person does with a failed one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chassis.clock import Clock
from chassis.job_state import COLLECTION, Job, JobHead, State, find_jobs, job_from
from chassis.records import Records
from chassis.telemetry import tracing

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Jobs:
    """The jobs in the store. One of it per process: it knows the order in which they came."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self.records = records
        self.clock = clock
        self.on_added: Callable[[str, str], None] | None = None  # set by the runner
        self._order = 0

    async def add(
        self, tenant: str, connection: str, kind: str, job_id: str, payload: bytes
    ) -> bool:
        """Insert if absent and wake the runner. False: the command came before."""
        head = JobHead(
            kind=kind,
            connection=connection,
            order=self._next_order(),
            trace=tracing.traceparent(),
        )
        job = Job(tenant, job_id, version=1, state=State.OPEN, head=head, payload=payload)
        added = await self.records.insert(job.record())
        self._wake(job)
        return added

    async def get(self, tenant: str, job_id: str) -> Job | None:
        """The job as stored."""
        record = await self.records.get(tenant, COLLECTION, job_id)
        return job_from(record) if record else None

    async def open(self, tenant: str) -> list[Job]:
        """What is running or waiting, in order; `head.why` says for what."""
        return await find_jobs(self.records, tenant, "state", State.OPEN)

    async def failed(self, tenant: str) -> list[Job]:
        """What waits for a person, in order; `head.failure` says why."""
        return await find_jobs(self.records, tenant, "state", State.FAILED)

    async def retry(self, tenant: str, job_id: str) -> bool:
        """Put a failed job at the end of its lane; it goes on from its checkpoint."""
        job = await self.get(tenant, job_id)
        if job is None or job.state != State.FAILED:
            return False
        again = replace(job, state=State.OPEN).changed(
            failure=None, attempts=0, not_before=None, keeps_turn=False, order=self._next_order()
        )
        written = await self.records.replace(again.record())
        self._wake(again)
        return written

    def _next_order(self) -> int:
        """Time in microseconds, but always one more than before: see `JobHead.order`."""
        self._order = max(self._order + 1, (self.clock.now() - EPOCH) // MICROSECOND)
        return self._order

    def _wake(self, job: Job) -> None:
        if self.on_added is not None:
            self.on_added(job.tenant, job.head.connection)
