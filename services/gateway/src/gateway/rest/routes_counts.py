"""Counts and schedules: a sync, its results, what is held, links to recurring invoices."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.count_queries import CountsView
from gateway.counts import HUNTRESS
from gateway.domain.syncs import Accepted, Links, Sync
from gateway.rest.api import Approver, Reader, Runner
from gateway.rest.paging import Page
from gateway.rest.writing import WriteRoute
from gateway.schedules import Occurrence
from schemas.count_settings import Schedule
from schemas.counts import CountLink, CountRow

router = APIRouter(route_class=WriteRoute)

Hashes = Annotated[list[Annotated[str, Field(max_length=128)]], Field(max_length=10_000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Asked(_Body):
    """A sync: of today, in the mode of the settings, unless it says otherwise."""

    mode: Literal["detailed", "quick"] | None = None
    day: str | None = Field(default=None, pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")


class Letting(_Body):
    """A held count that is let through: this very value, and no other."""

    organization: str = Field(max_length=200)
    product: str = Field(max_length=64)
    count: int = Field(ge=0)


class Linking(_Body):
    """Changes to apply, by the hashes of the plan; none plans."""

    hashes: Hashes = []


class Commanded(BaseModel):
    """The revision that the answer will carry."""

    revision: int


class SyncShown(BaseModel):
    """A sync, and a row for each of its counts; none before its end."""

    sync: Sync
    items: list[CountRow]


class LinksShown(BaseModel):
    """The newest plan of links, or what applying it has done; null before the first."""

    answer: Links | None
    items: list[CountLink]


class Due(BaseModel):
    """What runs by itself, as the settings say, and what was due last; `now` is the gateway's."""

    now: AwareDatetime
    schedules: dict[str, Schedule]
    last: list[Occurrence]


@router.post("/tenants/{tenant}/counts/sync", status_code=HTTPStatus.ACCEPTED, tags=["counts"])
async def sync_counts(caller: Approver, asked: Asked) -> Sync:
    """Read the counts and write what changed; `GET …/counts` has the results."""
    await caller.audit("counts-synced", after=asked.model_dump())
    return await caller.api.gateway.counts.sync_counts(caller.tenant, asked.mode, asked.day)


@router.get("/tenants/{tenant}/counts", tags=["counts"])
async def read_counts(caller: Reader) -> CountsView:
    """The newest sync, and the results by organisation and product of the newest that ended."""
    return await caller.api.gateway.count_queries.view(caller.tenant, HUNTRESS)


@router.get("/tenants/{tenant}/counts/syncs/{run}", tags=["counts"])
async def read_sync(caller: Reader, run: Annotated[str, Path(max_length=128)]) -> SyncShown:
    """One sync: where it stands, and its results once it has ended."""
    queries = caller.api.gateway.count_queries
    sync = await queries.sync(caller.tenant, run)
    return SyncShown(sync=sync, items=list(await queries.rows(caller.tenant, sync)))


@router.get("/tenants/{tenant}/counts/held", tags=["counts"])
async def read_held(caller: Reader) -> Page[CountRow]:
    """Rows that wait for a person, with the reason."""
    return Page(items=await caller.api.gateway.count_queries.held(caller.tenant, HUNTRESS))


@router.get("/tenants/{tenant}/counts/history", tags=["counts"])
async def read_history(
    caller: Reader, days: Annotated[int, Query(ge=1, le=400)] = 31
) -> dict[str, dict[str, dict[str, int]]]:
    """By organisation, product and day, what was counted."""
    told: dict[str, dict[str, dict[str, int]]] = {}
    queries = caller.api.gateway.count_queries
    found = await queries.history(caller.tenant, HUNTRESS, days)
    for (organization, product), by_day in found.items():
        told.setdefault(organization, {})[product] = dict(by_day)
    return told


@router.post("/tenants/{tenant}/counts/accepted", tags=["counts"])
async def accept_count(caller: Approver, asked: Letting) -> Accepted:
    """Let a held value through, from the next sync on."""
    told = asked.model_dump()
    counts = caller.api.gateway.counts
    accepted = await counts.accept_count(
        caller.tenant, asked.organization, asked.product, asked.count
    )
    await caller.audit("count-accepted", about=asked.organization, after=told)
    return accepted


@router.get("/tenants/{tenant}/counts/links", tags=["counts"])
async def read_links(caller: Reader) -> LinksShown:
    """Recurring invoice lines that take their quantity from a licence, as planned or applied."""
    answer, links = await caller.api.gateway.count_queries.links(caller.tenant, HUNTRESS)
    return LinksShown(answer=answer, items=links)


@router.post("/tenants/{tenant}/counts/links", status_code=HTTPStatus.ACCEPTED, tags=["counts"])
async def link_counts(caller: Approver, asked: Linking) -> Commanded:
    """Plan the links, or apply those whose hash is named."""
    await caller.audit("counts-linked", after={"hashes": asked.hashes})
    revision = await caller.api.gateway.counts.link_counts(caller.tenant, asked.hashes)
    return Commanded(revision=revision)


@router.get("/tenants/{tenant}/schedules", tags=["schedules"])
async def read_schedules(caller: Reader) -> Due:
    """What runs by itself. It is changed with the settings: `PATCH …/settings`, `schedule`."""
    gateway = caller.api.gateway
    settings = await gateway.queries.settings(caller.tenant)
    last = await gateway.schedules.occurrences(caller.tenant)
    found = {str(k): v for k, v in settings.schedule.items()}
    return Due(now=caller.api.clock.now(), schedules=found, last=last[-50:])


@router.post("/tenants/{tenant}/drafts/read", status_code=HTTPStatus.ACCEPTED, tags=["runs"])
async def read_drafts(
    caller: Runner, month_offset: Annotated[int, Query(ge=0, le=1)] = 1
) -> Commanded:
    """Ask Pax8 for its draft items: the forecast before the invoice."""
    await caller.audit("drafts-read", after={"month_offset": month_offset})
    runs = caller.api.gateway.runs
    return Commanded(revision=await runs.read_drafts(caller.tenant, "pax8", month_offset))
