"""Runs: begin one, look at it, approve, apply, take back; its statement and its plans."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from gateway.domain.approval import Approval
from gateway.domain.run import Run, Stage
from gateway.queries import BatchView
from gateway.rest.api import Approver, Reader, Runner
from gateway.rest.paging import Cursor, Limit, Page, after, page
from gateway.rest.writing import WriteRoute
from schemas.messages import DocumentEntry
from schemas.selection import WHOLE, Selection
from schemas.statement import Statement

router = APIRouter(route_class=WriteRoute, tags=["runs"])

RunId = Annotated[str, Path(max_length=128)]
SourceAsked = Annotated[str, Query(pattern=r"^[a-z0-9-]{1,32}$")]
Id = Annotated[str, Field(max_length=128)]
Ids = Annotated[list[Id], Field(max_length=10_000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewRun(_Body):
    """A pass over one document; without the approvals it waits for them."""

    source: str = Field(default="pax8", pattern=r"^[a-z0-9-]{1,32}$")
    document: str = Field(min_length=1, max_length=200)
    approve_items: bool = False
    automatic: bool = False
    canary: int = Field(default=1, ge=0, le=100)


class Listing(_Body):
    """Which documents to ask the source for."""

    source: str = Field(default="pax8", pattern=r"^[a-z0-9-]{1,32}$")
    since: str | None = Field(default=None, pattern=r"^\d{4}-\d{2}-\d{2}$")


class Chosen(_Body):
    """Batches of a run; none named means all that can be."""

    only: Ids = []
    canary: int | None = Field(default=None, ge=0, le=100)


class Approving(Chosen):
    """`seen`: the hash of each plan that was looked at, by batch; then it is exactly those."""

    seen: dict[Id, Id] | None = Field(default=None, max_length=10_000)


class Commanded(BaseModel):
    """What was begun: the revision that its answers will carry, and the run, if it is one."""

    run: str | None = None
    revision: int | None = None
    count: int | None = None
    waits: int | None = None  # plans that wait for a second person's approval
    plans: list[str] = []  # those of an undo


class Documents(BaseModel):
    """The documents as the source listed them last; `problem` says why it could not."""

    items: list[DocumentEntry]
    revision: int
    problem: str | None
    text: str


@router.post("/tenants/{tenant}/documents/list", status_code=HTTPStatus.ACCEPTED)
async def list_at_source(caller: Runner, asked: Listing) -> Commanded:
    """Ask the source which documents it has; `GET …/documents` has the answer."""
    await caller.audit("documents-listed", about=asked.source)
    runs = caller.api.gateway.runs
    revision = await runs.list_documents(caller.tenant, asked.source, asked.since)
    return Commanded(revision=revision)


@router.get("/tenants/{tenant}/documents")
async def read_documents(caller: Reader, source: SourceAsked = "pax8") -> Documents:
    """What the source's newest listing said."""
    found = await caller.api.gateway.queries.listing(caller.tenant, source)
    return Documents(
        items=list(found.documents), revision=found.listed, problem=found.problem, text=found.text
    )


@router.post("/tenants/{tenant}/runs", status_code=HTTPStatus.ACCEPTED)
async def start_run(caller: Runner, asked: NewRun) -> Commanded:
    """Begin a run over one document. It reads, resolves and plans; applying waits for approval."""
    choices = asked.model_dump(include={"approve_items", "automatic", "canary"})
    choices["planned_by"] = caller.principal.person
    await caller.audit("run-started", about=asked.document, after=choices)
    runs = caller.api.gateway.runs
    return Commanded(run=await runs.start(caller.tenant, asked.source, asked.document, **choices))


@router.get("/tenants/{tenant}/runs")
async def list_runs(caller: Reader, cursor: Cursor = None, limit: Limit = 50) -> Page[Run]:
    """All runs, by id."""
    found = await caller.api.gateway.queries.runs_page(caller.tenant, after(cursor), limit + 1)
    return page(found, [run.run for run in found], limit)


@router.get("/tenants/{tenant}/runs/{run}")
async def read_run(caller: Reader, run: RunId) -> Run:
    """Where the run stands."""
    return await caller.api.gateway.queries.run(caller.tenant, run)


@router.get("/tenants/{tenant}/runs/{run}/batches")
async def read_batches(caller: Reader, run: RunId) -> Page[BatchView]:
    """A row a client, largest amount first: progress, code and text of whatever holds it."""
    return Page(items=await caller.api.gateway.queries.batches(caller.tenant, run))


