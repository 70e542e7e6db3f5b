"""A command becomes a job; the id is derived from it, so a command that comes twice is one job."""

from __future__ import annotations

from chassis.jobs import Jobs
from schemas import frame
from schemas.ids import content_hash, derive_id
from schemas.messages import Head


async def add_commanded(
    jobs: Jobs, head: Head, connection: str, body: bytes, kind: str | None = None
) -> bool:
    """Store the job with the command as its payload, body inlined. False: it was there.

    `kind`: what runs it, where that is not named like the command.
    """
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
    kind = kind or head.kind
    return await jobs.add(head.tenant, connection, kind, job_id, frame.encode(line, body))
