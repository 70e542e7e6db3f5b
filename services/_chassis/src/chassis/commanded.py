"""A command becomes a job; the id is derived from it, so a command that comes twice is one job."""

from __future__ import annotations

from chassis.jobs import Jobs
from schemas import frame
from schemas.ids import content_hash, derive_id
from schemas.messages import Head


async def add_commanded(jobs: Jobs, head: Head, connection: str, body: bytes) -> bool:
    """Store the job with the command as its payload, body inlined. False: it was there."""
    job_id = derive_id(
        "job",
        head.kind,
        head.tenant,
        head.run,
        head.revision,
        f"{head.source}/{head.document}",
        content_hash(body),
    )
    line = head.model_copy(update={"body": None}).model_dump_json().encode()
    return await jobs.add(head.tenant, connection, head.kind, job_id, frame.encode(line, body))
