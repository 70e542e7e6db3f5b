"""Ready to invoice: the list with its filters, and one write that has all of it posted."""

from __future__ import annotations

from decimal import Decimal
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.domain.approval import Approval
from gateway.ready import Filter, GeneratedRun, ReadyRow, ReadyState, Sum, seen_of, sums_of
from gateway.rest.api import Approver, Reader
from gateway.rest.paging import Cursor, Limit, Page, page_of
from gateway.rest.writing import WriteRoute, etag, expected

router = APIRouter(route_class=WriteRoute, tags=["ready"])

_AMOUNT = r"^[0-9]{1,12}(\.[0-9]{1,4})?$"


class Wanted(BaseModel):
    """Filters of the list; what is not set lets everything through but what is held."""

    model_config = ConfigDict(extra="forbid")

    client: int | None = Field(default=None, ge=0, le=2**53)
    source: str | None = Field(default=None, pattern=r"^[a-z0-9-]{1,32}$")
    state: ReadyState | None = None
    min_amount: str | None = Field(
        default=None, pattern=_AMOUNT, description="Of the price, in the row's own currency."
    )
    search: str = Field(default="", max_length=200)

    def as_filter(self) -> Filter:
        """What the list is made by."""
        least = Decimal(self.min_amount) if self.min_amount is not None else None
        fields = self.model_dump(include={"client", "source", "state", "search"})
        return Filter(**fields, min_amount=least)


class Generating(Wanted):
    """All that these filters show is approved and applied; `canary`: so many first, read back."""

    canary: int | None = Field(default=None, ge=0, le=100)


class ReadyPage(Page[ReadyRow]):
    """`sums` by currency are of all rows that the filters show, on whatever page."""

    count: int
    sums: dict[str, Sum]


class Generated(BaseModel):
    """What became of each run. `waits`: plans that another person has to approve, too."""

    sent: int
    waits: int
    runs: list[GeneratedRun]


def _wanted(
    client: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    source: Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,32}$")] = None,
    state: Annotated[ReadyState | None, Query()] = None,
    min_amount: Annotated[str | None, Query(pattern=_AMOUNT)] = None,
    search: Annotated[str, Query(max_length=200)] = "",
) -> Filter:
    asked = Wanted(client=client, source=source, state=state, min_amount=min_amount, search=search)
    return asked.as_filter()


@router.get("/tenants/{tenant}/ready")
async def list_ready(
    caller: Reader,
    answer: Response,
    wanted: Annotated[Filter, Depends(_wanted)],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> ReadyPage:
    """Planned and not applied, largest amount first. Its ETag stands for exactly these plans."""
    rows = await caller.api.gateway.ready.rows(caller.tenant, wanted)
    answer.headers["ETag"] = etag(seen_of(rows))
    found = page_of(rows, lambda row: f"{row.run} {row.batch}", cursor, limit)
    return ReadyPage(items=found.items, next=found.next, count=len(rows), sums=sums_of(rows))


@router.post("/tenants/{tenant}/ready/generate", status_code=HTTPStatus.ACCEPTED)
async def generate_all(
    caller: Approver,
    asked: Generating,
    if_match: Annotated[str | None, Header(description="The ETag of the list.")] = None,
) -> Generated:
    """Have every invoice of the list made: it is approved and applied, canary first.

    Nothing is done when the filters show anything else than what was seen.
    """
    seen = expected(if_match)
    person = caller.principal.person
    told = {**asked.model_dump(exclude_unset=True), "seen": seen, "person": person}
    await caller.audit("ready-generated", after=told)
    approval = Approval(by=person, canary=asked.canary)
    ready = caller.api.gateway.ready
    done = await ready.generate(caller.tenant, asked.as_filter(), seen, approval)
    return Generated(
        sent=sum(one.sent for one in done), waits=sum(one.waits for one in done), runs=done
    )
