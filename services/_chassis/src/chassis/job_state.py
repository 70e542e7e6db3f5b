"""A job as it is stored, and the rule that says whose turn it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from chassis.records import Record, Records

COLLECTION = "jobs"
PAGE = 100


class State(StrEnum):
    """Where a job stands; `open` is running, waiting for its turn, or waiting for an instant."""

    OPEN = "open"
    FAILED = "failed"
    DONE = "done"


class JobFailure(BaseModel):
    """Why a job can not go on: a stable code with a runbook page, and one sentence."""

    model_config = ConfigDict(frozen=True)
    code: str
    text: str


class JobHead(BaseModel):
    """What the runner needs to know; payload and checkpoint lie behind it as bytes.

    `order` rises with every job a process adds: microseconds since the epoch, and at least one
    more than the last. Among jobs added by several processes it is as right as their clocks.
    `attempts` counts what ended without progress, `tries` those that the vendor caused.
    `keeps_turn`: it waits for the vendor, who would make the jobs behind it wait as well; a job
    that waits for its own input lets them pass.
    """

    model_config = ConfigDict(frozen=True)
    kind: str
    connection: str
    order: int
    payload_bytes: int = 0
    checkpoint_bytes: int | None = None
    fence: int = 0
    attempts: int = 0
    tries: int = 0
    not_before: datetime | None = None
    keeps_turn: bool = False
    why: str = ""  # what it waits for
    failure: JobFailure | None = None
    trace: str = ""  # the context of the command, so that whoever runs the job goes on in it


@dataclass(frozen=True, slots=True)
class Job:
    """One job. `done` keeps the head alone: it is there so that a repeated command adds nothing."""

    tenant: str
    id: str
    version: int
    state: State
    head: JobHead
    payload: bytes = b""
    checkpoint: bytes | None = None

    def changed(self, **fields: object) -> Job:
        """The same job with other values in its head."""
        return replace(self, head=self.head.model_copy(update=fields))

    def record(self) -> Record:
        """As stored: the head's line, the payload, the checkpoint."""
        checkpoint = self.checkpoint
        sizes = {
            "payload_bytes": len(self.payload),
            "checkpoint_bytes": None if checkpoint is None else len(checkpoint),
        }
        head = self.head.model_copy(update=sizes).model_dump_json(exclude_defaults=True).encode()
        tags = {"state": self.state.value}
        if self.state == State.OPEN:
            tags["lane"] = self.head.connection
        body = b"\n".join((head, self.payload + (checkpoint or b"")))
        return Record(self.tenant, COLLECTION, self.id, self.version, body, tags)


def job_from(record: Record) -> Job:
    """The job a record holds."""
    line, _, rest = record.body.partition(b"\n")
    head = JobHead.model_validate_json(line)
    cut = head.payload_bytes
    assert len(rest) == cut + (head.checkpoint_bytes or 0), "a stored job is whole"
    return Job(
        tenant=record.tenant,
        id=record.key,
        version=record.version,
        state=State(record.tags["state"]),
        head=head,
        payload=rest[:cut],
        checkpoint=None if head.checkpoint_bytes is None else rest[cut:],
    )


async def find_jobs(records: Records, tenant: str, tag: str, value: str) -> list[Job]:
    """All jobs of a tenant with that tag, in order of insertion."""
    jobs: list[Job] = []
    after = ""
    while True:
        page = await records.find(tenant, COLLECTION, tag, value, after=after, limit=PAGE)
        jobs.extend(job_from(record) for record in page)
        if len(page) < PAGE:
            return sorted(jobs, key=lambda job: (job.head.order, job.id))
        after = page[-1].key


def turn(jobs: Iterable[Job], now: datetime) -> Job | datetime | None:
    """The job whose turn it is among a lane's open ones in order, or when to ask again, or None."""
    later: datetime | None = None
    for job in jobs:
        not_before = job.head.not_before
        if not_before is None or not_before <= now:
            return job
        later = min(later or not_before, not_before)
        if job.head.keeps_turn:
            break
    return later


async def open_lanes(records: Records) -> list[tuple[str, str]]:
    """Tenant and connection of every lane with an open job."""
    lanes: dict[tuple[str, str], None] = {}
    after = ""
    while True:
        page = await records.sweep(COLLECTION, "state", State.OPEN, after=after, limit=PAGE)
        lanes.update(((record.tenant, record.tags["lane"]), None) for record in page)
        if len(page) < PAGE:
            return list(lanes)
        after = f"{page[-1].tenant}/{page[-1].key}"
