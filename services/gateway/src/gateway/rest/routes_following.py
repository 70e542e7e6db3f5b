"""What a program asks again and again while it waits: how far it is, and what stands in the way."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel

from chassis.errors import PermanentError
from chassis.job_state import Job
from chassis.parked import COLLECTION as PARKED
from gateway.domain.access import Principal, Scope
from gateway.domain.run import Counts
from gateway.rest.api import Reader, Runner, principal_of
from gateway.rest.writing import WriteRoute
from schemas.messages import PostingRefused

router = APIRouter(route_class=WriteRoute, tags=["runs"])

RunId = Annotated[str, Path(max_length=128)]


class WhoAsks(BaseModel):
    """Whose key that is; `tenant` is null for an operator's."""

    name: str
    tenant: str | None
    scopes: list[Scope]


class UndoAnswered(BaseModel):
    """The plans whose undo was answered, and what could not be taken back."""

    answered: list[str]
    refused: list[PostingRefused]


class Drafts(BaseModel):
    """The newest snapshot of the source's draft items; revision 0 before the first."""

    revision: int
    snapshot: str
    rows_read: int


class FailedJob(BaseModel):
    """A job that can not go on, and why."""

    id: str
    kind: str
    code: str
    text: str


class Waiting(BaseModel):
    """What waits for a person outside of runs: messages that are parked, jobs that failed."""

    parked: int
    failed: list[FailedJob]


@router.get("/auth/key", tags=["keys"])
async def read_key(principal: Annotated[Principal, Depends(principal_of)]) -> WhoAsks:
    """Whose key this request came with."""
    return WhoAsks(name=principal.name, tenant=principal.tenant, scopes=sorted(principal.scopes))


@router.get("/tenants/{tenant}/runs/{run}/progress")
async def read_progress(caller: Reader, run: RunId) -> Counts:
    """How many of the run's batches stand where; cheap enough to ask all the time."""
    queries = caller.api.gateway.queries
    return await queries.counts(await queries.run(caller.tenant, run))


@router.get("/tenants/{tenant}/runs/{run}/undone")
async def read_undone(
    caller: Reader, run: RunId, revision: Annotated[int, Query(ge=0)]
) -> UndoAnswered:
    """What came of an undo, by the revision that it was answered with."""
    queries = caller.api.gateway.queries
    await queries.run(caller.tenant, run)
    return UndoAnswered(
        answered=await queries.undo_answered(caller.tenant, run, revision),
        refused=await queries.undo_refused(caller.tenant, run, revision),
    )


@router.get("/tenants/{tenant}/drafts")
async def read_newest_drafts(caller: Reader) -> Drafts:
    """The snapshot that `POST …/drafts/read` has led to."""
    revision, snapshot, rows = await caller.api.gateway.queries.drafts(caller.tenant)
    return Drafts(revision=revision, snapshot=snapshot, rows_read=rows)


@router.get("/tenants/{tenant}/waiting")
async def read_waiting(caller: Reader) -> Waiting:
    """Nothing here, or somebody has to look."""
    jobs = caller.api.gateway.jobs
    parked = await jobs.records.count(caller.tenant, PARKED, "state", "parked")
    return Waiting(parked=parked, failed=[_told(job) for job in await jobs.failed(caller.tenant)])


@router.post("/tenants/{tenant}/jobs/{job}/retry", status_code=HTTPStatus.ACCEPTED)
async def retry_job(caller: Runner, job: Annotated[str, Path(max_length=128)]) -> Waiting:
    """Let a failed job go on from where it stopped; what still waits after that."""
    await caller.audit("job-retried", about=job)
    if not await caller.api.gateway.jobs.retry(caller.tenant, job):
        raise PermanentError("job-unknown", f"there is no failed job {job}")
    return await read_waiting(caller)


def _told(job: Job) -> FailedJob:
    failure = job.head.failure
    code, text = (failure.code, failure.text) if failure is not None else ("", "")
    return FailedJob(id=job.id, kind=job.head.kind, code=code, text=text)
