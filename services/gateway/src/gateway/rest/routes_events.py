"""A tenant's billing events: by the page, or as they happen."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse

from chassis.errors import PermanentError
from gateway.domain.access import Scope
from gateway.event_log import KeptEvent, key_of
from gateway.rest import paging
from gateway.rest.api import Reader, standing
from gateway.rest.paging import Cursor, Limit, Page, page

router = APIRouter(tags=["events"])

Position = Annotated[
    str, Header(pattern="^[0-9]{0,12}$", description="The `id` of the last event that was taken.")
]
After = Annotated[int, Query(ge=0, lt=10**12, description="Only events after this position.")]
_STREAM = "text/event-stream"
_SEND_S = 30.0  # a reader that takes nothing for so long is gone


class EventRow(BaseModel):
    """One event, and where it stands in the tenant's log. Positions are consecutive."""

    position: int
    at: datetime = Field(description="When it was taken into the log")
    event: dict[str, Any] = Field(description="A CloudEvent: docs/events.md has every type")


@router.get(
    "/tenants/{tenant}/events",
    response_model=Page[EventRow],
    responses={200: {"content": {_STREAM: {"schema": {"type": "string"}}}}},
)
async def read_events(
    caller: Reader,
    request: Request,
    cursor: Cursor = None,
    limit: Limit = 50,
    after: After = 0,
    last_event_id: Position = "",
) -> Page[EventRow] | Response:
    """The events of the last 30 days in their order, a page at a time.

    With `Accept: text/event-stream` they come as server-sent events, and then those that happen:
    all of them without `Last-Event-ID` or `after`, else those that follow it.
    """
    if _STREAM in request.headers.get("Accept", ""):
        return await _streamed(caller, request, int(last_event_id or after))
    start = _position(paging.after(cursor)) if cursor else after
    found = await caller.api.gateway.log.page(caller.tenant, start, limit + 1)
    return page([_shown(kept) for kept in found], [key_of(kept.position) for kept in found], limit)


async def _streamed(caller: Reader, request: Request, after: int) -> Response:
    """Whoever has seen more than there is has seen another log: waiting would be for ever."""
    if after > await caller.api.gateway.log.last(caller.tenant):
        raise PermanentError("cursor-unknown", f"there is no event {after}")
    live = caller.api.live
    live.check(caller.tenant)

    async def may_read() -> bool:
        """Not once the key or session is revoked, has expired, or has lost its role."""
        try:
            return (await standing(request)).may(Scope.READ, caller.tenant)
        except PermanentError:
            return False

    stream = live.stream(caller.tenant, after, may_read)
    return EventSourceResponse(stream, ping=0, sep="\n", send_timeout=_SEND_S)


def _position(key: str) -> int:
    if not (key.isascii() and key.isdigit()):
        raise PermanentError("cursor-unknown", "this is no cursor of an earlier page")
    return int(key)


def _shown(kept: KeptEvent) -> EventRow:
    return EventRow(position=kept.position, at=kept.at, event=json.loads(kept.event))