@router.get("/tenants/{tenant}/runs/{run}/plans")
async def read_plans(caller: Reader, run: RunId) -> Page[dict[str, Any]]:
    """What applying would do, operation by operation, with the hash that is approved."""
    return Page(items=await caller.api.gateway.queries.plans(caller.tenant, run))


@router.get("/tenants/{tenant}/runs/{run}/items")
async def read_proposals(caller: Reader, run: RunId) -> dict[str, str]:
    """Items that the run would make: product key and name."""
    return await caller.api.gateway.queries.proposals(caller.tenant, run)


@router.get("/tenants/{tenant}/runs/{run}/statement", tags=["statements"])
async def read_statement(caller: Reader, run: RunId) -> Statement:
    """Where every cent of the document went. `unexplained` is null until all came to an end."""
    return await caller.api.gateway.queries.statement(caller.tenant, run)


@router.post("/tenants/{tenant}/runs/{run}/again", status_code=HTTPStatus.ACCEPTED)
async def plan_again(caller: Runner, run: RunId, asked: Selection | None = None) -> Commanded:
    """Plan again under today's settings, from the stored pages: no call to the source.

    With a selection the plan covers what it names; the rest is held `not-selected`.
    """
    await caller.api.gateway.queries.run(caller.tenant, run)
    chosen = asked or WHOLE
    await caller.audit("run-again", about=run, after=chosen.model_dump())
    person = caller.principal.person
    await caller.api.gateway.runs.again(caller.tenant, run, selection=chosen, planned_by=person)
    return Commanded(run=run)


@router.post("/tenants/{tenant}/runs/{run}/retry", status_code=HTTPStatus.ACCEPTED)
async def retry_run(caller: Runner, run: RunId) -> Commanded:
    """Try again what could not be done: a document that was never read whole is read in a new
    run (its id is in the answer), any other run is planned again. Nothing is posted by this.

    Jobs that have failed are tried again one by one: `GET …/waiting` names them.
    """
    runs = caller.api.gateway.runs
    found = await caller.api.gateway.queries.run(caller.tenant, run)
    before = {"stage": found.stage.value, "problem": found.problem}
    await caller.audit("run-retried", about=run, before=before)
    if found.stage is not Stage.ENDED or found.problem is None or found.rows_read:
        person = caller.principal.person
        await runs.again(caller.tenant, run, selection=None, planned_by=person)
        return Commanded(run=run)
    new = await runs.start(
        caller.tenant,
        found.source,
        found.document,
        approve_items=found.approve_items,
        automatic=found.automatic,
        canary=found.canary,
        planned_by=caller.principal.person,
    )
    return Commanded(run=new)


@router.post("/tenants/{tenant}/runs/{run}/approve-items", status_code=HTTPStatus.ACCEPTED)
async def approve_items(caller: Approver, run: RunId) -> Commanded:
    """Have the proposed items made at the destination."""
    await caller.api.gateway.queries.run(caller.tenant, run)
    await caller.audit("items-approved", about=run)
    await caller.api.gateway.runs.approve_items(caller.tenant, run)
    return Commanded(run=run)


@router.post("/tenants/{tenant}/runs/{run}/apply", status_code=HTTPStatus.ACCEPTED)
async def apply_run(caller: Approver, run: RunId, asked: Approving) -> Commanded:
    """Have the planned batches posted, all or those named: the canary first.

    Above the tenant's limit it takes two people: `waits` counts what this was the first word for.
    """
    before = await caller.api.gateway.queries.run(caller.tenant, run)
    first = sorted({one.by for one in before.first_approvals.values()})
    told = {**asked.model_dump(), "person": caller.principal.person}
    await caller.audit("run-approved", about=run, before={"approved_first": first}, after=told)
    said = await caller.api.gateway.runs.approve_as(
        caller.tenant,
        run,
        Approval(by=caller.principal.person, only=asked.only, canary=asked.canary, seen=asked.seen),
    )
    return Commanded(run=run, count=said.sent, waits=said.waits)


@router.post("/tenants/{tenant}/runs/{run}/undo", status_code=HTTPStatus.ACCEPTED)
async def undo_run(caller: Approver, run: RunId, asked: Chosen) -> Commanded:
    """Have posted batches taken back, as far as the destination allows."""
    await caller.api.gateway.queries.run(caller.tenant, run)
    await caller.audit("run-undone", about=run, after=asked.model_dump())
    revision, plans = await caller.api.gateway.runs.undo(caller.tenant, run, asked.only)
    return Commanded(run=run, revision=revision, count=len(plans), plans=plans)
